//! Guards: what ends a fault early, by what telemetry says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use vitrine_platform_faults::Refusal;
use vitrine_platform_faults::fault::{Fault, Guard, Missing, Signal};

/// How long a figure may be asked for.
const WITHIN: Duration = Duration::from_secs(5);

/// Who reads figures of the telemetry.
pub trait Signals: Send + Sync + std::fmt::Debug {
    /// The figure as it is now; none where there is none, or an error in words where it could not be asked for.
    fn read<'a>(&'a self, signal: &'a Signal) -> BoxFuture<'a, Result<Option<f64>, String>>;
}

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

async fn read(signals: &Arc<dyn Signals>, guard: &Guard) -> Result<Option<f64>, String> {
    let late = |_| Err(format!("no answer within {} s", WITHIN.as_secs()));
    tokio::time::timeout(WITHIN, signals.read(&guard.signal)).await.unwrap_or_else(late)
}

/// What is wrong with the guards of a fault that is about to begin: there is no one to ask, or one has tripped already.
pub(super) async fn refusals(signals: Option<&Arc<dyn Signals>>, fault: &Fault) -> Vec<Refusal> {
    let mut all = Vec::new();
    for (n, guard) in fault.guards.iter().enumerate() {
        let refuse =
            |message, expected: &str| Refusal { place: format!("guards[{n}]"), message, expected: expected.to_owned() };
        match signals {
            None => all.push(refuse(
                "nothing here knows where telemetry is kept".to_owned(),
                "the setting flags.observatory, or no guard",
            )),
            Some(signals) => {
                let said = says(guard, &read(signals, guard).await);
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
        signals: &Arc<dyn Signals>,
        (id, fault): (u64, &Fault),
        now_ns: i64,
    ) -> Option<Tripped> {
        for (n, guard) in fault.guards.iter().enumerate() {
            let Some(said) = says(guard, &read(signals, guard).await) else {
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
