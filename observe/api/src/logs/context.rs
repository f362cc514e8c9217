//! `/api/logs/context`: what the same resource logged before and after a record.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use vitrine_observe_columns::TextTest;
use vitrine_observe_store::model::{self, Attribute, FoundLog, LogCursor, LogField, LogFilter, LogQuery, LogTest};

use super::question::{limit, only, place, query};
use super::record::records;
use crate::error::Error;
use crate::params::Pairs;
use crate::queries::Reader;

/// Records on each side.
const USUAL_LIMIT: usize = 10;
/// Most records on each side.
const MAX_LIMIT: usize = 500;

/// Returns the records around one, in order of time, and its place among them.
pub(super) fn context(reader: &Reader, pairs: &Pairs) -> Result<Response, Error> {
    only(pairs, &["cursor", "query", "before", "after"])?;
    let cursor = place(pairs, "cursor")?.ok_or(Error::Required("cursor"))?;
    let query = query(pairs)?;
    let before = limit(pairs, "before", USUAL_LIMIT, MAX_LIMIT)?;
    let after = limit(pairs, "after", USUAL_LIMIT, MAX_LIMIT)?;
    let (found, at) = around(reader, cursor, query.log_filter(), (before, after))?;
    Ok(Json(json!({ "logs": records(&found, query.log_filter()), "at": at })).into_response())
}

/// Records of one resource around one of them, that meet a filter, in order of time; and its place among them.
pub(crate) fn around(
    reader: &Reader,
    cursor: LogCursor,
    filter: &LogFilter,
    (before, after): (usize, usize),
) -> Result<(Vec<FoundLog>, usize), Error> {
    let gone = || Error::Gone("the record is not there any more: expected the cursor of one that is kept");
    let engine = &reader.engine;
    let here = LogQuery {
        filter: LogFilter::everything(),
        start_ns: cursor.time_ns,
        end_ns: cursor.time_ns.saturating_add(1),
        newest_first: false,
        // The one before it, or all of this time.
        after: cursor.tie.checked_sub(1).map(|tie| LogCursor { tie, ..cursor }),
        limit: 1,
    };
    let mut found = engine.logs(&reader.tenant, &here)?;
    let line = found.pop().filter(|found| found.cursor == cursor).ok_or_else(gone)?;
    let filter = LogFilter::All(vec![same_resource(&line), filter.clone()]);
    let side = |newest_first: bool, limit: usize| {
        let (start_ns, end_ns) =
            if newest_first { (0, cursor.time_ns.saturating_add(1)) } else { (cursor.time_ns, u64::MAX) };
        let query = LogQuery { filter: filter.clone(), start_ns, end_ns, newest_first, after: Some(cursor), limit };
        engine.logs(&reader.tenant, &query)
    };
    let mut all = side(true, before)?;
    all.reverse();
    let at = all.len();
    all.push(line);
    all.extend(side(false, after)?);
    Ok((all, at))
}

/// What has the same service and the same attributes of its resource.
fn same_resource(found: &FoundLog) -> LogFilter {
    let service = LogFilter::equal(LogField::Service, found.row.service.as_str());
    let same = |Attribute { key, value }: &Attribute| {
        let field = LogField::Resource(key.clone());
        match value {
            model::Value::Empty => LogFilter::All(Vec::new()),
            value => LogFilter::Field(field, LogTest::Text(TextTest::Equal(value.text()))),
        }
    };
    LogFilter::All(std::iter::once(service).chain(found.row.resource.iter().map(same)).collect())
}
