//! gRPC services as routes of a listener.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tonic::Status;
use tonic::service::Routes;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

type Transport = BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// Calls go to the transport that `find` names for their path; `beside` answers what it knows itself (health, reflection);
/// everything else is UNIMPLEMENTED.
pub fn grpc_routes(find: impl Fn(&str) -> Option<Transport> + Clone + Send + Sync + 'static, beside: Routes) -> Router {
    let dispatch = service_fn(move |request: Request| {
        let target = find(request.uri().path());
        async move { Ok::<Response, Infallible>(call(target, request).await) }
    });
    beside.into_axum_router().fallback_service(dispatch)
}

/// gRPC and everything else on one listener: told apart by the content type.
pub fn with_grpc(grpc: Router, other: Router) -> Router {
    let choose = service_fn(move |request: Request| {
        let content_type = request.headers().get(http::header::CONTENT_TYPE);
        let is_grpc = content_type.is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"));
        let router = if is_grpc { grpc.clone() } else { other.clone() };
        router.oneshot(request)
    });
    Router::new().fallback_service(choose)
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
