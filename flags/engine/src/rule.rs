//! A rule as it is evaluated: typed nodes in one list, children by number, everything that is known beforehand worked out beforehand
//! (versions and weights read, long lists sorted, names of variants found).
//!
//! Of many flags each is evaluated now and then, so what an evaluation costs is how much memory it looks at. Nodes are small and have their arguments
//! in them; their texts lie together; and the [`Rules`] of all flags of a set lie together, too.

mod compile;
mod rules;

use std::sync::Arc;

use crate::json::{Json, Location};
use crate::version::{Comparison, Version};

pub(crate) use compile::compile;
pub use compile::{Evaluators, Mode};
pub(crate) use rules::{Rules, Start};

/// Most nodes in a rule, with those of the evaluators that it names.
pub const MAX_NODES: usize = 4_096;

/// A node's number in its rule.
pub(crate) type Id = u16;

/// A rule that was read.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(super) nodes: Box<[Node]>,
    /// The texts of all nodes, one after the other.
    pub(super) texts: Box<str>,
    /// The arguments of nodes with many of them.
    pub(super) ids: Box<[Id]>,
    pub(super) root: Id,
    /// Where each node stands in the document.
    pub(crate) locations: Box<[Location]>,
}

impl Rule {
    pub(crate) fn code(&self) -> Code<'_> {
        Code { nodes: &self.nodes, texts: &self.texts, ids: &self.ids, root: self.root }
    }
}

/// A rule as it is evaluated, wherever it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code<'r> {
    /// From its first node on; behind its last one, others' may follow.
    nodes: &'r [Node],
    texts: &'r str,
    ids: &'r [Id],
    pub(crate) root: Id,
}

impl<'r> Code<'r> {
    pub(crate) fn node(self, id: Id) -> &'r Node {
        &self.nodes[usize::from(id)]
    }

    pub(crate) fn text(self, span: Span) -> &'r str {
        &self.texts[span.start as usize..span.end as usize]
    }

    pub(crate) fn args(self, args: &'r Args) -> &'r [Id] {
        match args {
            Args::Few(count, ids) => &ids[..usize::from(*count)],
            Args::Many(start, count) => &self.ids[usize::from(*start)..][..usize::from(*count)],
        }
    }
}

/// A part of a rule's texts, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// The arguments of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Args {
    /// So many of these.
    Few(u8, [Id; FEW]),
    /// So many of the rule's, from this one on.
    Many(u16, u16),
}

/// Arguments that are in the node itself.
const FEW: usize = 4;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(f64),
    Text {
        text: Span,
        /// The number of the flag's variant that has this name.
        variant: Option<u8>,
    },
    /// A list or a map without rules in it.
    Literal(Arc<Json<'static>>),
    /// A list with rules in it.
    List(Args),
    /// `var` with a path that is known.
    Var {
        path: Span,
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
        args: Args,
    },
    InSet(Arc<InSet>),
    SemVer(Arc<SemVer>),
    Fractional(Fractional),
    /// A bucket of the `fractional` that follows. By itself it has no value.
    Bucket(Bucket),
}

const _: () = assert!(size_of::<Node>() == 16 && MAX_NODES <= Id::MAX as usize);

/// `in` with many texts, sorted.
#[derive(Debug)]
pub(crate) struct InSet {
    pub(crate) needle: Id,
    pub(crate) set: Box<[Box<str>]>,
}

/// `sem_ver` with an operator and a right side that are known.
#[derive(Debug)]
pub(crate) struct SemVer {
    pub(crate) left: Id,
    pub(crate) comparison: Comparison,
    pub(crate) right: Version,
}

/// `fractional`. Its buckets are nodes that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fractional {
    /// What is hashed; none for the flag's key and the targeting key.
    pub(crate) key: Option<Id>,
    /// The first bucket, and how many there are.
    first: Id,
    pub(crate) count: u16,
    pub(crate) weights: Weights,
}

impl Fractional {
    /// The buckets.
    pub(crate) fn buckets<'r>(&self, code: Code<'r>) -> impl Iterator<Item = Bucket> + use<'r> {
        let nodes = &code.nodes[usize::from(self.first)..][..usize::from(self.count)];
        nodes.iter().filter_map(|node| if let Node::Bucket(bucket) = node { Some(*bucket) } else { None })
    }
}

/// What is known of the weights of a `fractional`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// All of them, and their sum; too large a sum is one more than [`MAX_WEIGHTS`](crate::MAX_WEIGHTS).
    Sum(u32),
    /// Some are computed.
    Computed,
    /// A bucket is not as it must be: the result is null.
    Broken,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) variant: Id,
    pub(crate) weight: Weight,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Weight {
    /// At most one more than [`MAX_WEIGHTS`](crate::MAX_WEIGHTS).
    Known(u32),
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
