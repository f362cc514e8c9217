//! Guards: what ends a fault early, by what telemetry says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use vitrine_platform_faults::Refusal;
use vitrine_platform_faults::fault::{Fault, Guard, Missing, Signal};

use crate::rollout::{Language, Measurements};

/// How long a figure may be asked for.
const WITHIN: Duration = Duration::from_secs(5);
/// Over how long rates are read: series of spans have a sample each 15 s.
const WINDOW: &str = "[45s]";
/// How many spans there were.
const CALLS: &str = "traces_spanmetrics_calls_total";

/// Why a guard ends its fault, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tripped(pub(super) String);

/// What a guard says of a figure: nothing while all is well.
fn says(guard: &Guard, read: &Result<Option<f64>, String>) -> Option<Tripped> {
    let signal = name(&guard.signal);
    match read {
        Ok(Some(value)) => {
            let above = guard.above.filter(|bound| value > bound).map(|bound| format!("{value} is above {bound}"));
            let below = guard.below.filter(|bound| value < bound).map(|bound| format!("{value} is below {bound}"));
            above.or(below).map(|what| Tripped(format!("{signal}: {what}")))
        }
        _ if guard.missing == Missing::Ignore => None,
        Ok(None) => Some(Tripped(format!("{signal}: nothing is known of it"))),
        Err(problem) => Some(Tripped(format!("{signal}: {problem}"))),
    }
}

fn name(signal: &Signal) -> String {
    match signal {
        Signal::ErrorRatio(of) => format!("error_ratio of {of}"),
        Signal::P99Ms(of) => format!("p99_ms of {of}"),
        Signal::RateS(of) => format!("rate_s of {of}"),
        Signal::Sql(statement) => format!("sql {statement:?}"),
        Signal::Promql(query) => format!("promql {query:?}"),
    }
}

async fn read(measurements: &Arc<dyn Measurements>, guard: &Guard) -> Result<Option<f64>, String> {
    let late = |_| Err(format!("no answer within {} s", WITHIN.as_secs()));
    let (language, query) = question(&guard.signal);
    tokio::time::timeout(WITHIN, measurements.ask(language, &query)).await.unwrap_or_else(late)
}

/// What an observatory is asked for a figure: of what a service answered, as its series of spans have it.
fn question(signal: &Signal) -> (Language, String) {
    let promql = |query| (Language::Promql, query);
    match signal {
        Signal::Sql(statement) => (Language::Sql, statement.clone()),
        Signal::Promql(query) => promql(query.clone()),
        Signal::RateS(of) => promql(format!("sum(rate({CALLS}{{{}}}{WINDOW}))", served(of))),
        Signal::ErrorRatio(of) => {
            let all = served(of);
            let failed = format!("sum(rate({CALLS}{{{all},status_code=\"STATUS_CODE_ERROR\"}}{WINDOW}))");
            promql(format!("({failed} or vector(0)) / sum(rate({CALLS}{{{all}}}{WINDOW}))"))
        }
        Signal::P99Ms(of) => promql(format!(
            "1000 * histogram_quantile(0.99, sum(rate(traces_spanmetrics_latency{{{}}}{WINDOW})))",
            served(of)
        )),
    }
}

/// Labels of the spans of what a service, or `service/method`, answered. What a label would need escaped is refused with the guard.
fn served(of: &str) -> String {
    let (service, method) = of.split_once('/').map_or((of, None), |(service, method)| (service, Some(method)));
    let method = method.map(|method| format!(",span_name=~\"(.*/)?{method}\"")).unwrap_or_default();
    format!("service=\"{service}\",span_kind=\"SPAN_KIND_SERVER\"{method}")
}

/// What is wrong with the guards of a fault that is about to begin: nobody answers, or one has tripped already.
pub(super) async fn refusals(measurements: &Arc<dyn Measurements>, fault: &Fault) -> Vec<Refusal> {
    let mut all = Vec::new();
    for (n, guard) in fault.guards.iter().enumerate() {
        let refuse =
            |message, expected: &str| Refusal { place: format!("guards[{n}]"), message, expected: expected.to_owned() };
        match read(measurements, guard).await {
            Err(problem) => all.push(refuse(problem, "a guard whose figure can be asked for")),
            read => {
                let said = says(guard, &read);
                all.extend(
                    said.map(|Tripped(why)| refuse(why, "a guard that has not tripped before the fault begins")),
                );
            }
        }
    }
    all
}

/// Since when each guard has been beyond its bound, by incident and the guard's place.
#[derive(Debug, Default)]
pub(super) struct Watch(HashMap<(u64, usize), i64>);

impl Watch {
    /// Reads the guards of an incident; returns why it is to end, if it is.
    pub(super) async fn look(
        &mut self,
        measurements: &Arc<dyn Measurements>,
        (id, fault): (u64, &Fault),
        now_ns: i64,
    ) -> Option<Tripped> {
        for (n, guard) in fault.guards.iter().enumerate() {
            let Some(said) = says(guard, &read(measurements, guard).await) else {
                self.0.remove(&(id, n));
                continue;
            };
            let since = *self.0.entry((id, n)).or_insert(now_ns);
            if now_ns.saturating_sub(since) >= i64::from(guard.for_s) * 1_000_000_000 {
                return Some(said);
            }
        }
        None
    }

    /// Forgets what is over.
    pub(super) fn keep(&mut self, running: &[u64]) {
        self.0.retain(|(id, _), _| running.contains(id));
    }
}
