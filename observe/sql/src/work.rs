//! The worker: a process that runs statements for another one, which hands it rows and takes the answer.

use std::any::Any;
use std::convert::Infallible;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::confine::Confined;
use crate::parent::{Parent, Reply, Run};
use crate::session::SessionFactory;
use crate::wire::{FromWorker, ToWorker, read};
use crate::{Format, SqlError, execute};

/// Stack of a thread that plans and runs statements: planning recurses, up to
/// [`MAX_STATEMENT_WORDS`](crate::MAX_STATEMENT_WORDS) deep. Only what is used takes memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// How often it is looked whether tasks of a statement that has ended are gone, and how long is waited in between. Most
/// are at once; starting another worker takes some ten milliseconds.
const MAX_SETTLING: usize = 50;
const SETTLING: Duration = Duration::from_millis(1);
/// Longest text in Arrow, and longest column of texts in one batch, in bytes.
const MAX_TEXT_BYTES: usize = i32::MAX as usize;

/// Is a worker of the process that started this one, whose end of a socket is the standard input, until that process is
/// gone; then this one ends, too. An error says why this is none.
pub fn work() -> io::Result<Infallible> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Only a socket has a peer.
    socket.peer_addr().map_err(|_| io::Error::other("the standard input is no socket"))?;
    let mut messages = BufReader::new(socket.try_clone()?);
    let (ToWorker::Begin { threads, memory_bytes }, _) = read(&mut messages)? else {
        return Err(io::Error::other("expected the message that begins"));
    };
    // All threads are there before memory is bounded: one that cannot be started would be taken for a mistake of ours.
    let runtime = Builder::new_multi_thread()
        .thread_name("statement")
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .enable_time()
        .build()?;
    let worker = Worker {
        parent: Arc::new(Parent::new(socket)),
        session_factory: Arc::new(SessionFactory::new()),
        bounds: (threads, memory_bytes),
    };
    let confined = Arc::new(Confined::new(memory_bytes as u64)?);
    let ended = loop {
        match read(&mut messages) {
            Ok((ToWorker::Run { run, text, format }, _)) => worker.run(&runtime, &confined, run, text, format),
            Ok((ToWorker::Rows { scan }, part)) => worker.parent.replied(scan, Reply::Rows(part)),
            Ok((ToWorker::End { scan }, _)) => worker.parent.replied(scan, Reply::End),
            Ok((ToWorker::Failed { scan, error }, _)) => worker.parent.replied(scan, Reply::Failed(error)),
            Ok((ToWorker::Begin { .. }, _)) => break 1,
            // This thread does nothing else, so that it sees in any case that no caller wants the answer any more.
            Err(_) => break 0,
        }
    };
    // Without waiting for what computes.
    std::process::exit(ended)
}

struct Worker {
    parent: Arc<Parent>,
    session_factory: Arc<SessionFactory>,
    /// Threads and bytes of a statement.
    bounds: (usize, usize),
}

impl Worker {
    fn run(&self, runtime: &Runtime, confined: &Arc<Confined>, run: u64, text: String, format: Format) {
        // A parent that is gone ends this process.
        let _ = self.parent.send(&FromWorker::Begun, &[]);
        let run = Run::new(self.parent.clone(), run);
        let (parent, session_factory, confined, bounds) =
            (self.parent.clone(), self.session_factory.clone(), confined.clone(), self.bounds);
        runtime.spawn(async move {
            let running =
                tokio::spawn(async move { execute::answer(&run, &session_factory, bounds, &text, format).await });
            let (outcome, sound) = match running.await {
                Ok(outcome) => (outcome, true),
                Err(error) => (Err(error.try_into_panic().map_or(SqlError::Closed, |panic| panicked(&*panic))), false),
            };
            let again = sound && is_alone().await && confined.is_fresh();
            // A parent that is gone ends this process.
            let _ = parent.send(&FromWorker::Done { outcome, again }, &[]);
        });
    }
}

/// Whether nothing runs here but the task that asks. What a statement leaves behind is aborted, which tasks that compute
/// notice only when they are done: their thread is then none for the next statement, and what they hold is its memory.
async fn is_alone() -> bool {
    let metrics = Handle::current().metrics();
    for _ in 0..MAX_SETTLING {
        if metrics.num_alive_tasks() <= 1 {
            return true;
        }
        tokio::time::sleep(SETTLING).await;
    }
    false
}

/// Why a statement panicked: Arrow counts the bytes of texts with 31 bits and has no other way to say that they are more.
/// Other panics are mistakes of functions, which are as much a matter of what they are given: the same statement never
/// succeeds.
fn panicked(panic: &(dyn Any + Send)) -> SqlError {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let is_too_long = |text: &str| {
        let text = text.to_lowercase();
        text.contains("offset overflow") || text.contains("capacity overflow")
    };
    match text {
        Some(text) if is_too_long(text) => {
            SqlError::Memory { limit: MAX_TEXT_BYTES, what: "texts of one column in one batch of rows".to_owned() }
        }
        _ => SqlError::statement(&format!(
            "a function cannot do what is asked of it, and panicked: {}",
            text.unwrap_or("it did not say why")
        )),
    }
}
