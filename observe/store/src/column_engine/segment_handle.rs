//! A segment and its files.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vitrine_observe_columns::{Definition, Error, Segment};
use vitrine_observe_text::IndexError;

use crate::Signal;
use crate::column_engine::error_chain;
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::manifest::{SegmentInfo, signal_name};
use crate::column_engine::rollup::SegmentRollup;
use crate::column_engine::storage::{DAMAGED, SegmentStorage};
use crate::engine::Tenant;

/// What a segment consists of: rows in Parquet.
const ROWS: &str = "parquet";
/// Where ids are in it.
const INDEX: &str = "index";
/// Totals of it.
const ROLLUP: &str = "rollup";
/// Where words are in its texts.
const TEXT_INDEX: &str = "words";

/// The files of segments: `tenant/signal/number.what`.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub storage: Arc<dyn SegmentStorage>,
    folder: String,
}

impl Files {
    /// Those of a tenant and a signal.
    pub(crate) fn new(storage: Arc<dyn SegmentStorage>, tenant: &Tenant, signal: Signal) -> Self {
        Self { storage, folder: format!("{tenant}/{}", signal_name(signal)) }
    }

    fn name(&self, number: u64, what: &str) -> String {
        format!("{}/{number:010}.{what}", self.folder)
    }

    /// Where the rows are.
    pub(crate) fn rows(&self, number: u64) -> String {
        self.name(number, ROWS)
    }

    /// Where the index is.
    pub(crate) fn index(&self, number: u64) -> String {
        self.name(number, INDEX)
    }

    /// Where the figures are.
    pub(crate) fn rollup(&self, number: u64) -> String {
        self.name(number, ROLLUP)
    }

    /// Where the index of texts is.
    pub(crate) fn text_index(&self, number: u64) -> String {
        self.name(number, TEXT_INDEX)
    }

    /// All that a segment may have.
    pub(crate) fn all(&self, number: u64) -> [String; 4] {
        [self.rows(number), self.index(number), self.rollup(number), self.text_index(number)]
    }

    /// Removes a segment's files.
    pub(crate) fn remove(&self, number: u64) {
        for name in self.all(number) {
            if let Err(error) = self.storage.remove(&name) {
                // It is in no manifest, and goes at the next start.
                tracing::warn!(%error, name, "a segment's file cannot be removed");
            }
        }
    }

    /// Renames a damaged segment's files, so that they are kept and not read.
    pub(crate) fn quarantine(&self, number: u64) {
        for name in self.all(number) {
            match self.storage.rename(&name, &format!("{name}{DAMAGED}")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, name, "a damaged segment's file cannot be renamed");
                }
                _ => {}
            }
        }
    }
}

/// Something of a segment that is in memory while there is room.
struct Cached<T> {
    value: Mutex<Option<T>>,
    /// When it was last used, in the order of all readings.
    used: AtomicU64,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { value: Mutex::new(Rank::Cached, None), used: AtomicU64::default() }
    }
}

/// What of a segment may be in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// What it takes to read rows: the footer, indexes and dictionaries.
    Rows,
    /// Its figures.
    Rollup,
}

/// A segment that may be read. When no process reads it any more and it is [marked as deleted](Self::mark_deleted), its
/// files are removed.
pub(crate) struct SegmentHandle {
    pub info: SegmentInfo,
    pub files: Files,
    definition: &'static Definition,
    segment: Cached<Segment>,
    /// With the bytes that they take.
    rollup: Cached<(Arc<SegmentRollup>, usize)>,
    is_deleted: AtomicBool,
}

impl fmt::Debug for SegmentHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentHandle").field("info", &self.info).finish_non_exhaustive()
    }
}

impl SegmentHandle {
    /// A segment that is opened when it is first read.
    pub(crate) fn new(info: SegmentInfo, files: Files, definition: &'static Definition) -> Self {
        Self {
            info,
            files,
            definition,
            segment: Cached::default(),
            rollup: Cached::default(),
            is_deleted: AtomicBool::default(),
        }
    }

    /// The open segment.
    pub(crate) fn segment(&self) -> Result<Segment, Error> {
        let mut open = self.segment.value.lock();
        if let Some(segment) = &*open {
            return Ok(segment.clone());
        }
        let failed = |what| {
            move |cause: io::Error| match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => Error::Damaged(format!("{what}: {cause}")),
                _ => Error::Io { what, cause },
            }
        };
        let number = self.info.number;
        let source = self.files.storage.open(&self.files.rows(number)).map_err(failed("open the segment"))?;
        if source.len() != self.info.file_bytes {
            let (found, expected) = (source.len(), self.info.file_bytes);
            return Err(Error::Damaged(format!("it has {found} bytes: expected {expected}")));
        }
        let index = if self.info.index {
            Some(self.files.storage.read(&self.files.index(number)).map_err(failed("read the index"))?)
        } else {
            None
        };
        let segment = Segment::open(self.definition, source, index)?;
        if segment.rows() as u64 != self.info.rows {
            let (found, expected) = (segment.rows(), self.info.rows);
            return Err(Error::Damaged(format!("it has {found} rows: expected {expected}")));
        }
        self.index_texts(&segment);
        Ok(open.insert(segment).clone())
    }

    /// Has the index of its texts used, if it has one. Nothing depends on it but how much is read.
    fn index_texts(&self, segment: &Segment) {
        if !self.info.text_index {
            return;
        }
        let name = self.files.text_index(self.info.number);
        let indexed = self.files.storage.open(&name).map_err(IndexError::Io);
        if let Err(error) = indexed.and_then(|source| segment.index_texts(source)) {
            let error = error_chain(&error);
            tracing::warn!(error, name, "an index of texts cannot be used; the segment is searched without it");
        }
    }

    /// Its figures, if they are in memory.
    pub(crate) fn cached_rollup(&self) -> Option<Arc<SegmentRollup>> {
        self.rollup.value.lock().as_ref().map(|(rollup, _)| rollup.clone())
    }

    /// Has its figures in memory from now on.
    pub(crate) fn cache_rollup(&self, rollup: Arc<SegmentRollup>) {
        let bytes = rollup.bytes();
        *self.rollup.value.lock() = Some((rollup, bytes));
    }

    /// Its figures from their file; none if it has none that can be read.
    pub(crate) fn read_rollup(&self, signal: Signal) -> io::Result<Option<SegmentRollup>> {
        if !self.info.rollup {
            return Ok(None);
        }
        match self.files.storage.read(&self.files.rollup(self.info.number)) {
            Ok(bytes) => Ok(SegmentRollup::decode(signal, &bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// It is used by a reading of this number, greater than all before.
    pub(crate) fn touch(&self, slot: Slot, reading: u64) {
        match slot {
            Slot::Rows => &self.segment.used,
            Slot::Rollup => &self.rollup.used,
        }
        .store(reading, Ordering::Relaxed);
    }

    /// What of it is in memory: when it was last used, and the bytes that it takes.
    pub(crate) fn cached(&self) -> [(Slot, u64, usize); 2] {
        let rows = self.segment.value.lock().as_ref().map_or(0, Segment::held_bytes);
        let rollup = self.rollup.value.lock().as_ref().map_or(0, |(_, bytes)| *bytes);
        let used = |used: &AtomicU64| used.load(Ordering::Relaxed);
        [(Slot::Rows, used(&self.segment.used), rows), (Slot::Rollup, used(&self.rollup.used), rollup)]
    }

    /// Lets go of what is in memory; it is read again when it is asked for.
    pub(crate) fn forget(&self, slot: Slot) {
        match slot {
            Slot::Rows => *self.segment.value.lock() = None,
            Slot::Rollup => *self.rollup.value.lock() = None,
        }
    }

    /// Its files are removed when the last reader is done.
    pub(crate) fn mark_deleted(&self) {
        self.is_deleted.store(true, Ordering::Relaxed);
    }
}

impl Drop for SegmentHandle {
    fn drop(&mut self) {
        if self.is_deleted.load(Ordering::Relaxed) {
            self.files.remove(self.info.number);
        }
    }
}
