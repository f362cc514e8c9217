//! The three kinds of telemetry: their messages and where they go.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vitrine_observe_store::{Accepted, Store};

/// One kind of telemetry.
pub(crate) trait Signal: Send + 'static {
    /// What is sent.
    type Request: Message + Default + DeserializeOwned + Send;
    /// What is answered.
    type Response: Message;
    /// The request's name in errors.
    const REQUEST: &'static str;
    /// The name of the count of refused rows in the answer's JSON.
    const REJECTED: &'static str;

    /// Hands the rows to the store.
    fn append(store: &Store, request: Self::Request) -> Accepted;
    /// The answer in protobuf.
    fn response(accepted: &Accepted) -> Self::Response;

    /// The answer in JSON. Written here because OTLP writes 64 bit integers as text and leaves out empty fields.
    fn json(accepted: &Accepted) -> Value {
        match partial(accepted) {
            None => json!({}),
            Some((rejected, message)) => {
                json!({ "partialSuccess": { Self::REJECTED: rejected.to_string(), "errorMessage": message } })
            }
        }
    }
}

/// Count of refused rows and why; none when all were taken.
fn partial(accepted: &Accepted) -> Option<(i64, String)> {
    let reason = accepted.reason.as_ref()?;
    let rejected = i64::try_from(accepted.rejected).unwrap_or(i64::MAX);
    Some((rejected, format!("{rejected} refused; the first: {reason}")))
}

/// Spans.
pub(crate) struct Traces;
/// Log records.
pub(crate) struct Logs;
/// Metric points.
pub(crate) struct Metrics;

impl Signal for Traces {
    type Request = ExportTraceServiceRequest;
    type Response = ExportTraceServiceResponse;
    const REQUEST: &'static str = "ExportTraceServiceRequest";
    const REJECTED: &'static str = "rejectedSpans";

    fn append(store: &Store, request: Self::Request) -> Accepted {
        store.append_traces(request.resource_spans)
    }

    fn response(accepted: &Accepted) -> Self::Response {
        let partial_success = partial(accepted)
            .map(|(rejected_spans, error_message)| ExportTracePartialSuccess { rejected_spans, error_message });
        ExportTraceServiceResponse { partial_success }
    }
}

impl Signal for Logs {
    type Request = ExportLogsServiceRequest;
    type Response = ExportLogsServiceResponse;
    const REQUEST: &'static str = "ExportLogsServiceRequest";
    const REJECTED: &'static str = "rejectedLogRecords";

    fn append(store: &Store, request: Self::Request) -> Accepted {
        store.append_logs(request.resource_logs)
    }

    fn response(accepted: &Accepted) -> Self::Response {
        let partial_success = partial(accepted).map(|(rejected_log_records, error_message)| ExportLogsPartialSuccess {
            rejected_log_records,
            error_message,
        });
        ExportLogsServiceResponse { partial_success }
    }
}

impl Signal for Metrics {
    type Request = ExportMetricsServiceRequest;
    type Response = ExportMetricsServiceResponse;
    const REQUEST: &'static str = "ExportMetricsServiceRequest";
    const REJECTED: &'static str = "rejectedDataPoints";

    fn append(store: &Store, request: Self::Request) -> Accepted {
        store.append_metrics(request.resource_metrics)
    }

    fn response(accepted: &Accepted) -> Self::Response {
        let partial_success = partial(accepted).map(|(rejected_data_points, error_message)| {
            ExportMetricsPartialSuccess { rejected_data_points, error_message }
        });
        ExportMetricsServiceResponse { partial_success }
    }
}
