//! `POST /api/compare`: what is different about some spans.
//!
//! Two visits of spans: the first counts the values of every attribute among those selected and the others, over codes of dictionaries; the
//! second looks which of the best values pick the same spans. Then some traces of both are walked for where their time went.

mod fold;
mod known;
mod request;
mod score;
mod tally;
mod time;
#[cfg(test)]
mod trial;
mod values;

use std::collections::HashSet;
use std::ops::ControlFlow;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use vitrine_observe_columns::ATTRIBUTE_PREFIX;
use vitrine_observe_store::{NOT_ASKED, SpanChunk, SpanVisit};

use crate::error::Error;
use crate::queries::{Queries, Reader};
use crate::spans::{self, Waiting};

use fold::Folding;
use request::Comparison;
use score::Differences;
use tally::{BASELINE, SELECTED, Tallies};
use time::{Chosen, TimeComparison};
use values::{Key, visit_values};

/// Most spans that are compared; of more, a sample by trace.
const MAX_SPANS: u64 = 1_000_000;
/// Largest body: two queries of the longest kind, with room for what JSON adds.
const MAX_BODY_BYTES: usize = 128 * 1024;
/// The type of bodies. A page of any site may send text and forms without asking first; this it may not.
const JSON: &str = "application/json";
/// What is read of spans to compare them.
const READ: [&str; 10] = [
    "trace_id",
    "service",
    "name",
    "kind",
    "status",
    "status_message",
    "resource",
    ATTRIBUTE_PREFIX,
    "attributes",
    "events",
];

/// The route.
pub(crate) fn compare() -> MethodRouter<Queries> {
    post(answer).layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

async fn answer(State(queries): State<Queries>, headers: HeaderMap, body: Bytes) -> Response {
    let found = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or_default());
    if !found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(JSON) {
        let found: String = found.chars().take(64).collect();
        let message = format!("Content-Type {found:?} is not taken");
        return Error::Around { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, message, expected: JSON }.plain();
    }
    spans::answer(&queries, &headers, move |reader, waiting| {
        compared(reader, waiting, &Comparison::read(&body)?).map(Json)
    })
    .await
}

/// The answer.
#[derive(Debug, Serialize)]
struct CompareResponse {
    spans: Spans,
    /// Which part of all spans was compared.
    sample: f64,
    sampled: bool,
    #[serde(flatten)]
    differences: Differences,
    time: Option<TimeComparison>,
}

/// How many spans were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Spans {
    selected: u32,
    baseline: u32,
}

fn compared(reader: &Reader, waiting: &Waiting, asked: &Comparison) -> Result<CompareResponse, Error> {
    let parts = asked.parts();
    let halvings = reader.engine.halvings(&reader.tenant, &parts, MAX_SPANS)?;
    let columns = READ.map(str::to_owned).to_vec();
    let visit = SpanVisit { parts, columns, halvings };
    let (mut tallies, mut chosen) = (Tallies::new(), Chosen::default());
    visit_all(reader, waiting, &visit, &mut |chunk| {
        tallies.count_spans(chunk.parts);
        visit_values(chunk, None, &mut |of, name, values| tallies.count(of, name, values, chunk.parts));
        if asked.time {
            chosen.add(chunk);
        }
    })?;
    let mut differences = Differences::of(&tallies, asked.show_varied);
    let picks = differences.picks();
    let mut folding = Folding::new(&picks, tallies.seed());
    let keys: HashSet<Key> = picks.iter().map(|(key, _)| (*key).clone()).collect();
    let columns = keys.iter().flat_map(Key::columns).collect::<HashSet<String>>().into_iter().collect();
    if keys.len() > 1 {
        visit_all(reader, waiting, &SpanVisit { columns, ..visit }, &mut |chunk| folding.mark(chunk, &keys))?;
    }
    let same = folding.same();
    differences.fold(&same);
    let time = asked.time.then(|| time::compared(reader, waiting, chosen, halvings > 0)).transpose()?;
    let [selected, baseline] = [SELECTED, BASELINE].map(|part| tallies.spans(part));
    let sample = 0.5f64.powi(halvings.cast_signed());
    Ok(CompareResponse { spans: Spans { selected, baseline }, sample, sampled: halvings > 0, differences, time })
}

/// Visits all spans, while someone waits.
fn visit_all(
    reader: &Reader,
    waiting: &Waiting,
    asked: &SpanVisit,
    visit: &mut dyn FnMut(&SpanChunk<'_>),
) -> Result<(), Error> {
    reader.engine.visit_spans(&reader.tenant, asked, &mut |chunk| -> ControlFlow<()> {
        visit(chunk);
        waiting.flow()
    })?;
    waiting.check()
}

/// Whether a row is compared, and of which part it is.
fn part(parts: &[u8], row: usize) -> Option<usize> {
    parts.get(row).filter(|part| **part != NOT_ASKED).map(|part| usize::from(*part))
}
