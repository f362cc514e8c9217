//! What is done with each line: conditions, parsers, formats.
//!
//! A [`Pipeline`] is made once for a query and run on each line. Errors of a line do not end the query: they stand in its label
//! `__error__`, as Loki has it (`pkg/logql/log`).

mod filters;
mod ip;
mod json;
mod line;
mod logfmt;
mod pattern;
mod template;

use std::borrow::Cow;

use regex::Regex;
use vitrine_observe_series::go_regex_unanchored;

pub(crate) use filters::{accepts, unwrapped};
pub(crate) use ip::parse_ips;
pub(crate) use line::{LineMatch, LineTest};

use crate::ast::{FormatSource, LabelChoice, LabelFilter, Stage};
use crate::labels::{ERROR, ERROR_DETAILS, LineLabel, LineLabels};
use json::Path;
use pattern::CapturePattern;
use template::LineTemplate;

/// A line on its way through a pipeline.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// When it happened, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The text as it is by now.
    pub text: Cow<'a, str>,
    /// Its labels as they are by now.
    pub labels: LineLabels,
}

/// What is done with each line.
#[derive(Debug, Default)]
pub struct Pipeline {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Line(LineTest),
    Json(Vec<(String, Path)>),
    Logfmt { strict: bool, keep_empty: bool, keys: Vec<(String, String)> },
    Regexp(Regex),
    Pattern(CapturePattern),
    Unpack,
    Label(LabelFilter),
    LineFormat(LineTemplate),
    LabelFormat(Vec<(String, Source)>),
    Decolorize,
    Drop(Vec<LabelChoice>),
    Keep(Vec<LabelChoice>),
}

#[derive(Debug)]
enum Source {
    Label(String),
    Template(LineTemplate),
}

/// Whether a pattern is one of `| regexp`.
pub(crate) fn check_regexp(text: &str) -> Result<(), String> {
    regexp(text).map(|_| ())
}

/// Whether a pattern is one of `| pattern`.
pub(crate) fn check_pattern(text: &str) -> Result<(), String> {
    CapturePattern::new(text).map(|_| ())
}

/// Whether a pattern is one of `|>`.
pub(crate) fn check_line_pattern(text: &str) -> Result<(), String> {
    pattern::LinePattern::new(text).map(|_| ())
}

/// Whether a text is a path of `| json a="path"`.
pub(crate) fn check_path(text: &str) -> Result<(), String> {
    Path::new(text).map(|_| ())
}

/// Whether a template can be parsed.
pub(crate) fn check_template(text: &str) -> Result<(), String> {
    LineTemplate::new(text).map(|_| ())
}

/// Finds labels by whichever parser a line is for, and returns its name; none if it is for none.
pub(crate) fn parse_whatever(line: &mut Line<'_>) -> Option<&'static str> {
    let text = line.text.trim_start();
    if text.starts_with('{') {
        json::parse(line, &[]);
        return (!line.labels.has_error()).then_some("json");
    }
    if !text.contains('=') {
        return None;
    }
    logfmt::parse(line, false, false, &[]);
    line.labels.iter().any(|label| label.origin == crate::labels::Origin::Parsed).then_some("logfmt")
}

fn regexp(text: &str) -> Result<Regex, String> {
    let regex = go_regex_unanchored(text).map_err(|why| why.to_string())?;
    let mut names: Vec<&str> = regex.capture_names().flatten().collect();
    if names.is_empty() {
        return Err("at least one named capture must be supplied".to_owned());
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("duplicate extracted label name '{}'", pair[0])),
        None => Ok(regex),
    }
}

impl Pipeline {
    /// Of the stages of a query; an error where a pattern or a template is none, which the parser has made sure of.
    pub fn new(stages: &[Stage]) -> Result<Self, String> {
        Ok(Self { steps: stages.iter().map(step).collect::<Result<_, String>>()? })
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs a line through it, and returns whether it is kept.
    pub fn run(&self, line: &mut Line<'_>) -> bool {
        self.steps.iter().all(|step| step.run(line))
    }
}

fn step(stage: &Stage) -> Result<Step, String> {
    Ok(match stage {
        Stage::Line(filter) => Step::Line(LineTest::new(filter)?),
        Stage::Json(all) => {
            let path = |one: &crate::ast::Extraction| Ok((one.label.clone(), Path::new(&one.path)?));
            Step::Json(all.iter().map(path).collect::<Result<_, String>>()?)
        }
        Stage::Logfmt { strict, keep_empty, extractions } => Step::Logfmt {
            strict: *strict,
            keep_empty: *keep_empty,
            keys: extractions.iter().map(|one| (one.label.clone(), one.path.clone())).collect(),
        },
        Stage::Regexp(text) => Step::Regexp(regexp(text)?),
        Stage::Pattern(text) => Step::Pattern(CapturePattern::new(text)?),
        Stage::Unpack => Step::Unpack,
        Stage::Label(filter) => Step::Label(filter.clone()),
        Stage::LineFormat(text) => Step::LineFormat(LineTemplate::new(text)?),
        Stage::LabelFormat(all) => {
            let source = |from: &FormatSource| match from {
                FormatSource::Label(from) => Ok(Source::Label(from.clone())),
                FormatSource::Template(text) => LineTemplate::new(text).map(Source::Template),
            };
            let all = all.iter().map(|format| Ok((format.to.clone(), source(&format.from)?)));
            Step::LabelFormat(all.collect::<Result<_, String>>()?)
        }
        Stage::Decolorize => Step::Decolorize,
        Stage::Drop(all) => Step::Drop(all.clone()),
        Stage::Keep(all) => Step::Keep(all.clone()),
    })
}

impl Step {
    fn run(&self, line: &mut Line<'_>) -> bool {
        match self {
            Self::Line(test) => return test.matches(&line.text),
            Self::Json(paths) => json::parse(line, paths),
            Self::Logfmt { strict, keep_empty, keys } => logfmt::parse(line, *strict, *keep_empty, keys),
            Self::Regexp(regex) => {
                let Some(captures) = regex.captures(&line.text) else { return true };
                for name in regex.capture_names().flatten() {
                    let value = captures.name(name).map_or("", |found| found.as_str());
                    line.labels.parsed(name, value.to_owned());
                }
            }
            Self::Pattern(pattern) => {
                for (name, value) in pattern.captures(&line.text) {
                    line.labels.parsed(name, value.to_owned());
                }
            }
            Self::Unpack => json::unpack(line),
            Self::Label(filter) => return accepts(filter, &mut line.labels),
            Self::LineFormat(template) => match template.run(line) {
                Ok(text) => line.text = text.into(),
                Err(why) => line.labels.fail("TemplateFormatErr", why),
            },
            Self::LabelFormat(all) => format_labels(line, all),
            Self::Decolorize => {
                if line.text.contains('\u{1b}') {
                    line.text = decolorized(&line.text).into();
                }
            }
            Self::Drop(choices) => {
                if choices.iter().any(|choice| chooses_error(choice, &line.labels)) {
                    line.labels.clear_error();
                }
                line.labels.retain(|label| !is_chosen(label, choices));
            }
            Self::Keep(choices) => line.labels.retain(|label| is_chosen(label, choices)),
        }
        true
    }
}

fn chooses_error(choice: &LabelChoice, labels: &LineLabels) -> bool {
    match choice {
        LabelChoice::Name(name) => [ERROR, ERROR_DETAILS].contains(&name.as_str()),
        LabelChoice::Value(value) => value.name == ERROR && value.matches(labels.get(ERROR)),
    }
}

fn is_chosen(label: &LineLabel, choices: &[LabelChoice]) -> bool {
    choices.iter().any(|choice| match choice {
        LabelChoice::Name(name) => *name == label.name,
        LabelChoice::Value(value) => value.name == label.name && value.matches(&label.value),
    })
}

fn format_labels(line: &mut Line<'_>, all: &[(String, Source)]) {
    for (to, source) in all {
        match source {
            Source::Label(from) => {
                let value = line.labels.get(from).to_owned();
                if line.labels.has(from) {
                    line.labels.set(from, String::new());
                    line.labels.set(to, value);
                }
            }
            Source::Template(template) => match template.run(line) {
                Ok(value) => line.labels.set(to, value),
                Err(why) => line.labels.fail("TemplateFormatErr", why),
            },
        }
    }
}

/// A text without the sequences that colour it on a terminal.
fn decolorized(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        let end = sequence.find(|c: char| ('@'..='~').contains(&c)).map_or(sequence.len(), |end| end + 1);
        rest = &sequence[end..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::decolorized;

    #[test]
    fn colours_go() {
        assert_eq!(decolorized("a\u{1b}[1;31mb\u{1b}[0mc\u{1b}["), "abc");
    }
}
