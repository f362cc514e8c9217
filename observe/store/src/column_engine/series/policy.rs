//! Which files are merged.

use crate::column_engine::manifest::{Deleted, SeriesFileInfo};
use crate::column_engine::policy::{Bounds, tier};

/// Bytes of the largest file that is merged again into a larger one. Merging takes as much memory however large files are, but a file
/// leaves as a whole.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Numbers of the files to be merged next, if any, the first in order of rank. They stand beside each other in that order: of two
/// samples of one series and time that of the greater rank counts, and must do so afterwards.
pub(crate) fn choose(bounds: &Bounds, files: &[SeriesFileInfo], deleted: &[Deleted]) -> Option<Vec<u64>> {
    let mut files: Vec<&SeriesFileInfo> = files.iter().collect();
    files.sort_by_key(|file| file.rank);
    let is_final = |file: &SeriesFileInfo| file.bytes > MAX_FILE_BYTES / 2;
    let mut tiers: Vec<u32> = files.iter().filter(|file| !is_final(file)).map(|file| tier(file.samples)).collect();
    tiers.sort_unstable();
    tiers.dedup();
    let numbers = |files: &[&SeriesFileInfo]| files.iter().map(|file| file.number).collect();
    for highest in tiers {
        let mergeable = |file: &SeriesFileInfo| !is_final(file) && tier(file.samples) <= highest;
        // Where a run of small files begins, and each place within.
        let runs = files.chunk_by(|a, b| mergeable(a) == mergeable(b)).filter(|run| mergeable(run[0]));
        for run in runs {
            let enough = bounds.enough(run.iter().map(|file| file.last_ms).max().unwrap_or_default());
            // Smaller ones go with those of the size that is looked at, and are not why a large one is written again.
            let of_size = |run: &[&SeriesFileInfo]| run.iter().filter(|file| tier(file.samples) == highest).count();
            let chosen = (0..run.len())
                .take_while(|start| of_size(&run[*start..]) >= enough)
                .map(|start| fitting(bounds, &run[start..]))
                .find(|chosen| chosen.len() > 1);
            if let Some(chosen) = chosen {
                return Some(numbers(chosen));
            }
        }
    }
    // What was deleted leaves.
    with_deleted(&files, deleted)
}

/// The number of the first file that holds what was deleted, if there is one.
pub(crate) fn with_deleted(files: &[&SeriesFileInfo], deleted: &[Deleted]) -> Option<Vec<u64>> {
    let found = files.iter().find(|file| deleted.iter().any(|gone| may_hold(file, gone)));
    found.map(|file| vec![file.number])
}

/// Whether a file may hold samples that were deleted.
pub(crate) fn may_hold(file: &SeriesFileInfo, gone: &Deleted) -> bool {
    file.number < gone.before && file.min_ms <= gone.end_ms && gone.start_ms <= file.max_ms
}

/// The longest run from the front that may become one file.
fn fitting<'a, 'b>(bounds: &Bounds, files: &'b [&'a SeriesFileInfo]) -> &'b [&'a SeriesFileInfo] {
    let (mut bytes, mut count) = (0u64, 0);
    for file in files.iter().take(bounds.fan_in.max(2)) {
        bytes = bytes.saturating_add(file.bytes);
        let first = files[..=count].iter().map(|file| file.first_ms).min().unwrap_or_default();
        if bytes > MAX_FILE_BYTES || file.last_ms.saturating_sub(first) > bounds.span_ms() {
            break;
        }
        count += 1;
    }
    &files[..count]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Bounds, Deleted, SeriesFileInfo, choose};

    const BOUNDS: Bounds = Bounds { now_ms: 0, fan_in: 3, rows: 0, column_bytes: 0, retention: None };

    fn files(samples: &[u64]) -> Vec<SeriesFileInfo> {
        let file = |(number, samples): (u64, &u64)| SeriesFileInfo {
            number,
            rank: number,
            bytes: *samples,
            series: 1,
            samples: *samples,
            min_ms: 0,
            max_ms: 10,
            first_ms: number as i64,
            last_ms: number as i64,
            translation: 0,
        };
        (0..).zip(samples).map(file).collect()
    }

    #[test]
    fn neighbours_of_a_size_are_merged() {
        for (samples, expected) in [
            (&[10, 10][..], None),
            (&[10, 10, 10, 10], Some(vec![0, 1, 2])),
            (&[1000, 10, 10], None),
            (&[1000, 10, 10, 10], Some(vec![1, 2, 3])),
            // A smaller one between two goes with them, and no one passes over a larger one.
            (&[10, 1000, 10, 10], None),
            (&[1000, 1, 1000, 1000], Some(vec![0, 1, 2])),
            (&[1 << 30, 10, 10], None),
        ] {
            assert_eq!(choose(&BOUNDS, &files(samples), &[]), expected, "{samples:?}");
        }
        let quiet = Bounds { now_ms: 10_003, fan_in: 16, ..BOUNDS };
        assert_eq!(choose(&quiet, &files(&[10; 4]), &[]), Some(vec![0, 1, 2, 3]));
        let short = Bounds { retention: Some(Duration::from_millis(8)), ..BOUNDS };
        assert_eq!(choose(&short, &files(&[10; 4]), &[]), Some(vec![0, 1]), "what leaves together");
    }

    #[test]
    fn a_file_with_deleted_samples_is_written_again() {
        let deleted = |before, start_ms| vec![Deleted { before, start_ms, end_ms: 20, series: vec![] }];
        assert_eq!(choose(&BOUNDS, &files(&[10, 1000]), &deleted(2, 5)), Some(vec![0]));
        assert_eq!(choose(&BOUNDS, &files(&[10, 1000]), &deleted(2, 11)), None, "no sample is so late");
        assert_eq!(choose(&BOUNDS, &files(&[10, 1000]), &deleted(0, 5)), None, "they were written afterwards");
    }
}
