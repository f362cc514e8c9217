//! Lines of JSON: `{"metric":{"__name__":"up"},"values":[1],"timestamps":[1549891472010]}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use vitrine_observe_store::model::metrics::SeriesWrite;
use vitrine_observe_store::series::{Label, MetricType, Value};

use super::{Parameters, with_extra};

/// Lines of one request, and samples of all of them.
const MAX_LINES: usize = 200_000;
const MAX_SAMPLES: usize = 2_000_000;

#[derive(Deserialize)]
struct Line {
    metric: BTreeMap<String, String>,
    values: Vec<Number>,
    timestamps: Vec<i64>,
}

/// A number; nothing and texts stand for what JSON has no numbers for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(f64),
    Text(String),
    Nothing(()),
}

impl Number {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Plain(number) => Some(*number),
            Self::Nothing(()) => Some(f64::NAN),
            Self::Text(text) => match text.as_str() {
                "Infinity" | "+Inf" | "Inf" => Some(f64::INFINITY),
                "-Infinity" | "-Inf" => Some(f64::NEG_INFINITY),
                "NaN" | "null" => Some(f64::NAN),
                _ => None,
            },
        }
    }
}

pub(super) fn read(parameters: &Parameters, body: &[u8]) -> Result<Vec<SeriesWrite>, String> {
    let (mut all, mut samples) = (Vec::new(), 0);
    for (place, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if place == MAX_LINES {
            return Err(format!("line {}: expected at most {MAX_LINES} lines", place + 1));
        }
        if !line.trim_ascii().is_empty() {
            let series = series(parameters, line).map_err(|why| format!("line {}: {why}", place + 1))?;
            samples += series.samples.len();
            if samples > MAX_SAMPLES {
                return Err(format!("line {}: expected at most {MAX_SAMPLES} samples in a request", place + 1));
            }
            all.push(series);
        }
    }
    Ok(all)
}

fn series(parameters: &Parameters, line: &[u8]) -> Result<SeriesWrite, String> {
    let Line { metric, values, timestamps } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if values.len() != timestamps.len() {
        return Err(format!("{} values and {} timestamps: expected as many", values.len(), timestamps.len()));
    }
    let sample = |(value, time_ms): (&Number, i64)| {
        let value = value.value().ok_or("a value that is no number: expected a number, null or \"Infinity\"")?;
        Ok((time_ms, 0, Value::Float(value.to_bits())))
    };
    let samples: Result<Vec<_>, String> = values.iter().zip(timestamps).map(sample).collect();
    let labels = metric.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() });
    Ok(SeriesWrite {
        labels: with_extra(labels, &parameters.extra),
        kind: MetricType::Unknown,
        help: String::new(),
        unit: String::new(),
        samples: samples?,
        exemplars: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::series::Value;

    use super::super::{Parameters, parameters};
    use super::read;

    #[test]
    fn lines_are_series() {
        let body =
            br#"{"metric":{"__name__":"up","job":"a"},"values":[1,null,"Infinity",-2.5e3],"timestamps":[1,2,3,4]}

{"metric":{"__name__":"down"},"values":[],"timestamps":[]}"#;
        let all = read(&parameters("extra_label=job=b&extra_label=dc=x%3Dy").unwrap(), body).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].labels.to_string(), r#"{__name__="up", dc="x=y", job="b"}"#);
        let values: Vec<f64> = all[0]
            .samples
            .iter()
            .map(|(.., value)| match value {
                Value::Float(bits) => f64::from_bits(*bits),
                Value::Histogram(_) => panic!("a double"),
            })
            .collect();
        assert!(values[1].is_nan());
        assert_eq!((values[0], values[2], values[3], all[0].samples[3].0), (1.0, f64::INFINITY, -2500.0, 4));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (body, why) in [
            ("{}", "line 1: missing field `metric`"),
            (
                "\n{\"metric\":{},\"values\":[1],\"timestamps\":[]}",
                "line 2: 1 values and 0 timestamps: expected as many",
            ),
            ("{\"metric\":{},\"values\":[\"x\"],\"timestamps\":[1]}", "line 1: a value that is no number"),
            ("nonsense", "line 1: expected"),
        ] {
            let told = read(&Parameters::default(), body.as_bytes()).unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
        for (query, why) in [
            ("extra_label=x", "expected name=value"),
            ("timestamp=x", "expected milliseconds"),
            ("timestamp=%zz", "not percent"),
        ] {
            assert!(parameters(query).unwrap_err().contains(why), "{query}");
        }
    }
}
