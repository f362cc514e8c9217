//! Taking what the log has, when the engine is opened.

use std::sync::Arc;

use vitrine_observe_model::Builder;
use vitrine_platform_log::Position;

use super::{Ingester, NANOS_PER_MILLI, malformed};
use crate::column_engine::memtable::Age;
use crate::column_engine::request_log::{LoggedRequest, WriteRecord};
use crate::column_engine::series::{Arrival, LoggedHead, Prepared};
use crate::column_engine::span_pass::SpanPass;
use crate::engine::WriteError;

/// Samples of a record of the log, or why there are none, and the head that expects them.
pub(crate) struct SeriesAgain {
    head: Arc<LoggedHead>,
    decoded: Result<Option<Prepared>, WriteError>,
}

/// What of a record no segment has, and no file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    pub rows: bool,
    pub series: bool,
}

impl Ingester {
    /// The head that takes the samples of a record of the log, and expects them from now on; none if its table has no series.
    pub(crate) fn expect_again(&self, position: Position, logged: &WriteRecord) -> Option<Arc<LoggedHead>> {
        let table = self.tables.get_or_create(&logged.tenant, logged.request.signal());
        let _turn = table.write();
        let head = table.series.as_ref()?.open();
        head.expect(position, self.age_again(self.arrived(logged)));
        Some(head)
    }

    /// Decodes the samples of a record of the log for the head that expects them.
    pub(crate) fn decode_again(&self, logged: &WriteRecord, head: Arc<LoggedHead>) -> SeriesAgain {
        let table = self.tables.get_or_create(&logged.tenant, logged.request.signal());
        let arrival = Arrival { ns: self.arrived(logged), was_taken: true };
        let decoded = match &table.series {
            Some(series) => self.prepare(series, head.clone(), arrival, &logged.request),
            None => Ok(None),
        };
        SeriesAgain { head, decoded }
    }

    /// When a request of the log arrived, in nanoseconds since 1970.
    fn arrived(&self, logged: &WriteRecord) -> u64 {
        logged.arrival_ns.unwrap_or_else(|| self.now_ns())
    }

    fn age_again(&self, arrival_ns: u64) -> Age {
        Age { since_ms: (arrival_ns / NANOS_PER_MILLI) as i64, passed: self.log.passed() }
    }

    /// Adds a record of the log again, when the engine is opened: as rows, or as series that were decoded.
    pub(crate) fn add_again(
        &self,
        position: Position,
        logged: WriteRecord,
        again: Again,
        decoded: Option<SeriesAgain>,
    ) -> Result<(), WriteError> {
        let arrival_ns = self.arrived(&logged);
        let WriteRecord { request, tenant, .. } = logged;
        // It was taken once, whatever the limit of tenants is now.
        let table = self.tables.get_or_create(&tenant, request.signal());
        let age = self.age_again(arrival_ns);
        let writing = table.write();
        let mut is_full = false;
        if let (Some(SeriesAgain { head, decoded }), Some(series)) = (decoded, &table.series) {
            let nothing = || head.head().batch();
            match decoded {
                Ok(Some(Prepared { batch, .. })) => head.resolve(&batch, Some(position), &series.counters),
                Ok(None) => head.resolve(&nothing(), None, &series.counters),
                Err(error) => {
                    head.resolve(&nothing(), None, &series.counters);
                    return Err(error);
                }
            };
            series.account();
            if self.is_series_full(&table) {
                writing.freeze_series();
                is_full = true;
            }
        }
        if !again.rows
            && let (Some(counts), LoggedRequest::Otlp(signal, request)) = (&table.span_counts, &request)
        {
            // A segment has the rows, but what was counted of them may not be written.
            let mut builder = Builder::new(*signal);
            builder.append(request, arrival_ns).map_err(malformed)?;
            let (columns, plan) = (builder.columns(), Some(counts.plan()));
            let block = SpanPass::default().visit(columns, builder.sizes(), 0..columns.rows, plan, age.since_ms);
            counts.count_again(block, position);
        }
        if again.rows
            && let LoggedRequest::Otlp(_, request) = &request
        {
            let memtable = writing.open();
            let mut rows = memtable.write();
            if rows.is_empty() {
                (rows.low, rows.age) = (position, age);
            }
            rows.builder.append(request, arrival_ns).map_err(malformed)?;
            let end = rows.columns().rows;
            let block = rows.commit(end, table.span_counts.as_ref(), age.since_ms);
            if let Some(counts) = &table.span_counts {
                counts.count_again(block, position);
            }
            rows.high = position;
            rows.account();
            let rows_full = self.is_full(&rows, end);
            drop(rows);
            if rows_full {
                writing.freeze_rows();
                is_full = true;
            }
        }
        self.log.pass(request.len());
        if is_full {
            self.to_seal.notify();
        }
        Ok(())
    }
}
