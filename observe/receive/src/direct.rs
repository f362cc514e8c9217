//! Telemetry of this very process, without a connection.

use std::sync::Arc;

use bytes::Bytes;
use tonic::Status;
use vitrine_observe_store::{Ingest, Signal, Tenant};

use crate::error::Error;

/// OTLP for exporters of this process: no token is asked for, and no memory accounted, for their batches are small and few.
#[derive(Clone)]
pub struct Receiver {
    engine: Arc<dyn Ingest>,
    tenant: Tenant,
}

impl Receiver {
    /// A receiver that fills this engine for the default tenant.
    pub fn new(engine: Arc<dyn Ingest>) -> Self {
        Self { engine, tenant: Tenant::default() }
    }

    /// Takes an encoded request of OTLP; durable when it returns. What of it was refused is left out.
    ///
    /// # Errors
    ///
    /// As OTLP over gRPC has it, where nothing of it was taken.
    pub async fn receive(&self, signal: Signal, request: Bytes) -> Result<(), Status> {
        let outcome = self.engine.write(&self.tenant, signal, request).await;
        outcome.map(drop).map_err(|error| Error::Write(error).grpc())
    }
}
