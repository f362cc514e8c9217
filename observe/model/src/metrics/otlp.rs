//! OTLP's metrics as series.
//!
//! Nothing is converted that cannot be converted back: delta points stay deltas, histograms stay whole, exponential ones with their
//! own buckets, explicit ones with custom bounds. Which series a histogram looks like is a matter of its views.

mod exemplar;
mod histogram;
mod metric;
mod point;
mod resource;
mod views;

pub(crate) use histogram::ZERO_THRESHOLD;

use std::sync::Arc;

use vitrine_observe_series::{Batch, Histogram, STALE};

pub use views::views;

use super::taking::{Taking, Written};
use crate::cells::clamp;
use crate::wire::{Fault, Malformed, Reader, fields, length};

/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: i64 = 1_000_000;
const RESOURCES: u64 = fields(&[1]);
const RESOURCE_METRICS: u32 = length(1);
/// The flag that says that no value was recorded: the series has ended.
const NO_RECORDED_VALUE: u32 = 1;

/// A request that is being read.
struct Decoder<'d, 't> {
    taking: &'d mut Taking<'t>,
    batch: &'d mut Batch,
    written: Written,
    /// When the request arrived, in milliseconds since 1970: the time of what has none.
    arrival_ms: i64,
    /// The identity that is being put together.
    identity: Vec<u8>,
    /// The bounds of the last explicit histogram: most have those of the one before.
    bounds: Arc<[f64]>,
}

/// Decodes an `ExportMetricsServiceRequest` into a batch.
///
/// # Errors
///
/// Where it is not such a request. What the batch got of it is of no use then.
pub fn decode_otlp(request: &[u8], taking: &mut Taking<'_>, batch: &mut Batch) -> Result<Written, Malformed> {
    let arrival_ms = milliseconds(taking.arrival_ns);
    let (written, identity, bounds) = (Written::default(), Vec::new(), Arc::default());
    let mut decoder = Decoder { taking, batch, written, arrival_ms, identity, bounds };
    decoder.request(request).map_err(|fault| fault.within(request))?;
    Ok(decoder.written)
}

impl Decoder<'_, '_> {
    /// When the request arrived, and what is too old to be kept, in milliseconds since 1970.
    fn bounds_ms(&self) -> (i64, i64) {
        (self.arrival_ms, self.taking.oldest_ms)
    }

    fn request(&mut self, request: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(request);
        while let Some(key) = reader.key()? {
            match key {
                RESOURCE_METRICS => self.resource_metrics(reader.bytes()?)?,
                _ => reader.skip(key, RESOURCES)?,
            }
        }
        Ok(())
    }
}

/// A time in nanoseconds since 1970 in whole milliseconds.
fn milliseconds(nanos: u64) -> i64 {
    clamp(nanos) / NANOS_PER_MILLI
}

/// The bits of a double, or of the marker of a series that has ended.
fn bits(value: f64, flags: u32) -> u64 {
    if flags & NO_RECORDED_VALUE == 0 { value.to_bits() } else { STALE }
}

/// A histogram, or the marker of a series that has ended.
fn histogram_or_stale(histogram: Histogram, flags: u32) -> Arc<Histogram> {
    Arc::new(match flags & NO_RECORDED_VALUE {
        0 => histogram,
        _ => Histogram { sum: f64::from_bits(STALE), positive: Vec::new(), negative: Vec::new(), ..histogram },
    })
}
