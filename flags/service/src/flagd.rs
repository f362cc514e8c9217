//! flagd's own services: evaluation (`flagd.evaluation.v1` and `.v2`, and v1 under its older name `schema.v1`) and sync
//! (`flagd.sync.v1`), over gRPC, and evaluation over Connect, which browsers speak.
//!
//! v2 has no `ResolveAll`, and tells a flag without a value where v1 says that it is not found; else they are the same on the wire, so
//! both have the same [`messages`].

mod connect;
mod grpc;
mod messages;
mod structs;
mod sync;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{Extensions, HeaderMap, StatusCode, header};
use vitrine_flags_engine::{Context, Evaluation, EvaluationError, FlagType};

use crate::access::Denied;
use crate::clients::OpenStream;
use crate::flag_store::InForce;
use crate::passing::client_of;
use crate::role::Role;
use crate::selector::Selection;
use crate::service::FlagService;

/// Longest request, in bytes.
const MAX_REQUEST_BYTES: usize = 1_000_000;

pub(crate) fn routes() -> Router<FlagService> {
    let v1 = |name| format!("/{name}/{{method}}");
    Router::new()
        .route(
            &v1("flagd.evaluation.v1.Service"),
            post(async |s: State<FlagService>, m, r| call(s, Version::V1, m, r).await),
        )
        .route(&v1("schema.v1.Service"), post(async |s: State<FlagService>, m, r| call(s, Version::V1, m, r).await))
        .route(
            &v1("flagd.evaluation.v2.Service"),
            post(async |s: State<FlagService>, m, r| call(s, Version::V2, m, r).await),
        )
        .route("/flagd.sync.v1.FlagSyncService/{method}", post(sync::call))
}

/// A stream of a client that may evaluate.
fn open_stream(service: &FlagService, request: &Extensions, headers: &HeaderMap) -> Result<OpenStream, Problem> {
    service.access.check(headers, Role::Evaluation)?;
    let full = "as many streams are open as may be: try again later";
    let permit = service.streams.room().ok_or_else(|| Problem::new(tonic::Code::ResourceExhausted, full))?;
    Ok(OpenStream::new(client_of(service, request, headers), permit))
}

/// An error in Connect's words.
pub(crate) fn connect_error(code: tonic::Code, message: &str) -> Response {
    connect::refuse(&Problem::new(code, message))
}

/// Which version of the evaluation service is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

async fn call(
    State(service): State<FlagService>,
    version: Version,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let content_type =
        request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    if content_type.starts_with(b"application/grpc") {
        return grpc::call(service, version, &method, request).await;
    }
    if content_type.starts_with(b"application/json") || content_type.starts_with(b"application/connect+json") {
        return connect::call(service, version, &method, request).await;
    }
    let told = "gRPC is spoken here (application/grpc), and Connect (application/json, application/connect+json)\n";
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, told).into_response()
}

/// Why a call is refused: gRPC's code, and words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    code: tonic::Code,
    message: String,
}

impl Problem {
    fn new(code: tonic::Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Unauthenticated => tonic::Code::Unauthenticated,
            Denied::Role { .. } | Denied::Faults => tonic::Code::PermissionDenied,
        };
        Self::new(code, denied.to_string())
    }
}

impl From<EvaluationError> for Problem {
    fn from(error: EvaluationError) -> Self {
        let code = match &error {
            EvaluationError::FlagNotFound(_) => tonic::Code::NotFound,
            EvaluationError::TypeMismatch { .. } => tonic::Code::InvalidArgument,
            EvaluationError::ParseError(_) => tonic::Code::DataLoss,
            // flagd says UNKNOWN, which stock clients take for a reason to try again; INTERNAL means the same to them without that.
            EvaluationError::General(_) => tonic::Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// What a method resolves; none if it resolves nothing.
fn asked_type(method: &str) -> Option<FlagType> {
    Some(match method {
        "ResolveBoolean" => FlagType::Boolean,
        "ResolveString" => FlagType::String,
        "ResolveInt" => FlagType::Integer,
        "ResolveFloat" => FlagType::Float,
        "ResolveObject" => FlagType::Object,
        _ => return None,
    })
}

/// Which flags a call selects; a selector that cannot be is refused.
fn selection(service: &FlagService, headers: &HeaderMap, of_body: &str) -> Result<Selection, Problem> {
    Selection::of(&service.access, &service.serving.source, headers, of_body)
        .map_err(|message| Problem::new(tonic::Code::InvalidArgument, message))
}

/// Evaluates one flag for a call.
fn resolve<'n>(
    service: &FlagService,
    now: &'n InForce,
    version: Version,
    headers: &HeaderMap,
    key: &str,
    kind: FlagType,
    context: &dyn Context,
) -> Result<Evaluation<'n>, Problem> {
    service.access.check(headers, Role::Evaluation)?;
    let selected = selection(service, headers, "")?.choose(now);
    let set = selected.ok_or_else(|| EvaluationError::FlagNotFound(key.to_owned()))?;
    let context = service.serving.added.around(headers, context);
    let evaluation = set.snapshot.evaluate(key, &context, service.flags.now_s())?.expect(kind)?;
    // v1 has no way to say that the caller's own default is to be used, but for a disabled flag.
    if version == Version::V1 && evaluation.variant.is_none() && evaluation.flag.is_enabled() {
        return Err(Problem::new(tonic::Code::NotFound, format!("flag {key:?} has no default variant")));
    }
    service.flags.answered(&evaluation);
    Ok(evaluation)
}
