//! What Prometheus's API tells of this process, and has it do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, raise};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::Rules;
use vitrine_observe_api::{Notifications, PrometheusParts};
use vitrine_observe_receive::Replicas;
use vitrine_observe_store::{ColumnEngine, Targets};
use vitrine_platform_telemetry::{Exposition, Observation, ObservationKind, Telemetry};

use crate::reloading::RunningConfiguration;
use crate::telemetry::OBSERVATORY;

/// What is told of a configuration that cannot be used, in Prometheus's words.
const WRONG_CONFIGURATION: &str = "Configuration reload has failed.";
/// What is told when the process ends.
const ENDING: &str = "Prometheus is shutting down and gracefully stopping all operations.";

/// What is told and done beside answering.
pub fn parts(
    engine: Arc<ColumnEngine>,
    rules: &Rules,
    targets: Option<Arc<dyn Targets>>,
    configuration: &Arc<RunningConfiguration>,
    telemetry: &Telemetry,
) -> PrometheusParts {
    let own = telemetry.clone();
    PrometheusParts {
        rules: Some(Arc::new(rules.clone())),
        targets,
        admin: Some(engine),
        configuration: Some(configuration.clone()),
        quit: Some(quit()),
        namespaces: Some(Arc::new(rules.clone())),
        notifications: Notifications::default(),
        own_metrics: Some(Arc::new(move || own.expose(Exposition::Text))),
    }
}

/// Ends the process as a signal of an operator does, whatever it runs beside the observatory.
fn quit() -> Arc<dyn Fn() -> bool + Send + Sync> {
    let begun = AtomicBool::new(false);
    Arc::new(move || {
        if begun.swap(true, Ordering::SeqCst) {
            return false;
        }
        if let Err(error) = raise(Signal::SIGTERM) {
            tracing::error!(%error, "the process cannot be told to end");
        }
        true
    })
}

/// Tells what people should know, until stopped.
pub fn notify(
    notifications: Notifications,
    configuration: &RunningConfiguration,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) {
    let (mut changes, stop) = (configuration.changes(), stop.clone());
    tracker.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
            }
            match changes.borrow_and_update().is_good {
                true => notifications.clear(WRONG_CONFIGURATION),
                false => notifications.set(WRONG_CONFIGURATION, Clock::system().now_ms()),
            }
        }
        notifications.set(ENDING, Clock::system().now_ms());
        notifications.close();
    });
}

/// Tells of equal senders of which one is taken.
pub fn count(replicas: Replicas, telemetry: &Telemetry) {
    let counter = |name, unit, description, value: u64| {
        Observation::new(ObservationKind::Counter, name, unit, description, value as f64)
    };
    telemetry.service(OBSERVATORY).read_from(move || {
        let dropped = "Samples not taken because another replica of the cluster is";
        vec![
            counter("observatory.replicas.dropped", "{sample}", dropped, replicas.dropped()),
            counter("observatory.replicas.elections", "{election}", "Replicas that were elected", replicas.elections()),
        ]
    });
}
