//! Queries as texts, each in one way only.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use vitrine_observe_model::LogField;

use super::lexer::{is_bare, quoted, slashed};
use super::names;
use super::query::Query;
use super::tree::{Amount, Comparison, Field, Node, Term, Test};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

/// Returns the condition that a field is exactly this text.
pub fn term_text(field: &LogField, value: &str) -> String {
    Term { field: Field::Log(field.clone()), test: Test::Text(value.to_owned()) }.to_string()
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let join = |f: &mut Formatter<'_>, nodes: &[Node], between: &str| {
            for (place, node) in nodes.iter().enumerate() {
                f.write_str(if place == 0 { "" } else { between })?;
                node.within(f)?;
            }
            Ok(())
        };
        match self {
            Self::All(nodes) if nodes.is_empty() => f.write_str("*"),
            Self::All(nodes) => join(f, nodes, " "),
            Self::Any(nodes) => join(f, nodes, " OR "),
            Self::Not(node) => {
                f.write_str("-")?;
                node.within(f)
            }
            Self::Term(term) => term.fmt(f),
        }
    }
}

impl Node {
    /// As a part of another.
    fn within(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(nodes) if !nodes.is_empty() => write!(f, "({self})"),
            Self::Any(_) => write!(f, "({self})"),
            _ => self.fmt(f),
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.field != Field::Log(LogField::Any) {
            write!(f, "{}:", names::name(&self.field))?;
        }
        match &self.test {
            Test::Exists => f.write_str("*"),
            Test::Text(text) => f.write_str(&literal(text)),
            Test::Wildcard(parts) => {
                let parts: Vec<String> =
                    parts.iter().map(|part| if part.is_empty() { String::new() } else { literal(part) }).collect();
                f.write_str(&parts.join("*"))
            }
            Test::Regex(source) => f.write_str(&slashed(source)),
            Test::Compare(comparison, amount) => write!(f, "{comparison}{amount}"),
            Test::Between(low, high) => write!(f, "{low}..{high}"),
        }
    }
}

fn literal(text: &str) -> String {
    if is_bare(text) { text.to_owned() } else { quoted(text) }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        })
    }
}

impl Display for Amount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Duration(time) => f.write_str(&duration(*time)),
            Self::Level(level) => f.write_str(level.name()),
        }
    }
}

/// A duration by the largest unit of which it is a whole number.
fn duration(time: Duration) -> String {
    const UNITS: [(&str, u128); 6] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ];
    let ns = time.as_nanos();
    let unit = UNITS.iter().find(|(_, length)| ns > 0 && ns % length == 0);
    unit.map_or_else(|| format!("{ns}ns"), |(name, length)| format!("{}{name}", ns / length))
}
