//! Running statements.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow_schema::ArrowError;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement;
use futures::{Stream, StreamExt};
use std::future::Future as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use vitrine_observe_store::{Engine, Tenant};

use crate::format::Encoder;
use crate::session::Shelf;
use crate::watch::Watch;
use crate::{Format, SqlError, statement};

/// Chunks of an answer that wait for whoever reads it.
const MAX_WAITING_CHUNKS: usize = 2;
/// Stack of a thread that plans and runs statements: planning recurses, up to
/// [`MAX_STATEMENT_WORDS`](crate::MAX_STATEMENT_WORDS) deep. Only what is used takes memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Threads that wait for the engine; each holds one batch of one scan at a time.
const MAX_READING_THREADS: usize = 4;
/// Threads that run statements, at most, if nothing else is said.
const DEFAULT_THREADS: usize = 4;

/// Bounds on statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlOptions {
    /// Bytes that one statement may hold while it sorts, groups and joins.
    pub memory_bytes: usize,
    /// How long one statement may run, until its answer has been read.
    pub time_limit: Duration,
    /// Statements that run at a time.
    pub max_queries: usize,
    /// Threads that they run on.
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

/// Answers statements over an engine.
pub struct Sql {
    engine: Arc<dyn Engine>,
    options: SqlOptions,
    shelf: Arc<Shelf>,
    slots: Arc<Semaphore>,
    /// Always there; taken when it is dropped.
    runtime: Option<Runtime>,
}

impl Sql {
    /// Starts the threads that statements run on.
    pub fn new(engine: Arc<dyn Engine>, options: SqlOptions) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("sql")
            .worker_threads(options.threads.max(1))
            .max_blocking_threads(MAX_READING_THREADS)
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()?;
        let slots = Arc::new(Semaphore::new(options.max_queries));
        Ok(Self { engine, options, shelf: Arc::new(Shelf::new()), slots, runtime: Some(runtime) })
    }

    /// Runs a statement. It is back when the first bytes of the answer are there, so that most mistakes are told before;
    /// dropping the answer stops the statement.
    pub async fn query(&self, tenant: &Tenant, text: &str, format: Format) -> Result<Answer, SqlError> {
        let most = self.options.max_queries;
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| SqlError::Busy { most })?;
        let runtime = self.runtime.as_ref().ok_or(SqlError::Closed)?;
        let deadline = Instant::now() + self.options.time_limit;
        let watch = Watch::new(deadline);
        let (chunks, waiting) = mpsc::channel(MAX_WAITING_CHUNKS);
        let work = Work {
            engine: self.engine.clone(),
            tenant: tenant.clone(),
            text: text.to_owned(),
            format,
            options: self.options.clone(),
            shelf: self.shelf.clone(),
            chunks,
            watch: watch.clone(),
            _slot: slot,
        };
        let limit = self.options.time_limit;
        let task = runtime.spawn(async move {
            let watch = work.watch.clone();
            match tokio::time::timeout_at(deadline, work.run()).await {
                Ok(Err(_)) if watch.is_late() => Err(SqlError::Time { limit }),
                Ok(outcome) => outcome,
                Err(_) => Err(SqlError::Time { limit }),
            }
        });
        let late = Box::pin(tokio::time::sleep_until(deadline));
        let mut answer = Answer { first: None, waiting, task, watch, late, limit, ended: false };
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
pub struct Answer {
    first: Option<Bytes>,
    waiting: mpsc::Receiver<Bytes>,
    task: JoinHandle<Result<(), SqlError>>,
    watch: Arc<Watch>,
    /// For a statement that does not even notice that its time is over.
    late: Pin<Box<Sleep>>,
    limit: Duration,
    ended: bool,
}

impl Stream for Answer {
    type Item = Result<Bytes, SqlError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if self.late.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(Some(Err(SqlError::Time { limit: self.limit })));
        }
        if let Some(chunk) = ready!(self.waiting.poll_recv(context)) {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let outcome = ready!(Pin::new(&mut self.task).poll(context));
        self.ended = true;
        match outcome {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(error)) => Poll::Ready(Some(Err(error))),
            Err(error) if error.is_cancelled() => Poll::Ready(Some(Err(SqlError::Closed))),
            Err(_) => Poll::Ready(Some(Err(SqlError::Failed("it panicked, which is a mistake of ours".to_owned())))),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.stop();
        self.task.abort();
    }
}

/// One statement.
struct Work {
    engine: Arc<dyn Engine>,
    tenant: Tenant,
    text: String,
    format: Format,
    options: SqlOptions,
    shelf: Arc<Shelf>,
    chunks: mpsc::Sender<Bytes>,
    watch: Arc<Watch>,
    /// Held until the statement has really ended.
    _slot: OwnedSemaphorePermit,
}

impl Work {
    async fn run(self) -> Result<(), SqlError> {
        let statement = statement::parse(&self.text)?;
        let memory = self.options.memory_bytes;
        let wrong = |error: DataFusionError| SqlError::from_datafusion(&error, memory);
        let unwritten = |error: ArrowError| SqlError::from_arrow(&error, memory);
        let session = self
            .shelf
            .session(&self.engine, &self.tenant, memory, self.options.threads.max(1), &self.watch)
            .map_err(wrong)?;
        let mut batches = plan(session, statement).await.map_err(wrong)?.execute_stream().await.map_err(wrong)?;
        let mut encoder = Encoder::new(self.format, &batches.schema()).map_err(unwritten)?;
        // The head goes with the first rows, for a mistake that shows before them is told in place of an answer.
        let mut head = encoder.start().map_err(unwritten)?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(wrong)?;
            for rows in encoder.rows(&batch) {
                let bytes = encoder.encode(&rows).map_err(unwritten)?;
                let head = std::mem::take(&mut head);
                self.send(if head.is_empty() { bytes } else { [head, bytes].concat().into() }).await?;
            }
        }
        self.send(head).await?;
        self.send(encoder.finish().map_err(unwritten)?).await
    }

    async fn send(&self, bytes: Bytes) -> Result<(), SqlError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.chunks.send(bytes).await.map_err(|_| SqlError::Closed)
    }
}

async fn plan(session: SessionState, statement: Statement) -> Result<DataFrame, DataFusionError> {
    let plan = session.statement_to_plan(statement).await?;
    // The parser has let nothing else through; this is what DataFusion itself holds to be reading.
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan)?;
    Ok(DataFrame::new(session, plan))
}
