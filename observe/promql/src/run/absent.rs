//! `absent` and `absent_over_time`.

use std::collections::BTreeMap;

use vitrine_observe_series::{Labels, MatchOp, Matcher, NAME};

use crate::plan::{Node, NodeKind, RangeSource};

use super::cells::{Cells, Row};
use super::grid::Grid;
use super::{Done, Run, Sink};

impl Run<'_> {
    /// 1 at steps at which a vector has no series.
    pub(super) fn absent(&self, vector: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let mut there = vec![false; grid.count];
        self.rows(vector, grid, &mut |row| {
            mark(&mut there, &row);
            Ok(())
        })?;
        let labels = match &vector.kind {
            NodeKind::Select(selector) => exact_labels(&selector.matchers),
            _ => Labels::default(),
        };
        self.ones_where_not(&there, labels, false, sink)
    }

    /// 1 at steps in whose range no series has a sample.
    pub(super) fn absent_over_time(&self, args: &[Node], grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let mut there = vec![false; grid.count];
        self.over_range("present_over_time", args, grid, &mut |row| {
            mark(&mut there, &row);
            Ok(())
        })?;
        let labels = match args.first().map(|arg| &arg.kind) {
            Some(NodeKind::Matrix(RangeSource::Series { selector, .. })) => exact_labels(&selector.matchers),
            _ => Labels::default(),
        };
        self.ones_where_not(&there, labels, true, sink)
    }

    fn ones_where_not(&self, there: &[bool], labels: Labels, drop_name: bool, sink: &mut Sink<'_>) -> Done {
        let mut cells = Cells::absent(there.len());
        for (step, _) in there.iter().enumerate().filter(|(_, there)| !**there) {
            cells.set_float(step, 1.0);
        }
        if cells.any() { sink(Row { labels, drop_name, cells }) } else { Ok(()) }
    }
}

fn mark(there: &mut [bool], row: &Row) {
    for (step, there) in there.iter_mut().enumerate() {
        *there |= row.cells.is_present(step);
    }
}

/// Labels that a selector names exactly, and once.
fn exact_labels(matchers: &[Matcher]) -> Labels {
    let mut exact: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != NAME) {
        let first = matcher.op == MatchOp::Equal && !seen.contains(&&*matcher.name);
        if first {
            seen.push(&matcher.name);
        }
        exact.insert(&matcher.name, first.then_some(&*matcher.value));
    }
    Labels::of(exact.into_iter().filter_map(|(name, value)| Some((name, value?))))
}
