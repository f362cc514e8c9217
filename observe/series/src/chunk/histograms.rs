//! Histograms as columns: all counts, all sums, and one column for each bucket.
//!
//! Histograms with the same kind of buckets are a run: how many there are; the schema, the threshold of zero and the bounds; what is
//! known of resets; counts, sums and zero counts; then the buckets above zero and those below, each with the places where it is absent.

use std::collections::BTreeSet;
use std::sync::Arc;

use vitrine_kit::varint;

use crate::chunk::bytes::{read_byte, read_bytes, read_length, read_signed, write_signed};
use crate::chunk::floats;
use crate::chunk::numbers::{read_numbers, write_numbers};
use crate::chunk::places::{read_places, write_places};
use crate::error::FileError;
use crate::{Bucket, CounterReset, Histogram, MAX_BUCKETS};

const RESETS: [CounterReset; 4] = [CounterReset::Unknown, CounterReset::Yes, CounterReset::No, CounterReset::Gauge];

fn is_alike(one: &Histogram, other: &Histogram) -> bool {
    let bits = |bounds: &[f64]| bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<u64>>();
    one.schema == other.schema
        && one.zero_threshold.to_bits() == other.zero_threshold.to_bits()
        && (Arc::ptr_eq(&one.custom_bounds, &other.custom_bounds)
            || bits(&one.custom_bounds) == bits(&other.custom_bounds))
}

/// How many histograms from the front make a run: they are alike, and have not too many buckets together.
fn run(histograms: &[Arc<Histogram>]) -> usize {
    let mut indexes = [BTreeSet::new(), BTreeSet::new()];
    let fits = |it: &&Arc<Histogram>| {
        let mut grown = 0;
        for (known, buckets) in indexes.iter_mut().zip([&it.positive, &it.negative]) {
            known.extend(buckets.iter().map(|bucket| bucket.index));
            grown += known.len();
        }
        grown <= MAX_BUCKETS && is_alike(&histograms[0], it)
    };
    histograms.iter().take_while(fits).count().max(1)
}

/// Writes histograms, of which there is at least one, each as [`Histogram::check`] demands.
pub(crate) fn write(mut histograms: &[Arc<Histogram>], out: &mut Vec<u8>) {
    while !histograms.is_empty() {
        let (alike, rest) = histograms.split_at(run(histograms));
        write_run(alike, out);
        histograms = rest;
    }
}

fn write_run(alike: &[Arc<Histogram>], out: &mut Vec<u8>) {
    let first = &alike[0];
    varint::write(out, alike.len() as u64);
    out.push(first.schema as u8);
    out.extend(first.zero_threshold.to_bits().to_le_bytes());
    varint::write(out, first.custom_bounds.len() as u64);
    first.custom_bounds.iter().for_each(|bound| out.extend(bound.to_bits().to_le_bytes()));
    let reset = |it: &Arc<Histogram>| RESETS.iter().position(|reset| *reset == it.reset).unwrap_or(0) as i64;
    write_numbers(&alike.iter().map(reset).collect::<Vec<i64>>(), out);
    for column in [|it: &Histogram| it.count, |it: &Histogram| it.sum, |it: &Histogram| it.zero_count] {
        floats::write(&alike.iter().map(|it| column(it).to_bits()).collect::<Vec<u64>>(), out);
    }
    write_buckets(&alike.iter().map(|it| it.positive.as_slice()).collect::<Vec<&[Bucket]>>(), out);
    write_buckets(&alike.iter().map(|it| it.negative.as_slice()).collect::<Vec<&[Bucket]>>(), out);
}

fn write_buckets(rows: &[&[Bucket]], out: &mut Vec<u8>) {
    let indexes: BTreeSet<i32> = rows.iter().flat_map(|row| row.iter().map(|bucket| bucket.index)).collect();
    varint::write(out, indexes.len() as u64);
    // How many buckets of each row are written.
    let mut next = vec![0; rows.len()];
    let mut before = 0;
    for index in indexes {
        write_signed(out, i64::from(index) - before);
        before = i64::from(index);
        let (mut absent, mut counts) = (Vec::new(), Vec::with_capacity(rows.len()));
        for (place, (row, next)) in rows.iter().zip(&mut next).enumerate() {
            match row.get(*next).filter(|bucket| bucket.index == index) {
                Some(bucket) => {
                    counts.push(bucket.count.to_bits());
                    *next += 1;
                }
                None => absent.push(place as u32),
            }
        }
        write_places(&absent, out);
        floats::write(&counts, out);
    }
}

/// Reads so many histograms, at least one, of which the caller knows that there is room for them.
pub(crate) fn read(bytes: &mut &[u8], count: usize) -> Result<Vec<Arc<Histogram>>, FileError> {
    let mut histograms = Vec::with_capacity(count);
    while histograms.len() < count {
        read_run(bytes, count - histograms.len(), &mut histograms)?;
    }
    Ok(histograms)
}

fn read_run(bytes: &mut &[u8], most: usize, out: &mut Vec<Arc<Histogram>>) -> Result<(), FileError> {
    let count = read_length(bytes, most)?;
    if count == 0 {
        return Err(FileError::Damaged("a run of no histograms"));
    }
    let schema = read_byte(bytes)? as i8;
    let zero_threshold = read_double(bytes)?;
    let bounds = read_length(bytes, MAX_BUCKETS)?;
    let custom_bounds: Arc<[f64]> = (0..bounds).map(|_| read_double(bytes)).collect::<Result<Vec<f64>, _>>()?.into();
    let resets = read_numbers(bytes, count)?;
    let (counts, sums, zeros) = (floats::read(bytes, count)?, floats::read(bytes, count)?, floats::read(bytes, count)?);
    let mut rows: Vec<[Vec<Bucket>; 2]> = vec![Default::default(); count];
    read_buckets(bytes, |row, bucket| rows[row][0].push(bucket), count)?;
    read_buckets(bytes, |row, bucket| rows[row][1].push(bucket), count)?;
    for (number, [positive, negative]) in rows.into_iter().enumerate() {
        let reset = usize::try_from(resets[number]).ok().and_then(|reset| RESETS.get(reset));
        let histogram = Histogram {
            schema,
            zero_threshold,
            zero_count: f64::from_bits(zeros[number]),
            count: f64::from_bits(counts[number]),
            sum: f64::from_bits(sums[number]),
            positive,
            negative,
            custom_bounds: custom_bounds.clone(),
            reset: *reset.ok_or(FileError::Damaged("a reset of an unknown kind"))?,
        };
        histogram.check().map_err(|_| FileError::Damaged("a histogram that is none"))?;
        out.push(Arc::new(histogram));
    }
    Ok(())
}

fn read_buckets(bytes: &mut &[u8], mut add: impl FnMut(usize, Bucket), count: usize) -> Result<(), FileError> {
    let mut index = 0i64;
    for _ in 0..read_length(bytes, MAX_BUCKETS)? {
        index = index.saturating_add(read_signed(bytes)?);
        let place = i32::try_from(index).map_err(|_| FileError::Damaged("a bucket beyond all numbers"))?;
        let absent = read_places(bytes, count)?;
        if absent.len() == count {
            return Err(FileError::Damaged("a bucket that no histogram has"));
        }
        let counts = floats::read(bytes, count - absent.len())?;
        let present = (0..count).filter(|row| absent.binary_search(&(*row as u32)).is_err());
        present.zip(counts).for_each(|(row, bits)| add(row, Bucket { index: place, count: f64::from_bits(bits) }));
    }
    Ok(())
}

fn read_double(bytes: &mut &[u8]) -> Result<f64, FileError> {
    let bits = read_bytes(bytes, 8)?.first_chunk().map_or(0, |bits| u64::from_le_bytes(*bits));
    Ok(f64::from_bits(bits))
}
