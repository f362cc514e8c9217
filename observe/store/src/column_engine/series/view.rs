//! A tenant's series as they are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vitrine_observe_model::Refusals;
use vitrine_observe_series::{
    Budget, ExemplarSeries, FileInput, Filter, MetadataEntry, QueryError, Queryable, Scan, Select, Selection,
    SeriesInfo, SeriesSamples, Snapshot, Stats,
};

use super::SeriesHandle;

/// What is asked, and the files that it needs: they stay as long as someone reads.
#[derive(Debug)]
pub(crate) struct SeriesView {
    pub(super) snapshot: Result<Snapshot, QueryError>,
    pub(super) guard: FileGuard,
    /// Most active series, and what was refused since the start.
    pub(super) limit: u64,
    pub(super) refused: Refusals,
}

/// What must not go while someone reads.
#[derive(Debug, Clone)]
pub(super) struct FileGuard {
    /// Held, so that no one removes them.
    pub(super) _files: Arc<[Arc<SeriesHandle>]>,
    /// Told when something cannot be read: files are looked through then.
    pub(super) suspect: Arc<AtomicBool>,
}

impl FileGuard {
    /// Tells that a file may be damaged, if that is why there is no result.
    fn note_failure<T>(&self, result: Result<T, QueryError>) -> Result<T, QueryError> {
        if matches!(result, Err(QueryError::Storage(_))) {
            self.suspect.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl SeriesView {
    /// Goes through series with all that was sent of them.
    pub(crate) fn scan(&self, select: Select, hidden: bool, budget: &Arc<Budget>) -> Result<Scan, QueryError> {
        self.ask(|snapshot| snapshot.scan(select, hidden, budget))
    }

    /// Notes that a file may be damaged, if that is why there is no result of a scan.
    pub(crate) fn note_failure<T>(&self, result: Result<T, QueryError>) -> Result<T, QueryError> {
        self.guard.note_failure(result)
    }

    fn ask<T>(&self, question: impl FnOnce(&Snapshot) -> Result<T, QueryError>) -> Result<T, QueryError> {
        self.guard.note_failure(self.snapshot.as_ref().map_err(Clone::clone).and_then(question))
    }
}

impl Queryable for SeriesView {
    fn select(&self, select: &Select, budget: &Arc<Budget>) -> Result<Box<dyn Selection>, QueryError> {
        let inner = self.ask(|snapshot| snapshot.select(select, budget))?;
        Ok(Box::new(GuardedSelection { inner, guard: self.guard.clone() }))
    }

    fn label_names(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        self.ask(|snapshot| snapshot.label_names(filter, budget))
    }

    fn label_values(&self, name: &str, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        self.ask(|snapshot| snapshot.label_values(name, filter, budget))
    }

    fn exemplars(&self, filter: &Filter, budget: &Arc<Budget>) -> Result<Vec<ExemplarSeries>, QueryError> {
        self.ask(|snapshot| snapshot.exemplars(filter, budget))
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, QueryError> {
        self.ask(|snapshot| snapshot.metadata(metric))
    }

    fn stats(&self, most: usize) -> Result<Stats, QueryError> {
        let stats = self.ask(|snapshot| snapshot.stats(most))?;
        let refused = self.refused.iter().filter(|(_, count)| *count > 0);
        let refused = refused.map(|(refusal, count)| (refusal.name().to_owned(), count)).collect();
        Ok(Stats { limit: self.limit, refused, ..stats })
    }
}

/// A selection whose files stay until it is read.
struct GuardedSelection {
    inner: Box<dyn Selection>,
    guard: FileGuard,
}

impl Selection for GuardedSelection {
    fn series(&self) -> &[SeriesInfo] {
        self.inner.series()
    }

    fn next_block(&mut self) -> Result<Option<Vec<SeriesSamples>>, QueryError> {
        let block = self.inner.next_block();
        self.guard.note_failure(block)
    }
}

/// Opens files, for a snapshot.
pub(super) fn inputs(
    files: &[Arc<SeriesHandle>],
    deleted: impl Fn(&SeriesHandle) -> Arc<vitrine_observe_series::Tombstones>,
) -> Result<Vec<FileInput>, QueryError> {
    files.iter().map(|handle| Ok(FileInput { file: handle.file()?, deleted: deleted(handle) })).collect()
}
