//! The HTTP side, put together.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use vitrine_platform_http::{Refusal, RequestInfo, grpc_errors, observe, problem_errors, with_error_format};
use vitrine_platform_telemetry::{Observation, ObservationKind};

use crate::access::Access;
use crate::faults::FaultControl;
use crate::flag_store::FlagStore;
use crate::passing::pass;
use crate::service::{FlagService, Parts};
use crate::serving::Serving;
use crate::streams::Streams;
use crate::{admin, clients_api, faults, flagd, ofrep, pages, registration_api};

/// Longest body of an evaluation, in bytes.
const MAX_CONTEXT_BYTES: usize = 1_000_000;

/// OFREP below `/ofrep/v1`, flagd's services at their names, the operators' API below `/api/v1`, and pages; with nothing added and nothing limited.
pub fn router(flags: &FlagStore, access: &Access, control: &FaultControl) -> Router {
    router_serving(flags, access, control, Serving::default())
}

/// The same, served as is said. Telemetry tells of clients and of changes of flags, and of nothing that is about faults.
pub fn router_serving(flags: &FlagStore, access: &Access, control: &FaultControl, serving: Serving) -> Router {
    let telemetry = serving.telemetry.clone();
    let observed = || from_fn(move |request: Request, next: Next| observe(telemetry.clone(), request, next));
    let (flags, access, faults) = (flags.clone(), access.clone(), control.clone());
    let (streams, clients) = (Streams::default(), Arc::default());
    let service = FlagService::from(Parts { flags, access, faults, streams, clients, serving });
    tell(&service);
    let pass = || from_fn_with_state(service.clone(), pass);
    let evaluation = ofrep::routes().layer(DefaultBodyLimit::max(MAX_CONTEXT_BYTES)).layer(pass());
    let evaluation = with_error_format(evaluation.with_state(service.clone()), ofrep::errors);
    let limit = || DefaultBodyLimit::max(vitrine_flags_engine::json::MAX_BYTES);
    let admin = admin::routes().merge(registration_api::routes()).merge(clients_api::routes()).layer(limit());
    let admin = with_error_format(admin.with_state(service.clone()), problem_errors);
    let flagd = with_error_format(flagd::routes().layer(pass()).with_state(service.clone()), grpc_errors);
    let control = with_error_format(faults::routes().layer(limit()).with_state(service.clone()), problem_errors);
    let pages = with_error_format(pages::routes().merge(faults::page_routes()).with_state(service), pages::errors);
    evaluation.merge(flagd).merge(admin).layer(observed()).merge(control).merge(pages)
}

/// What is told of it whenever metrics are exported.
fn tell(service: &FlagService) {
    let flags = service.flags.clone();
    let opened_at = flags.current().revision;
    service.serving.telemetry.read_while(&service.clients, move |clients| {
        let revision = flags.current().revision;
        let (gauge, counter) = (ObservationKind::Gauge, ObservationKind::Counter);
        let about = "Revision of the flags in force";
        let mut told = vec![Observation::new(gauge, "vitrine.flags.revision", "{revision}", about, revision as f64)];
        let changes = revision.saturating_sub(opened_at) as f64;
        told.push(Observation::new(counter, "vitrine.flags.changes", "{change}", "Changes of flags", changes));
        for (protocol, open) in clients.streams() {
            let about = "Streams of clients that are open";
            let streams = ObservationKind::UpDownCounter;
            let observation = Observation::new(streams, "vitrine.flags.streams", "{stream}", about, f64::from(open));
            told.push(observation.attr("vitrine.flags.protocol", protocol.name()));
        }
        told
    });
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
