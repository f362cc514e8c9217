//! Counters of the store as JSON.

use serde_json::{Value, json};
use vitrine_observe_store::{SignalStatus, Status};

/// Counters per signal and of the whole.
pub(crate) fn json(status: &Status) -> Value {
    let signals = [&status.traces, &status.logs, &status.metrics];
    json!({
        "traces": signal(&status.traces),
        "logs": signal(&status.logs),
        "metrics": signal(&status.metrics),
        "bytes": signals.iter().map(|signal| signal.bytes).sum::<u64>(),
        "limit_bytes": status.limit_bytes,
    })
}

fn signal(signal: &SignalStatus) -> Value {
    json!({
        "rows": signal.rows,
        "bytes": signal.bytes,
        "taken": signal.taken,
        "rejected": signal.rejected,
        "evicted": signal.evicted,
    })
}
