//! Streams of events that are open, and their addresses.
//!
//! A browser's `EventSource` sends no headers, so where tokens are needed the stream's address holds a code of its own: when it ends, and a hash over
//! that which only this process can make. It opens a stream and nothing else.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::access::Access;
use crate::differences::Differences;

/// Where streams are.
pub(crate) const PATH: &str = "/ofrep/v1/events";
/// Most streams at a time.
pub(crate) const MAX_STREAMS: usize = 10_000;
/// How long the address of a stream can be opened, in seconds.
const ADDRESS_S: u64 = 600;
/// Bytes of chance in the key of the addresses' codes.
const KEY_BYTES: usize = 32;

/// The streams of a process.
#[derive(Debug)]
pub(crate) struct Streams {
    key: [u8; KEY_BYTES],
    room: Arc<Semaphore>,
    pub(crate) differences: Differences,
}

impl Default for Streams {
    fn default() -> Self {
        Self { key: rand::random(), room: Arc::new(Semaphore::new(MAX_STREAMS)), differences: Differences::default() }
    }
}

impl Streams {
    /// The address of a stream for a client that may evaluate.
    pub(crate) fn address(&self, access: &Access, now_s: u64) -> String {
        if access.is_open() {
            return PATH.to_owned();
        }
        let until = now_s + ADDRESS_S;
        format!("{PATH}?until={until}&code={}", hex::encode(self.code(until).finalize().into_bytes()))
    }

    fn code(&self, until: u64) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key may have any length");
        code.update(&until.to_be_bytes());
        code
    }

    /// Room for one stream more; none if all are open.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Whether an address may be opened at this time.
    pub(crate) fn may_open(&self, address: &Address, now_s: u64) -> bool {
        let (Some(until), Some(code)) = (address.until, &address.code) else { return false };
        let code = hex::decode(code).unwrap_or_default();
        now_s <= until && self.code(until).verify_slice(&code).is_ok()
    }
}

/// What the address of a stream says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Address {
    until: Option<u64>,
    pub(crate) code: Option<String>,
}
