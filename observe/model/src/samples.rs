//! Samples of series as plain Parquet, for other tools.
//!
//! One row for each sample: the metric's name, its labels as a map, the time in UTC, and a number, or a histogram as count, sum and
//! buckets. Rows are gathered to row groups, so that a file of any length takes bounded memory.

use std::io::Write;

use vitrine_observe_columns::{
    Columns, Definition, Error, FixedList, Kind, ListShape, Order, TableWriter, WriteOptions,
};

use crate::cells::{end_row, push_text, put_double, put_int, put_text};
use crate::definitions::{optional, required};

/// Rows of a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// Bytes of memory after which a row group ends.
const GROUP_BYTES: usize = 16 << 20;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: i64 = 1_000_000;

const METRIC: usize = 0;
const TIME: usize = 1;
const VALUE: usize = 2;
const COUNT: usize = 3;
const SUM: usize = 4;
const BUCKETS: usize = 5;
const LABELS: usize = 0;

/// What such a file consists of.
static SAMPLES: Definition = Definition {
    name: "samples",
    columns: &[
        required("metric", Kind::Text),
        required("time", Kind::Time),
        optional("value", Kind::Double),
        optional("count", Kind::Double),
        optional("sum", Kind::Double),
        optional("buckets", Kind::Text),
    ],
    lists: &[FixedList {
        name: "labels",
        shape: ListShape::Map,
        children: &[required("key", Kind::Text), optional("value", Kind::Text)],
    }],
    order: Order::By(&[METRIC, TIME]),
    time: TIME,
    indexed: None,
    searched: None,
};

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SampleValue<'a> {
    /// A number.
    Number(f64),
    /// How many values a histogram counts, their sum, and its buckets as JSON.
    Histogram(f64, f64, &'a str),
}

/// A file of samples that is being written.
pub struct SampleFile<W: Write + Send> {
    writer: TableWriter<W>,
    columns: Columns,
    rows: u64,
}

impl<W: Write + Send> SampleFile<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(file: W) -> Result<Self, Error> {
        let writer = TableWriter::new(&SAMPLES, &WriteOptions::default(), file)?;
        Ok(Self { writer, columns: Columns::new(&SAMPLES), rows: 0 })
    }

    /// Adds a sample: its metric, its other labels, and its time in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn add<'a>(
        &mut self,
        metric: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        time_ms: i64,
        value: SampleValue<'_>,
    ) -> Result<(), Error> {
        let columns = &mut self.columns;
        put_text(columns, METRIC, metric.as_bytes());
        put_int(columns, TIME, time_ms.saturating_mul(NANOS_PER_MILLI));
        match value {
            SampleValue::Number(value) => put_double(columns, VALUE, value),
            SampleValue::Histogram(count, sum, buckets) => {
                put_double(columns, COUNT, count);
                put_double(columns, SUM, sum);
                put_text(columns, BUCKETS, buckets.as_bytes());
            }
        }
        for (name, value) in labels {
            push_text(columns, (LABELS, 0), Some(name.as_bytes()));
            push_text(columns, (LABELS, 1), Some(value.as_bytes()));
        }
        end_row(columns);
        self.rows += 1;
        if columns.rows >= GROUP_ROWS || columns.bytes() >= GROUP_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// How many samples there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.columns.rows > 0 {
            self.columns.fill();
            self.writer.add(&self.columns)?;
            self.columns = Columns::new(&SAMPLES);
        }
        Ok(())
    }

    /// Ends the file. Returns its length in bytes.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        self.writer.finish()
    }
}
