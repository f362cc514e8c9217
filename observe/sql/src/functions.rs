//! Functions for telemetry, beside DataFusion's own.

mod attr;
mod has_words;
mod ids;
mod number;
mod number_sum;
mod sum;
mod time;

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(crate) use number::{Conversion, Convert, reals};

use crate::text_ids::{SPAN_BYTES, TRACE_BYTES};

/// DataFusion's aggregates, one of them with another one in its place.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let mut all = SessionStateDefaults::default_aggregate_functions();
    let sum = Arc::new(AggregateUDF::new_from_impl(sum::ExactSum::new()));
    all.retain(|function| function.name() != sum.name());
    all.push(sum);
    all
}

/// All scalar ones.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    [
        ScalarUDF::new_from_impl(attr::Attr::new()),
        ScalarUDF::new_from_impl(has_words::HasWords::new()),
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
