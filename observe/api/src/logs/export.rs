//! `/api/logs/export`: any number of records, a line of JSON for each.
//!
//! It is read page by page, as whoever asked takes it: a reader that is slow holds no query's turn, and one page of memory.

use axum::body::Bytes;
use axum::response::Response;
use futures::stream;
use http::HeaderMap;
use vitrine_observe_store::QueryError;
use vitrine_observe_store::model::{LogCursor, LogFilter, LogQuery};

use super::lines;
use super::question::{Question, limit, newest_first, place};
use super::record::add_line;
use crate::error::Error;
use crate::params::{self, Pairs};
use crate::queries::{Queries, Reader};

/// Records that are read at a time; fewer where these need too much memory.
const PAGE_ROWS: usize = 2_000;
/// By what a page is smaller that needs less memory.
const LESS: usize = 4;

/// Returns records in order of time.
pub(super) async fn export(queries: Queries, headers: HeaderMap, pairs: Pairs) -> Result<Response, Error> {
    let read = move |_: &Reader| {
        let question = Question::read(&pairs, &["order", "after", "limit", "highlight"])?;
        let query = question.logs(newest_first(&pairs)?, place(&pairs, "after")?, PAGE_ROWS);
        let left = limit(&pairs, "limit", usize::MAX, usize::MAX)?;
        // Programs have no use for what is marked.
        let is_marked = params::flag(&pairs, "highlight")?;
        Ok((query, left, if is_marked { question.filter().clone() } else { LogFilter::everything() }))
    };
    let (query, left, marked) = queries.ask(&headers, read).await?;
    let mut pages = Pages { queries, headers, query: Some(query), left, marked };
    // What fails before the first record has an answer of its own.
    let first = pages.next().await?;
    let all = stream::unfold((first, pages), async |(first, mut pages)| {
        if let Some(piece) = first {
            return Some((Ok(piece), (None, pages)));
        }
        match pages.next().await {
            Ok(piece) => Some((Ok(piece?), (None, pages))),
            Err(error) => {
                pages.query = None;
                Some((Err(error), (None, pages)))
            }
        }
    });
    Ok(lines(all))
}

/// The pages that are still to come.
struct Pages {
    queries: Queries,
    headers: HeaderMap,
    /// The next one; none if there is none.
    query: Option<LogQuery>,
    /// Records that are still wanted.
    left: usize,
    /// What is marked in them.
    marked: LogFilter,
}

impl Pages {
    /// The lines of the next page; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(query) = &self.query {
            let asked = LogQuery { limit: query.limit.min(self.left), ..query.clone() };
            let marked = self.marked.clone();
            let work = move |reader: &Reader| {
                let found = reader.engine.logs(&reader.tenant, &asked)?;
                let mut out = String::new();
                found.iter().for_each(|found| add_line(&mut out, found, &marked));
                Ok((out, found.len(), found.last().map(|last| last.cursor)))
            };
            match self.queries.ask(&self.headers, work).await {
                Err(Error::Query(QueryError::TooMuch { .. })) if query.limit > 1 => {
                    let limit = (query.limit / LESS).max(1);
                    self.query = Some(LogQuery { limit, ..query.clone() });
                }
                Err(error) => return Err(error),
                Ok((lines, rows, last)) => {
                    self.left -= rows;
                    self.query = after(query, rows, last).filter(|_| self.left > 0);
                    return Ok((!lines.is_empty()).then(|| lines.into()));
                }
            }
        }
        Ok(None)
    }
}

/// What comes after a page; none after the last one.
fn after(query: &LogQuery, rows: usize, last: Option<LogCursor>) -> Option<LogQuery> {
    last.filter(|_| rows == query.limit).map(|last| LogQuery { after: Some(last), ..query.clone() })
}
