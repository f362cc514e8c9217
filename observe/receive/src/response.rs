//! What a sender is told when its request was taken.

use prost::Message;
use serde_json::{Value, json};
use vitrine_observe_store::{Accepted, Signal};

/// `ExportTraceServiceResponse`, `ExportLogsServiceResponse` and `ExportMetricsServiceResponse` alike: they differ in
/// names only, which protobuf does not send.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

/// What was not taken of a request, and why.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Partial {
    /// Rows refused.
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    /// Why the first of them was.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// What was refused; none when all was taken.
pub(crate) fn partial(accepted: &Accepted) -> Option<Partial> {
    let reason = accepted.reason.as_ref()?;
    let rejected = i64::try_from(accepted.rejected).unwrap_or(i64::MAX);
    Some(Partial { rejected, message: format!("{rejected} refused; the first: {reason}") })
}

/// The answer in protobuf.
pub(crate) fn protobuf(accepted: &Accepted) -> Vec<u8> {
    Response { partial_success: partial(accepted) }.encode_to_vec()
}

/// The answer in OTLP's JSON: 64-bit integers are text, and empty fields left out.
pub(crate) fn json(signal: Signal, accepted: &Accepted) -> Value {
    let rejected = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
        Signal::Metrics => "rejectedDataPoints",
    };
    match partial(accepted) {
        None => json!({}),
        Some(partial) => {
            json!({ "partialSuccess": { rejected: partial.rejected.to_string(), "errorMessage": partial.message } })
        }
    }
}

/// The message that a signal is sent in.
pub(crate) fn request_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "ExportTraceServiceRequest",
        Signal::Logs => "ExportLogsServiceRequest",
        Signal::Metrics => "ExportMetricsServiceRequest",
    }
}
