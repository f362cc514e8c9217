//! `GET /api/heatmap`: spans counted by time and duration.
//!
//! Columns are equal parts of the time, rows quarter octaves of the duration: row `r` begins at `2^(r/4)` nanoseconds, rounded up, so that a
//! box of cells is a condition on whole nanoseconds.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use vitrine_observe_store::model::StatusCode;
use vitrine_observe_store::{NOT_ASKED, SpanChunk, SpanQuery, SpanVisit};

use crate::error::Error;
use crate::logs::Question;
use crate::params::{self, Pairs};
use crate::queries::{Queries, Reader};
use crate::spans::{self, SpanBounds, Waiting};

/// Columns of a map, unless its time has fewer nanoseconds.
const COLUMNS: u64 = 120;
/// Rows of an octave.
const QUARTERS: u32 = 4;
/// Rows that durations of 63 bits can have.
const ROWS: usize = 63 * QUARTERS as usize;
/// Parameters beside the query and the time.
const OTHERS: [&str; 3] = ["spans", "min_duration", "max_duration"];
/// What is read of spans.
const READ: [&str; 3] = ["start", "duration", "status"];

/// Where each row begins, in nanoseconds; the last entry ends the last row.
static BOUNDS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let bound = |row: usize| match row as u32 % QUARTERS {
        0 => 1 << (row as u32 / QUARTERS),
        _ => 2f64.powf(row as f64 / f64::from(QUARTERS)).ceil() as u64,
    };
    (0..=ROWS).map(bound).collect()
});

/// The row of a duration; one of less than a nanosecond is in the first.
fn row(duration_ns: u64, bounds: &[u64]) -> usize {
    let duration = duration_ns.max(1);
    let octave = (duration.ilog2() * QUARTERS) as usize;
    let within = (1..QUARTERS as usize).filter(|quarter| duration >= bounds[octave + quarter]).count();
    (octave + within).min(ROWS - 1)
}

/// What is counted in a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    spans: u64,
    errors: u64,
}

/// Counts while they grow.
struct Counting {
    bounds: SpanBounds,
    column_ns: u64,
    columns: u64,
    /// Column by column, [`ROWS`] of each.
    cells: Vec<Cell>,
}

impl Counting {
    fn new(bounds: SpanBounds) -> Self {
        let time = bounds.end_ns.saturating_sub(bounds.start_ns);
        let column_ns = time.div_ceil(COLUMNS).max(1);
        let columns = time.div_ceil(column_ns);
        Self { bounds, column_ns, columns, cells: vec![Cell::default(); columns as usize * ROWS] }
    }

    fn add(&mut self, chunk: &SpanChunk<'_>) {
        let [starts, durations, statuses] = READ.map(|name| chunk.columns.ints(name).unwrap_or_default());
        let (bounds, error) = (BOUNDS.as_slice(), StatusCode::Error as i64);
        let asked = chunk.parts.iter().enumerate().filter(|(_, part)| **part != NOT_ASKED);
        for (place, _) in asked {
            let start = u64::try_from(starts[place]).unwrap_or(0);
            let column = start.saturating_sub(self.bounds.start_ns) / self.column_ns;
            let duration = u64::try_from(durations[place]).unwrap_or(0);
            if let Some(cell) = self.cells.get_mut(column as usize * ROWS + row(duration, bounds)) {
                cell.spans += 1;
                cell.errors += u64::from(statuses[place] == error);
            }
        }
    }

    fn finish(self, query: String) -> Heatmap {
        let counted = || self.cells.iter().enumerate().filter(|(_, cell)| cell.spans > 0);
        let rows = || counted().map(|(place, _)| place % ROWS);
        let (first, last) = (rows().min().unwrap_or(0), rows().max());
        let mut cells = Cells::default();
        for (place, cell) in counted() {
            cells.column.push(place / ROWS);
            cells.row.push(place % ROWS - first);
            cells.count.push(cell.spans);
            cells.errors.push(cell.errors);
        }
        Heatmap {
            query,
            start_ns: self.bounds.start_ns.to_string(),
            end_ns: self.bounds.end_ns.to_string(),
            column_ns: self.column_ns,
            columns: self.columns,
            row_bounds_ns: last.map_or(&[][..], |last| &BOUNDS[first..last + 2]).to_vec(),
            spans: cells.count.iter().sum(),
            errors: cells.errors.iter().sum(),
            max_count: cells.count.iter().copied().max().unwrap_or(0),
            cells,
        }
    }
}

/// The answer. Times are in nanoseconds; those since 1970 as text, for JSON's readers have no such numbers.
#[derive(Debug, Serialize)]
struct Heatmap {
    query: String,
    start_ns: String,
    end_ns: String,
    column_ns: u64,
    columns: u64,
    row_bounds_ns: Vec<u64>,
    cells: Cells,
    spans: u64,
    errors: u64,
    max_count: u64,
}

/// Cells in which there are spans, in order of column, then row.
#[derive(Debug, Default, Serialize)]
struct Cells {
    column: Vec<usize>,
    row: Vec<usize>,
    count: Vec<u64>,
    errors: Vec<u64>,
}

/// Serves a map.
pub(crate) async fn heatmap(
    State(queries): State<Queries>,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Response {
    spans::answer(&queries, &headers, move |reader, waiting| counted(reader, waiting, &pairs)).await
}

fn counted(reader: &Reader, waiting: &Waiting, pairs: &Pairs) -> Result<Json<Heatmap>, Error> {
    let question = Question::read(pairs, &OTHERS)?;
    let bounds = SpanBounds {
        start_ns: question.start_ns,
        end_ns: question.end_ns,
        min_duration_ns: params::duration(pairs, "min_duration")?,
        max_duration_ns: params::duration(pairs, "max_duration")?,
    };
    let all = vec![bounds.query(), spans::of_query("query", &question.query)?];
    let roots = spans::roots("spans", params::get(pairs, "spans"))?;
    let mut counting = Counting::new(bounds);
    if !bounds.is_empty() {
        let columns = READ.map(str::to_owned).to_vec();
        let visit = SpanVisit { parts: vec![SpanQuery { all, roots }], columns, halvings: 0 };
        reader.engine.visit_spans(&reader.tenant, &visit, &mut |chunk| {
            counting.add(chunk);
            waiting.flow()
        })?;
    }
    waiting.check()?;
    Ok(Json(counting.finish(question.query.to_string())))
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Counting, ROWS, row};
    use crate::spans::SpanBounds;

    #[test]
    fn a_duration_is_at_least_its_rows_bound_and_less_than_the_next() {
        let durations = (0..63).flat_map(|bits| [-1, 0, 1].map(|more| (1u64 << bits).saturating_add_signed(more)));
        let odd = [0, 3, 7, 1_189, 1_190, 1_000_000, 1_499_999_999, i64::MAX as u64];
        for duration in durations.chain(odd) {
            let row = row(duration, &BOUNDS);
            let (low, high) = (BOUNDS[row], BOUNDS[row + 1]);
            assert!(low <= duration.max(1) && duration < high, "{duration}: row {row} from {low} to {high}");
        }
        assert_eq!(BOUNDS.len(), ROWS + 1);
        assert_eq!(BOUNDS[40..=44], [1024, 1218, 1449, 1723, 2048]);
    }

    #[test]
    fn columns_cover_the_time() {
        for (time, columns, column_ns) in
            [(0, 0, 1), (1, 1, 1), (119, 119, 1), (120, 120, 1), (121, 61, 2), (12_000, 120, 100)]
        {
            let counting = Counting::new(SpanBounds { start_ns: 7, end_ns: 7 + time, ..SpanBounds::default() });
            assert_eq!((counting.columns, counting.column_ns), (columns, column_ns), "{time}");
        }
        let map = Counting::new(SpanBounds::default()).finish("*".into());
        assert!(map.row_bounds_ns.is_empty() && map.spans == 0 && map.max_count == 0);
    }
}
