//! What goes into the columns comes out again.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::prop_assert_eq;
use vitrine_observe_model::{
    Attribute, Batch, LogBuilder, MetricBuilder, MetricKind, OpenBatch, Origin, Point, Scope, SpanBuilder, SpanId,
    SpanKind, StatusCode, Temporality, TraceId, UNKNOWN_SERVICE, Value,
};

fn proto(value: &Value) -> AnyValue {
    let value = match value {
        Value::Empty => None,
        Value::String(text) => Some(Proto::StringValue(text.clone())),
        Value::Bool(flag) => Some(Proto::BoolValue(*flag)),
        Value::Int(number) => Some(Proto::IntValue(*number)),
        Value::Double(number) => Some(Proto::DoubleValue(*number)),
        Value::Bytes(bytes) => Some(Proto::BytesValue(bytes.clone())),
        Value::Array(items) => Some(Proto::ArrayValue(ArrayValue { values: items.iter().map(proto).collect() })),
        Value::Map(entries) => Some(Proto::KvlistValue(KeyValueList { values: list(entries) })),
    };
    AnyValue { value }
}

fn list(attributes: &[Attribute]) -> Vec<KeyValue> {
    let entry = |attribute: &Attribute| KeyValue {
        key: attribute.key.clone(),
        value: Some(proto(&attribute.value)),
        ..KeyValue::default()
    };
    attributes.iter().map(entry).collect()
}

fn attribute(key: &str, value: Value) -> Attribute {
    Attribute { key: key.into(), value }
}

fn every_type() -> Vec<Attribute> {
    vec![
        attribute("empty", Value::Empty),
        attribute("string", Value::String("héllo <b>".into())),
        attribute("bool", Value::Bool(true)),
        attribute("int", Value::Int(i64::MIN)),
        attribute("double", Value::Double(-0.5)),
        attribute("bytes", Value::Bytes(vec![0, 255, 1])),
        attribute("array", Value::Array(vec![Value::Int(1), Value::String("two".into()), Value::Empty])),
        attribute(
            "map",
            Value::Map(vec![attribute("string", Value::Array(vec![])), attribute("", Value::Bool(false))]),
        ),
        attribute("string", Value::String("the same key again".into())),
    ]
}

fn origin(service: &str) -> Origin {
    let name = attribute("service.name", Value::String(service.into()));
    Origin::new(Some(Resource { attributes: list(&[name]), ..Resource::default() }))
}

fn scope() -> Scope {
    Scope::new(Some(InstrumentationScope {
        name: "lib".into(),
        version: "1.2".into(),
        ..InstrumentationScope::default()
    }))
}

fn plain_span() -> Span {
    Span { trace_id: vec![7; 16], span_id: vec![8; 8], name: "op".into(), ..Span::default() }
}

#[test]
fn span_keeps_every_field() {
    let sent = Span {
        trace_state: "a=b".into(),
        parent_span_id: vec![9; 8],
        flags: 0x301,
        kind: 3,
        start_time_unix_nano: 1_700_000_000_123_456_789,
        end_time_unix_nano: 1_700_000_000_123_999_999,
        attributes: list(&every_type()),
        dropped_attributes_count: 1,
        events: vec![span::Event {
            time_unix_nano: 5,
            name: "exception".into(),
            attributes: list(&every_type()),
            dropped_attributes_count: 4,
        }],
        dropped_events_count: 2,
        links: vec![
            span::Link {
                trace_id: vec![1; 16],
                span_id: vec![2; 8],
                attributes: list(&every_type()),
                ..span::Link::default()
            },
            span::Link { trace_id: vec![0; 16], span_id: vec![2; 8], ..span::Link::default() },
        ],
        dropped_links_count: 3,
        status: Some(Status { message: "broke".into(), code: 2 }),
        ..plain_span()
    };
    let mut builder = SpanBuilder::default();
    builder.append(&origin("carts"), &scope(), sent).expect("a sound span");
    builder.append(&origin("carts"), &scope(), plain_span()).expect("a sound span");
    let batch = builder.freeze();
    let row = batch.row(0);
    assert_eq!(row.trace_id, TraceId([7; 16]));
    assert_eq!(row.span_id, SpanId([8; 8]));
    assert_eq!(row.parent_span_id, Some(SpanId([9; 8])));
    assert_eq!((row.trace_state.as_str(), row.flags), ("a=b", 0x301));
    assert_eq!((row.service.as_str(), row.name.as_str(), row.kind), ("carts", "op", SpanKind::Client));
    assert_eq!((row.start_ns, row.duration_ns()), (1_700_000_000_123_456_789, 543_210));
    assert_eq!((row.status, row.status_message.as_str()), (StatusCode::Error, "broke"));
    assert_eq!(row.attributes, every_type());
    assert_eq!((row.events[0].time_ns, row.events[0].name.as_str()), (5, "exception"));
    assert_eq!(row.events[0].attributes, every_type());
    assert_eq!(row.links.len(), 1, "a link with a zero id is dropped");
    assert_eq!(row.links[0].attributes, every_type());
    assert_eq!((row.dropped_attributes, row.dropped_events, row.dropped_links), (1, 2, 4));
    assert_eq!((row.scope.name.as_str(), row.scope.version.as_str()), ("lib", "1.2"));
    let plain = batch.row(1);
    assert_eq!((plain.parent_span_id, plain.kind, plain.status), (None, SpanKind::Unspecified, StatusCode::Unset));
    assert!(plain.attributes.is_empty() && plain.events.is_empty() && plain.links.is_empty());
}

#[test]
fn malformed_ids_are_refused_with_the_field() {
    let cases: [(&str, Span, &str); 6] = [
        ("traceId", Span { trace_id: vec![], ..plain_span() }, "missing"),
        ("traceId", Span { trace_id: vec![0; 16], ..plain_span() }, "all zero"),
        ("traceId", Span { trace_id: vec![1; 8], ..plain_span() }, "8 bytes"),
        ("spanId", Span { span_id: vec![0; 8], ..plain_span() }, "all zero"),
        ("spanId", Span { span_id: vec![1; 9], ..plain_span() }, "9 bytes"),
        ("parentSpanId", Span { parent_span_id: vec![1; 7], ..plain_span() }, "7 bytes"),
    ];
    let mut builder = SpanBuilder::default();
    for (field, span, problem) in cases {
        let rejected = builder.append(&origin("a"), &scope(), span).expect_err("a malformed id");
        assert_eq!((rejected.field, rejected.problem.as_str()), (field, problem));
    }
    assert_eq!((builder.rows(), builder.freeze().rows()), (0, 0));
}

#[test]
fn a_zero_parent_means_root_and_no_resource_means_unknown() {
    let mut builder = SpanBuilder::default();
    let span = Span { parent_span_id: vec![0; 8], kind: 77, ..plain_span() };
    builder.append(&Origin::new(None), &Scope::new(None), span).expect("a sound span");
    let row = builder.freeze().row(0);
    assert_eq!((row.parent_span_id, row.service.as_str(), row.kind), (None, UNKNOWN_SERVICE, SpanKind::Unspecified));
}

#[test]
fn rows_of_a_trace_are_found_among_many() {
    let mut builder = SpanBuilder::default();
    for number in 0..500u32 {
        let mut trace_id = vec![1; 16];
        trace_id[12..].copy_from_slice(&(number % 50 * 7919).to_be_bytes());
        builder.append(&origin("a"), &scope(), Span { trace_id, ..plain_span() }).expect("a sound span");
    }
    let batch = builder.freeze();
    for number in 0..50usize {
        let id = batch.trace_id(number);
        assert_eq!(batch.rows_of(id).collect::<Vec<_>>(), (0..10).map(|turn| turn * 50 + number).collect::<Vec<_>>());
    }
    assert_eq!(batch.rows_of(TraceId([0xff; 16])).count(), 0);
    assert_eq!(batch.rows_of(TraceId([0; 16])).count(), 0);
}

#[test]
fn a_typical_span_is_small() {
    let mut builder = SpanBuilder::default();
    for number in 0..4096u64 {
        let attributes = [
            attribute("rpc.system", Value::String("grpc".into())),
            attribute("rpc.service", Value::String("vitrine.carts.v1.CartsService".into())),
            attribute("rpc.method", Value::String("AddItem".into())),
            attribute("rpc.grpc.status_code", Value::Int(0)),
            attribute("server.address", Value::String("127.0.0.1".into())),
            attribute("server.port", Value::Int(8080)),
            attribute("session.id", Value::String(format!("ses_{number:026}"))),
            attribute("vitrine.cart.items", Value::Int(3)),
        ];
        let span = Span {
            span_id: (number + 1).to_be_bytes().to_vec(),
            parent_span_id: vec![3; 8],
            name: format!("op {}", number % 20),
            attributes: list(&attributes),
            ..plain_span()
        };
        builder.append(&origin("carts"), &scope(), span).expect("a sound span");
    }
    let batch = builder.freeze();
    let per_span = batch.bytes() / batch.rows();
    assert!(per_span < 350, "{per_span} bytes a span");
    let estimate = builder.bytes() as f64 / batch.bytes() as f64;
    assert!((0.85..1.2).contains(&estimate), "the builder estimates {estimate} of the batch's real size");
}

#[test]
fn random_keys_do_not_grow_the_key_table_without_bound() {
    let mut builder = SpanBuilder::default();
    for number in 0..5_000 {
        let attributes = list(&[attribute(&format!("key {number}"), Value::Int(number))]);
        builder.append(&origin("a"), &scope(), Span { attributes, ..plain_span() }).expect("a sound span");
    }
    let batch = builder.freeze();
    for number in [0, 2_047, 2_048, 4_999] {
        assert_eq!(batch.attributes(number), [attribute(&format!("key {number}"), Value::Int(number as i64))]);
    }
}

#[test]
fn a_sender_cannot_point_into_the_key_table() {
    let mut foreign = list(&[attribute("mine", Value::Int(1)), attribute("", Value::Int(2))]);
    foreign[1].key_strindex = 1;
    let mut builder = SpanBuilder::default();
    builder.append(&origin("a"), &scope(), Span { attributes: foreign, ..plain_span() }).expect("a sound span");
    let keys: Vec<String> = builder.freeze().attributes(0).into_iter().map(|attribute| attribute.key).collect();
    assert_eq!(keys, ["mine", ""]);
}

#[test]
fn log_keeps_every_field() {
    let mut builder = LogBuilder::default();
    let body = Value::Map(every_type());
    let record = LogRecord {
        time_unix_nano: 10,
        observed_time_unix_nano: 11,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(proto(&body)),
        attributes: list(&every_type()),
        dropped_attributes_count: 6,
        flags: 1,
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: "evt".into(),
    };
    builder.append(&origin("email"), &scope(), record);
    builder.append(
        &origin("email"),
        &scope(),
        LogRecord { observed_time_unix_nano: 12, trace_id: vec![0; 16], span_id: vec![1; 3], ..LogRecord::default() },
    );
    let batch = builder.freeze();
    let row = batch.row(0);
    assert_eq!((row.time_ns, row.observed_time_ns, row.severity, row.severity_text.as_str()), (10, 11, 17, "ERROR"));
    assert_eq!((row.trace_id, row.span_id), (Some(TraceId([1; 16])), Some(SpanId([2; 8]))));
    assert_eq!((row.body, row.attributes, row.dropped_attributes), (body, every_type(), 6));
    assert_eq!((row.flags, row.event_name.as_str(), row.service.as_str()), (1, "evt", "email"));
    let bare = batch.row(1);
    assert_eq!((bare.time_ns, bare.trace_id, bare.span_id, bare.body), (12, None, None, Value::Empty));
}

fn metric(data: Data) -> metrics::Metric {
    metrics::Metric {
        name: "m".into(),
        unit: "s".into(),
        description: "d".into(),
        data: Some(data),
        ..metrics::Metric::default()
    }
}

#[test]
fn every_kind_of_metric_point_comes_back() {
    let mut builder = MetricBuilder::default();
    let number = |value| metrics::NumberDataPoint {
        attributes: list(&every_type()),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        value: Some(value),
        ..metrics::NumberDataPoint::default()
    };
    let int = number(metrics::number_data_point::Value::AsInt(i64::MAX));
    let double = number(metrics::number_data_point::Value::AsDouble(1.5));
    let histogram = |bucket_counts: Vec<u64>| metrics::HistogramDataPoint {
        count: 3,
        sum: Some(6.0),
        explicit_bounds: vec![1.0],
        bucket_counts,
        max: Some(4.0),
        ..metrics::HistogramDataPoint::default()
    };
    let exponential = metrics::ExponentialHistogramDataPoint {
        count: 2,
        scale: -1,
        zero_count: 1,
        positive: Some(metrics::exponential_histogram_data_point::Buckets { offset: -2, bucket_counts: vec![1] }),
        ..metrics::ExponentialHistogramDataPoint::default()
    };
    let summary = metrics::SummaryDataPoint {
        count: 9,
        sum: 1.0,
        quantile_values: vec![metrics::summary_data_point::ValueAtQuantile { quantile: 0.5, value: 2.0 }],
        ..metrics::SummaryDataPoint::default()
    };
    let all = [
        Data::Gauge(metrics::Gauge { data_points: vec![int] }),
        Data::Sum(metrics::Sum { data_points: vec![double], aggregation_temporality: 2, is_monotonic: true }),
        Data::Histogram(metrics::Histogram {
            data_points: vec![histogram(vec![1, 2]), histogram(vec![1, 2, 3])],
            aggregation_temporality: 1,
        }),
        Data::ExponentialHistogram(metrics::ExponentialHistogram {
            data_points: vec![exponential],
            aggregation_temporality: 1,
        }),
        Data::Summary(metrics::Summary { data_points: vec![summary] }),
    ];
    let rejected: Vec<_> =
        all.into_iter().flat_map(|data| builder.append(&origin("a"), &scope(), metric(data))).collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].field, "bucketCounts");
    let batch = builder.freeze();
    let rows: Vec<_> = (0..batch.rows()).map(|row| batch.row(row)).collect();
    assert_eq!(rows.len(), 5);
    assert_eq!((rows[0].kind, &rows[0].point), (MetricKind::Gauge, &Point::Int(i64::MAX)));
    assert_eq!((rows[0].start_ns, rows[0].time_ns, rows[0].unit.as_str()), (1, 2, "s"));
    assert_eq!(rows[0].attributes, every_type());
    assert_eq!(
        (&rows[1].point, rows[1].temporality, rows[1].monotonic),
        (&Point::Double(1.5), Temporality::Cumulative, true)
    );
    let expected =
        Point::Histogram { count: 3, sum: Some(6.0), min: None, max: Some(4.0), bounds: vec![1.0], counts: vec![1, 2] };
    assert_eq!((&rows[2].point, rows[2].temporality), (&expected, Temporality::Delta));
    let Point::ExponentialHistogram { scale, zero_count, positive, .. } = &rows[3].point else {
        panic!("{:?}", rows[3])
    };
    assert_eq!((*scale, *zero_count, positive.offset, positive.counts.as_slice()), (-1, 1, -2, [1].as_slice()));
    assert_eq!(rows[4].point, Point::Summary { count: 9, sum: 1.0, quantiles: vec![(0.5, 2.0)] });
}

#[test]
fn ids_are_read_as_jaeger_reads_them() {
    assert_eq!(TraceId::parse("1").expect("short").to_string(), "00000000000000000000000000000001");
    assert_eq!(TraceId::parse("ABCdef0123456789").expect("64 bit").to_string(), "0000000000000000abcdef0123456789");
    for text in
        ["", "0", "00000000000000000000000000000000", "xyz", "123456789012345678901234567890123", "é", "-1", "0x1"]
    {
        assert!(TraceId::parse(text).is_err(), "{text:?} was taken");
    }
}

#[test]
fn values_have_a_text_and_a_json() {
    let cases = [
        (Value::Empty, "", "null"),
        (Value::String("a\"".into()), "a\"", "\"a\\\"\""),
        (Value::Bool(true), "true", "true"),
        (Value::Int(-3), "-3", "-3"),
        (Value::Double(1.5), "1.5", "1.5"),
        (Value::Double(f64::NAN), "NaN", "\"NaN\""),
        (Value::Double(f64::NEG_INFINITY), "-Inf", "\"-Inf\""),
        (Value::Bytes(b"f".to_vec()), "Zg==", "\"Zg==\""),
        (Value::Bytes(b"fo".to_vec()), "Zm8=", "\"Zm8=\""),
        (Value::Bytes(b"foobar".to_vec()), "Zm9vYmFy", "\"Zm9vYmFy\""),
        (Value::Array(vec![Value::Int(1), Value::String("x".into())]), "[1,\"x\"]", "[1,\"x\"]"),
        (Value::Map(vec![attribute("k", Value::Int(1))]), "{\"k\":1}", "{\"k\":1}"),
    ];
    for (value, text, json) in cases {
        assert_eq!((value.text().as_str(), value.json().to_string().as_str()), (text, json), "{value:?}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        ".{0,12}".prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i32>().prop_map(|number| Value::Double(f64::from(number) / 8.0)),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((".{0,4}", inner), 0..4).prop_map(|entries| Value::Map(
                entries.into_iter().map(|(key, value)| Attribute { key, value }).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_attributes_come_back(
        values in prop::collection::vec((".{0,6}", any_value()), 0..6),
        name in ".{0,20}",
        start in any::<u64>(),
        end in any::<u64>(),
        flags in any::<u32>(),
    ) {
        let sent: Vec<Attribute> = values.into_iter().map(|(key, value)| Attribute { key, value }).collect();
        let mut builder = SpanBuilder::default();
        for _ in 0..3 {
            let span = Span {
                name: name.clone(),
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                flags,
                attributes: list(&sent),
                ..plain_span()
            };
            builder.append(&origin("svc"), &scope(), span).expect("a sound span");
        }
        let row = builder.freeze().row(2);
        prop_assert_eq!(&row.attributes, &sent);
        prop_assert_eq!((row.name, row.start_ns, row.end_ns, row.flags), (name, start, end, flags));
    }
}
