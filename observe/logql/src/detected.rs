//! Which fields the newest lines have: of records themselves, and those that parsers would find.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ast::LogExpr;
use crate::labels::Origin;
use crate::lines::line_of;
use crate::pipeline::parse_whatever;
use crate::source::{Error, Source, TimeRange};
use crate::units;

/// Values of a field that are told apart while they are counted.
const MAX_VALUES: usize = 10_000;
/// Fields that are told apart.
const MAX_DETECTED: usize = 5_000;

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Anything.
    Text,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Truths.
    Bool,
    /// Durations.
    Duration,
    /// Amounts of bytes.
    Bytes,
}

/// A field that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedField {
    /// The label that it is.
    pub label: String,
    /// What its values are, by the first that was seen.
    pub kind: FieldKind,
    /// How many values it has.
    pub cardinality: usize,
    /// The parsers that find it; none if records have it themselves.
    pub parsers: Vec<&'static str>,
}

/// Values of a field, those of most lines first.
pub type DetectedValues = Vec<String>;

struct FieldValues {
    kind: FieldKind,
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
}

impl FieldKind {
    /// As Loki calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "boolean",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
        }
    }

    fn of(value: &str) -> Self {
        match value {
            _ if value.parse::<i64>().is_ok() => Self::Int,
            _ if value.parse::<f64>().is_ok() => Self::Float,
            "true" | "false" => Self::Bool,
            _ if units::duration_ns(value).is_some() => Self::Duration,
            _ if units::bytes(value).is_some() => Self::Bytes,
            _ => Self::Text,
        }
    }
}

impl Source<'_> {
    /// Hands out the fields of the newest lines of a query: name, value, and the parser that found it.
    fn each_field(
        &self,
        log: &LogExpr,
        range: TimeRange,
        lines: usize,
        mut take: impl FnMut(&str, &str, Option<&'static str>),
    ) -> Result<(), Error> {
        self.each_line(log, range, true, lines, |found, row| {
            for label in found.labels.iter().filter(|label| label.origin != Origin::Stream) {
                take(&label.name, &label.value, None);
            }
            let mut line = line_of(row);
            let Some(parser) = parse_whatever(&mut line) else { return };
            for label in line.labels.iter().filter(|label| label.origin == Origin::Parsed) {
                take(&label.name, &label.value, Some(parser));
            }
        })
    }

    /// Fields of the newest lines of a query, in order of their names, at most so many.
    pub fn detected_fields(
        &self,
        log: &LogExpr,
        range: TimeRange,
        lines: usize,
        limit: usize,
    ) -> Result<Vec<DetectedField>, Error> {
        let mut all: BTreeMap<String, FieldValues> = BTreeMap::new();
        self.each_field(log, range, lines, |name, value, parser| {
            if !all.contains_key(name) && all.len() >= MAX_DETECTED {
                return;
            }
            let (values, parsers) = Default::default();
            let found = all.entry(name.to_owned()).or_insert_with(|| FieldValues {
                kind: FieldKind::of(value),
                values,
                parsers,
            });
            found.parsers.extend(parser);
            if found.values.len() < MAX_VALUES {
                found.values.insert(value.to_owned());
            }
        })?;
        let field = |(label, found): (String, FieldValues)| DetectedField {
            label,
            kind: found.kind,
            cardinality: found.values.len(),
            parsers: found.parsers.into_iter().collect(),
        };
        Ok(all.into_iter().take(limit).map(field).collect())
    }

    /// Values of one field of the newest lines of a query, at most so many.
    pub fn detected_values(
        &self,
        log: &LogExpr,
        name: &str,
        range: TimeRange,
        lines: usize,
        limit: usize,
    ) -> Result<DetectedValues, Error> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        self.each_field(log, range, lines, |found, value, _| {
            if found == name && (counts.len() < MAX_VALUES || counts.contains_key(value)) {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        })?;
        let mut all: Vec<(String, usize)> = counts.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(all.into_iter().take(limit).map(|(value, _)| value).collect())
    }
}
