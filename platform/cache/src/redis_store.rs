//! Values and limits in Redis.
//!
//! All names begin with the prefix. `v:` are values, each behind the 32 characters of the generation in which its load began: the last
//! change of its tag and the last change of everything. `t:` are the tags' last changes and `e` is everyone's: random words, and none is
//! written as hyphens. A value whose generation is not the present one is not read. So a load that began before a change and is stored
//! after it is never seen, and nothing has to be found and deleted. Changes are forgotten after [`MAX_TTL`], when no value is left
//! that could be older. `r:` says that a caller refreshes a value, and `b:` are buckets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::Script;

use crate::Error;
use crate::buckets::Decision;
use crate::cache::{DUE, Lookup, MAX_TTL};
use crate::link::{Link, Unavailable};

/// Characters of a generation: two words.
const GENERATION: usize = 32;

/// A Redis that processes share.
pub(crate) struct RedisStore {
    link: Arc<Link>,
    prefix: String,
    read: Script,
    limit: Script,
}

/// A word that no one has used before, of half a generation's length.
pub(crate) fn word() -> String {
    format!("{:016x}", rand::random::<u64>())
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As a time that Redis accepts.
pub(crate) const MAX_TTL_MS: u64 = MAX_TTL.as_secs() * 1000;

impl RedisStore {
    pub(crate) fn new(url: &str, prefix: &str, timeout: Duration) -> Result<Self, Error> {
        Ok(Self {
            link: Arc::new(Link::new(url, prefix, timeout)?),
            prefix: prefix.to_owned(),
            read: Script::new(include_str!("read.lua")),
            limit: Script::new(include_str!("limit.lua")),
        })
    }

    pub(crate) fn server(&self) -> &str {
        self.link.server()
    }

    pub(crate) async fn ready(&self) -> Result<(), Error> {
        self.link.ready().await
    }

    fn key(&self, kind: &str, name: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), b":", kind.as_bytes(), b":", name].concat()
    }

    pub(crate) async fn read(&self, name: &[u8], tag: &str, ttl: Duration) -> Result<Lookup, Unavailable> {
        let mut call = self.read.key(self.key("v", name));
        call.key(self.key("t", tag.as_bytes())).key(self.link.everything()).key(self.key("r", name));
        call.arg(ms(ttl / DUE).max(1));
        let asked = self.link.ask(|mut to| async move { call.invoke_async(&mut to).await });
        let (generation, held, refreshes): (Vec<u8>, Option<Vec<u8>>, bool) = asked.await?;
        Ok(match held {
            Some(held) if held.len() >= GENERATION => Lookup::Hit(Bytes::from(held).slice(GENERATION..)),
            _ if refreshes => Lookup::Due { generation },
            _ => Lookup::Nothing { generation },
        })
    }

    pub(crate) async fn store(
        &self,
        name: &[u8],
        generation: &[u8],
        value: &[u8],
        ttl: Duration,
    ) -> Result<(), Unavailable> {
        let ttl_ms = ms(ttl);
        if ttl_ms == 0 {
            return Ok(());
        }
        let mut set = redis::cmd("SET");
        set.arg(self.key("v", name)).arg([generation, value].concat()).arg("PX").arg(ttl_ms);
        self.link.ask(|mut to| async move { set.exec_async(&mut to).await }).await
    }

    /// What cannot be told now is told before anything is read again.
    pub(crate) async fn invalidate(&self, tags: &[String]) -> Result<(), Unavailable> {
        let mut all = redis::pipe();
        for tag in tags {
            all.cmd("SET").arg(self.key("t", tag.as_bytes())).arg(word()).arg("PX").arg(MAX_TTL_MS).ignore();
        }
        let told = self.link.ask(|mut to| async move { all.exec_async(&mut to).await }).await;
        if told.is_err() {
            self.link.note_missed_invalidation();
        }
        told
    }

    pub(crate) async fn limit(&self, key: &str, rate_per_s: u32, burst: u32) -> Result<Decision, Unavailable> {
        let mut call = self.limit.key(self.key("b", key.as_bytes()));
        call.arg(rate_per_s).arg(burst);
        let asked = self.link.ask(|mut to| async move { call.invoke_async(&mut to).await });
        let (allowed, wait_us, remaining): (bool, u64, u32) = asked.await?;
        Ok(Decision { allowed, retry_after: Duration::from_micros(wait_us), remaining })
    }
}
