//! What all protocols stand on: the engine, who may write, and the memory that bodies may take.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderName, header};
use tokio::sync::Semaphore;
use vitrine_kit::clock::Clock;
use vitrine_observe_store::model::elastic::bearer;
use vitrine_observe_store::{Accepted, Access, Ingest, Right, SCOPE_HEADER, Signal, Tenant, WriteError};

use crate::body::{Encodings, read, text};
use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::response::request_name;

/// Bytes of all bodies, as they came, as they are decompressed and as they are rewritten, until the engine has them.
/// The largest body needs twice [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES) while it is decompressed or rewritten.
pub const MAX_BUFFERED_BYTES: usize = 160 << 20;
/// Bodies that are decompressed or rewritten at a time, off the async threads; others wait.
const MAX_WORKERS: usize = 4;
/// Plain bodies of at most so many bytes are rewritten where they come up: handing them to another thread would cost
/// more. A compressed body does not say how much it is.
const INLINE_BYTES: usize = 32 << 10;
/// Names whose telemetry it is.
const SCOPE: HeaderName = HeaderName::from_static(SCOPE_HEADER);

/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;

/// When something comes in, in nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    ns_of(Clock::system().now_ms())
}

/// Milliseconds since 1970 in nanoseconds.
pub(crate) fn ns_of(time_ms: i64) -> u64 {
    u64::try_from(time_ms).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
}

/// Why the engine did not take a request.
fn refused(signal: Signal, error: WriteError) -> Error {
    match error {
        WriteError::Malformed(cause) => Error::Protobuf { message: request_name(signal), cause },
        error => Error::Write(error),
    }
}

/// A secret is not cut to what errors may show.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())
}

/// Where requests of all protocols go. Clones share it.
#[derive(Clone)]
pub struct Intake {
    engine: Arc<dyn Ingest>,
    access: Access,
    budget: Budget,
    workers: Arc<Semaphore>,
}

impl Intake {
    /// Into this engine, from those who may write. Bodies hold at most [`MAX_BUFFERED_BYTES`].
    pub fn new(engine: Arc<dyn Ingest>, access: Access) -> Self {
        let (budget, workers) = (Budget::new(MAX_BUFFERED_BYTES), Arc::new(Semaphore::new(MAX_WORKERS)));
        Self { engine, access, budget, workers }
    }

    /// The same, but bodies hold at most so many bytes.
    pub fn with_buffered_bytes(self, bytes: usize) -> Self {
        Self { budget: Budget::new(bytes), ..self }
    }

    /// Whose telemetry comes, if its sender may write.
    pub(crate) fn tenant(&self, headers: &HeaderMap) -> Result<Tenant, Error> {
        self.check(headers, authorization(headers), Right::Write)
    }

    /// The memory that what comes in may take.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The same for clients of Elasticsearch and Loki, who say who they are in more forms, and may want something else.
    pub(crate) fn tenant_of(&self, headers: &HeaderMap, right: Right) -> Result<Tenant, Error> {
        self.check(headers, authorization(headers).map(bearer).as_deref(), right)
    }

    fn check(&self, headers: &HeaderMap, authorization: Option<&str>, right: Right) -> Result<Tenant, Error> {
        let scope = headers.contains_key(&SCOPE).then(|| text(headers, &SCOPE));
        Ok(self.access.check(authorization, scope.as_deref(), right)?)
    }

    /// An empty body, for what comes piece by piece.
    pub(crate) fn buffer(&self) -> Buffer {
        self.budget.buffer()
    }

    /// Reads a body to its end.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Buffer, Error> {
        read(&self.budget, headers, body).await
    }

    /// Decompresses a body whose first `skip` bytes are not part of it, and rewrites it.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        encodings: Encodings,
        body: Buffer,
        skip: usize,
        rewrite: impl FnOnce(&Budget, Buffer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let is_small = encodings.are_none() && body.bytes.len() <= INLINE_BYTES;
        let budget = self.budget.clone();
        self.run(is_small, move || rewrite(&budget, encodings.decompress(&budget, body, skip)?)).await?
    }

    /// Does what would hold up others off the async threads, unless it is small.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        is_small: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if is_small {
            return Ok(work());
        }
        let permit = self.workers.clone().acquire_owned().await.map_err(|_| Error::Stopped)?;
        // The permit moves along: the work goes on when the sender has gone.
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)
    }

    /// Hands a request in protobuf to the engine. Its bytes stay paid for until the engine has answered.
    pub(crate) async fn write(&self, tenant: &Tenant, signal: Signal, request: Buffer) -> Result<Accepted, Error> {
        let (bytes, _hold) = request.into_parts();
        self.engine.write(tenant, signal, bytes).await.map_err(|error| refused(signal, error))
    }

    /// The same for protocols that cannot tell a sender to come again: it is written as soon as there is room, and the sender waits
    /// meanwhile, because nothing more is read of it.
    pub(crate) async fn write_when_possible(
        &self,
        tenant: &Tenant,
        signal: Signal,
        request: Buffer,
    ) -> Result<Accepted, Error> {
        let (bytes, _hold) = request.into_parts();
        loop {
            match self.engine.write(tenant, signal, bytes.clone()).await {
                Err(WriteError::Busy { retry_after, .. } | WriteError::Disk { retry_after, .. }) => {
                    tokio::time::sleep(retry_after).await;
                }
                outcome => return outcome.map_err(|error| refused(signal, error)),
            }
        }
    }
}
