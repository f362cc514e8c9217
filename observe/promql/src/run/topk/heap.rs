//! A heap of the best values of a step. It moves its values exactly as Go's `container/heap` does: which of several equal values
//! is left depends on that.

use crate::ast::AggregateOp;
use crate::engine::Point;

/// A value that was chosen.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub value: Point,
    /// Its series' place.
    pub series: usize,
}

impl Chosen {
    fn number(&self) -> f64 {
        match self.value {
            Point::Float(value) => value,
            Point::Histogram(_) => 0.0,
        }
    }
}

/// The chosen of a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Heap {
    items: Vec<Chosen>,
}

/// Whether `a` is to go before `b` does: what is no number goes first.
fn worse(a: &Chosen, b: &Chosen, top: bool) -> bool {
    let (a, b) = (a.number(), b.number());
    a.is_nan() || if top { a < b } else { a > b }
}

impl Heap {
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds one, whatever its value.
    pub fn append(&mut self, chosen: Chosen) {
        self.items.push(chosen);
        self.up(self.items.len() - 1, true);
    }

    /// Keeps a value if it is among the best `most`: the greatest if `top`, else the least.
    pub fn offer(&mut self, most: usize, top: bool, value: f64, series: usize) {
        let chosen = Chosen { value: Point::Float(value), series };
        if self.items.len() < most {
            self.items.push(chosen);
            self.up(self.items.len() - 1, top);
            return;
        }
        let Some(worst) = self.items.first_mut() else { return };
        let so_far = worst.number();
        let better = if top { so_far < value } else { so_far > value };
        if better || (so_far.is_nan() && !value.is_nan()) {
            *worst = chosen;
            self.down(top);
        }
    }

    fn up(&mut self, mut place: usize, top: bool) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !worse(&self.items[place], &self.items[parent], top) {
                break;
            }
            self.items.swap(place, parent);
            place = parent;
        }
    }

    fn down(&mut self, top: bool) {
        let mut place = 0;
        loop {
            let left = 2 * place + 1;
            if left >= self.items.len() {
                break;
            }
            let right = left + 1;
            let child = if right < self.items.len() && worse(&self.items[right], &self.items[left], top) {
                right
            } else {
                left
            };
            if !worse(&self.items[child], &self.items[place], top) {
                break;
            }
            self.items.swap(place, child);
            place = child;
        }
    }

    /// The chosen: the best first, or as they came where values do not count.
    pub fn sorted(&mut self, op: AggregateOp) -> Vec<Chosen> {
        let mut items = std::mem::take(&mut self.items);
        let top = op == AggregateOp::TopK;
        if top || op == AggregateOp::BottomK {
            items.sort_by(|a, b| {
                let (a, b) = (a.number(), b.number());
                let order = if top { b.total_cmp(&a) } else { a.total_cmp(&b) };
                // Those that are no numbers last; zeros of both signs are equal.
                a.is_nan().cmp(&b.is_nan()).then(if a == b || a.is_nan() { std::cmp::Ordering::Equal } else { order })
            });
        }
        items
    }
}
