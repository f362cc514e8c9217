//! What spans add to the service graph: calls, and calls that are taken back.

use std::collections::HashMap;

use vitrine_observe_columns::Dictionary;

use super::link::Edge;

/// How often a service called another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Calls; less than zero where more are taken back than were added.
    pub calls: i64,
    /// Those of them that failed.
    pub errors: i64,
}

impl Count {
    /// Adds another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
    }

    /// That many times an edge.
    fn of(edge: &Edge, times: i64) -> Self {
        Self { calls: times, errors: if edge.failed { times } else { 0 } }
    }
}

/// What spans add to the service graph.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(super) names: Dictionary,
    /// By caller, called, and the start of the span by which the call is known.
    counts: HashMap<(u32, u32, i64), Count>,
    /// Traces of which spans lack their parents.
    pub open: Vec<u128>,
}

impl Difference {
    /// Caller, called, start, and count.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&[u8], &[u8], i64, Count)> {
        let told = self.counts.iter().filter(|(_, count)| **count != Count::default());
        told.map(|((parent, child, start), count)| (self.names.get(*parent), self.names.get(*child), *start, *count))
    }

    /// Adds calls that many times.
    pub(super) fn add(&mut self, edges: &[Edge], times: i64) {
        for edge in edges {
            let count = self.counts.entry((edge.parent, edge.child, edge.start)).or_default();
            count.add(Count::of(edge, times));
        }
    }
}
