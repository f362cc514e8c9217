//! Series as tests write them: `up{job="api"} 0+1x10 _ stale {{count:3 buckets:[1 2]}}x2`.

use std::sync::Arc;

use vitrine_observe_series::{Histogram, Labels, STALE};

use crate::ast::Span;
use crate::histogram::{add, parse_expression, subtract};
use crate::parse::{ParseError, is_space, number, parse_metric_prefix};
use crate::text::go_quote;

/// Most values that one line may stand for.
pub const MOST_VALUES: usize = 1_000_000;

/// A value in a series of a test.
#[derive(Debug, Clone, PartialEq)]
pub enum SequenceValue {
    /// No sample.
    Omitted,
    /// The bits of a double, maybe those of [`STALE`].
    Float(u64),
    /// A histogram.
    Histogram {
        /// The histogram.
        histogram: Arc<Histogram>,
        /// Whether the text says what is known of a reset.
        names_reset: bool,
    },
}

/// The labels of a series and its values, one for each interval from time 0. An error says what is wrong, and at which
/// column.
pub fn parse_series(text: &str) -> Result<(Labels, Vec<SequenceValue>), ParseError> {
    let (labels, rest) = parse_metric_prefix(text)?;
    let mut reader = Reader { text, at: text.len() - rest.len(), values: Vec::new() };
    reader.sequence()?;
    Ok((labels, reader.values))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: Vec<SequenceValue>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let span = Span { start: self.at, end: self.text.len() };
        Err(ParseError::new(message, span, self.text))
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, ParseError> {
        let found = match self.rest().split(is_space).next() {
            None | Some("") => "end of input".to_owned(),
            Some(word) => go_quote(word),
        };
        self.error(format!("unexpected {found} in series values, expected {expected}"))
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn sequence(&mut self) -> Result<(), ParseError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(is_space);
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return self.unexpected("a space");
            }
            self.at += rest.len() - trimmed.len();
            self.item()?;
        }
    }

    fn item(&mut self) -> Result<(), ParseError> {
        if self.accept('_') {
            let count = if self.accept('x') { self.count()? } else { 1 };
            return self.push(count, SequenceValue::Omitted);
        }
        if self.rest().starts_with("{{") {
            return self.histograms();
        }
        if let Some(rest) = self.rest().strip_prefix("stale")
            && !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        {
            self.at += "stale".len();
            return self.repeated(SequenceValue::Float(STALE));
        }
        let mut value = self.signed()?;
        let step = match self.rest().chars().next() {
            Some('+' | '-') => self.signed()?,
            _ => return self.repeated(SequenceValue::Float(value.to_bits())),
        };
        if !self.accept('x') {
            return self.unexpected("\"x\" and how often");
        }
        // One more, for time 0.
        let count = self.count()?;
        self.reserve(count + 1)?;
        for _ in 0..=count {
            self.values.push(SequenceValue::Float(value.to_bits()));
            value += step;
        }
        Ok(())
    }

    /// A value that was read, and the same again if it is followed by `x` and a count.
    fn repeated(&mut self, value: SequenceValue) -> Result<(), ParseError> {
        let count = if self.accept('x') { self.count()? + 1 } else { 1 };
        self.push(count, value)
    }

    fn push(&mut self, count: usize, value: SequenceValue) -> Result<(), ParseError> {
        self.reserve(count)?;
        self.values.extend(std::iter::repeat_n(value, count));
        Ok(())
    }

    fn reserve(&self, count: usize) -> Result<(), ParseError> {
        if self.values.len().saturating_add(count) > MOST_VALUES {
            return self.error(format!("a series may have {MOST_VALUES} values"));
        }
        Ok(())
    }

    fn count(&mut self) -> Result<usize, ParseError> {
        let rest = self.rest();
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        match rest[..digits].parse::<usize>() {
            Ok(count) if count <= MOST_VALUES => {
                self.at += digits;
                Ok(count)
            }
            Ok(_) => self.error(format!("a series may have {MOST_VALUES} values")),
            Err(_) => self.unexpected("a number of repetitions"),
        }
    }

    fn signed(&mut self) -> Result<f64, ParseError> {
        let negative = self.accept('-');
        if !negative {
            self.accept('+');
        }
        let rest = self.rest();
        let word = match rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()) {
            0 => digits(rest),
            letters if ["inf", "nan"].contains(&rest[..letters].to_ascii_lowercase().as_str()) => letters,
            _ => 0,
        };
        if word == 0 {
            return self.unexpected("number or \"stale\"");
        }
        match number(&rest[..word]) {
            Ok(value) => {
                self.at += word;
                Ok(if negative { -value } else { value })
            }
            Err(why) => self.error(why),
        }
    }

    fn histograms(&mut self) -> Result<(), ParseError> {
        let (mut histogram, mut names_reset) = self.histogram()?;
        let adds = match self.rest().chars().next() {
            Some(sign @ ('+' | '-')) => sign == '+',
            _ => return self.repeated(SequenceValue::Histogram { histogram: Arc::new(histogram), names_reset }),
        };
        self.at += 1;
        let step;
        (step, names_reset) = self.histogram()?;
        if !self.accept('x') {
            return self.unexpected("\"x\" and how often");
        }
        let count = self.count()?;
        self.reserve(count + 1)?;
        for left in (0..=count).rev() {
            self.values.push(SequenceValue::Histogram { histogram: Arc::new(histogram.clone()), names_reset });
            if left == 0 {
                break;
            }
            if histogram.schema > step.schema {
                let (to, from) = (step.schema, histogram.schema);
                return self.error(format!("error combining histograms: cannot merge from schema {to} to {from}"));
            }
            let combined = if adds { add(&mut histogram, &step) } else { subtract(&mut histogram, &step) };
            if let Err(error) = combined {
                return self.error(error.to_string());
            }
        }
        Ok(())
    }

    /// A histogram, and whether it says what is known of a reset.
    fn histogram(&mut self) -> Result<(Histogram, bool), ParseError> {
        let rest = self.rest();
        let Some(end) = rest.strip_prefix("{{").and_then(|inside| inside.find("}}")) else {
            return self.error("a histogram begins with {{ and ends with }}");
        };
        let text = &rest[..end + 4];
        match parse_expression(text) {
            Ok(histogram) => {
                self.at += text.len();
                Ok((histogram, text.contains("counter_reset_hint")))
            }
            Err(why) => self.error(format!("error parsing histogram: {why}")),
        }
    }
}

/// How many bytes a number without sign has with which a text begins.
fn digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let fits = match byte {
            b'0'..=b'9' | b'.' => true,
            b'_' => end > 0,
            b'e' | b'E' => end > 0,
            b'+' | b'-' => end > 0 && matches!(bytes[end - 1], b'e' | b'E'),
            _ => false,
        };
        if !fits {
            break;
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{MOST_VALUES, SequenceValue, parse_series};
    use vitrine_observe_series::STALE;

    fn floats(text: &str) -> Vec<Option<f64>> {
        let (_, values) = parse_series(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let float = |value: &SequenceValue| match value {
            SequenceValue::Float(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        };
        values.iter().map(float).collect()
    }

    #[test]
    fn sequences_are_expanded() {
        let some = |values: &[f64]| values.iter().map(|value| Some(*value)).collect::<Vec<_>>();
        assert_eq!(floats("a 1 2.5 -3e2 +Inf"), some(&[1.0, 2.5, -300.0, f64::INFINITY]));
        assert_eq!(floats("a{b=\"c\"} 0+10x3"), some(&[0.0, 10.0, 20.0, 30.0]));
        assert_eq!(floats("a -2-1x2 5x1"), some(&[-2.0, -3.0, -4.0, 5.0, 5.0]));
        assert_eq!(floats("a 1e-3+1e2x1 1-1e+0x1"), some(&[0.001, 100.001, 1.0, 0.0]));
        assert_eq!(floats("{\"a.b\"} _ 1 _x2 "), [None, Some(1.0), None, None]);
        assert_eq!(floats("a"), []);
        assert_eq!(parse_series("a stale").unwrap().1, [SequenceValue::Float(STALE)]);
    }

    #[test]
    fn histograms_are_added_up() {
        let (_, values) = parse_series("a {{count:1 sum:2 buckets:[1]}}+{{count:1 sum:1 buckets:[1]}}x2 {{}}").unwrap();
        let counts: Vec<f64> = values
            .iter()
            .map(|value| match value {
                SequenceValue::Histogram { histogram, names_reset: false } => histogram.count,
                _ => f64::NAN,
            })
            .collect();
        assert_eq!(counts, [1.0, 2.0, 3.0, 0.0]);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, wanted) in [
            ("a b", "1:3: parse error: unexpected \"b\" in series values, expected number or \"stale\""),
            ("a 1x", "1:5: parse error: unexpected end of input in series values, expected a number of repetitions"),
            ("a 1+2", "1:6: parse error: unexpected end of input in series values, expected \"x\" and how often"),
            ("a 1y", "1:4: parse error: unexpected \"y\" in series values, expected a space"),
            ("a {{count:1", "1:3: parse error: a histogram begins with {{ and ends with }}"),
            ("a{b} 1", "1:4: parse error: unexpected \"}\" in label set, expected \"=\""),
            ("a 1x99999999", "1:5: parse error: a series may have 1000000 values"),
        ] {
            assert_eq!(parse_series(text).unwrap_err().to_string(), wanted);
        }
        let many = format!("a {}", format!("_x{} ", MOST_VALUES / 2 + 1).repeat(2));
        assert!(parse_series(&many).is_err());
    }
}
