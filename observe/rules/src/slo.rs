//! Objectives: what is promised of a service, as rules that tell how fast the error budget burns.
//!
//! After the SRE workbook, "Alerting on SLOs": an alert needs a fast burn over a long window, so that it matters, and over a short one, so that it ends
//! when the burn does. Of a window of 30 days, 2 % in an hour (14.4 times the speed at which the budget lasts) and 5 % in six hours (6 times) are
//! worth a page, 10 % in a day (3 times) and 10 % in three days (once) a ticket.

use std::time::Duration;

use vitrine_kit::duration::prometheus;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{go_float_digits, go_quote};
use vitrine_platform_config::yaml::Location;

use crate::file::{GroupSpec, Query, RuleKind, RuleSpec};

/// What stands for the range in an expression.
const WINDOW: &str = "$window";
/// Significant digits of numbers in expressions: those of 1 - 0.999 that mean something.
const DIGITS: usize = 9;
/// The highest ratio of errors that an alert asks for.
const MAX_RATIO: f64 = 0.999_999;
/// How often these rules are evaluated.
const INTERVAL: Duration = Duration::from_secs(30);
const HOUR: u64 = 3_600;
/// Shortest window of an objective: alerts look back three days.
const MIN_WINDOW: Duration = Duration::from_secs(3 * 24 * HOUR);

/// What is promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Its name: the label `slo`.
    pub name: String,
    /// Events that were as promised. A counter (`http_requests_total{code!~"5.."}`), whose rate is summed up, or an expression in which `$window`
    /// stands for the range (`sum(rate(http_requests_total{code!~"5.."}[$window]))`).
    pub good: String,
    /// All events, likewise.
    pub total: String,
    /// Which part of all events is promised: between 0 and 1, such as 0.999.
    pub objective: f64,
    /// Over which time; 30 days is usual.
    pub window: Duration,
}

/// An alert: part of the budget, the long window in which it burns, the short one, and how grave it is.
struct Burn {
    part: f64,
    long: Duration,
    short: Duration,
    severity: &'static str,
}

const BURNS: [Burn; 4] = [
    Burn { part: 0.02, long: Duration::from_secs(HOUR), short: Duration::from_secs(300), severity: "page" },
    Burn { part: 0.05, long: Duration::from_secs(6 * HOUR), short: Duration::from_secs(1_800), severity: "page" },
    Burn { part: 0.1, long: Duration::from_secs(24 * HOUR), short: Duration::from_secs(2 * HOUR), severity: "ticket" },
    Burn { part: 0.1, long: Duration::from_secs(72 * HOUR), short: Duration::from_secs(6 * HOUR), severity: "ticket" },
];

impl Slo {
    /// Its rules: for each window `slo:error_ratio:rateWINDOW`, alerts `SloBurnsFast` (page) and `SloBurnsSlowly` (ticket), and
    /// `slo:error_budget_left:ratio`, 1 when nothing is used and below 0 when the promise is broken. Without events nothing burns.
    ///
    /// An error names the field, and says what was expected.
    pub fn rules(&self) -> Result<GroupSpec, String> {
        if self.name.is_empty() {
            return Err("name: expected a text that is not empty".to_owned());
        }
        if !(self.objective > 0.0 && self.objective < 1.0) {
            return Err(format!("objective: expected a number between 0 and 1, such as 0.999, not {}", self.objective));
        }
        if self.window < MIN_WINDOW {
            return Err(format!("window: expected at least {}, such as 30d", prometheus::format(MIN_WINDOW)));
        }
        let mut windows: Vec<Duration> = BURNS.iter().flat_map(|burn| [burn.long, burn.short]).collect();
        windows.sort();
        windows.dedup();
        let mut rules = Vec::new();
        for window in windows {
            let good = over("good", &self.good, window)?;
            let total = over("total", &self.total, window)?;
            // Where nothing happened, nothing is told.
            let ratio = format!("({}) / (({total}) > 0)", errors(&good, &total));
            rules.push(self.record(&ratio_name(window), &ratio)?);
        }
        let (good, total) = (over("good", &self.good, BURNS[0].short)?, over("total", &self.total, BURNS[0].short)?);
        rules.push(self.record("slo:errors:rate5m", &errors(&good, &total))?);
        rules.push(self.record("slo:events:rate5m", &total)?);
        rules.push(self.record("slo:objective:ratio", &format!("vector({})", self.objective))?);
        let window = prometheus::format(self.window);
        let (errors, events) = (self.own("slo:errors:rate5m"), self.own("slo:events:rate5m"));
        // Where nothing happened, nothing is used.
        let used = format!(
            "sum_over_time({errors}[{window}]) / (sum_over_time({events}[{window}]) > 0) or 0 * sum_over_time({events}[{window}])"
        );
        let budget = go_float_digits(self.budget(), DIGITS);
        rules.push(self.record("slo:error_budget_left:ratio", &format!("1 - ({used}) / {budget}"))?);
        for (severity, name) in [("page", "SloBurnsFast"), ("ticket", "SloBurnsSlowly")] {
            rules.push(self.alert(name, severity)?);
        }
        Ok(GroupSpec {
            name: format!("slo:{}", self.name),
            interval: Some(INTERVAL),
            query_offset: None,
            limit: 0,
            labels: Vec::new(),
            rules,
            location: Location::default(),
        })
    }

    /// Which part of all events may be otherwise than promised.
    fn budget(&self) -> f64 {
        1.0 - self.objective
    }

    /// A recorded series of this objective.
    fn own(&self, metric: &str) -> String {
        format!("{metric}{{slo={}}}", go_quote(&self.name))
    }

    fn rule(&self, kind: RuleKind, text: String, more: &[(&str, &str)]) -> Result<RuleSpec, String> {
        let expr = parse_expr(&text).map_err(|error| format!("the rule {text:?} cannot be parsed: {error}"))?;
        let own = [("slo", self.name.as_str())];
        let labels = own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(RuleSpec { kind, text, query: Query::PromQl(expr), labels, location: Location::default() })
    }

    fn record(&self, name: &str, text: &str) -> Result<RuleSpec, String> {
        self.rule(RuleKind::Record(name.to_owned()), text.to_owned(), &[])
    }

    fn alert(&self, name: &str, severity: &str) -> Result<RuleSpec, String> {
        let budget = self.budget();
        let conditions = BURNS.iter().filter(|burn| burn.severity == severity).map(|burn| {
            let speed = burn.part * self.window.as_secs_f64() / burn.long.as_secs_f64();
            // At a speed of 1/budget everything fails: what is faster cannot be.
            let limit = go_float_digits((speed * budget).min(MAX_RATIO), DIGITS);
            let of = |window| format!("{} > {limit}", self.own(&ratio_name(window)));
            format!("({} and {})", of(burn.long), of(burn.short))
        });
        let text = conditions.collect::<Vec<_>>().join(" or ");
        let annotations = [
            ("summary", format!("The error budget of {} burns", self.name)),
            (
                "description",
                format!(
                    "{{{{ $value | humanizePercentage }}}} of events are not as promised; {} % in {} may not be.",
                    go_float_digits(budget * 100.0, 4),
                    prometheus::format(self.window)
                ),
            ),
        ];
        let kind = RuleKind::Alert {
            name: name.to_owned(),
            hold: Duration::ZERO,
            keep_firing_for: Duration::ZERO,
            annotations: annotations.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        };
        self.rule(kind, text, &[("severity", severity)])
    }
}

/// Events that were not as promised. Where nothing was good yet, there is no such series.
fn errors(good: &str, total: &str) -> String {
    format!("({total}) - (({good}) or 0 * ({total}))")
}

fn ratio_name(window: Duration) -> String {
    format!("slo:error_ratio:rate{}", prometheus::format(window))
}

/// The speed of events over a window.
fn over(field: &str, text: &str, window: Duration) -> Result<String, String> {
    let window = prometheus::format(window);
    let text = text.trim();
    let text =
        if text.contains(WINDOW) { text.replace(WINDOW, &window) } else { format!("sum(rate({text}[{window}]))") };
    match parse_expr(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("{field}: expected a counter, or an expression with {WINDOW}: {text}: {error}")),
    }
}
