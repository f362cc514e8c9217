//! Conditions on a line's text.

use regex::Regex;
use vitrine_observe_series::go_regex_unanchored;

use super::ip::{Ips, holds_ip, parse_ips};
use super::pattern::LinePattern;
use crate::ast::{LineFilter, LineOp, LineWanted};

/// A condition on a line's text.
#[derive(Debug, Clone)]
pub(crate) struct LineTest {
    pub(crate) negated: bool,
    pub(crate) wanted: Vec<LineMatch>,
}

/// What is looked for in a text.
#[derive(Debug, Clone)]
pub(crate) enum LineMatch {
    Text(String),
    Regex(Regex),
    Pattern(LinePattern),
    Ip(Ips),
}

impl LineTest {
    pub(crate) fn new(filter: &LineFilter) -> Result<Self, String> {
        let wanted = |wanted: &LineWanted| match (wanted, filter.op) {
            (LineWanted::Ip(text), _) => parse_ips(text).map(LineMatch::Ip),
            (LineWanted::Text(text), LineOp::Contains | LineOp::NotContains) => Ok(LineMatch::Text(text.clone())),
            (LineWanted::Text(text), LineOp::Regex | LineOp::NotRegex) => {
                go_regex_unanchored(text).map(LineMatch::Regex).map_err(|why| why.to_string())
            }
            (LineWanted::Text(text), LineOp::Pattern | LineOp::NotPattern) => {
                LinePattern::new(text).map(LineMatch::Pattern)
            }
        };
        let wanted = filter.wanted.iter().map(wanted).collect::<Result<_, String>>()?;
        Ok(Self { negated: filter.op.is_not(), wanted })
    }

    pub(crate) fn matches(&self, line: &str) -> bool {
        self.wanted.iter().any(|wanted| wanted.is_in(line)) != self.negated
    }
}

impl LineMatch {
    pub(crate) fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => line.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(line),
            Self::Pattern(pattern) => pattern.matches(line),
            Self::Ip(ips) => holds_ip(line, ips),
        }
    }
}
