//! What was in the log when it was opened, in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Damage;
use crate::folder::{DAMAGED, Folder, SEGMENT, segment_path};
use crate::format::{Position, SegmentHeader};
use crate::queue::WriteQueue;
use crate::reader::{Reader, Record, Step};

/// A segment to be read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    /// Where its file ends.
    pub(crate) length: u64,
    /// Where its good bytes end, as the next segment says.
    pub(crate) expected: Option<u64>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum ReplayItem {
    Segment(Segment),
    Damage(Damage),
}

/// All records that were in the log when it was opened, in order, and at its place what could not be read.
///
/// It holds one record and a window of 256 KiB in memory. Appends and truncations may go on meanwhile: what is appended
/// is not seen, and segments that were truncated are passed over. A segment is checked when it is read, so a caller
/// that does not read to the end does not learn of damage there.
#[derive(Debug)]
pub struct Replay {
    folder: Arc<Folder>,
    shared: Arc<WriteQueue>,
    parts: VecDeque<ReplayItem>,
    open: Option<Open>,
}

/// The segment that is being read.
#[derive(Debug)]
struct Open {
    reader: Reader,
    number: u32,
    path: PathBuf,
    /// Where its file ends.
    length: u64,
    /// Bytes that should follow there.
    missing: u64,
}

impl Replay {
    pub(crate) fn new(folder: Arc<Folder>, shared: Arc<WriteQueue>, parts: VecDeque<ReplayItem>) -> Self {
        Self { folder, shared, parts, open: None }
    }

    fn open(&mut self, segment: Segment) -> Result<(), Damage> {
        let number = segment.header.number;
        let file = match File::open(&segment.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.shared.oldest() > number => return Ok(()),
            Err(source) => return Err(Damage::Io { path: segment.path, at: Position::new(number, 0), source }),
        };
        let end = segment.expected.unwrap_or(segment.length);
        let missing = end.saturating_sub(segment.length);
        let reader = Reader::new(file, segment.header, end.min(segment.length));
        self.open = Some(Open { reader, number, path: segment.path, length: segment.length, missing });
        Ok(())
    }

    /// What the open segment has next.
    fn read(&mut self) -> Option<Result<Record, Damage>> {
        let open = self.open.as_mut()?;
        let step = open.reader.next();
        if let Some(Step::Record(record)) = step {
            return Some(Ok(record));
        }
        if step.is_none() && open.missing == 0 {
            self.open = None;
            return None;
        }
        open.path = quarantine(&self.folder, open.number, &open.path);
        let path = open.path.clone();
        let at = |offset| Position::new(open.number, offset);
        Some(Err(match step {
            Some(Step::Gap(from, to)) => Damage::Unreadable { path, at: at(from), bytes: to - from },
            Some(Step::Failed(offset, source)) => Damage::Io { path, at: at(offset), source },
            _ => Damage::Short { path, at: at(open.length), bytes: std::mem::take(&mut open.missing) },
        }))
    }
}

impl Iterator for Replay {
    type Item = Result<Record, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.read() {
                return Some(item);
            }
            match self.parts.pop_front()? {
                ReplayItem::Damage(damage) => return Some(Err(damage)),
                ReplayItem::Segment(segment) => {
                    if let Err(damage) = self.open(segment) {
                        return Some(Err(damage));
                    }
                }
            }
        }
    }
}

/// Renames a damaged segment, so that it is never deleted. Returns its path from now on.
pub(crate) fn quarantine(folder: &Folder, number: u32, path: &Path) -> PathBuf {
    let kept = segment_path(folder.path(), number, DAMAGED);
    if path.extension().is_some_and(|e| e == SEGMENT) {
        // A segment that was truncated meanwhile is gone, and no caller wants it. Any other failure leaves the file
        // where it is; it is found again at the next start.
        match std::fs::rename(path, &kept).and_then(|()| folder.sync()) {
            Ok(()) => return kept,
            Err(e) => tracing::warn!(error = %e, path = %path.display(), "a damaged segment cannot be renamed"),
        }
        return path.to_owned();
    }
    kept
}
