//! Chunks come back to the bit, and damaged ones do no harm.

use std::sync::Arc;

use proptest::prelude::{any, prop, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};

use super::{Column, Starts, Values, decode, encode};
use crate::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, STALE};

fn buckets() -> impl Strategy<Value = Vec<Bucket>> {
    prop::collection::btree_map(0i32..4, prop_oneof![(0u8..9).prop_map(f64::from), any::<f64>()], 0..4)
        .prop_map(|buckets| buckets.into_iter().map(|(index, count)| Bucket { index, count }).collect())
}

fn histogram() -> impl Strategy<Value = Arc<Histogram>> {
    let reset = prop_oneof![Just(CounterReset::Unknown), Just(CounterReset::Gauge), Just(CounterReset::Yes)];
    let sum = prop_oneof![Just(f64::from_bits(STALE)), (0u8..9).prop_map(f64::from)];
    (buckets(), buckets(), sum, reset, any::<bool>()).prop_map(|(positive, negative, sum, reset, custom)| {
        let custom_bounds: Arc<[f64]> = if custom { Arc::new([0.5, 1.0, 2.5, 5.0]) } else { Arc::new([]) };
        Arc::new(Histogram {
            schema: if custom { CUSTOM_BUCKETS } else { 3 },
            zero_threshold: if custom { 0.0 } else { 1e-128 },
            zero_count: 1.0,
            count: 9.0,
            sum,
            positive,
            negative: if custom { Vec::new() } else { negative },
            custom_bounds,
            reset,
        })
    })
}

/// Times a second apart, and places before each that are left out.
fn times(gaps: &[u8]) -> (Vec<i64>, Vec<u32>) {
    let (mut times, mut left_out, mut place) = (Vec::new(), Vec::new(), 0);
    for (number, gap) in gaps.iter().enumerate() {
        for _ in 0..if number == 0 { 0 } else { *gap } {
            left_out.push(place);
            place += 1;
        }
        times.push(i64::from(place) * 1_000);
        place += 1;
    }
    (times, left_out)
}

proptest! {
    #[test]
    fn chunks_come_back(
        rows in prop::collection::vec((prop_oneof![Just(0u8), 0u8..3], any::<u64>(), histogram(), 0i64..3), 1..40),
        kind in 0u8..4,
    ) {
        let (times, gaps) = times(&rows.iter().map(|row| row.0).collect::<Vec<u8>>());
        let floats: Vec<u64> = rows.iter().map(|row| row.1).collect();
        let histograms: Vec<Arc<Histogram>> = rows.iter().map(|row| row.2.clone()).collect();
        let starts: Option<Vec<i64>> = match kind {
            0 => None,
            1 => Some(rows.iter().map(|row| row.3).collect()),
            _ => Some(std::iter::once(-5).chain(times.iter().copied()).take(times.len()).collect()),
        };
        let values = if kind % 2 == 0 { Values::Floats(&floats) } else { Values::Histograms(&histograms) };
        let mut bytes = Vec::new();
        encode(&gaps, &times, values, starts.as_deref(), &mut bytes);
        let span = times.len() + gaps.len();
        let chunk = decode(&bytes, span).expect("it was written");
        assert_eq!(chunk.gaps, gaps);
        assert_eq!(chunk.starts.resolve(&times), starts.filter(|starts| starts.iter().any(|start| *start != 0)));
        match chunk.values {
            Column::Floats(found) => assert_eq!(found, floats),
            Column::Histograms(found) => {
                assert!(found.len() == histograms.len());
                assert!(found.iter().zip(&histograms).all(|(one, other)| one.is_same(other)), "{found:?}");
            }
        }
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], span).is_err());
        }
    }

    #[test]
    fn damaged_chunks_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), span in 1usize..600) {
        if let Ok(chunk) = decode(&bytes, span) {
            assert_eq!(chunk.values.len() + chunk.gaps.len(), span);
        }
    }
}

#[test]
fn deltas_that_follow_each_other_take_a_few_bytes_for_their_starts() {
    let times: Vec<i64> = (1..100).map(|at| at * 10_000 + at % 7).collect();
    let starts: Vec<i64> = std::iter::once(0).chain(times.iter().copied()).take(times.len()).collect();
    let values = vec![1f64.to_bits(); times.len()];
    let length = |starts: Option<&[i64]>| {
        let mut bytes = Vec::new();
        encode(&[], &times, Values::Floats(&values), starts, &mut bytes);
        bytes.len()
    };
    assert_eq!(length(Some(&starts)), length(None) + 1);
    let chunk = {
        let mut bytes = Vec::new();
        encode(&[], &times, Values::Floats(&values), Some(&starts), &mut bytes);
        decode(&bytes, times.len()).expect("it was written")
    };
    assert_eq!(chunk.starts, Starts::Following(0));
}
