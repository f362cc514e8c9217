//! OpenRCA's layout: one dataset of all incidents.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::tables::{span_id, trace_id};
use super::{Case, File, began_ns, component, csv, reason};
use crate::rows::{PointKind, SpanRow, kind};

/// Hours ahead of UTC of all its times.
const HOURS: i8 = 8;
/// Failures of one period are asked for together.
const PERIOD_S: i64 = 1_800;
/// Seconds of a row of a service's figures.
const STEP_S: i64 = 60;
/// What is asked: time, component and reason.
const TASK: &str = "task_7";

fn local(time_ns: i64) -> OffsetDateTime {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ns)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.to_offset(UtcOffset::from_hms(HOURS, 0, 0).unwrap_or(UtcOffset::UTC))
}

fn datetime(time_ns: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    local(time_ns).format(format).unwrap_or_default()
}

fn day(time_ns: i64) -> String {
    local(time_ns).format(format_description!("[year]_[month]_[day]")).unwrap_or_default()
}

pub(super) fn files(cases: &[Case]) -> Vec<File> {
    let faulted: Vec<&Case> = cases.iter().filter(|case| !case.record.root_causes.is_empty()).collect();
    let mut record = "level,component,timestamp,datetime,reason\n".to_owned();
    let mut query = "task_index,instruction,scoring_points\n".to_owned();
    let mut asked = "task_index,instruction\n".to_owned();
    for case in &faulted {
        let at = began_ns(&case.record);
        let seconds = (at / 1_000_000_000).to_string();
        csv(&mut record, &["service", component(&case.record), &seconds, &datetime(at), &reason(&case.record)]);
        let (instruction, points) = question(case, &faulted);
        csv(&mut query, &[TASK, &instruction, &points]);
        csv(&mut asked, &[TASK, &instruction]);
    }
    let mut files =
        vec![File::answer("record.csv", record), File::answer("query.csv", query), File::task("tasks.csv", asked)];
    let (mut tables, mut written) = (Tables::new(), BTreeSet::new());
    for case in cases {
        // Incidents that overlap have seen the same, which is there once.
        if written.insert(case.record.windows.baseline.from_ns) {
            telemetry(case, &mut tables);
        }
    }
    files.extend(
        tables.into_iter().map(|((day, name), table)| File::task(format!("telemetry/{day}/{name}"), table.text)),
    );
    files
}

/// What is asked of an incident, and what is right: of all that began in its period.
fn question(case: &Case, all: &[&Case]) -> (String, String) {
    let period = began_ns(&case.record) / 1_000_000_000 / PERIOD_S;
    let mut same: Vec<&&Case> =
        all.iter().filter(|other| began_ns(&other.record) / 1_000_000_000 / PERIOD_S == period).collect();
    same.sort_by_key(|other| began_ns(&other.record));
    let (from, to) = (datetime(period * PERIOD_S * 1_000_000_000), datetime((period + 1) * PERIOD_S * 1_000_000_000));
    let n = same.len();
    let instruction = format!(
        "In the time range of {from} to {to} the system had {n} failure(s). Find the root cause component, the root cause occurrence time \
         and the root cause reason of each, in the order in which they occurred."
    );
    let mut points = String::new();
    for (at, other) in same.iter().enumerate() {
        let idx = if n == 1 { "only".to_owned() } else { format!("{}-th", at + 1) };
        let time = datetime(began_ns(&other.record));
        let _ = writeln!(points, "The {idx} root cause occurrence time is within 1 minutes (i.e., <=1min) of {time}");
        let _ = writeln!(points, "The {idx} predicted root cause component is {}", component(&other.record));
        let _ = writeln!(points, "The {idx} predicted root cause reason is {}", reason(&other.record));
    }
    (instruction, points)
}

/// A table as it is written.
struct Text {
    text: String,
    rows: usize,
}

/// By day and name.
type Tables = BTreeMap<(String, &'static str), Text>;

/// The table of a row's day, with one row more.
fn table<'a>(tables: &'a mut Tables, time_ns: i64, name: &'static str, head: &str) -> &'a mut Text {
    let table = tables.entry((day(time_ns), name)).or_insert_with(|| Text { text: format!("{head}\n"), rows: 0 });
    table.rows += 1;
    table
}

fn telemetry(case: &Case, tables: &mut Tables) {
    for span in &case.telemetry.spans {
        let out = table(
            tables,
            span.time_ns,
            "trace/trace_span.csv",
            "timestamp,cmdb_id,span_id,trace_id,duration,type,status_code,operation_name,parent_span",
        );
        let (own, parent) =
            (span_id(span.span_id).unwrap_or_default(), span_id(span.parent_span_id).unwrap_or_default());
        let (time, duration) = ((span.time_ns / 1_000_000).to_string(), (span.duration_ns / 1_000).to_string());
        let of = if span.attributes.contains_key("http.request.method") { "http" } else { "rpc" };
        let trace = trace_id(span.trace_id).unwrap_or_default();
        let status = if span.is_error { "2" } else { "0" };
        csv(&mut out.text, &[&time, &span.service, &own, &trace, &duration, of, status, &span.name, &parent]);
    }
    for log in &case.telemetry.logs {
        let out = table(tables, log.time_ns, "log/log_service.csv", "log_id,timestamp,cmdb_id,log_name,value");
        let id = out.rows.to_string();
        let (time, name) = ((log.time_ns / 1_000_000_000).to_string(), format!("log_{}_application", log.service));
        csv(&mut out.text, &[&id, &time, &log.service, &name, &log.body]);
    }
    for point in case.telemetry.points.iter().filter(|point| point.kind != PointKind::Histogram) {
        let out = table(tables, point.time_ns, "metric/metric_container.csv", "timestamp,cmdb_id,kpi_name,value");
        let attributes: Vec<&str> = point.attributes.values().map(String::as_str).collect();
        let name = std::iter::once(point.metric.as_str()).chain(attributes).collect::<Vec<&str>>().join(".");
        csv(
            &mut out.text,
            &[&(point.time_ns / 1_000_000_000).to_string(), &point.service, &name, &point.value.to_string()],
        );
    }
    for ((step, service), (count, failed, ms)) in figures(&case.telemetry.spans) {
        let out = table(
            tables,
            step * STEP_S * 1_000_000_000,
            "metric/metric_service.csv",
            "service,timestamp,rr,sr,mrt,count",
        );
        let n = count as f64;
        // Requests that were answered, that succeeded, in percent, and how long they took on average.
        let (success, mean) = (100.0 * (1.0 - failed as f64 / n), ms / n);
        csv(
            &mut out.text,
            &[
                &service,
                &(step * STEP_S).to_string(),
                "100",
                &format!("{success:.3}"),
                &format!("{mean:.3}"),
                &count.to_string(),
            ],
        );
    }
}

fn figures(spans: &[SpanRow]) -> BTreeMap<(i64, String), (u64, u64, f64)> {
    let mut all: BTreeMap<(i64, String), (u64, u64, f64)> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.kind == kind::SERVER || span.kind == kind::CONSUMER) {
        let step = span.time_ns.div_euclid(1_000_000_000 * STEP_S);
        let (count, failed, ms) = all.entry((step, span.service.clone())).or_default();
        *count += 1;
        *failed += u64::from(span.is_error);
        *ms += span.duration_ns as f64 / 1e6;
    }
    all
}
