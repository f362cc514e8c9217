//! Rates, errors and latencies as Jaeger's Monitor page asks for them.
//!
//! Source: jaegertracing/jaeger `docker-compose/monitor/README.md` (the API) and
//! `internal/storage/metricstore/prometheus/metricstore/reader.go` (names, and what the figures mean). The figures are
//! kept by the minute, so a step or a window is a whole number of minutes, and its times are full minutes.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use vitrine_kit::clock::rfc3339_ns;
use vitrine_observe_store::model::{SpanKind, StatusCode};
use vitrine_observe_store::{RedQuery, RedRow};

use crate::error::Error;
use crate::params::{self, Pairs, get, get_all};
use crate::queries::Reader;
use crate::time::{NANOS_PER_MILLI, NANOS_PER_SECOND};

/// The smallest step, in nanoseconds.
const MINUTE_NS: u64 = 60 * NANOS_PER_SECOND;
/// The same in milliseconds, as `/api/metrics/minstep` says it.
pub(crate) const MIN_STEP_MS: u64 = MINUTE_NS / NANOS_PER_MILLI;
/// How far back to look when nothing is said, as in Jaeger.
const LOOKBACK_NS: u64 = 60 * MINUTE_NS;
/// Over which time a rate is taken when nothing is said, as in Jaeger.
const RATE_NS: u64 = 10 * MINUTE_NS;
/// Points of one line at most: as in Prometheus, where Jaeger would have asked.
const MAX_POINTS: u64 = 11_000;
/// Services asked for at most: each is a query of the engine.
const MAX_SERVICES: usize = 100;
/// Length of the first bucket's end, 2^10 ns, as the engine counts durations.
const FIRST_BUCKET_EXPONENT: f64 = 10.0;

/// Which figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RedMetric {
    /// Spans in a second.
    Calls,
    /// The part of the spans that failed.
    Errors,
    /// A quantile of the durations, in milliseconds.
    Latencies(f64),
}

/// Reads the quantile of `/api/metrics/latencies`.
pub(crate) fn latencies(pairs: &Pairs) -> Result<RedMetric, Error> {
    let text = get(pairs, "quantile").unwrap_or_default();
    let quantile = text.parse().ok().filter(|quantile| (0.0..=1.0).contains(quantile));
    let malformed = || Error::parameter("quantile", format!("{text:?} found; expected a number from 0 to 1"));
    quantile.map(RedMetric::Latencies).ok_or_else(malformed)
}

struct Question<'a> {
    services: Vec<&'a str>,
    by_operation: bool,
    kinds: Vec<SpanKind>,
    end_ns: u64,
    points: u64,
    step_ns: u64,
    window_ns: u64,
}

/// Serves one of `/api/metrics/…`.
pub(crate) fn metric_family(reader: &Reader, pairs: &Pairs, metric: RedMetric, now_ns: u64) -> Result<Json, Error> {
    let question = question(pairs, now_ns)?;
    let first = question.end_ns.saturating_sub((question.points - 1) * question.step_ns);
    let mut lines: BTreeMap<(String, Option<String>), Minutes> = BTreeMap::new();
    for service in &question.services {
        let query = RedQuery {
            service: Some((*service).to_owned()),
            start_ns: first.saturating_sub(question.window_ns),
            end_ns: question.end_ns,
            step_ns: MINUTE_NS,
        };
        for row in reader.engine.red(&reader.tenant, &query)? {
            if question.kinds.contains(&row.operation.kind) {
                let operation = question.by_operation.then(|| row.operation.name.clone());
                lines.entry((row.service.clone(), operation)).or_default().entry(row.time_ns).or_default().count(&row);
            }
        }
    }
    let metrics: Vec<Json> = lines
        .iter()
        .map(|((service, operation), minutes)| {
            let operation = operation.iter().map(|name| json!({ "name": "operation", "value": name }));
            let labels: Vec<Json> = operation.chain([json!({ "name": "service_name", "value": service })]).collect();
            json!({ "labels": labels, "metricPoints": points(minutes, &question, first, metric) })
        })
        .collect();
    let (mut name, mut help) = match metric {
        RedMetric::Calls => ("service_call_rate".to_owned(), "calls/sec, grouped by service".to_owned()),
        RedMetric::Errors => (
            "service_error_rate".to_owned(),
            "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service".to_owned(),
        ),
        RedMetric::Latencies(quantile) => {
            ("service_latencies".to_owned(), format!("{quantile:.2}th quantile latency, grouped by service"))
        }
    };
    if question.by_operation {
        name = name.replacen("service", "service_operation", 1);
        help.push_str(" & operation");
    }
    Ok(json!({ "name": name, "type": "GAUGE", "help": help, "metrics": metrics }))
}

fn question(pairs: &Pairs, now_ns: u64) -> Result<Question<'_>, Error> {
    let mut services: Vec<&str> = get_all(pairs, "service").collect();
    services.sort_unstable();
    services.dedup();
    if services.is_empty() {
        return Err(Error::parameter("service", "please provide at least one service name"));
    }
    if services.len() > MAX_SERVICES {
        let found = format!("{} services; expected at most {MAX_SERVICES}", services.len());
        return Err(Error::parameter("service", found));
    }
    let minutes = |name, default| {
        let ns = params::millis(pairs, name, "milliseconds")?.unwrap_or(default);
        Ok::<u64, Error>(ns.div_ceil(MINUTE_NS).max(1).saturating_mul(MINUTE_NS))
    };
    let end_ns = params::millis(pairs, "endTs", "milliseconds since 1970")?.unwrap_or(now_ns);
    let (lookback_ns, step_ns) = (minutes("lookback", LOOKBACK_NS)?, minutes("step", MINUTE_NS)?);
    let points = lookback_ns / step_ns + 1;
    if points > MAX_POINTS {
        return Err(Error::parameter("step", format!("{points} points; expected at most {MAX_POINTS}: a longer step")));
    }
    Ok(Question {
        services,
        by_operation: params::flag(pairs, "groupByOperation")?,
        kinds: kinds(pairs)?,
        end_ns: end_ns / MINUTE_NS * MINUTE_NS,
        points,
        step_ns,
        window_ns: minutes("ratePer", RATE_NS)?,
    })
}

fn kinds(pairs: &Pairs) -> Result<Vec<SpanKind>, Error> {
    let kind = |text: &str| {
        let found = (0..=5).map(SpanKind::from_number).find(|kind| kind.name().unwrap_or("unspecified") == text);
        found.ok_or_else(|| Error::parameter("spanKind", format!("unsupported span kind: '{text}'")))
    };
    let kinds = get_all(pairs, "spanKind").map(kind).collect::<Result<Vec<_>, _>>()?;
    Ok(if kinds.is_empty() { vec![SpanKind::Server] } else { kinds })
}

/// What is known of each minute.
type Minutes = BTreeMap<u64, Sum>;

/// What a minute or a window holds.
#[derive(Default)]
struct Sum {
    calls: u64,
    errors: u64,
    buckets: Vec<u64>,
}

impl Sum {
    fn count(&mut self, row: &RedRow) {
        self.calls += row.count;
        self.errors += if row.status == StatusCode::Error { row.count } else { 0 };
        self.buckets.resize(self.buckets.len().max(row.buckets.len()), 0);
        self.buckets.iter_mut().zip(&row.buckets).for_each(|(sum, count)| *sum += u64::from(*count));
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, count)| *sum += count);
    }

    /// Takes away what was added before.
    fn remove(&mut self, other: &Self) {
        self.calls -= other.calls;
        self.errors -= other.errors;
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, count)| *sum -= count);
    }
}

/// The figure at each step, of the window before it. Where no span was, only a rate is known, and that is zero.
fn points(minutes: &Minutes, question: &Question<'_>, first: u64, metric: RedMetric) -> Vec<Json> {
    let (mut coming, mut going) = (minutes.iter().peekable(), minutes.iter().peekable());
    let mut sum = Sum::default();
    let mut points = Vec::new();
    for step in 0..question.points {
        let until = first + step * question.step_ns;
        let from = until.saturating_sub(question.window_ns);
        while let Some((_, minute)) = coming.next_if(|(time, _)| **time < until) {
            sum.add(minute);
        }
        while let Some((_, minute)) = going.next_if(|(time, _)| **time < from) {
            sum.remove(minute);
        }
        let value = match metric {
            RedMetric::Calls => sum.calls as f64 / (question.window_ns / NANOS_PER_SECOND) as f64,
            _ if sum.calls == 0 => continue,
            RedMetric::Errors => sum.errors as f64 / sum.calls as f64,
            RedMetric::Latencies(quantile) => quantile_ms(&sum.buckets, quantile),
        };
        points.push(json!({ "gaugeValue": { "doubleValue": value }, "timestamp": rfc3339_ns(until) }));
    }
    points
}

/// A quantile out of the engine's half octaves; within a bucket as if its spans were spread evenly, as Prometheus does.
fn quantile_ms(buckets: &[u64], quantile: f64) -> f64 {
    let bound_ms = |bucket: usize| (FIRST_BUCKET_EXPONENT + bucket as f64 / 2.0).exp2() / NANOS_PER_MILLI as f64;
    let rank = quantile * buckets.iter().sum::<u64>() as f64;
    let mut below = 0.0;
    for (bucket, count) in buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = *count as f64;
        if below + count >= rank {
            let from = if bucket == 0 { 0.0 } else { bound_ms(bucket) };
            return from + (bound_ms(bucket + 1) - from) * ((rank - below) / count).clamp(0.0, 1.0);
        }
        below += count;
    }
    0.0
}
