//! The syntax tree.

use vitrine_observe_series::Matcher;

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

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number. `duration`: it was written as a duration, in seconds.
    Number { value: f64, duration: bool },
    /// A text.
    String(String),
    /// Series at an instant.
    Vector(VectorSelector),
    /// Series over a range. Offset, `@`, `anchored` and `smoothed` stand in the selector.
    Matrix { selector: VectorSelector, selector_span: Span, range: Duration },
    /// An expression evaluated over a range.
    Subquery { expr: Box<Expr>, range: Duration, step: Option<Duration>, offset: Option<Duration>, at: Option<At> },
    /// `sum by (job) (…)`.
    Aggregate { op: AggregateOp, expr: Box<Expr>, param: Option<Box<Expr>>, grouping: Vec<String>, without: bool },
    /// `a + on (job) b`.
    Binary { op: BinaryOp, lhs: Box<Expr>, rhs: Box<Expr>, returns_bool: bool, matching: Option<Matching> },
    /// `-a`; `negate` is false for `+a`.
    Unary { negate: bool, expr: Box<Expr> },
    /// `(a)`.
    Paren(Box<Expr>),
    /// `rate(a[5m])`; the name is one of the function table.
    Call { function: &'static str, args: Vec<Expr> },
}

/// Series by conditions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VectorSelector {
    /// The name before the braces; empty if it stands in them, or nowhere.
    pub name: String,
    /// All conditions, that on the name among them.
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
    /// Seconds. `duration`: it was written as a duration.
    Number { value: f64, duration: bool },
    /// `step()`.
    Step,
    /// `range()`.
    Range,
    /// `min_of(a, b)`.
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`.
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `-a`; `negate` is false for `+a`.
    Unary { negate: bool, expr: Box<DurationExpr> },
    /// `a * b`.
    Binary { op: BinaryOp, lhs: Box<DurationExpr>, rhs: Box<DurationExpr> },
    /// `(a)`.
    Paren(Box<DurationExpr>),
}

/// How series become fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    LimitK,
    LimitRatio,
}

/// What stands between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    /// `</`: what a histogram has below.
    TrimUpper,
    /// `>/`: what a histogram has above.
    TrimLower,
    And,
    Or,
    Unless,
}

/// How many series of one side meet how many of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Of `and`, `or`, `unless`.
    ManyToMany,
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
