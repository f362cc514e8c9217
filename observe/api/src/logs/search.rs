//! `/api/logs`: records in order of time, a page at a time.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vitrine_kit::clock::rfc3339_ns;

use super::question::{Question, limit, newest_first, place};
use super::record::{Record, cursor_text, records};
use crate::error::Error;
use crate::params::Pairs;
use crate::queries::Reader;

/// Records of a page.
const USUAL_LIMIT: usize = 100;
/// Most records of a page; `/api/logs/export` returns any number.
const MAX_LIMIT: usize = 5_000;

/// A page of records.
#[derive(Serialize)]
struct Page<'a> {
    query: String,
    start: String,
    end: String,
    logs: Vec<Record<'a>>,
    /// The cursor after which the next page begins.
    next: Option<String>,
}

/// Returns a page of records, and where the next begins.
pub(super) fn search(reader: &Reader, pairs: &Pairs) -> Result<Response, Error> {
    let question = Question::read(pairs, &["limit", "order", "after"])?;
    let limit = limit(pairs, "limit", USUAL_LIMIT, MAX_LIMIT)?;
    let query = question.logs(newest_first(pairs)?, place(pairs, "after")?, limit);
    let found = reader.engine.logs(&reader.tenant, &query)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| cursor_text(last.cursor));
    let page = Page {
        query: question.query.to_string(),
        start: rfc3339_ns(question.start_ns),
        end: rfc3339_ns(question.end_ns),
        logs: records(&found, question.filter()),
        next,
    };
    Ok(Json(page).into_response())
}
