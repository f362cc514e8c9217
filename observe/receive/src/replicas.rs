//! Senders that send the same: of each cluster one replica is taken, until it is silent for some time.
//!
//! As Mimir's and Cortex's distributors do it: the first replica that comes is elected; what others of its cluster send meanwhile is not taken,
//! counted, and answered with 202, so that they do not send it again; when the elected one was silent for so long, the next that
//! comes is elected. Who is elected is not kept: after a restart it is who comes first, and no sample is lost by that.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vitrine_kit::clock::Clock;
use vitrine_observe_store::Tenant;
use vitrine_observe_store::model::metrics::ReplicaWrite;

/// Clusters of all tenants together. One more is not deduplicated, and refused.
pub(crate) const MAX_CLUSTERS: usize = 10_000;

/// How replicas are known, and when the next one has its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaOptions {
    /// The label that equal senders have in common.
    pub cluster_label: String,
    /// The label that tells them apart; it is taken off what is kept.
    pub replica_label: String,
    /// How long the elected one may be silent.
    pub failover: Duration,
}

/// Who is elected, and what was not taken of the others. Clones share it.
#[derive(Clone)]
pub struct Replicas(Arc<ReplicasInner>);

struct ReplicasInner {
    options: ReplicaOptions,
    clock: Clock,
    elected: Mutex<HashMap<(Tenant, String), Elected>>,
    dropped: AtomicU64,
    elections: AtomicU64,
}

struct Elected {
    replica: String,
    last_ms: i64,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is of the elected one.
    Taken,
    /// It is of another one.
    Dropped,
    /// There are too many clusters.
    Full,
}

impl Replicas {
    /// Nobody is elected yet.
    pub fn new(options: ReplicaOptions, clock: Clock) -> Self {
        let (elected, dropped, elections) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(ReplicasInner { options, clock, elected, dropped, elections }))
    }

    /// How many samples were not taken because another replica sends them.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// How often a replica was elected.
    pub fn elections(&self) -> u64 {
        self.0.elections.load(Ordering::Relaxed)
    }

    pub(crate) fn options(&self) -> &ReplicaOptions {
        &self.0.options
    }

    pub(crate) fn turn(&self, tenant: &Tenant, write: &ReplicaWrite) -> Turn {
        let ReplicasInner { options, clock, elected, dropped, elections } = &*self.0;
        let now_ms = clock.now_ms();
        let failover_ms = i64::try_from(options.failover.as_millis()).unwrap_or(i64::MAX);
        let is_silent = |elected: &Elected| now_ms.saturating_sub(elected.last_ms) > failover_ms;
        let mut all = elected.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), write.cluster.clone());
        if !all.contains_key(&key) && all.len() >= MAX_CLUSTERS {
            // Those that send no more make room.
            all.retain(|_, elected| !is_silent(elected));
            if all.len() >= MAX_CLUSTERS {
                return Turn::Full;
            }
        }
        let fresh = || Elected { replica: String::new(), last_ms: i64::MIN };
        let elected = all.entry(key).or_insert_with(fresh);
        if elected.replica != write.replica {
            if !is_silent(elected) {
                dropped.fetch_add(write.samples, Ordering::Relaxed);
                return Turn::Dropped;
            }
            tracing::info!(cluster = write.cluster, replica = write.replica, "another replica is elected");
            elections.fetch_add(1, Ordering::Relaxed);
            elected.replica.clone_from(&write.replica);
        }
        elected.last_ms = now_ms;
        Turn::Taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vitrine_kit::clock::Clock;
    use vitrine_observe_store::Tenant;
    use vitrine_observe_store::model::metrics::{RemoteWrite, ReplicaWrite};

    use super::{MAX_CLUSTERS, ReplicaOptions, Replicas, Turn};

    fn write(cluster: &str, replica: &str) -> ReplicaWrite {
        let request = RemoteWrite::of(&[]);
        ReplicaWrite { cluster: cluster.to_owned(), replica: replica.to_owned(), samples: 2, request }
    }

    #[test]
    fn one_replica_is_taken_until_it_is_silent() {
        let (clock, hands) = Clock::manual(1_700_000_000_000);
        let options = ReplicaOptions {
            cluster_label: "cluster".to_owned(),
            replica_label: "__replica__".to_owned(),
            failover: Duration::from_secs(30),
        };
        let replicas = Replicas::new(options, clock);
        let tenant = Tenant::default();
        let turn = |cluster: &str, replica: &str| replicas.turn(&tenant, &write(cluster, replica));
        assert_eq!((turn("c", "a"), turn("c", "b"), turn("d", "b")), (Turn::Taken, Turn::Dropped, Turn::Taken));
        hands.advance(Duration::from_secs(20));
        assert_eq!((turn("c", "a"), turn("c", "b")), (Turn::Taken, Turn::Dropped));
        hands.advance(Duration::from_secs(30));
        assert_eq!(turn("c", "b"), Turn::Dropped, "it was not silent for longer yet");
        hands.advance(Duration::from_millis(1));
        assert_eq!((turn("c", "b"), turn("c", "a")), (Turn::Taken, Turn::Dropped));
        assert_eq!((replicas.dropped(), replicas.elections()), (8, 3));
        // Another tenant's cluster is another one.
        assert_eq!(replicas.turn(&Tenant::new("t").unwrap(), &write("c", "z")), Turn::Taken);
        for number in 0..MAX_CLUSTERS - 3 {
            assert_eq!(turn(&format!("n{number}"), "a"), Turn::Taken);
        }
        // The cluster that was silent makes room for one.
        assert_eq!(
            (turn("more", "a"), turn("still more", "a"), turn("c", "b")),
            (Turn::Taken, Turn::Full, Turn::Taken)
        );
        hands.advance(Duration::from_secs(60));
        assert_eq!(turn("still more", "a"), Turn::Taken);
    }
}
