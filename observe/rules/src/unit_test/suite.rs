//! One test: its series, its groups, and what is compared when.

use std::cell::RefCell;
use std::time::Duration;

use vitrine_kit::duration::prometheus;
use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::testing::{MemorySeries, SequenceValue, parse_series};
use vitrine_observe_promql::{Engine, Options, Point, Sample, go_quote};
use vitrine_observe_series::{Labels, STALE, Value};

use super::compare::{alerts_differ, samples_differ};
use super::{Test, TestFile};
use crate::status::{AlertState, Health};
use crate::{EngineSource, Group, RuleFile, Settings, Source};

/// Most bytes of a query.
const MAX_BYTES: usize = 1024 * 1024 * 1024;
/// Most samples that a query reads; promtool's bound of samples in memory.
const MAX_SAMPLES: u64 = 50_000_000;
/// Longest time of a query.
const MAX_TIME: Duration = Duration::from_secs(100);

pub(super) struct Suite<'a> {
    file: &'a TestFile,
    test: &'a Test,
    groups: Vec<Group>,
    settings: Settings,
    store: Store,
    /// Samples that are not there yet, the latest first.
    waiting: Vec<(i64, Labels, Value)>,
}

struct Store {
    engine: Engine,
    series: RefCell<MemorySeries>,
}

impl Source for Store {
    fn evaluate(&self, expr: &Expr, time_ms: i64) -> Result<Vec<Sample>, String> {
        let series = self.series.borrow();
        let source = EngineSource {
            engine: self.engine,
            series: &*series,
            bytes: MAX_BYTES,
            samples: MAX_SAMPLES,
            time: MAX_TIME,
            sql: &no_sql,
        };
        source.evaluate(expr, time_ms)
    }

    fn sql(&self, statement: &str, time_ms: i64) -> Result<Vec<Sample>, String> {
        no_sql(statement, time_ms)
    }
}

/// Tests make series; there are no spans and logs to ask for.
fn no_sql(_: &str, _: i64) -> Result<Vec<Sample>, String> {
    Err("a rule in SQL has no answer in a test, which has series only".to_owned())
}

impl Store {
    fn append(&self, labels: &Labels, time_ms: i64, value: Value) {
        self.series.borrow_mut().append(labels, time_ms, 0, value);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl<'a> Suite<'a> {
    pub(super) fn new(file: &'a TestFile, test: &'a Test, rules: &[(String, RuleFile)]) -> Result<Self, String> {
        let interval = test.interval.unwrap_or(file.interval);
        let mut waiting = Vec::new();
        for (series, values) in &test.series {
            let (labels, values) =
                parse_series(&format!("{series} {values}")).map_err(|error| format!("{series} {values}: {error}"))?;
            for (number, value) in (0..).zip(values) {
                let value = match value {
                    SequenceValue::Omitted => continue,
                    SequenceValue::Float(bits) => Value::Float(bits),
                    SequenceValue::Histogram { histogram, .. } => Value::Histogram(histogram),
                };
                waiting.push((test.start_ms + number * millis(interval), labels.clone(), value));
            }
        }
        waiting.sort_by_key(|(time, _, _)| std::cmp::Reverse(*time));
        let settings = Settings {
            interval,
            external_labels: test.external_labels.clone(),
            external_url: test.external_url.clone(),
            ..Settings::default()
        };
        let groups = rules.iter().flat_map(|(name, file)| file.groups.iter().map(move |group| (name, group)));
        let mut groups: Vec<Group> = groups.map(|(name, group)| Group::new(name, group, &settings)).collect();
        groups.sort_by_key(|group| file.order.get(group.name()).copied().unwrap_or(0));
        let options = Options { subquery_step_ms: millis(file.interval), ..Options::default() };
        let store = Store { engine: Engine { options }, series: RefCell::default() };
        Ok(Self { file, test, groups, settings, store, waiting })
    }

    /// Evaluates all groups until then, and returns what differs.
    pub(super) fn run(mut self, last: Duration) -> Vec<String> {
        let mut failures = Vec::new();
        let interval = self.file.interval;
        let mut at = Duration::ZERO;
        while at <= last {
            let errors = self.step(at);
            if !errors.is_empty() {
                failures.extend(errors);
                return failures;
            }
            self.compare_alerts(at, at + interval, &mut failures);
            at += interval;
        }
        for case in &self.test.queries {
            if let Err(failure) = self.query(&case.text, case.at, &case.expected) {
                let (text, at) = (go_quote(&case.text), prometheus::format(case.at));
                failures.push(format!("    expr: {text}, time: {at},{failure}"));
            }
        }
        failures
    }

    /// Evaluates all groups once; rules that failed.
    fn step(&mut self, at: Duration) -> Vec<String> {
        let now_ms = self.test.start_ms + millis(at);
        while let Some((time, labels, value)) = self.waiting.pop_if(|(time, _, _)| *time <= now_ms) {
            self.store.append(&labels, time, value);
        }
        let mut errors = Vec::new();
        let store = &self.store;
        for group in &mut self.groups {
            group.evaluate(now_ms, &self.settings, store, &mut |of_rules| {
                for effects in of_rules {
                    for sample in &effects.samples {
                        let value = match &sample.value {
                            Point::Float(value) => Value::Float(value.to_bits()),
                            Point::Histogram(histogram) => Value::Histogram(histogram.clone()),
                        };
                        store.append(&sample.labels, sample.time_ms, value);
                    }
                    for labels in &effects.ended {
                        store.append(labels, effects.ended_at_ms, Value::Float(STALE));
                    }
                }
                Ok(())
            });
            let failed = group.status().rules.into_iter().filter(|rule| rule.health == Health::Err);
            errors.extend(failed.map(|rule| {
                format!("    rule: {}, time: {}, err: {}", rule.name, prometheus::format(at), rule.last_error)
            }));
        }
        errors
    }

    /// Compares alerts of cases from one evaluation to the next with those of now.
    fn compare_alerts(&self, from: Duration, until: Duration, failures: &mut Vec<String>) {
        let mut cases: Vec<_> = self.test.alerts.iter().filter(|case| (from..until).contains(&case.at)).collect();
        cases.sort_by_key(|case| case.at);
        for case in cases {
            let statuses: Vec<_> = self.groups.iter().flat_map(|group| group.status().rules).collect();
            let of = statuses.iter().filter(|rule| rule.name == case.name).filter_map(|rule| rule.alerting.as_ref());
            let firing = of.flat_map(|rule| &rule.alerts).filter(|alert| alert.state == AlertState::Firing);
            let got = firing.map(|alert| (alert.labels.clone(), alert.annotations.clone())).collect();
            let expected = case.expected.iter().map(|(labels, annotations)| {
                let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let annotations = annotations.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                (Labels::of(labels.chain([("alertname", case.name.as_str())])), Labels::of(annotations))
            });
            if let Some(difference) = alerts_differ(expected.collect(), got) {
                let name = &self.test.name;
                let name = if name.is_empty() { String::new() } else { format!("    name: {name},\n") };
                let (alert, at) = (&case.name, prometheus::format(case.at));
                failures.push(format!("{name}    alertname: {alert}, time: {at}, {difference}"));
            }
        }
    }

    fn query(&self, text: &str, at: Duration, expected: &[super::ExpectedSample]) -> Result<(), String> {
        let expr = parse_expr(text).map_err(|error| format!(" err: {error}"))?;
        let time_ms = self.test.start_ms + millis(at);
        let got = self.store.evaluate(&expr, time_ms).map_err(|error| format!(" err: {error}"))?;
        samples_differ(expected, got, self.file.is_fuzzy)
    }
}
