//! Telemetry as rows, as whoever runs a campaign hands it in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a span's kind is, as the observatory's SQL names it.
pub mod kind {
    /// A call that is answered.
    pub const SERVER: &str = "server";
    /// A call that is made.
    pub const CLIENT: &str = "client";
    /// An event that is handled.
    pub const CONSUMER: &str = "consumer";
}

/// A window of time, in nanoseconds since 1970: `from` is within, `to` is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its beginning.
    pub from_ns: i64,
    /// Its end.
    pub to_ns: i64,
}

impl Window {
    /// Whether a time is within.
    pub fn holds(&self, time_ns: i64) -> bool {
        (self.from_ns..self.to_ns).contains(&time_ns)
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f64 {
        self.to_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }
}

/// A span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanRow {
    /// When it began, in nanoseconds since 1970.
    pub time_ns: i64,
    /// How long it took.
    pub duration_ns: i64,
    /// Its trace.
    pub trace_id: u128,
    /// Itself.
    pub span_id: u64,
    /// What it is within; 0 for none.
    pub parent_span_id: u64,
    /// Whose it is.
    pub service: String,
    /// Its name: a method, or a route.
    pub name: String,
    /// One of [`kind`], or another one.
    pub kind: String,
    /// Whether its status is an error.
    pub is_error: bool,
    /// What is known of it besides.
    pub attributes: BTreeMap<String, String>,
    /// The span in another trace that it is linked to first: trace and span.
    pub link: Option<(u128, u64)>,
}

/// A log record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// When, in nanoseconds since 1970.
    pub time_ns: i64,
    /// Whose.
    pub service: String,
    /// How bad, 1 to 24, as OpenTelemetry counts.
    pub severity: i64,
    /// What it says.
    pub body: String,
    /// Within which trace; 0 for none.
    pub trace_id: u128,
    /// Within which span; 0 for none.
    pub span_id: u64,
    /// Its fields.
    pub attributes: BTreeMap<String, String>,
}

/// What kind of metric a point is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// A value that comes and goes.
    Gauge,
    /// A total.
    Sum,
    /// A distribution: `value` is its sum.
    Histogram,
}

/// A metric point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointRow {
    /// When, in nanoseconds since 1970.
    pub time_ns: i64,
    /// Whose.
    pub service: String,
    /// What is measured.
    pub metric: String,
    /// Of which kind.
    pub kind: PointKind,
    /// How much.
    pub value: f64,
    /// Of a distribution: how many.
    pub count: f64,
    /// Of what.
    pub attributes: BTreeMap<String, String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Spans.
    pub spans: Vec<SpanRow>,
    /// Log records.
    pub logs: Vec<LogRow>,
    /// Metric points.
    pub points: Vec<PointRow>,
}

impl Telemetry {
    /// Returns what lies within a window: what is before and after it is cut.
    pub fn cut(&self, window: Window) -> Self {
        Self {
            spans: self.spans.iter().filter(|row| window.holds(row.time_ns)).cloned().collect(),
            logs: self.logs.iter().filter(|row| window.holds(row.time_ns)).cloned().collect(),
            points: self.points.iter().filter(|row| window.holds(row.time_ns)).cloned().collect(),
        }
    }

    /// Returns all services that anything is known of, in order.
    pub fn services(&self) -> Vec<String> {
        let spans = self.spans.iter().map(|row| &row.service);
        let others = self.logs.iter().map(|row| &row.service).chain(self.points.iter().map(|row| &row.service));
        let all: std::collections::BTreeSet<&String> = spans.chain(others).collect();
        all.into_iter().cloned().collect()
    }
}
