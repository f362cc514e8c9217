//! What the engine is asked of a query: its selector, and those conditions that no stage before them can change.

use std::sync::Arc;

use vitrine_observe_columns::TextTest;
use vitrine_observe_model::{LogField, LogFilter, LogTest};
use vitrine_observe_series::{MatchOp, Matcher, go_regex_unanchored};
use vitrine_observe_text::TextMatch;

use crate::ast::{LabelFilter, LogExpr, Stage};
use crate::labels::{DETECTED_LEVEL, ERROR, ERROR_DETAILS, LabelMap, SERVICE_LABEL};
use crate::pipeline::{LineMatch, LineTest};

/// A query in two parts.
pub(crate) struct Lowered {
    /// What the engine finds.
    pub(crate) filter: LogFilter,
    /// What is left to be done with what it finds.
    pub(crate) rest: Vec<Stage>,
}

/// Whether fields must be looked up for labels that a query, or what is above it, names.
pub(crate) fn needs_label_map<'a>(log: &LogExpr, mut others: impl Iterator<Item = &'a str>) -> bool {
    let is_named =
        |stage: &Stage| matches!(stage, Stage::Label(filter) if !filter.names().into_iter().all(LabelMap::is_plain));
    log.matchers.iter().any(|matcher| !LabelMap::is_plain(&matcher.name))
        || log.stages.iter().any(is_named)
        || others.any(|name| !LabelMap::is_plain(name))
}

/// Parts a query. Conditions go to the engine as long as nothing before them changes what they look at.
pub(crate) fn lower(log: &LogExpr, label_map: &LabelMap) -> Result<Lowered, String> {
    let mut all = streams(&log.matchers, label_map)?;
    let (mut rest, mut same_line, mut same_labels) = (Vec::new(), true, true);
    for stage in &log.stages {
        let lowered = match stage {
            Stage::Line(filter) if same_line => Some(line(&LineTest::new(filter)?)),
            Stage::Label(filter) if same_labels => label(filter, label_map)?,
            _ => None,
        };
        match lowered {
            Some(filter) => all.push(filter),
            None => rest.push(stage.clone()),
        }
        same_line &= !matches!(stage, Stage::LineFormat(_) | Stage::Decolorize | Stage::Unpack);
        same_labels &= matches!(stage, Stage::Line(_) | Stage::Label(_) | Stage::LineFormat(_) | Stage::Decolorize);
    }
    Ok(Lowered { filter: LogFilter::All(all), rest })
}

/// What streams must have, each matcher by the fields that its label may be.
pub(crate) fn streams(matchers: &[Matcher], label_map: &LabelMap) -> Result<Vec<LogFilter>, String> {
    matchers.iter().map(|matcher| matching(matcher, &label_map.stream(&matcher.name))).collect()
}

/// A matcher on a label that may be one of these fields, of which the first that is there counts.
fn matching(matcher: &Matcher, fields: &[LogField]) -> Result<LogFilter, String> {
    let (mut any, mut absent) = (Vec::new(), Vec::new());
    for field in fields {
        let mut all = absent.clone();
        all.push(on_field(matcher, field)?);
        any.push(LogFilter::All(all));
        absent.push(LogFilter::Not(Box::new(LogFilter::Field(field.clone(), LogTest::Exists))));
    }
    if matcher.matches("") {
        any.push(LogFilter::All(absent));
    }
    Ok(if any.len() == 1 { any.remove(0) } else { LogFilter::Any(any) })
}

/// A matcher on a field that is there.
fn on_field(matcher: &Matcher, field: &LogField) -> Result<LogFilter, String> {
    let test = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => TextTest::Equal(matcher.value.clone()),
        MatchOp::Regex | MatchOp::NotRegex => match matcher.set_matches() {
            Some(all) => TextTest::OneOf(all.to_vec()),
            None => {
                let anchored = format!("\\A(?s:{})\\z", matcher.value);
                let regex = go_regex_unanchored(&anchored).map_err(|why| why.to_string())?;
                TextTest::Match(Arc::new(TextMatch::Regex(regex.into())))
            }
        },
    };
    let found = LogFilter::Field(field.clone(), LogTest::Text(test));
    Ok(match matcher.op {
        MatchOp::Equal | MatchOp::Regex => found,
        MatchOp::NotEqual | MatchOp::NotRegex => {
            let is_there = LogFilter::Field(field.clone(), LogTest::Exists);
            LogFilter::All(vec![is_there, LogFilter::Not(Box::new(found))])
        }
    })
}

/// A condition on the line itself. A record without a body has an empty line.
fn line(test: &LineTest) -> LogFilter {
    let on_body = |wanted: &LineMatch| {
        let found = match wanted {
            LineMatch::Text(text) if text.is_empty() => return LogFilter::everything(),
            LineMatch::Text(text) => TextTest::Match(Arc::new(TextMatch::Contains(text.clone()))),
            LineMatch::Regex(regex) => TextTest::Match(Arc::new(TextMatch::Regex(regex.clone().into()))),
            LineMatch::Pattern(_) | LineMatch::Ip(_) => {
                let wanted = wanted.clone();
                TextTest::Where(Arc::new(move |line| wanted.is_in(line)))
            }
        };
        let found = LogFilter::Field(LogField::Body, LogTest::Text(found));
        if !wanted.is_in("") {
            return found;
        }
        let absent = LogFilter::Not(Box::new(LogFilter::Field(LogField::Body, LogTest::Exists)));
        LogFilter::Any(vec![found, absent])
    };
    let any = LogFilter::Any(test.wanted.iter().map(on_body).collect());
    if test.negated { LogFilter::Not(Box::new(any)) } else { any }
}

/// A condition on labels that records themselves have; none if it needs more than texts of fields.
fn label(filter: &LabelFilter, label_map: &LabelMap) -> Result<Option<LogFilter>, String> {
    let both = |a: &LabelFilter, b: &LabelFilter| Ok::<_, String>(label(a, label_map)?.zip(label(b, label_map)?));
    Ok(match filter {
        LabelFilter::And(a, b) => both(a, b)?.map(|(a, b)| LogFilter::All(vec![a, b])),
        LabelFilter::Or(a, b) => both(a, b)?.map(|(a, b)| LogFilter::Any(vec![a, b])),
        LabelFilter::Text(matcher) if ![DETECTED_LEVEL, ERROR, ERROR_DETAILS].contains(&matcher.name.as_str()) => {
            Some(matching(matcher, &label_map.fields(&matcher.name))?)
        }
        LabelFilter::Text(_) | LabelFilter::Quantity { .. } | LabelFilter::Ip { .. } => None,
    })
}

/// What records must have that are followed: the service, and the line. Which fields other labels may be is not known before they come.
pub(crate) fn followed(log: &LogExpr) -> Result<LogFilter, String> {
    let label_map = LabelMap::default();
    let services: Vec<Matcher> = log.matchers.iter().filter(|matcher| matcher.name == SERVICE_LABEL).cloned().collect();
    let mut all = streams(&services, &label_map)?;
    for stage in &log.stages {
        match stage {
            Stage::Line(filter) => all.push(line(&LineTest::new(filter)?)),
            Stage::LineFormat(_) | Stage::Decolorize | Stage::Unpack => break,
            _ => {}
        }
    }
    Ok(LogFilter::All(all))
}
