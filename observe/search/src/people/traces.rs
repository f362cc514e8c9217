//! What a query means for traces.

use std::time::Duration;

use vitrine_observe_model::LogField;
use vitrine_observe_store::TraceQuery;

use super::filter::FAILED;
use super::tree::{Amount, Comparison, Field, Node, Term, Test};

/// A part of a query that cannot be asked of traces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part} cannot be asked of traces: expected service:NAME, name:OPERATION, status:error, duration:>200ms or KEY:VALUE, each of the first four once"
)]
pub struct Unsayable {
    /// The part, as it is always written.
    pub part: String,
}

/// Which traces are asked for: all conditions hold for one and the same span of it.
pub(super) fn of_node(node: &Node) -> Result<TraceQuery, Unsayable> {
    let nodes = match node {
        Node::All(nodes) => nodes.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut query = TraceQuery::default();
    for node in nodes {
        let is_said = match node {
            Node::Term(term) => add(&mut query, term),
            _ => None,
        };
        is_said.ok_or_else(|| Unsayable { part: node.to_string() })?;
    }
    Ok(query)
}

/// Adds a condition; none if it cannot be.
fn add(query: &mut TraceQuery, term: &Term) -> Option<()> {
    match (&term.field, &term.test) {
        (Field::Status, Test::Text(status)) if status == FAILED => {
            once(&query.tags, |(key, _)| key == "error")?;
            query.tags.push(("error".to_owned(), "true".to_owned()));
        }
        (Field::Log(LogField::Service), Test::Text(text)) => set(&mut query.service, text.clone())?,
        (Field::Log(LogField::Named(key)), Test::Text(text)) if key == "name" || key == "operation" => {
            set(&mut query.operation, text.clone())?;
        }
        (Field::Log(LogField::Named(key)), test) if key == "duration" => durations(query, test)?,
        (Field::Log(LogField::Named(key) | LogField::Attribute(key)), Test::Text(text)) => {
            query.tags.push((key.clone(), text.clone()));
        }
        _ => return None,
    }
    Some(())
}

fn once<T>(all: &[T], is_same: impl Fn(&T) -> bool) -> Option<()> {
    (!all.iter().any(is_same)).then_some(())
}

/// Sets what was not set yet.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

fn durations(query: &mut TraceQuery, test: &Test) -> Option<()> {
    let ns = |time: &Duration| u64::try_from(time.as_nanos()).ok();
    match test {
        Test::Compare(Comparison::AtLeast, Amount::Duration(time)) => set(&mut query.min_duration_ns, ns(time)?),
        Test::Compare(Comparison::Greater, Amount::Duration(time)) => {
            set(&mut query.min_duration_ns, ns(time)?.checked_add(1)?)
        }
        Test::Compare(Comparison::AtMost, Amount::Duration(time)) => set(&mut query.max_duration_ns, ns(time)?),
        Test::Compare(Comparison::Less, Amount::Duration(time)) => {
            set(&mut query.max_duration_ns, ns(time)?.checked_sub(1)?)
        }
        Test::Between(Amount::Duration(low), Amount::Duration(high)) => {
            set(&mut query.min_duration_ns, ns(low)?)?;
            set(&mut query.max_duration_ns, ns(high)?)
        }
        _ => None,
    }
}
