//! The evaluator: a walk over a rule's nodes, without allocation where the result is a boolean, a text or a number of the rule's or the
//! context's own, and within a number of steps, so that no rule and no context can hold it.

mod fractional;
mod ops;

use std::borrow::Cow;
use std::cell::Cell;

use crate::context::{Context, Path, walk};
use crate::rule::{Args, Code, Id, Node, Op};
use crate::value::Value;

pub(crate) use fractional::whole_weight;

/// Most steps of an evaluation: nodes visited, items gone through, and [`STEP_BYTES`] of text that is made.
pub const MAX_STEPS: u32 = 1_000_000;
/// How much text is made in a step.
const STEP_BYTES: usize = 64;

/// Which way of `fractional` a flag set uses; a subject may be in another bucket under another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// As flagd until 0.15: the share of |hash| in percent.
    V1,
    /// As flagd from 0.16 on: `(hash · total) >> 32`.
    #[default]
    V2,
    /// The same over CBOR, so that the key may be of any type.
    V3,
}

impl Algorithm {
    /// Its name in a flag set's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::V1, Self::V2, Self::V3].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// What a rule comes to.
pub(crate) enum Outcome<'a> {
    /// The flag's variant with this number.
    Variant(u8),
    Value(Value<'a>),
}

/// What is the same in a whole evaluation.
pub(crate) struct Run<'a> {
    pub(crate) rule: Code<'a>,
    pub(crate) context: &'a dyn Context,
    pub(crate) flag_key: &'a str,
    /// Seconds since 1970.
    pub(crate) now_s: u64,
    pub(crate) algorithm: Algorithm,
    steps: Cell<u32>,
}

/// What paths begin at.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'s, 'a> {
    Context,
    Item(&'s Value<'a>),
    Reduce { current: &'s Value<'a>, accumulator: &'s Value<'a> },
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        rule: Code<'a>,
        context: &'a dyn Context,
        flag_key: &'a str,
        now_s: u64,
        algorithm: Algorithm,
    ) -> Self {
        Self { rule, context, flag_key, now_s, algorithm, steps: Cell::new(MAX_STEPS) }
    }

    /// Whether the steps were not enough, so that the result means nothing.
    pub(crate) fn exhausted(&self) -> bool {
        self.steps.get() == 0
    }

    /// Pays for work; false when nothing is left.
    fn pay(&self, steps: usize) -> bool {
        let left = self.steps.get().saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.steps.set(left);
        left > 0
    }

    fn text(&self, text: Cow<'a, str>) -> Value<'a> {
        if self.pay(text.len() / STEP_BYTES) { Value::Text(text) } else { Value::Null }
    }

    fn list(&self, items: Vec<Value<'a>>) -> Value<'a> {
        Value::list(items).unwrap_or_else(|| {
            self.steps.set(0);
            Value::Null
        })
    }

    /// The value of the whole rule.
    pub(crate) fn root(&self) -> Value<'a> {
        self.eval(self.rule.root, Scope::Context)
    }

    /// What the whole rule comes to: mostly a text that is a variant's name, which was looked for when the rule was read.
    pub(crate) fn outcome(&self) -> Outcome<'a> {
        let Some(leaf) = self.leaf(self.rule.root, Scope::Context) else { return Outcome::Value(Value::Null) };
        match self.rule.node(leaf) {
            Node::Text { variant: Some(variant), .. } => Outcome::Variant(*variant),
            _ => Outcome::Value(self.eval(leaf, Scope::Context)),
        }
    }

    /// The node from which a node has its value: what `if` and `fractional` choose, and what that chooses. None if that is nothing.
    fn leaf(&self, mut id: Id, scope: Scope<'_, 'a>) -> Option<Id> {
        loop {
            id = match self.rule.node(id) {
                Node::Op { op: Op::If, args } if self.pay(1) => self.chosen(self.rule.args(args), scope)?,
                Node::Fractional(fractional) if self.pay(1) => self.draw(fractional, scope)?.variant,
                _ => return Some(id),
            }
        }
    }

    pub(crate) fn eval(&self, id: Id, scope: Scope<'_, 'a>) -> Value<'a> {
        if !self.pay(1) {
            return Value::Null;
        }
        match self.rule.node(id) {
            Node::Null | Node::Bucket(_) => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(value) => Value::Number(*value),
            Node::Text { text, .. } => Value::from(self.rule.text(*text)),
            Node::Literal(json) => Value::from(json.as_ref()),
            Node::List(items) => self.list(self.rule.args(items).iter().map(|item| self.eval(*item, scope)).collect()),
            Node::Var { path, default } => {
                self.or_default(self.find(Path::new(self.rule.text(*path)), scope), *default, scope)
            }
            Node::VarOf { path, default } => {
                let path = self.eval(*path, scope).to_text();
                self.or_default(self.find_named(&path, scope), *default, scope)
            }
            Node::FlagKey => Value::from(self.flag_key),
            Node::Timestamp => self.timestamp(),
            Node::Op { op: Op::If, .. } | Node::Fractional(_) => {
                self.leaf(id, scope).map_or(Value::Null, |leaf| self.eval(leaf, scope))
            }
            Node::Op { op, args } => self.op(*op, args, scope),
            Node::InSet(found) => match self.eval(found.needle, scope) {
                Value::Text(text) => {
                    Value::Bool(found.set.binary_search_by(|known| known.as_ref().cmp(text.as_ref())).is_ok())
                }
                _ => Value::Bool(false),
            },
            Node::SemVer(known) => {
                let left = self.eval(known.left, scope);
                self.sem_ver(&left, |left| Some(known.comparison.holds(left, &known.right)))
            }
        }
    }

    fn or_default(&self, found: Value<'a>, default: Option<Id>, scope: Scope<'_, 'a>) -> Value<'a> {
        match default {
            Some(default) if found.is_null() => self.eval(default, scope),
            _ => found,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds are below 2^53 for 285 million years")]
    fn timestamp(&self) -> Value<'a> {
        Value::Number(self.now_s as f64)
    }

    fn find(&self, path: Path<'_>, scope: Scope<'_, 'a>) -> Value<'a> {
        match scope {
            Scope::Context => self.context.find(path),
            Scope::Item(item) => walk(item.clone(), path),
            Scope::Reduce { current, accumulator } => match path.split_first() {
                Some(("current", rest)) => walk(current.clone(), rest),
                Some(("accumulator", rest)) => walk(accumulator.clone(), rest),
                _ => Value::Null,
            },
        }
    }

    /// The value at a path that is known only now.
    fn find_named(&self, path: &str, scope: Scope<'_, 'a>) -> Value<'a> {
        match (scope, path) {
            (Scope::Context, "$flagd.flagKey") => Value::from(self.flag_key),
            (Scope::Context, "$flagd.timestamp") => self.timestamp(),
            _ if self.pay(path.len() / STEP_BYTES) => self.find(Path::new(path), scope),
            _ => Value::Null,
        }
    }

    /// Evaluates one argument; null where there is none.
    fn arg(&self, args: &[Id], n: usize, scope: Scope<'_, 'a>) -> Value<'a> {
        args.get(n).map_or(Value::Null, |id| self.eval(*id, scope))
    }

    fn op(&self, op: Op, args: &'a Args, scope: Scope<'_, 'a>) -> Value<'a> {
        let args = self.rule.args(args);
        match op {
            // It is a node's leaf that has the value.
            Op::If => Value::Null,
            Op::And | Op::Or => self.connect(op, args, scope),
            Op::Not => Value::Bool(!self.arg(args, 0, scope).is_true()),
            Op::NotNot => Value::Bool(self.arg(args, 0, scope).is_true()),
            Op::Equal | Op::NotEqual | Op::StrictEqual | Op::StrictNotEqual => {
                if let Some(same) = self.same_text(args, scope) {
                    return Value::Bool(same == matches!(op, Op::Equal | Op::StrictEqual));
                }
                let (left, right) = (self.arg(args, 0, scope), self.arg(args, 1, scope));
                self.equal(op, &left, &right)
            }
            Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => self.ordered(op, args, scope),
            Op::Max | Op::Min | Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder => {
                self.arithmetic(op, args, scope)
            }
            Op::Map | Op::Filter | Op::All | Op::None | Op::Some => self.through(op, args, scope),
            Op::Reduce => self.reduce(args, scope),
            Op::Merge => self.merge(args, scope),
            Op::In => self.is_in(&self.arg(args, 0, scope), &self.arg(args, 1, scope)),
            Op::Cat => self.cat(args, scope),
            Op::Substr => self.substr(args, scope),
            Op::Missing => self.missing(args, scope),
            Op::MissingSome => self.missing_some(args, scope),
            Op::StartsWith | Op::EndsWith => self.ends(op, args, scope),
            Op::SemVer => self.sem_ver_of(args, scope),
        }
    }
}
