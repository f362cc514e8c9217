//! Queries as text again, as Loki's `String` methods write them.

use std::fmt::{self, Display, Formatter};

use vitrine_observe_promql::ast::{Cardinality, Matching};
use vitrine_observe_promql::{go_float_plain, go_quote};
use vitrine_observe_series::Matcher;

use crate::ast::{
    Conversion, Expr, Extraction, FormatSource, Grouping, LabelChoice, LabelFilter, LineFilter, LineWanted, LogExpr,
    MetricExpr, Quantity, RangeExpr, Stage, Unwrap,
};
use crate::units;

/// Writes things with something between them.
fn list<T>(
    f: &mut Formatter<'_>,
    all: &[T],
    between: &str,
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, one) in all.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        write(f, one)?;
    }
    Ok(())
}

fn matcher(f: &mut Formatter<'_>, matcher: &Matcher) -> fmt::Result {
    let op = match matcher.op {
        vitrine_observe_series::MatchOp::Equal => "=",
        vitrine_observe_series::MatchOp::NotEqual => "!=",
        vitrine_observe_series::MatchOp::Regex => "=~",
        vitrine_observe_series::MatchOp::NotRegex => "!~",
    };
    write!(f, "{}{op}{}", matcher.name, go_quote(&matcher.value))
}

fn extractions(f: &mut Formatter<'_>, all: &[Extraction]) -> fmt::Result {
    if !all.is_empty() {
        f.write_str(" ")?;
    }
    list(f, all, ",", |f, one| write!(f, "{}={}", one.label, go_quote(&one.path)))
}

fn choices(f: &mut Formatter<'_>, all: &[LabelChoice]) -> fmt::Result {
    list(f, all, ",", |f, choice| match choice {
        LabelChoice::Name(name) => f.write_str(name),
        LabelChoice::Value(value) => matcher(f, value),
    })
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(log) => log.fmt(f),
            Self::Metric(metric) => metric.fmt(f),
        }
    }
}

impl Display for LogExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        list(f, &self.matchers, ", ", matcher)?;
        f.write_str("}")?;
        self.stages.iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.op.name())?;
        list(f, &self.wanted, " or ", |f, wanted| match wanted {
            LineWanted::Text(text) => f.write_str(&go_quote(text)),
            LineWanted::Ip(text) => write!(f, "ip({})", go_quote(text)),
        })
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(filter) => filter.fmt(f),
            Self::Json(all) => {
                f.write_str("| json")?;
                extractions(f, all)
            }
            Self::Logfmt { strict, keep_empty, extractions: all } => {
                f.write_str("| logfmt")?;
                f.write_str(if *strict { " --strict" } else { "" })?;
                f.write_str(if *keep_empty { " --keep-empty" } else { "" })?;
                extractions(f, all)
            }
            Self::Regexp(pattern) => write!(f, "| regexp {}", go_quote(pattern)),
            Self::Pattern(pattern) => write!(f, "| pattern {}", go_quote(pattern)),
            Self::Unpack => f.write_str("| unpack"),
            Self::Label(filter) => write!(f, "| {filter}"),
            Self::LineFormat(template) => write!(f, "| line_format {}", go_quote(template)),
            Self::LabelFormat(all) => {
                f.write_str("| label_format ")?;
                list(f, all, ",", |f, format| match &format.from {
                    FormatSource::Label(from) => write!(f, "{}={from}", format.to),
                    FormatSource::Template(template) => write!(f, "{}={}", format.to, go_quote(template)),
                })
            }
            Self::Decolorize => f.write_str("| decolorize"),
            Self::Drop(all) => {
                f.write_str("| drop ")?;
                choices(f, all)
            }
            Self::Keep(all) => {
                f.write_str("| keep ")?;
                choices(f, all)
            }
        }
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(a, b) => write!(f, "( {a} , {b} )"),
            Self::Or(a, b) => write!(f, "( {a} or {b} )"),
            Self::Text(condition) => matcher(f, condition),
            Self::Quantity { name, op, value } => {
                write!(f, "{name}{op}")?;
                match value {
                    Quantity::Number(number) => f.write_str(&go_float_plain(*number)),
                    Quantity::Duration(_, text) | Quantity::Bytes(_, text) => f.write_str(text),
                }
            }
            Self::Ip { name, negated, wanted } => {
                write!(f, "{name}{}ip({})", if *negated { "!=" } else { "=" }, go_quote(wanted))
            }
        }
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, " {} ({})", if self.without { "without" } else { "by" }, self.labels.join(","))
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Conversion::Number => write!(f, "| unwrap {}", self.label)?,
            Conversion::Duration => write!(f, "| unwrap duration({})", self.label)?,
            Conversion::DurationSeconds => write!(f, "| unwrap duration_seconds({})", self.label)?,
            Conversion::Bytes => write!(f, "| unwrap bytes({})", self.label)?,
        }
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl Display for RangeExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.name())?;
        if let Some(param) = self.param {
            write!(f, "{},", go_float_plain(param))?;
        }
        self.log.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            write!(f, " {unwrap}")?;
        }
        // Loki writes a range right behind a selector without a blank.
        let blank = if self.log.stages.is_empty() && self.unwrap.is_none() { "" } else { " " };
        write!(f, "{blank}[{}]", units::show(self.range_ns))?;
        if self.offset_ns != 0 {
            let sign = if self.offset_ns < 0 { "-" } else { "" };
            write!(f, " offset {sign}{}", units::show(self.offset_ns.unsigned_abs()))?;
        }
        f.write_str(")")?;
        self.grouping.as_ref().map_or(Ok(()), |grouping| grouping.fmt(f))
    }
}

impl Display for MetricExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Aggregate { op, approximate, param, grouping, expr } => {
                f.write_str(if *approximate { "approx_topk" } else { op.name() })?;
                if let Some(grouping) = grouping {
                    grouping.fmt(f)?;
                    f.write_str(" ")?;
                }
                f.write_str("(")?;
                if let Some(param) = param {
                    write!(f, "{},", go_float_plain(*param))?;
                }
                write!(f, "{expr})")
            }
            Self::Sort { descending, expr } => write!(f, "{}({expr})", if *descending { "sort_desc" } else { "sort" }),
            Self::Binary { op, returns_bool, matching, lhs, rhs } => {
                write!(f, "({lhs} {op}{}", if *returns_bool { " bool" } else { "" })?;
                show_matching(f, matching)?;
                write!(f, " {rhs})")
            }
            Self::Number(number) => f.write_str(&go_float_plain(*number)),
            Self::Vector(number) => write!(f, "vector({})", go_float_plain(*number)),
            Self::LabelReplace { expr, texts } => {
                write!(f, "label_replace({expr}")?;
                texts.iter().try_for_each(|text| write!(f, ",{}", go_quote(text)))?;
                f.write_str(")")
            }
        }
    }
}

fn show_matching(f: &mut Formatter<'_>, matching: &Matching) -> fmt::Result {
    if matching.on || !matching.labels.is_empty() {
        write!(f, " {} ({})", if matching.on { "on" } else { "ignoring" }, matching.labels.join(","))?;
    }
    match matching.cardinality {
        Cardinality::ManyToOne => write!(f, " group_left ({})", matching.include.join(",")),
        Cardinality::OneToMany => write!(f, " group_right ({})", matching.include.join(",")),
        Cardinality::OneToOne | Cardinality::ManyToMany => Ok(()),
    }
}
