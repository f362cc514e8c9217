//! What may be taken of a request, and what was.

use vitrine_observe_series::{Description, HistogramError, Labels, TooManySeries};

use super::translation::Translation;
use crate::rejected::{Refusal, Refusals, Rejected};

/// How far ahead of its arrival a sample may be, in milliseconds: as far as Prometheus allows.
pub const MAX_AHEAD_MS: i64 = 10 * 60 * 1000;
/// The earliest time of a sample, in milliseconds since 1970: the beginning of the year 1.
const MIN_TIME_MS: i64 = -62_135_596_800_000;
/// Reasons that are kept of one request: they are told, the others are counted.
const MAX_REASONS: usize = 3;
/// Labels of a series, unless set otherwise.
const MAX_LABELS: usize = 100;
/// Bytes of a label's name, unless set otherwise.
const MAX_NAME_BYTES: usize = 1024;
/// Bytes of a label's value, unless set otherwise.
const MAX_VALUE_BYTES: usize = 4096;
/// Characters of what was sent that a reason repeats.
const SHOWN_CHARS: usize = 100;
/// What is expected of those who bring too many series.
const FEWER_VALUES: &str = "labels whose values are few";

/// What a series may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Most labels of a series.
    pub labels: usize,
    /// Most bytes of a label's name.
    pub name_bytes: usize,
    /// Most bytes of a label's value.
    pub value_bytes: usize,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self { labels: MAX_LABELS, name_bytes: MAX_NAME_BYTES, value_bytes: MAX_VALUE_BYTES }
    }
}

impl SeriesLimits {
    /// Whether a series may have these labels.
    pub(crate) fn check(&self, labels: &Labels) -> Result<(), Rejected> {
        let refused = |problem, expected, refusal| Err(Rejected { field: "labels", problem, expected, refusal });
        if labels.len() > self.labels {
            let problem =
                format!("{} labels of {}, and at most {} may be", labels.len(), shown(labels.metric()), self.labels);
            return refused(problem, "fewer labels a series", Refusal::LabelCount);
        }
        for label in labels.iter() {
            if label.name.len() > self.name_bytes {
                let (name, bytes, most) = (shown(&label.name), label.name.len(), self.name_bytes);
                let problem = format!("{name}… has {bytes} bytes, and a name may have {most}");
                return refused(problem, "shorter names", Refusal::NameLength);
            }
            if label.value.len() > self.value_bytes {
                let (name, bytes, most) = (shown(&label.name), label.value.len(), self.value_bytes);
                let problem = format!("the value of {name} has {bytes} bytes, and may have {most}");
                return refused(problem, "shorter values", Refusal::ValueLength);
            }
        }
        Ok(())
    }
}

/// How requests are taken.
#[derive(Debug)]
pub struct Taking<'a> {
    /// What series that come by OTLP are called.
    pub translation: &'a Translation,
    /// What a series may be.
    pub limits: &'a SeriesLimits,
    /// When the request arrived, in nanoseconds since 1970: the time of what has none.
    pub arrival_ns: u64,
    /// Samples may not be older than this, in milliseconds since 1970: they are kept no longer.
    pub oldest_ms: i64,
    /// How many series that are not known yet it may bring.
    pub new_series: u64,
    /// Whether it may not bring more because memory is full of names.
    pub is_full: bool,
}

impl Taking<'_> {
    /// Counts a series that is not known yet, and checks its labels.
    pub(crate) fn admit(&mut self, description: Description) -> Result<Description, Rejected> {
        description.views.iter().try_for_each(|view| self.limits.check(&view.labels))?;
        match self.new_series.checked_sub(1) {
            Some(left) => self.new_series = left,
            None => {
                let (problem, refusal) = if self.is_full {
                    ("memory is full of the names of series", Refusal::NameMemory)
                } else {
                    ("more new series a second than there may be", Refusal::NewSeries)
                };
                return Err(Rejected { field: "labels", problem: problem.to_owned(), expected: FEWER_VALUES, refusal });
            }
        }
        Ok(description)
    }
}

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Samples that are doubles.
    pub samples: u64,
    /// Samples that are histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Samples and exemplars that were refused.
    pub refused: Refusals,
    /// Why the first of them were.
    pub reasons: Vec<Rejected>,
}

impl Written {
    /// So many are refused, for this reason.
    pub(crate) fn refuse(&mut self, count: u64, reason: Rejected) {
        self.refused.count(reason.refusal, count);
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(reason);
        }
    }

    /// Whether something was refused.
    pub fn is_partial(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// For writers that have nobody to tell each reason. Returns an error if something was refused: how much, and why the first was.
    pub fn whole(&self) -> Result<(), String> {
        match self.reasons.first() {
            Some(reason) => Err(format!("{} samples were refused: {reason}", self.refused.total())),
            None => Ok(()),
        }
    }
}

/// As much of what was sent as a reason repeats.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

/// Whether a sample may have this time when it arrives at that one, both in milliseconds since 1970, and older ones are not kept.
pub(crate) fn check_time(time_ms: i64, arrival_ms: i64, oldest_ms: i64) -> Result<(), Rejected> {
    let (problem, refusal) = if time_ms > arrival_ms.saturating_add(MAX_AHEAD_MS) {
        ("is too far in the future", Refusal::TooFarAhead)
    } else if time_ms < oldest_ms {
        ("is older than what is kept", Refusal::TooOld)
    } else if time_ms < MIN_TIME_MS {
        ("is before the year 1", Refusal::TooOld)
    } else {
        return Ok(());
    };
    Err(Rejected {
        field: "timestamp",
        problem: format!("{time_ms} ms {problem}"),
        expected: "a time within the retention, hardly ahead of the receiver's clock",
        refusal,
    })
}

impl From<TooManySeries> for Rejected {
    fn from(cause: TooManySeries) -> Self {
        let (field, refusal) = ("labels", Refusal::ActiveSeries);
        Self { field, problem: cause.to_string(), expected: FEWER_VALUES, refusal }
    }
}

impl From<HistogramError> for Rejected {
    fn from(cause: HistogramError) -> Self {
        let (field, expected) = ("histogram", "buckets in order, of a known schema");
        Self { field, problem: cause.to_string(), expected, refusal: Refusal::Invalid }
    }
}
