//! From queries to filters of log records: what all queries share while they are read.

use std::ops::Bound;

use serde_json::Value;
use vitrine_observe_model::{LogField, LogFilter, LogTest};
use vitrine_observe_text::TextMatch;

use super::dates::{DateFormat, Zone};
use super::error::{SearchError, shown};
use super::fields::{Mappings, Target, all_of, any_of, not};
use super::leaves::{RangeLeaf, TextLeaf, Whole, exists};
use super::query_string::{Leaf, Node};

/// Most clauses that one query may become, as Elasticsearch's `indices.query.bool.max_clause_count`.
const MAX_CLAUSES: usize = 4_096;

/// A query as it is asked of the engine.
#[derive(Clone)]
pub(crate) struct Lowered {
    pub(crate) filter: LogFilter,
    /// From this time on, in nanoseconds since 1970.
    pub(crate) start_ns: u64,
    /// Before this time.
    pub(crate) end_ns: u64,
    pub(crate) marks: Vec<Mark>,
}

/// What of a field's text was looked for.
#[derive(Clone)]
pub(crate) struct Mark {
    /// The field's name; `*` for all.
    pub(crate) field: String,
    pub(crate) text: TextMatch,
}

/// What is gathered while a query is read.
pub(crate) struct Lowering<'a> {
    pub(crate) mappings: &'a Mappings,
    pub(crate) now_ns: i64,
    start_ns: i64,
    end_ns: i64,
    marks: Vec<Mark>,
    clauses: usize,
    /// Whether what is read now must hold of each record: only then a range of time bounds the reading.
    is_needed: bool,
    /// Whether what is read now must not hold, and is not to be highlighted.
    is_negated: bool,
}

/// How leaves of a query text are read.
pub(crate) struct TextOptions {
    pub(crate) targets: Vec<Target>,
    pub(crate) zone: Zone,
    /// Whether a mistake in a clause makes it meet nothing.
    pub(crate) lenient: bool,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(mappings: &'a Mappings, now_ns: i64) -> Self {
        Self {
            mappings,
            now_ns,
            start_ns: 0,
            end_ns: i64::MAX,
            marks: Vec::new(),
            clauses: 0,
            is_needed: true,
            is_negated: false,
        }
    }

    /// The filter, with the range of time that holds for all of it.
    pub(crate) fn finish(self, filter: LogFilter) -> Lowered {
        let time = |ns: i64| u64::try_from(ns).unwrap_or(0);
        Lowered { filter, start_ns: time(self.start_ns), end_ns: time(self.end_ns), marks: self.marks }
    }

    /// Counts clauses.
    pub(crate) fn spend(&mut self, clauses: usize) -> Result<(), SearchError> {
        self.clauses += clauses;
        if self.clauses > MAX_CLAUSES {
            return Err(SearchError::illegal(format!(
                "the query has more than {MAX_CLAUSES} clauses: ask for less at a time"
            )));
        }
        Ok(())
    }

    /// Reads what need not hold of each record.
    pub(crate) fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.is_needed, false);
        let found = read(self);
        self.is_needed = before;
        found
    }

    /// Reads what must not hold.
    pub(crate) fn negated<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.is_negated, true);
        let found = self.optional(read);
        self.is_negated = before;
        found
    }

    /// What fields must hold, one of them.
    pub(crate) fn text(&mut self, targets: &[Target], leaf: &TextLeaf) -> Result<LogFilter, SearchError> {
        self.spend(targets.len())?;
        if !self.is_negated {
            for target in targets {
                self.mark(target, leaf);
            }
        }
        Ok(any_of(targets.iter().map(|target| leaf.on(target)).collect()))
    }

    fn mark(&mut self, target: &Target, leaf: &TextLeaf) {
        let whole = leaf.whole.as_ref().map(|whole| match whole {
            Whole::Equal(text) => TextMatch::Contains(text.clone()),
            Whole::Regex(regex) => TextMatch::Regex(regex.clone().into()),
        });
        let texts = leaf.words.clone().into_iter().chain(whole.filter(|_| leaf.words.is_none()));
        self.marks.extend(texts.map(|text| Mark { field: target.name.clone(), text }));
    }

    /// What lies within a range.
    pub(crate) fn range(&mut self, target: &Target, leaf: &RangeLeaf<'_>) -> Result<LogFilter, SearchError> {
        self.spend(1)?;
        if !target.is_time() {
            return Ok(leaf.on(target, self.now_ns));
        }
        let (low, high) = leaf.times(self.now_ns)?;
        if self.is_needed && target.fields == [LogField::Time] {
            self.start_ns = self.start_ns.max(low.unwrap_or(0));
            self.end_ns = self.end_ns.min(high.unwrap_or(i64::MAX));
            return Ok(LogFilter::everything());
        }
        let low = low.map_or(Bound::Unbounded, |ns| Bound::Included(ns as f64));
        let high = high.map_or(Bound::Unbounded, |ns| Bound::Excluded(ns as f64));
        Ok(target.meets(|| LogTest::Number(low, high)))
    }

    /// A query text.
    pub(crate) fn node(&mut self, node: &Node, options: &TextOptions) -> Result<LogFilter, SearchError> {
        match node {
            Node::All => Ok(LogFilter::everything()),
            Node::Bool { must, must_not, should } => {
                let mut all = Vec::new();
                for node in must {
                    all.push(self.node(node, options)?);
                }
                for node in must_not {
                    all.push(not(self.negated(|lowering| lowering.node(node, options))?));
                }
                if must.is_empty() && !should.is_empty() {
                    let any = self.optional(|lowering| {
                        should.iter().map(|node| lowering.node(node, options)).collect::<Result<Vec<_>, _>>()
                    });
                    all.push(any_of(any?));
                }
                Ok(all_of(all))
            }
            Node::Leaf { field, leaf } => {
                let named = field.as_ref().map(|field| vec![named(self.mappings, field)]);
                let targets = named.as_deref().unwrap_or(&options.targets);
                match self.leaf(targets, leaf, options.zone) {
                    Err(SearchError::Parsing(_) | SearchError::IllegalArgument(_)) if options.lenient => {
                        Ok(LogFilter::Any(Vec::new()))
                    }
                    other => other,
                }
            }
        }
    }

    fn leaf(&mut self, targets: &[Target], leaf: &Leaf, zone: Zone) -> Result<LogFilter, SearchError> {
        let text = match leaf {
            Leaf::Exists => return Ok(any_of(targets.iter().map(exists).collect())),
            Leaf::Range(low, high) => {
                let value = |end: &Option<(String, bool)>| {
                    end.as_ref().map(|(text, within)| (Value::from(text.as_str()), *within))
                };
                let (low, high) = (value(low), value(high));
                let range = RangeLeaf {
                    low: low.as_ref().map(|(value, within)| (value, *within)),
                    high: high.as_ref().map(|(value, within)| (value, *within)),
                    format: DateFormat::default(),
                    zone,
                };
                let filters: Result<Vec<_>, _> = targets.iter().map(|target| self.range(target, &range)).collect();
                return Ok(any_of(filters?));
            }
            Leaf::Text(text) => return self.word(targets, text, zone),
            Leaf::Phrase(text, slop) => TextLeaf::phrase(text, *slop, false),
            Leaf::Prefix(text) => TextLeaf::prefix(text, false)?,
            Leaf::Wildcard(pattern) => TextLeaf::wildcard(pattern, false)?,
            Leaf::Regex(pattern) => TextLeaf::regex(pattern, false)?,
            Leaf::Fuzzy(text, distance) => TextLeaf::fuzzy(text, *distance),
        };
        self.text(targets, &text)
    }

    /// A word: of a field of numbers, a number.
    pub(crate) fn word(&mut self, targets: &[Target], text: &str, zone: Zone) -> Result<LogFilter, SearchError> {
        if let [target] = targets
            && target.is_time()
        {
            let value = Value::from(text);
            let range = RangeLeaf {
                low: Some((&value, true)),
                high: Some((&value, true)),
                format: DateFormat::default(),
                zone,
            };
            return self.range(target, &range);
        }
        let words = self.text(targets, &TextLeaf::phrase(text, 0, false))?;
        let Ok(number) = text.parse::<f64>() else { return Ok(words) };
        let bound = Bound::Included(number);
        let numbers = targets.iter().filter(|target| !target.is_any() && number.is_finite());
        let numbers = numbers.map(|target| target.meets(|| LogTest::Number(bound, bound)));
        Ok(any_of([words].into_iter().chain(numbers).collect()))
    }
}

/// What a name stands for: `*` for every text.
pub(crate) fn named(mappings: &Mappings, name: &str) -> Target {
    // A weight, as in `message^2`, counts for scores only, and there are none.
    let name = name.split_once('^').map_or(name, |(name, _)| name);
    if name == "*" || name == "_all" { Target::any() } else { mappings.target(name) }
}

/// The fields of a list of names, of which those with stars are every text.
pub(crate) fn targets(mappings: &Mappings, names: &[String]) -> Result<Vec<Target>, SearchError> {
    if names.is_empty() {
        return Ok(vec![Target::any()]);
    }
    let read = |name: &String| {
        if name != "*" && name.contains('*') {
            let expected = "expected names of fields, or * for all";
            return Err(SearchError::illegal(format!("pattern [{}] of fields; {expected}", shown(name))));
        }
        Ok(named(mappings, name))
    };
    names.iter().map(read).collect()
}
