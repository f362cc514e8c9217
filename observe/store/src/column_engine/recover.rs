//! Opening: the manifest, the segments, and the log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vitrine_kit::clock::Clock;
use vitrine_platform_log::{Log, Replay};

use crate::Signal;
use crate::column_engine::ingest::{Ingester, commit};
use crate::column_engine::manifest::{Contents, Manifest};
use crate::column_engine::merge::Merger;
use crate::column_engine::notify::Notify;
use crate::column_engine::read::Reader;
use crate::column_engine::request_log::RequestLog;
use crate::column_engine::retention::Retention;
use crate::column_engine::seal::Sealer;
use crate::column_engine::segments::SegmentStore;
use crate::column_engine::series::{SERIES, TenantSeries};
use crate::column_engine::snapshot::remove_unfinished;
use crate::column_engine::storage::{DAMAGED, LocalStorage, SEGMENTS, SegmentStorage};
use crate::column_engine::tables::Tables;
use crate::column_engine::{ColumnEngine, Context, Error, Options};

/// The log's folder.
const LOG: &str = "log";
/// The folder of segments that are being written.
const TEMPORARY: &str = "temporary";
/// Ends the names of segments that were put aside before.
const ROWS_ASIDE: &str = ".parquet.damaged";

impl Options {
    fn check(&self) -> Result<(), Error> {
        let wrong = |option, expected| Err(Error::Option { option, expected });
        if self.seal_rows == 0 || self.seal_bytes == 0 {
            return wrong("seal_rows and seal_bytes", "choose at least 1");
        }
        if self.fan_in < 2 {
            return wrong("fan_in", "choose at least 2");
        }
        if self.max_tenants == 0 {
            return wrong("max_tenants", "choose at least 1");
        }
        if self.memory_bytes < 2 * self.seal_bytes {
            return wrong("memory_bytes", "choose at least twice seal_bytes");
        }
        if self.span_metrics.as_ref().is_some_and(|metrics| metrics.check().is_err()) {
            return wrong("span_metrics", "choose few attributes that become different labels");
        }
        Ok(())
    }
}

impl ColumnEngine {
    /// Opens the engine in a folder, which is made if need be, and reads the log that a crash may have left.
    pub fn open(options: Options, clock: Clock) -> Result<Self, Error> {
        options.check()?;
        let data = options.data.clone();
        std::fs::create_dir_all(&data).map_err(Error::io("make the folder", data.display()))?;
        // The log locks the folder, so it comes first.
        let (log, replay) = open_log(&options)?;
        let log = Arc::new(RequestLog::new(log));
        let temporary = empty_folder(data.join(TEMPORARY))?;
        remove_unfinished(&data)?;
        let storage = open_storage(&options)?;
        let names = storage.list().map_err(Error::io("list", "the segments"))?;
        let manifest = open_manifest(&data, &names)?;
        let series_aside = format!("{SERIES}{DAMAGED}");
        let is_aside = |name: &&String| name.ends_with(ROWS_ASIDE) || name.ends_with(&series_aside);
        let aside = names.iter().filter(is_aside).count();
        let context = Arc::new(Context::new(options, clock.clone(), aside));
        let contents = manifest.contents();
        let tables = Arc::new(Tables::new(
            &contents,
            storage.clone(),
            context.memory.clone(),
            context.options.max_series,
            context.options.counting_plan(),
        )?);
        remove_unlisted(&*storage, &names, &tables)?;
        let segments = Arc::new(SegmentStore::new(context.clone(), manifest, temporary));
        let reader = Arc::new(Reader::new(context.clone(), tables.clone(), segments.clone()));
        inspect(&tables, &reader);
        inspect_series(&tables, &context, &segments);

        let [to_seal, to_merge, to_count] = [(), (), ()].map(|()| Arc::new(Notify::default()));
        let (ingester, commits) = Ingester::new(context.clone(), log.clone(), tables.clone(), to_seal.clone());
        let notifiers = [to_seal.clone(), to_merge.clone(), to_count];
        let opened = Self {
            ingester: Arc::new(ingester),
            sealer: Arc::new(Sealer::new(
                context.clone(),
                log.clone(),
                tables.clone(),
                segments.clone(),
                reader.clone(),
                [to_seal.clone(), to_merge.clone()],
            )),
            merger: Arc::new(Merger::new(
                context.clone(),
                tables.clone(),
                segments.clone(),
                reader.clone(),
                to_merge.clone(),
            )),
            retention: Arc::new(Retention::new(context.clone(), tables.clone(), segments)),
            context,
            log,
            tables,
            reader,
            tails: Arc::default(),
            notifiers,
            threads: Vec::new(),
        };
        let tails = opened.tails.clone();
        let commit = move || commit(commits, &to_seal, &tails, &clock);
        opened.at_work(commit, &contents, replay)
    }

    /// Starts the threads, and takes back what the log has: one after the other, as they need each other.
    fn at_work(
        self,
        commit: impl FnOnce() + Send + 'static,
        contents: &Contents,
        replay: Replay,
    ) -> Result<Self, Error> {
        let mut kept = self;
        kept.start("observe-commit", commit)?;
        let (tails, context) = (kept.tails.clone(), kept.context.clone());
        kept.start("observe-tail", move || tails.run(&context))?;
        let sealer = kept.sealer.clone();
        kept.start("observe-seal", move || sealer.run())?;
        kept.relearn();
        kept.replay(contents, replay)?;
        let now_ms = kept.context.clock.now_ms();
        let tables = kept.tables.all();
        tables.iter().filter_map(|table| table.span_counts.as_ref()).for_each(|counts| counts.end_replay(now_ms));
        kept.start_span_metrics()?;
        let (merger, retention) = (kept.merger.clone(), kept.retention.clone());
        kept.start("observe-merge", move || merger.run(&retention))?;
        Ok(kept)
    }

    /// Learns again what of segments was known in memory only.
    fn relearn(&self) {
        for table in self.tables.all().iter().filter(|table| table.signal == Signal::Traces) {
            self.reader.relearn_open_traces(table);
        }
    }
}

fn open_log(options: &Options) -> Result<(Log, Replay), Error> {
    let log_options = vitrine_platform_log::Options {
        fsync: options.fsync,
        max_bytes: options.log_bytes,
        segment_bytes: vitrine_platform_log::Options::default().segment_bytes.min(options.log_bytes / 2),
        ..vitrine_platform_log::Options::default()
    };
    Ok(Log::open(options.data.join(LOG), log_options)?)
}

/// Empties a folder, or makes it.
fn empty_folder(path: PathBuf) -> Result<PathBuf, Error> {
    match std::fs::remove_dir_all(&path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(Error::io("empty", path.display())(cause)),
        _ => {
            std::fs::create_dir(&path).map_err(Error::io("make the folder", path.display()))?;
            Ok(path)
        }
    }
}

fn open_storage(options: &Options) -> Result<Arc<dyn SegmentStorage>, Error> {
    if let Some(storage) = &options.segments {
        return Ok(storage.clone());
    }
    let path = options.data.join(SEGMENTS);
    Ok(Arc::new(LocalStorage::open(&path).map_err(Error::io("make the folder", path.display()))?))
}

/// Those of these files that a segment may have.
fn segments(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().filter(|name| !name.ends_with(DAMAGED))
}

/// The manifest of a folder, or a new one if there are no segments.
fn open_manifest(data: &Path, names: &[String]) -> Result<Manifest, Error> {
    match Manifest::open(data)? {
        Some(manifest) => Ok(manifest),
        None if segments(names).next().is_none() => Manifest::create(data),
        None => {
            let found = "it is missing, though there are segments".to_owned();
            Err(Error::Manifest { path: data.join("catalogue.json"), found })
        }
    }
}

/// Removes what a crash left between the writing of files and their listing, or between that and their removal.
fn remove_unlisted(storage: &dyn SegmentStorage, names: &[String], tables: &Tables) -> Result<(), Error> {
    let snapshots = tables.all().into_iter().flat_map(|table| table.snapshot().segments);
    let mut listed: HashSet<String> = snapshots.flat_map(|handle| handle.files.all(handle.info.number)).collect();
    let files = tables.all().into_iter().filter_map(|table| table.series.as_ref().map(TenantSeries::files));
    listed.extend(files.flatten().map(|handle| handle.name().to_owned()));
    for name in segments(names).filter(|name| !listed.contains(*name)) {
        storage.remove(name).map_err(Error::io("remove", name))?;
    }
    Ok(())
}

/// Opens each file of series once, and takes out those that are damaged.
fn inspect_series(tables: &Tables, context: &Context, segments: &SegmentStore) {
    for table in tables.all() {
        let Some(series) = &table.series else { continue };
        for handle in series.files() {
            if let Err(error) = handle.file() {
                table.series_failure(series, &handle, &error, context, segments);
            }
        }
    }
}

/// Opens each segment once, and takes out those that are damaged.
fn inspect(tables: &Tables, reader: &Reader) {
    for table in tables.all() {
        for handle in table.snapshot().segments {
            match handle.segment() {
                Ok(_) => reader.trim(),
                Err(error) => reader.read_failure(&table, &handle, error),
            }
        }
    }
}
