//! How far a consumer is behind, as figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use vitrine_contracts::bus::v1::Event;
use vitrine_kit::clock::Clock;
use vitrine_platform_telemetry::semconv::MESSAGING_CONSUMER_GROUP_NAME;
use vitrine_platform_telemetry::{Observation, ObservationKind, Service};

/// What a consumer knows of the events that it has not handled.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    behind: AtomicU64,
    /// When the oldest of them occurred, in milliseconds since 1970; 0 when there is none.
    oldest_ms: AtomicI64,
}

impl Lag {
    /// Tells of it for as long as the consumer runs.
    pub(crate) fn told_by(telemetry: &Service, consumer: &str, source: &str) -> Arc<Self> {
        let (lag, clock) = (Arc::new(Self::default()), Clock::system());
        let (consumer, source) = (consumer.to_owned(), source.to_owned());
        telemetry.read_while(&lag, move |lag| {
            let figure = |name, unit, description, value| {
                Observation::new(ObservationKind::Gauge, name, unit, description, value)
                    .attr(MESSAGING_CONSUMER_GROUP_NAME, consumer.as_str())
                    .attr("vitrine.messaging.source", source.as_str())
            };
            vec![
                figure(
                    "vitrine.messaging.consumer.lag",
                    "{event}",
                    "Events that the consumer knows of and has not handled",
                    lag.behind.load(Ordering::Relaxed) as f64,
                ),
                figure(
                    "vitrine.messaging.consumer.delay",
                    "s",
                    "How long ago the oldest of these occurred",
                    age_s(&clock, lag.oldest_ms.load(Ordering::Relaxed)),
                ),
            ]
        });
        lag
    }

    /// Notes what is not handled: these events, and so many behind them.
    pub(crate) fn stands(&self, events: &[&Event], pending: u64) {
        self.behind.store(events.len() as u64 + pending, Ordering::Relaxed);
        self.oldest_ms.store(events.first().map_or(0, |event| event.occurred_at_unix_ms), Ordering::Relaxed);
    }
}

/// How long ago a moment is, in seconds; nothing for 0, which stands for no moment.
pub(crate) fn age_s(clock: &Clock, moment_ms: i64) -> f64 {
    if moment_ms == 0 { 0.0 } else { clock.now_ms().saturating_sub(moment_ms).max(0) as f64 / 1000.0 }
}
