//! Which segments are merged, and which are removed.

use std::time::Duration;

use crate::column_engine::manifest::SegmentInfo;

/// Segments of one tier have at most this many times the rows of each other, as a power of two.
const TIER_BITS: u32 = 3;
/// Rows that are merged may have become segments at times this part of the retention apart: a segment leaves as a
/// whole, when its last row is too old.
const RETENTION_PARTS: i64 = 8;

/// A tier that nothing came to for so long, in milliseconds, is quiet.
const QUIET_MS: i64 = 10_000;
/// How many segments of a quiet tier are enough: merging costs no one anything then, and fewer are read faster.
const QUIET_FAN_IN: usize = 4;

/// The bounds of merged segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// When it is, in milliseconds since 1970.
    pub now_ms: i64,
    /// How many segments of a tier there must be, and are merged at most.
    pub fan_in: usize,
    /// Most rows.
    pub rows: u64,
    /// Most bytes of one column.
    pub column_bytes: u64,
    /// How long rows are kept.
    pub retention: Option<Duration>,
}

/// Which tier a segment belongs to, by its rows.
pub(crate) fn tier(rows: u64) -> u32 {
    rows.max(1).ilog2() / TIER_BITS
}

impl Bounds {
    /// Whether a segment is so large that it is never merged again. Any two others may be merged.
    fn is_final(&self, info: &SegmentInfo) -> bool {
        info.rows > self.rows / 2 || info.largest_column_bytes > self.column_bytes / 2
    }

    pub(crate) fn span_ms(&self) -> i64 {
        self.retention.map_or(i64::MAX, |kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX) / RETENTION_PARTS)
    }

    /// How many segments of a tier there must be, of which the newest is of this time.
    pub(crate) fn enough(&self, newest_ms: i64) -> usize {
        let quiet = self.now_ms.saturating_sub(newest_ms) >= QUIET_MS;
        if quiet { self.fan_in.min(QUIET_FAN_IN) } else { self.fan_in }.max(2)
    }

    /// The longest run from the front that may become one segment.
    fn run<'a>(&self, infos: &[&'a SegmentInfo]) -> Vec<&'a SegmentInfo> {
        let mut run: Vec<&SegmentInfo> = Vec::new();
        let (mut rows, mut bytes) = (0u64, 0u64);
        for info in infos.iter().take(self.fan_in.max(2)) {
            rows = rows.saturating_add(info.rows);
            bytes = bytes.saturating_add(info.largest_column_bytes);
            let first = run.first().map_or(info.first_ms, |first| first.first_ms);
            let apart = info.last_ms.saturating_sub(first) > self.span_ms();
            if rows > self.rows || bytes > self.column_bytes || apart {
                break;
            }
            run.push(info);
        }
        run
    }

    /// Numbers of the segments of a table to be merged next, if any: the smallest tier that has enough of them, in it
    /// the oldest that may come together.
    pub(crate) fn choose(&self, segments: &[SegmentInfo]) -> Option<Vec<u64>> {
        let mut candidates: Vec<&SegmentInfo> = segments.iter().filter(|info| !self.is_final(info)).collect();
        candidates.sort_by_key(|info| (tier(info.rows), info.last_ms, info.number));
        candidates.chunk_by(|a, b| tier(a.rows) == tier(b.rows)).find_map(|tier| {
            let enough = self.enough(tier.last().map_or(self.now_ms, |newest| newest.last_ms));
            // Those before a gap in time are left alone; they leave sooner than those behind it.
            (0..tier.len())
                .take_while(|start| tier.len() - start >= enough)
                .map(|start| self.run(&tier[start..]))
                .find(|run| run.len() > 1)
                .map(|run| run.iter().map(|info| info.number).collect())
        })
    }

    /// Merges that are due, in segments that would go away.
    pub(crate) fn debt(&self, segments: &[SegmentInfo]) -> u64 {
        let mut left = segments.to_vec();
        let mut debt = 0;
        while let Some(chosen) = self.choose(&left) {
            debt += chosen.len() as u64 - 1;
            left.retain(|info| !chosen.contains(&info.number));
        }
        debt
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Bounds, SegmentInfo};

    const BOUNDS: Bounds = Bounds { now_ms: 0, fan_in: 4, rows: 1000, column_bytes: 1 << 20, retention: None };

    fn info(number: u64, rows: u64) -> SegmentInfo {
        SegmentInfo {
            number,
            rows,
            file_bytes: rows,
            bytes: rows,
            min_time: 0,
            max_time: 0,
            first_ms: number as i64,
            last_ms: number as i64,
            largest_column_bytes: rows,
            index: false,
            rollup: false,
            text_index: false,
        }
    }

    fn numbers(rows: &[u64]) -> Vec<SegmentInfo> {
        rows.iter().enumerate().map(|(number, rows)| info(number as u64, *rows)).collect()
    }

    #[test]
    fn enough_of_a_size_are_merged() {
        assert_eq!(BOUNDS.choose(&numbers(&[100; 3])), None);
        assert_eq!(BOUNDS.choose(&numbers(&[100; 5])), Some(vec![0, 1, 2, 3]));
        assert_eq!(BOUNDS.choose(&numbers(&[501, 501, 501, 501])), None, "large enough");
        assert_eq!(BOUNDS.choose(&numbers(&[300, 300, 1, 1, 1, 300, 1])), Some(vec![2, 3, 4, 6]));
        assert_eq!(BOUNDS.choose(&numbers(&[400, 400, 400, 400])), Some(vec![0, 1]), "as many as fit");
    }

    #[test]
    fn fewer_are_enough_when_it_is_quiet() {
        let busy = Bounds { fan_in: 8, ..BOUNDS };
        assert_eq!(busy.choose(&numbers(&[100; 5])), None);
        // The last of them came at 4 ms.
        assert_eq!(Bounds { now_ms: 10_003, ..busy }.choose(&numbers(&[100; 5])), None);
        let quiet = Bounds { now_ms: 10_004, ..busy };
        assert_eq!(quiet.choose(&numbers(&[100; 5])), Some(vec![0, 1, 2, 3, 4]));
        assert_eq!(quiet.choose(&numbers(&[100; 3])), None);
        assert_eq!(Bounds { now_ms: 10_004, fan_in: 3, ..BOUNDS }.choose(&numbers(&[100; 3])), Some(vec![0, 1, 2]));
    }

    #[test]
    fn the_number_of_segments_is_bounded() {
        let mut segments: Vec<SegmentInfo> = Vec::new();
        for number in 0..5000 {
            segments.push(info(number, 1 + number * 7919 % 90));
            while let Some(chosen) = BOUNDS.choose(&segments) {
                assert!(chosen.len() > 1);
                let rows = segments.iter().filter(|info| chosen.contains(&info.number)).map(|info| info.rows).sum();
                assert!(rows <= BOUNDS.rows);
                segments.retain(|info| !chosen.contains(&info.number));
                segments.push(info(number, rows));
            }
        }
        let small = segments.iter().filter(|info| !BOUNDS.is_final(info)).count();
        assert!(small < 4 * 4, "{small}");
        let rows: u64 = segments.iter().map(|info| info.rows).sum();
        assert!((segments.len() as u64) < rows / 500 + 16);
    }

    #[test]
    fn old_and_new_stay_apart() {
        let bounds = Bounds { retention: Some(Duration::from_millis(80)), ..BOUNDS };
        let mut segments = numbers(&[10; 6]);
        for info in &mut segments[3..] {
            info.first_ms += 1000;
            info.last_ms += 1000;
        }
        assert_eq!(bounds.choose(&segments), Some(vec![0, 1, 2]));
    }
}
