//! Alerting within an observatory: what it keeps and whom it tells.

use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{Alertmanager, Counts, Error, Settings};
use vitrine_platform_store::Storage;
use vitrine_platform_telemetry::{Observation, ObservationKind, Telemetry};

use crate::Usage;
use crate::settings::Alerting;

/// The name under which its own figures are found.
const SERVICE: &str = "observatory";

/// Reads the configuration and what is kept in the data folder. `external_url` is where links in notifications lead.
pub async fn open(data: &Path, settings: &Alerting, external_url: String) -> Result<Alertmanager> {
    let config = Some(settings.config.clone()).filter(|path| !path.as_os_str().is_empty());
    let settings = Settings { storage: Storage::Folder(data.to_owned()), config, external_url, clock: Clock::system() };
    match Alertmanager::start(settings).await {
        Ok(alertmanager) => Ok(alertmanager),
        Err(error @ Error::Store(_)) => Err(error.into()),
        Err(error) => Err(Usage(format!("observatory.alertmanager.config: {:#}", anyhow::Error::from(error))).into()),
    }
}

/// Ends it when the process does, and tells what it counts.
pub fn attend(alertmanager: &Alertmanager, telemetry: &Telemetry, stop: &CancellationToken, tracker: &TaskTracker) {
    let (ending, stop) = (alertmanager.clone(), stop.clone());
    tracker.spawn(async move {
        stop.cancelled().await;
        ending.stop().await;
    });
    telemetry.service(SERVICE).read_while(alertmanager.counts(), observations);
}

fn observations(counts: &Counts) -> Vec<Observation> {
    let count = |name, unit, description, of: &std::sync::atomic::AtomicU64| {
        Observation::new(ObservationKind::Counter, name, unit, description, of.load(Ordering::Relaxed) as f64)
    };
    vec![
        count("observatory.notifications.sent", "{notification}", "Notifications that receivers took", &counts.sent),
        count(
            "observatory.notifications.failed",
            "{notification}",
            "Notifications that receivers refused",
            &counts.failed,
        ),
        count(
            "observatory.notifications.retried",
            "{request}",
            "Tries that failed and are made again",
            &counts.retried,
        ),
    ]
}
