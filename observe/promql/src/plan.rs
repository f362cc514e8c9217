//! What is to be evaluated: the syntax tree with all that is known before a sample is read. Lengths of time are computed,
//! `@` is an instant, parentheses are gone, and what does not depend on the step stands below [`NodeKind::Invariant`].

mod durations;

use vitrine_observe_series::{MatchOp, Matcher, NAME};

use crate::ast::{AggregateOp, At, BinaryOp, Duration, Expr, ExprKind, Matching, Span, ValueType, VectorSelector};
use crate::engine::{EvalError, Options};
use crate::functions::table::Function;

use durations::Durations;

/// How deep expressions may be nested: what evaluates them calls itself once a level.
const MAX_DEPTH: usize = 512;

/// Functions whose result depends on the step though their arguments do not.
const STEP_DEPENDENT: [&str; 11] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// Functions that `anchored` selectors may stand in.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];

/// Functions that `smoothed` selectors over a range may stand in.
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// An expression to be evaluated.
#[derive(Debug)]
pub(crate) struct Node {
    pub kind: NodeKind,
    /// Where it stands in the query, without parentheses around it.
    pub span: Span,
    pub value_type: ValueType,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Number(f64),
    String(String),
    Select(Selector),
    Matrix(RangeSource),
    Aggregate(Aggregate),
    Binary(Binary),
    Negate(Box<Node>),
    Call {
        function: &'static Function,
        args: Vec<Node>,
    },
    /// Evaluated once, at the first step; its result holds for all.
    Invariant(Box<Node>),
}

/// Series, and the instants at which they are looked at.
#[derive(Debug)]
pub(crate) struct Selector {
    pub matchers: Vec<Matcher>,
    /// Subtracted from the step's time, or from `at_ms`.
    pub offset_ms: i64,
    /// Stands for the step's time.
    pub at_ms: Option<i64>,
    pub anchored: bool,
    pub smoothed: bool,
    /// Whether of histograms only their count and sum are needed.
    pub stats_only: bool,
}

/// What a function over a range is given.
#[derive(Debug)]
pub(crate) enum RangeSource {
    Series { selector: Selector, range_ms: i64 },
    Subquery { expr: Box<Node>, range_ms: i64, step_ms: i64, offset_ms: i64, at_ms: Option<i64> },
}

#[derive(Debug)]
pub(crate) struct Aggregate {
    pub op: AggregateOp,
    pub expr: Box<Node>,
    pub param: Option<Box<Node>>,
    /// In order.
    pub grouping: Vec<String>,
    pub without: bool,
}

#[derive(Debug)]
pub(crate) struct Binary {
    pub op: BinaryOp,
    pub lhs: Box<Node>,
    pub rhs: Box<Node>,
    pub returns_bool: bool,
    pub matching: Option<Matching>,
}

/// Times of the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub start_ms: i64,
    pub end_ms: i64,
    /// 0 at an instant.
    pub step_ms: i64,
}

/// Makes the plan of an expression.
pub(crate) fn plan(expr: &Expr, frame: Frame, options: &Options) -> Result<Node, EvalError> {
    let planner = Planner { frame, options, durations: Durations::new(frame) };
    let (node, kind) = planner.node(expr, Above::default())?;
    Ok(kind.wrap(node))
}

struct Planner<'a> {
    frame: Frame,
    options: &'a Options,
    durations: Durations,
}

/// What stands above a node.
#[derive(Clone, Copy, Default)]
struct Above {
    depth: usize,
    /// A function that takes of histograms their count and sum only.
    stats: bool,
    /// Something that needs their buckets.
    buckets: bool,
}

impl Above {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// What stands above the arguments of a function.
    fn within(self, function: &str) -> Self {
        let stats = matches!(function, "histogram_count" | "histogram_sum" | "histogram_avg");
        let buckets = matches!(function, "histogram_quantile" | "histogram_quantiles" | "histogram_fraction");
        Self { stats: self.stats || stats, buckets: self.buckets || buckets, ..self.deeper() }
    }
}

/// Whether a node depends on the step.
#[derive(Clone, Copy)]
struct Steps {
    /// It does not.
    invariant: bool,
    /// And is worth being evaluated once: literals and ranges are not.
    worth: bool,
}

impl Steps {
    const DEPENDENT: Self = Self { invariant: false, worth: false };
    const INVARIANT: Self = Self { invariant: true, worth: true };

    fn wrap(self, node: Node) -> Node {
        if !self.worth {
            return node;
        }
        let (span, value_type) = (node.span, node.value_type);
        Node { kind: NodeKind::Invariant(Box::new(node)), span, value_type }
    }
}

impl Planner<'_> {
    fn node(&self, expr: &Expr, above: Above) -> Result<(Node, Steps), EvalError> {
        if above.depth > MAX_DEPTH {
            return Err(EvalError::Invalid(format!("the expression is nested deeper than {MAX_DEPTH} levels")));
        }
        let below = above.deeper();
        let (kind, steps) = match &expr.kind {
            ExprKind::Paren(inner) => return self.node(inner, below),
            ExprKind::Number { value, .. } => (NodeKind::Number(*value), Steps { invariant: true, worth: false }),
            ExprKind::String(text) => (NodeKind::String(text.clone()), Steps { invariant: true, worth: false }),
            ExprKind::Vector(selector) => {
                let selector = self.selector(selector, above)?;
                let steps = if selector.at_ms.is_some() { Steps::INVARIANT } else { Steps::DEPENDENT };
                (NodeKind::Select(selector), steps)
            }
            ExprKind::Matrix { selector, range, .. } => {
                let selector = self.selector(selector, above)?;
                let steps = Steps { invariant: selector.at_ms.is_some(), worth: false };
                let range_ms = self.durations.positive(range)?;
                (NodeKind::Matrix(RangeSource::Series { selector, range_ms }), steps)
            }
            ExprKind::Subquery { .. } => self.subquery(expr, above)?,
            ExprKind::Aggregate { op, expr, param, grouping, without } => {
                let (inner, steps) = self.node(expr, below)?;
                let param = match param {
                    Some(param) => Some(Box::new(self.node(param, below)?.0)),
                    None => None,
                };
                let mut grouping = grouping.clone();
                grouping.sort();
                grouping.dedup();
                let expr = Box::new(inner);
                (NodeKind::Aggregate(Aggregate { op: *op, expr, param, grouping, without: *without }), steps)
            }
            ExprKind::Binary { .. } => self.binary(expr, above)?,
            ExprKind::Unary { negate, expr: inner } => {
                let (inner, steps) = self.node(inner, below)?;
                if !negate {
                    return Ok((inner, steps));
                }
                (NodeKind::Negate(Box::new(inner)), steps)
            }
            ExprKind::Call { function, args } => self.call(function, args, above)?,
        };
        Ok((Node { kind, span: expr.span, value_type: expr.value_type() }, steps))
    }

    fn selector(&self, selector: &VectorSelector, above: Above) -> Result<Selector, EvalError> {
        Ok(Selector {
            matchers: selector.matchers.clone(),
            offset_ms: self.offset(selector.offset.as_ref())?,
            at_ms: selector.at.map(|at| self.at(at)),
            anchored: selector.anchored,
            smoothed: selector.smoothed,
            stats_only: above.stats && !above.buckets,
        })
    }

    fn offset(&self, offset: Option<&Duration>) -> Result<i64, EvalError> {
        offset.map_or(Ok(0), |offset| self.durations.any(offset))
    }

    fn at(&self, at: At) -> i64 {
        match at {
            At::Time(ms) => ms,
            At::Start => self.frame.start_ms,
            At::End => self.frame.end_ms,
        }
    }

    fn subquery(&self, expr: &Expr, above: Above) -> Result<(NodeKind, Steps), EvalError> {
        let ExprKind::Subquery { expr: inner, range, step, offset, at } = &expr.kind else {
            return Err(EvalError::Invalid("not a subquery".to_owned()));
        };
        let range_ms = self.durations.positive(range)?;
        let step_ms = match step {
            Some(step) => self.durations.positive(step)?,
            None => self.options.subquery_step_ms.max(1),
        };
        let offset_ms = self.offset(offset.as_ref())?;
        let at_ms = at.map(|at| self.at(at));
        let below = Above { buckets: true, ..above.deeper() };
        let (inner, steps) = self.node(inner, below)?;
        // What is inside is evaluated once even if `worth` says it need not be: literals are cheap either way.
        let inner = steps.wrap(inner);
        let steps = Steps { invariant: at_ms.is_some(), worth: false };
        let source = RangeSource::Subquery { expr: Box::new(inner), range_ms, step_ms, offset_ms, at_ms };
        Ok((NodeKind::Matrix(source), steps))
    }

    fn binary(&self, expr: &Expr, above: Above) -> Result<(NodeKind, Steps), EvalError> {
        let ExprKind::Binary { op, lhs, rhs, returns_bool, matching } = &expr.kind else {
            return Err(EvalError::Invalid("not a binary operation".to_owned()));
        };
        let trims = matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        let below = Above { buckets: above.buckets || trims, ..above.deeper() };
        let (left, left_steps) = self.node(lhs, below)?;
        let (right, right_steps) = self.node(rhs, below)?;
        let whole = left_steps.invariant && right_steps.invariant;
        let (left, right, steps) = if whole {
            (left, right, Steps::INVARIANT)
        } else {
            (left_steps.wrap(left), right_steps.wrap(right), Steps::DEPENDENT)
        };
        let binary = Binary {
            op: *op,
            lhs: Box::new(left),
            rhs: Box::new(right),
            returns_bool: *returns_bool,
            matching: matching.clone(),
        };
        Ok((NodeKind::Binary(binary), steps))
    }

    fn call(&self, function: &'static Function, args: &[Expr], above: Above) -> Result<(NodeKind, Steps), EvalError> {
        let frame = self.frame;
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let constant = match function.name {
            "start" => Some(seconds(frame.start_ms)),
            "end" => Some(seconds(frame.end_ms)),
            "range" => Some(seconds(frame.end_ms.saturating_sub(frame.start_ms))),
            "step" if frame.start_ms == frame.end_ms => Some(0.0),
            "step" => Some(seconds(frame.step_ms)),
            _ => None,
        };
        if let Some(value) = constant {
            return Ok((NodeKind::Number(value), Steps { invariant: true, worth: false }));
        }
        let below = above.within(function.name);
        let mut planned = Vec::with_capacity(args.len());
        for arg in args {
            planned.push(self.node(arg, below)?);
        }
        for (node, _) in &planned {
            check_edges(function.name, node)?;
        }
        let unchanging = planned.iter().all(|(_, steps)| steps.invariant);
        let dependent = STEP_DEPENDENT.contains(&function.name);
        // The time of a sample that `@` names is the same at each step.
        let of_selector = function.name == "timestamp"
            && planned.iter().all(|(node, steps)| steps.invariant && matches!(node.kind, NodeKind::Select(_)));
        if unchanging && (!dependent || of_selector) {
            let args = planned.into_iter().map(|(node, _)| node).collect();
            return Ok((NodeKind::Call { function, args }, Steps::INVARIANT));
        }
        let args = planned.into_iter().map(|(node, steps)| steps.wrap(node)).collect();
        Ok((NodeKind::Call { function, args }, Steps::DEPENDENT))
    }
}

/// Refuses `anchored` and `smoothed` where the function does not know what to do with samples outside of its range.
fn check_edges(function: &str, arg: &Node) -> Result<(), EvalError> {
    let NodeKind::Matrix(RangeSource::Series { selector, .. }) = &arg.kind else { return Ok(()) };
    let (word, allowed): (_, &[&str]) = match (selector.anchored, selector.smoothed) {
        (true, _) => ("anchored", &ANCHORED),
        (_, true) => ("smoothed", &SMOOTHED),
        _ => return Ok(()),
    };
    if allowed.contains(&function) {
        return Ok(());
    }
    Err(EvalError::Execution(format!(
        "{word} modifier can only be used with: {} - not with {function}",
        allowed.join(", ")
    )))
}

impl Node {
    /// Whether its series stay different when their names are dropped. Known from the query alone; `false` is "perhaps not".
    pub fn is_unique_without_name(&self) -> bool {
        match &self.kind {
            NodeKind::Number(_) | NodeKind::String(_) | NodeKind::Negate(_) => true,
            NodeKind::Select(selector) => selector.has_one_name(),
            NodeKind::Matrix(RangeSource::Series { selector, .. }) => selector.has_one_name(),
            NodeKind::Matrix(RangeSource::Subquery { expr, .. }) => expr.is_unique_without_name(),
            NodeKind::Aggregate(aggregate) => match aggregate.op {
                AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK | AggregateOp::LimitRatio => {
                    aggregate.expr.is_unique_without_name()
                }
                AggregateOp::CountValues => false,
                _ => aggregate.without || !aggregate.grouping.iter().any(|label| label.starts_with("__")),
            },
            NodeKind::Binary(binary) => match binary.op {
                BinaryOp::And | BinaryOp::Unless => binary.lhs.is_unique_without_name(),
                BinaryOp::Or => false,
                _ if binary.matching.is_some() => false,
                _ => binary.lhs.is_unique_without_name() && binary.rhs.is_unique_without_name(),
            },
            NodeKind::Call { function, args } => match function.name {
                "label_replace" | "label_join" | "info" => false,
                _ => args.iter().all(Self::is_unique_without_name),
            },
            NodeKind::Invariant(inner) => inner.is_unique_without_name(),
        }
    }
}

impl Selector {
    /// Whether all its series have the same name.
    fn has_one_name(&self) -> bool {
        self.matchers.iter().any(|m| m.name == NAME && m.op == MatchOp::Equal && !m.value.is_empty())
    }

    /// The instant that a step looks at.
    pub fn instant(&self, step_ms: i64) -> i64 {
        self.at_ms.unwrap_or(step_ms).saturating_sub(self.offset_ms)
    }
}
