//! What each request of a client passes before it is evaluated: the client is noted, its rate limited, its deadline kept, and the call told of.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tonic::{Code, Status};
use vitrine_platform_http::{Peer, network};
use vitrine_platform_mesh::{code_name, is_fault, parse_timeout};
use vitrine_platform_telemetry::semconv::OTHER;

use crate::clients::{Client, Protocol};
use crate::role::Role;
use crate::service::FlagService;
use crate::{flagd, ofrep};

/// Longest deadline that is kept, which is more than any evaluation takes.
const MAX_DEADLINE: Duration = Duration::from_secs(3600);

/// Notes, limits and times a request. One that may not evaluate goes on: its handler refuses it.
pub(crate) async fn pass(State(service): State<FlagService>, mut request: Request, next: Next) -> Response {
    let Some(protocol) = Protocol::of(&request) else { return next.run(request).await };
    let began = Instant::now();
    let address = request.extensions().get::<Peer>().map(|peer| network(peer.0.ip()));
    let path = request.uri().path().to_owned();
    let response = match service.access.check(request.headers(), Role::Evaluation) {
        Err(_) => next.run(request).await,
        Ok(token) => match limited(&service, &token, address).await {
            Some(after) => too_many(protocol, &path, after),
            None => {
                let revision = service.flags.current().revision;
                let now_ms = service.flags.now_ms();
                let client = service.clients.seen(protocol, request.headers(), &token, address, revision, now_ms);
                request.extensions_mut().insert(client);
                in_time(protocol, request, next).await
            }
        },
    };
    record(&service, protocol, &path, &response, began.elapsed());
    response
}

/// The client that a request was noted as; one that was let in by a stream's address is noted here.
pub(crate) fn client_of(service: &FlagService, request: &http::Extensions, headers: &HeaderMap) -> Arc<Client> {
    if let Some(client) = request.get::<Arc<Client>>() {
        return client.clone();
    }
    let address = request.get::<Peer>().map(|peer| network(peer.0.ip()));
    let (revision, now_ms) = (service.flags.current().revision, service.flags.now_ms());
    service.clients.seen(Protocol::Ofrep, headers, "", address, revision, now_ms)
}

/// After how long a client may ask again that asks too much.
async fn limited(service: &FlagService, token: &str, address: Option<IpAddr>) -> Option<Duration> {
    let limit = service.serving.limit?;
    let key = match address {
        // Without tokens everyone has the same name.
        Some(address) if service.access.is_open() => format!("address:{address}"),
        _ => format!("token:{token}"),
    };
    let decision = service.serving.buckets.limit(&key, limit.per_s, limit.burst).await;
    (!decision.allowed).then_some(decision.retry_after)
}

fn too_many(protocol: Protocol, path: &str, after: Duration) -> Response {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    let message = format!("too many evaluations: the next one may be in {seconds} s");
    let mut response = match protocol {
        Protocol::Ofrep => ofrep::too_many(path, &message),
        Protocol::Connect => flagd::connect_error(Code::ResourceExhausted, &message),
        _ => Status::resource_exhausted(message).into_http::<axum::body::Body>(),
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Runs it for no longer than its caller waits: a body that does not come holds nobody.
async fn in_time(protocol: Protocol, request: Request, next: Next) -> Response {
    let deadline = match protocol {
        Protocol::Ofrep => None,
        Protocol::Connect => connect_timeout(request.headers()),
        _ => parse_timeout(request.headers()),
    };
    let Some(deadline) = deadline else { return next.run(request).await };
    match tokio::time::timeout(deadline.min(MAX_DEADLINE), next.run(request)).await {
        Ok(response) => response,
        Err(_) if protocol == Protocol::Connect => {
            flagd::connect_error(Code::DeadlineExceeded, "the request did not come within its deadline")
        }
        Err(_) => {
            Status::deadline_exceeded("the request did not come within its deadline").into_http::<axum::body::Body>()
        }
    }
}

/// Connect's own header: milliseconds, at most ten digits.
fn connect_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("connect-timeout-ms")?.to_str().ok()?;
    (text.len() <= 10).then(|| text.parse().ok().map(Duration::from_millis)).flatten()
}

/// Tells of a call. OFREP's requests are told of as HTTP is.
fn record(service: &FlagService, protocol: Protocol, path: &str, response: &Response, elapsed: Duration) {
    if protocol == Protocol::Ofrep || response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return;
    }
    let code = match (response.headers().get("grpc-status"), response.status()) {
        (Some(code), _) => Code::from_bytes(code.as_bytes()),
        (None, status) if status.is_success() => Code::Ok,
        (None, StatusCode::TOO_MANY_REQUESTS) => Code::ResourceExhausted,
        (None, StatusCode::NOT_FOUND) => Code::NotFound,
        (None, status) if status.is_client_error() => Code::InvalidArgument,
        _ => Code::Internal,
    };
    // A method that there is not is whatever a client makes up.
    let method = if code == Code::Unimplemented { OTHER } else { path.trim_start_matches('/') };
    service.serving.telemetry.record_rpc(method, code_name(code), is_fault(code), elapsed);
}
