//! What a query consists of.

use std::time::Duration;

use vitrine_observe_model::LogField;

use super::level::Level;

/// Longest query, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most levels of brackets and of negations.
pub const MAX_DEPTH: usize = 32;
/// Most conditions.
pub const MAX_TERMS: usize = 256;
/// Most conditions that are compiled as regular expressions.
pub const MAX_PATTERNS: usize = 32;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at character {position}: expected {expected}")]
pub struct SyntaxError {
    /// Where, in characters; the first is 1.
    pub position: usize,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

/// A part of a query. Those of one kind are not nested in each other, and there are two or more of them, or none of [`Node::All`], which
/// everything meets.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Term(Term),
}

/// A condition on a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub field: Field,
    pub test: Test,
}

/// What a condition is on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    /// A field of log records; [`LogField::Any`] where no key was written.
    Log(LogField),
    /// Whether it failed; any other status is an attribute's value.
    Status,
}

/// What a field must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Exists,
    Text(String),
    /// These texts, with anything between them.
    Wildcard(Vec<String>),
    Regex(String),
    Compare(Comparison, Amount),
    Between(Amount, Amount),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    AtLeast,
    Greater,
}

#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Amount {
    Number(f64),
    Duration(Duration),
    Level(Level),
}

/// All of these.
pub(super) fn all(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::All(within) => flat.extend(within),
            node => flat.push(node),
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Node::All(flat) }
}

/// One of these, of which there is one at least.
pub(super) fn any(nodes: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Any(within) => flat.extend(within),
            node => flat.push(node),
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Node::Any(flat) }
}
