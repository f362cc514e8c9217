//! Remote write 1.0 and 2.0 as series.

use std::sync::Arc;

use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use prost::Message;
use vitrine_observe_model::metrics::{
    RemoteWrite, RemoteWriteError, SeriesWrite, WriteCompression, WriteVersion, encode_remote_write,
};
use vitrine_observe_series::{
    Bucket, CUSTOM_BUCKETS, CounterReset, Exemplar as Kept, Histogram as KeptHistogram, Labels, MetricType, STALE,
    Value,
};

use crate::messages::{
    BucketSpan, Exemplar, ExemplarV2, Histogram, Label, Metadata, MetricMetadata, Request, Sample, TimeSeries,
    TimeSeriesV2, WriteRequest,
};
use crate::support::{NOW_MS, Store};

fn v1(request: &WriteRequest) -> RemoteWrite {
    snappy(WriteVersion::V1, &request.encode_to_vec())
}

fn v2(request: &Request) -> RemoteWrite {
    snappy(WriteVersion::V2, &request.encode_to_vec())
}

fn snappy(version: WriteVersion, message: &[u8]) -> RemoteWrite {
    let body = snap::raw::Encoder::new().compress_vec(message).expect("compresses").into();
    RemoteWrite { version, compression: WriteCompression::Snappy, body }
}

fn labels(pairs: &[(&str, &str)]) -> Vec<Label> {
    pairs.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect()
}

fn sample(value: f64) -> Sample {
    Sample { value, timestamp: NOW_MS, start_timestamp: 0 }
}

/// A request with one series of these labels, by their places among `symbols`.
fn request(symbols: &[&str], places: &[u32], series: TimeSeriesV2) -> Request {
    let symbols = symbols.iter().map(|text| (*text).to_owned()).collect();
    Request { symbols, timeseries: vec![TimeSeriesV2 { labels_refs: places.to_vec(), ..series }] }
}

fn samples(samples: Vec<Sample>) -> TimeSeriesV2 {
    TimeSeriesV2 { samples, ..TimeSeriesV2::default() }
}

/// Three runs of buckets, whole numbers.
fn native() -> Histogram {
    let span = |offset, length| BucketSpan { offset, length };
    Histogram {
        count_int: Some(12),
        sum: 4.5,
        schema: 2,
        zero_threshold: 0.001,
        zero_count_int: Some(2),
        positive_spans: vec![span(-2, 2), span(3, 1)],
        positive_deltas: vec![1, 2, 0],
        negative_spans: vec![span(0, 1)],
        negative_deltas: vec![3],
        reset_hint: 2,
        timestamp: NOW_MS,
        start_timestamp: NOW_MS - 9,
        ..Histogram::default()
    }
}

#[test]
fn version_1_brings_samples_exemplars_and_metadata() {
    let store = Store::new();
    let exemplar = Exemplar { labels: labels(&[("trace_id", "ab")]), value: 2.0, timestamp: NOW_MS };
    let series = TimeSeries {
        labels: labels(&[("job", "j"), ("__name__", "up"), ("empty", "")]),
        samples: vec![sample(1.0), Sample { timestamp: NOW_MS + 1, value: f64::from_bits(STALE), start_timestamp: 0 }],
        exemplars: vec![exemplar],
        histograms: vec![],
    };
    let metadata =
        MetricMetadata { r#type: 2, metric_family_name: "up".into(), help: "alive".into(), unit: String::new() };
    let written = store.remote_write(&v1(&WriteRequest { timeseries: vec![series], metadata: vec![metadata] }));
    let written = written.expect("sound");
    assert_eq!((written.samples, written.exemplars, written.refused.total()), (2, 1, 0));
    let found = store.samples("{__name__=\"up\", job=\"j\"}");
    assert_eq!(found, [(NOW_MS, 0, Value::Float(1f64.to_bits())), (NOW_MS + 1, 0, Value::Float(STALE))]);
    assert_eq!(store.metadata("up")[0].help, "alive");
    let kept = Kept { labels: Labels::of([("trace_id", "ab")]), value: 2.0, time_ms: NOW_MS };
    assert_eq!(store.exemplars("up")[0].exemplars, [kept]);
}

#[test]
fn version_2_brings_the_same_by_symbols() {
    let store = Store::new();
    let symbols = ["", "__name__", "requests_total", "trace_id", "ab", "all of them", "requests"];
    let series = TimeSeriesV2 {
        samples: vec![Sample { start_timestamp: NOW_MS - 5, ..sample(3.0) }],
        exemplars: vec![ExemplarV2 { labels_refs: vec![3, 4], value: 1.5, timestamp: NOW_MS }],
        metadata: Some(Metadata { r#type: 1, help_ref: 5, unit_ref: 6 }),
        ..TimeSeriesV2::default()
    };
    let written = store.remote_write(&v2(&request(&symbols, &[1, 2], series))).expect("sound");
    assert_eq!((written.samples, written.exemplars, written.refused.total()), (1, 1, 0));
    assert_eq!(store.samples("{__name__=\"requests_total\"}"), [(NOW_MS, NOW_MS - 5, Value::Float(3f64.to_bits()))]);
    let told = &store.metadata("requests_total")[0];
    assert_eq!((told.kind, told.help.as_str(), told.unit.as_str()), (MetricType::Counter, "all of them", "requests"));
}

#[test]
fn native_histograms_are_read_in_all_their_forms() {
    let float = Histogram {
        count_int: None,
        count_float: Some(2.5),
        zero_count_int: None,
        zero_count_float: Some(0.5),
        positive_deltas: vec![],
        positive_counts: vec![0.5, 1.0, 0.25],
        negative_deltas: vec![],
        negative_counts: vec![0.25],
        ..native()
    };
    let custom = Histogram {
        count_int: Some(3),
        schema: CUSTOM_BUCKETS.into(),
        zero_threshold: 0.0,
        zero_count_int: None,
        negative_spans: vec![],
        negative_deltas: vec![],
        positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
        positive_deltas: vec![1, 1],
        custom_values: vec![0.5, 1.0],
        ..native()
    };
    let fine = Histogram { schema: 10, ..native() };
    for (sent, schema, positive) in [
        (native(), 2, vec![(-2, 1.0), (-1, 3.0), (3, 3.0)]),
        (float, 2, vec![(-2, 0.5), (-1, 1.0), (3, 0.25)]),
        (custom, CUSTOM_BUCKETS, vec![(1, 1.0), (2, 2.0)]),
        (fine, 8, vec![(0, 4.0), (1, 3.0)]),
    ] {
        let store = Store::new();
        let series = TimeSeriesV2 { histograms: vec![sent], ..TimeSeriesV2::default() };
        let written = store.remote_write(&v2(&request(&["", "__name__", "h"], &[1, 2], series))).expect("sound");
        assert_eq!((written.histograms, &written.reasons[..]), (1, &[][..]));
        let (_, start, Value::Histogram(kept)) = &store.samples("{__name__=\"h\"}")[0] else { panic!("a histogram") };
        assert_eq!((kept.schema, *start, kept.reset), (schema, NOW_MS - 9, CounterReset::No));
        let found: Vec<_> = kept.positive.iter().map(|bucket| (bucket.index, bucket.count)).collect();
        assert_eq!(found, positive);
    }
}

#[test]
fn what_is_wrong_with_a_series_is_told_and_the_others_are_taken() {
    let symbols = ["", "__name__", "up", "a", "b", "c"];
    let one = || samples(vec![sample(1.0)]);
    let histogram = |sent: Histogram| TimeSeriesV2 { histograms: vec![sent], ..TimeSeriesV2::default() };
    let cases: [(&[u32], TimeSeriesV2, &str); 12] = [
        (&[1], one(), "labels: 1 places"),
        (&[1, 6], one(), "labels: place 6 of 6 symbols"),
        (&[1, 2, 3, 0], one(), "labels: a is empty"),
        (&[1, 2, 3, 4, 3, 5], one(), "labels: a twice"),
        (&[3, 4], one(), "labels: {a=\"b\"}"),
        (&[1, 2, 0, 4], one(), "labels: one without a name"),
        (&[1, 2], TimeSeriesV2::default(), "timeseries: in {__name__=\"up\"} there is neither"),
        (
            &[1, 2],
            TimeSeriesV2 { histograms: vec![native()], ..one() },
            "timeseries: in {__name__=\"up\"} there are samples",
        ),
        (
            &[1, 2],
            samples(vec![Sample { timestamp: i64::MAX, ..sample(1.0) }]),
            "timestamp: 9223372036854775807 ms is too far",
        ),
        (
            &[1, 2],
            histogram(Histogram { count_int: Some(1), ..native() }),
            "histograms: 12 in buckets and a count of 1",
        ),
        (
            &[1, 2],
            histogram(Histogram { positive_deltas: vec![1], ..native() }),
            "histograms: spans of 3 buckets and 1",
        ),
        (&[1, 2], histogram(Histogram { schema: -9, ..native() }), "histogram: schema -9"),
    ];
    for (places, bad, expected) in cases {
        let store = Store::new();
        let mut sent = request(&symbols, places, bad);
        sent.timeseries.push(TimeSeriesV2 { labels_refs: vec![1, 2, 3, 4], ..one() });
        let written = store.remote_write(&v2(&sent)).expect("sound");
        assert_eq!(written.samples, 1, "{expected}");
        assert!(written.reasons[0].to_string().starts_with(expected), "{expected}: {:?}", written.reasons);
        assert_eq!(store.labels(), ["{__name__=\"up\", a=\"b\"}"], "{expected}");
    }
}

#[test]
fn requests_that_are_none_are_refused_as_a_whole() {
    let series =
        TimeSeries { labels: labels(&[("__name__", "up")]), samples: vec![sample(1.0)], ..TimeSeries::default() };
    let first = WriteRequest { timeseries: vec![series], metadata: vec![] };
    let second = request(&["", "__name__", "up"], &[1, 2], samples(vec![sample(1.0)]));
    let refused = |request: RemoteWrite| {
        let store = Store::new();
        let error = store.remote_write(&request).expect_err("refused");
        assert_eq!(store.labels().len(), 0);
        error.to_string()
    };
    let swapped = |request: RemoteWrite, version| RemoteWrite { version, ..request };
    let text = refused(swapped(v1(&first), WriteVersion::V2));
    assert!(text.contains("a field of prometheus.WriteRequest, which Content-Type does not say"), "{text}");
    let text = refused(swapped(v2(&second), WriteVersion::V1));
    assert!(text.contains("a field of io.prometheus.write.v2.Request"), "{text}");
    let text = refused(v2(&request(&["x"], &[], TimeSeriesV2::default())));
    assert!(text.contains("a first symbol that is not empty; expected a io.prometheus.write.v2.Request"), "{text}");
    // Five bytes that say that four gigabytes follow.
    let lie = RemoteWrite { body: vec![0xFF, 0xFF, 0xFF, 0xFF, 0x0F].into(), ..v1(&first) };
    assert_eq!(refused(lie), "4294967295 bytes when decompressed: expected at most 33554432");
    let plain = RemoteWrite { body: first.encode_to_vec().into(), ..v1(&first) };
    assert!(refused(plain).starts_with("not valid snappy in its block format"));
    let bomb = zstd::encode_all(&vec![0; 40 << 20][..], 1).expect("compresses");
    let bomb = RemoteWrite { compression: WriteCompression::Zstd, body: bomb.into(), ..v1(&first) };
    assert!(refused(bomb).starts_with("33554433 bytes when decompressed"));
}

#[test]
fn zstd_is_what_victoriametrics_sends() {
    let series =
        TimeSeries { labels: labels(&[("__name__", "up")]), samples: vec![sample(1.0)], ..TimeSeries::default() };
    let message = WriteRequest { timeseries: vec![series], metadata: vec![] }.encode_to_vec();
    let body = zstd::encode_all(&message[..], 1).expect("compresses").into();
    let store = Store::new();
    let sent = RemoteWrite { version: WriteVersion::V1, compression: WriteCompression::Zstd, body };
    assert_eq!(store.remote_write(&sent).expect("sound").samples, 1);
}

#[test]
fn what_producers_hand_over_comes_back_whole() {
    let histogram = KeptHistogram {
        schema: 3,
        zero_threshold: 1e-6,
        zero_count: 1.5,
        count: 9.0,
        sum: 2.0,
        positive: [(-3, 1.0), (-2, 2.0), (4, 0.5)].map(|(index, count)| Bucket { index, count }).to_vec(),
        negative: vec![Bucket { index: 0, count: 4.0 }],
        custom_bounds: Arc::default(),
        reset: CounterReset::Gauge,
    };
    let labels = Labels::of([("__name__", "m"), ("job", "j")]);
    let series = SeriesWrite {
        labels: labels.clone(),
        kind: MetricType::Histogram,
        help: "h".into(),
        unit: "s".into(),
        samples: vec![
            (NOW_MS, 0, Value::Float(STALE)),
            (NOW_MS + 1, NOW_MS - 7, Value::Histogram(Arc::new(histogram))),
        ],
        exemplars: vec![Kept { labels: Labels::of([("span_id", "s")]), value: 1.0, time_ms: NOW_MS }],
    };
    let store = Store::new();
    let written = store.remote_write(&RemoteWrite::of(std::slice::from_ref(&series))).expect("sound");
    assert_eq!((written.samples, written.histograms, written.exemplars, written.refused.total()), (1, 1, 1, 0));
    assert_eq!(store.samples(&labels.to_string()), series.samples);
    let decoded = Request::decode(&encode_remote_write(&[series])[..]).expect("prost reads it too");
    assert_eq!((decoded.symbols[0].as_str(), decoded.timeseries.len()), ("", 2));
}

fn any_series() -> impl Strategy<Value = SeriesWrite> {
    let label = ("[a-c]{1,2}", "[x-z]{1,2}");
    let sample = (0..100i64, any::<u64>());
    (proptest::collection::vec(label, 0..4), proptest::collection::vec(sample, 1..6)).prop_map(|(pairs, samples)| {
        let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut samples: Vec<_> =
            samples.into_iter().map(|(time, bits)| (NOW_MS + time, 0, Value::Float(bits))).collect();
        samples.sort_by_key(|(time, ..)| *time);
        samples.dedup_by_key(|(time, ..)| *time);
        SeriesWrite {
            labels: Labels::of(pairs.chain([("__name__", "m")])),
            kind: MetricType::Gauge,
            help: String::new(),
            unit: String::new(),
            samples,
            exemplars: Vec::new(),
        }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(series in any_series()) {
        let store = Store::new();
        let written = store.remote_write(&RemoteWrite::of(std::slice::from_ref(&series))).expect("sound");
        prop_assert_eq!(written.samples, series.samples.len() as u64);
        prop_assert_eq!(store.samples(&series.labels.to_string()), series.samples);
    }

    #[test]
    fn any_bytes_are_refused_or_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_first in any::<bool>()) {
        let version = if is_first { WriteVersion::V1 } else { WriteVersion::V2 };
        for compression in [WriteCompression::None, WriteCompression::Snappy, WriteCompression::Zstd] {
            let _ = Store::new().remote_write(&RemoteWrite { version, compression, body: bytes.clone().into() });
        }
    }

    #[test]
    fn a_request_that_is_bent_is_refused_or_taken(place in any::<proptest::sample::Index>(), bit in 0..8u8) {
        let series = TimeSeriesV2 { histograms: vec![native()], ..TimeSeriesV2::default() };
        let mut body = request(&["", "__name__", "h"], &[1, 2], series).encode_to_vec();
        let place = place.index(body.len());
        body[place] ^= 1 << bit;
        let sent = RemoteWrite { version: WriteVersion::V2, compression: WriteCompression::None, body: body.into() };
        match Store::new().remote_write(&sent) {
            Ok(_) | Err(RemoteWriteError::Malformed { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
