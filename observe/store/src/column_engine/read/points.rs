//! Series as rows: metric points, exemplars, and the series themselves.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use vitrine_observe_model::metrics::{Beside, SentSeries};
use vitrine_observe_model::{BesideSamples, PointRows, SeriesRow, Table as View, exemplar_batch, series_batch};
use vitrine_observe_series::{
    Budget, Exemplar, QueryError as SeriesError, Queryable, ScannedSamples, ScannedSeries, Select,
};

use crate::Signal;
use crate::column_engine::read::wanted::SeriesFilter;
use crate::column_engine::read::{Reader, WINDOW};
use crate::column_engine::series::SeriesView;
use crate::engine::{QueryError, Scan, Tenant};

/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// All times.
const ALWAYS_MS: (i64, i64) = (i64::MIN, i64::MAX);

/// When rows were measured that were kept as columns and as series both: the first and the last time, in milliseconds since 1970, by the
/// series of the rows.
pub(crate) type Doubled = HashMap<u64, (i64, i64)>;

/// A tenant's series, as they are read.
pub(crate) struct PointScan {
    /// Not held: a reading that a caller forgot does not keep the engine open.
    reader: Weak<Reader>,
    /// Keeps the files.
    view: SeriesView,
    scan: vitrine_observe_series::Scan,
    wanted: SeriesFilter,
    table: View,
    projection: Option<Vec<usize>>,
    /// Which of a series' samples are looked at, if any.
    needs: Needs,
    block: Vec<ScannedSeries>,
    /// The next series of the block.
    next: usize,
    /// A series that is being read.
    reading: Option<Reading>,
    is_at_end: bool,
    points: PointRows,
    exemplars: Vec<(Arc<SentSeries>, Exemplar)>,
    series: Vec<SeriesRow>,
    help: HashMap<String, String>,
    /// Bytes that a query may hold.
    most: usize,
}

struct Reading {
    sent: Arc<SentSeries>,
    samples: ScannedSamples,
    beside: BesideSamples,
    left: Range<usize>,
}

/// What of series columns are made of, beside what was sent of them.
#[derive(Debug, Clone, Copy)]
struct Needs {
    samples: bool,
    rest: bool,
    least: bool,
    greatest: bool,
    help: bool,
}

impl Needs {
    fn of(table: View, projection: Option<&[usize]>) -> Self {
        let schema = table.schema();
        let has = |names: &[&str]| match projection {
            None => true,
            Some(places) => schema
                .fields()
                .iter()
                .enumerate()
                .any(|(place, field)| names.contains(&field.name().as_str()) && places.contains(&place)),
        };
        let is_points = table == View::Metrics;
        Self {
            samples: is_points || (table == View::Series && has(&["first_time", "last_time", "samples"])),
            rest: is_points && has(&["value", "value_int"]),
            least: is_points && has(&["min"]),
            greatest: is_points && has(&["max"]),
            help: has(&["description", "help"]),
        }
    }
}

/// A time in nanoseconds since 1970 in whole milliseconds.
fn milliseconds(nanos: u64) -> i64 {
    i64::try_from(nanos / NANOS_PER_MILLI).unwrap_or(i64::MAX)
}

/// The times of a scan: later than the first, up to and including the second, in milliseconds since 1970.
fn range_ms(scan: &Scan) -> (i64, i64) {
    let Some((min, max)) = scan.time_ns else { return ALWAYS_MS };
    // Samples may be older than 1970, of which a scan cannot tell.
    let after_ms = if min == 0 { i64::MIN } else { milliseconds(min).saturating_sub(1) };
    (after_ms, milliseconds(max))
}

impl From<SeriesError> for QueryError {
    fn from(error: SeriesError) -> Self {
        match error {
            SeriesError::TooManyBytes { most } => Self::TooMuch { bytes: most },
            SeriesError::TooLong { most } => Self::TooLong { most },
            SeriesError::Canceled => Self::Closed,
            SeriesError::Storage(cause) => Self::Disk(cause),
            SeriesError::TooManySamples { .. } => Self::Disk(error.to_string()),
        }
    }
}

impl Reader {
    /// What one reading of series may take. Samples are not held: as many are read as time suffices for.
    fn series_budget(&self) -> Arc<Budget> {
        let options = &self.context.options;
        Budget::new(options.query_memory_bytes, u64::MAX, options.query_time)
    }

    /// Rows of series; none if the tenant never sent something.
    pub(crate) fn points(
        self: &Arc<Self>,
        tenant: &Tenant,
        table: View,
        scan: &Scan,
    ) -> Result<Option<PointScan>, QueryError> {
        let Some(of_tenant) = self.tables.get(tenant, Signal::Metrics) else { return Ok(None) };
        let Some(series) = &of_tenant.series else { return Ok(None) };
        let view = series.view();
        let needs = Needs::of(table, scan.columns.as_deref());
        let wanted = SeriesFilter::new(scan);
        // An exemplar may be earlier than all samples, and the first sample of a series is not that of a time.
        let (after_ms, until_ms) = if table == View::Metrics { range_ms(scan) } else { ALWAYS_MS };
        let select = Select { matchers: wanted.matchers(), after_ms, until_ms };
        let budget = self.series_budget();
        let has_beside = needs.rest || needs.least || needs.greatest;
        let series_scan = view.scan(select, has_beside, &budget)?;
        let help: HashMap<String, String> = match needs.help {
            true => view.metadata(None)?.into_iter().map(|entry| (entry.metric, entry.help)).collect(),
            false => HashMap::new(),
        };
        Ok(Some(PointScan {
            reader: Arc::downgrade(self),
            view,
            scan: series_scan,
            wanted,
            table,
            projection: scan.columns.clone(),
            needs,
            block: Vec::new(),
            next: 0,
            reading: None,
            is_at_end: false,
            points: PointRows::default(),
            exemplars: Vec::new(),
            series: Vec::new(),
            help,
            most: self.context.options.query_memory_bytes,
        }))
    }

    /// Which rows of these times, in nanoseconds since 1970, are series, too.
    pub(crate) fn doubled(self: &Arc<Self>, tenant: &Tenant, times: (i64, i64)) -> Result<Doubled, QueryError> {
        let mut doubled = Doubled::new();
        let Some(of_tenant) = self.tables.get(tenant, Signal::Metrics) else { return Ok(doubled) };
        let Some(series) = &of_tenant.series else { return Ok(doubled) };
        let (view, budget) = (series.view(), self.series_budget());
        let nanos = |time: i64| u64::try_from(time).unwrap_or(0);
        let (after_ms, until_ms) = (milliseconds(nanos(times.0)).saturating_sub(1), milliseconds(nanos(times.1)));
        let mut scan = view.scan(Select { matchers: Vec::new(), after_ms, until_ms }, false, &budget)?;
        while let Some(block) = view.note_failure(scan.next_block())? {
            let _held = budget.reserve(doubled.len() * size_of::<(u64, (i64, i64))>())?;
            for (at, scanned) in block.iter().enumerate() {
                let Some(row) = SentSeries::read(scanned).and_then(|sent| sent.row_series()) else { continue };
                let samples = view.note_failure(scan.samples(at))?;
                if let (Some(first), Some(last)) = (samples.times.first(), samples.times.last()) {
                    let known = doubled.entry(row).or_insert((*first, *last));
                    *known = (known.0.min(*first), known.1.max(*last));
                }
            }
        }
        Ok(doubled)
    }
}

impl PointScan {
    /// Reads on until there are some more rows, or all series were seen.
    fn step(&mut self) -> Result<(), QueryError> {
        if let Some(Reading { sent, samples, beside, left }) = &mut self.reading {
            let some = left.start..left.end.min(left.start + WINDOW);
            left.start = some.end;
            self.points.add(sent, samples, beside, some);
            if left.start == left.end {
                self.reading = None;
            }
            if self.points.waiting_bytes() > self.most {
                return Err(QueryError::TooMuch { bytes: self.most });
            }
            return Ok(());
        }
        if self.next == self.block.len() {
            match self.view.note_failure(self.scan.next_block())? {
                Some(block) => (self.block, self.next) = (block, 0),
                None => {
                    self.points.finish();
                    self.is_at_end = true;
                }
            }
            return Ok(());
        }
        let at = self.next;
        self.next += 1;
        let sent = SentSeries::read(&self.block[at]).filter(|sent| self.wanted.accepts(sent));
        match sent {
            Some(sent) => self.read(at, Arc::new(sent)),
            None => Ok(()),
        }
    }

    fn read(&mut self, at: usize, sent: Arc<SentSeries>) -> Result<(), QueryError> {
        if self.table == View::Exemplars {
            let found = self.view.note_failure(self.scan.exemplars(at))?;
            self.exemplars.extend(found.into_iter().map(|exemplar| (sent.clone(), exemplar)));
            return Ok(());
        }
        let samples = match self.needs.samples {
            true => Some(self.view.note_failure(self.scan.samples(at))?),
            false => None,
        };
        if self.table == View::Series {
            let span = samples.and_then(|samples| {
                Some((*samples.times.first()?, *samples.times.last()?, samples.times.len() as u64))
            });
            self.series.push(SeriesRow { sent, samples: span });
            return Ok(());
        }
        let Some(samples) = samples else { return Ok(()) };
        let mut beside = |is_needed: bool, which: Beside| match is_needed {
            true => self.view.note_failure(self.scan.hidden(&which.of(sent.identity()))),
            false => Ok(None),
        };
        let beside = BesideSamples {
            rest: beside(self.needs.rest, Beside::Rest)?,
            least: beside(self.needs.least, Beside::Least)?,
            greatest: beside(self.needs.greatest, Beside::Greatest)?,
        };
        let left = 0..samples.times.len();
        self.reading = Some(Reading { sent, samples, beside, left });
        Ok(())
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        loop {
            if self.reader.upgrade().is_none_or(|reader| reader.context.is_closed()) {
                return Err(QueryError::Closed);
            }
            let rows = self.points.len() + self.exemplars.len() + self.series.len();
            if rows >= WINDOW || (self.is_at_end && rows > 0) {
                return self.take().map(Some);
            }
            if self.is_at_end {
                return Ok(None);
            }
            self.step()?;
        }
    }

    /// Some of the rows that were read.
    fn take(&mut self) -> Result<RecordBatch, QueryError> {
        let projection = self.projection.as_deref();
        let batch = match self.table {
            View::Exemplars => exemplar_batch(&take_some(&mut self.exemplars), projection),
            View::Series => series_batch(&take_some(&mut self.series), &self.help, projection),
            _ => self.points.take(WINDOW, &self.help, projection),
        };
        batch.map_err(|_| QueryError::TooMuch { bytes: self.most })
    }
}

fn take_some<T>(rows: &mut Vec<T>) -> Vec<T> {
    let rest = rows.split_off(rows.len().min(WINDOW));
    std::mem::replace(rows, rest)
}

impl Iterator for PointScan {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            // There is nothing behind an error.
            self.is_at_end = true;
            (self.points, self.exemplars, self.series) = (PointRows::default(), Vec::new(), Vec::new());
        }
        next.transpose()
    }
}
