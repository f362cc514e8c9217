//! The kinds of telemetry.

use vitrine_observe_columns::Definition;

use crate::definitions::{LOGS, METRICS, SPANS};

/// The kinds of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans, in an `ExportTraceServiceRequest`.
    Traces,
    /// Log records, in an `ExportLogsServiceRequest`.
    Logs,
    /// Metric points, in an `ExportMetricsServiceRequest`.
    Metrics,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// What its tables consist of.
    pub fn definition(self) -> &'static Definition {
        match self {
            Self::Traces => &SPANS,
            Self::Logs => &LOGS,
            Self::Metrics => &METRICS,
        }
    }
}
