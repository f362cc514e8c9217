//! Elasticsearch's ways in: `_bulk`, single documents, and what shippers ask and define before they send.
//!
//! A document becomes a log record ([`crate::document`]); none is refused for its content. What is asked and defined:
//! `elastic/asked.rs`, `elastic/defined.rs`. Searching is the business of the query APIs.

mod answer;
mod asked;
mod bulk;
mod defined;
mod items;
mod single;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post, put};
use http::{HeaderMap, HeaderName, HeaderValue};
use vitrine_kit::percent;
use vitrine_observe_search::{DefinitionKind, Definitions};
use vitrine_observe_store::model::elastic::{FilterPath, PRODUCT, PRODUCT_HEADER};
use vitrine_observe_store::{Right, Tenant};
use vitrine_platform_http::with_error_format;

use crate::error::Error;
use crate::intake::Intake;

pub use answer::elastic_errors;

/// The version that clients are told if the settings name no other: the last one before clients of 9 refuse to work with it, and new enough
/// for all.
pub const ELASTIC_VERSION: &str = "8.19.0";

/// What all of these routes share.
#[derive(Clone)]
pub(super) struct Elastic {
    intake: Intake,
    definitions: Arc<Definitions>,
    version: Arc<str>,
}

/// What a request's query says, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    pipeline: Option<String>,
    routing: Option<String>,
    filter_path: FilterPath,
}

impl Parameters {
    fn read(query: Option<&str>) -> Self {
        let mut found = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(value) = percent::decode(&value.replace('+', " ")) else { continue };
            match name {
                "pipeline" => found.pipeline = Some(value),
                "routing" => found.routing = Some(value),
                "filter_path" => found.filter_path = FilterPath::parse(&value),
                // What others ask for (refresh, timeout, op_type, …) holds anyway, or says nothing here.
                _ => {}
            }
        }
        found
    }
}

impl Elastic {
    /// Whose telemetry comes, if its sender may write.
    fn writer(&self, headers: &HeaderMap) -> Result<Tenant, Error> {
        self.intake.tenant_of(headers, Right::Write)
    }

    /// Whose telemetry it is about, if the caller may write or read.
    fn caller(&self, headers: &HeaderMap) -> Result<Tenant, Error> {
        self.writer(headers).or_else(|_| self.intake.tenant_of(headers, Right::Read))
    }
}

/// `_bulk`, `_doc`, `_create`, what shippers ask at their start, and what they define, which is kept in `definitions`. `version` is told to
/// clients as Elasticsearch's.
pub fn elastic_intake_router(intake: &Intake, definitions: Arc<Definitions>, version: &str) -> Router {
    let state = Elastic { intake: intake.clone(), definitions, version: version.into() };
    let refreshed = || get(asked::refreshed).post(asked::refreshed);
    let mut router = Router::new()
        .route("/", get(asked::root))
        .route("/_license", get(asked::license))
        .route("/_xpack", get(asked::features))
        .route("/_nodes", get(asked::nodes))
        .route("/_nodes/http", get(asked::nodes))
        .route("/_nodes/_all/http", get(asked::nodes))
        .route("/_cluster/health", get(asked::health))
        .route("/_cluster/health/{index}", get(asked::health))
        .route("/_refresh", refreshed())
        .route("/{index}/_refresh", refreshed())
        .route("/_flush", refreshed())
        .route("/{index}/_flush", refreshed())
        .route("/_bulk", post(bulk::all).put(bulk::all))
        .route("/{index}/_bulk", post(bulk::of_index).put(bulk::of_index))
        .route("/{index}/_doc", post(single::without_id))
        .route("/{index}/_doc/{id}", put(single::with_id).post(single::with_id))
        .route("/{index}/_create/{id}", put(single::created).post(single::created))
        .route("/{index}", put(defined::create_index))
        .route("/{index}/_settings", put(defined::index_settings))
        .route("/{index}/_mapping", put(defined::index_mapping).post(defined::index_mapping))
        .route("/{index}/_alias/{name}", put(defined::index_alias).post(defined::index_alias))
        .route("/{index}/_aliases/{name}", put(defined::index_alias).post(defined::index_alias));
    for (path, kind) in [
        ("/_index_template", DefinitionKind::IndexTemplate),
        ("/_template", DefinitionKind::Template),
        ("/_component_template", DefinitionKind::ComponentTemplate),
        ("/_ilm/policy", DefinitionKind::Policy),
        ("/_ingest/pipeline", DefinitionKind::Pipeline),
        ("/_logstash/pipeline", DefinitionKind::LogstashPipeline),
        ("/_data_stream", DefinitionKind::DataStream),
    ] {
        router = router.route(path, defined::all(kind)).route(&format!("{path}/{{name}}"), defined::one(kind));
    }
    // The limit is enforced while the body is read.
    let router = router.layer(DefaultBodyLimit::disable()).with_state(state);
    with_error_format(router, elastic_errors).layer(map_response(from_elasticsearch))
}

/// Says whose answer it seems to be, as the official clients want it.
async fn from_elasticsearch(mut response: Response) -> Response {
    response.headers_mut().insert(HeaderName::from_static(PRODUCT_HEADER), HeaderValue::from_static(PRODUCT));
    response
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::model::elastic::FilterPath;

    use super::Parameters;

    #[test]
    fn parameters_that_say_nothing_here_are_passed_over() {
        let found = Parameters::read(Some(
            "refresh=wait_for&pipeline=a%2Fb&filter_path=errors,items.*.status&x&op_type=create",
        ));
        let expected = Parameters {
            pipeline: Some("a/b".to_owned()),
            routing: None,
            filter_path: FilterPath::parse("errors,items.*.status"),
        };
        assert_eq!(found, expected);
    }
}
