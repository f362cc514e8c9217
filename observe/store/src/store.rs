//! Appending, bounds and counters.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use parking_lot::Mutex;
use vitrine_observe_model::{
    LogBatch, LogBuilder, MetricBatch, MetricBuilder, OpenBatch, Origin, Rejected, Scope, SpanBatch, SpanBuilder,
};

use crate::tail::{SealAt, Signal};
use crate::{SignalStatus, Status};

/// Bytes of all signals together, unless configured otherwise.
const DEFAULT_BYTES: usize = 96 << 20;
/// Rows after which a builder is sealed.
const SEAL_ROWS: usize = 4096;
/// Bytes after which a builder is sealed.
const SEAL_BYTES: usize = 1 << 20;
/// A builder holds at most this part of the store, so that a small store works too.
const OPEN_SHARE: usize = 16;

/// How much the store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all signals together; the oldest batches leave to keep below.
    pub bytes: usize,
    /// Rows after which an open builder is sealed into a batch.
    pub seal_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: DEFAULT_BYTES, seal_rows: SEAL_ROWS }
    }
}

/// What became of a request's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Rows taken.
    pub taken: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Why the first refused row was refused.
    pub reason: Option<Rejected>,
}

impl Accepted {
    fn refuse(&mut self, reason: Rejected) {
        self.rejected += 1;
        self.reason.get_or_insert(reason);
    }
}

/// Handle to the store; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    limits: Limits,
    spans: Signal<SpanBuilder>,
    logs: Signal<LogBuilder>,
    metrics: Signal<MetricBuilder>,
    /// All signals' sealed batches, oldest first.
    line: Mutex<VecDeque<Sealed>>,
}

enum Sealed {
    Spans(Arc<SpanBatch>),
    Logs(Arc<LogBatch>),
    Metrics(Arc<MetricBatch>),
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            limits,
            spans: Signal::default(),
            logs: Signal::default(),
            metrics: Signal::default(),
            line: Mutex::default(),
        }))
    }

    /// Adds the spans of an OTLP request.
    pub fn append_traces(&self, request: Vec<ResourceSpans>) -> Accepted {
        let mut accepted = Accepted::default();
        let rows = request.into_iter().flat_map(|resource| {
            let origin = Arc::new(Origin::new(resource.resource));
            resource.scope_spans.into_iter().flat_map(move |scope| {
                let (origin, name) = (origin.clone(), Arc::new(Scope::new(scope.scope)));
                scope.spans.into_iter().map(move |span| (origin.clone(), name.clone(), span))
            })
        });
        self.0.spans.append(
            self.seal_at(),
            rows,
            |builder, (origin, scope, span)| match builder.append(&origin, &scope, span) {
                Ok(()) => accepted.taken += 1,
                Err(reason) => accepted.refuse(reason),
            },
            |batch| self.line_up(Sealed::Spans(batch)),
        );
        self.make_room();
        count(&self.0.spans, &accepted);
        accepted
    }

    /// Adds the records of an OTLP request.
    pub fn append_logs(&self, request: Vec<ResourceLogs>) -> Accepted {
        let mut accepted = Accepted::default();
        let rows = request.into_iter().flat_map(|resource| {
            let origin = Arc::new(Origin::new(resource.resource));
            resource.scope_logs.into_iter().flat_map(move |scope| {
                let (origin, name) = (origin.clone(), Arc::new(Scope::new(scope.scope)));
                scope.log_records.into_iter().map(move |record| (origin.clone(), name.clone(), record))
            })
        });
        self.0.logs.append(
            self.seal_at(),
            rows,
            |builder, (origin, scope, record)| {
                builder.append(&origin, &scope, record);
                accepted.taken += 1;
            },
            |batch| self.line_up(Sealed::Logs(batch)),
        );
        self.make_room();
        count(&self.0.logs, &accepted);
        accepted
    }

    /// Adds the points of an OTLP request.
    pub fn append_metrics(&self, request: Vec<ResourceMetrics>) -> Accepted {
        let mut accepted = Accepted::default();
        let metrics = request.into_iter().flat_map(|resource| {
            let origin = Arc::new(Origin::new(resource.resource));
            resource.scope_metrics.into_iter().flat_map(move |scope| {
                let (origin, name) = (origin.clone(), Arc::new(Scope::new(scope.scope)));
                scope.metrics.into_iter().map(move |metric| (origin.clone(), name.clone(), metric))
            })
        });
        self.0.metrics.append(
            self.seal_at(),
            metrics,
            |builder, (origin, scope, metric)| {
                let before = builder.rows();
                builder.append(&origin, &scope, metric).into_iter().for_each(|reason| accepted.refuse(reason));
                accepted.taken += (builder.rows() - before) as u64;
            },
            |batch| self.line_up(Sealed::Metrics(batch)),
        );
        self.make_room();
        count(&self.0.metrics, &accepted);
        accepted
    }

    /// All span batches, oldest first; the last may still grow, and is a copy.
    pub fn span_batches(&self) -> Vec<Arc<SpanBatch>> {
        let pick = |sealed: &Sealed| if let Sealed::Spans(batch) = sealed { Some(batch.clone()) } else { None };
        let (open, mut batches) = self.0.spans.freeze(|| self.pick(pick));
        batches.extend(open);
        batches
    }

    /// All log batches, oldest first; the last may still grow, and is a copy.
    pub fn log_batches(&self) -> Vec<Arc<LogBatch>> {
        let pick = |sealed: &Sealed| if let Sealed::Logs(batch) = sealed { Some(batch.clone()) } else { None };
        let (open, mut batches) = self.0.logs.freeze(|| self.pick(pick));
        batches.extend(open);
        batches
    }

    /// All metric batches, oldest first; the last may still grow, and is a copy.
    pub fn metric_batches(&self) -> Vec<Arc<MetricBatch>> {
        let pick = |sealed: &Sealed| if let Sealed::Metrics(batch) = sealed { Some(batch.clone()) } else { None };
        let (open, mut batches) = self.0.metrics.freeze(|| self.pick(pick));
        batches.extend(open);
        batches
    }

    /// What the store holds and has seen.
    pub fn status(&self) -> Status {
        Status {
            traces: status(&self.0.spans),
            logs: status(&self.0.logs),
            metrics: status(&self.0.metrics),
            limit_bytes: self.0.limits.bytes as u64,
            ..Status::default()
        }
    }

    fn pick<T>(&self, pick: impl Fn(&Sealed) -> Option<T>) -> Vec<T> {
        self.0.line.lock().iter().filter_map(pick).collect()
    }

    fn seal_at(&self) -> SealAt {
        SealAt { rows: self.0.limits.seal_rows.max(1), bytes: SEAL_BYTES.min(self.0.limits.bytes / OPEN_SHARE) }
    }

    fn line_up(&self, batch: Sealed) {
        self.0.line.lock().push_back(batch);
        self.make_room();
    }

    fn make_room(&self) {
        let mut line = self.0.line.lock();
        while self.bytes() > self.0.limits.bytes {
            match line.pop_front() {
                Some(Sealed::Spans(batch)) => self.0.spans.left(&batch),
                Some(Sealed::Logs(batch)) => self.0.logs.left(&batch),
                Some(Sealed::Metrics(batch)) => self.0.metrics.left(&batch),
                None => break,
            }
        }
    }

    fn bytes(&self) -> usize {
        held(&self.0.spans) + held(&self.0.logs) + held(&self.0.metrics)
    }
}

fn held<B: OpenBatch>(signal: &Signal<B>) -> usize {
    signal.open_bytes.load(Ordering::Relaxed) + signal.sealed_bytes.load(Ordering::Relaxed)
}

fn count<B: OpenBatch>(signal: &Signal<B>, accepted: &Accepted) {
    signal.taken.fetch_add(accepted.taken, Ordering::Relaxed);
    signal.rejected.fetch_add(accepted.rejected, Ordering::Relaxed);
}

fn status<B: OpenBatch>(signal: &Signal<B>) -> SignalStatus {
    SignalStatus {
        rows: signal.rows.load(Ordering::Relaxed),
        bytes: held(signal) as u64,
        taken: signal.taken.load(Ordering::Relaxed),
        rejected: signal.rejected.load(Ordering::Relaxed),
        evicted: signal.evicted.load(Ordering::Relaxed),
        ..SignalStatus::default()
    }
}
