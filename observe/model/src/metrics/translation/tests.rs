//! What Prometheus's receiver makes of names, in its documentation and in the translator's.

use vitrine_observe_series::Labels;

use super::{Pairs, Promotion, ScopePairs, Strategy, Translation};
use crate::metric_point::MetricKind;

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn with(strategy: Strategy) -> Translation {
    Translation { strategy, ..Translation::default() }
}

#[test]
fn metrics_get_units_and_types() {
    use MetricKind::{ExponentialHistogram, Gauge, Histogram, Sum, Summary};
    for (name, unit, kind, monotonic, expected) in [
        ("http.server.duration", "s", Histogram, false, "http_server_duration_seconds"),
        (
            "http.server.request.duration",
            "ms",
            ExponentialHistogram,
            false,
            "http_server_request_duration_milliseconds",
        ),
        ("requests.count", "1", Sum, true, "requests_count_total"),
        ("requests_total", "", Sum, true, "requests_total"),
        ("total.requests", "", Sum, true, "requests_total"),
        ("memory.usage", "By", Gauge, false, "memory_usage_bytes"),
        ("memory.usage.bytes", "By", Gauge, false, "memory_usage_bytes"),
        ("system.cpu.utilization", "1", Gauge, false, "system_cpu_utilization_ratio"),
        ("queue.length", "{item}", Gauge, false, "queue_length"),
        ("network.io", "By/s", Gauge, false, "network_io_bytes_per_second"),
        ("speed", "km/h", Gauge, false, "speed_km_per_hour"),
        ("fan.speed", "{rotation}/min", Gauge, false, "fan_speed_per_min"),
        ("disk.free", "%", Gauge, false, "disk_free_percent"),
        ("2xx.answers", "", Sum, true, "_2xx_answers_total"),
        ("a..b__c", "", Gauge, false, "a_b_c"),
        ("latency", "s", Summary, false, "latency_seconds"),
        ("ns:rule", "", Gauge, false, "ns:rule"),
    ] {
        let found = with(Strategy::UnderscoreEscapingWithSuffixes).metric(name, unit, kind, monotonic);
        assert_eq!(found.as_deref(), Ok(expected), "{name} {unit}");
    }
    let refused = with(Strategy::default()).metric("ж", "", Gauge, false).expect_err("nothing is left");
    assert!(refused.to_string().starts_with("name: \"ж\""), "{refused}");
}

#[test]
fn strategies_differ() {
    use MetricKind::{Gauge, Sum};
    for (strategy, counter, gauge, label) in [
        (Strategy::UnderscoreEscapingWithSuffixes, "http_requests_bytes_total", "load_ratio", "http_method"),
        (Strategy::UnderscoreEscapingWithoutSuffixes, "http_requests", "load", "http_method"),
        (Strategy::NoUtf8EscapingWithSuffixes, "http.requests_bytes_total", "load_ratio", "http.method"),
        (Strategy::NoTranslation, "http.requests", "load", "http.method"),
    ] {
        let translation = with(strategy);
        assert_eq!(translation.metric("http.requests", "By", Sum, true).as_deref(), Ok(counter), "{strategy:?}");
        assert_eq!(translation.metric("load", "1", Gauge, false).as_deref(), Ok(gauge), "{strategy:?}");
        assert_eq!(translation.label("http.method").as_deref(), Ok(label), "{strategy:?}");
    }
    let whole = with(Strategy::NoUtf8EscapingWithSuffixes);
    assert_eq!(whole.metric("io_total", "By/s", Sum, true).as_deref(), Ok("io_bytes_per_second_total"));
    assert_eq!(whole.metric("io_bytes", "By", Gauge, false).as_deref(), Ok("io_bytes"));
}

#[test]
fn labels_are_made_of_keys() {
    let translation = Translation::default();
    for (key, expected) in [
        ("http.method", "http_method"),
        ("123abc", "key_123abc"),
        ("__reserved__", "__reserved__"),
        ("__a..b__", "__a_b__"),
        ("a...b", "a_b"),
        ("_private", "_private"),
        ("größe", "gr_e"),
    ] {
        assert_eq!(translation.label(key).as_deref(), Ok(expected), "{key}");
    }
    for key in ["", "___", "ж"] {
        assert!(translation.label(key).is_err(), "{key:?}");
    }
}

#[test]
fn series_have_the_labels_of_their_resource_and_scope() {
    let resource = pairs(&[
        ("service.name", "shop"),
        ("service.namespace", "glass"),
        ("service.instance.id", "a-1"),
        ("cloud.region", "eu"),
    ]);
    let scope = ScopePairs {
        name: "lib".into(),
        version: "2".into(),
        schema_url: String::new(),
        attributes: pairs(&[("build.kind", "dev")]),
    };
    let attributes = pairs(&[("b.c", "2"), ("b_c", "1"), ("job", "mine"), ("__name__", "other")]);
    let labels = |translation: &Translation| {
        let shared = translation.shared(&resource, &scope).expect("sound names");
        translation.labels(&attributes, &shared, &[("__name__", "m")]).expect("sound names")
    };
    let plain = Labels::of([("__name__", "m"), ("b_c", "2;1"), ("instance", "a-1"), ("job", "glass/shop")]);
    assert_eq!(labels(&Translation::default()), plain);

    let promotion = Promotion::These(vec!["cloud.region".into(), "absent".into()]);
    let rich = Translation { promotion, promote_scope_metadata: true, ..Translation::default() };
    let found = labels(&rich);
    for (name, value) in [
        ("cloud_region", "eu"),
        ("otel_scope_name", "lib"),
        ("otel_scope_version", "2"),
        ("otel_scope_build_kind", "dev"),
    ] {
        assert_eq!(found.get(name), Some(value));
    }
    assert_eq!(found.get("otel_scope_schema_url"), None, "empty labels are none");
    let all = Translation { promotion: Promotion::AllBut(vec!["cloud.region".into()]), ..Translation::default() };
    assert_eq!((labels(&all).get("service_name"), labels(&all).get("cloud_region")), (Some("shop"), None));
}

#[test]
fn a_resource_is_told_of_where_there_is_something_to_tell() {
    let translation = Translation::default();
    let info = |resource: &[(&str, &str)]| translation.target_info(&pairs(resource)).expect("sound names");
    let expected = Labels::of([("__name__", "target_info"), ("cloud_region", "eu"), ("job", "shop")]);
    assert_eq!(info(&[("service.name", "shop"), ("cloud.region", "eu")]), Some(expected));
    assert_eq!(info(&[("service.name", "shop")]), None, "job and instance say it all");
    assert_eq!(info(&[("cloud.region", "eu")]), None, "of whom?");
    let keep = Translation { keep_identifying_resource_attributes: true, ..Translation::default() };
    let found = keep.target_info(&pairs(&[("service.name", "shop"), ("cloud.region", "eu")])).expect("sound names");
    assert_eq!(found.expect("there is something to tell").get("service_name"), Some("shop"));
}
