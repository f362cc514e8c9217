//! The configuration of an observatory that runs, read again: what is scraped, which rules are evaluated, and who is told of alerts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_kit::clock::Clock;
use vitrine_observe_alert::{Alertmanager, Error, Rules};
use vitrine_observe_rules::{Configuration, ConfigurationStatus, Reloading};
use vitrine_observe_scrape::Scraper;
use vitrine_platform_telemetry::{Observation, ObservationKind, Telemetry};

use crate::telemetry::OBSERVATORY;
use crate::watching;

/// What is scraped, and the file that says so.
pub type Scraping = (PathBuf, Arc<Scraper>);

/// All that can be read again.
pub struct RunningConfiguration {
    scraping: Option<Scraping>,
    rules: Rules,
    alertmanager: Alertmanager,
    status: watch::Sender<ConfigurationStatus>,
    /// Held while files are read: who asks meanwhile waits, and has them read once more.
    reading: Mutex<()>,
}

impl RunningConfiguration {
    /// What was just read.
    pub fn new(scraping: Option<Scraping>, rules: Rules, alertmanager: Alertmanager) -> Arc<Self> {
        let status = ConfigurationStatus { is_good: true, read_at_ms: Clock::system().now_ms() };
        let status = watch::Sender::new(status);
        Arc::new(Self { scraping, rules, alertmanager, status, reading: Mutex::new(()) })
    }

    /// Reads it again on SIGHUP, until stopped, and tells how that went.
    pub fn attend(
        self: &Arc<Self>,
        telemetry: &Telemetry,
        stop: &CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let (running, stop) = (self.clone(), stop.clone());
        tracker.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    // What is wrong is logged where it is found.
                    _ = hangup.recv() => { let _ = running.read_again().await; }
                }
            }
            if let Some((_, scraper)) = &running.scraping {
                scraper.stop().await;
            }
        });
        telemetry.service(OBSERVATORY).read_while(self, |running| observations(running.status()));
        Ok(())
    }

    /// How it goes from now on.
    pub fn changes(&self) -> watch::Receiver<ConfigurationStatus> {
        self.status.subscribe()
    }

    async fn read_again(&self) -> Result<(), String> {
        let _reading = self.reading.lock().await;
        let read = self.read_all().await;
        self.status.send_modify(|status| {
            status.is_good = read.is_ok();
            if read.is_ok() {
                status.read_at_ms = Clock::system().now_ms();
            }
        });
        match &read {
            Ok(()) => tracing::info!("the configuration was read again"),
            Err(error) => tracing::error!(%error, "the configuration stays as it was"),
        }
        read
    }

    /// All is read before anything is used.
    async fn read_all(&self) -> Result<(), String> {
        let scraped = self.scraping.as_ref().map(|(path, _)| watching::read(path).map_err(|usage| usage.0)).transpose();
        let rules = self.rules.load().await.map_err(with_causes);
        let alertmanager = self.alertmanager.load().await.map_err(with_causes);
        let (scraped, rules, alertmanager) = match (scraped, rules, alertmanager) {
            (Ok(scraped), Ok(rules), Ok(alertmanager)) => (scraped, rules, alertmanager),
            (scraped, rules, alertmanager) => {
                let wrong = [scraped.err(), rules.err(), alertmanager.err()];
                return Err(wrong.into_iter().flatten().collect::<Vec<_>>().join("\n"));
            }
        };
        // It makes clients, which can fail; it is the last that can.
        if let (Some((_, scraper)), Some(config)) = (&self.scraping, &scraped) {
            scraper.apply(config)?;
        }
        self.alertmanager.apply(alertmanager);
        self.rules.apply(rules).await;
        Ok(())
    }
}

fn with_causes(error: Error) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

impl Configuration for RunningConfiguration {
    fn reload(&self) -> Reloading<'_> {
        Box::pin(self.read_again())
    }

    fn status(&self) -> ConfigurationStatus {
        *self.status.borrow()
    }
}

/// What Prometheus calls `prometheus_config_last_reload_successful` and `…_success_timestamp_seconds`.
fn observations(status: ConfigurationStatus) -> Vec<Observation> {
    let gauge =
        |name, unit, description, value| Observation::new(ObservationKind::Gauge, name, unit, description, value);
    vec![
        gauge(
            "observatory.config.last_reload_successful",
            "",
            "Whether the configuration could be used when it was last read",
            f64::from(u8::from(status.is_good)),
        ),
        gauge(
            "observatory.config.last_reload_success_timestamp",
            "s",
            "When the configuration that is used was read",
            status.read_at_ms as f64 / 1_000.0,
        ),
    ]
}
