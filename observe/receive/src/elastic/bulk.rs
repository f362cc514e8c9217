//! `_bulk`: lines of JSON, an action and its document in turn.

use std::borrow::Cow;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use vitrine_kit::id;
use vitrine_observe_store::Signal;
use vitrine_observe_store::model::elastic::{ID_ATTRIBUTE, INDEX, PIPELINE_ATTRIBUTE, ROUTING_ATTRIBUTE};

use super::answer::{self, Failed, Refused};
use super::items::{Action, Items};
use super::{Elastic, Parameters};
use crate::body::Encodings;
use crate::budget::{Budget, Buffer};
use crate::document::value::{self, Object, Value};
use crate::document::{About, Documents};
use crate::error::Error;
use crate::intake::now_ns;

/// What a request says beside its body.
struct Request {
    index: Option<String>,
    parameters: Parameters,
    now_ns: u64,
}

/// A line that says what to do with the next one.
struct ActionLine<'a> {
    action: Action,
    index: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    routing: Option<Cow<'a, str>>,
    pipeline: Option<Cow<'a, str>>,
}

/// `POST /_bulk`
pub(super) async fn all(
    State(elastic): State<Elastic>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&elastic, None, query.as_deref(), &headers, body).await
}

/// `POST /{index}/_bulk`
pub(super) async fn of_index(
    State(elastic): State<Elastic>,
    Path(index): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&elastic, Some(index), query.as_deref(), &headers, body).await
}

async fn respond(
    elastic: &Elastic,
    index: Option<String>,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let begun = Instant::now();
    let request = Request { index, parameters: Parameters::read(query), now_ns: now_ns() };
    match take(elastic, request, headers, body).await {
        Ok(items) => {
            let answer = items.answer(begun.elapsed().as_millis());
            (StatusCode::OK, [(header::CONTENT_TYPE, answer::JSON)], answer).into_response()
        }
        Err(failed) => failed.into_response(),
    }
}

async fn take(elastic: &Elastic, request: Request, headers: &HeaderMap, body: Body) -> Result<Items, Failed> {
    let tenant = elastic.writer(headers)?;
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let body = elastic.intake.read(headers, body).await?;
    let work = move |budget: &Budget, plain: Buffer| match rewrite(budget, &request, &plain.bytes) {
        Ok(rewritten) => Ok(Ok(rewritten)),
        Err(Failed::Refused(refused)) => Ok(Err(refused)),
        Err(Failed::Around(error)) => Err(error),
    };
    let (records, items) = elastic.intake.work(encodings, body, 0, work).await??;
    if !records.bytes.is_empty() {
        elastic.intake.write(&tenant, Signal::Logs, records).await?;
    }
    Ok(items)
}

/// The request of log records, and the items of the answer. What is wrong with an action is an error of the whole, before anything is
/// written; what is wrong with a document is its own.
fn rewrite(budget: &Budget, request: &Request, body: &[u8]) -> Result<(Buffer, Items), Failed> {
    let mut documents = Documents::new(budget, request.now_ns);
    let mut items = Items::new(budget, &request.parameters.filter_path);
    let made_up = id::new("bulk");
    let mut lines = body.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    while let Some((place, line)) = lines.next() {
        let line = String::from_utf8_lossy(line);
        let line = ActionLine::read(&line, place + 1)?;
        let Some(index) = line.index.as_deref().or(request.index.as_deref()).filter(|index| !index.is_empty()) else {
            let reason = format!("Validation Failed: {}: index is missing;", items.count() + 1);
            return Err(Refused::new(StatusCode::BAD_REQUEST, "action_request_validation_exception", reason).into());
        };
        let sent = match line.action {
            Action::Delete => None,
            _ => lines.next().map(|(_, sent)| String::from_utf8_lossy(sent)),
        };
        let id = line.id.as_deref();
        match (line.action, sent) {
            (Action::Create | Action::Index, Some(sent)) => match value::read(&sent) {
                Ok(document) => {
                    put(&mut documents, request, &line, index, &document, sent.trim())?;
                    match id {
                        Some(id) => items.taken(line.action, index, id)?,
                        None => items.taken(line.action, index, &format!("{made_up}{}", items.count()))?,
                    }
                }
                Err(error) => {
                    items.refused(line.action, index, id, "document_parsing_exception", &error.to_string())?;
                }
            },
            (Action::Create | Action::Index, None) => {
                let reason = "the line with the document is missing";
                items.refused(line.action, index, id, "document_parsing_exception", reason)?;
            }
            (Action::Update | Action::Delete, _) => {
                let reason = "log records are only added; expected create or index";
                items.refused(line.action, index, id, "illegal_argument_exception", reason)?;
            }
        }
    }
    if items.count() == 0 {
        let reason = "Validation Failed: 1: no requests added;";
        return Err(Refused::new(StatusCode::BAD_REQUEST, "action_request_validation_exception", reason).into());
    }
    Ok((documents.finish()?, items))
}

fn put(
    documents: &mut Documents,
    request: &Request,
    line: &ActionLine<'_>,
    index: &str,
    document: &Object<'_>,
    sent: &str,
) -> Result<(), Error> {
    let parameters = &request.parameters;
    let routing = line.routing.as_deref().or(parameters.routing.as_deref());
    let pipeline = line.pipeline.as_deref().or(parameters.pipeline.as_deref());
    let beside: Vec<(&str, &str)> =
        [(ID_ATTRIBUTE, line.id.as_deref()), (ROUTING_ATTRIBUTE, routing), (PIPELINE_ATTRIBUTE, pipeline)]
            .into_iter()
            .filter_map(|(key, value)| value.map(|value| (key, value)))
            .collect();
    let about = About { scope: &[(INDEX, index)], beside: &beside, time_ns: None, sent: Some(sent) };
    documents.put(about, document)
}

impl<'a> ActionLine<'a> {
    fn read(line: &'a str, number: usize) -> Result<Self, Refused> {
        let malformed = |expected: &str| {
            let reason = format!("Malformed action/metadata line [{number}], expected {expected}");
            Refused::new(StatusCode::BAD_REQUEST, "illegal_argument_exception", reason)
        };
        let object = value::read(line).map_err(|_| malformed("an object of JSON"))?;
        let mut entries = object.into_iter();
        let Some((name, about)) = entries.next() else {
            return Err(malformed("one field [create], [delete], [index] or [update]"));
        };
        // What else stands there is ignored, as Elasticsearch ignores it: winston-elasticsearch counts its attempts there.
        if entries.any(|(name, _)| Action::of(&name).is_some()) {
            return Err(malformed("one field [create], [delete], [index] or [update]"));
        }
        let Some(action) = Action::of(&name) else {
            return Err(malformed("field [create], [delete], [index] or [update] but found another"));
        };
        let mut found = Self { action, index: None, id: None, routing: None, pipeline: None };
        match about {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match &*key {
                        "_index" => found.index = text(value),
                        "_id" => found.id = text(value),
                        "routing" | "_routing" => found.routing = text(value),
                        "pipeline" => found.pipeline = text(value),
                        // Versions and conditions say nothing about what is only added.
                        _ => {}
                    }
                }
            }
            Value::Null => {}
            _ => return Err(malformed("an object behind the action")),
        }
        Ok(found)
    }
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(text),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}
