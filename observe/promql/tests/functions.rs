//! Functions over ranges: facts of Prometheus's documentation and tests.

use std::sync::Arc;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof, proptest};
use vitrine_observe_promql::functions::{EdgeMode, RangeCall, Window, WindowValues, range_function};
use vitrine_observe_promql::histogram::{expression, parse_expression};
use vitrine_observe_promql::{Annotations, Point, Severity};
use vitrine_observe_series::{Bucket, CounterReset, Histogram, Temporality, Value};

/// A function, samples and its value.
type FloatCase = (&'static str, &'static [(i64, f64)], f64);

/// Samples in a range of five minutes that ends at 300 s; times in seconds.
#[derive(Clone)]
struct Case {
    times: Vec<i64>,
    values: Vec<Value>,
    starts: Vec<i64>,
    edges: EdgeMode,
    temporality: Temporality,
}

impl Case {
    fn of(times: &[i64], values: Vec<Value>) -> Self {
        let times = times.iter().map(|time| time * 1000).collect();
        Self { times, values, starts: Vec::new(), edges: EdgeMode::Plain, temporality: Temporality::Cumulative }
    }

    fn floats(samples: &[(i64, f64)]) -> Self {
        let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
        Self::of(&times, samples.iter().map(|(_, value)| Value::Float(value.to_bits())).collect())
    }

    fn histograms(samples: &[(i64, &str)]) -> Self {
        let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
        let histogram = |text: &str| Value::Histogram(Arc::new(parse_expression(text).expect("a histogram")));
        Self::of(&times, samples.iter().map(|(_, text)| histogram(text)).collect())
    }

    fn edges(mut self, edges: EdgeMode) -> Self {
        self.edges = edges;
        self
    }

    fn starts(mut self, starts: &[i64]) -> Self {
        self.starts = starts.iter().map(|time| time * 1000).collect();
        self
    }

    fn deltas(mut self) -> Self {
        self.temporality = Temporality::Delta;
        self
    }

    /// The value and what is remarked.
    fn call(&self, name: &str, params: &[f64]) -> (Option<Point>, Vec<String>) {
        let floats: Option<Vec<u64>> =
            self.values.iter().map(|v| if let Value::Float(bits) = v { Some(*bits) } else { None }).collect();
        let histograms: Option<Vec<Arc<Histogram>>> =
            self.values.iter().map(|v| if let Value::Histogram(h) = v { Some(h.clone()) } else { None }).collect();
        let values = match (&floats, &histograms) {
            (Some(floats), _) => WindowValues::Floats(floats),
            (_, Some(histograms)) => WindowValues::Histograms(histograms),
            _ => WindowValues::Mixed(&self.values),
        };
        let window = Window {
            times: &self.times,
            values,
            starts: &self.starts,
            temporality: self.temporality,
            start_ms: 0,
            end_ms: 300_000,
            edges: self.edges,
        };
        let call = RangeCall { metric: "m", span: Default::default(), at_ms: 300_000, range_seconds: 300.0, params };
        let mut notes = Annotations::default();
        let point = range_function(name).expect("a function")(&call, &window, &mut notes).expect("a value");
        let mut texts = notes.texts(Severity::Warning, "q", 0);
        texts.extend(notes.texts(Severity::Info, "q", 0));
        (point, texts)
    }

    fn float(&self, name: &str, params: &[f64]) -> f64 {
        match self.call(name, params) {
            (Some(Point::Float(value)), notes) if notes.is_empty() => value,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn histogram(&self, name: &str) -> (String, Vec<String>) {
        match self.call(name, &[]) {
            (Some(Point::Histogram(histogram)), notes) => (expression(&histogram), notes),
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

const SIX: [(i64, f64); 5] = [(60, 10.0), (120, 20.0), (180, 30.0), (240, 40.0), (300, 50.0)];

#[test]
fn rates_are_extrapolated() {
    let cases: &[FloatCase] = &[
        // The first sample is a whole distance from the start: less than 1.1 of it, so the rate is taken to reach there.
        ("increase", &SIX, 50.0),
        ("rate", &SIX, 50.0 / 300.0),
        ("delta", &SIX, 50.0),
        // Further than that from both edges: half a distance is added on each side.
        ("delta", &[(120, 10.0), (150, 20.0), (180, 30.0)], 30.0),
        ("increase", &[(120, 10.0), (150, 20.0), (180, 30.0)], 30.0),
        // A counter began at zero: not before that.
        ("increase", &[(120, 1.0), (150, 11.0), (180, 21.0)], 20.0 * (60.0 + 3.0 + 15.0) / 60.0),
        ("delta", &[(120, 1.0), (150, 11.0), (180, 21.0)], 30.0),
        // Resets.
        ("increase", &[(60, 10.0), (120, 20.0), (180, 5.0), (240, 15.0), (300, 25.0)], 35.0 * (240.0 + 60.0) / 240.0),
        ("delta", &[(60, 10.0), (120, 20.0), (180, 5.0), (240, 15.0), (300, 25.0)], 15.0 * 300.0 / 240.0),
        ("irate", &[(60, 10.0), (240, 40.0), (300, 55.0)], 0.25),
        ("irate", &[(60, 10.0), (240, 40.0), (300, 12.0)], 0.2),
        ("idelta", &[(240, 40.0), (300, 12.0)], -28.0),
        ("resets", &[(60, 3.0), (120, 2.0), (180, 3.0), (240, 1.0)], 2.0),
        ("changes", &[(60, 3.0), (120, 3.0), (180, f64::NAN), (240, f64::NAN), (300, 1.0)], 2.0),
    ];
    for (name, samples, expected) in cases {
        let value = Case::floats(samples).float(name, &[]);
        assert!(near(value, *expected), "{name} of {samples:?}: {value}, expected {expected}");
    }
    for name in ["rate", "increase", "delta", "irate", "idelta", "deriv"] {
        assert_eq!(Case::floats(&[(60, 1.0)]).call(name, &[]), (None, vec![]), "{name}");
    }
}

#[test]
fn starts_are_used_where_they_are_known() {
    // The total began within the range, with zero.
    let one = Case::floats(&[(100, 5.0)]).starts(&[50]);
    assert_eq!(one.float("increase", &[]), 5.0);
    assert!(near(one.float("rate", &[]), 5.0 / 300.0));
    // A start between two samples is a reset although the value rose.
    let risen = Case::floats(&[(0, 5.0), (150, 10.0), (300, 20.0)]).starts(&[-10, 100, 100]);
    assert_eq!(risen.float("resets", &[]), 1.0);
    assert_eq!(risen.float("increase", &[]), 20.0);
    let overlapping = Case::floats(&[(0, 5.0), (150, 10.0), (300, 20.0)]).starts(&[-10, -5, -5]);
    assert_eq!(
        overlapping.call("increase", &[]).1,
        ["PromQL warning: sample has start time that overlaps with previous sample timestamp for metric \"m\" (1:1)"]
    );
    // Differences begin where the one before ended.
    let deltas = Case::floats(&[(100, 5.0), (200, 4.0), (300, 3.0)]).starts(&[50, 100, 200]);
    assert_eq!(deltas.float("increase", &[]), 12.0);
}

#[test]
fn differences_are_added_up() {
    let deltas = Case::floats(&[(100, 5.0), (200, 4.0), (300, 3.0)]).deltas();
    let (value, notes) = deltas.call("increase", &[]);
    assert_eq!(value, Some(Point::Float(12.0)));
    assert_eq!(notes, ["PromQL info: points of this metric are differences, which were added up: \"m\" (1:1)"]);
    assert_eq!(deltas.call("rate", &[]).0, Some(Point::Float(12.0 / 300.0)));
    assert_eq!(deltas.call("irate", &[]).0, Some(Point::Float(0.03)));
    let histograms = Case::histograms(&[(100, "{{count:1 buckets:[1]}}"), (300, "{{count:2 buckets:[0 2]}}")]).deltas();
    assert_eq!(histograms.histogram("increase").0, "{{count:3 counter_reset_hint:gauge buckets:[1 2]}}");
}

#[test]
fn ranges_with_edges_are_not_extrapolated() {
    let samples = [(-30, 0.0), (60, 9.0), (150, 18.0), (240, 27.0), (330, 36.0)];
    let anchored = Case::floats(&samples[..4]).edges(EdgeMode::Anchored);
    assert_eq!(anchored.float("increase", &[]), 27.0);
    assert_eq!(anchored.float("changes", &[]), 3.0);
    let smoothed = Case::floats(&samples).edges(EdgeMode::Smoothed);
    assert!(near(smoothed.float("increase", &[]), 30.0));
    assert!(near(smoothed.float("rate", &[]), 0.1));
    // Nothing behind the start.
    let before = Case::floats(&samples[..1]).edges(EdgeMode::Anchored);
    for name in ["increase", "changes", "resets"] {
        assert_eq!(before.call(name, &[]).0, None, "{name}");
    }
    // A reset beside the edge.
    let reset = Case::floats(&[(-50, 90.0), (50, 10.0), (300, 20.0)]).edges(EdgeMode::Smoothed);
    assert!(near(reset.float("increase", &[]), 15.0));
    let histogram = |count: i64| format!("{{{{count:{count} buckets:[{count}]}}}}");
    let texts: Vec<String> = [0, 9, 18, 27, 36].map(histogram).into();
    let histograms: Vec<(i64, &str)> = samples.iter().zip(&texts).map(|((time, _), text)| (*time, &**text)).collect();
    let smoothed = Case::histograms(&histograms).edges(EdgeMode::Smoothed);
    let (value, notes) = smoothed.histogram("increase");
    assert_eq!((&*value, notes.len()), ("{{count:30 counter_reset_hint:gauge buckets:[30]}}", 0));
}

#[test]
fn rates_of_histograms_are_histograms() {
    let counter = Case::histograms(&[
        (60, "{{schema:1 count:4 sum:5 buckets:[1 2 1]}}"),
        (180, "{{schema:1 count:5 sum:6 buckets:[1 3 1]}}"),
        (300, "{{count:8 sum:9 buckets:[2 6]}}"),
    ]);
    let (value, notes) = counter.histogram("increase");
    assert_eq!(value, "{{count:5 sum:5 counter_reset_hint:gauge buckets:[1.25 3.75]}}");
    assert!(notes.is_empty(), "{notes:?}");
    let (_, notes) = counter.histogram("delta");
    assert_eq!(notes, ["PromQL warning: this native histogram metric is not a gauge: \"m\" (1:1)"]);
    let gauge = "{{count:4 counter_reset_hint:gauge buckets:[4]}}";
    let (_, notes) = Case::histograms(&[(60, gauge), (300, gauge)]).histogram("rate");
    assert_eq!(notes, ["PromQL warning: this native histogram metric is not a counter: \"m\" (1:1)"]);
    let custom = "{{schema:-53 count:4 custom_values:[1] buckets:[4]}}";
    let mixed = Case::histograms(&[(60, "{{count:1 buckets:[1]}}"), (180, custom), (300, "{{count:5 buckets:[5]}}")]);
    let kinds = "PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name \"m\" (1:1)";
    assert_eq!(mixed.call("rate", &[]), (None, vec![kinds.to_owned()]));
    let other = "{{schema:-53 count:5 custom_values:[1 2] buckets:[4 1]}}";
    let (value, notes) = Case::histograms(&[(60, custom), (300, other)]).histogram("increase");
    assert_eq!(value, "{{schema:-53 count:1.25 custom_values:[1] counter_reset_hint:gauge offset:1 buckets:[1.25]}}");
    assert_eq!(notes, ["PromQL info: mismatched custom buckets were reconciled during subtraction (1:1)"]);
}

#[test]
fn floats_and_histograms_are_not_mixed() {
    let mut mixed = Case::histograms(&[(60, "{{count:1 buckets:[1]}}"), (120, "{{count:1 buckets:[1]}}")]);
    for (time, value) in [(180_000, 1.0_f64), (240_000, 5.0)] {
        mixed.times.push(time);
        mixed.values.push(Value::Float(value.to_bits()));
    }
    let both = "PromQL warning: encountered a mix of histograms and floats for metric name \"m\" (1:1)";
    for name in ["rate", "increase", "delta", "sum_over_time", "avg_over_time"] {
        assert_eq!(mixed.call(name, &[]), (None, vec![both.to_owned()]), "{name}");
    }
    let ignored =
        "PromQL info: ignored histograms in a range containing both floats and histograms for metric name \"m\" (1:1)";
    let values = [
        ("max_over_time", 5.0),
        ("min_over_time", 1.0),
        ("stddev_over_time", 2.0),
        ("deriv", 4.0 / 60.0),
        ("mad_over_time", 2.0),
    ];
    for (name, expected) in values {
        assert_eq!(mixed.call(name, &[]), (Some(Point::Float(expected)), vec![ignored.to_owned()]), "{name}");
    }
    assert_eq!(mixed.float("count_over_time", &[]), 4.0);
    assert_eq!(mixed.float("changes", &[]), 2.0);
    assert_eq!(mixed.float("resets", &[]), 1.0);
    assert_eq!(mixed.float("ts_of_first_over_time", &[]), 60.0);
}

#[test]
fn series_are_aggregated_over_time() {
    let case = Case::floats(&[(60, 2.0), (120, 8.0), (180, 8.0), (240, 1.0), (300, 1.0)]);
    let values: &[(&str, &[f64], f64)] = &[
        ("sum_over_time", &[], 20.0),
        ("avg_over_time", &[], 4.0),
        ("stdvar_over_time", &[], 10.8),
        ("min_over_time", &[], 1.0),
        ("max_over_time", &[], 8.0),
        ("first_over_time", &[], 2.0),
        ("last_over_time", &[], 1.0),
        ("present_over_time", &[], 1.0),
        ("ts_of_max_over_time", &[], 180.0),
        ("ts_of_min_over_time", &[], 300.0),
        ("ts_of_last_over_time", &[], 300.0),
        ("mad_over_time", &[], 1.0),
        ("quantile_over_time", &[0.5], 2.0),
        ("quantile_over_time", &[0.75], 8.0),
        // Through (-240, 2) … (0, 1): slope -0.9 a minute, 2.2 now.
        ("predict_linear", &[60.0], 1.3),
    ];
    for (name, params, expected) in values {
        let value = case.float(name, params);
        assert!(near(value, *expected), "{name}: {value}, expected {expected}");
    }
    let (value, notes) = case.call("quantile_over_time", &[2.0]);
    assert_eq!(value, Some(Point::Float(f64::INFINITY)));
    assert_eq!(notes, ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:1)"]);
    // Rounding is made good, and sums that overflow are means nevertheless.
    assert_eq!(Case::floats(&[(1, 1.0), (2, 1e100), (3, 1.0), (4, -1e100)]).float("sum_over_time", &[]), 2.0);
    assert_eq!(Case::floats(&[(1, f64::MAX), (2, f64::MAX)]).float("avg_over_time", &[]), f64::MAX);
    assert_eq!(Case::floats(&[(1, f64::INFINITY), (2, 1.0)]).float("sum_over_time", &[]), f64::INFINITY);
    assert!(Case::floats(&[(1, f64::NAN), (2, 1.0)]).float("mad_over_time", &[]).is_nan());
    assert_eq!(Case::floats(&[(1, f64::NAN), (2, 1.0)]).float("max_over_time", &[]), 1.0);
    let histograms = Case::histograms(&[
        (60, "{{count:1 sum:1 counter_reset_hint:reset buckets:[1]}}"),
        (120, "{{count:3 sum:2 counter_reset_hint:not_reset buckets:[0 3]}}"),
    ]);
    let collided = vec!["PromQL warning: conflicting counter resets during histogram aggregation (1:1)".to_owned()];
    assert_eq!(histograms.histogram("sum_over_time"), ("{{count:4 sum:3 buckets:[1 3]}}".to_owned(), collided.clone()));
    assert_eq!(histograms.histogram("avg_over_time"), ("{{count:2 sum:1.5 buckets:[0.5 1.5]}}".to_owned(), collided));
    let great = "{{count:1 sum:1.5e308 buckets:[1]}}";
    let (mean, _) = Case::histograms(&[(60, great), (120, great), (180, great)]).histogram("avg_over_time");
    assert_eq!(mean, great.replace("1.5e308", "1.5e+308"));
}

#[test]
fn smoothing_refuses_factors_that_are_none() {
    let call = |params: &[f64]| {
        let case = Case::floats(&SIX);
        let bits: Vec<u64> = SIX.iter().map(|(_, value)| value.to_bits()).collect();
        let window = Window {
            times: &case.times,
            values: WindowValues::Floats(&bits),
            starts: &[],
            temporality: Temporality::Cumulative,
            start_ms: 0,
            end_ms: 300_000,
            edges: EdgeMode::Plain,
        };
        let call = RangeCall { metric: "", span: Default::default(), at_ms: 0, range_seconds: 300.0, params };
        let smoothing = range_function("double_exponential_smoothing").unwrap();
        smoothing(&call, &window, &mut Annotations::default())
    };
    assert_eq!(call(&[0.5, 0.5]).unwrap(), Some(Point::Float(50.0)));
    assert_eq!(
        call(&[1.0, 0.5]).unwrap_err().to_string(),
        "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000"
    );
    assert_eq!(
        call(&[0.5, -0.25]).unwrap_err().to_string(),
        "invalid trend factor. Expected: 0 < tf < 1, got: -0.250000"
    );
}

proptest! {
    /// A counter that rises by the same each time has that rate, wherever it was reset.
    #[test]
    fn resets_do_not_change_a_rate(count in 3_usize..20, step in 1_u32..100, reset in 2_usize..20) {
        let times: Vec<i64> = (0..count).map(|place| (place as i64 + 1) * 300 / count as i64).collect();
        let value = |place: usize| f64::from(step) * (if place >= reset { place - reset } else { place } + 1) as f64;
        let samples: Vec<(i64, f64)> = times.iter().enumerate().map(|(place, time)| (*time, value(place))).collect();
        let plain: Vec<(i64, f64)> =
            times.iter().enumerate().map(|(place, time)| (*time, f64::from(step) * (place + 1) as f64)).collect();
        let (with, without) = (Case::floats(&samples).float("delta", &[]), Case::floats(&plain).float("delta", &[]));
        prop_assert!(with <= without + 1e-9);
        let anchored = |samples: &[(i64, f64)]| Case::floats(samples).edges(EdgeMode::Anchored).float("increase", &[]);
        prop_assert!(near(anchored(&samples), anchored(&plain)));
    }
}

/// Names of all functions over ranges.
const ALL: [&str; 26] = [
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "first_over_time",
    "idelta",
    "increase",
    "irate",
    "last_over_time",
    "mad_over_time",
    "max_over_time",
    "min_over_time",
    "predict_linear",
    "present_over_time",
    "quantile_over_time",
    "rate",
    "resets",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

fn odd_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(-0.0),
        Just(1.0)
    ]
}

fn odd_histogram() -> impl Strategy<Value = Histogram> {
    let buckets = || prop::collection::btree_map(any::<i32>(), odd_float(), 0..4);
    let schema = prop_oneof![Just(-53_i8), -4_i8..=8, any::<i8>()];
    let numbers = (odd_float(), odd_float(), odd_float(), odd_float());
    let bounds = prop::collection::vec(odd_float(), 0..3);
    let reset = prop_oneof![
        Just(CounterReset::Unknown),
        Just(CounterReset::Yes),
        Just(CounterReset::No),
        Just(CounterReset::Gauge)
    ];
    (schema, numbers, buckets(), buckets(), bounds, reset).prop_map(
        |(schema, numbers, positive, negative, bounds, reset)| {
            let list = |counts: std::collections::BTreeMap<i32, f64>| {
                counts.into_iter().map(|(index, count)| Bucket { index, count }).collect()
            };
            let (zero_threshold, zero_count, count, sum) = numbers;
            Histogram {
                schema,
                zero_threshold,
                zero_count,
                count,
                sum,
                positive: list(positive),
                negative: list(negative),
                custom_bounds: bounds.into(),
                reset,
            }
        },
    )
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        odd_float().prop_map(|value| Value::Float(value.to_bits())),
        odd_histogram().prop_map(|histogram| Value::Histogram(Arc::new(histogram)))
    ]
}

proptest! {
    /// Whatever a sender stored: each function has a value, or none, and comes to an end.
    #[test]
    fn odd_samples_are_survived(
        samples in prop::collection::btree_map(prop_oneof![any::<i64>(), -400_i64..400], (odd_value(), any::<i64>()), 1..6),
        edges in prop_oneof![Just(EdgeMode::Plain), Just(EdgeMode::Anchored), Just(EdgeMode::Smoothed)],
        deltas in any::<bool>(),
        with_starts in any::<bool>(),
        param in 0.1_f64..0.9,
    ) {
        let times: Vec<i64> = samples.keys().map(|time| time.saturating_mul(1000)).collect();
        let (values, starts): (Vec<Value>, Vec<i64>) = samples.into_values().unzip();
        let mut case = Case::of(&[], values).edges(edges);
        case.times = times;
        case.starts = if with_starts { starts } else { Vec::new() };
        case.temporality = if deltas { Temporality::Delta } else { Temporality::Cumulative };
        for name in ALL {
            case.call(name, &[param, param]);
        }
    }
}
