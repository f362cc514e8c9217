//! Prometheus's text, as an exporter shows it.

use std::borrow::Cow;
use std::collections::HashMap;

use vitrine_observe_store::model::exposition::{
    Description, Entry, ExposedSeries, ExposedValue, Format, Text, series_labels,
};
use vitrine_observe_store::model::metrics::SeriesWrite;
use vitrine_observe_store::series::{FAMILY_ENDINGS, MetricType, NAME, Value};

use super::{Parameters, with_extra};

/// Samples of one request: each is a series of its own until it is written.
const MAX_SAMPLES: usize = 200_000;

/// What is known of a metric.
#[derive(Default)]
struct Known {
    kind: MetricType,
    help: String,
}

pub(super) fn read(parameters: &Parameters, body: &[u8]) -> Result<Vec<SeriesWrite>, String> {
    let mut known: HashMap<String, Known> = HashMap::new();
    let mut all = Vec::new();
    for entry in Text::new(body, Format::Text).map_err(|mistake| mistake.to_string())? {
        match entry.map_err(|mistake| mistake.to_string())? {
            Entry::Metadata { metric, description } => describe(&mut known, metric, description),
            Entry::Sample(_) if all.len() == MAX_SAMPLES => {
                return Err(format!("expected at most {MAX_SAMPLES} samples in a request"));
            }
            Entry::Sample(sample) => {
                let labels = match sample.series {
                    ExposedSeries::Written(text) => series_labels(text)?,
                    ExposedSeries::Labels(labels) => labels,
                };
                let name = labels.get(NAME).unwrap_or_default();
                let family = [""].into_iter().chain(FAMILY_ENDINGS).find_map(|end| known.get(name.strip_suffix(end)?));
                let value = match sample.value {
                    ExposedValue::Float(bits) => Value::Float(bits),
                    ExposedValue::Histogram(histogram) => Value::Histogram((*histogram).into()),
                };
                let time_ms = sample.time_ms.unwrap_or(parameters.time_ms);
                all.push(SeriesWrite {
                    labels: with_extra(labels.iter().cloned(), &parameters.extra),
                    kind: family.map_or(MetricType::Unknown, |family| family.kind),
                    help: family.map_or_else(String::new, |family| family.help.clone()),
                    unit: String::new(),
                    samples: vec![(time_ms, 0, value)],
                    exemplars: sample.exemplars.into_iter().map(|exemplar| exemplar.at(time_ms)).collect(),
                });
            }
        }
    }
    Ok(all)
}

fn describe(known: &mut HashMap<String, Known>, metric: Cow<'_, str>, description: Description<'_>) {
    let family = known.entry(metric.into_owned()).or_default();
    match description {
        Description::Type(kind) => family.kind = kind,
        Description::Help(help) => family.help = help.into_owned(),
        Description::Unit(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::series::MetricType;

    use super::super::Parameters;
    use super::read;

    #[test]
    fn text_is_read_with_its_metadata() {
        let body = b"# HELP a_total Much.\n# TYPE a_total counter\na_total{b=\"c\"} 3 7\nplain 1\n";
        let all = read(&Parameters { time_ms: 9, ..Parameters::default() }, body).unwrap();
        assert_eq!(
            (all[0].labels.to_string().as_str(), all[0].kind),
            (r#"{__name__="a_total", b="c"}"#, MetricType::Counter)
        );
        assert_eq!((all[0].help.as_str(), all[0].samples[0].0), ("Much.", 7));
        assert_eq!((all[1].samples[0].0, all[1].kind), (9, MetricType::Unknown));
        let told = read(&Parameters::default(), b"a 1\nb{ 2\n").unwrap_err();
        assert!(told.starts_with("line 2"), "{told}");
    }
}
