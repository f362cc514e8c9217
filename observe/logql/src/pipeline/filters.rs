//! Conditions on labels, and labels taken as numbers.

use std::net::IpAddr;

use vitrine_observe_promql::ast::BinaryOp;

use super::ip::parse_ips;
use crate::ast::{Conversion, LabelFilter, Quantity, Unwrap};
use crate::labels::LineLabels;
use crate::units;

/// What a line is told of whose label cannot be compared.
const FILTER_ERROR: &str = "LabelFilterErr";
/// What a line is told of whose label is no number.
const UNWRAP_ERROR: &str = "SampleExtractionErr";

/// Whether labels meet a condition. A value that cannot be compared is an error of the line, which is kept then; and a line with an error is
/// left out by conditions on texts only.
pub(crate) fn accepts(filter: &LabelFilter, labels: &mut LineLabels) -> bool {
    match filter {
        LabelFilter::And(a, b) => accepts(a, labels) && accepts(b, labels),
        LabelFilter::Or(a, b) => accepts(a, labels) || accepts(b, labels),
        LabelFilter::Text(matcher) => matcher.matches(labels.get(&matcher.name)),
        LabelFilter::Quantity { .. } | LabelFilter::Ip { .. } if labels.has_error() => true,
        LabelFilter::Quantity { name, op, value } => {
            let found = labels.get(name);
            if found.is_empty() {
                return false;
            }
            match compared(found, value) {
                Ok((found, wanted)) => holds(*op, found, wanted),
                Err(why) => {
                    labels.fail(FILTER_ERROR, why);
                    true
                }
            }
        }
        LabelFilter::Ip { name, negated, wanted } => {
            let found = labels.get(name);
            if found.is_empty() {
                return false;
            }
            let Ok(ips) = parse_ips(wanted) else { return false };
            found.trim().parse::<IpAddr>().is_ok_and(|ip| ips.holds(ip)) != *negated
        }
    }
}

/// A label's value and what it is compared with, as numbers.
fn compared(found: &str, wanted: &Quantity) -> Result<(f64, f64), String> {
    match wanted {
        Quantity::Number(wanted) => {
            let number = found.parse().map_err(|_| format!("strconv.ParseFloat: parsing {found:?}: invalid syntax"))?;
            Ok((number, *wanted))
        }
        Quantity::Duration(wanted, _) => {
            let ns = units::duration_ns(found).ok_or_else(|| format!("time: invalid duration {found:?}"))?;
            Ok((ns as f64, *wanted as f64))
        }
        Quantity::Bytes(wanted, _) => {
            let bytes = units::bytes(found).ok_or_else(|| format!("{found:?} is no amount of bytes"))?;
            Ok((bytes as f64, *wanted as f64))
        }
    }
}

fn holds(op: BinaryOp, found: f64, wanted: f64) -> bool {
    match op {
        BinaryOp::Equal => found == wanted,
        BinaryOp::NotEqual => found != wanted,
        BinaryOp::Greater => found > wanted,
        BinaryOp::GreaterOrEqual => found >= wanted,
        BinaryOp::Less => found < wanted,
        BinaryOp::LessOrEqual => found <= wanted,
        _ => false,
    }
}

/// The number of a line: none where it has no such label, or does not meet the conditions behind. A value that is no number is an error of
/// the line, and nought.
pub(crate) fn unwrapped(unwrap: &Unwrap, labels: &mut LineLabels) -> Option<f64> {
    let text = labels.get(&unwrap.label);
    if text.is_empty() {
        return None;
    }
    let number = match unwrap.conversion {
        Conversion::Number => text.parse::<f64>().ok(),
        Conversion::Duration | Conversion::DurationSeconds => units::duration_ns(text).map(|ns| ns as f64 / 1e9),
        Conversion::Bytes => units::bytes(text).map(|bytes| bytes as f64),
    };
    if number.is_none() {
        let why = format!("{text:?} of {:?} is no number", unwrap.label);
        labels.fail(UNWRAP_ERROR, why);
    }
    unwrap.filters.iter().all(|filter| accepts(filter, labels)).then(|| number.unwrap_or(0.0))
}
