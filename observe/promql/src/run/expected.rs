//! What will be kept of the series that are about to be read: a query whose result cannot be kept is refused before a sample is decoded.

use std::collections::HashSet;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{Labels, SeriesInfo};

use crate::ast::ValueType;
use crate::plan::{Node, NodeKind};

use super::labels::grouped;
use super::{Done, Run};

/// What is kept.
pub(super) enum Expected {
    /// All series, each with so many bytes.
    Rows { bytes: usize },
    /// Groups of series, each with so many bytes.
    Groups { grouping: Vec<String>, without: bool, bytes: usize },
}

/// Whether all series that a node reads are in its result. `false` is "perhaps not".
pub(super) fn keeps_series(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Select(_) | NodeKind::Negate(_) | NodeKind::Invariant(_) => true,
        NodeKind::Binary(binary) => {
            let scalar = |side: &Node| side.value_type == ValueType::Scalar;
            !binary.op.is_comparison() && (scalar(&binary.lhs) || scalar(&binary.rhs))
        }
        NodeKind::Call { function, args } => {
            function.name.starts_with("label_") || args.iter().any(|arg| arg.value_type == ValueType::Matrix)
        }
        NodeKind::Number(_) | NodeKind::String(_) | NodeKind::Matrix(_) | NodeKind::Aggregate(_) => false,
    }
}

impl Run<'_> {
    /// Works while this is expected.
    pub(super) fn expecting<T>(&self, expected: Expected, work: impl FnOnce() -> Done<T>) -> Done<T> {
        let before = self.expected.replace(Some(expected));
        let done = work();
        self.expected.replace(before);
        done
    }

    /// An error where what is expected of these series does not fit.
    pub(super) fn check_expected(&self, series: &[SeriesInfo]) -> Done {
        match self.expected.take() {
            None => {}
            Some(Expected::Rows { bytes }) => self.budget.fits(bytes.saturating_mul(series.len()))?,
            // There are no more groups than series: only where these do not fit groups are counted.
            Some(Expected::Groups { bytes, .. }) if self.budget.fits(bytes.saturating_mul(series.len())).is_ok() => {}
            Some(Expected::Groups { grouping, without, bytes }) => {
                let groups: HashSet<Labels, FxBuildHasher> =
                    series.iter().map(|info| grouped(&info.labels, &grouping, without)).collect();
                self.budget.fits(bytes.saturating_mul(groups.len()))?;
            }
        }
        Ok(())
    }
}
