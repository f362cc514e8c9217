//! The syntax tree.

use vitrine_observe_promql::ast::{AggregateOp, BinaryOp, Matching};
use vitrine_observe_series::Matcher;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Lines of logs.
    Log(LogExpr),
    /// Numbers.
    Metric(MetricExpr),
}

/// Streams, and what is done with each of their lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LogExpr {
    /// Conditions on labels of streams.
    pub matchers: Vec<Matcher>,
    /// What is done, in order.
    pub stages: Vec<Stage>,
}

/// What is done with a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `|= "a" or "b"`.
    Line(LineFilter),
    /// `| json`; of paths if there are any.
    Json(Vec<Extraction>),
    /// `| logfmt`; of keys if there are any.
    Logfmt {
        /// Whether a line that is not logfmt is an error.
        strict: bool,
        /// Whether keys without a value become labels.
        keep_empty: bool,
        /// Which keys.
        extractions: Vec<Extraction>,
    },
    /// `| regexp "(?P<name>…)"`.
    Regexp(String),
    /// `| pattern "<ip> - <_>"`.
    Pattern(String),
    /// `| unpack`.
    Unpack,
    /// `| status >= 400`.
    Label(LabelFilter),
    /// `| line_format "{{.a}}"`.
    LineFormat(String),
    /// `| label_format a=b, c="{{.d}}"`.
    LabelFormat(Vec<LabelFormat>),
    /// `| decolorize`.
    Decolorize,
    /// `| drop a, b="c"`.
    Drop(Vec<LabelChoice>),
    /// `| keep a, b="c"`.
    Keep(Vec<LabelChoice>),
}

/// How a line is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOp {
    /// `|=`
    Contains,
    /// `!=`
    NotContains,
    /// `|~`
    Regex,
    /// `!~`
    NotRegex,
    /// `|>`
    Pattern,
    /// `!>`
    NotPattern,
}

/// A condition on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFilter {
    /// How it is looked at.
    pub op: LineOp,
    /// One of these is to be found; with an operator that says not, none.
    pub wanted: Vec<LineWanted>,
}

/// What is to be found in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineWanted {
    /// A text, or a pattern.
    Text(String),
    /// `ip("10.0.0.0/8")`.
    Ip(String),
}

/// `label="path"`; a label alone is its own path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The label.
    pub label: String,
    /// Where its value is.
    pub path: String,
}

/// A condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    /// Both.
    And(Box<LabelFilter>, Box<LabelFilter>),
    /// One of both.
    Or(Box<LabelFilter>, Box<LabelFilter>),
    /// A text.
    Text(Matcher),
    /// A quantity.
    Quantity {
        /// The label.
        name: String,
        /// A comparison.
        op: BinaryOp,
        /// With what.
        value: Quantity,
    },
    /// An address.
    Ip {
        /// The label.
        name: String,
        /// Whether it must not be one of these.
        negated: bool,
        /// An address, a range or a network.
        wanted: String,
    },
}

/// What a label's value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Quantity {
    /// A number.
    Number(f64),
    /// A duration in nanoseconds, and as it was written.
    Duration(i64, String),
    /// Bytes, and as they were written.
    Bytes(u64, String),
}

/// `to=from` or `to="template"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFormat {
    /// The label that is set.
    pub to: String,
    /// From what.
    pub from: FormatSource,
}

/// From what a label is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatSource {
    /// Another label, which goes.
    Label(String),
    /// A template.
    Template(String),
}

/// Labels that go, or stay.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelChoice {
    /// Of this name.
    Name(String),
    /// Of this name and such a value.
    Value(Matcher),
}

/// An expression with numbers as its result.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricExpr {
    /// `rate({…}[5m])`.
    Range(Box<RangeExpr>),
    /// `sum by (a) (…)`.
    Aggregate {
        /// The operator.
        op: AggregateOp,
        /// Whether it was written as `approx_topk`.
        approximate: bool,
        /// What stands before the comma of `topk(5, …)`.
        param: Option<f64>,
        /// Labels that stay or go.
        grouping: Option<Grouping>,
        /// Of what.
        expr: Box<MetricExpr>,
    },
    /// `sort(…)`, `sort_desc(…)`.
    Sort {
        /// Whether the greatest comes first.
        descending: bool,
        /// Of what.
        expr: Box<MetricExpr>,
    },
    /// `a / b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Whether a comparison results in 0 or 1.
        returns_bool: bool,
        /// Which series belong together.
        matching: Matching,
        /// The left side.
        lhs: Box<MetricExpr>,
        /// The right side.
        rhs: Box<MetricExpr>,
    },
    /// A number.
    Number(f64),
    /// `vector(1)`.
    Vector(f64),
    /// `label_replace(expr, to, replacement, from, regex)`.
    LabelReplace {
        /// Of what.
        expr: Box<MetricExpr>,
        /// The four texts, in order.
        texts: [String; 4],
    },
}

/// Labels by which series are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Whether these labels go, or stay.
    pub without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// What is computed of lines over a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOp {
    /// Lines.
    Count,
    /// Lines a second; of unwrapped values their sum a second.
    Rate,
    /// The increase a second of an unwrapped counter.
    RateCounter,
    /// Bytes of lines.
    Bytes,
    /// The same a second.
    BytesRate,
    /// Of unwrapped values.
    Sum,
    /// Of unwrapped values.
    Avg,
    /// Of unwrapped values.
    Max,
    /// Of unwrapped values.
    Min,
    /// Of unwrapped values.
    Stdvar,
    /// Of unwrapped values.
    Stddev,
    /// Of unwrapped values.
    Quantile,
    /// Of unwrapped values.
    First,
    /// Of unwrapped values.
    Last,
    /// 1 where there are no lines.
    Absent,
}

/// Lines over a range, and what is computed of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeExpr {
    /// What is computed.
    pub op: RangeOp,
    /// The quantile.
    pub param: Option<f64>,
    /// Which lines.
    pub log: LogExpr,
    /// The label whose value is taken.
    pub unwrap: Option<Unwrap>,
    /// How far back, in nanoseconds.
    pub range_ns: u64,
    /// How much earlier, in nanoseconds.
    pub offset_ns: i64,
    /// Labels that stay or go.
    pub grouping: Option<Grouping>,
}

/// A label whose value is taken as a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    /// The label.
    pub label: String,
    /// How it is read.
    pub conversion: Conversion,
    /// What the line must have afterwards.
    pub filters: Vec<LabelFilter>,
}

/// How a text is read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// As a number.
    Number,
    /// A duration, in seconds: `duration(label)`.
    Duration,
    /// The same by its other name: `duration_seconds(label)`.
    DurationSeconds,
    /// Bytes: `bytes(label)`.
    Bytes,
}

impl LabelFilter {
    /// Names of the labels that it looks at.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.names().into_iter().chain(b.names()).collect(),
            Self::Text(matcher) => vec![&matcher.name],
            Self::Quantity { name, .. } | Self::Ip { name, .. } => vec![name],
        }
    }
}

impl LineOp {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Contains, Self::NotContains, Self::Regex, Self::NotRegex, Self::Pattern, Self::NotPattern];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contains => "|=",
            Self::NotContains => "!=",
            Self::Regex => "|~",
            Self::NotRegex => "!~",
            Self::Pattern => "|>",
            Self::NotPattern => "!>",
        }
    }

    /// Whether nothing of what is wanted may be found.
    pub fn is_not(self) -> bool {
        matches!(self, Self::NotContains | Self::NotRegex | Self::NotPattern)
    }
}

impl RangeOp {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Count,
        Self::Rate,
        Self::RateCounter,
        Self::Bytes,
        Self::BytesRate,
        Self::Sum,
        Self::Avg,
        Self::Max,
        Self::Min,
        Self::Stdvar,
        Self::Stddev,
        Self::Quantile,
        Self::First,
        Self::Last,
        Self::Absent,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count_over_time",
            Self::Rate => "rate",
            Self::RateCounter => "rate_counter",
            Self::Bytes => "bytes_over_time",
            Self::BytesRate => "bytes_rate",
            Self::Sum => "sum_over_time",
            Self::Avg => "avg_over_time",
            Self::Max => "max_over_time",
            Self::Min => "min_over_time",
            Self::Stdvar => "stdvar_over_time",
            Self::Stddev => "stddev_over_time",
            Self::Quantile => "quantile_over_time",
            Self::First => "first_over_time",
            Self::Last => "last_over_time",
            Self::Absent => "absent_over_time",
        }
    }

    /// Whether it is of unwrapped values: yes, no, or either.
    pub fn unwraps(self) -> Option<bool> {
        match self {
            Self::Rate | Self::Absent => None,
            Self::Count | Self::Bytes | Self::BytesRate => Some(false),
            _ => Some(true),
        }
    }

    /// Whether it may say itself by which labels series are put together.
    pub fn groups(self) -> bool {
        matches!(
            self,
            Self::Avg | Self::Max | Self::Min | Self::Stdvar | Self::Stddev | Self::Quantile | Self::First | Self::Last
        )
    }

    /// Whether that of all lines together is the sum of those of parts of them.
    pub fn is_sum(self) -> bool {
        matches!(self, Self::Count | Self::Rate | Self::Bytes | Self::BytesRate | Self::Sum)
    }
}
