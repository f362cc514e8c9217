//! Which segments there are, on disk and in the manifest: how they come, and how they leave.
//!
//! A segment's files are written and made to last before the manifest lists it. What the manifest does not list is not
//! there: a crash leaves files that the next start removes.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vitrine_observe_columns::Written;
use vitrine_observe_series::FileError;

use crate::column_engine::lock::{Mutex, MutexGuard, Rank};
use crate::column_engine::manifest::{Contents, Manifest, SegmentInfo, SeriesFileInfo};
use crate::column_engine::rollup::SegmentRollup;
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::series::{SeriesHandle, TenantSeries, buffered, file_name};
use crate::column_engine::table::Table;
use crate::column_engine::{Context, Error};

/// Rows of a page.
pub(crate) const PAGE_ROWS: usize = 8192;

/// What is written before a segment is listed.
pub(crate) struct BuiltSegment {
    pub written: Written,
    pub rollup: Option<SegmentRollup>,
    /// When the first and the last of its rows became a segment; none if they do so now.
    pub since: Option<(i64, i64)>,
}

/// Writes, lists and removes segments.
#[derive(Debug)]
pub(crate) struct SegmentStore {
    context: Arc<Context>,
    manifest: Manifest,
    /// Where segments are while they are being written.
    temporary: PathBuf,
    /// The number of the next segment.
    next: AtomicU64,
    replacing: Mutex<()>,
    /// Segments that may be listed on disk, or not: their listing failed. Their files go when a later one succeeds.
    uncertain: Mutex<Vec<Uncertain>>,
}

/// A segment, or a file of series.
#[derive(Debug)]
enum Uncertain {
    Segment(Arc<SegmentHandle>),
    Series(Arc<SeriesHandle>),
}

impl Uncertain {
    fn mark_deleted(&self) {
        match self {
            Self::Segment(handle) => handle.mark_deleted(),
            Self::Series(handle) => handle.mark_deleted(),
        }
    }
}

impl SegmentStore {
    /// The segments that the manifest lists. The folder for what is being written is there, and empty.
    pub(crate) fn new(context: Arc<Context>, manifest: Manifest, temporary: PathBuf) -> Self {
        let next = AtomicU64::new(manifest.contents().next);
        let (replacing, uncertain) = (Mutex::new(Rank::Replacing, ()), Mutex::new(Rank::Uncertain, Vec::new()));
        Self { context, manifest, temporary, next, replacing, uncertain }
    }

    /// The turn of who merges or removes segments, which are those of others meanwhile. Damage is taken out at any time.
    pub(crate) fn replacing(&self) -> MutexGuard<'_, ()> {
        self.replacing.lock()
    }

    /// A number for a new segment.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a segment's files and makes them last. The segment is not listed yet.
    pub(crate) fn build(
        &self,
        table: &Table,
        number: u64,
        fill: impl FnOnce(&mut File) -> Result<BuiltSegment, vitrine_observe_columns::Error>,
    ) -> Result<Arc<SegmentHandle>, Error> {
        let failed = |cause| Error::Segment { action: "write", number, table: table.name(), cause };
        let path = self.temporary.join(number.to_string());
        let temporary = Temporary(path.clone());
        let mut file = File::create(&path).map_err(Error::io("write", path.display()))?;
        let BuiltSegment { written, rollup, since } = fill(&mut file).map_err(failed)?;
        drop(file);
        let files = &table.files;
        let rollup = rollup.map(|rollup| rollup.encode());
        let beside = [
            (files.index(number), written.index),
            (files.rollup(number), rollup),
            (files.text_index(number), written.text_index),
        ];
        let [index, rollup, text_index] = beside.each_ref().map(|(_, bytes)| bytes.is_some());
        let beside_bytes: usize = beside.iter().filter_map(|(_, bytes)| bytes.as_ref().map(Vec::len)).sum();
        let put = |name: String, temporary: &Temporary| {
            files.storage.put(&name, &temporary.0).map_err(Error::io("keep", name))
        };
        let put_bytes = |(name, bytes): (String, Option<Vec<u8>>)| {
            let Some(bytes) = bytes else { return Ok(()) };
            let temporary = Temporary(self.temporary.join(format!("{number}.beside")));
            std::fs::write(&temporary.0, bytes).map_err(Error::io("write", temporary.0.display()))?;
            put(name, &temporary)
        };
        put(files.rows(number), &temporary)
            .and_then(|()| beside.into_iter().try_for_each(put_bytes))
            .inspect_err(|_| files.remove(number))?;
        // Only now: a store may be slow, and rows leave when they were a segment for long enough.
        let (first_ms, last_ms) = since.unwrap_or_else(|| (self.context.clock.now_ms(), self.context.clock.now_ms()));
        let info = SegmentInfo {
            number,
            rows: written.rows as u64,
            file_bytes: written.bytes,
            bytes: written.bytes + beside_bytes as u64,
            min_time: written.min_time,
            max_time: written.max_time,
            first_ms,
            last_ms,
            largest_column_bytes: written.largest_column_bytes,
            index,
            rollup,
            text_index,
        };
        Ok(Arc::new(SegmentHandle::new(info, files.clone(), table.signal.definition())))
    }

    /// Changes the manifest, in which this segment appears for the first time.
    pub(crate) fn list<T>(
        &self,
        handle: &Arc<SegmentHandle>,
        change: impl FnOnce(&mut Contents) -> T,
    ) -> Result<T, Error> {
        let change = |contents: &mut Contents| {
            contents.next = contents.next.max(handle.info.number + 1);
            change(contents)
        };
        self.change(change).inspect_err(|_| self.uncertain.lock().push(Uncertain::Segment(handle.clone())))
    }

    /// Writes a file of series of this number and rank, and makes it last. It is not listed yet. `since` is when the first and the last
    /// of its samples came into a file; none if they do so now.
    pub(crate) fn build_series(
        &self,
        table: &Table,
        (number, rank): (u64, u64),
        since: Option<(i64, i64)>,
        fill: impl FnOnce(&mut BufWriter<&mut File>) -> Result<vitrine_observe_series::Written, FileError>,
    ) -> Result<Arc<SeriesHandle>, Error> {
        let path = self.temporary.join(format!("{number}.series"));
        let temporary = Temporary(path.clone());
        let mut file = File::create(&path).map_err(Error::io("write", path.display()))?;
        let failed = |cause| Error::Series { action: "write", number, table: table.name(), cause };
        let written = buffered(&mut file, fill).map_err(failed)?;
        drop(file);
        let storage = &table.files.storage;
        let name = file_name(&table.tenant, number);
        storage.put(&name, &temporary.0).map_err(Error::io("keep", name))?;
        let (first_ms, last_ms) = since.unwrap_or_else(|| (self.context.clock.now_ms(), self.context.clock.now_ms()));
        let vitrine_observe_series::Written { bytes, series, samples, min_ms, max_ms, .. } = written;
        let translation = self.context.translation;
        let info =
            SeriesFileInfo { number, rank, bytes, series, samples, min_ms, max_ms, first_ms, last_ms, translation };
        Ok(Arc::new(SeriesHandle::new(info, storage.clone(), &table.tenant)))
    }

    /// Changes the manifest, in which this file of series appears for the first time.
    pub(crate) fn list_series<T>(
        &self,
        handle: &Arc<SeriesHandle>,
        change: impl FnOnce(&mut Contents) -> T,
    ) -> Result<T, Error> {
        let change = |contents: &mut Contents| {
            contents.next = contents.next.max(handle.info.number + 1);
            change(contents)
        };
        self.change(change).inspect_err(|_| self.uncertain.lock().push(Uncertain::Series(handle.clone())))
    }

    /// Takes a file of series out of the manifest and out of sight.
    pub(crate) fn unlist_series(
        &self,
        table: &Table,
        series: &TenantSeries,
        handle: &SeriesHandle,
    ) -> Result<(), Error> {
        let number = handle.info.number;
        self.change(|contents| contents.series_of(table.tenant.name()).files.retain(|info| info.number != number))?;
        series.replace(&[number], None, None);
        Ok(())
    }

    /// Changes what the manifest says of series, but for files.
    pub(crate) fn change_series<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> Result<T, Error> {
        self.change(change)
    }

    /// Takes a segment out of the manifest and out of sight.
    pub(crate) fn unlist(&self, table: &Table, handle: &SegmentHandle) -> Result<(), Error> {
        let number = handle.info.number;
        self.change(|contents| {
            let listed = &mut contents.table(table.tenant.name(), table.signal).segments;
            listed.retain(|info| info.number != number);
        })?;
        table.replace(&[number], None);
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> Result<T, Error> {
        let answer = self.manifest.change(change)?;
        self.uncertain.lock().drain(..).for_each(|handle| handle.mark_deleted());
        Ok(answer)
    }
}

/// A file that is removed unless it was moved away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
