//! The rollup beside a segment, of whatever signal.

use crate::Signal;

use super::Rollup;
use super::logs::LogRollup;

/// Totals of a segment's rows.
#[derive(Debug, Clone)]
pub(crate) enum SegmentRollup {
    /// Of spans.
    Spans(Rollup),
    /// Of log records.
    Logs(LogRollup),
}

impl SegmentRollup {
    /// Of no rows; none for rows of which nothing is counted.
    pub(crate) fn empty(signal: Signal) -> Option<Self> {
        match signal {
            Signal::Traces => Some(Self::Spans(Rollup::default())),
            Signal::Logs => Some(Self::Logs(LogRollup::default())),
            Signal::Metrics => None,
        }
    }

    pub(crate) fn spans(&self) -> Option<&Rollup> {
        match self {
            Self::Spans(rollup) => Some(rollup),
            Self::Logs(_) => None,
        }
    }

    pub(crate) fn logs(&self) -> Option<&LogRollup> {
        match self {
            Self::Logs(rollup) => Some(rollup),
            Self::Spans(_) => None,
        }
    }

    /// Adds the totals of other rows of the same signal.
    pub(crate) fn unite(&mut self, other: &Self) {
        match (self, other) {
            (Self::Spans(rollup), Self::Spans(other)) => rollup.unite(other),
            (Self::Logs(rollup), Self::Logs(other)) => rollup.unite(other),
            _ => unreachable!("segments of one table are of one signal"),
        }
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Spans(rollup) => rollup.bytes(),
            Self::Logs(rollup) => rollup.bytes(),
        }
    }

    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Spans(rollup) => rollup.encode(),
            Self::Logs(rollup) => rollup.encode(),
        }
    }

    /// From bytes of a signal; none if they are damaged.
    pub(crate) fn decode(signal: Signal, bytes: &[u8]) -> Option<Self> {
        match signal {
            Signal::Traces => Rollup::decode(bytes).map(Self::Spans),
            Signal::Logs => LogRollup::decode(bytes).map(Self::Logs),
            Signal::Metrics => None,
        }
    }
}
