//! Arithmetic on histograms: facts of Prometheus's documentation and tests, and laws.

use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};
use vitrine_observe_promql::histogram::{
    HistogramSum, add, all_intervals, compact, display, divide, equal, expression, is_reset, multiply,
    parse_expression, reduce_resolution, subtract, trim_lower, trim_upper, upper_bound,
};
use vitrine_observe_series::{Bucket, CounterReset, Histogram};

fn read(text: &str) -> Histogram {
    parse_expression(text).expect("a histogram")
}

/// Applies and compares in the form that tests of Prometheus have, which leaves out empty buckets.
fn check(text: &str, change: impl FnOnce(&mut Histogram), expected: &str) {
    let mut histogram = read(text);
    change(&mut histogram);
    assert_eq!(expression(&histogram), expected, "of {text}");
}

#[test]
fn histograms_are_added() {
    let cases = [
        (
            "{{count:3 sum:5 buckets:[1 2]}}",
            "{{count:4 sum:1 offset:1 buckets:[4]}}",
            "{{count:7 sum:6 buckets:[1 6]}}",
        ),
        // The coarser schema holds.
        (
            "{{schema:1 count:3 sum:5 offset:1 buckets:[1 1 1]}}",
            "{{count:1 sum:2 offset:1 buckets:[1]}}",
            "{{count:4 sum:7 offset:1 buckets:[3 1]}}",
        ),
        (
            "{{count:1 sum:2 offset:1 buckets:[1]}}",
            "{{schema:1 count:3 sum:5 offset:1 buckets:[1 1 1]}}",
            "{{count:4 sum:7 offset:1 buckets:[3 1]}}",
        ),
        // The wider zero bucket holds, and what lies in it goes into it.
        (
            "{{count:4 z_bucket:1 z_bucket_w:0.25 offset:-1 buckets:[1 1 1]}}",
            "{{count:2 z_bucket:2 z_bucket_w:1}}",
            "{{count:6 z_bucket:5 z_bucket_w:1 offset:1 buckets:[1]}}",
        ),
        // It grows to the end of a bucket that counts something.
        (
            "{{count:1 offset:1 buckets:[1]}}",
            "{{count:2 z_bucket:2 z_bucket_w:1.5}}",
            "{{count:3 z_bucket:3 z_bucket_w:2}}",
        ),
        (
            "{{count:2 n_offset:1 n_buckets:[1 1]}}",
            "{{count:2 z_bucket:2 z_bucket_w:1.5}}",
            "{{count:4 z_bucket:3 z_bucket_w:2 n_offset:2 n_buckets:[1]}}",
        ),
        // Of custom bounds the common ones hold.
        (
            "{{schema:-53 count:3 sum:5 custom_values:[5 10] buckets:[1 1 1]}}",
            "{{schema:-53 count:4 sum:1 custom_values:[5 7 10] buckets:[1 1 1 1]}}",
            "{{schema:-53 count:7 sum:6 custom_values:[5 10] buckets:[2 3 2]}}",
        ),
        (
            "{{schema:-53 count:3 sum:5 custom_values:[5 10] buckets:[1 1 1]}}",
            "{{schema:-53 count:1 sum:1 custom_values:[4] buckets:[1]}}",
            "{{schema:-53 count:4 sum:6 custom_values:[] buckets:[4]}}",
        ),
        // What is known of resets.
        (
            "{{count:1 counter_reset_hint:reset}}",
            "{{count:1 counter_reset_hint:gauge}}",
            "{{count:2 counter_reset_hint:gauge}}",
        ),
        ("{{count:1 counter_reset_hint:reset}}", "{{count:1 counter_reset_hint:not_reset}}", "{{count:2}}"),
    ];
    for (a, b, expected) in cases {
        check(
            a,
            |a| {
                add(a, &read(b)).unwrap();
            },
            expected,
        );
    }
}

#[test]
fn what_was_brought_together_is_reported() {
    let combined = |a: &str, b: &str| {
        let combined = add(&mut read(a), &read(b)).unwrap();
        (combined.resets_collided, combined.bounds_reconciled)
    };
    let custom = "{{schema:-53 count:1 custom_values:[1 2] buckets:[1]}}";
    assert_eq!(combined(custom, custom), (false, false));
    assert_eq!(combined(custom, "{{schema:-53 count:1 custom_values:[1 3] buckets:[1]}}"), (false, true));
    assert_eq!(combined("{{counter_reset_hint:reset}}", "{{counter_reset_hint:not_reset}}"), (true, false));
    let mut exponential = read("{{count:1 buckets:[1]}}");
    let before = exponential.clone();
    assert!(add(&mut exponential, &read(custom)).is_err());
    assert_eq!(exponential, before);
}

#[test]
fn histograms_are_subtracted_multiplied_and_divided() {
    let sub = |text: &'static str| {
        move |a: &mut Histogram| {
            subtract(a, &read(text)).unwrap();
        }
    };
    check(
        "{{count:7 sum:6 buckets:[1 6]}}",
        sub("{{count:4 sum:1 offset:1 buckets:[4]}}"),
        "{{count:3 sum:5 buckets:[1 2]}}",
    );
    check("{{count:1 buckets:[1]}}", sub("{{count:2 buckets:[0 2]}}"), "{{count:-1 buckets:[1 -2]}}");
    let text = "{{count:4 sum:2 z_bucket:2 z_bucket_w:0.1 buckets:[2]}}";
    check(text, |a| multiply(a, 2.0), "{{count:8 sum:4 z_bucket:4 z_bucket_w:0.1 buckets:[4]}}");
    check(
        text,
        |a| multiply(a, -1.0),
        "{{count:-4 sum:-2 z_bucket:-2 z_bucket_w:0.1 counter_reset_hint:gauge buckets:[-2]}}",
    );
    check(text, |a| divide(a, 2.0), "{{count:2 sum:1 z_bucket:1 z_bucket_w:0.1 buckets:[1]}}");
    check(text, |a| divide(a, 0.0), "{{count:+Inf sum:+Inf z_bucket:+Inf z_bucket_w:0.1}}");
}

#[test]
fn resets_are_found() {
    let cases = [
        ("{{count:3 buckets:[1 2]}}", "{{count:3 buckets:[1 2]}}", false),
        ("{{count:2 buckets:[2]}}", "{{count:3 buckets:[1 2]}}", true),
        ("{{count:4 buckets:[0 4]}}", "{{count:3 buckets:[1 2]}}", true),
        ("{{count:4 buckets:[4]}}", "{{count:3 buckets:[3 0 0]}}", false),
        ("{{count:4 buckets:[4]}}", "{{count:3 buckets:[2 0 1]}}", true),
        ("{{count:4 counter_reset_hint:reset}}", "{{count:3}}", true),
        ("{{count:2 counter_reset_hint:not_reset}}", "{{count:3}}", false),
        // Finer than before, or with a smaller zero bucket.
        ("{{schema:1 count:3}}", "{{count:3}}", true),
        ("{{count:3 z_bucket_w:0.1}}", "{{count:3 z_bucket_w:0.2}}", true),
        // Coarser: buckets are merged before they are compared.
        ("{{count:3 offset:1 buckets:[3]}}", "{{schema:1 count:3 offset:1 buckets:[1 2]}}", false),
        ("{{count:3 offset:1 buckets:[2 1]}}", "{{schema:1 count:3 offset:1 buckets:[1 2]}}", true),
        // A wider zero bucket takes whole buckets.
        ("{{count:3 z_bucket:3 z_bucket_w:2}}", "{{count:3 offset:1 buckets:[3]}}", false),
        ("{{count:3 z_bucket:3 z_bucket_w:1.5}}", "{{count:3 offset:1 buckets:[3]}}", true),
        // Custom bounds.
        (
            "{{schema:-53 count:3 custom_values:[1 2] buckets:[1 2]}}",
            "{{schema:-53 count:3 custom_values:[1 3] buckets:[1 0 2]}}",
            false,
        ),
        (
            "{{schema:-53 count:3 custom_values:[1 2] buckets:[0 3]}}",
            "{{schema:-53 count:3 custom_values:[1 3] buckets:[1 2]}}",
            true,
        ),
        ("{{schema:-53 count:3 custom_values:[1] buckets:[3]}}", "{{count:3 buckets:[3]}}", true),
        ("{{count:3 buckets:[3]}}", "{{schema:-53 count:3 custom_values:[1] buckets:[3]}}", true),
    ];
    for (now, before, expected) in cases {
        assert_eq!(is_reset(&read(now), &read(before)), expected, "{now} after {before}");
    }
}

#[test]
fn histograms_are_trimmed() {
    let exponential = "{{count:4 sum:9 offset:1 buckets:[2 2]}}";
    check(exponential, |h| trim_upper(h, 2.0), "{{count:2 sum:2.8284271247461903 offset:1 buckets:[2]}}");
    check(exponential, |h| trim_lower(h, 2.0), "{{count:2 sum:5.656854249492381 offset:2 buckets:[2]}}");
    check(exponential, |h| trim_upper(h, 100.0), exponential);
    check(exponential, |h| trim_lower(h, 100.0), "{{}}");
    let custom = "{{schema:-53 count:9 sum:30 custom_values:[5 10] buckets:[4 4 1]}}";
    check(custom, |h| trim_upper(h, 7.5), "{{schema:-53 count:6 sum:22.5 custom_values:[5 10] buckets:[4 2]}}");
    check(custom, |h| trim_upper(h, f64::INFINITY), custom);
    check(custom, |h| trim_lower(h, 12.0), "{{schema:-53 count:1 sum:12 custom_values:[5 10] offset:2 buckets:[1]}}");
    let zero = "{{count:4 z_bucket:4 z_bucket_w:1}}";
    check(zero, |h| trim_upper(h, 0.0), "{{count:2 sum:-1 z_bucket:2 z_bucket_w:1}}");
    check(zero, |h| trim_upper(h, f64::NAN), "{{count:NaN sum:NaN z_bucket:NaN z_bucket_w:1}}");
}

#[test]
fn texts_are_read_and_written() {
    let all = "{{schema:2 count:10 sum:-3.5 z_bucket:1 z_bucket_w:0.001 counter_reset_hint:gauge offset:-2 buckets:[1 0 2] \
               n_offset:5 n_buckets:[6]}}";
    assert_eq!(expression(&read(all)), all);
    assert_eq!(
        display(&read("{{count:4 sum:5 z_bucket:1 z_bucket_w:0.5 offset:1 buckets:[1] n_offset:1 n_buckets:[2]}}")),
        "{count:4, sum:5, [-2,-1):2, [-0.5,0.5]:1, (1,2]:1}"
    );
    assert_eq!(
        display(&read("{{schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]}}")),
        "{count:3, sum:0, [-Inf,1]:1, (1,2]:1, (2,+Inf]:1}"
    );
    let bad = [
        ("{{count}}", "\"count\" is no part of a histogram: expected name:value"),
        ("{{count:x}}", "count: \"x\" is no number"),
        ("{{schema:9}}", "schema: \"9\" is none: expected -4 to 8, or -53"),
        ("{{buckets:[1}}", "buckets: the list has no end"),
        ("{{buckets:1}}", "buckets: \"1\" is no list: expected [1 2 3]"),
        ("{{offset:99999999999}}", "offset: \"99999999999\" is no index of a bucket: expected -16777216 to 16777216"),
        ("{{colour:1}}", "\"colour\" is no part of a histogram"),
        (
            "{{counter_reset_hint:maybe}}",
            "counter_reset_hint: \"maybe\" is none: expected unknown, reset, not_reset or gauge",
        ),
    ];
    for (text, error) in bad {
        assert_eq!(parse_expression(text).unwrap_err(), error);
    }
}

/// Bent input: thresholds that are no number and buckets far from each other neither hang nor fail.
#[test]
fn odd_histograms_are_combined() {
    let mut odd = Histogram { zero_threshold: f64::NAN, ..read("{{count:1 buckets:[1]}}") };
    add(&mut odd, &read("{{count:1 z_bucket:1 z_bucket_w:1}}")).unwrap();
    let far = Histogram {
        positive: vec![Bucket { index: i32::MIN, count: 1.0 }, Bucket { index: i32::MAX, count: 1.0 }],
        ..Histogram::default()
    };
    let mut sum = far.clone();
    add(&mut sum, &far).unwrap();
    assert_eq!(sum.positive.len(), 2);
    assert_eq!(all_intervals(&far).count(), 2);
    assert!(expression(&far).starts_with("{count:"));
    reduce_resolution(&mut sum, -4);
    assert!(!is_reset(&sum, &far) || sum.schema < far.schema);
    let custom = Histogram {
        schema: -53,
        positive: vec![Bucket { index: -5, count: 1.0 }, Bucket { index: 7, count: 1.0 }],
        custom_bounds: [1.0].into(),
        ..Histogram::default()
    };
    add(&mut custom.clone(), &read("{{schema:-53 custom_values:[2] buckets:[1]}}")).unwrap();
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let buckets = || prop::collection::btree_map(-20_i32..20, 0_u32..1000, 0..8);
    let buckets_of = |counts: std::collections::BTreeMap<i32, u32>| {
        counts.into_iter().map(|(index, count)| Bucket { index, count: f64::from(count) }).collect::<Vec<_>>()
    };
    (-4_i8..=8, 0_u32..5, 0_u32..1000, buckets(), buckets()).prop_map(
        move |(schema, threshold, zero, positive, negative)| {
            let threshold = f64::from(threshold) / 4.0;
            // Buckets lie outside of the zero bucket, as senders have them.
            let outside = |bucket: &Bucket| upper_bound(bucket.index - 1, schema, &[]) >= threshold;
            let (mut positive, mut negative) = (buckets_of(positive), buckets_of(negative));
            positive.retain(outside);
            negative.retain(outside);
            let counted: f64 = positive.iter().chain(&negative).map(|bucket| bucket.count).sum();
            Histogram {
                schema,
                zero_threshold: threshold,
                zero_count: f64::from(zero),
                count: counted + f64::from(zero),
                sum: f64::from(zero) * 3.0,
                positive,
                negative,
                custom_bounds: [].into(),
                reset: CounterReset::Unknown,
            }
        },
    )
}

/// All values that buckets count.
fn counted(histogram: &Histogram) -> f64 {
    histogram.zero_count + histogram.positive.iter().chain(&histogram.negative).map(|bucket| bucket.count).sum::<f64>()
}

proptest! {
    #[test]
    fn order_does_not_matter_and_nothing_is_lost(a in any_histogram(), b in any_histogram()) {
        let (mut left, mut right) = (a.clone(), b.clone());
        add(&mut left, &b).unwrap();
        add(&mut right, &a).unwrap();
        prop_assert_eq!(left.count, a.count + b.count);
        compact(&mut left);
        compact(&mut right);
        prop_assert_eq!(&left.positive, &right.positive);
        prop_assert_eq!(&left.negative, &right.negative);
        prop_assert_eq!(left.zero_count, right.zero_count);
        prop_assert_eq!(counted(&left), counted(&a) + counted(&b));
    }

    #[test]
    fn what_was_added_can_be_subtracted(a in any_histogram(), b in any_histogram()) {
        let mut sum = a.clone();
        add(&mut sum, &b).unwrap();
        let mut rest = sum.clone();
        subtract(&mut rest, &sum).unwrap();
        compact(&mut rest);
        prop_assert_eq!((rest.count, rest.zero_count, rest.positive.len(), rest.negative.len()), (0.0, 0.0, 0, 0));
    }

    #[test]
    fn a_coarser_schema_counts_the_same(a in any_histogram(), schema in -4_i8..=8) {
        let mut coarse = a.clone();
        reduce_resolution(&mut coarse, schema);
        prop_assert_eq!(counted(&coarse), counted(&a));
        let mut twice = coarse.clone();
        reduce_resolution(&mut twice, -4);
        let mut once = a;
        reduce_resolution(&mut once, -4);
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn a_counter_that_grew_was_not_reset(a in any_histogram(), b in any_histogram()) {
        let mut sum = a.clone();
        add(&mut sum, &b).unwrap();
        prop_assert!(!is_reset(&sum, &a));
        prop_assert!(!is_reset(&a, &a));
        prop_assert!(equal(&a, &a));
    }

    #[test]
    fn sums_with_compensation_agree_with_plain_ones(all in prop::collection::vec(any_histogram(), 1..6)) {
        let mut plain = all[0].clone();
        let mut sum = HistogramSum::new(&all[0]);
        for histogram in &all[1..] {
            add(&mut plain, histogram).unwrap();
            sum.add(histogram).unwrap();
        }
        let mut total = sum.total();
        compact(&mut plain);
        compact(&mut total);
        prop_assert!(equal(&plain, &total), "{} {}", display(&plain), display(&total));
    }

    #[test]
    fn texts_are_read_back(a in any_histogram()) {
        let mut plain = a;
        compact(&mut plain);
        let mut back = parse_expression(&expression(&plain)).unwrap();
        compact(&mut back);
        prop_assert_eq!(back, plain);
    }
}
