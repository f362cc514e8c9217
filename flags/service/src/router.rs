//! The HTTP side, put together.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use vitrine_platform_http::{Refusal, RequestInfo, grpc_errors, problem_errors, with_error_format};

use crate::access::Access;
use crate::faults::FaultControl;
use crate::flag_store::FlagStore;
use crate::service::FlagService;
use crate::{admin, faults, flagd, ofrep, pages, registration_api};

/// Longest body of an evaluation, in bytes.
const MAX_CONTEXT_BYTES: usize = 1_000_000;

/// OFREP below `/ofrep/v1`, flagd's services at their names, the operators' API below `/api/v1`, and pages.
pub fn router(flags: &FlagStore, access: &Access, control: &FaultControl) -> Router {
    let (flags, access, control) = (flags.clone(), access.clone(), control.clone());
    let service = FlagService { flags, access, faults: control, streams: Arc::default() };
    let evaluation = ofrep::routes().layer(DefaultBodyLimit::max(MAX_CONTEXT_BYTES));
    let evaluation = with_error_format(evaluation.with_state(service.clone()), ofrep::errors);
    let admin = admin::routes()
        .merge(registration_api::routes())
        .merge(faults::routes())
        .layer(DefaultBodyLimit::max(vitrine_flags_engine::json::MAX_BYTES));
    let admin = with_error_format(admin.with_state(service.clone()), problem_errors);
    let flagd = with_error_format(flagd::routes().with_state(service.clone()), grpc_errors);
    let pages = with_error_format(pages::routes().merge(faults::page_routes()).with_state(service), pages::errors);
    evaluation.merge(flagd).merge(admin).merge(pages)
}

/// How refusals are said around all of it: as the API does that the path belongs to, else as a page.
pub fn error_format(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let path = asked.uri.path();
    if asked.is_grpc() {
        grpc_errors(asked, refusal)
    } else if path.starts_with("/ofrep/") {
        ofrep::errors(asked, refusal)
    } else if path.starts_with("/api/") {
        problem_errors(asked, refusal)
    } else {
        pages::errors(asked, refusal)
    }
}
