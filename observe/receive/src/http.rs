//! OTLP over HTTP.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use http::{HeaderMap, HeaderValue, header};
use vitrine_observe_store::{Accepted, Signal};
use vitrine_platform_http::{Refusal, RequestInfo, grpc_errors, with_error_format};

use crate::body::{Encodings, Format};
use crate::error::Error;
use crate::intake::Intake;
use crate::json;
use crate::response;

/// `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, as the OTLP specification (1.9) has them.
pub fn http_router(intake: &Intake) -> Router {
    let router = Router::new()
        .route("/v1/traces", route(Signal::Traces))
        .route("/v1/logs", route(Signal::Logs))
        .route("/v1/metrics", route(Signal::Metrics))
        // The limit is enforced while the body is read, so that its error follows OTLP.
        .layer(DefaultBodyLimit::disable())
        .with_state(intake.clone());
    with_error_format(router, otlp_errors)
}

/// As OTLP/HTTP says errors: `google.rpc.Status` in the format of the request. Over gRPC, as gRPC does.
pub fn otlp_errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    if asked.is_grpc() {
        return grpc_errors(asked, refusal);
    }
    let headers = asked.content_type.clone().map(|value| (header::CONTENT_TYPE, value)).into_iter().collect();
    Error::from(refusal).response(Format::of(&headers).unwrap_or(Format::Json))
}

pub(crate) fn route(signal: Signal) -> MethodRouter<Intake> {
    post(move |State(intake): State<Intake>, headers: HeaderMap, body: Body| async move {
        let format = match Format::of(&headers) {
            Ok(format) => format,
            Err(error) => return error.response(Format::Json),
        };
        match take(&intake, signal, format, &headers, body).await {
            Ok(accepted) => taken(signal, format, &accepted),
            Err(error) => error.response(format),
        }
    })
}

async fn take(
    intake: &Intake,
    signal: Signal,
    format: Format,
    headers: &HeaderMap,
    body: Body,
) -> Result<Accepted, Error> {
    let tenant = intake.tenant(headers)?;
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let mut body = intake.read(headers, body).await?;
    if format == Format::Json {
        body =
            intake.work(encodings, body, 0, move |budget, json| json::transcode(budget, signal, &json.bytes)).await?;
    } else if !encodings.are_none() {
        body = intake.work(encodings, body, 0, |_, plain| Ok(plain)).await?;
    }
    intake.write(&tenant, signal, body).await
}

fn taken(signal: Signal, format: Format, accepted: &Accepted) -> Response {
    let body = match format {
        Format::Protobuf => response::protobuf(accepted),
        Format::Json => response::json(signal, accepted).to_string().into_bytes(),
    };
    ([(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], body).into_response()
}
