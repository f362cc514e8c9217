//! A file of series, and where it is.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vitrine_observe_series::{FileError, SeriesFile};

use crate::SeriesFileStatus;
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::manifest::SeriesFileInfo;
use crate::column_engine::storage::{DAMAGED, SegmentStorage};
use crate::engine::Tenant;

/// The folder of a tenant's files, beside those of its signals.
const FOLDER: &str = "series";
/// Ends the names of files of series.
pub(crate) const SERIES: &str = ".series";

/// A file that may be read. When no process reads it any more and it is [marked as deleted](Self::mark_deleted), it is removed.
pub(crate) struct SeriesHandle {
    pub info: SeriesFileInfo,
    storage: Arc<dyn SegmentStorage>,
    name: String,
    /// The open file.
    file: Mutex<Option<Arc<SeriesFile>>>,
    is_deleted: AtomicBool,
}

impl fmt::Debug for SeriesHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesHandle").field("info", &self.info).finish_non_exhaustive()
    }
}

/// The name of a tenant's file.
pub(crate) fn file_name(tenant: &Tenant, number: u64) -> String {
    format!("{tenant}/{FOLDER}/{number:010}{SERIES}")
}

impl SeriesHandle {
    /// A file that is opened when it is first read.
    pub(crate) fn new(info: SeriesFileInfo, storage: Arc<dyn SegmentStorage>, tenant: &Tenant) -> Self {
        let name = file_name(tenant, info.number);
        let (file, is_deleted) = (Mutex::new(Rank::Cached, None), AtomicBool::default());
        Self { info, storage, name, file, is_deleted }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it is, for those who ask.
    pub(crate) fn status(&self) -> SeriesFileStatus {
        let SeriesFileInfo { number, rank, bytes, series, samples, min_ms, max_ms, first_ms, .. } = self.info;
        SeriesFileStatus { number, bytes, series, samples, min_ms, max_ms, first_ms, is_merged: number != rank }
    }

    /// Copies it to a local file that is not there yet; without copying a byte where it can be one and the same.
    pub(crate) fn copy_to(&self, local: &Path) -> io::Result<()> {
        self.storage.copy_to(&self.name, local)
    }

    /// The open file.
    pub(crate) fn file(&self) -> Result<Arc<SeriesFile>, FileError> {
        let mut open = self.file.lock();
        if let Some(file) = &*open {
            return Ok(file.clone());
        }
        let source = self.storage.open(&self.name).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => FileError::Damaged("it is missing"),
            _ => FileError::Io { what: "open it", cause },
        })?;
        if source.len() != self.info.bytes {
            return Err(FileError::Damaged("it has another length than when it was written"));
        }
        Ok(open.insert(SeriesFile::open(source)?).clone())
    }

    /// Bytes of what of it is in memory.
    pub(crate) fn held_bytes(&self) -> usize {
        self.file.lock().as_ref().map_or(0, |file| file.held_bytes())
    }

    /// Lets go of what is in memory; it is opened again when it is asked for.
    pub(crate) fn forget(&self) {
        *self.file.lock() = None;
    }

    /// Renames it, so that it is kept and not read.
    pub(crate) fn quarantine(&self) {
        match self.storage.rename(&self.name, &format!("{}{DAMAGED}", self.name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, name = self.name, "a damaged file of series cannot be renamed");
            }
            _ => {}
        }
    }

    /// It is removed when the last reader is done.
    pub(crate) fn mark_deleted(&self) {
        self.is_deleted.store(true, Ordering::Relaxed);
    }
}

impl Drop for SeriesHandle {
    fn drop(&mut self) {
        if self.is_deleted.load(Ordering::Relaxed)
            && let Err(error) = self.storage.remove(&self.name)
        {
            // It is in no manifest, and goes at the next start.
            tracing::warn!(%error, name = self.name, "a file of series cannot be removed");
        }
    }
}
