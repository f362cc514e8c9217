//! What a function over a range is given.

use std::borrow::Cow;
use std::sync::Arc;

use vitrine_observe_series::{Histogram, Temporality, Value};

use crate::annotations::Annotations;
use crate::ast::Span;
use crate::engine::Point;

/// Values of a window, as many as it has times. None of them says that the series has ended.
#[derive(Debug, Clone, Copy)]
pub enum WindowValues<'a> {
    /// The bits of doubles.
    Floats(&'a [u64]),
    /// Histograms only.
    Histograms(&'a [Arc<Histogram>]),
    /// Both.
    Mixed(&'a [Value]),
}

/// How a window takes its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EdgeMode {
    /// The samples within.
    #[default]
    Plain,
    /// `anchored`: and the last one before.
    Anchored,
    /// `smoothed`: and the last one before, and the first one behind.
    Smoothed,
}

/// Samples of one series in a range that is open on the left. There is at least one. With [`EdgeMode::Anchored`] and
/// [`EdgeMode::Smoothed`] one sample before the range may be there, with the latter one behind it, too.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Milliseconds since 1970, rising.
    pub times: &'a [i64],
    /// As many values.
    pub values: WindowValues<'a>,
    /// When each total began, in milliseconds since 1970, 0 where it is not known; empty where nobody knows or may use it.
    pub starts: &'a [i64],
    /// What a total starts from.
    pub temporality: Temporality,
    /// Where the range begins: that instant is outside. `offset` and `@` are applied.
    pub start_ms: i64,
    /// Where it ends: that instant is inside.
    pub end_ms: i64,
    /// How its edges are taken.
    pub edges: EdgeMode,
}

/// A call of a function over a range.
#[derive(Debug, Clone, Copy)]
pub struct RangeCall<'a> {
    /// The series' metric name; empty if it has none. For annotations.
    pub metric: &'a str,
    /// Where the call's first argument stands. For annotations.
    pub span: Span,
    /// The step's time, in milliseconds since 1970; not moved by `offset`.
    pub at_ms: i64,
    /// The length of the range in seconds, as it was written: `rate` divides by it.
    pub range_seconds: f64,
    /// The arguments that are numbers, in order.
    pub params: &'a [f64],
}

/// Why a function refuses its arguments: the query fails with this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub String);

/// A function over a range: the value of the series at the step, if it has one.
pub type RangeFunction = fn(&RangeCall<'_>, &Window<'_>, &mut Annotations) -> Result<Option<Point>, CallError>;

/// The floats of a window.
#[derive(Debug, Clone, Default)]
pub struct Floats<'a> {
    /// Milliseconds since 1970.
    pub times: Cow<'a, [i64]>,
    /// The bits of doubles.
    pub bits: Cow<'a, [u64]>,
    /// As in [`Window::starts`].
    pub starts: Cow<'a, [i64]>,
}

/// The histograms of a window.
#[derive(Debug, Clone, Default)]
pub struct Histograms<'a> {
    /// Milliseconds since 1970.
    pub times: Cow<'a, [i64]>,
    /// Histograms.
    pub values: Cow<'a, [Arc<Histogram>]>,
    /// As in [`Window::starts`].
    pub starts: Cow<'a, [i64]>,
}

impl RangeCall<'_> {
    /// An argument that is a number; not a number if it is missing, which the parser does not let happen.
    pub fn param(&self, place: usize) -> f64 {
        self.params.get(place).copied().unwrap_or(f64::NAN)
    }
}

impl Floats<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        self.bits.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// A value by its place.
    pub fn value(&self, place: usize) -> f64 {
        f64::from_bits(self.bits[place])
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.bits.iter().map(|bits| f64::from_bits(*bits))
    }
}

impl Histograms<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<'a> Window<'a> {
    /// Its floats and its histograms, each with their times. Nothing is copied unless it has both.
    pub fn split(&self) -> (Floats<'a>, Histograms<'a>) {
        let (times, starts) = (Cow::Borrowed(self.times), Cow::Borrowed(self.starts));
        match self.values {
            WindowValues::Floats(bits) => (Floats { times, bits: bits.into(), starts }, Histograms::default()),
            WindowValues::Histograms(values) => {
                (Floats::default(), Histograms { times, values: values.into(), starts })
            }
            WindowValues::Mixed(values) => {
                let (mut floats, mut histograms) = (Floats::default(), Histograms::default());
                for (place, value) in values.iter().enumerate() {
                    let start = self.starts.get(place).copied();
                    match value {
                        Value::Float(bits) => {
                            floats.times.to_mut().push(self.times[place]);
                            floats.bits.to_mut().push(*bits);
                            floats.starts.to_mut().extend(start);
                        }
                        Value::Histogram(histogram) => {
                            histograms.times.to_mut().push(self.times[place]);
                            histograms.values.to_mut().push(histogram.clone());
                            histograms.starts.to_mut().extend(start);
                        }
                    }
                }
                (floats, histograms)
            }
        }
    }

    /// A sample's value.
    pub fn value(&self, place: usize) -> Point {
        match self.values {
            WindowValues::Floats(bits) => Point::Float(f64::from_bits(bits[place])),
            WindowValues::Histograms(values) => Point::Histogram(values[place].clone()),
            WindowValues::Mixed(values) => match &values[place] {
                Value::Float(bits) => Point::Float(f64::from_bits(*bits)),
                Value::Histogram(histogram) => Point::Histogram(histogram.clone()),
            },
        }
    }
}
