//! Who waits for the disk, and when.
//!
//! Stores whose commits stand in one log share one order: a crash takes the end of that log, and nothing before it. So a service may go
//! on as soon as a commit is in order, and only what leaves the process must wait until the log is on disk up to there: an answer to
//! a customer, a call to another process, a letter. One wait then stands for all commits before it.
//!
//! A store says with [`written`] what its caller has written, or seen. Outside of any scope the caller waits at once. Within [`settled`]
//! or [`deferred`] it goes on, and the end of the scope waits; [`settle`] waits on the way, before something leaves. The scope is
//! that of one task: work that is moved to another task waits at once there, unless it begins a scope of its own.
//!
//! It writes nothing itself: see `vitrine-platform-store` for the log. docs/adr/0050-one-log-for-the-stores-of-a-process.md says why.
//!
//! ```
//! use std::pin::Pin;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use vitrine_platform_durability::{Flush, NotFlushed, settled, written};
//!
//! #[derive(Default)]
//! struct Log(AtomicU32);
//!
//! impl Flush for Log {
//!     fn flushed(&self, _position: u64) -> Pin<Box<dyn Future<Output = Result<(), NotFlushed>> + Send + '_>> {
//!         Box::pin(async {
//!             self.0.fetch_add(1, Ordering::Relaxed);
//!             Ok(())
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), NotFlushed> {
//! let log = Arc::new(Log::default());
//! let order = settled(async {
//!     written(log.clone(), 1).await?;
//!     written(log.clone(), 2).await?;
//!     Ok::<_, NotFlushed>("ord_1")
//! });
//! assert_eq!(order.await??, "ord_1");
//! assert_eq!(log.0.load(Ordering::Relaxed), 1, "one wait for both");
//! # Ok(())
//! # }
//! ```

use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;
use tonic::Status;
use vitrine_contracts::Problem;

/// The disk did not take what was written: whether it is there after a crash is not known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("what was written is not known to be on disk: {0}")]
pub struct NotFlushed(
    /// Where, and why.
    pub String,
);

impl From<NotFlushed> for Problem {
    /// What a caller is told: where the disk is is no business of a customer's.
    fn from(_: NotFlushed) -> Self {
        Self::unavailable("what was done is not known to be on disk: ask again")
    }
}

impl From<NotFlushed> for Status {
    fn from(error: NotFlushed) -> Self {
        Problem::from(error).into()
    }
}

/// A log that puts on disk what was written to it, in order.
pub trait Flush: Send + Sync + 'static {
    /// Returns when everything up to this position is on disk.
    fn flushed(&self, position: u64) -> Pin<Box<dyn Future<Output = Result<(), NotFlushed>> + Send + '_>>;
}

tokio::task_local! {
    static SCOPE: Arc<Mutex<Unflushed>>;
}

/// What some work has written or seen that may not be on disk yet: of each log the furthest position.
#[must_use = "what is not on disk must be waited for, or handed on"]
#[derive(Clone, Default)]
pub struct Unflushed(Vec<(Arc<dyn Flush>, u64)>);

impl std::fmt::Debug for Unflushed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, position)| position)).finish()
    }
}

impl Unflushed {
    fn add(&mut self, log: Arc<dyn Flush>, position: u64) {
        match self.0.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &log)) {
            Some((_, furthest)) => *furthest = position.max(*furthest),
            None => self.0.push((log, position)),
        }
    }

    /// Waits until all of it is on disk.
    pub async fn wait(self) -> Result<(), NotFlushed> {
        for (log, position) in self.0 {
            log.flushed(position).await?;
        }
        Ok(())
    }

    /// Adds it to what the running task waits for at the end of its scope. Waits here where there is none.
    pub async fn hand_on(self) -> Result<(), NotFlushed> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut rest = Some(self);
        let _ = SCOPE.try_with(|scope| {
            let mut scope = scope.lock();
            rest.take().into_iter().flat_map(|unflushed| unflushed.0).for_each(|(log, at)| scope.add(log, at));
        });
        match rest {
            Some(unflushed) => unflushed.wait().await,
            None => Ok(()),
        }
    }
}

/// Says that the caller has written up to this position of a log, or seen what stands there. Waits for it outside of any scope.
pub async fn written<L: Flush>(log: Arc<L>, position: u64) -> Result<(), NotFlushed> {
    let mut unflushed = Unflushed::default();
    unflushed.add(log, position);
    unflushed.hand_on().await
}

/// Does some work whose commits need not wait for the disk. Returns what it came to, and what is still to be waited for.
pub async fn deferred<F: Future>(work: F) -> (F::Output, Unflushed) {
    let scope = Arc::<Mutex<Unflushed>>::default();
    let outcome = SCOPE.scope(scope.clone(), work).await;
    let unflushed = std::mem::take(&mut *scope.lock());
    (outcome, unflushed)
}

/// Does some work whose commits need not wait for the disk, and then waits for all of them together.
pub async fn settled<F: Future>(work: F) -> Result<F::Output, NotFlushed> {
    let (outcome, unflushed) = deferred(work).await;
    unflushed.wait().await?;
    Ok(outcome)
}

/// Waits for what the running task has written so far: to be awaited before anything leaves the process.
pub async fn settle() -> Result<(), NotFlushed> {
    // It stays on the scope's list: whoever waits here may be dropped before the disk is done.
    SCOPE.try_with(|scope| scope.lock().clone()).unwrap_or_default().wait().await
}
