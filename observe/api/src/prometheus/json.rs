//! JSON to the byte as Prometheus writes it (`util/jsonutil`, `web/api/v1/json_codec.go`).

use std::fmt::Write as _;

use vitrine_kit::clock::rfc3339;
use vitrine_observe_promql::histogram::all_intervals;
use vitrine_observe_promql::{Point, Sample, Series, Value, go_float_plain, push_go_float_result};
use vitrine_observe_store::series::{Exemplar, Histogram, Labels};

/// Times of which texts are kept while a result is written.
const MOST_TIMES: usize = 11_001;
/// About what a point, and the labels of a series, take as text, in bytes.
const POINT_BYTES: usize = 24;
const SERIES_BYTES: usize = 128;

/// What a time is that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Milliseconds as seconds, with a fraction only if there is one.
pub(super) fn push_time(out: &mut String, ms: i64) {
    if ms < 0 {
        out.push('-');
    }
    let ms = ms.unsigned_abs();
    let _ = write!(out, "{}", ms / 1000);
    if !ms.is_multiple_of(1000) {
        let _ = write!(out, ".{:03}", ms % 1000);
    }
}

/// Milliseconds since 1970 as a date with a time; 0 is never.
pub(super) fn time_or_never(ms: i64) -> String {
    if ms == 0 { NEVER.to_owned() } else { rfc3339(ms) }
}

/// A number between quotes.
pub(super) fn push_number(out: &mut String, value: f64) {
    out.push('"');
    push_go_float_result(out, value);
    out.push('"');
}

/// A text as Go's encoder writes it: also what would mean something in a page is escaped.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => push_char(out, c),
        }
    }
    out.push('"');
}

/// A name or value of a label: less is escaped in it.
fn push_label_text(out: &mut String, text: &str) {
    out.push('"');
    text.chars().for_each(|c| push_char(out, c));
    out.push('"');
}

fn push_char(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if u32::from(c) < 0x20 => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Items between brackets.
pub(super) fn push_list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut push: impl FnMut(&mut String, T)) {
    out.push('[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

/// An object with its fields in this order; their values are JSON.
pub(super) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut out = String::from("{");
    for (place, (name, value)) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let _ = write!(out, "\"{name}\":{value}");
    }
    out.push('}');
    out
}

/// A list of JSON values.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut out = String::new();
    push_list(&mut out, items, |out, item| out.push_str(&item));
    out
}

/// A text as JSON.
pub(super) fn text(text: &str) -> String {
    let mut out = String::new();
    push_text(&mut out, text);
    out
}

/// Names and values of labels as JSON.
pub(super) fn labels_text(labels: &Labels) -> String {
    let mut out = String::new();
    push_labels(&mut out, labels);
    out
}

/// Texts between brackets.
pub(super) fn push_texts<T: AsRef<str>>(out: &mut String, texts: impl IntoIterator<Item = T>) {
    push_list(out, texts, |out, text| push_text(out, text.as_ref()));
}

pub(super) fn push_labels(out: &mut String, labels: &Labels) {
    out.push('{');
    for (place, label) in labels.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_label_text(out, &label.name);
        out.push(':');
        push_label_text(out, &label.value);
    }
    out.push('}');
}

fn push_histogram(out: &mut String, histogram: &Histogram) {
    out.push_str("{\"count\":");
    push_number(out, histogram.count);
    out.push_str(",\"sum\":");
    push_number(out, histogram.sum);
    let mut filled = all_intervals(histogram).filter(|interval| interval.count != 0.0).peekable();
    if filled.peek().is_some() {
        out.push_str(",\"buckets\":");
        push_list(out, filled, |out, interval| {
            let rule = match (interval.lower_inclusive, interval.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            };
            let _ = write!(out, "[{rule},");
            push_number(out, interval.lower);
            out.push(',');
            push_number(out, interval.upper);
            out.push(',');
            push_number(out, interval.count);
            out.push(']');
        });
    }
    out.push('}');
}

fn push_float_point(out: &mut String, (time_ms, value): (i64, f64)) {
    out.push('[');
    push_time(out, time_ms);
    out.push(',');
    push_number(out, value);
    out.push(']');
}

/// Texts of times, which the series of a result have in common: `[1435781451.781,"`.
#[derive(Default)]
struct TimeTexts {
    /// Rising, with where the text of each ends.
    known: Vec<(i64, usize)>,
    text: String,
}

impl TimeTexts {
    /// Adds the beginning of a point. `at` is the place to look at first, 0 for the first point of a series.
    fn push(&mut self, out: &mut String, at: &mut usize, time_ms: i64) {
        while self.known.get(*at).is_some_and(|(known, _)| *known < time_ms) {
            *at += 1;
        }
        match self.known.get(*at) {
            Some((known, end)) if *known == time_ms => {
                let begin = at.checked_sub(1).map_or(0, |before| self.known[before].1);
                out.push_str(&self.text[begin..*end]);
            }
            None if self.known.len() < MOST_TIMES => {
                let begin = self.text.len();
                self.text.push('[');
                push_time(&mut self.text, time_ms);
                self.text.push_str(",\"");
                out.push_str(&self.text[begin..]);
                self.known.push((time_ms, self.text.len()));
            }
            _ => {
                out.push('[');
                push_time(out, time_ms);
                out.push_str(",\"");
            }
        }
    }

    fn push_points(&mut self, out: &mut String, points: &[(i64, f64)]) {
        out.push('[');
        let mut at = 0;
        for (place, (time_ms, value)) in points.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            self.push(out, &mut at, *time_ms);
            push_go_float_result(out, *value);
            out.push_str("\"]");
        }
        out.push(']');
    }
}

fn push_histogram_point(out: &mut String, time_ms: i64, histogram: &Histogram) {
    out.push('[');
    push_time(out, time_ms);
    out.push(',');
    push_histogram(out, histogram);
    out.push(']');
}

fn push_sample(out: &mut String, sample: &Sample) {
    out.push_str("{\"metric\":");
    push_labels(out, &sample.labels);
    match &sample.value {
        Point::Float(value) => {
            out.push_str(",\"value\":");
            push_float_point(out, (sample.time_ms, *value));
        }
        Point::Histogram(histogram) => {
            out.push_str(",\"histogram\":");
            push_histogram_point(out, sample.time_ms, histogram);
        }
    }
    out.push('}');
}

fn push_series(out: &mut String, series: &Series, times: &mut TimeTexts) {
    out.push_str("{\"metric\":");
    push_labels(out, &series.labels);
    if !series.floats.is_empty() {
        out.push_str(",\"values\":");
        times.push_points(out, &series.floats);
    }
    if !series.histograms.is_empty() {
        out.push_str(",\"histograms\":");
        push_list(out, &series.histograms, |out, (time_ms, histogram)| push_histogram_point(out, *time_ms, histogram));
    }
    out.push('}');
}

/// About how many bytes [`push_result`] writes.
pub(super) fn result_bytes(value: &Value) -> usize {
    match value {
        Value::Scalar { .. } | Value::String { .. } => SERIES_BYTES,
        Value::Vector(samples) => SERIES_BYTES * (samples.len() + 1),
        Value::Matrix(all) => {
            let points: usize = all.iter().map(|series| series.floats.len() + series.histograms.len()).sum();
            SERIES_BYTES * (all.len() + 1) + POINT_BYTES * points
        }
    }
}

/// `"resultType":…,"result":…`, without braces.
pub(super) fn push_result(out: &mut String, value: &Value) {
    match value {
        Value::Scalar { time_ms, value } => {
            out.push_str("\"resultType\":\"scalar\",\"result\":[");
            push_time(out, *time_ms);
            let _ = write!(out, ",\"{}\"]", go_float_plain(*value));
        }
        Value::String { time_ms, value } => {
            out.push_str("\"resultType\":\"string\",\"result\":[");
            push_time(out, *time_ms);
            out.push(',');
            push_text(out, value);
            out.push(']');
        }
        Value::Vector(samples) => {
            out.push_str("\"resultType\":\"vector\",\"result\":");
            push_list(out, samples, push_sample);
        }
        Value::Matrix(series) => {
            out.push_str("\"resultType\":\"matrix\",\"result\":");
            let mut times = TimeTexts::default();
            push_list(out, series, |out, series| push_series(out, series, &mut times));
        }
    }
}

pub(super) fn push_exemplar(out: &mut String, exemplar: &Exemplar) {
    out.push_str("{\"labels\":");
    push_labels(out, &exemplar.labels);
    out.push_str(",\"value\":");
    push_number(out, exemplar.value);
    out.push_str(",\"timestamp\":");
    push_time(out, exemplar.time_ms);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use vitrine_observe_promql::{Series, Value};
    use vitrine_observe_store::series::Labels;

    use super::{push_float_point, push_list, push_result, push_text, push_time};

    #[test]
    fn points_of_series_at_other_times_are_written_as_each_is_alone() {
        let of = |times: &[i64]| Series {
            labels: Labels::of([("a", "b")]),
            floats: times.iter().map(|time| (*time, *time as f64 / 7.0)).collect(),
            histograms: Vec::new(),
        };
        let all = [&[1000, 2500, 4000][..], &[2500, 4000, 5000], &[0, 1000, 1001, 5000], &[-1, 7000], &[1000]].map(of);
        let mut wanted = String::from("\"resultType\":\"matrix\",\"result\":");
        push_list(&mut wanted, &all, |out, series| {
            out.push_str("{\"metric\":{\"a\":\"b\"},\"values\":");
            push_list(out, series.floats.iter().copied(), push_float_point);
            out.push('}');
        });
        let mut written = String::new();
        push_result(&mut written, &Value::Matrix(all.into()));
        assert_eq!(written, wanted);
    }

    #[test]
    fn times_and_texts_are_written_as_go_writes_them() {
        for (ms, wanted) in [(0, "0"), (1_500, "1.500"), (-1, "-0.001"), (1_435_781_451_781, "1435781451.781")] {
            let mut out = String::new();
            push_time(&mut out, ms);
            assert_eq!(out, wanted);
        }
        let mut out = String::new();
        push_text(&mut out, "a<b>&\"\\\n\u{1}\u{2028}ü");
        assert_eq!(out, r#""a\u003cb\u003e\u0026\"\\\n\u0001\u2028ü""#);
    }
}
