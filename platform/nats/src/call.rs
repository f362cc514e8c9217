//! The caller's end of a call.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, RequestErrorKind};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use tonic::Status;
use tonic::body::Body;
use tower::service_fn;
use vitrine_contracts::{DESCRIPTORS, Problem};
use vitrine_platform_mesh::{Transport, fence, parse_timeout};

use crate::connection::{CallError, Nats};
use crate::error::Error;
use crate::{unary, wire};

/// How long a call may take that does not say; those that come through the Fence do.
const LONGEST: Duration = Duration::from_secs(60);

impl Nats {
    /// The way to a service that answers on NATS, to be placed in a mesh. Refuses a service that streams.
    pub fn transport(&self, callee: &str) -> Result<Transport, Error> {
        unary::check(DESCRIPTORS, &format!("{}.{callee}.v1", wire::ROOT), callee)?;
        let (nats, callee): (Self, Arc<str>) = (self.clone(), callee.into());
        Ok(Transport::new(service_fn(move |request| {
            let (nats, callee) = (nats.clone(), callee.clone());
            async move { nats.call(&callee, request).await }
        })))
    }

    async fn call(&self, callee: &str, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let subject = wire::subject(head.uri.path(), callee);
        // Not sent: what is denied is never answered, and each try would leave something behind that waits for an answer.
        if let Some(denied) = self.denied(&subject) {
            return Err(unavailable(&CallError::Denied(denied)));
        }
        let body = Limited::new(body, fence::MAX_MESSAGE_BYTES).collect().await.map_err(Status::from_error)?;
        let message = wire::unframed(&body.to_bytes())?;
        let mut headers = async_nats::HeaderMap::new();
        wire::put_headers(&head.headers, &mut headers);
        let patience = parse_timeout(&head.headers).unwrap_or(LONGEST);
        let request = async_nats::Request::new().payload(message).headers(headers).timeout(Some(patience));
        let asked = self.client().send_request(subject.clone(), request);
        match self.answered(|denied| denied == subject, asked).await {
            Ok(Ok(reply)) => answer(&reply),
            Ok(Err(e)) => Err(match e.kind() {
                RequestErrorKind::NoResponders => {
                    Problem::unavailable(&format!("no process answers for {callee} on NATS")).into()
                }
                RequestErrorKind::TimedOut => Status::deadline_exceeded(format!("{subject} was not answered in time")),
                RequestErrorKind::MaxPayloadExceeded => wire::too_large("message", self.client().max_payload()).into(),
                RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
                    tracing::debug!(error = %e, subject, "a request failed");
                    Problem::unavailable("NATS cannot be used at the moment").into()
                }
            }),
            Err(call_error) => Err(unavailable(&call_error)),
        }
    }
}

/// Not the service is at fault, and later it may be reached.
fn unavailable(call_error: &CallError) -> Status {
    let problem = Problem::unavailable(&call_error.to_string());
    match call_error {
        CallError::Disconnected => problem.into(),
        CallError::Denied(_) => problem.with_reason("NATS_PERMISSION").into(),
    }
}

/// The answer as gRPC has it. One without a status is a success, so that answering is simple in any language.
fn answer(reply: &Message) -> Result<http::Response<Body>, Status> {
    let mut headers = wire::call_headers(reply.headers.as_ref());
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut response = http::Response::new(Body::empty());
    if Status::from_header_map(&headers).is_none_or(|status| status.code() == tonic::Code::Ok) {
        headers.remove("grpc-status");
        headers.remove("grpc-message");
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let body = Full::new(wire::framed(&reply.payload)?).with_trailers(std::future::ready(Some(Ok(trailers))));
        *response.body_mut() = Body::new(body.map_err(|never| match never {}));
    }
    *response.headers_mut() = headers;
    Ok(response)
}
