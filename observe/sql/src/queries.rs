//! Running statements.

use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::future::Future as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use vitrine_observe_store::Tenant;
use vitrine_observe_store::series::Budget;

use crate::source::Telemetry;
use crate::workers::{IDLE, Statement, Workers};
use crate::{Format, SqlError, statement};

/// Chunks of an answer that wait for its reader.
const MAX_WAITING_CHUNKS: usize = 2;
/// Threads that wait for the engine, for all statements together. Batches that they have read wait to be sent; `workers`
/// bounds how many of each statement.
const MAX_READING_THREADS: usize = 4;
/// Samples that a statement's expressions of PromQL may read together.
const MAX_SAMPLES: u64 = 50_000_000;
/// Threads that run a statement, at most, if nothing else is said.
const DEFAULT_THREADS: usize = 4;

/// Bounds on statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlOptions {
    /// Bytes that one statement may hold. The 64 MiB that its process has besides are for rows on their way.
    pub memory_bytes: usize,
    /// How long one statement may run, until its answer has been read.
    pub time_limit: Duration,
    /// Statements that run at a time, each in a process of its own.
    pub max_queries: usize,
    /// Threads that each of them runs on.
    pub threads: usize,
}

impl Default for SqlOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            memory_bytes: 128 * 1024 * 1024,
            time_limit: Duration::from_secs(60),
            max_queries: 4,
            threads: cores.min(DEFAULT_THREADS),
        }
    }
}

/// Runs statements over an engine.
pub struct Sql {
    engine: Arc<dyn Telemetry>,
    options: SqlOptions,
    workers: Arc<Workers>,
    slots: Arc<Semaphore>,
    /// Always there; taken when it is dropped.
    runtime: Option<Runtime>,
}

impl Sql {
    /// Starts the threads that read for statements. Each statement runs in a process that `worker` says how to start: a
    /// program that calls [`work`](crate::work). None is started before there is a statement.
    pub fn new(
        engine: Arc<dyn Telemetry>,
        options: SqlOptions,
        worker: impl Fn() -> Command + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("sql")
            .worker_threads(1)
            .max_blocking_threads(MAX_READING_THREADS)
            .enable_all()
            .build()?;
        let slots = Arc::new(Semaphore::new(options.max_queries));
        let workers = Arc::new(Workers::new(Box::new(worker), options.clone()));
        let idle = Arc::downgrade(&workers);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let Some(workers) = idle.upgrade() else { break };
                workers.release();
            }
        });
        Ok(Self { engine, options, workers, slots, runtime: Some(runtime) })
    }

    /// Runs a statement. It is back when the first bytes of the answer are there, so that most mistakes are told before;
    /// dropping the answer stops the statement.
    pub async fn query(&self, tenant: &Tenant, text: &str, format: Format) -> Result<ResultStream, SqlError> {
        statement::check_length(text)?;
        let most = self.options.max_queries;
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| SqlError::Busy { most })?;
        let runtime = self.runtime.as_ref().ok_or(SqlError::Closed)?;
        let limit = self.options.time_limit;
        let deadline = Instant::now() + limit;
        let (chunks, waiting) = mpsc::channel(MAX_WAITING_CHUNKS);
        let budget = Budget::new(self.options.memory_bytes, MAX_SAMPLES, limit);
        let statement =
            Statement { engine: self.engine.clone(), tenant: tenant.clone(), text: text.to_owned(), format, budget };
        let workers = self.workers.clone();
        let task = runtime.spawn(async move {
            let _slot = slot;
            let outcome = timeout_at(deadline, workers.run(&statement, &chunks)).await;
            outcome.unwrap_or(Err(SqlError::Time { limit }))
        });
        let mut answer = ResultStream { first: None, waiting, task, ended: false };
        answer.first = answer.next().await.transpose()?;
        Ok(answer)
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        // Waiting for its threads is not possible in a task, where this may be.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The bytes of an answer as they come. An error is the last item; without one the answer is whole.
pub struct ResultStream {
    first: Option<Bytes>,
    waiting: mpsc::Receiver<Bytes>,
    task: JoinHandle<Result<(), SqlError>>,
    ended: bool,
}

impl Stream for ResultStream {
    type Item = Result<Bytes, SqlError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(chunk) = ready!(self.waiting.poll_recv(context)) {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let outcome = ready!(Pin::new(&mut self.task).poll(context));
        self.ended = true;
        match outcome {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(error)) => Poll::Ready(Some(Err(error))),
            Err(_) => Poll::Ready(Some(Err(SqlError::Closed))),
        }
    }
}

impl Drop for ResultStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
