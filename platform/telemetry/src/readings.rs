//! Figures that somebody keeps anyway, read when metrics are exported: gauges and totals.

use std::fmt;

use opentelemetry_proto::tonic::metrics::v1 as otlp;

use crate::value::attribute;

/// OTLP's AGGREGATION_TEMPORALITY_CUMULATIVE.
const CUMULATIVE: i32 = 2;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The metric's name; readings of one name follow each other.
    pub name: &'static str,
    /// Its unit in UCUM.
    pub unit: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// Whether it only ever grows, from the start of the process.
    pub is_total: bool,
    /// What it stands at.
    pub value: f64,
    /// Which of several.
    pub attributes: Vec<(&'static str, String)>,
}

/// Reads all figures of one source.
pub(crate) struct Source {
    pub(crate) started: u64,
    pub(crate) read: Box<dyn Fn() -> Vec<Reading> + Send + Sync>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Source {
    /// What it says now, as OTLP metrics.
    pub(crate) fn collect(&self, now: u64) -> Vec<otlp::Metric> {
        let readings = (self.read)();
        readings.chunk_by(|a, b| a.name == b.name).filter_map(|same| metric(same, self.started, now)).collect()
    }
}

fn metric(readings: &[Reading], started: u64, now: u64) -> Option<otlp::Metric> {
    let first = readings.first()?;
    let points = readings.iter().map(|reading| otlp::NumberDataPoint {
        attributes: reading.attributes.iter().map(|(key, value)| attribute(key, value.clone().into())).collect(),
        start_time_unix_nano: if reading.is_total { started } else { 0 },
        time_unix_nano: now,
        value: Some(otlp::number_data_point::Value::AsDouble(reading.value)),
        ..otlp::NumberDataPoint::default()
    });
    let data_points = points.collect();
    let data = if first.is_total {
        otlp::metric::Data::Sum(otlp::Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: true })
    } else {
        otlp::metric::Data::Gauge(otlp::Gauge { data_points })
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
    use super::{Reading, Source, otlp};

    #[test]
    fn readings_of_one_name_are_one_metric() {
        let reading = |name, is_total, value, tier: &str| Reading {
            name,
            unit: "1",
            description: "",
            is_total,
            value,
            attributes: vec![("tier", tier.to_owned())],
        };
        let read = move || {
            vec![reading("rows", true, 5.0, "0"), reading("rows", true, 7.0, "1"), reading("fill", false, 0.5, "0")]
        };
        let metrics = Source { started: 1, read: Box::new(read) }.collect(2);
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["rows", "fill"]);
        let Some(otlp::metric::Data::Sum(sum)) = &metrics[0].data else { panic!("a sum: {metrics:?}") };
        assert_eq!((sum.data_points.len(), sum.is_monotonic, sum.data_points[1].start_time_unix_nano), (2, true, 1));
        assert!(matches!(&metrics[1].data, Some(otlp::metric::Data::Gauge(gauge)) if gauge.data_points.len() == 1));
    }
}
