//! The engine that keeps everything.
//!
//! What arrives is decoded into columns in memory and written to the log ([`ingest`]); it is acknowledged, and seen by
//! queries ([`read`]), when the log has it on disk. Rows in memory become segments ([`seal`]), segments become larger
//! segments ([`merge`]), and leave when they are too old or too many ([`retention`]). The manifest alone says which
//! segments there are ([`segments`]), and up to which record of the log their rows go; a crash at any moment leaves rows in
//! the log or in a segment, never in both.
//!
//! Each of these is an owner with what it needs and no more; what they share are the [`tables`]. Locks are taken in one
//! order ([`lock`]).

mod budget;
mod engine;
mod graph;
mod ingest;
mod lock;
mod manifest;
mod memtable;
mod merge;
mod notify;
mod options;
mod policy;
mod read;
mod recover;
mod replay;
mod request_log;
mod retention;
mod rollup;
mod seal;
mod segment_handle;
mod segments;
mod series;
mod snapshot;
mod span_attributes;
mod span_metrics;
mod span_pass;
mod status;
pub(crate) mod storage;
mod table;
mod tables;
mod tails;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use vitrine_kit::clock::Clock;

use crate::column_engine::budget::Budget;
use crate::column_engine::ingest::Ingester;
use crate::column_engine::manifest::SeriesFileInfo;
use crate::column_engine::merge::Merger;
use crate::column_engine::notify::Notify;
use crate::column_engine::policy::Bounds;
use crate::column_engine::read::Reader;
use crate::column_engine::request_log::RequestLog;
use crate::column_engine::retention::Retention;
use crate::column_engine::seal::Sealer;
use crate::column_engine::status::ErrorLog;
use crate::column_engine::tables::Tables;
use crate::column_engine::tails::Tails;
use crate::engine::{Tenant, WriteError};

pub use options::{Error, Options};
pub use span_metrics::{SpanMetricNames, SpanMetrics};
pub use storage::{LocalStorage, ObjectStorage};

/// How often ages are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait after something in the background failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The engine's threads' stacks, in bytes.
const STACK: usize = 2 << 20;

/// The engine that keeps everything. Dropping it waits until what was written is in the log; rows in memory are read
/// from there when it is opened again.
#[derive(Debug)]
pub struct ColumnEngine {
    context: Arc<Context>,
    log: Arc<RequestLog>,
    tables: Arc<Tables>,
    ingester: Arc<Ingester>,
    sealer: Arc<Sealer>,
    merger: Arc<Merger>,
    retention: Arc<Retention>,
    reader: Arc<Reader>,
    tails: Arc<Tails>,
    /// Those that the engine's threads wait for.
    notifiers: [Arc<Notify>; 3],
    threads: Vec<JoinHandle<()>>,
}

/// What all owners look at.
#[derive(Debug)]
pub(crate) struct Context {
    options: Options,
    /// By which translation series are called what they are from now on.
    translation: u64,
    clock: Clock,
    /// Memory that rows take which are in no segment yet.
    memory: Arc<Budget>,
    troubles: ErrorLog,
    closed: AtomicBool,
}

impl Context {
    /// With so many segments that were put aside before.
    fn new(options: Options, clock: Clock, quarantined: usize) -> Self {
        let (memory, troubles) = (Budget::new(options.memory_bytes), ErrorLog::new(quarantined));
        let translation = options.translation.fingerprint();
        Self { options, translation, clock, memory, troubles, closed: AtomicBool::new(false) }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether series of a file are called otherwise than they would be now.
    fn is_outdated(&self, file: &SeriesFileInfo) -> bool {
        file.translation != self.translation
    }

    /// Samples of series that are older than this are kept no longer, in milliseconds since 1970.
    fn oldest_ms(&self) -> i64 {
        let kept = self.options.retention.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        kept.map_or(i64::MIN, |kept| self.clock.now_ms().saturating_sub(kept))
    }

    /// The bounds of merged segments, now.
    fn bounds(&self) -> Bounds {
        Bounds {
            now_ms: self.clock.now_ms(),
            fan_in: self.options.fan_in,
            rows: self.options.max_segment_rows,
            column_bytes: self.options.max_column_bytes,
            retention: self.options.retention,
        }
    }
}

impl ColumnEngine {
    fn start(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK);
        self.threads.push(thread.spawn(run).map_err(Error::io("start the thread", name))?);
        Ok(())
    }

    /// Lets series that are made of spans get a sample at each interval.
    fn start_span_metrics(&mut self) -> Result<(), Error> {
        let Some(SpanMetrics { interval, .. }) = &self.context.options.span_metrics else { return Ok(()) };
        let (context, ingester, tables) = (self.context.clone(), self.ingester.clone(), self.tables.clone());
        let [.., due] = self.notifiers.clone();
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let mut last_ms = context.clock.now_ms();
        self.start("observe-spans", move || {
            while !context.is_closed() {
                due.wait(TICK);
                let now_ms = context.clock.now_ms();
                if now_ms.saturating_sub(last_ms) >= interval_ms && !context.is_closed() {
                    last_ms = now_ms;
                    write_span_totals(&ingester, &tables).unwrap_or_else(|error| {
                        context.troubles.tell(format!("series of spans get no sample: {error}"));
                    });
                }
            }
        })
    }

    /// Gives series that are made of spans a sample now, and waits until that is in the log.
    pub fn write_span_metrics(&self) -> Result<(), WriteError> {
        write_span_totals(&self.ingester, &self.tables)
    }

    /// Makes segments of all rows in memory, and waits until that is done.
    pub fn seal(&self) -> Result<(), Error> {
        self.sealer.seal_all()
    }

    /// Merges segments until nothing is due. Returns how many merges there were.
    pub fn merge(&self) -> Result<usize, Error> {
        let mut merges = 0;
        while self.merger.merge_once()? {
            merges += 1;
        }
        Ok(merges)
    }

    /// Writes files of series again whose series are called otherwise than they would be now, until there is none. Returns how many.
    pub fn reindex(&self) -> Result<usize, Error> {
        let mut files = 0;
        while self.merger.reindex_once()? {
            files += 1;
        }
        Ok(files)
    }

    /// Removes segments that are too old or too many. Returns how many.
    pub fn expire(&self) -> Result<usize, Error> {
        self.retention.expire()
    }

    /// The tenants that ever sent something, in order.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.tables.tenants()
    }
}

impl Drop for ColumnEngine {
    fn drop(&mut self) {
        self.context.closed.store(true, Ordering::Relaxed);
        self.ingester.close();
        self.notifiers.iter().for_each(|bell| bell.notify());
        self.tails.notify();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine panicked");
            }
        }
    }
}

/// Writes what was counted of all tenants' spans; the first error, if there was one.
fn write_span_totals(ingester: &Ingester, tables: &Tables) -> Result<(), WriteError> {
    let outcomes: Vec<_> = tables.all().iter().map(|table| ingester.write_span_totals(table)).collect();
    outcomes.into_iter().collect()
}

/// An error and what caused it, on one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
