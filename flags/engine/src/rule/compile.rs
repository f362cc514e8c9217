//! From JSON to a [`Rule`].
//!
//! Two kinds of mistakes: what has no end or no bound (a circle of `$ref`, too much of something) is refused. What flagd
//! takes and then answers with null or an error (an unknown operator, a `$ref` to nothing, a weight below zero) is a
//! [`Finding`]; with [`Mode::Strict`], for what people write here, a finding is refused too.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Args, Bucket, FEW, Fractional, Id, InSet, MAX_NODES, Node, Op, Rule, SemVer, Span, Weight, Weights};
use crate::MAX_WEIGHTS;
use crate::error::{Finding, Malformed};
use crate::flag::{Variant, number_of};
use crate::json::{Json, Kind, Lines, Location, MAX_DEPTH};
use crate::version::{Comparison, Version};

/// Most bytes that a rule takes in from evaluators: each `$ref` takes in a copy.
const MAX_TAKEN_IN: usize = 1024 * 1024;
/// How many texts a literal list must have for `in` to look them up in a sorted set.
const MIN_SET: usize = 8;

/// What becomes of what flagd takes though it cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused: for what is written here.
    Strict,
    /// It is told of, and behaves as in flagd: for files that were made for flagd.
    Lenient,
}

/// Rules by name, which others take in with `$ref`.
#[derive(Debug, Default)]
pub struct Evaluators {
    rules: Vec<(Box<str>, Json<'static>)>,
    /// Where their values stand in their document.
    locations: Vec<(u32, Location)>,
}

impl Evaluators {
    pub(crate) fn new(rules: Vec<(Box<str>, Json<'static>)>, lines: &Lines<'_>) -> Self {
        let mut locations = Vec::new();
        for (_, rule) in &rules {
            gather(rule, lines, &mut locations);
        }
        locations.sort_unstable_by_key(|(at, _)| *at);
        Self { rules, locations }
    }

    /// The rule with this name.
    pub fn get(&self, name: &str) -> Option<&Json<'static>> {
        self.rules.iter().find(|(known, _)| **known == *name).map(|(_, rule)| rule)
    }

    /// All, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'static>)> {
        self.rules.iter().map(|(name, rule)| (name.as_ref(), rule))
    }

    fn location(&self, at: u32) -> Location {
        let found = self.locations.binary_search_by_key(&at, |(known, _)| *known);
        found.map_or_else(|_| Location::default(), |n| self.locations[n].1)
    }
}

fn gather(json: &Json<'_>, lines: &Lines<'_>, locations: &mut Vec<(u32, Location)>) {
    locations.push((json.at, lines.location(json.at)));
    match &json.kind {
        Kind::List(items) => items.iter().for_each(|item| gather(item, lines, locations)),
        Kind::Map(members) => members.iter().for_each(|m| gather(&m.value, lines, locations)),
        _ => {}
    }
}

/// A rule that was compiled; instead of it a reason, where it names an evaluator or an operator that is not there.
pub(crate) struct Compiled {
    pub(crate) rule: Result<Rule, String>,
    pub(crate) findings: Vec<Finding>,
}

/// Compiles a rule that stands in a document, and is to say one of these variants.
pub(crate) fn compile(
    json: &Json<'_>,
    lines: &Lines<'_>,
    evaluators: &Evaluators,
    variants: &[Variant],
) -> Result<Compiled, Malformed> {
    let mut compiler = Compiler {
        lines,
        evaluators,
        variants,
        nodes: Vec::new(),
        texts: String::new(),
        ids: Vec::new(),
        locations: Vec::new(),
        findings: Vec::new(),
        open: Vec::new(),
        taken_in: 0,
        broken: None,
        outside: json.at,
    };
    let root = compiler.node(json, Where { depth: 0, in_item: false })?;
    let rule = match compiler.broken {
        None => Ok(Rule {
            nodes: compiler.nodes.into(),
            texts: compiler.texts.into(),
            ids: compiler.ids.into(),
            root,
            locations: compiler.locations.into(),
        }),
        Some(reason) => Err(reason),
    };
    Ok(Compiled { rule, findings: compiler.findings })
}

/// Where the compiler is.
#[derive(Clone, Copy)]
struct Where {
    depth: usize,
    /// In a rule that is evaluated for each item of a list, where paths begin at the item.
    in_item: bool,
}

impl Where {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

struct Compiler<'c> {
    lines: &'c Lines<'c>,
    evaluators: &'c Evaluators,
    variants: &'c [Variant],
    nodes: Vec<Node>,
    texts: String,
    ids: Vec<Id>,
    locations: Vec<Location>,
    findings: Vec<Finding>,
    /// Evaluators that are being taken in.
    open: Vec<Box<str>>,
    /// Bytes of evaluators that were taken in.
    taken_in: usize,
    broken: Option<String>,
    /// Where the document takes in the outermost of them.
    outside: u32,
}

impl Compiler<'_> {
    fn location(&self, at: u32) -> Location {
        if self.open.is_empty() { self.lines.location(at) } else { self.evaluators.location(at) }
    }

    fn find(&mut self, at: u32, message: String) {
        let location = self.location(at);
        self.findings.push(Finding { location, message, is_mistake: true });
    }

    /// An error at a byte of what is being compiled; one in an evaluator is told where the document takes it in.
    fn wrong(&self, at: u32, message: impl Into<String>) -> Malformed {
        match self.open.last() {
            None => Malformed::new(at, message),
            Some(name) => Malformed::new(self.outside, format!("in the evaluator {name:?}: {}", message.into())),
        }
    }

    /// Notes that the rule cannot be evaluated.
    fn break_at(&mut self, at: u32, message: String) -> Result<Id, Malformed> {
        self.find(at, message.clone());
        self.broken.get_or_insert(message);
        self.push(at, Node::Null)
    }

    fn push(&mut self, at: u32, node: Node) -> Result<Id, Malformed> {
        if self.nodes.len() >= MAX_NODES {
            return Err(self.wrong(at, format!("a rule has at most {MAX_NODES} nodes, with its evaluators")));
        }
        let id = Id::try_from(self.nodes.len()).expect("a rule has at most MAX_NODES");
        self.nodes.push(node);
        let location = self.location(at);
        self.locations.push(location);
        Ok(id)
    }

    fn text(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.push_str(text);
        let number = |n: usize| u32::try_from(n).expect("MAX_BYTES and MAX_TAKEN_IN are far below 4 GiB");
        Span { start: number(start), end: number(self.texts.len()) }
    }

    fn args(&mut self, ids: &[Id]) -> Args {
        let mut few = [0; FEW];
        if let (Some(part), Ok(count)) = (few.get_mut(..ids.len()), u8::try_from(ids.len())) {
            part.copy_from_slice(ids);
            return Args::Few(count, few);
        }
        let start = self.ids.len();
        self.ids.extend_from_slice(ids);
        let number =
            |n: usize| u16::try_from(n).expect("each node is one argument at most, and there are at most MAX_NODES");
        Args::Many(number(start), number(ids.len()))
    }

    fn node(&mut self, json: &Json<'_>, w: Where) -> Result<Id, Malformed> {
        if w.depth > MAX_DEPTH {
            return Err(self.wrong(json.at, format!("a rule nests at most {MAX_DEPTH} deep, with its evaluators")));
        }
        let literal = || Node::Literal(Arc::new(json.clone().into_owned()));
        let node = match &json.kind {
            Kind::Null => Node::Null,
            Kind::Bool(value) => Node::Bool(*value),
            Kind::Number(value, _) => Node::Number(*value),
            Kind::Text(text) => {
                let variant = number_of(self.variants, text);
                Node::Text { text: self.text(text), variant }
            }
            Kind::List(items) if items.iter().all(is_plain) => literal(),
            Kind::List(items) => {
                let ids: Vec<Id> = items.iter().map(|item| self.node(item, w.deeper())).collect::<Result<_, _>>()?;
                Node::List(self.args(&ids))
            }
            Kind::Map(members) => match members.as_slice() {
                [member] => return self.operation(json.at, &member.name, &member.value, w),
                [] => literal(),
                _ => {
                    self.find(json.at, "an operation has one name: an object with several is only a value".to_owned());
                    literal()
                }
            },
        };
        self.push(json.at, node)
    }

    fn operation(&mut self, at: u32, name: &str, argument: &Json<'_>, w: Where) -> Result<Id, Malformed> {
        match name {
            "$ref" => self.reference(argument, w),
            "var" => self.var(at, argument, w),
            "fractional" => self.fractional(at, argument, w),
            _ => {
                let Some((name, op, least, most)) = Op::read(name) else {
                    return self.break_at(at, format!("there is no operator {name:?}"));
                };
                let args = arguments(argument);
                if args.len() < *least || args.len() > *most {
                    self.find(at, format!("{name} takes {least} to {most} arguments, and has {}", args.len()));
                }
                self.op(at, *op, args, w)
            }
        }
    }

    fn op(&mut self, at: u32, op: Op, args: &[Json<'_>], w: Where) -> Result<Id, Malformed> {
        match op {
            Op::In => {
                if let Some(set) = args.get(1).and_then(set_of) {
                    let needle = self.node(&args[0], w.deeper())?;
                    return self.push(at, Node::InSet(Arc::new(InSet { needle, set })));
                }
            }
            Op::StartsWith | Op::EndsWith => self.expect_texts(op, args),
            Op::SemVer => {
                if let Some(node) = self.sem_ver(args, w)? {
                    return self.push(at, node);
                }
            }
            _ => {}
        }
        let mut ids = Vec::with_capacity(args.len());
        for (n, arg) in args.iter().enumerate() {
            let in_item = w.in_item || (n == 1 && op.goes_through_items());
            ids.push(self.node(arg, Where { depth: w.depth + 1, in_item })?);
        }
        let args = self.args(&ids);
        self.push(at, Node::Op { op, args })
    }

    fn expect_texts(&mut self, op: Op, args: &[Json<'_>]) {
        for arg in args {
            if !matches!(arg.kind, Kind::Text(_) | Kind::Map(_)) {
                self.find(arg.at, format!("{} takes texts, and here is {}", op.name(), arg.what()));
            }
        }
    }

    /// The node of a `sem_ver` whose operator and right side are known and right.
    fn sem_ver(&mut self, args: &[Json<'_>], w: Where) -> Result<Option<Node>, Malformed> {
        let [left, operator, right] = args else { return Ok(None) };
        let comparison = operator.as_text().and_then(Comparison::read);
        if comparison.is_none() {
            self.find(operator.at, format!("sem_ver compares with one of {}", Comparison::ALL));
        }
        for side in [left, right] {
            if side.as_text().is_some_and(|text| Version::read(text).is_none()) {
                self.find(side.at, format!("{side} is no semantic version"));
            }
        }
        let (Some(comparison), Some(version)) = (comparison, right.as_text().and_then(Version::read)) else {
            return Ok(None);
        };
        let left = self.node(left, w.deeper())?;
        Ok(Some(Node::SemVer(Arc::new(SemVer { left, comparison, right: version }))))
    }

    fn reference(&mut self, argument: &Json<'_>, w: Where) -> Result<Id, Malformed> {
        let Some(name) = argument.as_text() else {
            return Err(self.wrong(argument.at, format!("$ref names an evaluator, and here is {}", argument.what())));
        };
        if self.open.iter().any(|open| **open == *name) {
            return Err(self.wrong(argument.at, format!("the evaluator {name:?} takes in itself")));
        }
        let evaluators = self.evaluators;
        let Some(rule) = evaluators.get(name) else {
            return self.break_at(argument.at, format!("there is no evaluator {name:?}"));
        };
        if self.open.is_empty() {
            self.outside = argument.at;
        }
        self.taken_in += rule.end.saturating_sub(rule.at) as usize;
        if self.taken_in > MAX_TAKEN_IN {
            let message =
                format!("a rule takes in at most {MAX_TAKEN_IN} bytes of evaluators, each time that it names one");
            return Err(self.wrong(argument.at, message));
        }
        self.open.push(name.into());
        let id = self.node(rule, w.deeper());
        self.open.pop();
        id
    }

    fn var(&mut self, at: u32, argument: &Json<'_>, w: Where) -> Result<Id, Malformed> {
        let args = arguments(argument);
        let default = args.get(1).map(|default| self.node(default, w.deeper())).transpose()?;
        let path = match args.first().map(|path| &path.kind) {
            None | Some(Kind::Null) => Cow::Borrowed(""),
            Some(Kind::Text(text) | Kind::Number(_, text)) => text.clone(),
            Some(_) => {
                let path = self.node(&args[0], w.deeper())?;
                return self.push(at, Node::VarOf { path, default });
            }
        };
        match path.as_ref() {
            "$flagd.flagKey" if !w.in_item => return self.push(at, Node::FlagKey),
            "$flagd.timestamp" if !w.in_item => return self.push(at, Node::Timestamp),
            other if other.starts_with("$flagd.") => {
                self.find(
                    at,
                    format!("{other} is not there: $flagd.flagKey and $flagd.timestamp are, outside of items"),
                );
            }
            _ => {}
        }
        let path = self.text(&path);
        self.push(at, Node::Var { path, default })
    }

    fn fractional(&mut self, at: u32, argument: &Json<'_>, w: Where) -> Result<Id, Malformed> {
        let args = arguments(argument);
        let (key, buckets) = match args.first() {
            Some(first) if !matches!(first.kind, Kind::List(_)) => (Some(first), &args[1..]),
            _ => (None, args),
        };
        if let Some(key) = key.filter(|key| !matches!(key.kind, Kind::Map(_))) {
            self.find(key.at, format!("fractional hashes what a rule says, and here is {}", key.what()));
        }
        if buckets.is_empty() {
            self.find(at, "fractional has no buckets".to_owned());
        }
        let key = key.map(|key| self.node(key, w.deeper())).transpose()?;
        let mut broken = false;
        let mut compiled = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            match self.bucket(bucket, w)? {
                Some(found) => compiled.push((bucket.at, found)),
                None => broken = true,
            }
        }
        let total = compiled.iter().try_fold(0_u32, |sum, (_, bucket)| match bucket.weight {
            Weight::Known(weight) => Some(sum.saturating_add(weight).min(MAX_WEIGHTS + 1)),
            Weight::Of(_) => None,
        });
        if total.is_some_and(|total| total > MAX_WEIGHTS) {
            self.find(at, format!("the weights of a fractional sum up to at most {MAX_WEIGHTS}"));
        }
        let first = Id::try_from(self.nodes.len()).expect("a rule has at most MAX_NODES");
        let count = u16::try_from(compiled.len()).expect("each has a node, and there are at most MAX_NODES");
        for (at, bucket) in compiled {
            self.push(at, Node::Bucket(bucket))?;
        }
        let weights = match total {
            _ if broken => Weights::Broken,
            Some(total) => Weights::Sum(total),
            None => Weights::Computed,
        };
        self.push(at, Node::Fractional(Fractional { key, first, count, weights }))
    }

    /// `[variant, weight?]`; none, and a finding, for anything else.
    fn bucket(&mut self, json: &Json<'_>, w: Where) -> Result<Option<Bucket>, Malformed> {
        let (variant, weight) = match &json.kind {
            Kind::List(items) if items.len() == 1 => (&items[0], None),
            Kind::List(items) if items.len() == 2 => (&items[0], Some(&items[1])),
            _ => {
                self.find(json.at, format!("a bucket is [variant] or [variant, weight], and here is {}", json.what()));
                return Ok(None);
            }
        };
        let weight = match weight.map(|weight| (weight, &weight.kind)) {
            None => Weight::Known(1),
            Some((weight, Kind::Map(_))) => Weight::Of(self.node(weight, w.deeper())?),
            Some((weight, Kind::Number(number, _))) if number.fract() == 0.0 => {
                if *number < 0.0 {
                    self.find(weight.at, format!("a weight is not below zero, and {weight} is taken for 0"));
                }
                Weight::Known(crate::eval::whole_weight(*number))
            }
            Some((weight, _)) => {
                self.find(weight.at, format!("a weight is a whole number, and here is {weight}"));
                return Ok(None);
            }
        };
        let variant = self.node(variant, w.deeper())?;
        Ok(Some(Bucket { variant, weight }))
    }
}

/// JsonLogic takes one argument for a list of it.
fn arguments<'j, 'a>(argument: &'j Json<'a>) -> &'j [Json<'a>] {
    match &argument.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(argument),
    }
}

/// Whether no rule is in it.
fn is_plain(json: &Json<'_>) -> bool {
    match &json.kind {
        Kind::List(items) => items.iter().all(is_plain),
        Kind::Map(members) => members.len() != 1,
        _ => true,
    }
}

/// The sorted texts of a list of many texts.
fn set_of(json: &Json<'_>) -> Option<Box<[Box<str>]>> {
    let Kind::List(items) = &json.kind else { return None };
    if items.len() < MIN_SET {
        return None;
    }
    let mut set: Vec<Box<str>> = items.iter().map(|item| item.as_text().map(Box::from)).collect::<Option<_>>()?;
    set.sort_unstable();
    set.dedup();
    Some(set.into())
}
