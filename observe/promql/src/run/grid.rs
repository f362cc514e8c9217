//! The steps at which something is evaluated.

/// Steps from `start_ms` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub start_ms: i64,
    /// Where it was asked to end; the last step may be before.
    end_ms: i64,
    /// Between two. Greater than 0.
    pub step_ms: i64,
    /// How many steps.
    pub count: usize,
}

impl Grid {
    /// From start to end, both included; no steps if the end is before the start.
    pub fn new(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let step_ms = step_ms.max(1);
        let count = if end_ms < start_ms {
            0
        } else {
            let steps = (i128::from(end_ms) - i128::from(start_ms)) / i128::from(step_ms) + 1;
            usize::try_from(steps).unwrap_or(usize::MAX)
        };
        Self { start_ms, end_ms, step_ms, count }
    }

    /// One step.
    pub fn instant(time_ms: i64) -> Self {
        Self::new(time_ms, time_ms, 1)
    }

    /// Its first step only.
    pub fn first(&self) -> Self {
        Self { end_ms: self.start_ms, count: self.count.min(1), ..*self }
    }

    /// Whether it is an instant: then the order of rows is that of the result.
    pub fn is_instant(&self) -> bool {
        self.start_ms == self.end_ms
    }

    /// The time of a step.
    pub fn time(&self, step: usize) -> i64 {
        let steps = i64::try_from(step).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(self.step_ms.saturating_mul(steps))
    }

    /// The time of the last step.
    pub fn last_ms(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }

    /// All times.
    pub fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let grid = *self;
        (0..grid.count).map(move |step| grid.time(step))
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn steps_stop_before_the_end() {
        assert_eq!(Grid::new(0, 25, 10).times().collect::<Vec<_>>(), [0, 10, 20]);
        assert_eq!(Grid::new(5, 4, 1).count, 0);
        assert!(Grid::instant(7).is_instant());
        assert!(Grid::new(i64::MIN, i64::MAX, 1).count > 1 << 62);
    }
}
