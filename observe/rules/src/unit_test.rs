//! Tests of rules in promtool's format: series are made, rules are evaluated over them, and alerts and queries are compared with what is expected.
//!
//! The format is [Prometheus's](https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/); what passes there passes here.

mod compare;
mod suite;

use std::collections::HashMap;
use std::time::Duration;

use vitrine_kit::clock;
use vitrine_platform_config::yaml::{self, Mistake, Node, Reader};

use crate::RuleFile;
use suite::Suite;

/// How often rules are evaluated, and how far apart values are, if nothing says it.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// Most evaluations of one test.
const MAX_EVALUATIONS: u64 = 1_000_000;

/// A file with tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFile {
    /// Patterns of rule files, as they are written: relative to the file's folder.
    pub rule_files: Vec<String>,
    interval: Duration,
    order: HashMap<String, usize>,
    is_fuzzy: bool,
    tests: Vec<Test>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// Its name; `unnamed#3` if it has none.
    pub name: String,
    /// What differs from what was expected, and what failed; empty if it passed.
    pub failures: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Test {
    name: String,
    interval: Option<Duration>,
    /// Series as they are written, each with its values.
    series: Vec<(String, String)>,
    alerts: Vec<AlertCase>,
    queries: Vec<QueryCase>,
    external_labels: Vec<(String, String)>,
    external_url: String,
    start_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
struct AlertCase {
    at: Duration,
    name: String,
    /// Labels and annotations.
    expected: Vec<(Texts, Texts)>,
}

type Texts = Vec<(String, String)>;

#[derive(Debug, Clone, PartialEq)]
struct QueryCase {
    at: Duration,
    text: String,
    expected: Vec<ExpectedSample>,
}

#[derive(Debug, Clone, PartialEq)]
struct ExpectedSample {
    labels: String,
    value: f64,
    /// A histogram, if not empty: then the value does not count.
    histogram: String,
}

impl TestFile {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        yaml::read(text, read_file)
    }

    /// Runs those tests whose names are chosen, each over all rules: files by name, in order.
    pub fn run(&self, rules: &[(String, RuleFile)], is_chosen: &dyn Fn(&str) -> bool) -> Vec<TestResult> {
        let chosen = self.tests.iter().enumerate().filter(|(_, test)| is_chosen(&test.name));
        chosen
            .map(|(number, test)| TestResult {
                name: if test.name.is_empty() { format!("unnamed#{number}") } else { test.name.clone() },
                failures: self.run_test(test, rules),
            })
            .collect()
    }

    fn run_test(&self, test: &Test, rules: &[(String, RuleFile)]) -> Vec<String> {
        let last = test.alerts.iter().map(|case| case.at).chain(test.queries.iter().map(|case| case.at)).max();
        let last = last.unwrap_or_default();
        let steps = last.as_millis() / self.interval.as_millis().max(1);
        if steps > u128::from(MAX_EVALUATIONS) {
            return vec![format!("{steps} evaluations until the last eval_time: a test has at most {MAX_EVALUATIONS}")];
        }
        match Suite::new(self, test, rules) {
            Ok(suite) => suite.run(last),
            Err(failure) => vec![failure],
        }
    }
}

fn read_file(root: &Node, reader: &Reader) -> Option<TestFile> {
    let mut fields = reader.fields(root)?;
    let rule_files = fields.list_of_texts("rule_files");
    let interval = fields.duration("evaluation_interval").filter(|interval| !interval.is_zero());
    let names = fields.list("group_eval_order");
    let mut order = HashMap::new();
    for (number, node) in names.iter().enumerate() {
        let Some(name) = reader.text("group_eval_order", node) else { continue };
        if order.insert(name.to_owned(), number).is_some() {
            reader.mistake(node.location, format!("group name repeated in evaluation order: {name}"));
        }
    }
    let is_fuzzy = fields.flag("fuzzy_compare").unwrap_or_default();
    let tests = fields.list("tests").iter().filter_map(|node| read_test(node, reader)).collect();
    Some(TestFile { rule_files, interval: interval.unwrap_or(DEFAULT_INTERVAL), order, is_fuzzy, tests })
}

fn read_test(node: &Node, reader: &Reader) -> Option<Test> {
    let mut fields = reader.fields(node)?;
    let interval = fields.duration("interval").filter(|interval| !interval.is_zero());
    let series = fields.list("input_series").iter().filter_map(|node| {
        let mut fields = reader.fields(node)?;
        Some((fields.text("series").unwrap_or_default(), fields.text("values").unwrap_or_default()))
    });
    let series = series.collect();
    let name = fields.text("name").unwrap_or_default();
    let alerts =
        fields.list("alert_rule_test").iter().filter_map(|node| read_alert_case(node, reader, &name)).collect();
    let queries = fields.list("promql_expr_test").iter().filter_map(|node| read_query_case(node, reader)).collect();
    Some(Test {
        name,
        interval,
        series,
        alerts,
        queries,
        external_labels: fields.texts("external_labels"),
        external_url: fields.text("external_url").unwrap_or_default(),
        start_ms: fields
            .parsed("start_timestamp", "a time in RFC 3339 or in seconds since 1970", read_time)
            .unwrap_or(0),
    })
}

/// RFC 3339, or seconds since 1970.
fn read_time(text: &str) -> Option<i64> {
    if let Some(ms) = clock::parse_rfc3339(text) {
        return Some(ms);
    }
    let seconds: f64 = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && seconds.abs() < 1e12)?;
    Some((seconds * 1_000.0).round() as i64)
}

fn read_alert_case(node: &Node, reader: &Reader, test: &str) -> Option<AlertCase> {
    let mut fields = reader.fields(node)?;
    let at = fields.duration("eval_time").unwrap_or_default();
    let name = fields.text("alertname").unwrap_or_default();
    if name.is_empty() {
        let of = if test.is_empty() { String::new() } else { format!(" (in TestGroup {test})") };
        let at = vitrine_kit::duration::prometheus::format(at);
        let message =
            format!("an item under alert_rule_test misses required attribute alertname at eval_time {at}{of}");
        reader.mistake(node.location, message);
    }
    let expected = fields.list("exp_alerts").iter().filter_map(|node| {
        let mut fields = reader.fields(node)?;
        Some((fields.texts("exp_labels"), fields.texts("exp_annotations")))
    });
    Some(AlertCase { at, name, expected: expected.collect() })
}

fn read_query_case(node: &Node, reader: &Reader) -> Option<QueryCase> {
    let mut fields = reader.fields(node)?;
    let text = fields.text("expr").unwrap_or_default();
    let at = fields.duration("eval_time").unwrap_or_default();
    let expected = fields.list("exp_samples").iter().filter_map(|node| {
        let mut fields = reader.fields(node)?;
        Some(ExpectedSample {
            labels: fields.text("labels").unwrap_or_default(),
            value: fields.parsed("value", "a number", read_number).unwrap_or_default(),
            histogram: fields.text("histogram").unwrap_or_default(),
        })
    });
    Some(QueryCase { at, text, expected: expected.collect() })
}

/// A number as YAML writes it: infinity is `.inf`.
fn read_number(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        text if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => text.replace('_', "").parse().ok(),
        _ => None,
    }
}
