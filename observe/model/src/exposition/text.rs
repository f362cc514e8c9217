//! Both text formats.

use std::borrow::Cow;

use vitrine_observe_series::MetricType;

use super::series::{exemplar_labels, shorten, split_series, unescape};
use super::{Description, Entry, ExposedExemplar, ExposedSample, ExposedSeries, ExposedValue, Format, Mistake, NAN};

/// Most Unicode characters of an exemplar's labels together, as OpenMetrics has it.
const MAX_EXEMPLAR_CHARS: usize = 128;
/// Milliseconds in a second.
const MILLIS: f64 = 1_000.0;

/// Reads an exposition in text, entry by entry. After a mistake there is nothing more.
#[derive(Debug)]
pub struct Text<'a> {
    rest: &'a str,
    line: usize,
    open_metrics: bool,
    ended: bool,
}

impl<'a> Text<'a> {
    /// Of a body in one of the text formats; an error where it is not UTF-8.
    pub fn new(body: &'a [u8], format: Format) -> Result<Self, Mistake> {
        let rest = std::str::from_utf8(body).map_err(|error| {
            let line = 1 + body[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Mistake::line(line, "bytes that are not UTF-8")
        })?;
        Ok(Self { rest, line: 0, open_metrics: format == Format::OpenMetrics, ended: false })
    }

    fn next_entry(&mut self) -> Result<Option<Entry<'a>>, String> {
        while !self.rest.is_empty() {
            self.line += 1;
            let (line, rest) = match self.rest.split_once('\n') {
                Some((line, rest)) => (line, rest),
                None if self.open_metrics && self.rest != "# EOF" => {
                    return Err("the last line does not end".to_owned());
                }
                None => (self.rest, ""),
            };
            self.rest = rest;
            let entry = if self.open_metrics { self.open_metrics_line(line)? } else { plain_line(line)? };
            if let Some(entry) = entry {
                return Ok(Some(entry));
            }
            if self.ended {
                return Ok(None);
            }
        }
        if self.open_metrics { Err("data does not end with # EOF".to_owned()) } else { Ok(None) }
    }

    fn open_metrics_line(&mut self, line: &'a str) -> Result<Option<Entry<'a>>, String> {
        if line == "# EOF" {
            self.ended = true;
            return if self.rest.is_empty() { Ok(None) } else { Err("data after # EOF".to_owned()) };
        }
        if line.is_empty() {
            return Err("an empty line, which OpenMetrics does not have".to_owned());
        }
        match line.strip_prefix("# ") {
            Some(comment) => open_metrics_comment(comment).map(Some),
            None if line.starts_with('#') => Err(format!("{:?} where '# ' was expected", shorten(line))),
            None => open_metrics_sample(line).map(|sample| Some(Entry::Sample(sample))),
        }
    }
}

impl<'a> Iterator for Text<'a> {
    type Item = Result<Entry<'a>, Mistake>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.next_entry();
        if !matches!(entry, Ok(Some(_))) {
            self.ended = true;
        }
        entry.map_err(|problem| Mistake::line(self.line, problem)).transpose()
    }
}

/// A line of Prometheus's text; nothing for empty lines and comments of no meaning.
fn plain_line(line: &str) -> Result<Option<Entry<'_>>, String> {
    let line = line.strip_suffix('\r').unwrap_or(line).trim_matches([' ', '\t']);
    if line.is_empty() {
        return Ok(None);
    }
    let Some(comment) = line.strip_prefix('#') else {
        return plain_sample(line).map(|sample| Some(Entry::Sample(sample)));
    };
    let comment = comment.trim_start_matches([' ', '\t']);
    let Some((keyword, rest)) = comment.split_once([' ', '\t']) else { return Ok(None) };
    if !matches!(keyword, "HELP" | "TYPE") {
        return Ok(None);
    }
    let (metric, text) = described(rest.trim_start_matches([' ', '\t']))?;
    let text = text.trim_start_matches([' ', '\t']);
    let description = match keyword {
        "HELP" => Description::Help(unescape(text, false)),
        _ => Description::Type(plain_type(text)?),
    };
    Ok(Some(Entry::Metadata { metric, description }))
}

/// The metric that a comment describes, and what it says.
fn described(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => {
            let mut escaped = false;
            let end = quoted.bytes().position(|byte| match byte {
                _ if escaped => {
                    escaped = false;
                    false
                }
                b'\\' => {
                    escaped = true;
                    false
                }
                byte => byte == b'"',
            });
            let end = end.ok_or("a metric name without its closing quote")?;
            (unescape(&quoted[..end], true), &quoted[end + 1..])
        }
        None => {
            let end = text.find([' ', '\t']).unwrap_or(text.len());
            (Cow::Borrowed(&text[..end]), &text[end..])
        }
    };
    if name.is_empty() { Err("a comment without a metric name".to_owned()) } else { Ok((name, rest)) }
}

fn plain_type(text: &str) -> Result<MetricType, String> {
    match text {
        "counter" => Ok(MetricType::Counter),
        "gauge" => Ok(MetricType::Gauge),
        "histogram" => Ok(MetricType::Histogram),
        "gaugehistogram" => Ok(MetricType::GaugeHistogram),
        "summary" => Ok(MetricType::Summary),
        "untyped" | "unknown" => Ok(MetricType::Unknown),
        "info" => Ok(MetricType::Info),
        "stateset" => Ok(MetricType::StateSet),
        other => Err(format!("invalid metric type {:?}", shorten(other))),
    }
}

fn plain_sample(line: &str) -> Result<ExposedSample<'_>, String> {
    let (series, rest) = split_series(line)?;
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = words.next().ok_or("a series without a value")?;
    let time_ms = match words.next() {
        Some(time) => Some(
            time.parse()
                .map_err(|_| format!("{:?} is not a time: expected whole milliseconds since 1970", shorten(time)))?,
        ),
        None => None,
    };
    if let Some(more) = words.next() {
        return Err(format!("{:?} after the sample", shorten(more)));
    }
    Ok(ExposedSample {
        series: ExposedSeries::Written(series),
        value: ExposedValue::Float(float(value)?),
        time_ms,
        start_ms: None,
        exemplars: Vec::new(),
    })
}

fn open_metrics_comment(comment: &str) -> Result<Entry<'_>, String> {
    let expected = || format!("{:?} where HELP, TYPE, UNIT or EOF was expected", shorten(comment));
    let (keyword, rest) = comment.split_once(' ').ok_or_else(expected)?;
    let (metric, text) = described(rest)?;
    let text = text.strip_prefix(' ').unwrap_or_default();
    let description = match keyword {
        "HELP" => Description::Help(unescape(text, true)),
        "TYPE" if text == "untyped" => return Err("invalid metric type \"untyped\"".to_owned()),
        "TYPE" => Description::Type(plain_type(text)?),
        "UNIT" if !text.is_empty() && !metric.ends_with(&format!("_{text}")) => {
            return Err(format!("unit {:?} is not a suffix of metric {:?}", shorten(text), shorten(&metric)));
        }
        "UNIT" => Description::Unit(Cow::Borrowed(text)),
        _ => return Err(expected()),
    };
    Ok(Entry::Metadata { metric, description })
}

fn open_metrics_sample(line: &str) -> Result<ExposedSample<'_>, String> {
    let (series, rest) = split_series(line)?;
    let rest = rest.strip_prefix(' ').ok_or_else(|| format!("{:?} where ' ' was expected", shorten(rest)))?;
    let (sample, exemplar) = match rest.split_once(" # ") {
        Some((sample, exemplar)) => (sample, Some(exemplar)),
        None => (rest, None),
    };
    let (value, time_ms) = value_and_seconds(sample)?;
    let exemplars = match exemplar {
        Some(text) => vec![exposed_exemplar(text)?],
        None => Vec::new(),
    };
    let value = ExposedValue::Float(value);
    Ok(ExposedSample { series: ExposedSeries::Written(series), value, time_ms, start_ms: None, exemplars })
}

fn exposed_exemplar(text: &str) -> Result<ExposedExemplar, String> {
    let (labels, rest) = exemplar_labels(text)?;
    let chars: usize = labels.iter().map(|label| label.name.chars().count() + label.value.chars().count()).sum();
    if chars > MAX_EXEMPLAR_CHARS {
        return Err(format!("exemplar labels of {chars} characters: expected at most {MAX_EXEMPLAR_CHARS}"));
    }
    let rest = rest.strip_prefix(' ').ok_or("an exemplar without a value")?;
    let (value, time_ms) = value_and_seconds(rest)?;
    Ok(ExposedExemplar { labels, value: f64::from_bits(value), time_ms })
}

/// A value and, after one blank, a time in seconds.
fn value_and_seconds(text: &str) -> Result<(u64, Option<i64>), String> {
    let (value, time) = match text.split_once(' ') {
        Some((value, time)) => (value, Some(time)),
        None => (text, None),
    };
    let time_ms = match time {
        Some(time) => {
            let seconds = f64::from_bits(float(time)?);
            if !seconds.is_finite() {
                return Err(format!("invalid timestamp {time}"));
            }
            // Saturates beyond what milliseconds can be.
            Some((seconds * MILLIS) as i64)
        }
        None => None,
    };
    Ok((float(value)?, time_ms))
}

/// The bits of a number as Go reads it, without its hexadecimal form and underscores.
fn float(text: &str) -> Result<u64, String> {
    let wrong = || format!("{:?} where a number was expected", shorten(text));
    // Rust reads a sign before NaN; Go does not.
    let is_signed_nan = text.len() == 4 && text.as_bytes()[1..].eq_ignore_ascii_case(b"nan");
    if is_signed_nan {
        return Err(wrong());
    }
    let value: f64 = text.parse().map_err(|_| wrong())?;
    Ok(if value.is_nan() { NAN } else { value.to_bits() })
}
