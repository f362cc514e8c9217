//! Which clients are connected: by protocol, SDK, token and address, with what each was told last.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use axum::extract::Request;
use http::{HeaderMap, header};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::flag_store::InForce;

/// Most clients that are listed. Of more, those go that were not seen for the longest time and have no stream.
const MAX_CLIENTS: usize = 1_000;
/// Longest name of an SDK or a provider that is kept, in characters.
const MAX_NAME_CHARS: usize = 100;

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Ofrep,
    EvaluationV1,
    EvaluationV2,
    Connect,
    Sync,
}

impl Protocol {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Ofrep, Self::EvaluationV1, Self::EvaluationV2, Self::Connect, Self::Sync];

    /// That of a request; none if it is not an evaluating client's.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let content_type = request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes());
        let is_grpc = content_type.is_some_and(|value| value.starts_with(b"application/grpc"));
        let service = path.split('/').nth(1)?;
        Some(match service {
            "ofrep" => Self::Ofrep,
            "flagd.sync.v1.FlagSyncService" => Self::Sync,
            "flagd.evaluation.v1.Service" | "flagd.evaluation.v2.Service" | "schema.v1.Service" if !is_grpc => {
                Self::Connect
            }
            "flagd.evaluation.v1.Service" | "schema.v1.Service" => Self::EvaluationV1,
            "flagd.evaluation.v2.Service" => Self::EvaluationV2,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ofrep => "ofrep",
            Self::EvaluationV1 => "flagd.evaluation.v1",
            Self::EvaluationV2 => "flagd.evaluation.v2",
            Self::Connect => "connect",
            Self::Sync => "flagd.sync.v1",
        }
    }
}

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    protocol: Protocol,
    sdk: String,
    token: String,
    address: Option<IpAddr>,
}

/// A client. It is shared by the list and by its streams.
#[derive(Debug)]
pub(crate) struct Client {
    identity: Identity,
    first_seen_ms: i64,
    seen_ms: AtomicI64,
    /// The revision that it was answered from, or told of.
    revision: AtomicU64,
    streams: AtomicU32,
    /// What it calls itself, over sync.
    provider: Mutex<String>,
}

/// A client as operators are told of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientBody {
    pub(crate) protocol: &'static str,
    /// Its `User-Agent`.
    pub(crate) sdk: String,
    pub(crate) token: String,
    pub(crate) address: Option<IpAddr>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) provider: String,
    /// How it draws buckets, where it does so itself and its SDK is known.
    pub(crate) fractional: Option<&'static str>,
    pub(crate) streams: u32,
    pub(crate) revision: u64,
    /// Changes that it was not told of.
    pub(crate) behind: u64,
    pub(crate) first_seen_ms: i64,
    pub(crate) last_seen_ms: i64,
}

impl Client {
    fn note(&self, revision: u64, now_ms: i64) {
        self.revision.store(revision, Ordering::Relaxed);
        self.seen_ms.store(now_ms, Ordering::Relaxed);
    }

    fn body(&self, revision: u64) -> ClientBody {
        let Identity { protocol, sdk, token, address } = self.identity.clone();
        let told = self.revision.load(Ordering::Relaxed);
        ClientBody {
            protocol: protocol.name(),
            fractional: assumed_algorithm(protocol, &sdk),
            sdk,
            token,
            address,
            provider: self.provider.lock().clone(),
            streams: self.streams.load(Ordering::Relaxed),
            revision: told,
            behind: revision.saturating_sub(told),
            first_seen_ms: self.first_seen_ms,
            last_seen_ms: self.seen_ms.load(Ordering::Relaxed),
        }
    }
}

/// A stream of a client, as long as it is open.
#[derive(Debug)]
pub(crate) struct OpenStream {
    client: Arc<Client>,
    _permit: OwnedSemaphorePermit,
}

impl OpenStream {
    pub(crate) fn new(client: Arc<Client>, permit: OwnedSemaphorePermit) -> Self {
        client.streams.fetch_add(1, Ordering::Relaxed);
        Self { client, _permit: permit }
    }

    /// Notes what its client calls itself.
    pub(crate) fn calls_itself(&self, provider: &str) {
        *self.client.provider.lock() = shortened(provider);
    }

    /// Notes that it tells of a revision.
    pub(crate) fn note(&self, revision: u64, now_ms: i64) {
        self.client.note(revision, now_ms);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.client.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The clients of a process.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// By the hash of who they are: who has the same one is another client's double, which does not happen.
    known: Mutex<HashMap<u64, Arc<Client>>>,
    hasher: RandomState,
    /// Clients that were not listed, because the list was full of clients with streams.
    unlisted: AtomicU64,
}

impl Clients {
    /// The client of a request, which is answered from this revision.
    pub(crate) fn seen(
        &self,
        protocol: Protocol,
        headers: &HeaderMap,
        token: &str,
        address: Option<IpAddr>,
        revision: u64,
        now_ms: i64,
    ) -> Arc<Client> {
        let sdk = headers.get(header::USER_AGENT).map_or(&[][..], |value| value.as_bytes());
        let hash = self.hasher.hash_one((protocol, sdk, token, address));
        let mut known = self.known.lock();
        if let Some(client) = known.get(&hash) {
            client.note(revision, now_ms);
            return client.clone();
        }
        let sdk = shortened(&String::from_utf8_lossy(sdk));
        let client = Arc::new(Client {
            identity: Identity { protocol, sdk, token: token.to_owned(), address },
            first_seen_ms: now_ms,
            seen_ms: now_ms.into(),
            revision: revision.into(),
            streams: 0.into(),
            provider: Mutex::default(),
        });
        if known.len() < MAX_CLIENTS || make_room(&mut known) {
            known.insert(hash, client.clone());
        } else {
            self.unlisted.fetch_add(1, Ordering::Relaxed);
        }
        client
    }

    /// All that are known, the one that was seen last first.
    pub(crate) fn list(&self, revision: u64) -> Vec<ClientBody> {
        let mut all: Vec<ClientBody> = self.known.lock().values().map(|client| client.body(revision)).collect();
        all.sort_by_key(|client| std::cmp::Reverse(client.last_seen_ms));
        all
    }

    /// Clients that were not listed for want of room.
    pub(crate) fn unlisted(&self) -> u64 {
        self.unlisted.load(Ordering::Relaxed)
    }

    /// Streams that are open, by protocol.
    pub(crate) fn streams(&self) -> [(Protocol, u32); 5] {
        let known = self.known.lock();
        Protocol::ALL.map(|protocol| {
            let clients = known.values().filter(|client| client.identity.protocol == protocol);
            (protocol, clients.map(|client| client.streams.load(Ordering::Relaxed)).sum())
        })
    }
}

/// Takes away the client that was not seen for the longest time and has no stream; says whether there is one.
fn make_room(known: &mut HashMap<u64, Arc<Client>>) -> bool {
    let idle = known.iter().filter(|(_, client)| client.streams.load(Ordering::Relaxed) == 0);
    let oldest = idle.min_by_key(|(_, client)| client.seen_ms.load(Ordering::Relaxed)).map(|(hash, _)| *hash);
    oldest.is_some_and(|hash| known.remove(&hash).is_some())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}

/// How stock clients of the time draw buckets, by what their gRPC library calls itself: PyPI openfeature-flagd-core 2 as v3, npm @openfeature/flagd-core 4
/// as v2. Of others nothing is known.
fn assumed_algorithm(protocol: Protocol, sdk: &str) -> Option<&'static str> {
    if protocol != Protocol::Sync {
        return None;
    }
    let named = [("grpc-python", "v3"), ("grpc-node-js", "v2")];
    named.into_iter().find(|(name, _)| sdk.contains(name)).map(|(_, algorithm)| algorithm)
}

/// What operators are warned of: clients that put subjects into other buckets than this service does, where a rule draws buckets.
pub(crate) fn warnings(now: &InForce, clients: &[ClientBody]) -> Vec<String> {
    let draws = |rule: &str| rule.contains("\"fractional\"");
    let count = now.snapshot.flags().filter(|flag| draws(flag.projected())).count();
    let own = now.snapshot.set().algorithm().name();
    let mut told: Vec<String> = clients
        .iter()
        .filter(|client| client.streams > 0)
        .filter_map(|client| {
            let theirs = client.fractional.filter(|theirs| count > 0 && *theirs != own)?;
            Some(format!(
                "{} draws buckets as fractional {theirs}, and this service as {own}: {count} flags with fractional may have other values there",
                client.sdk
            ))
        })
        .collect();
    told.sort();
    told.dedup();
    told
}
