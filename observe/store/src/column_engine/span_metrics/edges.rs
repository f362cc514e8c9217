//! What is counted of calls between two services.

use std::sync::Arc;

use super::LabelValues;
use super::durations::Durations;
use super::ledger::{LedgerKey, LedgerTotal, Life, OTHER};
use super::no_labels;

/// Bounds of classic buckets, in seconds: Tempo's.
pub(super) const BOUNDS: [f64; 8] = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8];

/// How two services are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) enum Connection {
    /// One calls the other.
    #[default]
    Direct,
    /// By messages.
    Messaging,
    /// One asks a database.
    Database,
    /// One of them is known by what the other says of it.
    Virtual,
}

impl Connection {
    /// In the order of their numbers in the log, which must not change.
    pub(super) const ALL: [Self; 4] = [Self::Direct, Self::Messaging, Self::Database, Self::Virtual];

    /// As the label `connection_type` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::Messaging => "messaging_system",
            Self::Database => "database",
            Self::Virtual => "virtual_node",
        }
    }
}

/// Who calls whom. Where one side did not come, and nothing says who it is, its name is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Edge {
    pub client: Arc<str>,
    pub server: Arc<str>,
    pub connection: Connection,
    /// Values of the labels that the plan has besides: of the calling side, and then of the called one.
    pub labels: LabelValues,
}

impl LedgerKey for Edge {
    const MOST: usize = 10_000;
    const MOST_OF_GROUP: usize = 1000;

    /// Who calls; of those whom no one known calls, who is called.
    fn group(&self) -> &Arc<str> {
        if self.client.is_empty() { &self.server } else { &self.client }
    }

    fn other(&self, keeps_group: bool) -> Self {
        // A side that did not come stays empty.
        let other = |name: &Arc<str>| if name.is_empty() { name.clone() } else { OTHER.into() };
        let keeps_client = keeps_group && !self.client.is_empty() && !self.server.is_empty();
        let client = if keeps_client { self.client.clone() } else { other(&self.client) };
        Self { client, server: other(&self.server), connection: self.connection, labels: no_labels() }
    }

    fn bytes(&self) -> usize {
        self.client.len() + self.server.len() + self.labels.iter().map(|value| value.len()).sum::<usize>()
    }
}

/// What was counted of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct EdgeTotal {
    pub life: Life,
    pub requests: f64,
    pub failed: f64,
    /// Spans of which the other side did not come.
    pub unpaired: f64,
    /// Spans for which there was no room to wait for the other side.
    pub dropped: f64,
    /// As the calling side saw it.
    pub client: Durations,
    /// As the called side saw it.
    pub server: Durations,
    /// Between the end of a producer and the beginning of its consumer.
    pub messaging: Option<Box<Durations>>,
}

impl LedgerTotal for EdgeTotal {
    fn life(&self) -> Life {
        self.life
    }

    fn life_mut(&mut self) -> &mut Life {
        &mut self.life
    }

    fn events(&self) -> f64 {
        self.requests + self.unpaired + self.dropped
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.unpaired += other.unpaired;
        self.dropped += other.dropped;
        self.client.unite(&other.client);
        self.server.unite(&other.server);
        if let Some(messaging) = &other.messaging {
            self.messaging.get_or_insert_default().unite(messaging);
        }
    }

    fn end_exemplars(&mut self) {
        let durations = [Some(&mut self.client), Some(&mut self.server), self.messaging.as_deref_mut()];
        durations.into_iter().flatten().for_each(|durations| durations.exemplars.clear());
    }
}
