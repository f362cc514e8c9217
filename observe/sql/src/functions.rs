//! Functions for telemetry, beside DataFusion's own.

mod attr;
mod ids;
mod time;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use crate::text_ids::{SPAN_BYTES, TRACE_BYTES};

/// All of them.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    [
        ScalarUDF::new_from_impl(attr::Attr::new()),
        ScalarUDF::new_from_impl(ids::Hex::new("trace_id_hex")),
        ScalarUDF::new_from_impl(ids::Hex::new("span_id_hex")),
        ScalarUDF::new_from_impl(ids::Id::new("trace_id", TRACE_BYTES)),
        ScalarUDF::new_from_impl(ids::Id::new("span_id", SPAN_BYTES)),
        ScalarUDF::new_from_impl(time::DurationMs::new()),
        ScalarUDF::new_from_impl(time::TimeBucket::new()),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}
