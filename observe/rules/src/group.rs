//! Groups: when they are evaluated, in which order, and what comes of it.

mod remains;
mod saved;
mod schedule;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::{Point, Sample};
use vitrine_observe_series::{Labels, NAME};

use crate::alert::{Alert, AlertRule, Evaluated, Transition};
use crate::file::{GroupSpec, Query, RuleKind, RuleSpec, merged};
use crate::sql::{self, MIN_SQL_INTERVAL};
use crate::status::{AlertState, AlertStatus, AlertingStatus, Evaluation, GroupStatus, Health, RuleStatus};
use crate::{Settings, Source};

pub use remains::Remains;
pub use saved::{SavedAlert, SavedGroup, SavedRule};
pub use schedule::Slot;

/// How many evaluations of each rule are remembered for its page.
const HISTORY: usize = 20;

/// A group of rules that are evaluated one after the other.
#[derive(Debug)]
pub struct Group {
    file: String,
    name: String,
    interval_ms: i64,
    query_offset_ms: i64,
    limit: usize,
    rules: Vec<Rule>,
    /// Places of rules that do not depend on each other, in order: what comes of them is kept at once.
    batches: Vec<Vec<usize>>,
    /// Of rules that are no longer there; told with the next evaluation.
    remains: Remains,
    evaluated_at_ms: i64,
    took: Duration,
    missed: u64,
}

#[derive(Debug)]
struct Rule {
    kind: Kind,
    text: String,
    query: Query,
    /// The group's and its own, as they are written.
    labels: Vec<(String, String)>,
    /// Series of the last evaluation.
    series: BTreeSet<Labels>,
    health: Health,
    last_error: String,
    evaluated_at_ms: i64,
    took: Duration,
    history: VecDeque<Evaluation>,
}

#[derive(Debug)]
enum Kind {
    Record(String),
    Alert(AlertRule),
}

/// What is to be done after a rule was evaluated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    /// Samples to be kept.
    pub samples: Vec<Sample>,
    /// Series that ended, at this time in milliseconds since 1970: each gets a stale marker.
    pub ended: Vec<Labels>,
    /// When they ended.
    pub ended_at_ms: i64,
    /// Alerts to be sent, resolved ones among them.
    pub alerts: Vec<Alert>,
    /// Alerts that are somewhere else than before.
    pub transitions: Vec<Transition>,
    /// Whether the group is to be saved ([`Group::saved`]): there were transitions, or an alert began or ceased to be kept firing.
    pub is_changed: bool,
    /// The query of the rule, for the alerts' links.
    pub query: String,
}

/// Takes what comes of some rules. An error if that cannot be kept.
pub type Sink<'a> = dyn FnMut(&[Effects]) -> Result<(), String> + 'a;

impl Group {
    /// A group of a file.
    pub fn new(file: &str, spec: &GroupSpec, settings: &Settings) -> Self {
        let least =
            if spec.rules.iter().any(|rule| rule.query.expr().is_none()) { MIN_SQL_INTERVAL } else { Duration::ZERO };
        let interval = spec.interval.unwrap_or(settings.interval).max(least);
        let rules: Vec<Rule> = spec.rules.iter().map(|rule| Rule::new(rule, &spec.labels)).collect();
        let made_and_read: Vec<_> = rules.iter().map(|rule| (rule.outputs(), rule.reads())).collect();
        let batches = schedule::batches(&made_and_read);
        Self {
            file: file.to_owned(),
            name: spec.name.clone(),
            interval_ms: millis(interval).max(1),
            query_offset_ms: millis(spec.query_offset.unwrap_or(settings.query_offset)),
            limit: spec.limit,
            rules,
            batches,
            remains: Remains::default(),
            evaluated_at_ms: 0,
            took: Duration::ZERO,
            missed: 0,
        }
    }

    /// Its file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its name, unique in its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it is evaluated, in milliseconds.
    pub fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// Evaluates all rules in order, for this time. `sink` takes what comes of some that do not depend on each other before the next ones are
    /// evaluated, which may ask for it. If it fails for several it is given those one by one; a rule for which it fails has failed.
    pub fn evaluate(&mut self, at_ms: i64, settings: &Settings, source: &dyn Source, sink: &mut Sink<'_>) {
        let start = Instant::now();
        let batches = std::mem::take(&mut self.batches);
        for batch in &batches {
            self.evaluate_batch(batch, at_ms, settings, source, sink);
        }
        self.batches = batches;
        self.tell_remains(at_ms, sink);
        self.took = start.elapsed();
        self.evaluated_at_ms = at_ms;
    }

    fn evaluate_batch(
        &mut self,
        batch: &[usize],
        at_ms: i64,
        settings: &Settings,
        source: &dyn Source,
        sink: &mut Sink<'_>,
    ) {
        let (mut effects, mut evaluated) = (Vec::new(), Vec::new());
        for index in batch {
            let start = Instant::now();
            match self.effects(*index, at_ms, settings, source) {
                Ok((of_rule, series)) => {
                    effects.push(of_rule);
                    evaluated.push((*index, start.elapsed(), series));
                }
                Err(error) => self.rules[*index].note(at_ms, start.elapsed(), Err(error)),
            }
        }
        let Ok(count) = u32::try_from(effects.len()) else { return };
        if count == 0 {
            return;
        }
        let start = Instant::now();
        let together = sink(&effects);
        let writing = start.elapsed() / count;
        for ((index, took, series), of_rule) in evaluated.into_iter().zip(&effects) {
            let outcome = match &together {
                // It may be the mistake of another rule.
                Err(_) if count > 1 => sink(std::slice::from_ref(of_rule)),
                outcome => outcome.clone(),
            };
            let rule = &mut self.rules[index];
            let result = outcome.map(|()| {
                rule.series = series;
                of_rule.samples.len()
            });
            rule.note(at_ms, took + writing, result);
        }
    }

    /// What comes of a rule, and the series that it has now.
    fn effects(
        &mut self,
        index: usize,
        at_ms: i64,
        settings: &Settings,
        source: &dyn Source,
    ) -> Result<(Effects, BTreeSet<Labels>), String> {
        let (offset, limit, interval) = (self.query_offset_ms, self.limit, self.interval_ms);
        let rule = &mut self.rules[index];
        let Evaluated { samples, transitions, is_changed } =
            rule.result(at_ms, [offset, interval], limit, settings, source)?;
        let now: BTreeSet<Labels> = samples.iter().map(|sample| sample.labels.clone()).collect();
        let ended = rule.series.difference(&now).cloned().collect();
        let alerts = match &mut rule.kind {
            Kind::Record(_) => Vec::new(),
            Kind::Alert(alert) => alert.take_due(at_ms, interval, millis(settings.resend_delay)),
        };
        let (ended_at_ms, query) = (at_ms - offset, rule.text.clone());
        Ok((Effects { samples, ended, ended_at_ms, alerts, transitions, is_changed, query }, now))
    }

    /// What is told of it.
    pub fn status(&self) -> GroupStatus {
        GroupStatus {
            name: self.name.clone(),
            file: self.file.clone(),
            interval_s: self.interval_ms as f64 / 1_000.0,
            limit: self.limit,
            evaluation_s: self.took.as_secs_f64(),
            evaluated_at_ms: self.evaluated_at_ms,
            missed: self.missed,
            rules: self.rules.iter().map(Rule::status).collect(),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Rule {
    fn new(spec: &RuleSpec, group: &[(String, String)]) -> Self {
        let labels = merged(group, &spec.labels);
        let kind = match &spec.kind {
            RuleKind::Record(name) => Kind::Record(name.clone()),
            RuleKind::Alert { name, hold, keep_firing_for, annotations } => Kind::Alert(AlertRule {
                name: name.clone(),
                hold_ms: millis(*hold),
                keep_firing_ms: millis(*keep_firing_for),
                labels: labels.clone(),
                annotations: annotations.clone(),
                active: std::collections::BTreeMap::new(),
            }),
        };
        Self {
            kind,
            text: spec.query.text(),
            query: spec.query.clone(),
            labels,
            series: BTreeSet::new(),
            health: Health::Unknown,
            last_error: String::new(),
            evaluated_at_ms: 0,
            took: Duration::ZERO,
            history: VecDeque::new(),
        }
    }

    fn name(&self) -> &str {
        match &self.kind {
            Kind::Record(name) => name,
            Kind::Alert(alert) => &alert.name,
        }
    }

    /// What tells it from others of its group: whether it alerts, name and labels.
    fn key(&self) -> (bool, &str, &[(String, String)]) {
        (matches!(self.kind, Kind::Alert(_)), self.name(), &self.labels)
    }

    /// The expression by which it reads; none if it may read whatever there is, as templates with a query do.
    fn reads(&self) -> Option<&Expr> {
        let asks = match &self.kind {
            Kind::Record(_) => false,
            Kind::Alert(alert) => alert.labels.iter().chain(&alert.annotations).any(|(_, text)| text.contains("query")),
        };
        self.query.expr().filter(|_| !asks)
    }

    /// Metrics that it makes.
    fn outputs(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Record(name) => vec![name],
            Kind::Alert(_) => vec!["ALERTS", "ALERTS_FOR_STATE"],
        }
    }

    /// What the result makes of it.
    fn result(
        &mut self,
        at_ms: i64,
        [offset_ms, interval_ms]: [i64; 2],
        limit: usize,
        settings: &Settings,
        source: &dyn Source,
    ) -> Result<Evaluated, String> {
        let time_ms = at_ms - offset_ms;
        let result = match &self.query {
            Query::PromQl(expr) => source.evaluate(expr, time_ms)?,
            Query::Sql(text) => source.sql(&sql::statement(text, time_ms, interval_ms), time_ms)?,
        };
        match &mut self.kind {
            Kind::Alert(alert) => alert.evaluate(&result, at_ms, limit, settings, source, at_ms - offset_ms),
            Kind::Record(name) => {
                let samples = recorded(name, &self.labels, result, limit)?;
                Ok(Evaluated { samples, transitions: Vec::new(), is_changed: false })
            }
        }
    }

    fn note(&mut self, at_ms: i64, took: Duration, result: Result<usize, String>) {
        (self.health, self.last_error) = match &result {
            Ok(_) => (Health::Ok, String::new()),
            Err(error) => (Health::Err, error.clone()),
        };
        (self.evaluated_at_ms, self.took) = (at_ms, took);
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        let series = result.unwrap_or(0);
        self.history.push_back(Evaluation {
            at_ms,
            took_s: took.as_secs_f64(),
            series,
            error: self.last_error.clone(),
        });
    }

    fn status(&self) -> RuleStatus {
        RuleStatus {
            name: self.name().to_owned(),
            query: self.text.clone(),
            labels: self.labels.clone(),
            health: self.health,
            last_error: self.last_error.clone(),
            evaluation_s: self.took.as_secs_f64(),
            evaluated_at_ms: self.evaluated_at_ms,
            history: self.history.iter().cloned().collect(),
            alerting: match &self.kind {
                Kind::Record(_) => None,
                Kind::Alert(alert) => Some(alerting(alert, self.health)),
            },
        }
    }
}

/// The result of a recording rule, under its name and with its labels.
fn recorded(name: &str, labels: &[(String, String)], result: Vec<Sample>, limit: usize) -> Result<Vec<Sample>, String> {
    let mut seen = BTreeSet::new();
    let mut samples = Vec::with_capacity(result.len());
    for sample in result {
        let own = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let base = sample.labels.iter().map(|label| (&*label.name, &*label.value));
        let labels = Labels::of(base.chain([(NAME, name)]).chain(own));
        if !seen.insert(labels.clone()) {
            return Err("vector contains metrics with the same labelset after applying rule labels".to_owned());
        }
        samples.push(Sample { labels, ..sample });
    }
    if limit > 0 && samples.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", samples.len()));
    }
    Ok(samples)
}

fn alerting(rule: &AlertRule, health: Health) -> AlertingStatus {
    let worst = rule.active.values().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive);
    let alerts = rule.active.values().filter(|alert| alert.state > AlertState::Inactive);
    AlertingStatus {
        state: if health == Health::Unknown && rule.active.is_empty() { AlertState::Unknown } else { worst },
        hold_s: rule.hold_ms as f64 / 1_000.0,
        keep_firing_for_s: rule.keep_firing_ms as f64 / 1_000.0,
        annotations: rule.annotations.clone(),
        alerts: alerts
            .map(|alert| AlertStatus {
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                state: alert.state,
                active_at_ms: alert.active_at_ms,
                keep_firing_since_ms: alert.keep_firing_since_ms,
                value: alert.value,
            })
            .collect(),
    }
}

/// A result as the vector that rules work with; a number is a series without labels.
pub(crate) fn vector_of(value: vitrine_observe_promql::Value) -> Result<Vec<Sample>, String> {
    match value {
        vitrine_observe_promql::Value::Vector(samples) => Ok(samples),
        vitrine_observe_promql::Value::Scalar { time_ms, value } => {
            Ok(vec![Sample { labels: Labels::default(), time_ms, value: Point::Float(value) }])
        }
        _ => Err("rule result is not a vector or scalar".to_owned()),
    }
}
