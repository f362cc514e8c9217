//! Metrics: what their points share.

use super::span::small;
use super::{Appended, Table};
use crate::cells::{
    clamp, code_in, end_row, fill_zeros, put_code, put_id8, put_int, put_positive, put_some_text, put_text, put_true,
};
use crate::definitions::metrics;
use crate::json::Object;
use crate::metric_point::MetricKind;
use crate::series::hash;
use crate::wire::{Fault, Reader, fields, length, varint};

const METRIC: u64 = fields(&[1, 2, 3, 5, 7, 9, 10, 11, 12]);
/// Data points, temporality, monotonicity: gauges and summaries have only the first.
const DATA: u64 = fields(&[1, 2, 3]);
const POINTS_ONLY: u64 = fields(&[1]);
const TEMPORAL: u64 = fields(&[1, 2]);

/// What the points of one metric share.
pub(super) struct Metric<'a> {
    name: &'a [u8],
    unit: &'a [u8],
    description: &'a [u8],
    kind: MetricKind,
    temporality: i64,
    monotonic: bool,
    metadata: Option<u32>,
    /// The hash of resource, scope and name.
    pub(super) series: u64,
}

impl Table {
    /// Adds the points of a `Metric`.
    pub(super) fn metric(&mut self, message: &[u8], series: u64, appended: &mut Appended) -> Result<(), Fault> {
        const NAME: u32 = length(1);
        const DESCRIPTION: u32 = length(2);
        const UNIT: u32 = length(3);
        const GAUGE: u32 = length(5);
        const SUM: u32 = length(7);
        const HISTOGRAM: u32 = length(9);
        const EXPONENTIAL: u32 = length(10);
        const SUMMARY: u32 = length(11);
        const METADATA: u32 = length(12);
        let none = &message[..0];
        let mut metric = Metric {
            name: none,
            unit: none,
            description: none,
            kind: MetricKind::Gauge,
            temporality: 0,
            monotonic: false,
            metadata: None,
            series,
        };
        // Data of another kind replaces what came before; data of the same kind continues it.
        let mut data = None;
        self.text.clear();
        let mut object = Object::begin(0, &mut self.text);
        let mut reader = Reader::new(message);
        loop {
            let here = reader;
            let Some(key) = reader.key()? else { break };
            match key {
                NAME => metric.name = reader.bytes()?,
                DESCRIPTION => metric.description = reader.bytes()?,
                UNIT => metric.unit = reader.bytes()?,
                METADATA => object.entry(reader.bytes()?, &mut self.text)?,
                GAUGE | SUM | HISTOGRAM | EXPONENTIAL | SUMMARY => {
                    let part = reader.bytes()?;
                    let kind = match key {
                        SUM => MetricKind::Sum,
                        HISTOGRAM => MetricKind::Histogram,
                        EXPONENTIAL => MetricKind::ExponentialHistogram,
                        SUMMARY => MetricKind::Summary,
                        _ => MetricKind::Gauge,
                    };
                    if data.is_none_or(|(_, before)| before != key) {
                        (metric.kind, metric.temporality, metric.monotonic) = (kind, 0, false);
                        data = Some((here, key));
                    }
                    read_shared(part, &mut metric)?;
                }
                _ => reader.skip(key, METRIC)?,
            }
        }
        let some = !object.is_empty();
        object.end(&mut self.text);
        if some {
            metric.metadata = Some(code_in(&mut self.columns, metrics::METADATA, &self.text));
        }
        metric.series = series.wrapping_add(hash(metric.name).rotate_left(4));
        let Some((mut reader, kind)) = data else { return Ok(()) };
        while let Some(key) = reader.key()? {
            if key == kind {
                self.points(&metric, reader.bytes()?, appended)?;
            } else {
                reader.skip(key, 0)?;
            }
        }
        Ok(())
    }

    fn points(&mut self, metric: &Metric<'_>, message: &[u8], appended: &mut Appended) -> Result<(), Fault> {
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            if key != length(1) {
                reader.skip(key, 0)?;
                continue;
            }
            let point = reader.bytes()?;
            let taken = match metric.kind {
                MetricKind::Gauge | MetricKind::Sum => self.number(metric, point).map(Ok),
                MetricKind::Histogram => self.histogram(metric, point),
                MetricKind::ExponentialHistogram => self.exponential(metric, point).map(Ok),
                MetricKind::Summary => self.summary(metric, point).map(Ok),
            };
            match taken? {
                Ok(()) => appended.taken += 1,
                Err(reason) => {
                    self.columns.truncate(self.columns.rows);
                    appended.refuse(reason);
                }
            }
        }
        Ok(())
    }

    /// Puts what all points have, and ends the row.
    pub(super) fn end_point(&mut self, metric: &Metric<'_>, point: &PointHeader) {
        let columns = &mut self.columns;
        put_text(columns, metrics::NAME, metric.name);
        // 0 would stand for none.
        put_id8(columns, metrics::SERIES, point.series.max(1));
        let time = if point.time == 0 { self.arrival } else { clamp(point.time) };
        put_int(columns, metrics::TIME, time);
        fill_zeros(columns, (metrics::EXEMPLARS, metrics::EXEMPLAR_TIME), time);
        // A start of 0 says that it is not known; a point can do without.
        put_positive(columns, metrics::START_TIME, clamp(point.start));
        put_int(columns, metrics::KIND, metric.kind as i64);
        put_some_text(columns, metrics::UNIT, metric.unit);
        put_some_text(columns, metrics::DESCRIPTION, metric.description);
        put_positive(columns, metrics::TEMPORALITY, metric.temporality);
        put_true(columns, metrics::MONOTONIC, metric.monotonic);
        put_positive(columns, metrics::FLAGS, i64::from(point.flags));
        if let Some(code) = metric.metadata {
            put_code(columns, metrics::METADATA, code);
        }
        end_row(columns);
    }
}

/// What points of all kinds have.
pub(super) struct PointHeader {
    pub(super) series: u64,
    pub(super) time: u64,
    pub(super) start: u64,
    pub(super) flags: u32,
}

/// Reads what is said once for all points.
fn read_shared(message: &[u8], metric: &mut Metric<'_>) -> Result<(), Fault> {
    const TEMPORALITY: u32 = varint(2);
    const MONOTONIC: u32 = varint(3);
    let known = match metric.kind {
        MetricKind::Gauge | MetricKind::Summary => POINTS_ONLY,
        MetricKind::Sum => DATA,
        MetricKind::Histogram | MetricKind::ExponentialHistogram => TEMPORAL,
    };
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            TEMPORALITY if known & TEMPORAL == TEMPORAL => metric.temporality = small(reader.varint()?),
            MONOTONIC if known == DATA => metric.monotonic = reader.varint()? != 0,
            _ if key == length(1) => drop(reader.bytes()?),
            _ => reader.skip(key, known)?,
        }
    }
    Ok(())
}
