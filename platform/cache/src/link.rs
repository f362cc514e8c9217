//! The connection to Redis: there, or gone for a while.
//!
//! A question that fails or is not answered in time makes Redis count as gone: it is not asked again, and a task looks every [`REST`]
//! whether it is back. So a Redis that hangs costs each request its timeout at most once, and most requests nothing.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, RedisError, RedisResult};
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::redis_store::{MAX_TTL_MS, word};

/// How long a start waits for Redis.
pub const START_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a Redis that failed is left alone before a caller looks again.
pub const REST: Duration = Duration::from_millis(500);
/// How long that look may take. No request waits for it.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long what a look writes stays, in milliseconds.
const PROBE_TTL_MS: u64 = 1000;

/// Why there was no answer: Redis is gone.
pub(crate) struct Unavailable {
    /// Whether it was asked, and did not answer; else it was known to be gone.
    pub(crate) asked: bool,
}

pub(crate) struct Link {
    client: Client,
    server: String,
    timeout: Duration,
    prefix: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None while Redis is gone.
    connection: Option<MultiplexedConnection>,
    /// Which connection this is: one that broke earlier says nothing about a later one.
    number: u64,
    /// Redis missed a change: before it is read again, everything has to change.
    owes: bool,
}

fn config() -> AsyncConnectionConfig {
    // Every use has a time of its own.
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

fn is_refusal(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || error.code().is_some_and(|code| matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM"))
}

impl Link {
    pub(crate) fn new(url: &str, prefix: &str, timeout: Duration) -> Result<Self, Error> {
        // The address is not repeated in errors: there may be a password in it.
        let expected = "redis://[USER:PASSWORD@]HOST:PORT[/DB]";
        let client = Client::open(url).map_err(|_| Error::Setting { setting: "cache.url", expected })?;
        let ConnectionAddr::Tcp(host, port) = client.get_connection_info().addr() else {
            return Err(Error::Setting { setting: "cache.url", expected });
        };
        let server = format!("{host}:{port}");
        Ok(Self { server, timeout, prefix: prefix.to_owned(), state: Mutex::default(), client })
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The name of everyone's last change.
    pub(crate) fn everything(&self) -> String {
        format!("{}:e", self.prefix)
    }

    /// A connection that can be written to.
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config()).await?;
        let mut write = redis::cmd("SET");
        write.arg(format!("{}:probe", self.prefix)).arg("").arg("PX").arg(PROBE_TTL_MS);
        write.exec_async(&mut connection).await?;
        Ok(connection)
    }

    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let server = self.server.clone();
        match timeout(START_TIMEOUT, self.connect()).await {
            Ok(Ok(connection)) => {
                let mut state = self.state.lock();
                state.connection = Some(connection);
                state.number += 1;
                Ok(())
            }
            Ok(Err(e)) if is_refusal(&e) => Err(Error::Refused { server, reason: e.to_string() }),
            Ok(Err(e)) => Err(Error::Unreachable { server, reason: e.to_string() }),
            Err(_) => Err(Error::Unreachable { server, reason: format!("no answer within {START_TIMEOUT:?}") }),
        }
    }

    /// Asks, unless Redis is gone.
    pub(crate) async fn ask<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Unavailable>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (connection, number) = {
            let state = self.state.lock();
            (state.connection.clone().ok_or(Unavailable { asked: false })?, state.number)
        };
        let reason = match timeout(self.timeout, work(connection)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(e)) => e.to_string(),
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        let lost = {
            let mut state = self.state.lock();
            if state.number == number { state.connection.take() } else { None }
        };
        if lost.is_some() {
            self.watch_recovery(&reason);
        }
        Err(Unavailable { asked: true })
    }

    /// Notes that Redis was not told of a change.
    pub(crate) fn note_missed_invalidation(self: &Arc<Self>) {
        let lost = {
            let mut state = self.state.lock();
            state.owes = true;
            state.connection.take()
        };
        // It came back between the question and this note: it goes again, and comes back when it knows.
        if lost.is_some() {
            self.watch_recovery("it missed a change");
        }
    }

    /// Waits beside all requests until Redis is back. A caller that took the connection away calls this, so there is
    /// one who waits.
    fn watch_recovery(self: &Arc<Self>, reason: &str) {
        tracing::warn!(server = self.server, reason, "the shared cache is gone: going on without it");
        let link = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                sleep(REST).await;
                let Some(link) = link.upgrade() else { return };
                if link.probe().await {
                    return;
                }
            }
        });
    }

    /// Returns whether Redis is back.
    async fn probe(&self) -> bool {
        let Ok(Ok(connection)) = timeout(PROBE_TIMEOUT, self.connect()).await else { return false };
        loop {
            {
                let mut state = self.state.lock();
                if !state.owes {
                    state.connection = Some(connection);
                    state.number += 1;
                    break;
                }
                state.owes = false;
            }
            let mut change = redis::cmd("SET");
            change.arg(self.everything()).arg(word()).arg("PX").arg(MAX_TTL_MS);
            let mut to = connection.clone();
            if !matches!(timeout(PROBE_TIMEOUT, change.exec_async(&mut to)).await, Ok(Ok(()))) {
                self.state.lock().owes = true;
                return false;
            }
        }
        tracing::info!(server = self.server, "the shared cache is back");
        true
    }
}
