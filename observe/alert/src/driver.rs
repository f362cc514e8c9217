//! What goes on by itself: groups that are due are looked at, and notifications that wait are sent.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use vitrine_kit::{Backoff, Outage};
use vitrine_observe_routing::{Config, Delivery};
use vitrine_platform_telemetry::Span;

use crate::engine::Alertmanager;
use crate::send::{Failure, Known, Senders};

/// The longest time for which nothing is looked at: the machine's clock may be set.
const LONGEST_REST: Duration = Duration::from_secs(15);
/// Notifications that are sent to one integration of a receiver at a time; others wait for these and for no one else.
const SENDING_PER_INTEGRATION: usize = 4;
/// The pause after the first failure; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is counted. Failures that will be tried again are requests that failed; one that is given up is a failed notification.
#[derive(Debug, Default)]
pub struct Counts {
    /// Notifications that were taken.
    pub sent: AtomicU64,
    /// Notifications that were refused for good.
    pub failed: AtomicU64,
    /// Tries that failed and are made again.
    pub retried: AtomicU64,
}

/// Tries of a notification.
struct Tries {
    dedup_key: String,
    backoff: Backoff,
    /// Not before this time, in milliseconds since 1970.
    next_at: i64,
}

/// What became of a try.
struct Tried {
    delivery: Delivery,
    result: Result<Known, Failure>,
}

/// Runs until it is stopped.
#[derive(Default)]
pub(crate) struct Driver {
    stopped: CancellationToken,
}

/// What is under way.
#[derive(Default)]
struct Work {
    sending: JoinSet<Tried>,
    /// Which notification a task sends: its id, and the integration's.
    tasks: HashMap<Id, (String, (String, String))>,
    tries: HashMap<String, Tries>,
    outages: HashMap<(String, String), Outage>,
}

impl Driver {
    pub(crate) fn stop(&self) {
        self.stopped.cancel();
    }

    /// Returns what a future comes to; none if it is stopped before.
    pub(crate) async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stopped.run_until_cancelled(work).await
    }

    pub(crate) async fn run(&self, of: &Alertmanager) {
        let mut work = Work::default();
        loop {
            let now = of.inner.clock.now_ms();
            of.inner.router.write().advance(now);
            // Only what is written down is sent. What could not be is tried again after a rest.
            let is_written = of.write().await.is_ok();
            let next_at = if is_written { work.begin(of, now) } else { None };
            let rest =
                next_at.map_or(LONGEST_REST, |at| Duration::from_millis(u64::try_from(at - now).unwrap_or_default()));
            tokio::select! {
                () = self.stopped.cancelled() => return,
                () = of.inner.changed.notified() => {}
                () = tokio::time::sleep(rest.min(LONGEST_REST)) => {}
                Some(tried) = work.sending.join_next_with_id() => work.ended(of, tried).await,
            }
        }
    }
}

/// Makes one try to tell an integration, and says in a span what became of it.
pub(crate) async fn notify(
    senders: &Senders,
    config: &Config,
    delivery: &Delivery,
    now: i64,
    span: &mut Option<Span>,
) -> Result<Known, Failure> {
    let result = senders.send(config, delivery, now).await;
    if let Some(span) = span {
        describe(span, delivery, result.as_ref().err());
    }
    result
}

/// What the span of a try says.
fn describe(span: &mut Span, delivery: &Delivery, failure: Option<&Failure>) {
    span.set("vitrine.alerts.receiver", delivery.receiver.clone());
    span.set("vitrine.alerts.integration", delivery.integration.clone());
    span.set("vitrine.alerts.count", i64::try_from(delivery.alerts.len()).unwrap_or(i64::MAX));
    if let Some(failure) = failure {
        span.error(&failure.reason);
    }
}

impl Work {
    /// Begins to send what waits. Returns when something is due next.
    fn begin(&mut self, of: &Alertmanager, now: i64) -> Option<i64> {
        let router = of.inner.router.read();
        let outbox = &router.state().outbox;
        self.tries.retain(|id, tries| outbox.get(id).is_some_and(|delivery| delivery.dedup_key == tries.dedup_key));
        let mut next_at = router.due_at();
        let mut busy: HashMap<(&str, &str), usize> = HashMap::new();
        let mut sending: HashSet<&str> = HashSet::new();
        for (id, (receiver, integration)) in self.tasks.values() {
            *busy.entry((receiver, integration)).or_default() += 1;
            sending.insert(id);
        }
        let mut due = Vec::new();
        for (id, delivery) in outbox {
            let busy = busy.entry((&delivery.receiver, &delivery.integration)).or_default();
            if *busy >= SENDING_PER_INTEGRATION || sending.contains(id.as_str()) {
                continue;
            }
            match self.tries.get(id).filter(|tries| tries.next_at > now) {
                Some(tries) => next_at = Some(next_at.map_or(tries.next_at, |at| at.min(tries.next_at))),
                None => {
                    *busy += 1;
                    due.push(delivery.clone());
                }
            }
        }
        for delivery in due {
            let (senders, config) = (of.inner.senders.read().clone(), router.config().clone());
            let integration = (delivery.receiver.clone(), delivery.integration.clone());
            let id = delivery.id.clone();
            let mut span = of.span("notify");
            let task = self.sending.spawn(async move {
                let result = notify(&senders, &config, &delivery, now, &mut span).await;
                Tried { delivery, result }
            });
            self.tasks.insert(task.id(), (id, integration));
        }
        next_at
    }

    async fn ended(&mut self, of: &Alertmanager, tried: Result<(Id, Tried), tokio::task::JoinError>) {
        let (task, tried) = match tried {
            Ok((task, tried)) => (task, Some(tried)),
            Err(error) => {
                tracing::error!(error = %error, "a notification could not be made");
                (error.id(), None)
            }
        };
        let Some((id, integration)) = self.tasks.remove(&task) else { return };
        // A message that cannot even be made is as one that is refused.
        let Some(Tried { delivery, result }) = tried else {
            let mut router = of.inner.router.write();
            let key = router.state().outbox.get(&id).map(|delivery| delivery.dedup_key.clone());
            key.into_iter().for_each(|key| router.refused(&id, &key));
            return;
        };
        match result {
            Ok(known) => {
                of.inner.counts.sent.fetch_add(1, Ordering::Relaxed);
                if self.outages.entry(integration).or_default().ends() {
                    tracing::info!(
                        receiver = delivery.receiver,
                        integration = delivery.integration,
                        "a receiver takes notifications again"
                    );
                }
                of.inner.router.write().delivered(&id, delivery.told.clone(), &delivery.dedup_key, known);
            }
            Err(failure) => {
                let begins = self.outages.entry(integration).or_default().begins();
                if begins {
                    let (receiver, way) = (&delivery.receiver, &delivery.integration);
                    tracing::warn!(
                        receiver,
                        integration = way,
                        reason = failure.reason,
                        "a receiver does not take a notification"
                    );
                }
                self.failed(of, &delivery, &failure);
            }
        }
    }

    fn failed(&mut self, of: &Alertmanager, delivery: &Delivery, failure: &Failure) {
        if !failure.may_retry {
            of.inner.counts.failed.fetch_add(1, Ordering::Relaxed);
            of.inner.router.write().refused(&delivery.id, &delivery.dedup_key);
            return;
        }
        of.inner.counts.retried.fetch_add(1, Ordering::Relaxed);
        let tries = self.tries.entry(delivery.id.clone()).or_insert_with(|| Tries {
            dedup_key: delivery.dedup_key.clone(),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            next_at: 0,
        });
        let pause = i64::try_from(tries.backoff.equal_jitter().as_millis()).unwrap_or(i64::MAX);
        tries.next_at = of.inner.clock.now_ms().saturating_add(pause);
    }
}
