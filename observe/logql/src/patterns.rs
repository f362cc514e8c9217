//! Patterns of lines: what is left of a line when its numbers, ids and quoted values are masked.
//!
//! Loki finds patterns with a tree of similar lines (Drain), which drifts with what it saw before; a mask says the same of a line whenever it
//! is looked at. What comes out can be asked for with `|>`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use vitrine_observe_store::{template_messages, visit_templates};
use vitrine_observe_text::template;

use crate::ast::LogExpr;
use crate::lower::lower;
use crate::source::{Error, Source, TimeRange};

/// What stands for what was masked.
const MASK: &str = "<_>";
/// Patterns that are told apart while lines are counted; lines of further ones are not.
const MAX_TEMPLATES: usize = 10_000;
/// Patterns that are told: the most frequent ones.
const MAX_PATTERNS: usize = 300;
/// Lines between two looks at the budget.
const CHECKED_LINES: u64 = 8_192;

/// A pattern, and how many lines of each step have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern.
    pub pattern: String,
    /// Lines by the begin of each step, in nanoseconds since 1970.
    pub samples: BTreeMap<u64, u64>,
}

/// Lines of a template.
#[derive(Default)]
struct Counted {
    lines: u64,
    last_ns: u64,
    samples: BTreeMap<u64, u64>,
}

impl Source<'_> {
    /// Patterns of a query's lines, the most frequent first.
    pub fn patterns(&self, log: &LogExpr, range: TimeRange, step_ns: u64) -> Result<Vec<Pattern>, Error> {
        let lowered = lower(log, &self.label_map_for(log, std::iter::empty(), range)?).map_err(Error::Question)?;
        if !lowered.rest.is_empty() {
            return Err(Error::Question("patterns: expected a selector and conditions on lines only".to_owned()));
        }
        let (step_ns, query) = (step_ns.max(1), range.query(lowered.filter));
        let mut all: HashMap<i64, Counted> = HashMap::new();
        let (mut outcome, mut unchecked) = (Ok(()), 0);
        visit_templates(self.logs, self.tenant, &query, &[], &mut |found| {
            unchecked += 1;
            if unchecked == CHECKED_LINES {
                unchecked = 0;
                outcome = self.budget.read_samples(CHECKED_LINES).and_then(|()| self.budget.check());
                if outcome.is_err() {
                    return ControlFlow::Break(());
                }
            }
            if all.len() < MAX_TEMPLATES || all.contains_key(&found.template) {
                all.entry(found.template).or_default().add(found.chunk.time_ns(found.row), step_ns);
            }
            ControlFlow::Continue(())
        })?;
        outcome?;
        let mut all: Vec<(i64, Counted)> = all.into_iter().collect();
        all.sort_unstable_by_key(|(template, counted)| (Reverse(counted.lines), *template));
        all.truncate(MAX_PATTERNS);
        let wanted = all.iter().map(|(template, counted)| (*template, counted.last_ns));
        let messages = template_messages(self.logs, self.tenant, &query, wanted)?;
        let pattern = |(number, counted): (i64, Counted)| {
            let message = messages.get(&number).map_or("", String::as_str);
            Pattern { pattern: template(message, MASK), samples: counted.samples }
        };
        Ok(all.into_iter().map(pattern).collect())
    }
}

impl Counted {
    fn add(&mut self, time_ns: u64, step_ns: u64) {
        self.lines += 1;
        self.last_ns = self.last_ns.max(time_ns);
        *self.samples.entry(time_ns - time_ns % step_ns).or_default() += 1;
    }
}
