//! Simple rules that name a cause: what they solve, no diagnosis needs to be praised for.
//!
//! All read a table of series by service, and rank services. nsigma and BARO are those of RCAEval 1.8.1 (`e2e/__init__.py`, `e2e/baro.py`)
//! and of fse-baro 0.2.2, number for number: columns that do not change in either window are left out, the score of a column is the greatest
//! of its scaled values after the change, and columns of one score stay in the table's order. BARO finds the change by itself.

mod change_point;

use std::collections::BTreeSet;

use crate::propagation::median;
use crate::rows::{SpanRow, Telemetry, kind};

pub use change_point::change_points;

/// Most rows of a table: those of an hour, by second.
pub const MAX_ROWS: usize = 3_600;
/// Severity from which a log record tells of an error.
pub const ERROR_SEVERITY: i64 = 17;

/// What a series is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// How long answers take, in seconds.
    Latency,
    /// How many fail.
    Error,
    /// How many there are.
    Workload,
    /// How many log records there are.
    Logs,
}

impl Measure {
    /// Its name, as RCAEval ends its columns with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Error => "error",
            Self::Workload => "workload",
            Self::Logs => "logs",
        }
    }
}

/// A series: a value for each time of its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Whose.
    pub service: String,
    /// Of what.
    pub measure: Measure,
    /// NaN where there is none.
    pub values: Vec<f64>,
}

/// Series of the same times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// In seconds since 1970, each a step after the one before.
    pub times: Vec<i64>,
    /// By service, then by measure.
    pub series: Vec<Series>,
}

/// Which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Who takes longest.
    MaxLatency,
    /// Who fails most often.
    MostErrors,
    /// Who logs most.
    MostLogs,
    /// Who is most standard deviations away.
    Nsigma,
    /// BARO.
    Baro,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::MaxLatency, Self::MostErrors, Self::MostLogs, Self::Nsigma, Self::Baro];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxLatency => "max_latency",
            Self::MostErrors => "most_errors",
            Self::MostLogs => "most_logs",
            Self::Nsigma => "nsigma",
            Self::Baro => "baro",
        }
    }

    /// Ranks services, the first the likeliest: those of a table in which something goes wrong at a time, in seconds since 1970.
    pub fn rank(self, table: &Table, inject_s: i64) -> Vec<String> {
        let at = table.times.partition_point(|time| *time < inject_s);
        match self {
            Self::MaxLatency => by_sum(table, at, Measure::Latency, |values| values.fold(0.0, f64::max)),
            Self::MostErrors => by_sum(table, at, Measure::Error, |values| values.sum()),
            Self::MostLogs => by_sum(table, at, Measure::Logs, |values| values.sum()),
            Self::Nsigma => services(scaled(table, at, standard)),
            Self::Baro => {
                let found = change_points(&of_change(table));
                services(scaled(table, found.first().copied().unwrap_or(at), robust))
            }
        }
    }
}

impl Table {
    /// Makes a table of telemetry: a row for each step of so many seconds.
    pub fn of(telemetry: &Telemetry, step_s: i64) -> Self {
        let step_ns = step_s.max(1) * 1_000_000_000;
        let times_ns =
            telemetry.spans.iter().map(|row| row.time_ns).chain(telemetry.logs.iter().map(|row| row.time_ns));
        let Some((first, last)) = times_ns.fold(None, |range: Option<(i64, i64)>, time| {
            Some(range.map_or((time, time), |(first, last)| (first.min(time), last.max(time))))
        }) else {
            return Self::default();
        };
        let first = first.div_euclid(step_ns);
        let rows = usize::try_from(last.div_euclid(step_ns) - first + 1).unwrap_or(MAX_ROWS).min(MAX_ROWS);
        let row_of = |time_ns: i64| usize::try_from(time_ns.div_euclid(step_ns) - first).ok().filter(|row| *row < rows);
        let names: BTreeSet<&String> =
            telemetry.spans.iter().map(|r| &r.service).chain(telemetry.logs.iter().map(|r| &r.service)).collect();
        let mut series = Vec::new();
        for service in names {
            let (mut count, mut failed, mut seconds, mut logs) =
                (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]);
            let own = |span: &&SpanRow| {
                span.service == *service && (span.kind == kind::SERVER || span.kind == kind::CONSUMER)
            };
            for span in telemetry.spans.iter().filter(own) {
                let Some(row) = row_of(span.time_ns) else { continue };
                count[row] += 1.0;
                failed[row] += f64::from(u8::from(span.is_error));
                seconds[row] += span.duration_ns as f64 / 1e9;
            }
            for log in telemetry.logs.iter().filter(|log| log.service == *service) {
                let Some(row) = row_of(log.time_ns) else { continue };
                logs[row] += 1.0;
            }
            let latency =
                seconds.iter().zip(&count).map(|(sum, n)| if *n > 0.0 { sum / n } else { f64::NAN }).collect();
            let measures = [
                (Measure::Latency, latency),
                (Measure::Error, failed),
                (Measure::Workload, count),
                (Measure::Logs, logs),
            ];
            series.extend(measures.into_iter().map(|(measure, values)| Series {
                service: service.clone(),
                measure,
                values,
            }));
        }
        let times = (0..rows as i64).map(|row| (first + row) * step_s.max(1)).collect();
        Self { times, series }
    }
}

fn by_sum(
    table: &Table,
    at: usize,
    measure: Measure,
    figure: impl Fn(&mut dyn Iterator<Item = f64>) -> f64,
) -> Vec<String> {
    let of = table.series.iter().filter(|series| series.measure == measure);
    let score = |series: &Series| {
        figure(&mut series.values[at.min(series.values.len())..].iter().copied().filter(|value| value.is_finite()))
    };
    // Who has none is not named.
    services(of.map(|series| (series.service.clone(), score(series))).filter(|(_, score)| *score > 0.0).collect())
}

/// The services of columns, the greatest score first, each once.
fn services(mut columns: Vec<(String, f64)>) -> Vec<String> {
    // Stable, as Python's sort is.
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut seen = BTreeSet::new();
    columns.into_iter().map(|(service, _)| service).filter(|service| seen.insert(service.clone())).collect()
}

/// Fills gaps with the value before them, and what is before the first value with 0.
fn filled(values: &[f64]) -> Vec<f64> {
    let mut last = 0.0;
    values
        .iter()
        .map(|value| {
            if value.is_finite() {
                last = *value;
            }
            last
        })
        .collect()
}

fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|value| *value == values[0])
}

fn scaled(table: &Table, at: usize, scale: fn(&[f64]) -> (f64, f64)) -> Vec<(String, f64)> {
    let mut columns = Vec::new();
    for series in table.series.iter().filter(|series| series.measure != Measure::Logs) {
        let values = filled(&series.values);
        let (normal, anomalous) = values.split_at(at.min(values.len()));
        if normal.is_empty() || anomalous.is_empty() || is_constant(normal) || is_constant(anomalous) {
            continue;
        }
        let (center, width) = scale(normal);
        let score = anomalous.iter().map(|value| (value - center) / width).fold(f64::NEG_INFINITY, f64::max);
        columns.push((series.service.clone(), score));
    }
    columns
}

/// Where a scale is nothing, scikit-learn takes one.
fn or_one(width: f64) -> f64 {
    if width.abs() < 10.0 * f64::EPSILON { 1.0 } else { width }
}

/// Mean and standard deviation (scikit-learn's `StandardScaler`).
fn standard(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, or_one(variance.sqrt()))
}

/// Middle, and the distance between the quartiles (scikit-learn's `RobustScaler`).
fn robust(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| {
        let at = q * (sorted.len() - 1) as f64;
        let (below, part) = (at.floor() as usize, at.fract());
        let above = (below + 1).min(sorted.len() - 1);
        sorted[below] + (sorted[above] - sorted[below]) * part
    };
    (median(values), or_one(quantile(0.75) - quantile(0.25)))
}

/// The columns in which a change is looked for: latency and errors, each from 0 to 1; without those that never change.
fn of_change(table: &Table) -> Vec<Vec<f64>> {
    let wanted = |series: &&Series| matches!(series.measure, Measure::Latency | Measure::Error);
    let mut columns = Vec::new();
    for series in table.series.iter().filter(wanted) {
        let values = filled(&series.values);
        if values.is_empty() || is_constant(&values) {
            continue;
        }
        let (least, most) =
            values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(*value), b.max(*value)));
        columns.push(values.iter().map(|value| (value - least) / (most - least)).collect());
    }
    columns
}
