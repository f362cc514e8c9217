//! What one request brings: decoded, and not visible yet.

use std::sync::Arc;

use crate::table::{SeriesNumber, SeriesTable, TooManySeries};
use crate::{Description, Exemplar, Histogram, HistogramError, MetadataEntry};

/// Samples of one request. It names series by the numbers of one table, and goes into a head of that table when the log has
/// the request; a request that the log refuses is dropped, and nothing has happened.
#[derive(Debug)]
pub struct Batch {
    table: Arc<SeriesTable>,
    /// The series that was named last.
    last: Option<SeriesNumber>,
    pub(crate) samples: Vec<BatchSample>,
    pub(crate) exemplars: Vec<(SeriesNumber, Exemplar)>,
    pub(crate) metadata: Vec<MetadataEntry>,
}

/// One sample of a batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchSample {
    pub series: SeriesNumber,
    pub time_ms: i64,
    /// When the total began; 0 where it is not known.
    pub start_ms: i64,
    pub value: BatchValue,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BatchValue {
    Float(u64),
    Histogram(Arc<Histogram>),
}

impl Batch {
    pub(crate) fn new(table: Arc<SeriesTable>) -> Self {
        Self { table, last: None, samples: Vec::new(), exemplars: Vec::new(), metadata: Vec::new() }
    }

    /// The series of an identity: a sequence of bytes that is the same whenever the same series is meant. One that is not known
    /// is described, and is in the table from now on; it is told of when it has samples.
    ///
    /// # Errors
    ///
    /// What `describe` returns, or that there are too many series.
    pub fn series<E: From<TooManySeries>>(
        &mut self,
        identity: &[u8],
        describe: impl FnOnce() -> Result<Description, E>,
    ) -> Result<SeriesNumber, E> {
        self.table.resolve(&mut self.last, identity, describe)
    }

    /// Adds a double by its bits, which [`STALE`](crate::STALE) may be. `start_ms` is when the total began, 0 if it is not known.
    pub fn float(&mut self, series: SeriesNumber, time_ms: i64, bits: u64, start_ms: i64) {
        self.samples.push(BatchSample { series, time_ms, start_ms, value: BatchValue::Float(bits) });
    }

    /// Adds a histogram.
    ///
    /// # Errors
    ///
    /// It is none; nothing is added.
    pub fn histogram(
        &mut self,
        series: SeriesNumber,
        time_ms: i64,
        histogram: Arc<Histogram>,
        start_ms: i64,
    ) -> Result<(), HistogramError> {
        histogram.check()?;
        self.samples.push(BatchSample { series, time_ms, start_ms, value: BatchValue::Histogram(histogram) });
        Ok(())
    }

    /// Adds an exemplar.
    pub fn exemplar(&mut self, series: SeriesNumber, exemplar: Exemplar) {
        self.exemplars.push((series, exemplar));
    }

    /// Adds what is known of a metric.
    pub fn metadata(&mut self, entry: MetadataEntry) {
        self.metadata.push(entry);
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.exemplars.is_empty() && self.metadata.is_empty()
    }

    /// Memory that it takes until it is applied, in bytes.
    pub fn bytes(&self) -> usize {
        let histograms = self.samples.iter().map(|sample| match &sample.value {
            BatchValue::Float(_) => 0,
            BatchValue::Histogram(histogram) => histogram.bytes(),
        });
        self.samples.capacity() * size_of::<BatchSample>() + histograms.sum::<usize>()
    }

    /// Whether it names series of this table.
    pub(crate) fn is_of(&self, table: &Arc<SeriesTable>) -> bool {
        Arc::ptr_eq(&self.table, table)
    }
}
