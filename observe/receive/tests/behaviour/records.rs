//! What reaches the engine, as log records.

use std::sync::Arc;

use axum::Router;
use tempfile::TempDir;
use vitrine_observe_receive::{
    Access, ELASTIC_VERSION, Ingest, Intake, elastic_intake_router, journal_router, log_lines_router, loki_push_router,
};
use vitrine_observe_search::Definitions;
use vitrine_observe_store::Signal;
use vitrine_observe_store::model::{Builder, LogRow, Value};

use crate::common::Recorder;

/// When requests come to the engine that remembers them, in nanoseconds since 1970.
pub const ARRIVAL_NS: u64 = 1_800_000_000_000_000_000;

/// All ways in for log records, and the folder of what is defined.
pub fn open(engine: Arc<dyn Ingest>) -> (TempDir, Router) {
    with_access(engine, Access::open())
}

/// The same for those who may.
pub fn with_access(engine: Arc<dyn Ingest>, access: Access) -> (TempDir, Router) {
    let folder = tempfile::tempdir().expect("a folder");
    let router = router(&Intake::new(engine, access), folder.path());
    (folder, router)
}

/// The same over an intake, with definitions that may be there already.
pub fn router(intake: &Intake, definitions: &std::path::Path) -> Router {
    let definitions = Arc::new(Definitions::open(definitions).expect("definitions"));
    loki_push_router(intake)
        .merge(journal_router(intake))
        .merge(log_lines_router(intake))
        .nest("/elastic/", elastic_intake_router(intake, definitions, ELASTIC_VERSION))
}

/// The records of all requests that came, in the order in which they came.
pub fn rows(engine: &Recorder) -> Vec<LogRow> {
    let mut table = Builder::new(Signal::Logs);
    for (_, signal, request) in engine.seen.lock().iter() {
        assert_eq!(*signal, Signal::Logs);
        table.append(request, ARRIVAL_NS).expect("sound protobuf");
    }
    (0..table.columns().rows).map(|row| LogRow::from_columns(table.columns(), row)).collect()
}

/// A record's attribute.
pub fn attribute(row: &LogRow, key: &str) -> Option<Value> {
    row.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.value.clone())
}
