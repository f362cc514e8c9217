//! What one query may take: bytes, samples and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::FileError;

/// Why a query has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It would need more memory than a query may.
    #[error("the query needs more than {most} bytes of memory, which is the limit: ask for less at a time")]
    TooManyBytes {
        /// The limit.
        most: usize,
    },
    /// It would read more samples than a query may.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples {
        /// The limit.
        most: u64,
    },
    /// It takes longer than a query may.
    #[error("the query takes longer than {} s, which is the limit", .most.as_secs_f64())]
    TooLong {
        /// The limit.
        most: Duration,
    },
    /// Who asked is gone, or the process ends.
    #[error("query was canceled")]
    Canceled,
    /// What is kept cannot be read.
    #[error("cannot read what is kept: {0}")]
    Storage(String),
}

impl From<FileError> for QueryError {
    fn from(error: FileError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::Storage(format!("{error}{cause}"))
    }
}

/// What one query may take, and has taken. Shared by all that works for it.
#[derive(Debug)]
pub struct Budget {
    most_bytes: usize,
    most_samples: u64,
    most_time: Duration,
    deadline: Instant,
    bytes: AtomicUsize,
    peak: AtomicUsize,
    samples: AtomicU64,
    canceled: AtomicBool,
}

/// Bytes of a budget; given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// From now on.
    pub fn new(most_bytes: usize, most_samples: u64, most_time: Duration) -> Arc<Self> {
        Arc::new(Self {
            most_bytes,
            most_samples,
            most_time,
            deadline: Instant::now() + most_time,
            bytes: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            samples: AtomicU64::new(0),
            canceled: AtomicBool::new(false),
        })
    }

    /// Takes bytes until the reservation is dropped; an error where there are not so many left.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, QueryError> {
        let used = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let reservation = Reservation { budget: self.clone(), bytes };
        if used > self.most_bytes {
            return Err(QueryError::TooManyBytes { most: self.most_bytes });
        }
        self.peak.fetch_max(used, Ordering::Relaxed);
        Ok(reservation)
    }

    /// An error where so many bytes more cannot be taken. Ask before work whose result could not be kept.
    pub fn fits(&self, bytes: usize) -> Result<(), QueryError> {
        let used = self.bytes.load(Ordering::Relaxed).saturating_add(bytes);
        if used > self.most_bytes { Err(QueryError::TooManyBytes { most: self.most_bytes }) } else { Ok(()) }
    }

    /// Counts samples that were read; an error where they are too many.
    pub fn read_samples(&self, count: u64) -> Result<(), QueryError> {
        let read = self.samples.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        if read > self.most_samples { Err(QueryError::TooManySamples { most: self.most_samples }) } else { Ok(()) }
    }

    /// An error where the query was canceled or has taken too long. Ask between blocks.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.canceled.load(Ordering::Relaxed) {
            return Err(QueryError::Canceled);
        }
        if Instant::now() >= self.deadline {
            return Err(QueryError::TooLong { most: self.most_time });
        }
        Ok(())
    }

    /// Nobody waits for it any more.
    pub fn cancel(&self) {
        self.canceled.store(true, Ordering::Relaxed);
    }

    /// Samples read so far.
    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// The most bytes that were reserved at a time.
    pub fn peak_bytes(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
