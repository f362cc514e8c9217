//! Quantiles and fractions: facts of Prometheus's documentation and tests.

use proptest::prelude::{any, prop, prop_assert, proptest};
use vitrine_observe_promql::histogram::parse_expression;
use vitrine_observe_promql::quantile::{
    ClassicBucket, Forced, fraction_of_classic, fraction_of_histogram, of_classic, of_histogram, quantile,
    variance_of_histogram,
};
use vitrine_observe_promql::{Annotations, Severity};

fn buckets(all: &[(f64, f64)]) -> Vec<ClassicBucket> {
    all.iter().map(|(upper, count)| ClassicBucket { upper: *upper, count: *count }).collect()
}

fn near(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

const INF: f64 = f64::INFINITY;

#[test]
fn quantiles_of_numbers() {
    let cases: &[(f64, &[f64], f64)] = &[
        (0.5, &[3.0, 1.0, 2.0], 2.0),
        (0.25, &[3.0, 1.0, 2.0], 1.5),
        (0.0, &[3.0, 1.0, f64::NAN], f64::NAN),
        (1.0, &[3.0, 1.0, f64::NAN], 3.0),
        (0.5, &[], f64::NAN),
        (-0.1, &[1.0], f64::NEG_INFINITY),
        (1.1, &[1.0], INF),
        (f64::NAN, &[1.0], f64::NAN),
    ];
    for (q, values, expected) in cases {
        assert!(near(quantile(*q, &mut values.to_vec()), *expected), "{q} of {values:?}");
    }
}

/// Bounds and counts, a quantile, and its value.
type Case<'a> = (&'a [(f64, f64)], f64, f64);

#[test]
fn quantiles_of_classic_histograms() {
    let all: &[(f64, f64)] = &[(0.1, 1.0), (0.2, 3.0), (0.4, 3.0), (INF, 4.0)];
    let cases: [Case<'_>; _] = [
        (all, 0.0, 0.0),
        (all, 0.125, 0.05),
        (all, 0.5, 0.15),
        (all, 1.0, 0.4),
        (all, 2.0, INF),
        (all, f64::NAN, f64::NAN),
        (&[(-0.2, 1.0), (0.0, 2.0), (INF, 3.0)], 0.1, -0.2),
        (&[(1.0, 1.0), (2.0, 2.0)], 0.5, f64::NAN),
        (&[(INF, 3.0)], 0.5, f64::NAN),
        (&[(1.0, 0.0), (INF, 0.0)], 0.5, f64::NAN),
        (&[], 0.5, f64::NAN),
        // Buckets with one bound, in any order.
        (&[(INF, 2.0), (1.0, 1.0), (1.0, 1.0), (INF, 2.0)], 0.25, 0.5),
    ];
    for (list, q, expected) in &cases {
        let (value, forced) = of_classic(*q, &mut buckets(list));
        assert!(near(value, *expected) && forced.is_none(), "{q} of {list:?}: {value}, {forced:?}");
    }
    let (_, forced) = of_classic(0.5, &mut buckets(&[(1.0, 10.0), (2.0, 9.0), (4.0, 7.0), (INF, 12.0)]));
    assert_eq!(forced, Some(Forced { min_bucket: 2.0, max_bucket: 4.0, max_diff: 3.0 }));
    let (_, forced) = of_classic(0.5, &mut buckets(&[(1.0, 10.0), (2.0, 10.0 - 1e-12), (INF, 12.0)]));
    assert_eq!(forced, None);
}

#[test]
fn fractions_of_classic_histograms() {
    let all: &[(f64, f64)] = &[(0.1, 1.0), (0.2, 3.0), (0.4, 3.0), (INF, 4.0)];
    let cases =
        [(0.0, 0.1, 0.25), (0.0, 0.15, 0.5), (-INF, INF, 1.0), (0.4, INF, 0.25), (0.5, 1.0, 0.0), (1.0, 0.5, 0.0)];
    for (lower, upper, expected) in cases {
        assert!(near(fraction_of_classic(lower, upper, &mut buckets(all)), expected), "{lower} to {upper}");
    }
    assert!(fraction_of_classic(0.0, 1.0, &mut buckets(&[(1.0, 2.0)])).is_nan());
    assert!(fraction_of_classic(f64::NAN, 1.0, &mut buckets(all)).is_nan());
}

#[test]
fn quantiles_and_fractions_of_histograms() {
    // Text, quantile, its value.
    let cases = [
        ("{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]}}", 1.0, 16.0),
        ("{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]}}", 0.5, 1.587_401_051_968_199_4),
        ("{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]}}", 0.1, 0.0006),
        ("{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]}}", 0.0, 0.0),
        ("{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 n_buckets:[2 3 0 1 4]}}", 0.0, -16.0),
        (
            "{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 n_buckets:[2 3 0 1 4]}}",
            0.5,
            -1.587_401_051_968_199_4,
        ),
        ("{{schema:0 count:12 sum:100 z_bucket:2 z_bucket_w:0.001 n_buckets:[2 3 0 1 4]}}", 1.0, 0.0),
        ("{{schema:-53 count:15 sum:172.5 custom_values:[5 10 15 20] buckets:[1 6 4 3 1]}}", 0.5, 10.625),
        ("{{schema:-53 count:15 sum:172.5 custom_values:[5 10 15 20] buckets:[1 6 4 3 1]}}", 1.0, 20.0),
        ("{{}}", 0.5, f64::NAN),
    ];
    for (text, q, expected) in cases {
        let histogram = parse_expression(text).unwrap();
        let mut notes = Annotations::default();
        let value = of_histogram(q, &histogram, "", Default::default(), &mut notes);
        assert!(near(value, expected) && notes.is_empty(), "{q} of {text}: {value}, expected {expected}");
        if value.is_finite() && (0.01..0.99).contains(&q) {
            let fraction = fraction_of_histogram(-INF, value, &histogram, "", Default::default(), &mut notes);
            assert!(near(fraction, q), "the part below {value} of {text}: {fraction}, expected {q}");
        }
    }
}

#[test]
fn values_that_are_no_number_are_remarked_on() {
    let histogram = parse_expression("{{count:4 sum:NaN buckets:[1 1]}}").unwrap();
    let check = |q: f64, expected: f64, text: &str| {
        let mut notes = Annotations::default();
        let value = of_histogram(q, &histogram, "m", Default::default(), &mut notes);
        assert!(near(value, expected), "{q}: {value}");
        assert_eq!(notes.texts(Severity::Info, "q", 0), [text]);
    };
    let skewed = "PromQL info: input to histogram_quantile has NaN observations, result is skewed higher for metric name \"m\" (1:1)";
    let none =
        "PromQL info: input to histogram_quantile has NaN observations, result is NaN for metric name \"m\" (1:1)";
    check(0.25, 1.0, skewed);
    check(0.75, f64::NAN, none);
    let mut notes = Annotations::default();
    assert_eq!(fraction_of_histogram(-INF, INF, &histogram, "", Default::default(), &mut notes), 0.5);
    assert_eq!(
        notes.texts(Severity::Info, "q", 0),
        ["PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions (1:1)"]
    );
}

#[test]
fn variances_of_histograms() {
    let cases = [
        ("{{schema:3 count:4 sum:1 z_bucket:4 z_bucket_w:0.001}}", 0.0625),
        ("{{schema:-53 count:2 sum:10 custom_values:[4 6] buckets:[0 2]}}", 0.0),
        ("{{schema:0 count:2 sum:0 offset:1 buckets:[1] n_offset:1 n_buckets:[1]}}", 2.0),
    ];
    for (text, expected) in cases {
        assert!(near(variance_of_histogram(&parse_expression(text).unwrap()), expected), "{text}");
    }
}

proptest! {
    /// What lies below a quantile is that part of all.
    #[test]
    fn fractions_are_inverse_to_quantiles(counts in prop::collection::vec(1_u32..100, 1..10), schema in -2_i8..4, q in 0.01_f64..0.99) {
        let total: u32 = counts.iter().sum();
        let list: Vec<String> = counts.iter().map(u32::to_string).collect();
        let text = format!("schema:{schema} count:{total} sum:1 buckets:[{}]", list.join(" "));
        let histogram = parse_expression(&text).unwrap();
        let mut notes = Annotations::default();
        let value = of_histogram(q, &histogram, "", Default::default(), &mut notes);
        let fraction = fraction_of_histogram(-INF, value, &histogram, "", Default::default(), &mut notes);
        prop_assert!((fraction - q).abs() < 1e-6, "{} {}", fraction, q);
    }

    #[test]
    fn any_buckets_have_a_quantile(list in prop::collection::vec((any::<f64>(), any::<f64>()), 0..8), q in any::<f64>()) {
        let mut all = buckets(&list);
        all.push(ClassicBucket { upper: INF, count: 1.0 });
        of_classic(q, &mut all.clone());
        fraction_of_classic(q, INF, &mut all);
    }
}
