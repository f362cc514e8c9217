//! Patterns of lines: what is left of a line when its numbers, ids and quoted values are masked.
//!
//! Loki finds patterns with a tree of similar lines (Drain), which drifts with what it saw before; a mask says the same of a line whenever it
//! is looked at. What comes out can be asked for with `|>`.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use vitrine_observe_model::LogField;
use vitrine_observe_store::LogValue;

use crate::ast::LogExpr;
use crate::lower::lower;
use crate::source::{Error, Source, TimeRange};

/// What stands for what was masked.
const MASK: &str = "<_>";
/// Patterns that are told apart while lines are read; lines of further ones are not counted.
const MAX_MASKS: usize = 10_000;
/// Patterns that are told: the most frequent ones.
const MAX_PATTERNS: usize = 300;
/// Bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 3_000;

/// A pattern, and how many lines of each step have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern.
    pub pattern: String,
    /// Lines by the begin of each step, in nanoseconds since 1970.
    pub samples: BTreeMap<u64, u64>,
}

/// A line with its numbers, ids and quoted values masked.
pub fn mask(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (length, is_masked) = piece(rest, first);
        if !is_masked {
            masked.push_str(&rest[..length]);
        } else if !masked.ends_with(MASK) {
            masked.push_str(MASK);
        }
        rest = &rest[length..];
    }
    masked
}

/// Bytes of the first piece of a text, and whether it is masked.
fn piece(text: &str, first: char) -> (usize, bool) {
    if first == '"' {
        let mut is_escaped = false;
        let close = text.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            closes
        });
        if let Some((close, _)) = close {
            // A key of JSON says what its value is.
            return (close + 1, !text[close + 1..].starts_with(':'));
        }
        return (1, false);
    }
    if first == '<' {
        let tag = text[1..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|end| text[1 + end..].starts_with('>'));
        return tag.filter(|end| *end > 0).map_or((1, false), |end| (end + 2, true));
    }
    if !first.is_alphanumeric() {
        return (first.len_utf8(), false);
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let run = text.find(|c| !is_word(c)).unwrap_or(text.len());
    // A dot or a dash at its end belongs to the sentence.
    let length = text[..run].trim_end_matches(['.', '-']).len().max(first.len_utf8());
    (length, text[..length].contains(|c: char| c.is_ascii_digit()))
}

impl Source<'_> {
    /// Patterns of a query's lines, the most frequent first.
    pub fn patterns(&self, log: &LogExpr, range: TimeRange, step_ns: u64) -> Result<Vec<Pattern>, Error> {
        let lowered = lower(log, &self.label_map_for(log, std::iter::empty(), range)?).map_err(Error::Question)?;
        if !lowered.rest.is_empty() {
            return Err(Error::Question("patterns: expected a selector and conditions on lines only".to_owned()));
        }
        let step_ns = step_ns.max(1);
        let mut all: HashMap<String, BTreeMap<u64, u64>> = HashMap::new();
        let mut outcome = Ok(());
        self.logs.visit_logs(self.tenant, &range.query(lowered.filter), &[LogField::Body], &mut |chunk| {
            outcome = self.budget.read_samples(chunk.rows() as u64).and_then(|()| self.budget.check());
            if outcome.is_err() {
                return ControlFlow::Break(());
            }
            for row in 0..chunk.rows() {
                let Some(LogValue::Text(line)) = chunk.value(0, row) else { continue };
                let masked = mask(&line[..line.floor_char_boundary(MAX_LINE_BYTES)]);
                if all.len() >= MAX_MASKS && !all.contains_key(&masked) {
                    continue;
                }
                let time_ns = chunk.time_ns(row);
                *all.entry(masked).or_default().entry(time_ns - time_ns % step_ns).or_default() += 1;
            }
            ControlFlow::Continue(())
        })?;
        outcome?;
        let total = |pattern: &Pattern| pattern.samples.values().sum::<u64>();
        let mut all: Vec<Pattern> = all.into_iter().map(|(pattern, samples)| Pattern { pattern, samples }).collect();
        all.sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.pattern.cmp(&b.pattern)));
        all.truncate(MAX_PATTERNS);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn numbers_ids_and_quoted_values_are_masked() {
        for (line, masked) in [
            ("GET /cart/7f3a-91 took 35ms.", "GET /cart/<_> took <_>."),
            (r#"level=info msg="card declined" order=17"#, "level=info msg=<_> order=<_>"),
            (r#"{"level":"info","n":5}"#, r#"{"level":<_>,"n":<_>}"#),
            ("from 10.0.0.1:80 to <none>", "from <_>:<_> to <_>"),
            ("no numbers at all", "no numbers at all"),
            ("an \"open quote", "an \"open quote"),
        ] {
            assert_eq!(mask(line), masked);
        }
    }
}
