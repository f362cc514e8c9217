//! Heads become files, files become one, and files leave.
//!
//! As with segments of rows: a file is written and made to last; then the manifest lists it; then queries see it in place of what it
//! was made of.

use std::collections::HashSet;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use vitrine_observe_model::metrics::views;
use vitrine_observe_series::{Budget, FileError, FileInput, Filter, SeriesId, WriteOptions, Written, merge, reindex};

use super::{LoggedHead, SeriesHandle, TenantSeries, policy};
use crate::column_engine::manifest::{Deleted, SeriesFileInfo};
use crate::column_engine::segments::SegmentStore;
use crate::column_engine::table::Table;
use crate::column_engine::{Context, Error, error_chain};
use crate::engine::DeleteError;

/// How hard files from memory are compressed: they are merged soon.
const FRESH: WriteOptions = WriteOptions { zstd_level: 1 };
/// Most series that are deleted and still in files, each counted once for each time that it was deleted.
const MAX_DELETED: usize = 100_000;

impl Table {
    /// Makes a file of a head that has waited, or lets go of it if it is empty. No request waits for the log to get into it.
    pub(crate) fn seal_series(
        &self,
        series: &TenantSeries,
        head: &LoggedHead,
        segments: &SegmentStore,
    ) -> Result<(), Error> {
        let status = head.head().status();
        if status.samples == 0 && status.exemplars == 0 {
            series.sealed(None);
            return Ok(());
        }
        let number = segments.number();
        let handle = segments.build_series(self, (number, number), None, |out| head.head().write(&FRESH, out))?;
        let through = u64::from(head.high());
        segments.list_series(&handle, |contents| {
            let listed = contents.series_of(self.tenant.name());
            listed.through = listed.through.max(through);
            listed.files.push(handle.info);
        })?;
        series.sealed(Some(handle));
        Ok(())
    }

    /// Merges files once, if that is due. Whoever merges or removes files has taken their turn.
    pub(crate) fn merge_series(
        &self,
        series: &TenantSeries,
        context: &Context,
        segments: &SegmentStore,
    ) -> Result<bool, Error> {
        let infos: Vec<SeriesFileInfo> = series.files().iter().map(|handle| handle.info).collect();
        let Some(chosen) = policy::choose(&context.bounds(), &infos, &series.deleted()) else { return Ok(false) };
        self.merge_chosen(series, &chosen, context, segments)?;
        Ok(true)
    }

    /// Writes a file anew that holds what was deleted, if there is one. Whoever merges or removes files has taken their turn.
    pub(crate) fn clean_series(
        &self,
        series: &TenantSeries,
        context: &Context,
        segments: &SegmentStore,
    ) -> Result<bool, Error> {
        let files = series.files();
        let infos: Vec<&SeriesFileInfo> = files.iter().map(|handle| &handle.info).collect();
        let Some(chosen) = policy::with_deleted(&infos, &series.deleted()) else { return Ok(false) };
        self.merge_chosen(series, &chosen, context, segments)?;
        Ok(true)
    }

    fn merge_chosen(
        &self,
        series: &TenantSeries,
        chosen: &[u64],
        context: &Context,
        segments: &SegmentStore,
    ) -> Result<(), Error> {
        let files = series.files();
        let mut inputs: Vec<Arc<SeriesHandle>> =
            files.into_iter().filter(|handle| chosen.contains(&handle.info.number)).collect();
        inputs.sort_by_key(|handle| handle.info.rank);
        // Series of files that are merged are called alike: one whose series were called otherwise comes first, alone.
        if let Some(place) = inputs.iter().position(|handle| context.is_outdated(&handle.info)) {
            inputs = vec![inputs.swap_remove(place)];
        }
        self.rewrite_series(series, inputs, context, segments)
    }

    /// Writes the next file again whose series are called otherwise than they would be now. Returns whether there was one. Whoever merges or
    /// removes files has taken their turn.
    pub(crate) fn reindex_series(
        &self,
        series: &TenantSeries,
        context: &Context,
        segments: &SegmentStore,
    ) -> Result<bool, Error> {
        let Some(handle) = series.files().into_iter().find(|handle| context.is_outdated(&handle.info)) else {
            return Ok(false);
        };
        self.rewrite_series(series, vec![handle], context, segments)?;
        Ok(true)
    }

    /// Makes one file of some that stand beside each other in order of rank.
    fn rewrite_series(
        &self,
        series: &TenantSeries,
        inputs: Vec<Arc<SeriesHandle>>,
        context: &Context,
        segments: &SegmentStore,
    ) -> Result<(), Error> {
        let open = |handle: &Arc<SeriesHandle>| {
            let file = handle.file()?;
            Ok(FileInput { file, deleted: series.tombstones(handle.info.number) })
        };
        let opened: Result<Vec<FileInput>, FileError> = inputs.iter().map(open).collect();
        let rank = inputs.iter().map(|handle| handle.info.rank).max().unwrap_or_default();
        let first_ms = inputs.iter().map(|handle| handle.info.first_ms).min().unwrap_or_default();
        let last_ms = inputs.iter().map(|handle| handle.info.last_ms).max().unwrap_or_default();
        let number = segments.number();
        let (oldest_ms, options) = (context.oldest_ms(), WriteOptions::default());
        let built = opened.map_err(|cause| self.series_error("open", number, cause)).and_then(|opened| {
            segments.build_series(self, (number, rank), Some((first_ms, last_ms)), |out| match &opened[..] {
                [input] if inputs.iter().any(|handle| context.is_outdated(&handle.info)) => {
                    let views = |identity: &[u8]| views(identity, &context.options.translation);
                    reindex(input, oldest_ms, &views, &options, out)
                }
                inputs => merge(inputs, oldest_ms, &options, out),
            })
        });
        let handle = match built {
            Err(Error::Series { cause: FileError::Damaged(_), .. }) => {
                self.verify_series(series, &inputs, context, segments);
                return Ok(());
            }
            built => built?,
        };
        self.take_place(series, &inputs, handle, segments)
    }

    /// Lists a new file in place of those that it was made of, and shows it.
    fn take_place(
        &self,
        series: &TenantSeries,
        inputs: &[Arc<SeriesHandle>],
        handle: Arc<SeriesHandle>,
        segments: &SegmentStore,
    ) -> Result<(), Error> {
        let numbers: Vec<u64> = inputs.iter().map(|handle| handle.info.number).collect();
        // What has nothing left needs no file.
        let came = (handle.info.series > 0).then(|| handle.clone());
        let listed = segments.list_series(&handle, |contents| {
            let listed = contents.series_of(self.tenant.name());
            // One of them may have turned out to be damaged meanwhile.
            let all = numbers.iter().all(|number| listed.files.iter().any(|info| info.number == *number));
            if all {
                listed.files.retain(|info| !numbers.contains(&info.number));
                listed.files.extend(came.as_ref().map(|handle| handle.info));
                let files = &listed.files;
                listed.deleted.retain(|gone| files.iter().any(|info| policy::may_hold(info, gone)));
            }
            all.then(|| listed.deleted.clone())
        })?;
        match listed {
            Some(deleted) => {
                if came.is_none() {
                    handle.mark_deleted();
                }
                series.replace(&numbers, came, Some(deleted)).iter().for_each(|handle| handle.mark_deleted());
            }
            None => handle.mark_deleted(),
        }
        Ok(())
    }

    /// Reads all of these files, and takes out those that are damaged.
    pub(crate) fn verify_series(
        &self,
        series: &TenantSeries,
        files: &[Arc<SeriesHandle>],
        context: &Context,
        segments: &SegmentStore,
    ) {
        for handle in files {
            if let Err(error) = handle.file().and_then(|file| file.verify()) {
                self.series_failure(series, handle, &error, context, segments);
            }
        }
    }

    /// A file cannot be read. One that is damaged is taken out, and kept beside.
    pub(crate) fn series_failure(
        &self,
        series: &TenantSeries,
        handle: &SeriesHandle,
        error: &FileError,
        context: &Context,
        segments: &SegmentStore,
    ) {
        let text = format!("file {} cannot be read: {}", handle.name(), error_chain(error));
        if !matches!(error, FileError::Damaged(_)) {
            return context.troubles.tell(text);
        }
        if let Err(error) = segments.unlist_series(self, series, handle) {
            return context.troubles.fail(&error);
        }
        handle.quarantine();
        context.troubles.quarantined(format!("{text}; it was renamed to .damaged, restore it from a backup"));
    }

    fn series_error(&self, action: &'static str, number: u64, cause: FileError) -> Error {
        Error::Series { action, number, table: self.name(), cause }
    }

    /// Notes that samples are deleted. All that is in memory has become files, and nothing else does meanwhile.
    pub(crate) fn delete_series(
        &self,
        series: &TenantSeries,
        filter: &Filter,
        budget: &Arc<Budget>,
        segments: &SegmentStore,
    ) -> Result<u64, DeleteError> {
        let ids: HashSet<SeriesId> = series.ids(filter, budget)?.into_iter().collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let known: usize = series.deleted().iter().map(|gone| gone.series.len()).sum();
        if known + ids.len() > MAX_DELETED {
            return Err(DeleteError::TooMany { found: known + ids.len(), most: MAX_DELETED });
        }
        let (start_ms, end_ms) = (filter.start_ms, filter.end_ms);
        let mut names: Vec<String> = ids.iter().map(|SeriesId(id)| format!("{id:032x}")).collect();
        names.sort_unstable();
        let gone = Deleted { before: segments.number(), start_ms, end_ms, series: names };
        let deleted = segments.change_series(|contents| {
            contents.next = contents.next.max(gone.before + 1);
            let listed = contents.series_of(self.tenant.name());
            listed.deleted.push(gone.clone());
            listed.deleted.clone()
        });
        let deleted = deleted.map_err(|error| DeleteError::Disk(error_chain(&error)))?;
        series.replace(&[], None, Some(deleted));
        Ok(ids.len() as u64)
    }
}

/// Writes through a buffer, to the last byte.
pub(crate) fn buffered(
    file: &mut std::fs::File,
    fill: impl FnOnce(&mut BufWriter<&mut std::fs::File>) -> Result<Written, FileError>,
) -> Result<Written, FileError> {
    let mut out = BufWriter::new(file);
    let written = fill(&mut out)?;
    out.flush().map_err(|cause| FileError::Io { what: "write it", cause })?;
    Ok(written)
}
