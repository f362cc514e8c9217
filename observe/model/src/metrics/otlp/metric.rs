//! Metrics: what their series share.

use vitrine_observe_series::{
    Description, MetadataEntry, MetricType, NAME, Projection, SeriesNumber, Temporality, View,
};

use super::Decoder;
use super::resource::{ScopeOfResource, Span, pairs};
use crate::metric_point::MetricKind;
use crate::metrics::identity::{self, Part};
use crate::metrics::text::plain_number;
use crate::metrics::translation::{HistogramForm, Translation};
use crate::rejected::Rejected;
use crate::wire::{Fault, Reader, fields, length, varint};

const METRIC: u64 = fields(&[1, 2, 3, 5, 7, 9, 10, 11, 12]);
/// Fields of what has points and nothing else, of what has a temporality, and of what is monotonic or not.
const POINTS_ONLY: u64 = fields(&[1]);
const TEMPORAL: u64 = fields(&[1, 2]);
const MONOTONE: u64 = fields(&[1, 2, 3]);
const NAME_FIELD: u32 = length(1);
const POINT: u32 = length(1);
const DESCRIPTION: u32 = length(2);
const UNIT: u32 = length(3);
const METADATA: u32 = length(12);
const TEMPORALITY: u32 = varint(2);
const MONOTONIC: u32 = varint(3);
const GAUGE: u32 = length(5);
const TOTAL: u32 = length(7);
const HISTOGRAM: u32 = length(9);
const EXPONENTIAL: u32 = length(10);
const SUMMARY: u32 = length(11);
/// OTLP's number of delta temporality.
const DELTA: u64 = 1;

/// What the points of one metric share.
pub(super) struct Metric<'a> {
    pub(super) name: &'a [u8],
    pub(super) unit: &'a [u8],
    pub(super) description: &'a [u8],
    pub(super) kind: MetricKind,
    pub(super) temporality: Temporality,
    pub(super) monotonic: bool,
}

/// What of a metric's points a series is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'b> {
    /// A part of each, as a series of its own.
    Part(Part),
    /// A histogram with these bounds, and whether there is a sum.
    Explicit { bounds: &'b [f64], has_sum: bool },
}

/// What is added to the name of a histogram's or summary's sum.
const SUM: &str = "_sum";
/// What is added to the name of its count.
const COUNT: &str = "_count";
/// What is added to the name of a histogram's bucket.
const BUCKET: &str = "_bucket";
/// The label that has a bucket's upper bound.
const LE: &str = "le";
/// The label that has a summary's quantile.
const QUANTILE: &str = "quantile";

impl Decoder<'_, '_> {
    /// A `Metric`. Data of another kind replaces what came before; data of the same kind continues it.
    pub(super) fn metric(&mut self, message: &[u8], scope: &ScopeOfResource<'_>, span: &mut Span) -> Result<(), Fault> {
        let none = &message[..0];
        let mut metric = Metric {
            name: none,
            unit: none,
            description: none,
            kind: MetricKind::Gauge,
            temporality: Temporality::Cumulative,
            monotonic: false,
        };
        let mut data = None;
        let mut reader = Reader::new(message);
        loop {
            let here = reader;
            let Some(key) = reader.key()? else { break };
            match key {
                NAME_FIELD => metric.name = reader.bytes()?,
                DESCRIPTION => metric.description = reader.bytes()?,
                UNIT => metric.unit = reader.bytes()?,
                METADATA => drop(reader.bytes()?),
                _ => match kind_of(key) {
                    Some(kind) => {
                        let part = reader.bytes()?;
                        if data.is_none_or(|(_, before)| before != key) {
                            (metric.kind, metric.temporality, metric.monotonic) =
                                (kind, Temporality::Cumulative, false);
                            data = Some((here, key));
                        }
                        metric.read_shared(part)?;
                    }
                    None => reader.skip(key, METRIC)?,
                },
            }
        }
        let Some((mut reader, kind)) = data else { return Ok(()) };
        while let Some(key) = reader.key()? {
            if key == kind {
                self.points(&metric, reader.bytes()?, scope, span)?;
            } else {
                reader.skip(key, 0)?;
            }
        }
        Ok(())
    }

    fn points(
        &mut self,
        metric: &Metric<'_>,
        message: &[u8],
        scope: &ScopeOfResource<'_>,
        span: &mut Span,
    ) -> Result<(), Fault> {
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            if key != length(1) {
                reader.skip(key, 0)?;
                continue;
            }
            let point = reader.bytes()?;
            let taken = match metric.kind {
                MetricKind::Gauge | MetricKind::Sum => self.number(metric, point, scope),
                MetricKind::Histogram => self.explicit(metric, point, scope),
                MetricKind::ExponentialHistogram => self.exponential(metric, point, scope),
                MetricKind::Summary => self.summary(metric, point, scope),
            };
            match taken? {
                Ok(time_ms) => span.add(time_ms),
                Err(reason) => self.written.refuse(1, reason),
            }
        }
        Ok(())
    }

    /// The batch's name for a series.
    pub(super) fn series(
        &mut self,
        metric: &Metric<'_>,
        scope: &ScopeOfResource<'_>,
        attributes: &[&[u8]],
        shape: Shape<'_>,
    ) -> Result<SeriesNumber, Rejected> {
        let out = &mut self.identity;
        out.clear();
        out.extend_from_slice(&scope.identity);
        out.extend([metric.kind as u8, metric.temporality as u8, u8::from(metric.monotonic)]);
        identity::add(out, metric.name);
        identity::add(out, metric.unit);
        match shape {
            Shape::Part(part) => identity::add_part(out, part),
            Shape::Explicit { bounds, has_sum } => identity::add_bounds(out, bounds, has_sum),
        }
        identity::add_sorted(out, &mut attributes.to_vec());
        let taking = &mut *self.taking;
        let mut metadata = None;
        let describe = || {
            let (description, entry) = metric.describe(taking.translation, scope, attributes, shape)?;
            metadata = Some(entry);
            taking.admit(description)
        };
        let series = self.batch.series(&self.identity, describe)?;
        if let Some(entry) = metadata {
            self.batch.metadata(entry);
        }
        Ok(series)
    }
}

impl<'a> Metric<'a> {
    /// Reads what is said once for all points.
    fn read_shared(&mut self, message: &'a [u8]) -> Result<(), Fault> {
        let known = match self.kind {
            MetricKind::Gauge | MetricKind::Summary => POINTS_ONLY,
            MetricKind::Histogram | MetricKind::ExponentialHistogram => TEMPORAL,
            MetricKind::Sum => MONOTONE,
        };
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                POINT => drop(reader.bytes()?),
                TEMPORALITY if !matches!(self.kind, MetricKind::Gauge | MetricKind::Summary) => {
                    let is_delta = reader.varint()? == DELTA;
                    self.temporality = if is_delta { Temporality::Delta } else { Temporality::Cumulative };
                }
                MONOTONIC if self.kind == MetricKind::Sum => self.monotonic = reader.varint()? != 0,
                _ => reader.skip(key, known)?,
            }
        }
        Ok(())
    }

    pub(super) fn describe(
        &self,
        translation: &Translation,
        scope: &ScopeOfResource<'_>,
        attributes: &[&[u8]],
        shape: Shape<'_>,
    ) -> Result<(Description, MetadataEntry), Rejected> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let unit = text(self.unit);
        let family = translation.metric(&text(self.name), &unit, self.kind, self.monotonic)?;
        let (attributes, shared) = (pairs(attributes)?, scope.shared(translation)?);
        let view = |suffix: &str, own: Option<(&str, String)>, projection| {
            let name = format!("{family}{suffix}");
            let mut labels = vec![(NAME, name.as_str())];
            labels.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
            Ok::<_, Rejected>(View { labels: translation.labels(&attributes, shared, &labels)?, projection })
        };
        let views = match shape {
            Shape::Part(Part::Whole) => vec![view("", None, Projection::Whole)?],
            Shape::Part(Part::Sum) => vec![view(SUM, None, Projection::Whole)?],
            Shape::Part(Part::Count) => vec![view(COUNT, None, Projection::Whole)?],
            Shape::Part(Part::Quantile(value)) => {
                vec![view("", Some((QUANTILE, plain_number(value))), Projection::Whole)?]
            }
            Shape::Explicit { bounds, has_sum } => {
                let mut views = Vec::new();
                if translation.histograms != HistogramForm::Classic {
                    views.push(view("", None, Projection::Whole)?);
                }
                if translation.histograms != HistogramForm::Native {
                    for bound in bounds.iter().copied().filter(|bound| *bound != f64::INFINITY).chain([f64::INFINITY]) {
                        views.push(view(BUCKET, Some((LE, plain_number(bound))), Projection::Bucket(bound.to_bits()))?);
                    }
                    views.push(view(COUNT, None, Projection::Count)?);
                    if has_sum {
                        views.push(view(SUM, None, Projection::Sum)?);
                    }
                }
                views
            }
        };
        let kind = self.metric_type();
        let description = Description { kind, temporality: self.temporality, clock: scope.clock, views };
        let help = text(self.description);
        Ok((description, MetadataEntry { metric: family, kind, help, unit: Translation::unit(&unit) }))
    }

    fn metric_type(&self) -> MetricType {
        match self.kind {
            MetricKind::Sum if self.monotonic => MetricType::Counter,
            MetricKind::Gauge | MetricKind::Sum => MetricType::Gauge,
            MetricKind::Histogram | MetricKind::ExponentialHistogram => MetricType::Histogram,
            MetricKind::Summary => MetricType::Summary,
        }
    }
}

fn kind_of(key: u32) -> Option<MetricKind> {
    Some(match key {
        GAUGE => MetricKind::Gauge,
        TOTAL => MetricKind::Sum,
        HISTOGRAM => MetricKind::Histogram,
        EXPONENTIAL => MetricKind::ExponentialHistogram,
        SUMMARY => MetricKind::Summary,
        _ => return None,
    })
}
