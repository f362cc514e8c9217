//! Warnings and infos that come with a result, each with its place in the query.

use std::collections::HashMap;
use std::fmt;

use rustc_hash::FxBuildHasher;

use crate::ast::Span;
use crate::text::{go_float, go_float_digits, go_quote, rfc3339_seconds};

/// How grave an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The result may be wrong.
    Warning,
    /// The query may not mean what it says.
    Info,
}

/// What histograms were combined for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Combining {
    /// `+`.
    Addition,
    /// `-`, and differences in a range.
    Subtraction,
    /// `sum`, `avg` and the like.
    Aggregation,
}

/// A double that is compared by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bits(u64);

impl From<f64> for Bits {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

impl Bits {
    fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// What an annotation says. Its texts are Prometheus's (`util/annotations`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// `limit_ratio` with a ratio below -1 or above 1.
    InvalidRatio {
        /// The ratio.
        got: Bits,
        /// What stands for it.
        capped: Bits,
    },
    /// A quantile below 0, above 1, or not a number.
    InvalidQuantile {
        /// The quantile.
        got: Bits,
    },
    /// A classic bucket whose `le` is no number.
    BadBucketLabel {
        /// The metric's name; empty where it is not known.
        metric: String,
        /// The value of `le`.
        label: String,
    },
    /// Floats and histograms in one range.
    MixedFloatsHistograms {
        /// The metric's name.
        metric: String,
    },
    /// Floats and histograms in one aggregation.
    MixedFloatsHistogramsAggregation,
    /// Classic buckets and a native histogram with the same labels.
    MixedClassicNativeHistograms {
        /// The metric's name; empty where it is not known.
        metric: String,
    },
    /// A gauge histogram where a counter is expected.
    NativeHistogramNotCounter {
        /// The metric's name.
        metric: String,
    },
    /// A counter histogram where a gauge is expected.
    NativeHistogramNotGauge {
        /// The metric's name.
        metric: String,
    },
    /// Histograms with exponential and with custom buckets together.
    MixedExponentialCustomHistograms {
        /// The metric's name.
        metric: String,
    },
    /// Histograms that an operator cannot bring together.
    IncompatibleBucketLayout {
        /// The operator as it is written.
        op: &'static str,
    },
    /// `sort` in a range query.
    SortInRangeQuery,
    /// One histogram says that a counter was reset, another that none was.
    HistogramCounterResetCollision(Combining),
    /// A total began before the last sample of the one before. Carries [`Detail::Times`].
    StartTimeOverlap {
        /// The metric's name.
        metric: String,
    },
    /// A rate of what has no counter's name.
    PossibleNonCounter {
        /// The metric's name.
        metric: String,
    },
    /// A rate of what has no counter's type.
    PossibleNonCounterLabel {
        /// The metric's name.
        metric: String,
        /// The value of `__type__`.
        label: String,
    },
    /// Classic buckets whose counts did not rise with their bounds. Carries [`Detail::Monotonicity`].
    ForcedMonotonicity {
        /// The metric's name; empty where it is not known.
        metric: String,
    },
    /// An operator that does not take these types together.
    IncompatibleTypes {
        /// `float` or `histogram`.
        lhs: &'static str,
        /// The operator as it is written.
        op: &'static str,
        /// `float` or `histogram`.
        rhs: &'static str,
    },
    /// A histogram in an aggregation of numbers.
    HistogramIgnoredInAggregation {
        /// The aggregation.
        op: &'static str,
    },
    /// Histograms beside floats in a range of which only floats count.
    HistogramIgnoredInMixedRange {
        /// The metric's name.
        metric: String,
    },
    /// Observations that are no numbers make a quantile none.
    QuantileNanResult {
        /// The metric's name; empty where it is not known.
        metric: String,
    },
    /// Observations that are no numbers make a quantile greater.
    QuantileNanSkew {
        /// The metric's name; empty where it is not known.
        metric: String,
    },
    /// Observations that are no numbers are in no fraction.
    FractionNans {
        /// The metric's name; empty where it is not known.
        metric: String,
    },
    /// Histograms with different custom bounds were brought together.
    MismatchedCustomBuckets(Combining),
    /// Not Prometheus's: points that are differences were added up.
    DeltaSummed {
        /// The metric's name.
        metric: String,
    },
}

/// What is summed up over all occurrences of a note.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// Where buckets were made monotonic, and how much that changed.
    Monotonicity {
        /// The first time, in milliseconds since 1970.
        min_ms: i64,
        /// The last one.
        max_ms: i64,
        /// The lowest bound of a bucket that was changed.
        min_bucket: f64,
        /// The highest one.
        max_bucket: f64,
        /// The greatest change.
        max_diff: f64,
        /// How often.
        times: u64,
    },
    /// How often.
    Times(u64),
}

/// A note and where it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// What it says.
    pub note: Note,
    /// Where in the query.
    pub place: Span,
    /// What was summed up.
    pub detail: Detail,
}

/// Annotations of a result: each note once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    notes: HashMap<Note, (Span, Detail), FxBuildHasher>,
}

impl Severity {
    /// The prefix of Prometheus's text.
    fn prefix(self) -> &'static str {
        match self {
            Self::Warning => "PromQL warning: ",
            Self::Info => "PromQL info: ",
        }
    }
}

impl fmt::Display for Combining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        })
    }
}

impl Note {
    /// How grave it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::InvalidRatio { .. }
            | Self::InvalidQuantile { .. }
            | Self::BadBucketLabel { .. }
            | Self::MixedFloatsHistograms { .. }
            | Self::MixedFloatsHistogramsAggregation
            | Self::MixedClassicNativeHistograms { .. }
            | Self::NativeHistogramNotCounter { .. }
            | Self::NativeHistogramNotGauge { .. }
            | Self::MixedExponentialCustomHistograms { .. }
            | Self::IncompatibleBucketLayout { .. }
            | Self::SortInRangeQuery
            | Self::HistogramCounterResetCollision(_)
            | Self::StartTimeOverlap { .. } => Severity::Warning,
            Self::PossibleNonCounter { .. }
            | Self::PossibleNonCounterLabel { .. }
            | Self::ForcedMonotonicity { .. }
            | Self::IncompatibleTypes { .. }
            | Self::HistogramIgnoredInAggregation { .. }
            | Self::HistogramIgnoredInMixedRange { .. }
            | Self::QuantileNanResult { .. }
            | Self::QuantileNanSkew { .. }
            | Self::FractionNans { .. }
            | Self::MismatchedCustomBuckets(_)
            | Self::DeltaSummed { .. } => Severity::Info,
        }
    }
}

/// ` for metric name "…"`; nothing where the name is empty.
fn of_metric(f: &mut fmt::Formatter<'_>, text: &str, metric: &str) -> fmt::Result {
    f.write_str(text)?;
    if metric.is_empty() { Ok(()) } else { write!(f, " for metric name {}", go_quote(metric)) }
}

impl fmt::Display for Note {
    /// Prometheus's text with its prefix, without detail and place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.severity().prefix())?;
        match self {
            Self::InvalidRatio { got, capped } => write!(
                f,
                "ratio value should be between -1 and 1, got {}, capping to {}",
                go_float(got.get()),
                go_float(capped.get())
            ),
            Self::InvalidQuantile { got } => {
                write!(f, "quantile value should be between 0 and 1, got {}", go_float(got.get()))
            }
            Self::BadBucketLabel { metric, label } => {
                let text = format!("bucket label \"le\" is missing or has a malformed value of {}", go_quote(label));
                of_metric(f, &text, metric)
            }
            Self::MixedFloatsHistograms { metric } => {
                write!(f, "encountered a mix of histograms and floats for metric name {}", go_quote(metric))
            }
            Self::MixedFloatsHistogramsAggregation => {
                f.write_str("encountered a mix of histograms and floats for aggregation")
            }
            Self::MixedClassicNativeHistograms { metric } => {
                of_metric(f, "vector contains a mix of classic and native histograms", metric)
            }
            Self::NativeHistogramNotCounter { metric } => {
                write!(f, "this native histogram metric is not a counter: {}", go_quote(metric))
            }
            Self::NativeHistogramNotGauge { metric } => {
                write!(f, "this native histogram metric is not a gauge: {}", go_quote(metric))
            }
            Self::MixedExponentialCustomHistograms { metric } => write!(
                f,
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                go_quote(metric)
            ),
            Self::IncompatibleBucketLayout { op } => {
                write!(f, "incompatible bucket layout encountered for binary operator {op}")
            }
            Self::SortInRangeQuery => {
                f.write_str("sort is ineffective for range queries since results are always ordered by labels")
            }
            Self::HistogramCounterResetCollision(combining) => {
                write!(f, "conflicting counter resets during histogram {combining}")
            }
            Self::StartTimeOverlap { metric } => write!(
                f,
                "sample has start time that overlaps with previous sample timestamp for metric {}",
                go_quote(metric)
            ),
            _ => self.info(f),
        }
    }
}

impl Note {
    /// The texts of infos.
    fn info(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PossibleNonCounter { metric } => write!(
                f,
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                go_quote(metric)
            ),
            Self::PossibleNonCounterLabel { metric, label } => write!(
                f,
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                go_quote(label),
                go_quote(metric)
            ),
            Self::ForcedMonotonicity { metric } => of_metric(
                f,
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                metric,
            ),
            Self::IncompatibleTypes { lhs, op, rhs } => write!(
                f,
                "incompatible sample types encountered for binary operator {}: {lhs} {op} {rhs}",
                go_quote(op)
            ),
            Self::HistogramIgnoredInAggregation { op } => write!(f, "ignored histogram in {op} aggregation"),
            Self::HistogramIgnoredInMixedRange { metric } => write!(
                f,
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                go_quote(metric)
            ),
            Self::QuantileNanResult { metric } => {
                of_metric(f, "input to histogram_quantile has NaN observations, result is NaN", metric)
            }
            Self::QuantileNanSkew { metric } => {
                of_metric(f, "input to histogram_quantile has NaN observations, result is skewed higher", metric)
            }
            Self::FractionNans { metric } => of_metric(
                f,
                "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                metric,
            ),
            Self::MismatchedCustomBuckets(combining) => {
                write!(f, "mismatched custom buckets were reconciled during {combining}")
            }
            Self::DeltaSummed { metric } => {
                write!(f, "points of this metric are differences, which were added up: {}", go_quote(metric))
            }
            // Every other note is a warning, and its text stands in `fmt`.
            _ => Ok(()),
        }
    }
}

impl Detail {
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (
                Self::Monotonicity { min_ms, max_ms, min_bucket, max_bucket, max_diff, times },
                Self::Monotonicity { min_ms: a, max_ms: b, min_bucket: c, max_bucket: d, max_diff: e, times: n },
            ) => {
                *min_ms = a.min(*min_ms);
                *max_ms = b.max(*max_ms);
                *min_bucket = c.min(*min_bucket);
                *max_bucket = d.max(*max_bucket);
                *max_diff = e.max(*max_diff);
                *times += n;
            }
            (Self::Times(times), Self::Times(n)) => *times += n,
            _ => {}
        }
    }
}

impl Annotation {
    /// The whole text, as Prometheus's API shows it, with the place in this query: `(1:15)`.
    pub fn text(&self, query: &str) -> String {
        let detail = match self.detail {
            Detail::None => String::new(),
            Detail::Times(1) => String::new(),
            Detail::Times(times) => format!(" ({times} occurrences)"),
            Detail::Monotonicity { min_ms, max_ms, min_bucket, max_bucket, max_diff, times } => format!(
                ", from buckets {} to {}, with a max diff of {}, over {times} samples from {} to {}",
                go_float(min_bucket),
                go_float(max_bucket),
                go_float_digits(max_diff, 2),
                rfc3339_seconds(min_ms),
                rfc3339_seconds(max_ms)
            ),
        };
        format!("{}{detail} ({})", self.note, self.place.position(query))
    }
}

impl Annotations {
    /// Adds a note made at this place. Where it is there already, the later place counts, as in Prometheus.
    pub fn add(&mut self, note: Note, place: Span) {
        self.add_with(note, place, Detail::None);
    }

    /// Adds a note with a detail that is summed up over its occurrences.
    pub fn add_with(&mut self, note: Note, place: Span, detail: Detail) {
        self.notes
            .entry(note)
            .and_modify(|(at, sum)| {
                *at = place;
                sum.merge(detail);
            })
            .or_insert((place, detail));
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: Self) {
        if self.notes.is_empty() {
            *self = other;
            return;
        }
        for (note, (place, detail)) in other.notes {
            self.add_with(note, place, detail);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// All of them: warnings first, each kind in order of place and text.
    pub fn iter(&self) -> impl Iterator<Item = Annotation> {
        let mut all: Vec<(Severity, Span, String, Annotation)> = self
            .notes
            .iter()
            .map(|(note, &(place, detail))| {
                (note.severity(), place, note.to_string(), Annotation { note: note.clone(), place, detail })
            })
            .collect();
        all.sort_by(|a, b| (a.0, a.1.start, a.1.end, &a.2).cmp(&(b.0, b.1.start, b.1.end, &b.2)));
        all.into_iter().map(|(.., annotation)| annotation)
    }

    /// Texts of one severity as Prometheus's API shows them; beyond `most` a line says how many more there are, 0 is no limit.
    pub fn texts(&self, severity: Severity, query: &str, most: usize) -> Vec<String> {
        let mut texts: Vec<String> =
            self.iter().filter(|a| a.note.severity() == severity).map(|a| a.text(query)).collect();
        if most > 0 && texts.len() > most {
            let kind = match severity {
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            let more = texts.len() - most;
            texts.truncate(most);
            texts.push(format!("{more} more {kind} annotations omitted"));
        }
        texts
    }
}
