//! A query that was read, and what it means.

use vitrine_observe_model::LogFilter;
use vitrine_observe_store::TraceQuery;

use super::traces::Unsayable;
use super::tree::{Node, SyntaxError};
use super::{filter, parser, traces};

/// A query that was read.
#[derive(Clone)]
pub struct Query {
    pub(super) root: Node,
    filter: LogFilter,
}

impl Query {
    /// Reads a query. An empty one is met by everything.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self::of(parser::parse(text)?))
    }

    pub(super) fn of(root: Node) -> Self {
        let filter = filter::of_node(&root);
        Self { root, filter }
    }

    /// Returns what log records must have.
    pub fn log_filter(&self) -> &LogFilter {
        &self.filter
    }

    /// Returns which traces are asked for, of whatever time and number; an error if that cannot be asked of traces.
    pub fn trace_query(&self) -> Result<TraceQuery, Unsayable> {
        traces::of_node(&self.root)
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Query").field(&self.root).finish()
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}
