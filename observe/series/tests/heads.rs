//! Samples that are in memory only.

use std::sync::Arc;
use std::time::Duration;

use vitrine_observe_series::{
    Budget, Description, Exemplar, Filter, Head, Histogram, Labels, MatchOp, Matcher, MetadataEntry, MetricType,
    Projection, QueryError, Queryable, STALE, Select, SeriesSamples, Snapshot, TooManySeries, Values, View,
};

const MOST_SERIES: usize = 100;

fn budget() -> Arc<Budget> {
    Budget::new(64 << 20, 1_000_000, Duration::from_secs(60))
}

fn write(head: &Head, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
    let labels = Labels::of(labels.iter().copied());
    let mut batch = head.batch();
    let series = batch.series::<TooManySeries>(labels.to_string().as_bytes(), || {
        Ok(Description::new(MetricType::Gauge, 1, labels.clone()))
    });
    let series = series.expect("there is room");
    for (time, value) in samples {
        batch.float(series, *time, value.to_bits(), 0);
    }
    head.apply(&batch);
}

fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher::new(name, op, value).expect("a pattern")
}

fn read(snapshot: &Snapshot, matchers: Vec<Matcher>, range: (i64, i64)) -> Vec<(String, SeriesSamples)> {
    let select = Select { matchers, after_ms: range.0, until_ms: range.1 };
    let mut selection = snapshot.select(&select, &budget()).expect("selected");
    let mut found = Vec::new();
    while let Some(block) = selection.next_block().expect("read") {
        found.extend(block.into_iter().map(|it| (selection.series()[it.series].labels.to_string(), it)));
    }
    found
}

fn floats(values: &Values) -> Vec<f64> {
    match values {
        Values::Floats(bits) => bits.iter().map(|bits| f64::from_bits(*bits)).collect(),
        other => panic!("floats expected: {other:?}"),
    }
}

#[test]
fn samples_come_back_in_order_of_time_and_the_later_one_counts() {
    let head = Head::new(MOST_SERIES);
    let labels = [("__name__", "up"), ("job", "api")];
    write(&head, &labels, &[(10, 1.0), (20, 1.0), (40, 3.0)]);
    write(&head, &labels, &[(30, 2.0), (40, 3.0), (20, 5.0), (20, 6.0), (5, 0.5)]);
    let status = head.status();
    assert_eq!((status.samples, status.series, status.min_ms, status.max_ms), (5, 1, 5, 40));
    let found = read(&Snapshot::new(vec![], vec![head]), vec![matcher("job", MatchOp::Equal, "api")], (0, 40));
    assert_eq!(found[0].1.times[..], [5, 10, 20, 30, 40]);
    assert_eq!(floats(&found[0].1.values), [0.5, 1.0, 6.0, 2.0, 3.0]);
}

#[test]
fn ranges_are_open_on_the_left() {
    let head = Head::new(MOST_SERIES);
    write(&head, &[("a", "b")], &[(10, 1.0), (20, 2.0), (30, 3.0)]);
    let snapshot = Snapshot::new(vec![], vec![head]);
    for (range, expected) in [((10, 30), &[20, 30][..]), ((9, 29), &[10, 20]), ((30, 99), &[]), ((20, 20), &[])] {
        let times: Vec<i64> =
            read(&snapshot, vec![], range).iter().flat_map(|(_, it)| it.times.iter().copied()).collect();
        assert_eq!(times, expected, "{range:?}");
    }
}

#[test]
fn series_with_the_same_times_share_them() {
    let heads = [Head::new(MOST_SERIES), Head::new(MOST_SERIES)];
    for (number, head) in heads.iter().enumerate() {
        for step in 0..5 {
            for name in ["a", "b", "c"] {
                let time = 1_000 * number as i64 + step * 10;
                if (name, step) != ("c", 3) {
                    write(head, &[("name", name)], &[(time, step as f64)]);
                }
            }
        }
    }
    let found = read(&Snapshot::new(vec![], heads.to_vec()), vec![], (-1, 9_999));
    let times: Vec<_> = found.iter().map(|(_, it)| it.times.clone()).collect();
    assert!(Arc::ptr_eq(&times[0], &times[1]));
    assert_eq!((times[0].len(), times[2].len()), (10, 8));
}

#[test]
fn what_comes_later_is_not_seen_by_who_reads() {
    let head = Head::new(MOST_SERIES);
    write(&head, &[("a", "b")], &[(10, 1.0)]);
    let select = Select { matchers: vec![], after_ms: 0, until_ms: 100 };
    let mut selection = Snapshot::new(vec![], vec![head.clone()]).select(&select, &budget()).expect("selected");
    write(&head, &[("a", "b")], &[(20, 1.0)]);
    write(&head, &[("a", "c")], &[(20, 1.0)]);
    let block = selection.next_block().expect("read").expect("a block");
    assert_eq!((block.len(), &block[0].times[..]), (1, &[10][..]));
}

#[test]
fn conditions_choose_series() {
    let head = Head::new(MOST_SERIES);
    for (name, job) in [("up", "api"), ("up", "web"), ("down", ""), ("down", "apis")] {
        write(&head, &[("__name__", name), ("job", job)], &[(1, 1.0)]);
    }
    let snapshot = Snapshot::new(vec![], vec![head]);
    for (matchers, expected) in [
        (vec![matcher("__name__", MatchOp::Equal, "up")], 2),
        (vec![matcher("job", MatchOp::Equal, "")], 1),
        (vec![matcher("job", MatchOp::NotEqual, "")], 3),
        (vec![matcher("job", MatchOp::Regex, "api|web")], 2),
        (vec![matcher("job", MatchOp::Regex, "api.*")], 2),
        (vec![matcher("job", MatchOp::Regex, "api.*|")], 3),
        (vec![matcher("job", MatchOp::NotRegex, "api.*")], 2),
        (vec![matcher("job", MatchOp::NotEqual, "api"), matcher("__name__", MatchOp::NotEqual, "down")], 1),
        (vec![matcher("absent", MatchOp::Equal, "")], 4),
        (vec![matcher("absent", MatchOp::Regex, ".+")], 0),
        (vec![], 4),
    ] {
        assert_eq!(read(&snapshot, matchers.clone(), (0, 10)).len(), expected, "{matchers:?}");
    }
    let filter = Filter { matchers: vec![vec![matcher("__name__", MatchOp::Equal, "up")]], start_ms: 0, end_ms: 9 };
    assert_eq!(snapshot.label_values("job", &filter, &budget()).expect("values"), ["api", "web"]);
    let all = Filter { end_ms: 9, ..Filter::default() };
    assert_eq!(snapshot.label_names(&all, &budget()).expect("names"), ["__name__", "job"]);
    let stats = snapshot.stats(1).expect("stats");
    assert_eq!((stats.series, stats.series_by_metric), (4, vec![("down".to_owned(), 2)]));
}

/// A histogram of one bucket up to 1 and one above.
fn histogram(low: f64, high: f64) -> Arc<Histogram> {
    use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS};
    Arc::new(Histogram {
        schema: CUSTOM_BUCKETS,
        count: low + high,
        sum: 5.0,
        positive: vec![Bucket { index: 0, count: low }, Bucket { index: 1, count: high }],
        custom_bounds: Arc::new([1.0]),
        ..Histogram::default()
    })
}

#[test]
fn a_histogram_is_shown_as_the_series_of_its_views() {
    let head = Head::new(MOST_SERIES);
    let mut batch = head.batch();
    let view =
        |name: &str, le: &str, projection| View { labels: Labels::of([("__name__", name), ("le", le)]), projection };
    let views = vec![
        view("h_bucket", "1", Projection::Bucket(1.0f64.to_bits())),
        view("h_bucket", "+Inf", Projection::Bucket(f64::INFINITY.to_bits())),
        view("h_count", "", Projection::Count),
        view("h_sum", "", Projection::Sum),
    ];
    let description = Description { views, ..Description::new(MetricType::Histogram, 1, Labels::default()) };
    let series = batch.series::<TooManySeries>(b"h", || Ok(description)).expect("there is room");
    batch.histogram(series, 10, histogram(2.0, 3.0), 5).expect("a histogram");
    let stale = Histogram { sum: f64::from_bits(STALE), ..Histogram::clone(&histogram(0.0, 0.0)) };
    batch.histogram(series, 20, Arc::new(stale), 5).expect("a histogram");
    let labels = Labels::of([("trace_id", "1")]);
    batch.exemplar(series, Exemplar { labels, value: 0.5, time_ms: 10 });
    let twice = Histogram { positive: vec![histogram(1.0, 1.0).positive[0]; 2], ..Histogram::default() };
    batch.histogram(series, 30, Arc::new(twice), 0).expect_err("a bucket is there twice");
    head.apply(&batch);
    let snapshot = Snapshot::new(vec![], vec![head]);
    let found = read(&snapshot, vec![], (0, 100));
    let first: Vec<f64> = found.iter().map(|(_, it)| floats(&it.values)[0]).collect();
    assert_eq!(first, [5.0, 2.0, 5.0, 5.0]);
    assert!(found.iter().all(|(_, it)| it.starts.as_deref() == Some(&[5, 5][..])));
    for (_, it) in &found {
        assert!(matches!(&it.values, Values::Floats(bits) if bits[1] == STALE));
    }
    let filter = Filter { matchers: vec![vec![]], start_ms: 0, end_ms: 100 };
    let exemplars = snapshot.exemplars(&filter, &budget()).expect("exemplars");
    assert_eq!((exemplars.len(), exemplars[0].labels.get("le")), (1, Some("1")));
}

#[test]
fn there_are_no_more_series_than_there_may_be() {
    let head = Head::new(1);
    let mut batch = head.batch();
    let describe = || Ok(Description::new(MetricType::Gauge, 1, Labels::default()));
    batch.series::<TooManySeries>(b"1", describe).expect("there is room for one");
    batch.series::<TooManySeries>(b"1", describe).expect("it is the same");
    assert_eq!(batch.series::<TooManySeries>(b"2", describe), Err(TooManySeries { most: 1 }));
    let successor = head.successor();
    assert!(successor.batch().series::<TooManySeries>(b"2", describe).is_ok(), "what has no samples is over");
}

#[test]
fn a_query_takes_no_more_than_it_may() {
    let head = Head::new(MOST_SERIES);
    write(&head, &[("a", "b")], &[(10, 1.0), (20, 1.0)]);
    let snapshot = Snapshot::new(vec![], vec![head]);
    let select = Select { matchers: vec![], after_ms: 0, until_ms: 100 };
    let few = Budget::new(1 << 20, 1, Duration::from_secs(60));
    let read = snapshot.select(&select, &few).expect("selected").next_block();
    assert!(matches!(read, Err(QueryError::TooManySamples { most: 1 })));
    let small = Budget::new(10, 1_000, Duration::from_secs(60));
    assert!(matches!(snapshot.select(&select, &small).err(), Some(QueryError::TooManyBytes { most: 10 })));
}

#[test]
fn what_is_known_of_a_metric_is_kept_once() {
    let head = Head::new(MOST_SERIES);
    let mut batch = head.batch();
    let entry = |help: &str| MetadataEntry {
        metric: "up".into(),
        kind: MetricType::Gauge,
        help: help.into(),
        unit: String::new(),
    };
    for help in ["one", "two", "one"] {
        batch.metadata(entry(help));
    }
    head.apply(&batch);
    let snapshot = Snapshot::new(vec![], vec![head]);
    assert_eq!(snapshot.metadata(Some("up")).expect("metadata"), [entry("one"), entry("two")]);
    assert_eq!(snapshot.metadata(Some("down")).expect("metadata"), []);
}
