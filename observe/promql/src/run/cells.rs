//! Values of one series at each step.

use std::sync::Arc;

use vitrine_observe_series::{Histogram, Labels};

use crate::engine::Point;

/// What a step of a row takes in memory, in bytes, without histograms.
pub(super) const BYTES_A_STEP: usize = size_of::<f64>() + size_of::<Kind>();

/// What stands at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(super) enum Kind {
    #[default]
    Absent,
    Float,
    Histogram,
}

/// A value at a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

impl<'a> Cell<'a> {
    pub fn of(point: &'a Point) -> Self {
        match point {
            Point::Float(value) => Self::Float(*value),
            Point::Histogram(histogram) => Self::Histogram(histogram),
        }
    }

    pub fn point(&self) -> Point {
        match self {
            Self::Float(value) => Point::Float(*value),
            Self::Histogram(histogram) => Point::Histogram((*histogram).clone()),
        }
    }

    /// As annotations call it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A value or nothing for each step.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    /// What stands at each step; empty where each has a number, as nearly always.
    kinds: Vec<Kind>,
    floats: Vec<f64>,
    /// As many as steps if there are any.
    histograms: Vec<Option<Arc<Histogram>>>,
}

impl Cells {
    pub fn absent(count: usize) -> Self {
        Self { kinds: vec![Kind::Absent; count], floats: vec![0.0; count], histograms: Vec::new() }
    }

    /// A number at each step.
    pub fn floats(floats: Vec<f64>) -> Self {
        Self { kinds: Vec::new(), floats, histograms: Vec::new() }
    }

    fn kind(&self, step: usize) -> Kind {
        if self.kinds.is_empty() { Kind::Float } else { self.kinds[step] }
    }

    /// What stands at each step, to be changed.
    fn kinds_mut(&mut self) -> &mut Vec<Kind> {
        if self.kinds.is_empty() {
            self.kinds.resize(self.floats.len(), Kind::Float);
        }
        &mut self.kinds
    }

    pub fn get(&self, step: usize) -> Option<Cell<'_>> {
        let value = self.floats.get(step)?;
        match self.kind(step) {
            Kind::Absent => None,
            Kind::Float => Some(Cell::Float(*value)),
            Kind::Histogram => self.histograms.get(step)?.as_ref().map(Cell::Histogram),
        }
    }

    pub fn is_present(&self, step: usize) -> bool {
        self.kind(step) != Kind::Absent
    }

    pub fn any(&self) -> bool {
        !self.floats.is_empty() && (self.kinds.is_empty() || self.kinds.iter().any(|kind| *kind != Kind::Absent))
    }

    pub fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Whether every step has a number, and if so these.
    pub fn all_floats(&self) -> Option<&[f64]> {
        self.kinds.iter().all(|kind| *kind == Kind::Float).then_some(&self.floats)
    }

    pub fn set_float(&mut self, step: usize, value: f64) {
        if let Some(kind) = self.kinds.get_mut(step) {
            *kind = Kind::Float;
        }
        self.floats[step] = value;
    }

    pub fn set_histogram(&mut self, step: usize, histogram: Arc<Histogram>) {
        if self.histograms.is_empty() {
            self.histograms = vec![None; self.floats.len()];
        }
        self.kinds_mut()[step] = Kind::Histogram;
        self.histograms[step] = Some(histogram);
    }

    pub fn set(&mut self, step: usize, point: Point) {
        match point {
            Point::Float(value) => self.set_float(step, value),
            Point::Histogram(histogram) => self.set_histogram(step, histogram),
        }
    }

    pub fn clear(&mut self, step: usize) {
        self.kinds_mut()[step] = Kind::Absent;
        if let Some(histogram) = self.histograms.get_mut(step) {
            *histogram = None;
        }
    }

    /// Steps with a value.
    pub fn present(&self) -> impl Iterator<Item = (usize, Cell<'_>)> {
        (0..self.floats.len()).filter_map(|step| Some((step, self.get(step)?)))
    }

    /// Changes all numbers.
    pub fn map_floats(&mut self, mut change: impl FnMut(f64) -> f64) {
        for (step, value) in self.floats.iter_mut().enumerate() {
            if self.kinds.get(step).is_none_or(|kind| *kind == Kind::Float) {
                *value = change(*value);
            }
        }
    }

    /// Changes all histograms, or takes them out.
    pub fn map_histograms(&mut self, mut change: impl FnMut(&Histogram) -> Option<Histogram>) {
        if self.histograms.is_empty() {
            return;
        }
        for step in 0..self.floats.len() {
            if let Some(Cell::Histogram(histogram)) = self.get(step) {
                match change(histogram) {
                    Some(changed) => self.set_histogram(step, Arc::new(changed)),
                    None => self.clear(step),
                }
            }
        }
    }

    /// Takes all histograms out.
    pub fn without_histograms(&mut self) {
        self.map_histograms(|_| None);
        self.histograms = Vec::new();
    }

    /// Takes over the values of another where this one has none. False, and nothing is changed, where both have one.
    pub fn fill_from(&mut self, other: &Self) -> bool {
        if (0..self.floats.len().min(other.floats.len())).any(|step| self.is_present(step) && other.is_present(step)) {
            return false;
        }
        for (step, cell) in other.present() {
            self.set(step, cell.point());
        }
        true
    }

    /// Bytes it takes, about.
    pub fn bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().flatten().map(|h| histogram_bytes(h)).sum();
        self.floats.len() * BYTES_A_STEP + self.histograms.len() * size_of::<Option<Arc<Histogram>>>() + histograms
    }
}

/// Bytes a histogram takes, about.
pub(super) fn histogram_bytes(histogram: &Histogram) -> usize {
    let buckets = histogram.positive.len() + histogram.negative.len();
    size_of::<Histogram>() + buckets * size_of::<vitrine_observe_series::Bucket>()
}

/// A series.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub labels: Labels,
    /// Whether the name is to be dropped at the end, where that is delayed.
    pub drop_name: bool,
    pub cells: Cells,
}

impl Row {
    /// A scalar as a series.
    pub fn scalar(cells: Cells) -> Self {
        Self { labels: Labels::default(), drop_name: false, cells }
    }

    /// The value of its first step at each of so many steps.
    pub fn repeated(self, count: usize) -> Self {
        let mut cells = Cells::absent(count);
        if let Some(cell) = self.cells.get(0) {
            for step in 0..count {
                cells.set(step, cell.point());
            }
        }
        Self { cells, ..self }
    }
}
