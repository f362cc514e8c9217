//! Files that are cut off, have other bits, or are no files: an error or the truth, and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::{any, prop, proptest};
use vitrine_observe_series::{
    Budget, Description, Exemplar, FileError, FileInput, Filter, Head, Labels, MatchOp, Matcher, MetadataEntry,
    MetricType, QueryError, Queryable, Select, SeriesFile, Snapshot, TooManySeries, Values, WriteOptions, merge,
};

const MOST_SERIES: usize = 1_000;

fn budget() -> Arc<Budget> {
    Budget::new(64 << 20, 1_000_000, Duration::from_secs(60))
}

fn file() -> Vec<u8> {
    let head = Head::new(MOST_SERIES);
    let mut batch = head.batch();
    for number in 0..70 {
        let name = format!("series {number}");
        let labels = Labels::of([("__name__", if number % 2 == 0 { "a" } else { "b" }), ("n", &*name)]);
        let describe = || Ok(Description::new(MetricType::Gauge, 1, labels.clone()));
        let series = batch.series::<TooManySeries>(name.as_bytes(), describe).expect("there is room");
        for step in 0..20 {
            batch.float(series, step * 1_000 + number % 3, ((step * number) as f64 / 10.0).to_bits(), 0);
        }
        let labels = Labels::of([("trace_id", "1")]);
        batch.exemplar(series, Exemplar { labels, value: 1.0, time_ms: number });
    }
    let metric = || "a".to_owned();
    batch.metadata(MetadataEntry { metric: metric(), kind: MetricType::Gauge, help: metric(), unit: metric() });
    head.apply(&batch);
    let mut file = Vec::new();
    head.write(&WriteOptions::default(), &mut file).expect("written");
    file
}

type Samples = BTreeMap<(String, i64), u64>;

/// All that is asked of a file.
fn read(file: Vec<u8>) -> Result<(Samples, usize), QueryError> {
    let input = FileInput { file: SeriesFile::open(Arc::new(Bytes::from(file)))?, deleted: Arc::default() };
    let snapshot = Snapshot::new(vec![input.clone()], vec![]);
    let mut found = Samples::new();
    let matchers = vec![Matcher::new("n", MatchOp::Regex, "series .*").expect("a pattern")];
    let select = Select { matchers: matchers.clone(), after_ms: -1, until_ms: i64::MAX };
    let mut selection = snapshot.select(&select, &budget())?;
    while let Some(block) = selection.next_block()? {
        for samples in block {
            let labels = selection.series()[samples.series].labels.to_string();
            let Values::Floats(bits) = &samples.values else { panic!("floats expected") };
            found.extend(samples.times.iter().zip(&**bits).map(|(time, bits)| ((labels.clone(), *time), *bits)));
        }
    }
    let filter = Filter { matchers: vec![matchers], start_ms: 0, end_ms: i64::MAX };
    let exemplars = snapshot.exemplars(&filter, &budget())?.len();
    snapshot.label_values("n", &Filter { end_ms: i64::MAX, ..Filter::default() }, &budget())?;
    snapshot.metadata(None)?;
    merge(&[input.clone(), input], i64::MIN, &WriteOptions::default(), io::sink())?;
    Ok((found, exemplars))
}

#[test]
fn every_other_byte_is_noticed_or_does_not_matter() {
    let whole = file();
    let expected = read(whole.clone()).expect("it is whole");
    assert_eq!((expected.0.len(), expected.1), (70 * 20, 70));
    let mut noticed = 0;
    for place in (0..whole.len()).step_by(3) {
        let mut bent = whole.clone();
        bent[place] ^= 1 << (place % 8);
        match read(bent) {
            Ok(found) => assert!(found == expected, "byte {place} changed what is read"),
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 0);
}

#[test]
fn files_that_are_cut_off_are_refused() {
    let whole = file();
    for length in (0..whole.len()).step_by(7) {
        let found = SeriesFile::open(Arc::new(Bytes::from(whole[..length].to_vec())));
        assert!(matches!(found, Err(FileError::Damaged(_))), "{length} bytes of {}", whole.len());
    }
}

proptest! {
    #[test]
    fn what_is_no_file_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert!(SeriesFile::open(Arc::new(Bytes::from(bytes))).is_err());
    }

    /// With checksums that are right, as one who means harm would make them.
    #[test]
    fn a_footer_that_lies_does_no_harm(place in 0usize..400, with in any::<u8>()) {
        let mut bent = file();
        let end = bent.len();
        let field = |bytes: &[u8]| bytes.iter().rev().fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        let (begin, length) = (field(&bent[end - 24..end - 16]), field(&bent[end - 16..end - 12]));
        bent[begin + place % length] = with;
        let crc = crc32fast::hash(&bent[begin..begin + length]).to_le_bytes();
        bent[end - 12..end - 8].copy_from_slice(&crc);
        let _ = read(bent);
    }
}
