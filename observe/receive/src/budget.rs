//! Memory for bodies: a caller that fills a [`Buffer`] takes its bytes from one [`Budget`], or is told to come again.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::MAX_BODY_BYTES;
use crate::error::Error;

/// Bytes are taken from the budget in multiples of this.
const STEP_BYTES: usize = 4 << 10;

/// Bytes that all bodies may hold together.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// Bytes taken from a budget; dropping it gives them back.
pub(crate) struct Reservation {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

/// Bytes of one body, at most [`MAX_BODY_BYTES`], that are paid for.
pub(crate) struct Buffer {
    /// The content. A caller that appends to it calls [`Buffer::reserve_written`] at short intervals.
    pub bytes: Vec<u8>,
    reservation: Reservation,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    pub(crate) fn buffer(&self) -> Buffer {
        Buffer { bytes: Vec::new(), reservation: Reservation { budget: self.clone(), permit: None } }
    }
}

impl Reservation {
    fn bytes(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Has so many bytes afterwards. It does not wait: two that wait for each other's bytes would wait for ever.
    fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let missing = bytes.next_multiple_of(STEP_BYTES).saturating_sub(self.bytes());
        let missing = u32::try_from(missing).map_err(|_| Error::TooLarge)?;
        let more = self.budget.0.clone().try_acquire_many_owned(missing).map_err(|_| Error::Busy)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }
}

impl Buffer {
    /// Pays for what has been appended.
    pub(crate) fn reserve_written(&mut self) -> Result<(), Error> {
        self.room(0)
    }

    /// Pays, and in advance for so many bytes more.
    pub(crate) fn room(&mut self, bytes: usize) -> Result<(), Error> {
        let wanted = self.bytes.len() + bytes;
        if wanted > MAX_BODY_BYTES {
            return Err(Error::TooLarge);
        }
        if wanted > self.reservation.bytes() { self.reservation.grow(wanted) } else { Ok(()) }
    }

    /// Appends.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.room(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The same without its first bytes.
    pub(crate) fn without(mut self, bytes: usize) -> Self {
        self.bytes.drain(..bytes);
        self
    }

    /// The content, and what was paid for it.
    pub(crate) fn into_parts(self) -> (Bytes, Reservation) {
        (self.bytes.into(), self.reservation)
    }
}
