//! What is computed of times once, for all series that have them.

use std::sync::Arc;

/// Steps of all that is kept together: of a short range that of many clocks, of a long one that of the last clock only.
const KEPT_STEPS: usize = 16_384;
/// Most clocks of which something is kept: series of so many sources may take turns.
const MOST_CLOCKS: usize = 32;

/// Something for each clock; the same times are the same pointer.
pub(super) struct ByTimes<T> {
    known: Vec<(Arc<[i64]>, T)>,
    most: usize,
    last: usize,
}

impl<T> ByTimes<T> {
    /// For values that take some memory for each of so many steps.
    pub fn new(steps: usize) -> Self {
        Self { known: Vec::new(), most: (KEPT_STEPS / steps.max(1)).clamp(1, MOST_CLOCKS), last: 0 }
    }

    /// What is known of these times, made if it is not there.
    pub fn get(&mut self, times: &Arc<[i64]>, make: impl FnOnce() -> T) -> &mut T {
        let count = self.known.len();
        // Sources take turns in the same order.
        let found =
            (self.last..self.last + count).map(|at| at % count).find(|at| Arc::ptr_eq(&self.known[*at].0, times));
        self.last = match found {
            Some(at) => at,
            None if count < self.most => {
                self.known.push((times.clone(), make()));
                count
            }
            None => {
                let at = (self.last + 1) % count;
                self.known[at] = (times.clone(), make());
                at
            }
        };
        &mut self.known[self.last].1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{ByTimes, KEPT_STEPS, MOST_CLOCKS};

    #[test]
    fn times_are_known_again_by_their_pointer() {
        let clocks: Vec<Arc<[i64]>> = (0..MOST_CLOCKS as i64 + 1).map(|number| Arc::from([number])).collect();
        for (steps, kept) in [(1, MOST_CLOCKS), (KEPT_STEPS / 2, 2), (KEPT_STEPS * 9, 1)] {
            let mut known = ByTimes::new(steps);
            let mut made = 0;
            for _ in 0..2 {
                for clock in &clocks[..kept] {
                    let value = known.get(clock, || {
                        made += 1;
                        clock[0]
                    });
                    assert_eq!(*value, clock[0]);
                }
            }
            assert_eq!(made, kept, "{steps} steps");
            for clock in &clocks {
                assert_eq!(*known.get(clock, || clock[0]), clock[0]);
            }
        }
    }
}
