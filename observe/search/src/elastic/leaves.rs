//! What one field must hold: terms, words, phrases, patterns, ranges.
//!
//! A field matches as a whole or by one of its words in lower case, unless a mapping says which. Lists match by any of their elements, and a
//! path goes through lists of objects.

use std::ops::Bound;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;
use vitrine_observe_columns::TextTest;
use vitrine_observe_model::{LogField, LogFilter, LogTest};
use vitrine_observe_text::{TextMatch, fold, words};

use super::dates::{DateFormat, Moment, Zone, moment};
use super::error::SearchError;
use super::fields::{Mapped, Target, all_of, any_of, nothing};
use super::json::{number, scalar_text};
use super::patterns::{lucene, wildcard};

/// What a text must be as a whole.
#[derive(Clone)]
pub(crate) enum Whole {
    Equal(String),
    Regex(Regex),
}

/// What is asked of a text: as a whole, and of its words.
#[derive(Clone)]
pub(crate) struct TextLeaf {
    pub(crate) whole: Option<Whole>,
    pub(crate) words: Option<TextMatch>,
}

/// Ends of a range.
pub(crate) struct RangeLeaf<'a> {
    /// `gte` or `gt`: the value, and whether it is within.
    pub(crate) low: Option<(&'a Value, bool)>,
    /// `lte` or `lt`.
    pub(crate) high: Option<(&'a Value, bool)>,
    pub(crate) format: DateFormat,
    pub(crate) zone: Zone,
}

impl Whole {
    fn test(&self) -> TextTest {
        match self {
            Self::Equal(text) => TextTest::Equal(text.clone()),
            Self::Regex(regex) => TextTest::Match(Arc::new(TextMatch::Regex(regex.clone().into()))),
        }
    }

    fn is_met(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => wanted == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl TextLeaf {
    /// Exactly this text, or this word.
    pub(crate) fn term(text: &str, ignore_case: bool) -> Result<Self, SearchError> {
        if ignore_case {
            let whole = wildcard(&escaped_wildcard(text), true)?;
            return Ok(Self { whole: Some(Whole::Regex(whole)), words: one_word(text).map(TextMatch::Word) });
        }
        // A word as it is asked for: those of texts are in lower case.
        let word = words(text).next().filter(|word| *word == (0..text.len())).map(|_| TextMatch::Word(text.to_owned()));
        Ok(Self { whole: Some(Whole::Equal(text.to_owned())), words: word })
    }

    /// These words, one after the other.
    pub(crate) fn phrase(text: &str, slop: usize, last_is_prefix: bool) -> Self {
        let all: Vec<String> = words(text).map(|word| fold(&text[word]).into_owned()).collect();
        let words = match all.as_slice() {
            [] => None,
            [word] if last_is_prefix => Some(TextMatch::WordPrefix(word.clone())),
            [word] => Some(TextMatch::Word(word.clone())),
            _ => Some(TextMatch::Phrase { words: all, slop, last_is_prefix }),
        };
        Self { whole: Some(Whole::Equal(text.to_owned())), words }
    }

    /// What begins with this.
    pub(crate) fn prefix(text: &str, ignore_case: bool) -> Result<Self, SearchError> {
        let whole = wildcard(&format!("{}*", escaped_wildcard(text)), ignore_case)?;
        Ok(Self { whole: Some(Whole::Regex(whole)), words: one_word(text).map(TextMatch::WordPrefix) })
    }

    pub(crate) fn wildcard(pattern: &str, ignore_case: bool) -> Result<Self, SearchError> {
        let whole = Whole::Regex(wildcard(pattern, ignore_case)?);
        Ok(Self { whole: Some(whole), words: Some(TextMatch::WordRegex(wildcard(&fold(pattern), false)?.into())) })
    }

    pub(crate) fn regex(pattern: &str, ignore_case: bool) -> Result<Self, SearchError> {
        let regex = lucene(pattern, ignore_case)?;
        Ok(Self { whole: Some(Whole::Regex(regex.clone())), words: Some(TextMatch::WordRegex(regex.into())) })
    }

    /// A word at most so many changes away; none if the text is none.
    pub(crate) fn fuzzy(text: &str, distance: usize) -> Self {
        let word = one_word(text).unwrap_or_else(|| fold(text).into_owned());
        Self { whole: Some(Whole::Equal(text.to_owned())), words: Some(TextMatch::Fuzzy { word, distance }) }
    }

    /// What a field must hold.
    pub(crate) fn on(&self, target: &Target) -> LogFilter {
        let whole = self.whole.as_ref().filter(|_| target.mapped != Some(Mapped::Text) || self.words.is_none());
        let words = self.words.as_ref().filter(|_| target.mapped != Some(Mapped::Keyword));
        let mut filters = Vec::new();
        if let Some(words) = words {
            let matched = Arc::new(words.clone());
            filters.push(target.meets(|| LogTest::Text(TextTest::Match(matched.clone()))));
        }
        if let Some(whole) = whole {
            filters.push(target.meets(|| LogTest::Text(whole.test())));
            filters.extend(target.fields.iter().filter(|field| holds_lists(field)).map(|field| in_list(field, whole)));
        }
        if let [LogField::Named(name)] = target.fields.as_slice() {
            filters.extend(name.match_indices('.').map(|(dot, _)| self.inside(&name[..dot], &name[dot + 1..])));
        }
        if filters.is_empty() { nothing() } else { any_of(filters) }
    }

    /// The same within the objects of a list.
    fn inside(&self, list: &str, path: &str) -> LogFilter {
        let (leaf, path) = (self.clone(), path.to_owned());
        let test = move |text: &str| {
            text.starts_with("[{")
                && serde_json::from_str(text).is_ok_and(|list: Value| walk(&list, &path, &|text| leaf.is_met(text)))
        };
        LogFilter::Field(LogField::Named(list.to_owned()), LogTest::Text(TextTest::Where(Arc::new(test))))
    }

    fn is_met(&self, text: &str) -> bool {
        self.whole.as_ref().is_some_and(|whole| whole.is_met(text))
            || self.words.as_ref().is_some_and(|words| words.matches(text))
    }
}

/// A text in which nothing is a wildcard.
fn escaped_wildcard(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '*' | '?' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

/// The text as one word in lower case, if it is one.
fn one_word(text: &str) -> Option<String> {
    let word = words(text).next()?;
    (word == (0..text.len())).then(|| fold(text).into_owned())
}

fn holds_lists(field: &LogField) -> bool {
    matches!(field, LogField::Attribute(_) | LogField::Resource(_) | LogField::Named(_))
}

/// A list with an element that is this. Where a text is looked for, an index may find it first.
fn in_list(field: &LogField, whole: &Whole) -> LogFilter {
    let wanted = whole.clone();
    let test = move |text: &str| {
        text.starts_with('[')
            && serde_json::from_str(text).is_ok_and(|list: Value| elements(&list, &|text| wanted.is_met(text)))
    };
    let test = LogFilter::Field(field.clone(), LogTest::Text(TextTest::Where(Arc::new(test))));
    let Whole::Equal(text) = whole else { return test };
    let quoted = Value::from(text.as_str()).to_string();
    let inner = quoted.trim_matches('"');
    if inner.is_empty() {
        return test;
    }
    let holds = LogTest::Text(TextTest::Match(Arc::new(TextMatch::Contains(inner.to_owned()))));
    all_of(vec![LogFilter::Field(field.clone(), holds), test])
}

fn elements(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| elements(item, test)),
        other => scalar_text(other).is_some_and(|text| test(&text)),
    }
}

/// Whether there is a text at the end of a dotted path that meets a test.
fn walk(value: &Value, path: &str, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| walk(item, path, test)),
        Value::Object(object) => object.iter().any(|(key, value)| match path.strip_prefix(key.as_str()) {
            Some("") => elements(value, test),
            Some(rest) => rest.strip_prefix('.').is_some_and(|rest| walk(value, rest, test)),
            None => false,
        }),
        _ => false,
    }
}

/// What is there.
pub(crate) fn exists(target: &Target) -> LogFilter {
    any_of(target.fields.iter().map(|field| LogFilter::Field(field.clone(), LogTest::Exists)).collect())
}

/// Exactly this value: a text, a number, or a truth.
pub(crate) fn term(target: &Target, value: &Value, ignore_case: bool) -> Result<LogFilter, SearchError> {
    let text = scalar_text(value).ok_or_else(|| SearchError::parsing(format!("[{}] is no value", target.name)))?;
    let mut filters = vec![TextLeaf::term(&text, ignore_case)?.on(target)];
    if target.is_time() {
        let wanted = moment_of(value, &DateFormat::default(), Zone::utc(), 0)?;
        return Ok(target.meets(|| time_test(&wanted)));
    }
    if let Some(number) = value.as_f64() {
        filters.push(target.meets(|| LogTest::Number(Bound::Included(number), Bound::Included(number))));
    }
    Ok(any_of(filters))
}

fn time_test(wanted: &Moment) -> LogTest {
    LogTest::Number(Bound::Included(wanted.start as f64), Bound::Excluded(wanted.end as f64))
}

/// A moment out of a text or of a number.
pub(crate) fn moment_of(value: &Value, format: &DateFormat, zone: Zone, now_ns: i64) -> Result<Moment, SearchError> {
    let text = scalar_text(value).ok_or_else(|| SearchError::parsing(format!("[{value}] is no date")))?;
    moment(&text, format, zone, now_ns)
}

impl RangeLeaf<'_> {
    /// From when on, and before when, in nanoseconds since 1970.
    pub(crate) fn times(&self, now_ns: i64) -> Result<(Option<i64>, Option<i64>), SearchError> {
        let read = |value: &Value| moment_of(value, &self.format, self.zone, now_ns);
        let low = self
            .low
            .map(|(value, within)| Ok::<_, SearchError>(if within { read(value)?.start } else { read(value)?.end }));
        let high = self
            .high
            .map(|(value, within)| Ok::<_, SearchError>(if within { read(value)?.end } else { read(value)?.start }));
        Ok((low.transpose()?, high.transpose()?))
    }

    /// What a field that is not the time must hold: numbers by size, dates by time, texts in order.
    pub(crate) fn on(&self, target: &Target, now_ns: i64) -> LogFilter {
        let ends: Vec<&Value> = [self.low, self.high].into_iter().flatten().map(|(value, _)| value).collect();
        if ends.is_empty() {
            return exists(target);
        }
        if ends.iter().all(|value| number(value).is_some()) {
            let bound =
                |end: Option<(&Value, bool)>| match end.and_then(|(value, within)| Some((number(value)?, within))) {
                    Some((number, true)) => Bound::Included(number),
                    Some((number, false)) => Bound::Excluded(number),
                    None => Bound::Unbounded,
                };
            let (low, high) = (bound(self.low), bound(self.high));
            return target.meets(|| LogTest::Number(low, high));
        }
        let test: Arc<dyn Fn(&str) -> bool + Send + Sync> = match self.times(now_ns) {
            Ok((low, high)) => {
                let (format, zone) = (self.format.clone(), self.zone);
                Arc::new(move |text: &str| {
                    let read = format.read(text, zone).or_else(|| DateFormat::default().read(text, zone));
                    read.is_some_and(|found| {
                        low.is_none_or(|low| found.start >= low) && high.is_none_or(|high| found.start < high)
                    })
                })
            }
            Err(_) => {
                let own =
                    |end: Option<(&Value, bool)>| end.and_then(|(value, within)| Some((scalar_text(value)?, within)));
                let (low, high) = (own(self.low), own(self.high));
                Arc::new(move |text: &str| {
                    let above =
                        low.as_ref().is_none_or(|(low, within)| text > low.as_str() || *within && text == low.as_str());
                    above
                        && high
                            .as_ref()
                            .is_none_or(|(high, within)| text < high.as_str() || *within && text == high.as_str())
                })
            }
        };
        target.meets(|| LogTest::Text(TextTest::Where(test.clone())))
    }
}
