//! A call on its way from one side of the Fence to the other.
//!
//! Within a process a [`Hop`] crosses as it is: nothing is written as text to be read again a moment later, and the answer comes back
//! whole. What leaves the process has it in headers: [`Hop::write`] puts it there.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;
use vitrine_contracts::Problem;
use vitrine_platform_telemetry::Context;

use crate::Transport;
use crate::balance::Tried;
use crate::fence::MAX_MESSAGE_BYTES;
use crate::identity::Caller;
use crate::policy::Policy;
use crate::wire::{STATUS, TIMEOUT, UNHANDLED, status_of, timeout_header};

/// What the caller's side of the Fence says of a call to the other side. Only a caller of this process can put it into the extensions
/// of a request.
#[derive(Clone)]
pub(crate) struct Hop {
    pub(crate) caller: Caller,
    pub(crate) policy: Policy,
    /// In which trace, with what baggage: what a server's span stands below.
    pub(crate) context: Context,
    pub(crate) deadline: Instant,
    pub(crate) tried: Tried,
    answer: Arc<Mutex<Option<BufferedResponse>>>,
}

impl Hop {
    pub(crate) fn new(caller: Caller, policy: Policy, context: Context, deadline: Instant) -> Self {
        Self { caller, policy, context, deadline, tried: Tried::default(), answer: Arc::default() }
    }

    /// Gives the answer back to the caller's side. The response itself is then empty.
    pub(crate) fn give_back(&self, answer: BufferedResponse) -> Response<Body> {
        *self.answer.lock() = Some(answer);
        Response::default()
    }

    /// Writes down what another process is to know, apart from who calls.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        if let Some(traceparent) = self.context.traceparent() {
            put("traceparent", traceparent);
        }
        if !self.context.baggage().is_empty() {
            put("baggage", self.context.baggage_header());
        }
        headers.insert(TIMEOUT, timeout_header(self.deadline.saturating_duration_since(Instant::now())));
    }
}

const GRPC: &str = "application/grpc";

/// A whole answer: its message, if any, and its status.
pub(crate) struct BufferedResponse {
    head: http::response::Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
    pub(crate) status: Status,
    /// The other side's Fence says that no handler saw the call.
    pub(crate) unhandled: bool,
}

impl BufferedResponse {
    /// Waits for an answer, and reads all of it.
    pub(crate) async fn of(answer: impl Future<Output = Result<Response<Body>, Status>>) -> Result<Self, Status> {
        Self::read(answer.await?).await
    }

    /// The same for a call that may stay in this process: then its answer comes back as it is.
    pub(crate) async fn of_hop(target: Transport, hop: Hop, mut request: Request<Body>) -> Result<Self, Status> {
        let place = hop.answer.clone();
        request.extensions_mut().insert(hop);
        let response = target.oneshot(request).await?;
        let given_back = place.lock().take();
        match given_back {
            Some(answer) => Ok(answer),
            None => Self::read(response).await,
        }
    }

    async fn read(response: Response<Body>) -> Result<Self, Status> {
        let (mut head, body) = response.into_parts();
        // It is about this hop: a caller that hands the status on must not say it of itself.
        let unhandled = head.headers.remove(UNHANDLED).is_some();
        let (body, trailers) = whole(body).await?;
        let status = status_of(&head.headers, trailers.as_ref());
        Ok(Self { head, body, trailers, status, unhandled })
    }

    /// An answer of this message, framed.
    pub(crate) fn of_body(body: Bytes) -> Self {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
        let trailers = Some(HeaderMap::from_iter([(HeaderName::from_static(STATUS), HeaderValue::from_static("0"))]));
        Self { head: response.into_parts().0, body, trailers, status: Status::ok(""), unhandled: false }
    }

    /// Its message, framed.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// Has another message.
    pub(crate) fn replace_body(&mut self, body: Bytes) {
        self.body = body;
    }

    /// As it is sent to the caller's side in another process.
    pub(crate) fn sent(mut self) -> Response<Body> {
        if self.unhandled {
            self.head.headers.insert(UNHANDLED, HeaderValue::from_static("1"));
        }
        self.into_response()
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let trailers = self.trailers.map(Ok);
        let body = Full::new(self.body).with_trailers(std::future::ready(trailers));
        Response::from_parts(self.head, Body::new(body.map_err(|never| match never {})))
    }
}

impl From<Status> for BufferedResponse {
    fn from(status: Status) -> Self {
        let (mut head, ()) = status.clone().into_http::<()>().into_parts();
        let unhandled = head.headers.remove(UNHANDLED).is_some();
        Self { head, body: Bytes::new(), trailers: None, status, unhandled }
    }
}

/// Reads a whole message.
pub(crate) async fn whole(mut body: Body) -> Result<(Bytes, Option<HeaderMap>), Status> {
    // Most messages are one frame, which is handed on as it is.
    let (mut only, mut more, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) if only.len().max(more.len()) + data.len() > MAX_MESSAGE_BYTES => {
                let message = format!("the message is larger than {MAX_MESSAGE_BYTES} bytes");
                return Err(Problem::exhausted("MESSAGE_TOO_LARGE", &message).into());
            }
            Ok(data) if only.is_empty() => only = data,
            Ok(data) => {
                if more.is_empty() {
                    more.extend_from_slice(&only);
                }
                more.extend_from_slice(&data);
            }
            Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
        }
    }
    Ok((if more.is_empty() { only } else { more.freeze() }, trailers))
}
