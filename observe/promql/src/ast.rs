//! The syntax tree.
//!
//! Every node knows its place in the query: errors and annotations name it (`1:15`).

use std::fmt;

use vitrine_observe_series::Matcher;

use crate::functions::table::Function;

/// Where something stands in the query, in bytes: from `start` up to and not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

impl Span {
    /// Line and column of its start in the query, both from 1, columns in bytes: `1:15`.
    pub fn position(self, query: &str) -> String {
        let Some(before) = query.as_bytes().get(..self.start) else { return "invalid position".to_owned() };
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        format!("{line}:{column}")
    }
}

/// What an expression results in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number a step.
    Scalar,
    /// Series with one sample a step.
    Vector,
    /// Series with samples of a range.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// As Prometheus's documentation calls it.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::Scalar | Self::String => self.name(),
        }
    }

    /// As results are called in the HTTP API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands: from its first byte to its last, signs, modifiers and closing brackets included.
    pub span: Span,
}

impl Expr {
    /// What it results in. Known without a check of the operands.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number { .. } => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Vector(_) | ExprKind::Aggregate { .. } => ValueType::Vector,
            ExprKind::Matrix { .. } | ExprKind::Subquery { .. } => ValueType::Matrix,
            ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => expr.value_type(),
            ExprKind::Call { function, .. } => function.returns,
            ExprKind::Binary { lhs, rhs, .. } => {
                let scalars = lhs.value_type() == ValueType::Scalar && rhs.value_type() == ValueType::Scalar;
                if scalars { ValueType::Scalar } else { ValueType::Vector }
            }
        }
    }

    /// The expressions right below; of an aggregation the expression before its parameter.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Number { .. } | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix { .. } => Vec::new(),
            ExprKind::Subquery { expr, .. } | ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => vec![expr],
            ExprKind::Aggregate { expr, param, .. } => std::iter::once(&**expr).chain(param.as_deref()).collect(),
            ExprKind::Binary { lhs, rhs, .. } => vec![lhs, rhs],
            ExprKind::Call { args, .. } => args.iter().collect(),
        }
    }

    /// It without the parentheses around it.
    pub fn without_parens(&self) -> &Expr {
        let mut inner = self;
        while let ExprKind::Paren(expr) = &inner.kind {
            inner = expr;
        }
        inner
    }

    /// All selectors in it, from left to right.
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        match &self.kind {
            ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => vec![selector],
            _ => self.children().into_iter().flat_map(Expr::selectors).collect(),
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number, with the sign before it; a duration in seconds.
    Number {
        /// Its value.
        value: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// A text.
    String(String),
    /// Series at an instant.
    Vector(VectorSelector),
    /// Series over a range. Offset, `@`, `anchored` and `smoothed` stand in the selector.
    Matrix {
        /// The series.
        selector: VectorSelector,
        /// Where the selector before the bracket stands.
        selector_span: Span,
        /// How far back.
        range: Duration,
    },
    /// An expression evaluated over a range.
    Subquery {
        /// What it is applied to.
        expr: Box<Expr>,
        /// How far back.
        range: Duration,
        /// How far apart its evaluations are; the default interval if none is given.
        step: Option<Duration>,
        /// How much earlier.
        offset: Option<Duration>,
        /// At which instant.
        at: Option<At>,
    },
    /// `sum by (job) (…)`.
    Aggregate {
        /// The operator.
        op: AggregateOp,
        /// What it is applied to.
        expr: Box<Expr>,
        /// What stands before the comma in `topk(5, …)`; there for those operators that take one.
        param: Option<Box<Expr>>,
        /// The labels named, in the order written.
        grouping: Vec<String>,
        /// Whether `grouping` are the labels that go, or those that stay.
        without: bool,
    },
    /// `a + on (job) b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left side.
        lhs: Box<Expr>,
        /// The right side.
        rhs: Box<Expr>,
        /// Whether a comparison results in 0 or 1 instead of leaving samples out.
        returns_bool: bool,
        /// Which series belong together; there if both sides are instant vectors.
        matching: Option<Matching>,
    },
    /// `-a`, `+a`. Signs before numbers are part of the number.
    Unary {
        /// Whether it is `-`; else it is `+`.
        negate: bool,
        /// What it is applied to.
        expr: Box<Expr>,
    },
    /// `(a)`.
    Paren(Box<Expr>),
    /// `rate(a[5m])`.
    Call {
        /// Which function.
        function: &'static Function,
        /// Its arguments, as many as it takes.
        args: Vec<Expr>,
    },
}

/// Series by conditions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VectorSelector {
    /// The name before the braces; empty if it stands in them, or nowhere.
    pub name: String,
    /// All conditions; the last is that on the name if it stands before the braces.
    pub matchers: Vec<Matcher>,
    /// How much earlier.
    pub offset: Option<Duration>,
    /// At which instant.
    pub at: Option<At>,
    /// Whether windows take the samples at their edges as they were there.
    pub anchored: bool,
    /// Whether windows interpolate at their edges.
    pub smoothed: bool,
}

/// What `@` names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// A time in milliseconds since 1970.
    Time(i64),
    /// The start of the query.
    Start,
    /// The end of the query.
    End,
}

/// A length of time, known or computed from the query's step and range.
#[derive(Debug, Clone, PartialEq)]
pub enum Duration {
    /// In milliseconds; may be negative for offsets.
    Millis(i64),
    /// Computed before the query runs.
    Expr(Box<DurationExpr>),
}

/// A computed length of time.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationExprKind,
    /// Where it stands.
    pub span: Span,
}

/// A computed length of time, in seconds as a double while it is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExprKind {
    /// Seconds, with the sign before them.
    Number {
        /// Its value.
        value: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// `step()`.
    Step,
    /// `range()`.
    Range,
    /// `min_of(a, b)`.
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`.
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `-a`.
    Negate(Box<DurationExpr>),
    /// `a * b`; one of `+ - * / % ^`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left side.
        lhs: Box<DurationExpr>,
        /// The right side.
        rhs: Box<DurationExpr>,
    },
    /// `(a)`.
    Paren(Box<DurationExpr>),
}

/// How series become fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    /// `sum`.
    Sum,
    /// `avg`.
    Avg,
    /// `count`.
    Count,
    /// `min`.
    Min,
    /// `max`.
    Max,
    /// `group`.
    Group,
    /// `stddev`.
    Stddev,
    /// `stdvar`.
    Stdvar,
    /// `topk`.
    TopK,
    /// `bottomk`.
    BottomK,
    /// `count_values`.
    CountValues,
    /// `quantile`.
    Quantile,
    /// `limitk`.
    LimitK,
    /// `limit_ratio`.
    LimitRatio,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::TopK,
        Self::BottomK,
        Self::CountValues,
        Self::Quantile,
        Self::LimitK,
        Self::LimitRatio,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::TopK => "topk",
            Self::BottomK => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// The type of its parameter; none if it has no parameter.
    pub fn param(self) -> Option<ValueType> {
        match self {
            Self::TopK | Self::BottomK | Self::Quantile | Self::LimitK | Self::LimitRatio => Some(ValueType::Scalar),
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }

    /// Whether Prometheus has it behind a flag.
    pub fn is_experimental(self) -> bool {
        matches!(self, Self::LimitK | Self::LimitRatio)
    }
}

/// What stands between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `%`.
    Mod,
    /// `^`.
    Pow,
    /// `atan2`.
    Atan2,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `>`.
    Greater,
    /// `<`.
    Less,
    /// `>=`.
    GreaterOrEqual,
    /// `<=`.
    LessOrEqual,
    /// `</`: what a histogram has below.
    TrimUpper,
    /// `>/`: what a histogram has above.
    TrimLower,
    /// `and`.
    And,
    /// `or`.
    Or,
    /// `unless`.
    Unless,
}

impl BinaryOp {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Greater | Self::Less | Self::GreaterOrEqual | Self::LessOrEqual
        )
    }

    /// Whether it chooses series by whether they are there.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for AggregateOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many series of one side meet how many of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// One of one side meets one of the other.
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Of `and`, `or`, `unless`.
    ManyToMany,
}

impl Cardinality {
    /// As Prometheus calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// Which series of both sides belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// How many meet how many.
    pub cardinality: Cardinality,
    /// Whether `labels` are those that count (`on`), or those that do not (`ignoring`).
    pub on: bool,
    /// Labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Labels taken from the side of one.
    pub include: Vec<String>,
    /// What stands for a missing left side.
    pub fill_left: Option<f64>,
    /// What stands for a missing right side.
    pub fill_right: Option<f64>,
}
