//! Searches, one or many, and those that are gone on with.

use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};
use vitrine_observe_search::elastic::SearchError;

use super::body::{Searches, object, search_of, searches};
use super::response::{Answered, acknowledged};
use super::{ElasticRequest, Question, index_set};
use crate::params::{Pairs, get};
use crate::time::{NANOS_PER_MILLI, now_ns};

/// How long an answer that is kept nowhere is said to be there, in milliseconds.
const ASYNC_MS: u64 = 60_000;

/// Runs a search, of indices or of what a point in time names; the first of a scroll with its id.
fn answer(question: &Question<'_>, body: &Value) -> Result<Value, SearchError> {
    let searcher = &question.searcher;
    match get(question.pairs, "scroll") {
        Some(_) => searcher.start_scroll(&question.indices, body),
        None => searcher.search(&question.indices, body),
    }
}

pub(super) async fn search(asked: ElasticRequest, body: Body) -> Response {
    asked.ask_with(body, search_of, |question, body| Ok(Answered::Timed(answer(question, &body)?))).await
}

/// Many searches: what is wrong with one is said in its place.
pub(super) async fn many(asked: ElasticRequest, body: Body) -> Response {
    let read = |bytes: &[u8], _: &Pairs| searches(bytes);
    let work = |question: &Question<'_>, all: Searches| {
        let responses = all.into_iter().map(|(header, body)| {
            let began_ns = now_ns();
            let answer = body.and_then(|body| one_of_many(question, &header, &body));
            match answer {
                Ok(mut answer) => {
                    answer["took"] = (now_ns().saturating_sub(began_ns) / NANOS_PER_MILLI).into();
                    answer["status"] = 200.into();
                    answer
                }
                Err(error) => error.json(),
            }
        });
        Ok(Answered::Timed(json!({ "responses": responses.collect::<Vec<_>>() })))
    };
    asked.ask_with(body, read, work).await
}

fn one_of_many(question: &Question<'_>, header: &Value, body: &Value) -> Result<Value, SearchError> {
    let names = match header.get("index").or(header.get("indices")) {
        None | Some(Value::Null) => question.index.to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        Some(other) => {
            return Err(SearchError::Parsing(format!("[index] is {other}; expected a name or a list of names")));
        }
    };
    let mut pairs = question.pairs.clone();
    for key in ["ignore_unavailable", "allow_no_indices"] {
        if let Some(flag) = header.get(key).and_then(Value::as_bool) {
            pairs.insert(0, (key.to_owned(), flag.to_string()));
        }
    }
    question.searcher.search(&index_set(&names, &pairs)?, body)
}

pub(super) async fn count(asked: ElasticRequest, body: Body) -> Response {
    let read = |bytes: &[u8], pairs: &Pairs| {
        let is_counted = |(name, _): &&(String, String)| !["size", "from", "sort"].contains(&name.as_str());
        search_of(bytes, &pairs.iter().filter(is_counted).cloned().collect())
    };
    let work = |question: &Question<'_>, body| Ok(Answered::Json(question.searcher.count(&question.indices, &body)?));
    asked.ask_with(body, read, work).await
}

pub(super) async fn scroll(asked: ElasticRequest, body: Body) -> Response {
    let work = |question: &Question<'_>, body: Value| {
        let id = body.get("scroll_id").and_then(Value::as_str).or(get(question.pairs, "scroll_id")).or(question.id);
        let id = id.ok_or_else(|| SearchError::IllegalArgument("scrollId is missing".into()))?;
        Ok(Answered::Timed(question.searcher.scroll(id)?))
    };
    asked.ask_with(body, |bytes, _| object(bytes), work).await
}

/// Nothing is kept of a scroll or of a point in time, so there is nothing to free.
pub(super) async fn freed(asked: ElasticRequest) -> Response {
    asked.ask(|_| Ok(Answered::Json(acknowledged()))).await
}

pub(super) async fn open_point_in_time(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| Ok(Answered::Json(question.searcher.open_point_in_time(&question.indices)?));
    asked.ask(work).await
}

/// An asynchronous search is answered at once: there is nothing to come back for.
pub(super) async fn at_once(asked: ElasticRequest, body: Body) -> Response {
    let read = |bytes: &[u8], pairs: &Pairs| Ok((search_of(bytes, pairs)?, now_ns() / NANOS_PER_MILLI));
    let work = |question: &Question<'_>, (body, began_ms): (Value, u64)| {
        let mut response = question.searcher.search(&question.indices, &body)?;
        let now_ms = now_ns() / NANOS_PER_MILLI;
        response["took"] = now_ms.saturating_sub(began_ms).into();
        Ok(Answered::Json(json!({
            "is_partial": false,
            "is_running": false,
            "start_time_in_millis": began_ms,
            "completion_time_in_millis": now_ms,
            "expiration_time_in_millis": now_ms + ASYNC_MS,
            "response": response,
        })))
    };
    asked.ask_with(body, read, work).await
}

pub(super) async fn no_async(asked: ElasticRequest) -> Response {
    asked.ask(|question| Err(SearchError::NotFound(question.id.unwrap_or_default().to_owned()))).await
}
