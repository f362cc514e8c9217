//! Searches, one or many, and those that are gone on with.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};
use vitrine_observe_search::elastic::SearchError;

use super::body::{bytes, object, searches, with_parameters};
use super::response::{Answered, acknowledged, failed};
use super::{Elastic, Question, index_set};
use crate::params::{Pairs, get};
use crate::time::{NANOS_PER_MILLI, now_ns};

/// How long an answer that is kept nowhere is said to be there, in milliseconds.
const ASYNC_MS: u64 = 60_000;

/// The index of a path, if it has one.
pub(super) type Index = Option<Path<String>>;

pub(super) fn named(index: Index) -> Option<String> {
    index.map(|Path(index)| index)
}

/// A body as JSON, or the answer that says why it is none.
async fn read(headers: &HeaderMap, body: Body, pairs: &Pairs) -> Result<Value, Response> {
    let read = bytes(headers, body).await.and_then(|bytes| with_parameters(object(&bytes)?, pairs));
    read.map_err(|error| failed(&error.into()))
}

/// Runs a search, of indices or of what a point in time names; the first of a scroll with its id.
fn answer(question: &Question<'_>, body: &Value) -> Result<Value, SearchError> {
    let searcher = &question.searcher;
    match get(question.pairs, "scroll") {
        Some(_) => searcher.start_scroll(&question.indices, body),
        None => searcher.search(&question.indices, body),
    }
}

pub(super) async fn search(
    State(state): State<Elastic>,
    index: Index,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match read(&headers, body, &pairs).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    state.ask(&headers, pairs, named(index), move |question| Ok(Answered::Timed(answer(question, &body)?))).await
}

/// Many searches: what is wrong with one is said in its place.
pub(super) async fn many(
    State(state): State<Elastic>,
    index: Index,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let all = match bytes(&headers, body).await.and_then(|bytes| searches(&bytes)) {
        Ok(all) => all,
        Err(error) => return failed(&error.into()),
    };
    let work = move |question: &Question<'_>| {
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
    state.ask(&headers, pairs, named(index), work).await
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

pub(super) async fn count(
    State(state): State<Elastic>,
    index: Index,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let query: Pairs =
        pairs.iter().filter(|(name, _)| !["size", "from", "sort"].contains(&name.as_str())).cloned().collect();
    let body = match read(&headers, body, &query).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let work = move |question: &Question<'_>| Ok(Answered::Json(question.searcher.count(&question.indices, &body)?));
    state.ask(&headers, pairs, named(index), work).await
}

pub(super) async fn scroll(
    State(state): State<Elastic>,
    id: Index,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match bytes(&headers, body).await.and_then(|bytes| object(&bytes)) {
        Ok(body) => body,
        Err(error) => return failed(&error.into()),
    };
    let work = move |question: &Question<'_>| {
        let id = body.get("scroll_id").and_then(Value::as_str).or(get(question.pairs, "scroll_id"));
        let id = id.ok_or_else(|| SearchError::IllegalArgument("scrollId is missing".into()))?;
        Ok(Answered::Timed(question.searcher.scroll(id)?))
    };
    state.ask(&headers, with_id(pairs, id), None, work).await
}

/// Puts the id of a path among the parameters, of which it is one, too.
fn with_id(mut pairs: Pairs, id: Index) -> Pairs {
    pairs.extend(named(id).map(|id| ("scroll_id".to_owned(), id)));
    pairs
}

/// Nothing is kept of a scroll, so there is nothing to free.
pub(super) async fn clear_scroll(
    State(state): State<Elastic>,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    state.ask(&headers, pairs, None, |_| Ok(Answered::Json(acknowledged()))).await
}

pub(super) async fn open_point_in_time(
    State(state): State<Elastic>,
    index: Index,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    let work = |question: &Question<'_>| Ok(Answered::Json(question.searcher.open_point_in_time(&question.indices)?));
    state.ask(&headers, pairs, named(index), work).await
}

pub(super) async fn close_point_in_time(
    State(state): State<Elastic>,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    state.ask(&headers, pairs, None, |_| Ok(Answered::Json(acknowledged()))).await
}

/// An asynchronous search is answered at once: there is nothing to come back for.
pub(super) async fn at_once(
    State(state): State<Elastic>,
    index: Index,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match read(&headers, body, &pairs).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let began_ms = now_ns() / NANOS_PER_MILLI;
    let work = move |question: &Question<'_>| {
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
    state.ask(&headers, pairs, named(index), work).await
}

pub(super) async fn no_async(
    State(state): State<Elastic>,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    state.ask(&headers, pairs, None, |_| Err(SearchError::NotFound(id))).await
}
