//! What all protocols stand on: the engine, who may write, and the memory that bodies may take.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderName, header};
use tokio::sync::Semaphore;
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
        let value = |name: &HeaderName| headers.contains_key(name).then(|| text(headers, name));
        // A secret is not cut to what errors may show.
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        Ok(self.access.check(authorization, value(&SCOPE).as_deref(), Right::Write)?)
    }

    /// Reads a body to its end.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Buffer, Error> {
        read(&self.budget, headers, body).await
    }

    /// Decompresses a body whose first `skip` bytes are not part of it, and rewrites it.
    pub(crate) async fn work(
        &self,
        encodings: Encodings,
        body: Buffer,
        skip: usize,
        rewrite: impl FnOnce(&Budget, Buffer) -> Result<Buffer, Error> + Send + 'static,
    ) -> Result<Buffer, Error> {
        let is_small = encodings.are_none() && body.bytes.len() <= INLINE_BYTES;
        let work = move |budget: &Budget| rewrite(budget, encodings.decompress(budget, body, skip)?);
        if is_small {
            return work(&self.budget);
        }
        let permit = self.workers.clone().acquire_owned().await.map_err(|_| Error::Stopped)?;
        let budget = self.budget.clone();
        // The permit moves along: the work goes on when the sender has gone.
        let work = move || {
            let _permit = permit;
            work(&budget)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
    }

    /// Hands a request in protobuf to the engine. Its bytes stay paid for until the engine has answered.
    pub(crate) async fn write(&self, tenant: &Tenant, signal: Signal, request: Buffer) -> Result<Accepted, Error> {
        let (bytes, _hold) = request.into_parts();
        self.engine.write(tenant, signal, bytes).await.map_err(|error| match error {
            WriteError::Malformed(cause) => Error::Protobuf { message: request_name(signal), cause },
            error => Error::Write(error),
        })
    }
}
