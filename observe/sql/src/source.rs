//! Which rows a statement reads: what a worker asks for, and what the engine gives.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use vitrine_observe_store::model::{Table, TraceId};
use vitrine_observe_store::series::Budget;
use vitrine_observe_store::{Batches, MapEntry, QueryError, Scan, Scans, Series, Services, Tenant, TextCondition};

use crate::SqlError;
use crate::promql::Query;
use crate::summaries::Summary;

/// What statements ask of whatever keeps telemetry.
pub trait Telemetry: Scans + Services + Series {}

impl<T: Scans + Services + Series> Telemetry for T {}

/// Rows of whose telemetry a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// Rows of a table; the fields are those of [`Scan`].
    Rows {
        /// The table, by name.
        table: String,
        columns: Option<Vec<usize>>,
        time_ns: Option<(u64, u64)>,
        trace: Option<[u8; 16]>,
        services: Option<Vec<String>>,
        names: Option<Vec<String>>,
        /// Map, key and value of each.
        entries: Vec<(String, String, String)>,
        texts: Vec<TextCondition>,
    },
    /// What the engine counts of spans that started in a time: from its first nanosecond to before its last.
    Summary { summary: Summary, columns: Vec<usize>, time_ns: (u64, u64) },
    /// What an expression of PromQL says.
    Promql { query: Query, columns: Vec<usize> },
}

impl Source {
    /// Rows of a table.
    pub(crate) fn rows(table: Table, scan: Scan) -> Self {
        let Scan { columns, time_ns, trace, services, names, entries, texts } = scan;
        let (table, trace) = (table.name().to_owned(), trace.map(|id| id.0));
        let entries = entries.into_iter().map(|entry| (entry.map, entry.key, entry.value)).collect();
        Self::Rows { table, columns, time_ns, trace, services, names, entries, texts }
    }

    /// Begins reading. It blocks, as do the batches.
    fn open(self, engine: &dyn Telemetry, tenant: &Tenant, budget: &Arc<Budget>) -> Result<Batches, SqlError> {
        match self {
            Self::Rows { table, columns, time_ns, trace, services, names, entries, texts } => {
                let known = Table::ALL.into_iter().find(|known| known.name() == table);
                let table = known.ok_or_else(|| QueryError::Disk(format!("there is no table {table:?}")))?;
                let entries = entries.into_iter().map(|(map, key, value)| MapEntry { map, key, value }).collect();
                let trace = trace.map(TraceId);
                Ok(engine.scan(tenant, table, &Scan { columns, time_ns, trace, services, names, entries, texts })?)
            }
            Self::Summary { summary, columns, time_ns } => {
                let batch = summary.batch(engine, tenant, time_ns)?;
                let batch = batch.project(&columns).map_err(|error| QueryError::Disk(error.to_string()));
                Ok(Box::new(std::iter::once(batch)))
            }
            Self::Promql { query, columns } => query.batches(columns, engine, tenant, budget),
        }
    }
}

/// The rows of a source as parts of an Arrow IPC stream, one for each batch.
pub(crate) struct Parts {
    batches: Batches,
    /// There from the first batch on.
    writer: Option<StreamWriter<Vec<u8>>>,
}

impl Parts {
    /// Begins reading; blocks.
    pub(crate) fn open(
        source: Source,
        engine: &dyn Telemetry,
        tenant: &Tenant,
        budget: &Arc<Budget>,
    ) -> Result<Self, SqlError> {
        Ok(Self { batches: source.open(engine, tenant, budget)?, writer: None })
    }

    /// The next part; none at the end. It blocks.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
        self.encode(&batch).map(Some).map_err(|error| SqlError::Failed(format!("rows cannot be handed on: {error}")))
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, arrow_schema::ArrowError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(StreamWriter::try_new(Vec::new(), &batch.schema())?),
        };
        writer.write(batch)?;
        Ok(std::mem::take(writer.get_mut()))
    }
}
