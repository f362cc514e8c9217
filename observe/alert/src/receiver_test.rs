//! A test of a receiver: one notification to each of its integrations, all at once, by the way that real ones go. Routes, groups, silences and what is
//! kept of notifications have no part in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;
use vitrine_observe_routing::{
    ALERT_NAME, Alert, Config, Delivery, Integration, IntegrationTest, LabelSet, LogEntry, Reason, ReceiverTestError,
    quoted,
};

use crate::driver::notify;
use crate::engine::{Alertmanager, uuid};
use crate::send::Senders;

/// The name of the alert, and the label that says what it is.
const NAME: &str = "Test";
const LABEL: &str = "test";

/// A receiver that is being tested, until this is dropped.
struct Turn {
    receiver: String,
    of: Alertmanager,
}

impl Turn {
    /// None where the receiver is being tested already.
    fn take(of: &Alertmanager, receiver: &str) -> Option<Self> {
        let is_free = of.inner.tested.lock().insert(receiver.to_owned());
        is_free.then(|| Self { receiver: receiver.to_owned(), of: of.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.of.inner.tested.lock().remove(&self.receiver);
    }
}

impl Alertmanager {
    /// Tests a receiver. Returns what became of it for each integration, in the order of the file.
    pub(crate) async fn test(&self, receiver: &str) -> Result<Vec<IntegrationTest>, ReceiverTestError> {
        let (config, senders) = {
            let router = self.inner.router.read();
            (router.config().clone(), self.inner.senders.read().clone())
        };
        let integrations = &config.receiver(receiver).ok_or(ReceiverTestError::NotFound)?.integrations;
        let turn = Turn::take(self, receiver).ok_or(ReceiverTestError::Busy)?;
        let (of, now) = (self.clone(), self.inner.clock.now_ms());
        let deliveries: Vec<(&'static str, Delivery)> = integrations
            .iter()
            .map(|integration| (integration.kind.name(), delivery(&of, receiver, integration, now)))
            .collect();
        // A task of its own: whoever asked may go away, which must not make room for the next test at once.
        let testing = self.inner.tasks.spawn(async move {
            let _turn = turn;
            of.inner.driver.until_stopped(tell_all(&of, &senders, &config, deliveries, now)).await
        });
        match testing.await {
            Ok(Some(tests)) => Ok(tests),
            Ok(None) => Err(ReceiverTestError::Ended("the process ends".to_owned())),
            Err(error) => Err(ReceiverTestError::Ended(error.to_string())),
        }
    }
}

async fn tell_all(
    of: &Alertmanager,
    senders: &Arc<Senders>,
    config: &Arc<Config>,
    deliveries: Vec<(&'static str, Delivery)>,
    now: i64,
) -> Vec<IntegrationTest> {
    let mut telling = JoinSet::new();
    for (place, (kind, delivery)) in deliveries.into_iter().enumerate() {
        let (senders, config, mut span) = (senders.clone(), config.clone(), of.span("notify"));
        telling.spawn(async move {
            let since = Instant::now();
            let error = notify(&senders, &config, &delivery, now, &mut span).await.err().map(|failure| failure.reason);
            (place, IntegrationTest { kind, name: delivery.integration, error, took: since.elapsed() })
        });
    }
    let mut tests = telling.join_all().await;
    tests.sort_by_key(|(place, _)| *place);
    tests.into_iter().map(|(_, test)| test).collect()
}

/// What an integration is told. All tests of a receiver are of one group, so that incidents and issues do not pile up; no two bear the same key, or the
/// second might not be taken.
fn delivery(of: &Alertmanager, receiver: &str, integration: &Integration, now: i64) -> Delivery {
    let group = format!("test:{{receiver={}}}", quoted(receiver));
    let integration = integration.id();
    let told = LogEntry {
        group: group.clone(),
        receiver: receiver.to_owned(),
        integration: integration.clone(),
        at: now,
        expires_at: now,
        firing: BTreeSet::new(),
        resolved: BTreeSet::new(),
        muted: BTreeSet::new(),
        data: BTreeMap::new(),
    };
    Delivery {
        id: LogEntry::id(&group, receiver, &integration),
        group: group.clone(),
        group_key: group,
        group_labels: texts(&[(ALERT_NAME, NAME)]),
        route_labels: LabelSet::new(),
        receiver: receiver.to_owned(),
        integration,
        reason: Reason::First,
        alerts: vec![alert(of, receiver, now)],
        at: now,
        until: now,
        dedup_key: uuid(),
        told,
    }
}

/// An alert that says that it is none.
fn alert(of: &Alertmanager, receiver: &str, now: i64) -> Alert {
    let description = format!("Somebody tests whether the receiver {receiver:?} is told. No alert fires.");
    Alert {
        labels: texts(&[(ALERT_NAME, NAME), (LABEL, "true")]),
        annotations: texts(&[("summary", "This is a test: nothing is wrong"), ("description", &description)]),
        starts_at: now,
        ends_at: i64::MAX,
        updated_at: now,
        is_timeout: true,
        generator_url: of.alerts_url(),
    }
}

fn texts(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
