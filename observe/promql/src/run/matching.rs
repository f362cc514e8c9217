//! Which series of both sides of an operator belong together.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{Labels, NAME};

use crate::ast::{BinaryOp, Cardinality, Matching};

use super::cells::Row;
use super::labels::{keep, with, without_metadata};

/// Series with the same matching labels: places of rows of both sides.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub left: Vec<usize>,
    pub right: Vec<usize>,
}

/// The labels by which a series is matched.
pub(super) fn signature(labels: &Labels, matching: &Matching) -> Labels {
    keep(labels, |label| {
        let named = matching.labels.iter().any(|name| **name == *label.name);
        if matching.on { named } else { !named && &*label.name != NAME }
    })
}

/// Rows of both sides by their matching labels, in the order in which these first come, the left side before the right.
pub(super) fn groups(left: &[Row], right: &[Row], matching: &Matching) -> Vec<Group> {
    let mut places: HashMap<Labels, usize, FxBuildHasher> = HashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut place = |groups: &mut Vec<Group>, row: &Row| {
        *places.entry(signature(&row.labels, matching)).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() - 1
        })
    };
    for (index, row) in left.iter().enumerate() {
        let group = place(&mut groups, row);
        groups[group].left.push(index);
    }
    for (index, row) in right.iter().enumerate() {
        let group = place(&mut groups, row);
        groups[group].right.push(index);
    }
    groups
}

/// Whether results of an operator are no longer what their operands' name says.
pub(super) fn changes_schema(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow | BinaryOp::Atan2
    )
}

/// The labels of a result. `many` are those of the side that may have several series, `one` those of the other.
pub(super) fn result_labels(many: &Labels, one: &Labels, drop_name: bool, matching: &Matching) -> Labels {
    let mut labels = if drop_name { without_metadata(many) } else { many.clone() };
    if matching.cardinality == Cardinality::OneToOne {
        labels = keep(&labels, |label| matching.labels.iter().any(|name| **name == *label.name) == matching.on);
    }
    for name in &matching.include {
        labels = with(&labels, name, one.get(name).unwrap_or_default());
    }
    labels
}
