//! Values that someone keeps anyway, read when metrics are exported: gauges and totals.

use std::fmt;

use opentelemetry_proto::tonic::metrics::v1 as otlp;

use crate::value::attribute;

/// OTLP's AGGREGATION_TEMPORALITY_CUMULATIVE.
const CUMULATIVE: i32 = 2;

/// How a figure behaves, as OpenTelemetry tells instruments apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservationKind {
    /// It only ever grows, from the start of the process.
    Counter,
    /// It grows and shrinks, and those of several places may be added up.
    UpDownCounter,
    /// It grows and shrinks, and a sum of several says nothing.
    Gauge,
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The metric's name.
    pub name: &'static str,
    /// Its unit in UCUM.
    pub unit: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// How it behaves.
    pub kind: ObservationKind,
    /// What it stands at.
    pub value: f64,
    /// Which of several.
    pub attributes: Vec<(&'static str, String)>,
}

impl Observation {
    /// A figure that stands at `value`.
    pub fn new(
        kind: ObservationKind,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        value: f64,
    ) -> Self {
        Self { name, unit, description, kind, value, attributes: Vec::new() }
    }

    /// The same with an attribute.
    pub fn attr(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((key, value.into()));
        self
    }
}

/// Reads all figures of one source.
pub(crate) struct Source {
    pub(crate) started: u64,
    pub(crate) read: Box<dyn Fn() -> Vec<Observation> + Send + Sync>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

/// What all sources say now, as OTLP metrics: one for each name, whichever sources it comes from.
pub(crate) fn collect(sources: &[Source], now: u64) -> Vec<otlp::Metric> {
    let mut observations: Vec<(u64, Observation)> = sources
        .iter()
        .flat_map(|source| (source.read)().into_iter().map(|observation| (source.started, observation)))
        .collect();
    observations.sort_by_key(|(_, observation)| observation.name);
    observations.chunk_by(|a, b| a.1.name == b.1.name).filter_map(|same| metric(same, now)).collect()
}

fn metric(observations: &[(u64, Observation)], now: u64) -> Option<otlp::Metric> {
    let (_, first) = observations.first()?;
    let points = observations.iter().map(|(started, observation)| otlp::NumberDataPoint {
        attributes: observation.attributes.iter().map(|(key, value)| attribute(key, value.clone().into())).collect(),
        start_time_unix_nano: if observation.kind == ObservationKind::Gauge { 0 } else { *started },
        time_unix_nano: now,
        value: Some(otlp::number_data_point::Value::AsDouble(observation.value)),
        ..otlp::NumberDataPoint::default()
    });
    let data_points = points.collect();
    let data = match first.kind {
        kind @ (ObservationKind::Counter | ObservationKind::UpDownCounter) => otlp::metric::Data::Sum(otlp::Sum {
            data_points,
            aggregation_temporality: CUMULATIVE,
            is_monotonic: kind == ObservationKind::Counter,
        }),
        ObservationKind::Gauge => otlp::metric::Data::Gauge(otlp::Gauge { data_points }),
    };
    Some(otlp::Metric {
        name: first.name.to_owned(),
        description: first.description.to_owned(),
        unit: first.unit.to_owned(),
        data: Some(data),
        ..otlp::Metric::default()
    })
}

#[cfg(test)]
mod tests {
    use super::ObservationKind::{Counter, Gauge, UpDownCounter};
    use super::{Observation, Source, collect, otlp};

    #[test]
    fn readings_of_one_name_are_one_metric() {
        let source = |started, read: fn() -> Vec<Observation>| Source { started, read: Box::new(read) };
        let sources = [
            source(1, || {
                vec![
                    Observation::new(Counter, "rows", "1", "", 5.0).attr("tier", "0"),
                    Observation::new(Gauge, "fill", "1", "", 0.5),
                    Observation::new(Counter, "rows", "1", "", 7.0).attr("tier", "1"),
                ]
            }),
            source(3, || {
                vec![
                    Observation::new(Counter, "rows", "1", "", 9.0),
                    Observation::new(UpDownCounter, "open", "1", "", 2.0),
                ]
            }),
        ];
        let metrics = collect(&sources, 4);
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["fill", "open", "rows"]);
        assert!(matches!(&metrics[0].data, Some(otlp::metric::Data::Gauge(gauge)) if gauge.data_points.len() == 1));
        let sum = |n: usize| match &metrics[n].data {
            Some(otlp::metric::Data::Sum(sum)) => sum.clone(),
            other => panic!("a sum: {other:?}"),
        };
        assert!(!sum(1).is_monotonic);
        let starts: Vec<u64> = sum(2).data_points.iter().map(|point| point.start_time_unix_nano).collect();
        assert!(sum(2).is_monotonic && starts == [1, 1, 3], "{starts:?}");
    }
}
