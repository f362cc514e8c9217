//! The windows of a range at each step, and the parts into which their edges cut time.

use crate::source::{Steps, TimeRange};

/// Windows, each open on the left.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    /// Where parts begin and end, in order.
    edges: Vec<u64>,
    /// Begin and end of each window.
    all: Vec<(u64, u64)>,
}

impl Windows {
    pub(crate) fn new(steps: Steps, range_ns: u64, offset_ns: i64) -> Self {
        let window = |step| {
            let end = steps.time_ns(step).saturating_add_signed(offset_ns.saturating_neg());
            (end.saturating_sub(range_ns), end)
        };
        let all: Vec<(u64, u64)> = (0..steps.count.max(1)).map(window).collect();
        let mut edges: Vec<u64> = all.iter().flat_map(|(start, end)| [*start, *end]).collect();
        edges.sort_unstable();
        edges.dedup();
        Self { edges, all }
    }

    /// How many windows.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Begin and end of a window, in nanoseconds since 1970: what is at its begin is not in it, what is at its end is.
    pub(crate) fn window(&self, step: usize) -> (u64, u64) {
        self.all[step]
    }

    /// All windows together.
    pub(crate) fn time(&self) -> TimeRange {
        let (first, last) = (self.edges.first().copied().unwrap_or(0), self.edges.last().copied().unwrap_or(0));
        TimeRange { start_ns: first.saturating_add(1), end_ns: last.saturating_add(1) }
    }

    /// The part in which a time is; none if it is in no part.
    pub(crate) fn part(&self, time_ns: u64) -> Option<usize> {
        let behind = self.edges.partition_point(|edge| *edge < time_ns);
        (behind < self.edges.len()).then(|| behind.checked_sub(1)).flatten()
    }

    /// The parts of a window: from the first up to and not including the second.
    pub(crate) fn parts(&self, step: usize) -> (usize, usize) {
        let (start, end) = self.all[step];
        let place = |edge| self.edges.partition_point(|other| *other < edge);
        (place(start), place(end))
    }

    /// How long each part is, if all are equally long.
    pub(crate) fn part_ns(&self) -> Option<u64> {
        let mut lengths = self.edges.windows(2).map(|pair| pair[1] - pair[0]);
        let first = lengths.next()?;
        lengths.all(|length| length == first).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::Windows;
    use crate::source::Steps;

    #[test]
    fn times_lie_in_parts_and_parts_in_windows() {
        // Windows (10, 40], (20, 50], (30, 60].
        let windows = Windows::new(Steps { start_ns: 50, step_ns: 10, count: 3 }, 30, 10);
        assert_eq!(windows.part_ns(), Some(10));
        assert_eq!(
            [10, 11, 20, 21, 60, 61].map(|time| windows.part(time)),
            [None, Some(0), Some(0), Some(1), Some(4), None]
        );
        assert_eq!([0, 1, 2].map(|step| windows.parts(step)), [(0, 3), (1, 4), (2, 5)]);
        // Windows (35, 40], (55, 60] with a gap between them.
        let apart = Windows::new(Steps { start_ns: 40, step_ns: 20, count: 2 }, 5, 0);
        assert_eq!((apart.part_ns(), apart.parts(1)), (None, (2, 3)));
        assert_eq!((apart.time().start_ns, apart.time().end_ns), (36, 61));
    }
}
