//! One document in a request.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use vitrine_kit::id;
use vitrine_observe_store::Signal;
use vitrine_observe_store::model::elastic::{ID_ATTRIBUTE, INDEX, PIPELINE_ATTRIBUTE, ROUTING_ATTRIBUTE};

use super::answer::{self, Failed, Refused};
use super::items::taken;
use super::{Elastic, Parameters};
use crate::body::Encodings;
use crate::budget::{Budget, Buffer};
use crate::document::{About, Documents, value};
use crate::intake::now_ns;

/// `POST /{index}/_doc`
pub(super) async fn without_id(
    State(elastic): State<Elastic>,
    Path(index): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&elastic, index, id::new("doc"), query.as_deref(), &headers, body).await
}

/// `PUT /{index}/_doc/{id}`: added, whether there is one of this id or not.
pub(super) async fn with_id(
    State(elastic): State<Elastic>,
    Path((index, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&elastic, index, id, query.as_deref(), &headers, body).await
}

/// `PUT /{index}/_create/{id}`, the same.
pub(super) async fn created(
    elastic: State<Elastic>,
    path: Path<(String, String)>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    with_id(elastic, path, query, headers, body).await
}

async fn respond(
    elastic: &Elastic,
    index: String,
    id: String,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let said = format!("{{{}}}", taken(&index, &id));
    match take(elastic, index, id, Parameters::read(query), headers, body).await {
        Ok(()) => (StatusCode::CREATED, [(header::CONTENT_TYPE, answer::JSON)], said).into_response(),
        Err(failed) => failed.into_response(),
    }
}

async fn take(
    elastic: &Elastic,
    index: String,
    id: String,
    parameters: Parameters,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Failed> {
    let tenant = elastic.writer(headers)?;
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let body = elastic.intake.read(headers, body).await?;
    let now_ns = now_ns();
    let work = move |budget: &Budget, plain: Buffer| {
        let sent = String::from_utf8_lossy(&plain.bytes);
        let document = match value::read(&sent) {
            Ok(document) => document,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut beside = vec![(ID_ATTRIBUTE, id.as_str())];
        beside.extend(parameters.routing.as_deref().map(|routing| (ROUTING_ATTRIBUTE, routing)));
        beside.extend(parameters.pipeline.as_deref().map(|pipeline| (PIPELINE_ATTRIBUTE, pipeline)));
        let mut documents = Documents::new(budget, now_ns);
        let about = About { scope: &[(INDEX, &index)], beside: &beside, time_ns: None, sent: Some(sent.trim()) };
        documents.put(about, &document)?;
        documents.finish().map(Ok)
    };
    let records = elastic.intake.work(encodings, body, 0, work).await?;
    let malformed = |reason| Refused::new(StatusCode::BAD_REQUEST, "document_parsing_exception", reason);
    elastic.intake.write(&tenant, Signal::Logs, records.map_err(malformed)?).await?;
    Ok(())
}
