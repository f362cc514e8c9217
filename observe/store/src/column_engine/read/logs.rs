//! Log records: found, counted, and handed out.

mod count;
mod fields;
mod filter;
mod newest;
mod visit;

use vitrine_observe_columns::{Columns, Filter, Segment};
use vitrine_observe_model::LogFilter;

use crate::column_engine::read::time;

use filter::lower;

/// What a filter asks of a table in memory.
pub(crate) fn of_columns(filter: &LogFilter, columns: &Columns) -> Filter {
    let attributes = columns.attributes().iter().map(|column| (&*column.name, column.kind));
    lower(filter, &attributes.collect::<Vec<_>>())
}

/// What a filter asks of a segment.
pub(crate) fn of_segment(filter: &LogFilter, segment: &Segment) -> Filter {
    let fixed = segment.definition().columns.len();
    let attributes = segment.columns().skip(fixed).map(|(name, kind, _)| (&**name, kind));
    lower(filter, &attributes.collect::<Vec<_>>())
}

/// Which log records are asked for, in whatever order.
struct Selection<'a> {
    filter: &'a LogFilter,
    /// The first and the last time of each piece that is asked for; none if there are none.
    times: Vec<(i64, i64)>,
}

impl<'a> Selection<'a> {
    /// Records of a time that does not include its end.
    fn new(filter: &'a LogFilter, start_ns: u64, end_ns: u64) -> Self {
        let times = (end_ns > start_ns).then(|| (time(start_ns), time(end_ns - 1)));
        Self { filter, times: times.into_iter().collect() }
    }

    /// Whether records of these times may be asked for.
    fn touches(&self, min: i64, max: i64) -> bool {
        self.times.iter().any(|(first, last)| max >= *first && min <= *last)
    }

    /// The condition on a table in memory.
    fn of_columns(&self, columns: &Columns) -> Filter {
        self.timed(of_columns(self.filter, columns))
    }

    /// The condition on a segment.
    fn of_segment(&self, segment: &Segment) -> Filter {
        self.timed(of_segment(self.filter, segment))
    }

    fn timed(&self, filter: Filter) -> Filter {
        let within = |(min, max): &(i64, i64)| Filter::Int { column: "time".to_owned(), min: *min, max: *max };
        Filter::All(vec![Filter::Any(self.times.iter().map(within).collect()), filter])
    }
}
