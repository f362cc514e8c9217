//! Elasticsearch's searches over HTTP: what its clients and Grafana ask.
//!
//! Sources: Elasticsearch's REST reference; the requests of its Python and JavaScript clients and of Grafana's data source. Who searches is
//! `vitrine_observe_search`; here requests become its questions, and its answers what clients read. Taking documents in, and what shippers
//! define, is the receiver's business.

mod body;
mod catalog;
mod response;
mod searches;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::HeaderMap;
use http::request::Parts;
use vitrine_observe_search::elastic::{IndexSet, Mappings, SearchError, Searcher};
use vitrine_observe_search::{DefinitionKind, Definitions};
use vitrine_platform_http::with_error_format;

use crate::params::{Pairs, get as parameter};
use crate::queries::{Queries, Reader};
use crate::time::now_ns;
use response::{Answered, Failed, bearer_headers, from_elasticsearch};

pub use response::elastic_search_errors;

/// What all of these routes share.
#[derive(Clone)]
struct Elastic {
    queries: Queries,
    definitions: Arc<Definitions>,
}

/// Searches, and what there is to search, of those who may read. How texts match is said by the mappings among `definitions`.
pub fn elastic_router(queries: &Queries, definitions: Arc<Definitions>) -> Router {
    let search = || get(searches::search).post(searches::search);
    let many = || get(searches::many).post(searches::many);
    let count = || get(searches::count).post(searches::count);
    let capabilities = || get(catalog::field_capabilities).post(catalog::field_capabilities);
    let documents = || get(catalog::documents).post(catalog::documents);
    let shards = || get(catalog::search_shards).post(catalog::search_shards);
    let router = Router::new()
        .route("/_search", search())
        .route("/{index}/_search", search())
        .route("/_msearch", many())
        .route("/{index}/_msearch", many())
        .route("/_count", count())
        .route("/{index}/_count", count())
        .route("/_search/scroll", get(searches::scroll).post(searches::scroll).delete(searches::freed))
        .route("/_search/scroll/{id}", get(searches::scroll).post(searches::scroll).delete(searches::freed))
        .route("/{index}/_pit", post(searches::open_point_in_time))
        .route("/_pit", delete(searches::freed))
        .route("/_async_search", post(searches::at_once))
        .route("/{index}/_async_search", post(searches::at_once))
        .route("/_async_search/{id}", get(searches::no_async).delete(searches::no_async))
        .route("/_async_search/status/{id}", get(searches::no_async))
        .route("/{index}/_doc/{id}", get(catalog::document))
        .route("/{index}/_source/{id}", get(catalog::document_source))
        .route("/_mget", documents())
        .route("/{index}/_mget", documents())
        .route("/_field_caps", capabilities())
        .route("/{index}/_field_caps", capabilities())
        .route("/{index}", get(catalog::index))
        .route("/_mapping", get(catalog::mapping))
        .route("/{index}/_mapping", get(catalog::mapping))
        .route("/_stats", get(catalog::stats))
        .route("/{index}/_stats", get(catalog::stats))
        .route("/_resolve/index/{index}", get(catalog::resolve))
        .route("/_aliases", get(catalog::aliases))
        .route("/_alias", get(catalog::aliases))
        .route("/{index}/_alias", get(catalog::aliases))
        .route("/_search_shards", shards())
        .route("/{index}/_search_shards", shards())
        .route("/_cat/indices", get(catalog::cat_indices))
        .route("/_cat/indices/{index}", get(catalog::cat_indices))
        // The limit is enforced while the body is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(Elastic { queries: queries.clone(), definitions });
    with_error_format(router, elastic_search_errors).layer(map_response(from_elasticsearch))
}

/// A request, but for its body.
struct ElasticRequest {
    elastic: Elastic,
    headers: HeaderMap,
    pairs: Pairs,
    /// What its path names: `index`, `id`.
    path: HashMap<String, String>,
}

impl FromRequestParts<Elastic> for ElasticRequest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, elastic: &Elastic) -> Result<Self, Response> {
        let path = Option::<Path<HashMap<String, String>>>::from_request_parts(parts, elastic).await;
        let Query(pairs) = Query::from_request_parts(parts, elastic).await.map_err(IntoResponse::into_response)?;
        let path = path.map_err(IntoResponse::into_response)?.map(|Path(path)| path).unwrap_or_default();
        Ok(Self { elastic: elastic.clone(), headers: parts.headers.clone(), pairs, path })
    }
}

impl ElasticRequest {
    /// Runs a question about the indices that the path names, or a parameter, for who may read.
    async fn ask(self, work: impl FnOnce(&Question<'_>) -> Result<Answered, SearchError> + Send + 'static) -> Response {
        let Self { elastic: Elastic { queries, definitions }, headers, pairs, mut path } = self;
        let began_ns = now_ns();
        let work = move |reader: &Reader| {
            let answer = || {
                let index = path.remove("index").or_else(|| parameter(&pairs, "index").map(str::to_owned));
                let index = index.unwrap_or_default();
                let indices = index_set(&index, &pairs)?;
                let mappings = mappings(&definitions, reader, &indices);
                let searcher = Searcher {
                    logs: &*reader.engine,
                    tenant: &reader.tenant,
                    mappings: &mappings,
                    now_ns: i64::try_from(now_ns()).unwrap_or(i64::MAX),
                };
                let id = path.get("id").map(String::as_str);
                work(&Question { pairs: &pairs, index: &index, id, indices, searcher })
            };
            Ok(response::write(answer(), &pairs, began_ns))
        };
        match queries.ask(&bearer_headers(&headers), work).await {
            Ok(response) => response,
            Err(error) => response::failed(&Failed::Around(error)),
        }
    }

    /// The same with a body, which is read first.
    async fn ask_with<T: Send + 'static>(
        self,
        body: Body,
        read: impl FnOnce(&[u8], &Pairs) -> Result<T, SearchError>,
        work: impl FnOnce(&Question<'_>, T) -> Result<Answered, SearchError> + Send + 'static,
    ) -> Response {
        match body::bytes(&self.headers, body).await.and_then(|bytes| read(&bytes, &self.pairs)) {
            Ok(read) => self.ask(move |question| work(question, read)).await,
            Err(error) => response::failed(&error.into()),
        }
    }
}

/// A question about some indices.
struct Question<'a> {
    pairs: &'a Pairs,
    /// The names as they were written.
    index: &'a str,
    /// The id of the path, if it has one.
    id: Option<&'a str>,
    indices: IndexSet,
    searcher: Searcher<'a>,
}

/// The indices of a path, as the parameters say that names are taken.
fn index_set(names: &str, pairs: &Pairs) -> Result<IndexSet, SearchError> {
    let flag = |name, usual| match parameter(pairs, name) {
        Some(text) => text == "true",
        None => usual,
    };
    IndexSet::parse(names, flag("ignore_unavailable", false), flag("allow_no_indices", true))
}

/// The mappings of templates and indices that are about these indices.
fn mappings(definitions: &Definitions, reader: &Reader, indices: &IndexSet) -> Mappings {
    let of = |kind| definitions.get(&reader.tenant, kind, "").into_iter();
    let components = of(DefinitionKind::ComponentTemplate).map(|(_, value)| value["template"]["mappings"].clone());
    let is_about = |value: &serde_json::Value| {
        let patterns = value["index_patterns"].as_array().into_iter().flatten();
        patterns.filter_map(serde_json::Value::as_str).any(|pattern| indices.may_mean(pattern))
    };
    let old =
        of(DefinitionKind::Template).filter(|(_, value)| is_about(value)).map(|(_, value)| value["mappings"].clone());
    let templates = of(DefinitionKind::IndexTemplate)
        .filter(|(_, value)| is_about(value))
        .map(|(_, value)| value["template"]["mappings"].clone());
    let own =
        of(DefinitionKind::Index).filter(|(name, _)| indices.has(name)).map(|(_, value)| value["mappings"].clone());
    let all: Vec<serde_json::Value> = components.chain(old).chain(templates).chain(own).collect();
    Mappings::read(&all)
}
