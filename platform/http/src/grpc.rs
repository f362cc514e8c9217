//! gRPC services as routes of a listener, which has nothing else.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

use crate::refusal::{Refusal, RequestInfo, is_grpc, plain_errors, with_error_format};

type Transport = BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// What someone is told who does not call.
const NO_CALL: &str = "this address is for services of the shop and speaks gRPC (content-type: application/grpc): expected REST at the \
                       gateway's public address, and /healthz and /readyz at the operations address\n";

/// Calls go to the transport that `find` names for their path; `extra_routes` answers what it knows itself (health, reflection);
/// every other call is UNIMPLEMENTED. What is no call gets 415, as gRPC's own rules have it, and in words what is spoken here.
///
/// Source: "gRPC over HTTP2", "Requests".
pub fn grpc_routes(
    find: impl Fn(&str) -> Option<Transport> + Clone + Send + Sync + 'static,
    extra_routes: Routes,
) -> Router {
    let dispatch = service_fn(move |request: Request| {
        let target = find(request.uri().path());
        async move { Ok::<Response, Infallible>(call(target, request).await) }
    });
    let calls = with_error_format(extra_routes.into_axum_router().fallback_service(dispatch), grpc_errors);
    calls.layer(from_fn(async |request: Request, next: Next| {
        if request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
            next.run(request).await
        } else {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, NO_CALL).into_response()
        }
    }))
}

/// As gRPC says it: a status in the headers of an answer that is 200. Who does not speak gRPC is told in plain text.
pub fn grpc_errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    if !asked.is_grpc() {
        return plain_errors(asked, refusal);
    }
    let code = match refusal.status {
        StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Code::Unimplemented
        }
        StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => Code::PermissionDenied,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        status if status.is_server_error() => Code::Internal,
        _ => Code::InvalidArgument,
    };
    Status::new(code, &refusal.message).into_http()
}

async fn call(target: Option<Transport>, request: Request) -> Response {
    let Some(target) = target else {
        let message = format!("{} is not served here", request.uri().path());
        return Status::unimplemented(message).into_http();
    };
    match target.oneshot(request.map(tonic::body::Body::new)).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(status) => status.into_http(),
    }
}
