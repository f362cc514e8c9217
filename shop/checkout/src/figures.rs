//! The sagas that have not ended, as figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_platform_store::{Error, Query, Store};
use vitrine_platform_telemetry::{Observation, ObservationKind, Service};

use crate::journal::Entry;

/// How often they are counted.
const LOOK: Duration = Duration::from_secs(5);

/// How many there are, and when the one that was touched longest ago was, in milliseconds since 1970, or 0.
#[derive(Debug, Default)]
struct Open {
    sagas: AtomicU64,
    touched_ms: AtomicI64,
}

impl Open {
    async fn look(&self, store: &Store) -> Result<(), Error> {
        let open = || Query::range("open", 0..=i64::MAX);
        self.sagas.store(store.count::<Entry>(open()).await?, Ordering::Relaxed);
        let first = store.find::<Entry>(open().limit(1)).await?.items;
        self.touched_ms.store(first.first().map_or(0, |saga| saga.doc.touched_at()), Ordering::Relaxed);
        Ok(())
    }

    fn readings(&self, now_ms: i64) -> Vec<Observation> {
        let sagas = self.sagas.load(Ordering::Relaxed) as f64;
        let since = match self.touched_ms.load(Ordering::Relaxed) {
            0 => 0,
            touched => now_ms.saturating_sub(touched).max(0),
        };
        let figure =
            |name, unit, description, value| Observation::new(ObservationKind::Gauge, name, unit, description, value);
        vec![
            figure("vitrine.checkout.saga.open", "{saga}", "Sagas that have not ended", sagas),
            figure(
                "vitrine.checkout.saga.idle",
                "s",
                "How long the one of these that was touched longest ago has not been",
                since as f64 / 1000.0,
            ),
        ]
    }
}

/// Counts them until stopped, and tells.
pub(crate) async fn watch(store: Store, telemetry: Service, clock: Clock, stop: CancellationToken) {
    let open = Arc::new(Open::default());
    telemetry.read_while(&open, move |open| open.readings(clock.now_ms()));
    let mut ticks = tokio::time::interval(LOOK);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(e) = open.look(&store).await {
            // What was known last is told on; a caller that drives the sagas says what the trouble is.
            tracing::debug!(error = %e, "open sagas could not be counted");
        }
    }
}
