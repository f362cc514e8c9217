//! RCAEval's layout.

use std::collections::BTreeMap;

use vitrine_observe_columns::PlainColumn;

use super::tables::{doubles, ints, level, parquet, span_id, texts, trace_id};
use super::{Case, File, began_ns, component};
use crate::baselines::Table;
use crate::rows::{PointKind, Telemetry};
use crate::wrong::Wrong;

/// Seconds of a row of metrics.
const STEP_S: i64 = 1;

pub(super) fn files(cases: &[Case]) -> Result<Vec<File>, Wrong> {
    let mut files = Vec::new();
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for case in cases {
        let name = format!("{}_{}", component(&case.record), case.record.kind.as_deref().unwrap_or("none"));
        let number = numbers.entry(name.clone()).or_default();
        *number += 1;
        let folder = format!("vitrine/{name}/{number}");
        files.push(File::answer(
            format!("{folder}/inject_time.txt"),
            format!("{}\n", began_ns(&case.record) / 1_000_000_000),
        ));
        let columns = metrics(&case.telemetry);
        files.push(File::task(format!("{folder}/metrics.json"), as_json(&columns)));
        let table = parquet_columns(&columns);
        files.push(parquet(format!("{folder}/metrics.parquet"), &table)?);
        files.push(parquet(format!("{folder}/logs.parquet"), &logs(&case.telemetry))?);
        files.push(parquet(format!("{folder}/traces.parquet"), &traces(&case.telemetry))?);
    }
    Ok(files)
}

/// Times, and columns by name.
struct Wide {
    times: Vec<i64>,
    columns: BTreeMap<String, Vec<f64>>,
}

fn metrics(telemetry: &Telemetry) -> Wide {
    let table = Table::of(telemetry, STEP_S);
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for series in &table.series {
        columns.insert(format!("{}_{}", series.service, series.measure.name()), series.values.clone());
    }
    let Some(first) = table.times.first() else { return Wide { times: table.times, columns } };
    for point in telemetry.points.iter().filter(|point| point.kind != PointKind::Histogram) {
        let row = usize::try_from(point.time_ns.div_euclid(1_000_000_000) - first).unwrap_or(usize::MAX);
        if row >= table.times.len() {
            continue;
        }
        // A service's name ends at the first underscore there.
        let name = format!("{}_{}", point.service, point.metric.replace('_', "-"));
        let values = columns.entry(name).or_insert_with(|| vec![f64::NAN; table.times.len()]);
        values[row] = if values[row].is_nan() { point.value } else { values[row] + point.value };
    }
    Wide { times: table.times, columns }
}

fn as_json(wide: &Wide) -> Vec<u8> {
    let pairs = |values: &Vec<f64>| -> serde_json::Value {
        let known = wide.times.iter().zip(values).filter(|(_, value)| value.is_finite());
        known.map(|(time, value)| serde_json::json!([time, value])).collect()
    };
    let all: serde_json::Map<String, serde_json::Value> =
        wide.columns.iter().map(|(name, values)| (name.clone(), pairs(values))).collect();
    serde_json::Value::from(all).to_string().into_bytes()
}

fn parquet_columns(wide: &Wide) -> Vec<PlainColumn> {
    let time = ints("time", wide.times.iter().copied());
    let others = wide.columns.iter().map(|(name, values)| doubles(name, values.iter().copied()));
    std::iter::once(time).chain(others).collect()
}

fn logs(telemetry: &Telemetry) -> Vec<PlainColumn> {
    let rows = &telemetry.logs;
    vec![
        ints("timestamp", rows.iter().map(|row| row.time_ns)),
        texts("container_name", rows.iter().map(|row| Some(row.service.clone()))),
        texts("message", rows.iter().map(|row| Some(row.body.clone()))),
        texts("level", rows.iter().map(|row| Some(level(row.severity).to_owned()))),
    ]
}

fn traces(telemetry: &Telemetry) -> Vec<PlainColumn> {
    let rows = &telemetry.spans;
    vec![
        texts("traceID", rows.iter().map(|row| trace_id(row.trace_id))),
        texts("spanID", rows.iter().map(|row| span_id(row.span_id))),
        texts("serviceName", rows.iter().map(|row| Some(row.service.clone()))),
        texts("operationName", rows.iter().map(|row| Some(row.name.clone()))),
        texts("parentSpanID", rows.iter().map(|row| span_id(row.parent_span_id))),
        ints("startTime", rows.iter().map(|row| row.time_ns / 1_000)),
        ints("duration", rows.iter().map(|row| row.duration_ns / 1_000)),
        ints("statusCode", rows.iter().map(|row| if row.is_error { 2 } else { 0 })),
    ]
}
