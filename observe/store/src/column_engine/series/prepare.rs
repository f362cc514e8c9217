//! From a request to a batch that can be applied when the log has it.

use vitrine_observe_model::metrics::{RemoteWrite, Taking, Written, decode_otlp, decode_remote_write};
use vitrine_observe_series::Batch;

use super::{LoggedHead, TenantSeries};
use crate::Options;
use crate::engine::WriteError;

use std::sync::Arc;

/// For how many seconds new series may be saved up: a process that starts brings all of its series at once.
const BURST_SECONDS: u64 = 60;
/// Milliseconds in a second.
const SECOND_MS: i64 = 1000;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// Names may take this part of the memory: beyond, only series come in that are known.
const NAMES_PART: usize = 2;

/// A request that is decoded, and not visible yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub head: Arc<LoggedHead>,
    pub batch: Batch,
    pub written: Written,
}

/// When a request arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// In nanoseconds since 1970.
    pub ns: u64,
    /// Whether it was taken once, and is read again from the log: then it may bring as many new series as it did.
    pub was_taken: bool,
}

/// How many new series may come: so many a second, saved up for a minute.
#[derive(Debug, Default)]
pub(super) struct NewSeries {
    /// How many may come now.
    left: u64,
    /// When that was worked out, in milliseconds since 1970; none before the first request.
    at_ms: Option<i64>,
}

impl NewSeries {
    fn refill(&mut self, now_ms: i64, a_second: u64) -> u64 {
        let most = a_second.saturating_mul(BURST_SECONDS);
        match self.at_ms {
            None => (self.left, self.at_ms) = (most, Some(now_ms)),
            Some(before) => {
                let passed = u64::try_from((now_ms - before) / SECOND_MS).unwrap_or(0);
                if passed > 0 {
                    self.left = self.left.saturating_add(passed.saturating_mul(a_second)).min(most);
                    self.at_ms = Some(now_ms);
                }
            }
        }
        self.left
    }
}

impl TenantSeries {
    /// Decodes an OTLP export request for a head, which stays open until it expects the request: the turn of the table is taken.
    pub(crate) fn prepare_otlp(
        &self,
        head: Arc<LoggedHead>,
        request: &[u8],
        arrival: Arrival,
        options: &Options,
    ) -> Result<Prepared, WriteError> {
        self.prepare(head, arrival, options, |taking, batch| {
            decode_otlp(request, taking, batch).map_err(|error| WriteError::Malformed(error.to_string()))
        })
    }

    /// The same for a remote write.
    pub(crate) fn prepare_write(
        &self,
        head: Arc<LoggedHead>,
        request: &RemoteWrite,
        arrival: Arrival,
        options: &Options,
    ) -> Result<Prepared, WriteError> {
        self.prepare(head, arrival, options, |taking, batch| {
            decode_remote_write(request, taking, batch).map_err(|error| WriteError::Malformed(error.to_string()))
        })
    }

    fn prepare(
        &self,
        head: Arc<LoggedHead>,
        arrival: Arrival,
        options: &Options,
        decode: impl FnOnce(&mut Taking<'_>, &mut Batch) -> Result<Written, WriteError>,
    ) -> Result<Prepared, WriteError> {
        let arrival_ns = arrival.ns;
        let now_ms = i64::try_from(arrival_ns / NANOS_PER_MILLI).unwrap_or(i64::MAX);
        let is_full = !arrival.was_taken && self.name_bytes() > options.memory_bytes / NAMES_PART;
        let left = self.new_series.lock().refill(now_ms, options.new_series_a_second);
        let kept = options.retention.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        let left = if arrival.was_taken { u64::MAX } else { left };
        let mut batch = head.head().batch();
        let mut taking = Taking {
            translation: &options.translation,
            limits: &options.series_limits,
            arrival_ns,
            oldest_ms: now_ms.saturating_sub(kept.unwrap_or(i64::MAX)),
            new_series: if is_full { 0 } else { left },
            is_full,
        };
        let written = decode(&mut taking, &mut batch);
        if !is_full && !arrival.was_taken {
            let mut new_series = self.new_series.lock();
            new_series.left = new_series.left.saturating_sub(left - taking.new_series);
        }
        Ok(Prepared { head, batch, written: written? })
    }
}

#[cfg(test)]
mod tests {
    use super::NewSeries;

    #[test]
    fn new_series_are_saved_up_for_a_minute() {
        let mut new = NewSeries::default();
        assert_eq!(new.refill(1_000, 10), 600);
        new.left = 0;
        assert_eq!(new.refill(1_999, 10), 0, "less than a second");
        assert_eq!(new.refill(3_500, 10), 20);
        assert_eq!(new.refill(0, 10), 20, "a clock that goes back gives nothing");
        assert_eq!(new.refill(i64::MAX, 10), 600);
    }
}
