//! Remote read: samples for another Prometheus, or for what speaks its protocol.

use axum::response::{IntoResponse, Response};
use http::header;
use vitrine_observe_store::model::metrics::{ReadResponse, RemoteReadError, decode_remote_read};
use vitrine_observe_store::series::{Select, Value, Values};

use super::answer::Failed;
use super::question::Question;

/// `read`: the series of each query of a request, with all their samples.
pub(super) fn read(question: &Question, request: &[u8]) -> Result<Response, Failed> {
    let queries = decode_remote_read(request).map_err(|error: RemoteReadError| Failed::BadData(error.to_string()))?;
    let mut response = ReadResponse::default();
    let mut held = Vec::new();
    let mut counted = 0;
    for query in queries {
        let select =
            Select { matchers: query.matchers, after_ms: query.start_ms.saturating_sub(1), until_ms: query.end_ms };
        let mut selection = question.series.select(&select, &question.budget)?;
        while let Some(block) = selection.next_block()? {
            question.budget.check()?;
            for samples in block {
                let Some(series) = selection.series().get(samples.series) else { continue };
                let values = samples.times.iter().copied().zip(each(&samples.values));
                response.series(&series.labels, values);
            }
            held.push(question.budget.reserve(response.len().saturating_sub(counted))?);
            counted = response.len();
        }
        response.end_result();
    }
    let body = response.compressed().map_err(Failed::Execution)?;
    let headers = [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
    Ok((headers, body).into_response())
}

fn each(values: &Values) -> Box<dyn Iterator<Item = Value> + '_> {
    match values {
        Values::Floats(values) => Box::new(values.iter().map(|bits| Value::Float(*bits))),
        Values::Histograms(values) => Box::new(values.iter().map(|value| Value::Histogram(value.clone()))),
        Values::Mixed(values) => Box::new(values.iter().cloned()),
    }
}
