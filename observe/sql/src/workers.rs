//! Processes that run statements, as the process sees them that they work for.
//!
//! What a statement computes can be bounded by nothing but the death of its process: memory that is not there ends the
//! process that asks for it, and a function that computes cannot be stopped. So a statement runs in a worker, which asks
//! for rows, and is killed when its time is over or no caller wants its answer any more. Workers are kept for the next
//! statement while they are as good as new.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vitrine_observe_store::Tenant;
use vitrine_observe_store::series::Budget;

use crate::source::{Parts, Source, Telemetry};
use crate::wire::{FromWorker, Messages, ToWorker, head};
use crate::{Format, SqlError, SqlOptions};

/// How long a worker waits for a statement, at least, before it is let go. Starting one takes some ten milliseconds.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// Batches of one statement that are read at a time, or are read and wait to be sent, besides the one that is being sent.
/// Other scans wait for their turn.
const MAX_STEPS: usize = 2;

/// Says how a worker is started: a program that calls [`work`](crate::work).
pub(crate) type Start = Box<dyn Fn() -> Command + Send + Sync>;

/// A statement, and whose it is.
pub(crate) struct Statement {
    pub(crate) engine: Arc<dyn Telemetry>,
    pub(crate) tenant: Tenant,
    pub(crate) text: String,
    pub(crate) format: Format,
    /// What its expressions of PromQL may take together.
    pub(crate) budget: Arc<Budget>,
}

impl Drop for Statement {
    /// It has ended, or no caller wants the answer.
    fn drop(&mut self) {
        self.budget.cancel();
    }
}

/// All workers that no statement has.
pub(crate) struct Workers {
    start: Start,
    options: SqlOptions,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    worker: Worker,
    /// Whether it was there already when workers were last let go.
    stale: bool,
}

impl Workers {
    /// None yet.
    pub(crate) fn new(start: Start, options: SqlOptions) -> Self {
        Self { start, options, idle: Mutex::new(Vec::new()) }
    }

    /// Runs a statement. Dropping what it returns ends the worker.
    pub(crate) async fn run(&self, statement: &Statement, answer: &mpsc::Sender<Bytes>) -> Result<(), SqlError> {
        let kept = self.take();
        let is_kept = kept.is_some();
        let mut worker = match kept {
            Some(worker) => worker,
            None => self.start().await.map_err(|error| broken(&error))?,
        };
        let mut ran = worker.run(statement, answer).await;
        if is_kept && !worker.has_begun && matches!(&ran, Err(RunFailure::Lost(error)) if is_end(error)) {
            // It had ended before it heard of the statement, which is not to blame.
            worker = self.start().await.map_err(|error| broken(&error))?;
            ran = worker.run(statement, answer).await;
        }
        let (outcome, again) = match ran {
            Ok(done) => done,
            Err(RunFailure::Stopped(error)) => return Err(error),
            Err(RunFailure::Lost(error)) => return Err(self.lost(worker, &error).await),
        };
        if again {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Idle { worker, stale: false });
        }
        outcome
    }

    /// Lets those go that no statement has taken since the last time.
    pub(crate) fn release(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| !idle.stale);
        idle.iter_mut().for_each(|idle| idle.stale = true);
    }

    /// The worker that ran last and is still there.
    fn take(&self) -> Option<Worker> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Idle { mut worker, .. }) = idle.pop() {
            // The kernel may have ended it for want of memory elsewhere.
            if matches!(worker.child.try_wait(), Ok(None)) {
                return Some(worker);
            }
        }
        None
    }

    async fn start(&self) -> io::Result<Worker> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = (self.start)();
        // The socket is the standard input: a file that every process has. A terminal's Ctrl-C is not for workers.
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let (from, to) = UnixStream::from_std(ours)?.into_split();
        let mut worker = Worker { child, to, from: Messages::new(from), runs: 0, has_begun: false };
        let SqlOptions { threads, memory_bytes, .. } = self.options;
        worker.send(&ToWorker::Begin { threads: threads.max(1), memory_bytes }, &[]).await?;
        Ok(worker)
    }

    /// Why there is no answer of a worker that is not there any more.
    async fn lost(&self, mut worker: Worker, error: &io::Error) -> SqlError {
        if !is_end(error) {
            return broken(error);
        }
        match worker.child.wait().await {
            Ok(status) if wants_memory(status) => SqlError::Memory {
                limit: self.options.memory_bytes,
                what: "its process wanted more and ended".to_owned(),
            },
            Ok(status) => SqlError::Failed(format!("its process ended: {status}")),
            Err(error) => broken(&error),
        }
    }
}

/// Whether the other end of a socket is gone.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn broken(error: &io::Error) -> SqlError {
    SqlError::Failed(format!("its process cannot be talked to: {error}"))
}

/// Whether a process ended so as one does that is refused memory or stack, or that the kernel chose when there was none.
fn wants_memory(status: ExitStatus) -> bool {
    const ABORT: i32 = 6;
    const BUS: i32 = 7;
    const KILL: i32 = 9;
    const SEGMENT: i32 = 11;
    matches!(status.signal(), Some(ABORT | BUS | KILL | SEGMENT))
}

/// Why a statement has not ended as statements do.
enum RunFailure {
    /// It cannot go on, or no caller wants the answer.
    Stopped(SqlError),
    /// The worker is gone, or talks nonsense.
    Lost(io::Error),
}

impl From<io::Error> for RunFailure {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// A process that runs statements, one after the other. It is killed when this is dropped.
struct Worker {
    child: Child,
    to: OwnedWriteHalf,
    from: Messages<OwnedReadHalf>,
    /// Statements so far.
    runs: u64,
    /// Whether it heard of the last one.
    has_begun: bool,
}

impl Worker {
    async fn send(&mut self, message: &ToWorker, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(&head(message, bytes.len())?).await?;
        self.to.write_all(bytes).await
    }

    /// Runs a statement to its end. Returns its outcome, and whether the worker takes another one.
    async fn run(
        &mut self,
        statement: &Statement,
        answer: &mpsc::Sender<Bytes>,
    ) -> Result<(Result<(), SqlError>, bool), RunFailure> {
        self.runs += 1;
        self.has_begun = false;
        let number = self.runs;
        let run = ToWorker::Run { run: number, text: statement.text.clone(), format: statement.format };
        self.send(&run, &[]).await?;
        let mut scans = Scans::default();
        loop {
            tokio::select! {
                message = self.from.next() => {
                    let (message, bytes) = message?.ok_or(io::ErrorKind::UnexpectedEof).map_err(io::Error::from)?;
                    match message {
                        FromWorker::Begun => self.has_begun = true,
                        FromWorker::Open { run, scan, source } if run == number => scans.open(statement, scan, source),
                        FromWorker::Next { run, scan } if run == number => scans.next(scan),
                        FromWorker::Close { run, scan } if run == number => scans.close(scan),
                        FromWorker::Open { .. } | FromWorker::Next { .. } | FromWorker::Close { .. } => {}
                        FromWorker::Answer => answer.send(bytes).await.map_err(|_| RunFailure::Stopped(SqlError::Closed))?,
                        FromWorker::Done { outcome, again } => return Ok((outcome, again)),
                    }
                }
                Some(stepped) = scans.step() => {
                    let (message, bytes) = stepped?;
                    self.send(&message, &bytes).await?;
                }
            }
        }
    }
}

/// What one step on a blocking thread gives: the next part and the rest, or the end.
type Step = Result<Option<(Vec<u8>, Parts)>, SqlError>;
/// A step that is to be taken.
type Work = Box<dyn FnOnce() -> Step + Send>;

/// The scans of a statement. No thread is held while no caller asks, so that any number of scans share the few that
/// block.
#[derive(Default)]
struct Scans {
    /// Those that wait to be asked.
    waiting: HashMap<u64, Parts>,
    /// Those that are asked and wait for their turn.
    queue: VecDeque<(u64, Work)>,
    /// At most [`MAX_STEPS`].
    steps: JoinSet<(u64, Step)>,
    /// Those that are closed while they take a step.
    closed: HashSet<u64>,
}

impl Scans {
    fn open(&mut self, statement: &Statement, scan: u64, source: Source) {
        let (engine, tenant) = (statement.engine.clone(), statement.tenant.clone());
        let budget = statement.budget.clone();
        self.take_step(scan, move || step(Parts::open(source, &*engine, &tenant, &budget)?));
    }

    fn next(&mut self, scan: u64) {
        if let Some(parts) = self.waiting.remove(&scan) {
            self.take_step(scan, move || step(parts));
        }
    }

    fn close(&mut self, scan: u64) {
        let asked = self.queue.len();
        self.queue.retain(|(queued, _)| *queued != scan);
        if self.waiting.remove(&scan).is_none() && self.queue.len() == asked {
            self.closed.insert(scan);
        }
    }

    fn take_step(&mut self, scan: u64, work: impl FnOnce() -> Step + Send + 'static) {
        self.queue.push_back((scan, Box::new(work)));
        self.take_steps();
    }

    /// Takes as many steps as may be under way.
    fn take_steps(&mut self) {
        while self.steps.len() < MAX_STEPS
            && let Some((scan, work)) = self.queue.pop_front()
        {
            self.steps.spawn_blocking(move || (scan, work()));
        }
    }

    /// The next step that is done, as it is told; none while none is taken.
    async fn step(&mut self) -> Option<Result<(ToWorker, Vec<u8>), RunFailure>> {
        loop {
            let (scan, stepped) = match self.steps.join_next().await? {
                Ok(stepped) => stepped,
                // The engine panicked, or its threads end.
                Err(error) => {
                    return Some(Err(RunFailure::Stopped(SqlError::Failed(format!("reading what is kept: {error}")))));
                }
            };
            self.take_steps();
            if self.closed.remove(&scan) {
                continue;
            }
            return Some(Ok(match stepped {
                Ok(Some((part, rest))) => {
                    self.waiting.insert(scan, rest);
                    (ToWorker::Rows { scan }, part)
                }
                Ok(None) => (ToWorker::End { scan }, Vec::new()),
                Err(error) => (ToWorker::Failed { scan, error }, Vec::new()),
            }));
        }
    }
}

fn step(mut parts: Parts) -> Step {
    Ok(parts.next()?.map(|part| (part, parts)))
}
