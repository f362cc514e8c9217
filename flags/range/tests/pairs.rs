//! The effect of an incident against its twin: the same requests with and without the fault.

use vitrine_flags_range::pairs::paired;
use vitrine_flags_range::record::{Figure, Need, Verdict, Windows};
use vitrine_flags_range::rows::{SpanRow, Window, kind};
use vitrine_flags_range::{Record, Telemetry};

const MS: i64 = 1_000_000;

/// Requests of a run: their traces have its salt in the high half, and who comes in the low one.
fn telemetry(salt: u128, took: impl Fn(i64) -> i64, fails: impl Fn(i64) -> bool) -> Telemetry {
    let span = |n: i64| SpanRow {
        time_ns: n * MS,
        duration_ns: took(n),
        trace_id: salt << 64 | n as u128,
        span_id: 1,
        service: "gateway".to_owned(),
        name: "GET /api/v1/ads".to_owned(),
        kind: kind::SERVER.to_owned(),
        is_error: fails(n),
        ..SpanRow::default()
    };
    Telemetry { spans: (1..=100).map(span).collect(), ..Telemetry::default() }
}

fn record(id: &str, during: f64) -> Record {
    let document = include_str!("golden/record.json");
    let mut record: Record = serde_json::from_str(document).expect("a record");
    record.id = id.to_owned();
    let window = |from: i64, to: i64| Window { from_ns: from * MS, to_ns: to * MS };
    record.windows = Windows { baseline: window(0, 21), during: window(21, 81), after: window(81, 101) };
    record.oracle = vec![Figure {
        signal: "traces".to_owned(),
        what: "answers take longer".to_owned(),
        need: Need::Required,
        baseline: Some(2.0),
        during: Some(during),
        after: Some(2.0),
        verdict: Verdict::Seen,
    }];
    record
}

#[test]
fn the_same_requests_are_compared_and_others_are_not() {
    let with = telemetry(7, |n| (10 + n % 3) * MS, |n| n % 4 == 0);
    let mut without = telemetry(8, |n| (2 + n % 3) * MS, |_| false);
    // One went another way, and one did not come.
    without.spans[30].name = "GET /api/v1/cart".to_owned();
    without.spans.remove(40);
    let (incident, twin) = (record("a", 12.0), record("b", 3.0));
    let found = paired((&incident, &with), (&twin, &without), 1);
    assert_eq!((found.twin.as_str(), found.slower_ms.n), ("b", 58));
    assert_eq!((found.slower_ms.mean, found.slower_ms.low, found.slower_ms.high), (8.0, 8.0, 8.0));
    let failing = found.failing;
    assert!(
        failing.mean > 0.2 && failing.mean < 0.3 && failing.low > 0.0 && failing.high > failing.mean,
        "{failing:?}"
    );
    let figure = &found.figures[0];
    assert_eq!((figure.incident, figure.twin, figure.difference), (Some(10.0), Some(1.0), Some(9.0)));
    // A twin of which nothing was seen says nothing.
    let nothing = paired((&incident, &with), (&Record { oracle: Vec::new(), ..twin }, &Telemetry::default()), 1);
    assert_eq!((nothing.slower_ms.n, nothing.figures[0].difference), (0, None));
}
