//! A rule as it is evaluated: typed nodes in one vector, children by number, everything that is known beforehand worked out beforehand
//! (paths cut, versions and weights read, long lists sorted).

mod compile;

use std::sync::Arc;

use crate::context::Segment;
use crate::json::{Json, Location};
use crate::version::{Comparison, Version};

pub(crate) use compile::compile;
pub use compile::{Evaluators, Mode};

/// Most nodes in a rule, with those of the evaluators that it names.
pub const MAX_NODES: usize = 4_096;

/// A node's number in its rule.
pub(crate) type Id = u32;

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) nodes: Vec<Node>,
    /// Where each node stands in the document.
    pub(crate) locations: Vec<Location>,
    pub(crate) root: Id,
}

#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    /// A list or a map without rules in it.
    Literal(Arc<Json<'static>>),
    /// A list with rules in it.
    List(Box<[Id]>),
    /// `var` with a path that is known.
    Var {
        path: Box<[Segment]>,
        name: Box<str>,
        default: Option<Id>,
    },
    /// `var` with a path that a rule tells.
    VarOf {
        path: Id,
        default: Option<Id>,
    },
    FlagKey,
    Timestamp,
    Op {
        op: Op,
        args: Box<[Id]>,
    },
    /// `in` with many texts, sorted.
    InSet {
        needle: Id,
        set: Box<[Arc<str>]>,
    },
    /// `sem_ver` with an operator and a right side that are known.
    SemVer {
        left: Id,
        comparison: Comparison,
        right: Version,
    },
    Fractional(Box<Fractional>),
}

/// `fractional`.
#[derive(Debug)]
pub(crate) struct Fractional {
    /// What is hashed; none for the flag's key and the targeting key.
    pub(crate) key: Option<Id>,
    pub(crate) buckets: Box<[Bucket]>,
    /// The sum of the weights, where all are known.
    pub(crate) total: Option<u64>,
    /// A bucket is not as it must be: the result is null.
    pub(crate) broken: bool,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) variant: Id,
    pub(crate) weight: Weight,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Weight {
    Known(u64),
    Of(Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Missing,
    MissingSome,
    If,
    Equal,
    StrictEqual,
    NotEqual,
    StrictNotEqual,
    Not,
    NotNot,
    Or,
    And,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Max,
    Min,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Map,
    Filter,
    Reduce,
    All,
    None,
    Some,
    Merge,
    In,
    Cat,
    Substr,
    StartsWith,
    EndsWith,
    SemVer,
}

/// The operators, and how many arguments their schema takes (`targeting.json` of flagd-schemas).
const OPS: &[(&str, Op, usize, usize)] = &[
    ("missing", Op::Missing, 0, MAX_NODES),
    ("missing_some", Op::MissingSome, 2, 2),
    ("if", Op::If, 0, MAX_NODES),
    ("?:", Op::If, 3, 3),
    ("==", Op::Equal, 2, 2),
    ("===", Op::StrictEqual, 2, 2),
    ("!=", Op::NotEqual, 2, 2),
    ("!==", Op::StrictNotEqual, 2, 2),
    ("!", Op::Not, 1, 1),
    ("!!", Op::NotNot, 1, 1),
    ("or", Op::Or, 0, MAX_NODES),
    ("and", Op::And, 0, MAX_NODES),
    (">", Op::Greater, 2, 2),
    (">=", Op::GreaterOrEqual, 2, 2),
    ("<", Op::Less, 2, 3),
    ("<=", Op::LessOrEqual, 2, 3),
    ("max", Op::Max, 0, MAX_NODES),
    ("min", Op::Min, 0, MAX_NODES),
    ("+", Op::Add, 0, MAX_NODES),
    ("-", Op::Subtract, 1, 2),
    ("*", Op::Multiply, 0, MAX_NODES),
    ("/", Op::Divide, 2, 2),
    ("%", Op::Remainder, 2, 2),
    ("map", Op::Map, 2, 2),
    ("filter", Op::Filter, 2, 2),
    ("reduce", Op::Reduce, 3, 3),
    ("all", Op::All, 2, 2),
    ("none", Op::None, 2, 2),
    ("some", Op::Some, 2, 2),
    ("merge", Op::Merge, 0, MAX_NODES),
    ("in", Op::In, 2, 2),
    ("cat", Op::Cat, 0, MAX_NODES),
    ("substr", Op::Substr, 2, 3),
    ("starts_with", Op::StartsWith, 2, 2),
    ("ends_with", Op::EndsWith, 2, 2),
    ("sem_ver", Op::SemVer, 3, 3),
];

impl Op {
    fn read(name: &str) -> Option<&'static (&'static str, Self, usize, usize)> {
        OPS.iter().find(|(known, ..)| *known == name)
    }

    /// Its name in rules.
    pub(crate) fn name(self) -> &'static str {
        OPS.iter().find(|(_, op, ..)| *op == self).map_or("", |(name, ..)| name)
    }

    /// Whether its second argument is evaluated for each item of its first.
    pub(crate) fn goes_through_items(self) -> bool {
        matches!(self, Self::Map | Self::Filter | Self::Reduce | Self::All | Self::None | Self::Some)
    }
}
