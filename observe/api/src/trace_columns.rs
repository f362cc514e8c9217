//! `GET /api/traces/{id}/columns`: a large trace as arrays, for who draws it; and `GET /api/traces/{id}/spans/{span_id}`: one span of it whole.

pub(crate) mod critical_path;
mod detail;
pub(crate) mod tree;

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use serde::Serialize;
use vitrine_observe_store::model::{SpanId, SpanKind, TraceId};
use vitrine_observe_store::{Outlines, SpanOutline, TraceOutline};

use crate::error::Error;
use crate::params;
use crate::queries::{Queries, Reader};
use crate::spans;

use critical_path::critical_path;
use tree::{Problem, Tree};

/// Most spans that are told of a trace.
const MAX_SPANS: usize = 100_000;

/// The routes.
pub(crate) fn routes() -> Router<Queries> {
    Router::new().route("/api/traces/{id}/columns", get(columns)).route("/api/traces/{id}/spans/{span_id}", get(span))
}

async fn columns(State(queries): State<Queries>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    spans::answer(&queries, &headers, move |reader, _| columns_of(reader, params::trace_id("trace id", &id)?)).await
}

async fn span(
    State(queries): State<Queries>,
    headers: HeaderMap,
    Path((id, span)): Path<(String, String)>,
) -> Response {
    spans::answer(&queries, &headers, move |reader, _| {
        let id = params::trace_id("trace id", &id)?;
        let span = SpanId::parse(&span).map_err(|error| Error::parameter("span id", error.to_string()))?;
        detail::answer(reader, id, span)
    })
    .await
}

/// The answer. Each array of `columns` has an entry for each span; times are in nanoseconds after `start_ns`.
#[derive(Debug, Serialize)]
struct TraceColumns {
    trace_id: String,
    start_ns: String,
    duration_ns: u64,
    spans: usize,
    total: usize,
    services: Vec<String>,
    names: Vec<String>,
    kinds: [&'static str; SpanKind::ALL.len()],
    messages: Vec<String>,
    columns: SpanArrays,
    critical_path: PathArrays,
    problems: Vec<Problem>,
}

#[derive(Debug, Default, Serialize)]
struct SpanArrays {
    id: Vec<String>,
    parent: Vec<i64>,
    service: Vec<usize>,
    name: Vec<usize>,
    start: Vec<u64>,
    duration: Vec<u64>,
    kind: Vec<u8>,
    error: Vec<u8>,
    message: Vec<i64>,
}

/// What the trace waited for, in order of time.
#[derive(Debug, Default, Serialize)]
struct PathArrays {
    span: Vec<usize>,
    start: Vec<u64>,
    end: Vec<u64>,
    likely: Vec<u8>,
}

/// Texts in order of appearance, by their places elsewhere.
#[derive(Default)]
struct Texts {
    places: HashMap<u32, usize>,
    texts: Vec<String>,
}

impl Texts {
    fn place(&mut self, code: u32, outlines: &Outlines) -> usize {
        *self.places.entry(code).or_insert_with(|| {
            self.texts.push(outlines.texts.text(code).to_owned());
            self.texts.len() - 1
        })
    }
}

fn columns_of(reader: &Reader, id: TraceId) -> Result<Json<TraceColumns>, Error> {
    let outlines = reader.engine.outlines(&reader.tenant, &[id], MAX_SPANS)?;
    let trace = outlines.traces.first().ok_or(Error::TraceNotFound(id))?;
    Ok(Json(of_trace(trace, &outlines)))
}

fn of_trace(trace: &TraceOutline, outlines: &Outlines) -> TraceColumns {
    let tree = Tree::of(&trace.spans);
    let start_ns = tree.spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end_ns = tree.spans.iter().map(SpanOutline::end_ns).max().unwrap_or(0);
    let (mut services, mut names, mut messages) = (Texts::default(), Texts::default(), Texts::default());
    let mut columns = SpanArrays::default();
    for (span, parent) in tree.spans.iter().zip(&tree.parents) {
        columns.id.push(span.id.to_string());
        columns.parent.push(parent.map_or(-1, |parent| parent as i64));
        columns.service.push(services.place(span.service, outlines));
        columns.name.push(names.place(span.name, outlines));
        columns.start.push(span.start_ns - start_ns);
        columns.duration.push(span.duration_ns);
        columns.kind.push(span.kind as u8);
        columns.error.push(u8::from(span.failed));
        columns.message.push(span.message.map_or(-1, |message| messages.place(message, outlines) as i64));
    }
    let mut path = PathArrays::default();
    for piece in critical_path(&tree) {
        path.span.push(piece.row);
        path.start.push(piece.start_ns - start_ns);
        path.end.push(piece.end_ns - start_ns);
        path.likely.push(u8::from(piece.is_likely));
    }
    TraceColumns {
        trace_id: trace.id.to_string(),
        start_ns: start_ns.to_string(),
        duration_ns: end_ns - start_ns,
        spans: tree.spans.len(),
        total: trace.total,
        services: services.texts,
        names: names.texts,
        kinds: SpanKind::ALL.map(SpanKind::full_name),
        messages: messages.texts,
        columns,
        critical_path: path,
        problems: tree.problems(),
    }
}
