//! OTLP over gRPC.
//!
//! A call has one message each way, so that gRPC's framing is five bytes: they are read here. tonic's server would
//! hold whole bodies before our budget could count them, allow any zstd window, and know decompression errors as
//! INTERNAL only.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, post};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use vitrine_observe_store::{Accepted, Signal};
use vitrine_platform_http::{grpc_errors, with_error_format};

use crate::body::{Encodings, text};
use crate::budget::Buffer;
use crate::error::Error;
use crate::intake::Intake;
use crate::response;

/// Bytes before a message: whether it is compressed, and its length.
const FRAME_BYTES: usize = 5;
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,deflate,zstd");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// The three OTLP services. Calls to other paths are answered with 404, which gRPC reads as UNIMPLEMENTED.
pub fn grpc_routes(intake: &Intake) -> Router {
    let services = [
        ("opentelemetry.proto.collector.trace.v1.TraceService", Signal::Traces),
        ("opentelemetry.proto.collector.logs.v1.LogsService", Signal::Logs),
        ("opentelemetry.proto.collector.metrics.v1.MetricsService", Signal::Metrics),
    ];
    let mut router = Router::new();
    for (service, signal) in services {
        router = router.route(&format!("/{service}/Export"), route(signal)).route(
            &format!("/{service}/{{method}}"),
            any(async |Path(method): Path<String>| refused(&Error::Method(method))),
        );
    }
    with_error_format(router.layer(DefaultBodyLimit::disable()).with_state(intake.clone()), grpc_errors)
}

fn route(signal: Signal) -> MethodRouter<Intake> {
    post(move |State(intake): State<Intake>, headers: HeaderMap, body: Body| async move {
        if !text(&headers, &header::CONTENT_TYPE).starts_with("application/grpc") {
            // What gRPC over HTTP/2 prescribes for callers that do not speak it.
            return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
        }
        match take(&intake, signal, &headers, body).await {
            Ok(accepted) => taken(&accepted),
            Err(error) => refused(&error),
        }
    })
}

async fn take(intake: &Intake, signal: Signal, headers: &HeaderMap, body: Body) -> Result<Accepted, Error> {
    let tenant = intake.tenant(headers)?;
    let encodings = Encodings::of(headers, &ENCODING)?;
    let body = intake.read(headers, body).await?;
    let message = match is_compressed(&body)? {
        true if encodings.are_none() => return Err(Error::Frame("expected grpc-encoding with a compressed message")),
        true => intake.work(encodings, body, FRAME_BYTES, |_, plain| Ok(plain)).await?,
        false => body.without(FRAME_BYTES),
    };
    intake.write(&tenant, signal, message).await
}

/// What the frame says, if the body is one frame and nothing else.
fn is_compressed(body: &Buffer) -> Result<bool, Error> {
    let Some(([flag, length @ ..], message)) = body.bytes.split_first_chunk::<FRAME_BYTES>() else {
        return Err(Error::Frame("expected 5 bytes before the message"));
    };
    if u32::from_be_bytes(*length) as usize != message.len() {
        return Err(Error::Frame("expected as many bytes as the frame says"));
    }
    match flag {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::Frame("expected 0 or 1 for whether it is compressed")),
    }
}

fn taken(accepted: &Accepted) -> Response {
    let message = response::protobuf(accepted);
    let mut frame = Vec::with_capacity(FRAME_BYTES + message.len());
    frame.push(0);
    frame.extend_from_slice(&u32::try_from(message.len()).expect("an answer is short").to_be_bytes());
    frame.extend_from_slice(&message);
    let trailers = std::future::ready(Some(Ok(HeaderMap::from_iter([(STATUS, OK)]))));
    let body = Body::new(Full::new(Bytes::from(frame)).with_trailers(trailers));
    ([(header::CONTENT_TYPE, GRPC), (ACCEPT_ENCODING, ACCEPTED)], body).into_response()
}

fn refused(error: &Error) -> Response {
    let mut response = error.grpc().into_http::<Body>();
    response.headers_mut().insert(ACCEPT_ENCODING, ACCEPTED);
    response
}
