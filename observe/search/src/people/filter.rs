//! What a query means for log records.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use vitrine_kit::duration;
use vitrine_observe_columns::TextTest;
use vitrine_observe_model::{LogField, LogFilter, LogTest};
use vitrine_observe_text::{TextMatch, fold, is_word, words};

use super::level::Level;
use super::tree::{Amount, Comparison, Field, Node, Term, Test};

/// Most bytes of a compiled regular expression.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// The value of [`Field::Status`] of what failed, and of what did not.
pub(super) const FAILED: &str = "error";
pub(super) const SUCCEEDED: &str = "ok";

/// What a record must have. Every condition was compiled once when it was read.
pub(super) fn of_node(node: &Node) -> LogFilter {
    match node {
        Node::All(nodes) => LogFilter::All(nodes.iter().map(of_node).collect()),
        Node::Any(nodes) => LogFilter::Any(nodes.iter().map(of_node).collect()),
        Node::Not(node) => LogFilter::Not(Box::new(of_node(node))),
        // What cannot be compiled is no part of a query.
        Node::Term(term) => of_term(term).unwrap_or(LogFilter::Any(Vec::new())),
    }
}

/// What a condition means.
pub(super) fn of_term(term: &Term) -> Result<LogFilter, regex::Error> {
    let field = match &term.field {
        Field::Log(field) => field.clone(),
        Field::Status => match &term.test {
            Test::Text(status) if status == FAILED => return Ok(levels(Level::Error..=Level::Fatal)),
            Test::Text(status) if status == SUCCEEDED => {
                return Ok(LogFilter::Not(Box::new(levels(Level::Error..=Level::Fatal))));
            }
            _ => LogField::Named("status".to_owned()),
        },
    };
    match (&field, &term.test) {
        (_, Test::Exists) => Ok(LogFilter::Field(field, LogTest::Exists)),
        (LogField::Severity, test) => level(test),
        (_, Test::Regex(source)) => Ok(matching(field, TextMatch::Regex(compiled(source)?.into()))),
        (LogField::Any | LogField::Body, Test::Text(text)) => Ok(matching(field, TextMatch::phrase(text))),
        (LogField::Any | LogField::Body, Test::Wildcard(parts)) => Ok(matching(field, within_words(parts)?)),
        (_, Test::Text(text)) => Ok(LogFilter::equal(field, text)),
        (_, Test::Wildcard(parts)) => Ok(matching(field, TextMatch::Regex(whole(parts, false)?.into()))),
        (_, Test::Compare(comparison, amount)) => Ok(amounts(field, &bounds(*comparison, *amount))),
        (_, Test::Between(low, high)) => Ok(amounts(field, &(Bound::Included(*low), Bound::Included(*high)))),
    }
}

fn matching(field: LogField, text: TextMatch) -> LogFilter {
    LogFilter::Field(field, LogTest::Text(TextTest::Match(Arc::new(text))))
}

fn compiled(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).size_limit(MAX_REGEX_BYTES).build()
}

/// A star between words stands for any characters but blanks.
fn within_words(parts: &[String]) -> Result<TextMatch, regex::Error> {
    match parts {
        [text, end] if end.is_empty() && text.ends_with(is_word) => {
            let mut all: Vec<String> = words(text).map(|word| fold(&text[word]).into_owned()).collect();
            Ok(match all.len() {
                1 => TextMatch::WordPrefix(all.remove(0)),
                _ => TextMatch::Phrase { words: all, slop: 0, last_is_prefix: true },
            })
        }
        [begin, text, end] if begin.is_empty() && end.is_empty() => Ok(TextMatch::ContainsFolded(text.clone())),
        _ if parts.iter().all(|part| part.chars().all(is_word)) => {
            let folded: Vec<String> = parts.iter().map(|part| fold(part).into_owned()).collect();
            Ok(TextMatch::WordRegex(whole(&folded, true)?.into()))
        }
        _ => {
            let parts: Vec<String> = parts.iter().map(|part| regex::escape(part)).collect();
            Ok(TextMatch::Regex(compiled(&format!("(?i){}", parts.join(r"\S*")))?.into()))
        }
    }
}

/// These parts of one text, with anything between them.
fn whole(parts: &[String], is_word: bool) -> Result<Regex, regex::Error> {
    let escaped: Vec<String> = parts.iter().map(|part| regex::escape(part)).collect();
    let between = if is_word { r"\w*" } else { ".*" };
    compiled(&format!("(?s)^{}$", escaped.join(between)))
}

fn bounds(comparison: Comparison, amount: Amount) -> (Bound<Amount>, Bound<Amount>) {
    match comparison {
        Comparison::Less => (Bound::Unbounded, Bound::Excluded(amount)),
        Comparison::AtMost => (Bound::Unbounded, Bound::Included(amount)),
        Comparison::AtLeast => (Bound::Included(amount), Bound::Unbounded),
        Comparison::Greater => (Bound::Excluded(amount), Bound::Unbounded),
    }
}

/// A number or a duration within bounds. A duration is a text that says one, or a number whose unit the field's name ends with.
fn amounts(field: LogField, (low, high): &(Bound<Amount>, Bound<Amount>)) -> LogFilter {
    let is_number = [low, high].into_iter().all(|bound| {
        matches!(bound, Bound::Unbounded | Bound::Included(Amount::Number(_)) | Bound::Excluded(Amount::Number(_)))
    });
    if is_number {
        let number = |bound: &Bound<Amount>| bound.map(|amount| if let Amount::Number(n) = amount { n } else { 0.0 });
        return LogFilter::Field(field, LogTest::Number(number(low), number(high)));
    }
    let time =
        |bound: &Bound<Amount>| bound.map(|amount| if let Amount::Duration(t) = amount { t } else { Duration::ZERO });
    let (low, high) = (time(low), time(high));
    let unit = unit_of(&field).map(|unit_ns| {
        let number = |bound: Bound<Duration>| bound.map(|time| time.as_nanos() as f64 / unit_ns);
        LogFilter::Field(field.clone(), LogTest::Number(number(low), number(high)))
    });
    let is_within = move |text: &str| {
        duration::parse(text).is_some_and(|time| std::ops::RangeBounds::contains(&(low, high), &time))
    };
    let text = LogFilter::Field(field, LogTest::Text(TextTest::Where(Arc::new(is_within))));
    LogFilter::Any(unit.into_iter().chain([text]).collect())
}

/// The nanoseconds of the unit that an attribute's name ends with, as `duration_ms` does.
fn unit_of(field: &LogField) -> Option<f64> {
    let (LogField::Attribute(key) | LogField::Resource(key) | LogField::Scope(key) | LogField::Named(key)) = field
    else {
        return None;
    };
    Some(match key.rsplit(['_', '.', '-']).next()? {
        "ns" | "nanos" | "nanoseconds" => 1.0,
        "us" | "micros" | "microseconds" => 1e3,
        "ms" | "millis" | "milliseconds" => 1e6,
        "s" | "sec" | "secs" | "seconds" => 1e9,
        _ => return None,
    })
}

/// A condition on the level: by OTLP's number, or by the sender's words where there is none.
fn level(test: &Test) -> Result<LogFilter, regex::Error> {
    let in_words = |text: TextMatch| Ok(matching(LogField::SeverityText, text));
    Ok(match test {
        Test::Text(text) => match (Level::parse(text), text.parse::<u8>()) {
            (Some(level), _) => levels(level..=level),
            (None, Ok(number)) => severity(Bound::Included(number.into()), Bound::Included(number.into())),
            _ => {
                let wanted = fold(text).into_owned();
                let is_same: Arc<dyn Fn(&str) -> bool + Send + Sync> = Arc::new(move |text| fold(text) == wanted);
                LogFilter::Field(LogField::SeverityText, LogTest::Text(TextTest::Where(is_same)))
            }
        },
        Test::Regex(source) => return in_words(TextMatch::Regex(compiled(source)?.into())),
        Test::Wildcard(parts) => return in_words(TextMatch::Regex(whole(parts, false)?.into())),
        Test::Compare(comparison, Amount::Level(level)) => match comparison {
            Comparison::Less => within_levels(|other| other < *level),
            Comparison::AtMost => within_levels(|other| other <= *level),
            Comparison::AtLeast => within_levels(|other| other >= *level),
            Comparison::Greater => within_levels(|other| other > *level),
        },
        Test::Between(Amount::Level(low), Amount::Level(high)) => levels(*low..=*high),
        Test::Compare(comparison, amount) => amounts(LogField::Severity, &bounds(*comparison, *amount)),
        Test::Between(low, high) => amounts(LogField::Severity, &(Bound::Included(*low), Bound::Included(*high))),
        Test::Exists => LogFilter::Field(LogField::Severity, LogTest::Exists),
    })
}

fn levels(wanted: std::ops::RangeInclusive<Level>) -> LogFilter {
    within_levels(|level| wanted.contains(&level))
}

/// The levels that this says, which lie side by side.
fn within_levels(is_wanted: impl Fn(Level) -> bool) -> LogFilter {
    let wanted: Vec<Level> = Level::ALL.into_iter().filter(|level| is_wanted(*level)).collect();
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return LogFilter::Any(Vec::new()) };
    let number = |severity: u8| Bound::Included(f64::from(severity));
    let by_number = severity(number(*first.severities().start()), number(*last.severities().end()));
    let is_wanted: Arc<dyn Fn(&str) -> bool + Send + Sync> =
        Arc::new(move |text| Level::parse(text).is_some_and(|level| wanted.contains(&level)));
    let by_words = LogFilter::All(vec![
        LogFilter::Not(Box::new(LogFilter::Field(LogField::Severity, LogTest::Exists))),
        LogFilter::Field(LogField::SeverityText, LogTest::Text(TextTest::Where(is_wanted))),
    ]);
    LogFilter::Any(vec![by_number, by_words])
}

fn severity(low: Bound<f64>, high: Bound<f64>) -> LogFilter {
    LogFilter::Field(LogField::Severity, LogTest::Number(low, high))
}
