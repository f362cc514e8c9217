//! `sort` and its relatives: they put an instant's series in order.

use std::cmp::Ordering;

use vitrine_observe_series::Labels;

use crate::annotations::Note;
use crate::ast::Span;
use crate::plan::Node;

use super::cells::{Cell, Row};
use super::grid::Grid;
use super::labels::string;
use super::{Done, Run, Sink, failed};

impl Run<'_> {
    pub(super) fn sort(&self, name: &str, args: &[Node], span: Span, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let [vector, labels @ ..] = args else { return failed(format!("{name} needs a vector")) };
        let by_value = labels.is_empty() && matches!(name, "sort" | "sort_desc");
        if !grid.is_instant() {
            self.note(Note::SortInRangeQuery, span);
            return self.rows(vector, grid, &mut |mut row| {
                if by_value {
                    row.cells.without_histograms();
                }
                if row.cells.any() { sink(row) } else { Ok(()) }
            });
        }
        let names = labels.iter().map(string).collect::<Done<Vec<&str>>>()?;
        let descending = name.ends_with("_desc");
        let mut held = self.collect(vector, grid)?;
        if by_value {
            held.rows.retain(|row| value(row).is_some());
            held.rows.sort_by(|a, b| by_values(value(a), value(b), descending));
        } else {
            held.rows.sort_by(|a, b| {
                let order = by_labels(&a.labels, &b.labels, &names);
                if descending { order.reverse() } else { order }
            });
        }
        held.rows.into_iter().try_for_each(sink)
    }
}

fn value(row: &Row) -> Option<f64> {
    match row.cells.get(0) {
        Some(Cell::Float(value)) => Some(value),
        _ => None,
    }
}

/// What is no number stands last, whatever the direction.
fn by_values(a: Option<f64>, b: Option<f64>, descending: bool) -> Ordering {
    let (a, b) = (a.unwrap_or(f64::NAN), b.unwrap_or(f64::NAN));
    let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    a.is_nan().cmp(&b.is_nan()).then(if descending { order.reverse() } else { order })
}

/// In the order of these labels, numbers in them by their values; then of all labels.
fn by_labels(a: &Labels, b: &Labels, names: &[&str]) -> Ordering {
    for name in names {
        let order = natural(a.get(name).unwrap_or_default(), b.get(name).unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
    a.cmp(b)
}

/// Parts of digits and parts of other characters, in turn.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        parts.push(part);
        rest = behind;
    }
    parts
}

/// Compares texts as people do: `a2` stands before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (left, right) = (parts(a), parts(b));
    for (left, right) in left.iter().zip(&right) {
        if left == right {
            continue;
        }
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if number(left) && number(right) {
            let digits = |part: &str| part.trim_start_matches('0').to_owned();
            let (x, y) = (digits(left), digits(right));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(&y));
            // Of equal numbers the shorter one, with fewer zeros before it, stands first.
            return order.then_with(|| left.len().cmp(&right.len()));
        }
        return left.cmp(right);
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use super::natural;
    use std::cmp::Ordering;

    #[test]
    fn numbers_in_texts_count_by_value() {
        assert_eq!(natural("a2", "a10"), Ordering::Less);
        assert_eq!(natural("a10b", "a10"), Ordering::Greater);
        assert_eq!(natural("10", "9"), Ordering::Greater);
        assert_eq!(natural("x", "x"), Ordering::Equal);
        assert_eq!(natural("", "1"), Ordering::Less);
    }
}
