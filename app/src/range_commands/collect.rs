//! What was seen: rows of telemetry, an oracle's figures, and who calls whom, over the observatory's SQL.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;
use vitrine_flags_range::layouts::Topology;
use vitrine_flags_range::oracle::Oracle;
use vitrine_flags_range::record::{Environment, Figure, Windows};
use vitrine_flags_range::rows::{LogRow, PointKind, PointRow, SpanRow, kind};
use vitrine_flags_range::{Load, Telemetry, Window};
use vitrine_platform_faults::Fault;
use vitrine_shop_load::traces::parent_span;

use crate::cli::AskArgs;
use crate::sql;

fn within(window: Window) -> String {
    format!("time >= to_timestamp_nanos({}) AND time < to_timestamp_nanos({})", window.from_ns, window.to_ns)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

pub(super) fn number(value: &Value) -> f64 {
    // Decimals of many digits come as texts.
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn trace(value: &Value) -> u128 {
    value.as_str().and_then(|digits| u128::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

fn span(value: &Value) -> u64 {
    value.as_str().and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

fn map(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect()
}

/// Whether a row of so many cells is one: what follows reads them by their place.
fn cells<const N: usize>(row: &[Value]) -> Result<&[Value; N]> {
    row.try_into().context("the observatory's rows have other columns than were asked for")
}

/// Collects what was seen in a window, without what the observatory says of itself.
pub(super) async fn telemetry(at: &AskArgs, window: Window) -> Result<Telemetry> {
    let within = within(window);
    let links = format!(
        "SELECT span_id_hex(span_id), trace_id_hex(linked_trace_id), span_id_hex(linked_span_id) FROM span_links WHERE {within}"
    );
    let mut linked: BTreeMap<u64, (u128, u64)> = BTreeMap::new();
    for row in sql::rows(at, &links).await? {
        let [own, other_trace, other] = cells(&row)?;
        linked.entry(span(own)).or_insert((trace(other_trace), span(other)));
    }
    let mut all = Telemetry::default();
    let spans = format!(
        "SELECT CAST(time AS BIGINT) AS time_ns, duration_ns, trace_id_hex(trace_id), span_id_hex(span_id), span_id_hex(parent_span_id), service, name, \
         kind, status, attributes FROM spans WHERE {within} AND service <> 'observatory' ORDER BY time"
    );
    for row in sql::rows(at, &spans).await? {
        let [time, took, of, own, parent, service, name, kind, status, attributes] = cells(&row)?;
        all.spans.push(SpanRow {
            time_ns: int(time),
            duration_ns: int(took),
            trace_id: trace(of),
            span_id: span(own),
            // What those who come say that they are within is nobody's span.
            parent_span_id: Some(span(parent)).filter(|id| *id != parent_span(trace(of))).unwrap_or_default(),
            service: text(service),
            name: text(name),
            kind: text(kind),
            is_error: status == "error",
            attributes: map(attributes),
            link: linked.get(&span(own)).copied(),
        });
    }
    let logs = format!(
        "SELECT CAST(time AS BIGINT) AS time_ns, service, severity, body, trace_id_hex(trace_id), span_id_hex(span_id), attributes FROM logs \
         WHERE {within} AND service <> 'observatory' ORDER BY time"
    );
    for row in sql::rows(at, &logs).await? {
        let [time, service, severity, body, of, own, attributes] = cells(&row)?;
        let (time_ns, severity, body) = (int(time), int(severity), text(body));
        let (trace_id, span_id, attributes) = (trace(of), span(own), map(attributes));
        all.logs.push(LogRow { time_ns, service: text(service), severity, body, trace_id, span_id, attributes });
    }
    all.points = points(at, &within).await?;
    Ok(all)
}

async fn points(at: &AskArgs, within: &str) -> Result<Vec<PointRow>> {
    let points = format!(
        "SELECT CAST(time AS BIGINT) AS time_ns, service, name, kind, coalesce(value, sum), count, attributes FROM metrics \
         WHERE {within} AND NOT starts_with(name, 'observatory.') ORDER BY time"
    );
    let mut all = Vec::new();
    for row in sql::rows(at, &points).await? {
        let [time, service, name, kind, value, count, attributes] = cells(&row)?;
        let kind = match kind.as_str() {
            Some("gauge") => PointKind::Gauge,
            Some("sum") => PointKind::Sum,
            _ => PointKind::Histogram,
        };
        let (time_ns, metric, value, count) = (int(time), text(name), number(value), number(count));
        all.push(PointRow { time_ns, service: text(service), metric, kind, value, count, attributes: map(attributes) });
    }
    Ok(all)
}

/// Evaluates the oracle of a fault before, during and after it.
pub(super) async fn figures(at: &AskArgs, fault: &Fault, windows: Windows) -> Result<Vec<Figure>> {
    let Some(oracle) = Oracle::of(fault.target.at, fault.what.name()) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (need, check) in oracle.checks() {
        let mut measured = [None; 3];
        for (place, window) in measured.iter_mut().zip([windows.baseline, windows.during, windows.after]) {
            let statement = check.sql(fault, window);
            let rows = sql::rows(at, &statement).await.with_context(|| format!("{}: {statement}", check.what))?;
            let cell = rows.first().and_then(|row| row.first()).filter(|cell| !cell.is_null());
            *place = cell.map(number);
        }
        all.push(check.judge(need, fault, measured));
    }
    Ok(all)
}

/// Who calls whom, as the observatory counts; whose events reach whom, as consumers' spans name them.
pub(super) async fn topology(at: &AskArgs, telemetry: &Telemetry) -> Result<Topology> {
    let mut calls = Vec::new();
    for row in sql::rows(at, "SELECT client, server FROM service_graph ORDER BY 1, 2").await? {
        let [client, server] = cells(&row)?;
        calls.push((text(client), text(server)));
    }
    let events = telemetry.spans.iter().filter(|span| span.kind == kind::CONSUMER).filter_map(|span| {
        let topic = span.name.strip_prefix("process ")?;
        Some((topic.split('.').next()?.to_owned(), span.service.clone()))
    });
    Ok(Topology { calls, events: events.collect::<BTreeSet<_>>().into_iter().collect() })
}

/// On what it runs, and which services share a process with one of these.
pub(super) async fn environment(
    at: &AskArgs,
    window: Window,
    load: &Load,
    of: &[String],
) -> Result<(Environment, Vec<String>)> {
    let statement = format!(
        "SELECT DISTINCT service, attr(resource, 'service.instance.id') FROM spans WHERE {} AND service <> 'observatory'",
        within(window)
    );
    let mut instances: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in sql::rows(at, &statement).await? {
        let [service, instance] = cells(&row)?;
        instances.entry(text(service)).or_default().insert(text(instance));
    }
    let all: BTreeSet<&String> = instances.values().flatten().collect();
    let own: BTreeSet<&String> =
        instances.iter().filter(|(service, _)| of.contains(service)).flat_map(|(_, ids)| ids).collect();
    let shared =
        instances.iter().filter(|(_, ids)| ids.iter().any(|id| own.contains(id))).map(|(service, _)| service.clone());
    let in_process = shared.collect();
    let environment = Environment {
        commit: std::iter::once(env!("CARGO_PKG_VERSION"))
            .chain(option_env!("VITRINE_COMMIT"))
            .collect::<Vec<_>>()
            .join(" "),
        placement: if all.len() <= 1 { "one process" } else { "several processes" }.to_owned(),
        replicas: instances.iter().map(|(service, ids)| (service.clone(), ids.len() as u32)).collect(),
        engines: engines(at, window).await?,
        load_rps: load.rps,
        journeys: load.journeys.clone(),
        host: host(),
        cpu_steal: None,
    };
    Ok((environment, in_process))
}

/// Databases and brokers, as their clients name them.
async fn engines(at: &AskArgs, window: Window) -> Result<Vec<String>> {
    let mut all = BTreeSet::new();
    for attribute in ["db.system.name", "messaging.system"] {
        let statement = format!(
            "SELECT DISTINCT attr(attributes, '{attribute}') AS name FROM metrics \
             WHERE {} AND name IN ('db.client.operation.duration', 'messaging.process.duration')",
            within(window)
        );
        all.extend(sql::rows(at, &statement).await?.iter().filter_map(|row| row.first()?.as_str().map(str::to_owned)));
    }
    Ok(all.into_iter().collect())
}

/// Cores, kernel and memory; no name.
fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = read("/proc/meminfo");
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default();
    format!("{cores} cores, {} {}, {} GiB", std::env::consts::OS, kernel.trim(), kib >> 20)
}

/// Jiffies of all processors together, and of those that others took; none where the kernel does not say.
pub(super) fn stolen() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal: proc(5).
    Some((fields.iter().take(8).sum(), *fields.get(7)?))
}
