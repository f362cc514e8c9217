//! Which service calls which, from parents and children.

use std::collections::{BTreeMap, HashMap};

use vitrine_observe_model::{Batch, SpanId, TraceId};

use crate::Store;

/// Spans looked at for the graph, the newest first: the look-up table takes about 50 bytes for each.
pub const MAX_DEPENDENCY_SPANS: usize = 100_000;

/// One service calling another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The caller.
    pub parent: String,
    /// The called.
    pub child: String,
    /// Spans of the called whose parent is a span of the caller.
    pub calls: u64,
}

impl Store {
    /// Calls between different services, of spans that started in the given time (nanoseconds since 1970, inclusive).
    pub fn dependencies(&self, start_min_ns: u64, start_max_ns: u64) -> Vec<Dependency> {
        let batches = self.span_batches();
        let rows = batches.iter().rev().flat_map(|batch| (0..batch.rows()).rev().map(move |row| (batch, row)));
        let rows = rows.filter(|(batch, row)| (start_min_ns..=start_max_ns).contains(&batch.start_ns(*row)));
        let rows = rows.take(MAX_DEPENDENCY_SPANS);
        let services: HashMap<(TraceId, SpanId), &str> =
            rows.clone().map(|(batch, row)| ((batch.trace_id(row), batch.span_id(row)), batch.service(row))).collect();
        let mut calls: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (batch, row) in rows {
            let Some(parent) = batch.parent_span_id(row) else { continue };
            let Some(parent) = services.get(&(batch.trace_id(row), parent)) else { continue };
            let child = batch.service(row);
            if *parent != child {
                *calls.entry((parent, child)).or_default() += 1;
            }
        }
        calls
            .into_iter()
            .map(|((parent, child), calls)| Dependency { parent: parent.to_owned(), child: child.to_owned(), calls })
            .collect()
    }
}
