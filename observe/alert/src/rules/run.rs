//! A group is evaluated at its times.

use std::time::Duration;

use tokio::runtime::Handle;
use vitrine_kit::percent;
use vitrine_observe_promql::{Engine, Point};
use vitrine_observe_routing::{Alerting, LabelSet, PostedAlert};
use vitrine_observe_rules::alert::Alert;
use vitrine_observe_rules::status::{GroupStatus, Health};
use vitrine_observe_rules::{Effects, EngineSource, Group, SavedGroup, vector_of_rows};
use vitrine_observe_series::{Labels, STALE, Value};
use vitrine_platform_telemetry::Span;

use super::{Recorded, Rows, Rules, Running};
use crate::documents::{GroupState, write_group};

/// Most bytes that a query of a rule takes.
const QUERY_BYTES: usize = 64 * 1024 * 1024;
/// Most samples that it reads.
const QUERY_SAMPLES: u64 = 50_000_000;
/// The longest time that it takes.
const QUERY_TIME: Duration = Duration::from_secs(60);
/// How exactly it is known until when a group was evaluated in which an alert is pending or kept firing.
const ALIVE_STEP_MS: i64 = 1_000;

/// Most rules of which a span says that they failed.
const MAX_EVENTS: usize = 20;

/// What an evaluation leads to.
#[derive(Default)]
struct Outcome {
    is_changed: bool,
    alerts: Vec<PostedAlert>,
}

impl Rules {
    pub(super) async fn run(&self, running: &Running) {
        let shared = &self.shared;
        let (mut last, interval_ms) = {
            let group = running.group.lock().await;
            (group.slot_before(shared.alertmanager.now_ms()), group.interval_ms())
        };
        let mut kept_at = 0;
        loop {
            let now = shared.alertmanager.now_ms();
            let due = running.group.lock().await.due(last, now);
            let Some(slot) = due else {
                let rest = u64::try_from(last + interval_ms - now).unwrap_or_default();
                tokio::select! {
                    () = running.stopped.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(rest.max(1))) => continue,
                }
            };
            last = slot.at_ms;
            let Ok(_turn) = shared.turns.clone().acquire_owned().await else { return };
            if running.stopped.is_cancelled() {
                return;
            }
            let mut span = shared.alertmanager.span("evaluate");
            let (working, mut group) = (self.clone(), running.group.clone().lock_owned().await);
            let evaluating = move || {
                let outcome = working.evaluate(&mut group, slot.at_ms);
                (group, outcome)
            };
            // A panic is a mistake of ours; its group is evaluated no more, and its status stays as it was.
            let Ok((group, outcome)) = tokio::task::spawn_blocking(evaluating).await else { return };
            let status = group.status();
            if let Some(span) = &mut span {
                describe(span, &status);
            }
            // It ends here: alerts are told in traces of their own.
            drop(span);
            *running.status.write() = status;
            let is_due = slot.at_ms - kept_at >= ALIVE_STEP_MS;
            let saved = (outcome.is_changed || is_due).then(|| group.saved());
            let name = group.name().to_owned();
            drop(group);
            if let Some(saved) = saved.filter(|saved| outcome.is_changed || saved.is_counting()) {
                self.keep(saved, slot.at_ms, &mut kept_at).await;
            }
            self.tell(&name, outcome.alerts).await;
        }
    }

    /// Evaluates a group. It blocks.
    fn evaluate(&self, group: &mut Group, at_ms: i64) -> Outcome {
        let options = &self.shared.options;
        let series = options.storage.series();
        let sql = |statement: &str, time_ms: i64| {
            let Rows { columns, rows } = Handle::current().block_on(options.storage.sql(statement.to_owned()))?;
            vector_of_rows(&columns, &rows, time_ms)
        };
        let source = EngineSource {
            engine: Engine::default(),
            series: &*series,
            bytes: QUERY_BYTES,
            samples: QUERY_SAMPLES,
            time: QUERY_TIME,
            sql: &sql,
        };
        let mut outcome = Outcome::default();
        let mut sink = |of_rules: &[Effects]| {
            let samples: Vec<Recorded> = of_rules.iter().flat_map(recorded).collect();
            if !samples.is_empty() {
                Handle::current().block_on(options.storage.write(samples))?;
            }
            for effects in of_rules {
                outcome.is_changed |= effects.is_changed;
                let alerts = effects.alerts.iter().map(|alert| self.posted(alert, &effects.query));
                outcome.alerts.extend(alerts);
            }
            Ok(())
        };
        group.evaluate(at_ms, &options.settings, &source, &mut sink);
        outcome
    }

    /// An alert of a rule as it is told.
    fn posted(&self, alert: &Alert, query: &str) -> PostedAlert {
        let settings = &self.shared.options.settings;
        let set = |labels: &Labels| -> LabelSet {
            labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect()
        };
        let mut labels: LabelSet = settings.external_labels.iter().cloned().collect();
        labels.extend(set(&alert.labels));
        let url = settings.external_url.trim_end_matches('/');
        // Of what a process knew before this one, the query is not known.
        let generator_url = match query {
            "" => String::new(),
            query => format!("{url}/graph?g0.expr={}&g0.tab=1", percent::encode(query)),
        };
        PostedAlert {
            labels,
            annotations: set(&alert.annotations),
            starts_at: alert.fired_at_ms,
            ends_at: Some(alert.resolved_at_ms.unwrap_or(alert.valid_until_ms)),
            generator_url,
        }
    }

    /// Keeps where a group's alerts are: where that has changed, or it matters how long they are there.
    async fn keep(&self, group: SavedGroup, at_ms: i64, kept_at: &mut i64) {
        let name = group.name.clone();
        match write_group(self.shared.alertmanager.store(), GroupState { alive_at: at_ms, group }).await {
            Ok(()) => *kept_at = at_ms,
            Err(error) => tracing::error!(group = name, error = %error, "where alerts are could not be written down"),
        }
    }

    async fn tell(&self, group: &str, alerts: Vec<PostedAlert>) {
        if alerts.is_empty() {
            return;
        }
        if let Err(error) = self.shared.alertmanager.tell_alerts(alerts).await {
            tracing::warn!(group, error = %error, "alerts of rules were not taken");
        }
    }

    /// Writes and tells what is left of rules that are no longer there.
    pub(super) async fn tell_remains(&self, group: &str, all: Vec<Effects>) {
        for effects in all {
            let written = self.shared.options.storage.write(recorded(&effects)).await;
            if let Err(error) = written {
                tracing::warn!(group, error, "the end of series of rules could not be written");
            }
            let alerts = effects.alerts.iter().map(|alert| self.posted(alert, &effects.query)).collect();
            self.tell(group, alerts).await;
        }
    }
}

/// What the span of an evaluation says.
fn describe(span: &mut Span, group: &GroupStatus) {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let failed: Vec<_> = group.rules.iter().filter(|rule| rule.health == Health::Err).collect();
    span.set("vitrine.rules.file", group.file.clone());
    span.set("vitrine.rules.group", group.name.clone());
    span.set("vitrine.rules.count", count(group.rules.len()));
    span.set("vitrine.rules.failed", count(failed.len()));
    for rule in failed.iter().take(MAX_EVENTS) {
        span.event("rule failed", &[("vitrine.rules.rule", &rule.name), ("vitrine.rules.error", &rule.last_error)]);
    }
    if let Some(first) = failed.first() {
        span.error(&format!("{} of {} rules failed: {}", failed.len(), group.rules.len(), first.last_error));
    }
}

/// What a rule recorded, to be written.
fn recorded(effects: &Effects) -> Vec<Recorded> {
    let samples = effects.samples.iter().map(|sample| Recorded {
        labels: sample.labels.clone(),
        time_ms: sample.time_ms,
        value: match &sample.value {
            Point::Float(value) => Value::Float(value.to_bits()),
            Point::Histogram(histogram) => Value::Histogram(histogram.clone()),
        },
    });
    let ended = effects.ended.iter().map(|labels| Recorded {
        labels: labels.clone(),
        time_ms: effects.ended_at_ms,
        value: Value::Float(STALE),
    });
    samples.chain(ended).collect()
}
