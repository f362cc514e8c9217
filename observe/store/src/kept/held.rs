//! A segment and its files.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use vitrine_observe_columns::{Definition, Error, Segment};

use crate::Signal;
use crate::engine::Tenant;
use crate::kept::catalogue::{Info, signal_name};
use crate::kept::depot::{DAMAGED, Depot};
use crate::kept::rollup::Rollup;

/// What a segment consists of: rows in Parquet.
const ROWS: &str = "parquet";
/// Where ids are in it.
const INDEX: &str = "index";
/// Figures of it.
const ROLLUP: &str = "rollup";

/// The files of segments: `tenant/signal/number.what`.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub depot: Arc<dyn Depot>,
    folder: String,
}

impl Files {
    /// Those of a tenant and a signal.
    pub(crate) fn new(depot: Arc<dyn Depot>, tenant: &Tenant, signal: Signal) -> Self {
        Self { depot, folder: format!("{tenant}/{}", signal_name(signal)) }
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

    /// All that a segment may have.
    pub(crate) fn all(&self, number: u64) -> [String; 3] {
        [self.rows(number), self.index(number), self.rollup(number)]
    }

    /// Removes a segment's files.
    pub(crate) fn remove(&self, number: u64) {
        for name in self.all(number) {
            if let Err(error) = self.depot.remove(&name) {
                // It is in no catalogue, and goes at the next start.
                tracing::warn!(%error, name, "a segment's file cannot be removed");
            }
        }
    }

    /// Renames a damaged segment's files, so that they are kept and not read.
    pub(crate) fn quarantine(&self, number: u64) {
        for name in self.all(number) {
            match self.depot.rename(&name, &format!("{name}{DAMAGED}")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, name, "a damaged segment's file cannot be renamed");
                }
                _ => {}
            }
        }
    }
}

/// A segment that may be read. When nobody reads it any more and it is [doomed](Self::doom), its files are removed.
pub(crate) struct Held {
    pub info: Info,
    pub files: Files,
    definition: &'static Definition,
    segment: Mutex<Option<Segment>>,
    /// When it was last read, in the order of all readings.
    pub used: AtomicU64,
    doomed: AtomicBool,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Held {
    /// A segment that is opened when it is first read.
    pub(crate) fn new(info: Info, files: Files, definition: &'static Definition) -> Self {
        Self {
            info,
            files,
            definition,
            segment: Mutex::default(),
            used: AtomicU64::default(),
            doomed: AtomicBool::default(),
        }
    }

    /// The open segment.
    pub(crate) fn segment(&self) -> Result<Segment, Error> {
        let mut open = self.segment.lock();
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
        let source = self.files.depot.open(&self.files.rows(number)).map_err(failed("open the segment"))?;
        if source.len() != self.info.file_bytes {
            let (found, expected) = (source.len(), self.info.file_bytes);
            return Err(Error::Damaged(format!("it has {found} bytes: expected {expected}")));
        }
        let index = if self.info.index {
            Some(self.files.depot.read(&self.files.index(number)).map_err(failed("read the index"))?)
        } else {
            None
        };
        let segment = Segment::open(self.definition, source, index)?;
        if segment.rows() as u64 != self.info.rows {
            let (found, expected) = (segment.rows(), self.info.rows);
            return Err(Error::Damaged(format!("it has {found} rows: expected {expected}")));
        }
        Ok(open.insert(segment).clone())
    }

    /// Its figures; none if it has none that can be read.
    pub(crate) fn rollup(&self) -> io::Result<Option<Rollup>> {
        if !self.info.rollup {
            return Ok(None);
        }
        match self.files.depot.read(&self.files.rollup(self.info.number)) {
            Ok(bytes) => Ok(Rollup::decode(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.segment.lock().as_ref().map_or(0, Segment::held_bytes)
    }

    /// Closes it; it is opened again when it is read.
    pub(crate) fn close(&self) {
        *self.segment.lock() = None;
    }

    /// Its files are removed when the last reader is done.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Relaxed) {
            self.files.remove(self.info.number);
        }
    }
}
