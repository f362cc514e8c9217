//! What is asked about spans in columns: which of them, and only as long as someone waits for the answer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use vitrine_observe_search::people;
use vitrine_observe_store::TraceQuery;

use crate::error::Error;
use crate::queries::{Canceling, Queries, Reader};

/// Bounds of spans: their start in nanoseconds since 1970, before the end, and their duration in nanoseconds, inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SpanBounds {
    pub start_ns: u64,
    pub end_ns: u64,
    pub min_duration_ns: Option<u64>,
    pub max_duration_ns: Option<u64>,
}

impl SpanBounds {
    /// Spans within these bounds.
    pub(crate) fn query(self) -> TraceQuery {
        TraceQuery {
            start_min_ns: Some(self.start_ns),
            // Nothing starts before the beginning of time.
            start_max_ns: Some(self.end_ns.saturating_sub(1)),
            min_duration_ns: self.min_duration_ns,
            max_duration_ns: self.max_duration_ns,
            ..TraceQuery::default()
        }
    }

    /// Whether no span can be within them.
    pub(crate) fn is_empty(self) -> bool {
        self.start_ns >= self.end_ns
            || self.max_duration_ns.is_some_and(|max| self.min_duration_ns.is_some_and(|min| min > max))
    }
}

/// What a query text asks of one span. `field` is where it was read.
pub(crate) fn of_query(field: &str, query: &people::Query) -> Result<TraceQuery, Error> {
    query.trace_query().map_err(|error| Error::Question(format!("{field}: {error}")))
}

/// Whether only spans without a parent are asked for: `all` unless it is `roots`.
pub(crate) fn roots(field: &str, text: Option<&str>) -> Result<bool, Error> {
    match text {
        None | Some("all") => Ok(false),
        Some("roots") => Ok(true),
        Some(other) => {
            let other: String = other.chars().take(32).collect();
            Err(Error::Question(format!("{field}: {other:?} found; expected all or roots")))
        }
    }
}

/// Whether someone still waits for an answer.
#[derive(Clone)]
pub(crate) struct Waiting(Arc<AtomicBool>);

impl Waiting {
    fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Nobody waits any more.
    fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Breaks a visit off when nobody does.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Fails when nobody does.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.flow().is_continue() { Ok(()) } else { Err(Error::Stopped) }
    }
}

/// Returns the answer of a query that stops soon after its asker has gone.
pub(crate) async fn answer<T: IntoResponse>(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader, &Waiting) -> Result<T, Error> + Send + 'static,
) -> Response {
    let waiting = Waiting::new();
    let asked = waiting.clone();
    let _canceling = Canceling(move || asked.end());
    let answer = queries.ask(headers, move |reader| Ok(work(reader, &waiting)?.into_response())).await;
    answer.unwrap_or_else(|error| error.plain())
}

#[cfg(test)]
mod tests {
    use super::{SpanBounds, Waiting, roots};
    use crate::queries::Canceling;

    #[test]
    fn work_ends_when_its_asker_has_gone() {
        let waiting = Waiting::new();
        let asked = waiting.clone();
        let asker = Canceling(move || asked.end());
        assert!(waiting.flow().is_continue() && waiting.check().is_ok());
        drop(asker);
        assert!(waiting.flow().is_break() && waiting.check().is_err());
    }

    #[test]
    fn bounds_that_nothing_meets_are_known() {
        let bounds = SpanBounds { start_ns: 5, end_ns: 6, ..SpanBounds::default() };
        assert!(!bounds.is_empty());
        assert!(SpanBounds { end_ns: 5, ..bounds }.is_empty());
        assert!(SpanBounds { min_duration_ns: Some(2), max_duration_ns: Some(1), ..bounds }.is_empty());
        assert_eq!(bounds.query().start_max_ns, Some(5));
    }

    #[test]
    fn spans_are_all_or_roots() {
        assert_eq!(roots("spans", None), Ok(false));
        assert_eq!(roots("spans", Some("roots")), Ok(true));
        let error = roots("spans", Some("leaves")).expect_err("refused").to_string();
        assert_eq!(error, "spans: \"leaves\" found; expected all or roots");
    }
}
