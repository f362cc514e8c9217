//! Whom spans are from: `target_info`, and Tempo's names for it and for hosts.

use std::sync::Arc;

use vitrine_observe_series::Labels;

use super::ledger::{LedgerKey, LedgerTotal, Life, OTHER};

/// A resource that spans are from, by the labels that tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// Whether they tell of its host only.
    pub is_host: bool,
    /// Without a name.
    pub labels: Labels,
}

impl Target {
    /// The host of a resource, by the attribute that says which it is.
    pub(crate) fn host(key: &str, id: &str) -> Self {
        Self { is_host: true, labels: Labels::of([("grafana_host_id", id), ("host_source", key)]) }
    }
}

impl LedgerKey for Target {
    const MOST: usize = 10_000;
    /// All are one group.
    const MOST_OF_GROUP: usize = 10_000;

    fn group(&self) -> &Arc<str> {
        static ONE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(Arc::default);
        &ONE
    }

    fn other(&self, _: bool) -> Self {
        let name = if self.is_host { "grafana_host_id" } else { "job" };
        Self { is_host: self.is_host, labels: Labels::of([(name, OTHER)]) }
    }

    fn bytes(&self) -> usize {
        self.labels.iter().map(|label| label.name.len() + label.value.len()).sum()
    }
}

/// When spans came from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Seen {
    pub life: Life,
    pub blocks: f64,
}

impl LedgerTotal for Seen {
    fn life(&self) -> Life {
        self.life
    }

    fn life_mut(&mut self) -> &mut Life {
        &mut self.life
    }

    fn events(&self) -> f64 {
        self.blocks
    }

    fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
    }
}
