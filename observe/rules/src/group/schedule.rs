//! When a group is evaluated, and which of its rules can be evaluated at once.

use vitrine_observe_promql::ast::Expr;
use vitrine_observe_series::{MatchOp, Matcher, NAME};

use super::Group;

/// Most rules of which what comes is kept at once. Each is compared with all of its list.
const MOST_TOGETHER: usize = 100;

/// An evaluation that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// For which time, in milliseconds since 1970.
    pub at_ms: i64,
    /// How many evaluations before it were skipped because they came too late.
    pub missed: u64,
}

impl Group {
    /// The last time at or before `now_ms` for which it is evaluated: the grid of its interval, moved by a part of the interval that depends on
    /// file and name, so that not all groups work at once.
    pub fn slot_before(&self, now_ms: i64) -> i64 {
        let interval = self.interval_ms;
        let hash = hash(&format!("{};{}", self.file, self.name));
        let offset = i64::try_from(hash % interval.unsigned_abs()).unwrap_or(0);
        now_ms - (now_ms - offset).rem_euclid(interval)
    }

    /// The evaluation after the one for `last_ms`, if it is due; none if there is still time. What was missed is skipped and counted.
    pub fn due(&mut self, last_ms: i64, now_ms: i64) -> Option<Slot> {
        let behind = (now_ms - last_ms).div_euclid(self.interval_ms);
        if behind < 1 {
            return None;
        }
        let missed = u64::try_from(behind - 1).unwrap_or(0);
        self.missed += missed;
        Some(Slot { at_ms: last_ms + behind * self.interval_ms, missed })
    }
}

/// FNV-1a: the same on each machine and in each version.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether an expression may read a metric of this name.
fn reads(expr: Option<&Expr>, metric: &str) -> bool {
    expr.is_none_or(|expr| reads_metric(expr, metric))
}

fn reads_metric(expr: &Expr, metric: &str) -> bool {
    expr.selectors().iter().any(|selector| {
        let mut names = selector.matchers.iter().filter(|matcher| matcher.name == NAME).peekable();
        names.peek().is_none() || names.all(|matcher: &Matcher| matcher.matches(metric))
    })
}

/// Whether an expression selects by something else than names, so that it may read everything.
fn reads_anything(expr: Option<&Expr>) -> bool {
    // SQL may read what rules recorded, too.
    let Some(expr) = expr else { return true };
    let is_named = |matcher: &Matcher| matcher.name == NAME && matcher.op == MatchOp::Equal;
    expr.selectors().iter().any(|selector| !selector.matchers.iter().any(is_named))
}

/// Rules, by what they make and read, in lists of which each depends on earlier lists only. A rule that may read everything stands alone.
pub(super) fn batches(rules: &[(Vec<&str>, Option<&Expr>)]) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for (index, (outputs, expr)) in rules.iter().enumerate() {
        let is_free = |other: &usize| {
            let (others, other_expr) = &rules[*other];
            let alone = reads_anything(*expr) || reads_anything(*other_expr);
            !alone
                && !others.iter().any(|made| reads(*expr, made))
                && !outputs.iter().any(|made| reads(*other_expr, made))
        };
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_TOGETHER && batch.iter().all(is_free) => batch.push(index),
            _ => batches.push(vec![index]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::batches;
    use vitrine_observe_promql::parse::parse_expr;

    #[test]
    fn rules_that_need_each_other_are_in_order() {
        for (rules, expected) in [
            (vec![("a", "x"), ("b", "y"), ("c", "z")], vec![vec![0, 1, 2]]),
            (vec![("a", "x"), ("b", "a"), ("c", "b")], vec![vec![0], vec![1], vec![2]]),
            (vec![("a", "x"), ("b", "y"), ("c", "a + b"), ("d", "z")], vec![vec![0, 1], vec![2, 3]]),
            (vec![("a", "x"), ("b", "{job=\"api\"}"), ("c", "z")], vec![vec![0], vec![1], vec![2]]),
            (vec![("a", "b"), ("b", "x")], vec![vec![0], vec![1]]),
        ] {
            let parsed: Vec<_> =
                rules.iter().map(|(name, expr)| (vec![*name], parse_expr(expr).expect("an expression"))).collect();
            let given: Vec<_> = parsed.iter().map(|(names, expr)| (names.clone(), Some(expr))).collect();
            assert_eq!(batches(&given), expected, "{rules:?}");
        }
    }
}
