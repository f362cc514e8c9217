//! What this service counts.

use std::time::Duration;

use vitrine_platform_telemetry::{Counter, Histogram, Service};

/// Attribute: "buy", "cancel" or "refund".
const KIND: &str = "vitrine.checkout.kind";
/// Attribute: "done" or "compensated".
const OUTCOME: &str = "vitrine.checkout.outcome";

/// The instruments.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    sagas: Counter,
    duration: Histogram,
    recovered: Counter,
}

impl Metrics {
    pub(crate) fn new(service: &Service) -> Self {
        Self {
            sagas: service.counter("vitrine.checkout.sagas", "{saga}", "Sagas that ended, by kind and outcome"),
            duration: service.histogram(
                "vitrine.checkout.saga.duration",
                "s",
                "From the first journal entry to the end",
            ),
            recovered: service.counter(
                "vitrine.checkout.recovered",
                "{saga}",
                "Sagas taken up again after a crash or an outage",
            ),
        }
    }

    pub(crate) fn ended(&self, kind: &str, done: bool, took: Duration) {
        let outcome = if done { "done" } else { "undone" };
        self.sagas.add(1, &[(KIND, kind), (OUTCOME, outcome)]);
        self.duration.record(took.as_secs_f64(), &[(KIND, kind)]);
    }

    pub(crate) fn recovered(&self, kind: &str) {
        self.recovered.add(1, &[(KIND, kind)]);
    }
}
