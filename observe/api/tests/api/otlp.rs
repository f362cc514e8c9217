//! Whatever a span may hold goes in as OTLP, comes out of Jaeger's API v3 as OTLP if raw traces are asked for, and goes in
//! again the same.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use prost::Message;
use serde_json::Value;
use vitrine_observe_receive::{Intake, http_router};
use vitrine_observe_store::model::{Attribute, SpanRow, TraceId};
use vitrine_observe_store::{Access, Tenant, Traces};

use crate::client::{TestResponse, engine, open, send};
use crate::scenario::{self, START_NS, integer, text};

/// Requests that are tried.
const CASES: u32 = 64;
/// Most spans of one.
const MAX_SPANS: usize = 4;

fn value() -> impl Strategy<Value = AnyValue> {
    // Of few digits: a parser of JSON may be wrong in the last of many.
    let double = prop_oneof![
        any::<i32>().prop_map(|eighths| f64::from(eighths) / 8.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0)
    ];
    let leaf = prop_oneof![
        Just(None),
        ".{0,6}".prop_map(|text| Some(Proto::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Proto::BoolValue(flag))),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(|number| Some(Proto::IntValue(number))),
        double.prop_map(|number| Some(Proto::DoubleValue(number))),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| Some(Proto::BytesValue(bytes))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Proto::ArrayValue(ArrayValue { values })) }),
            prop::collection::vec((key(), inner), 0..3).prop_map(|entries| {
                let values = entries.into_iter().map(|(key, value)| pair(key, value)).collect();
                AnyValue { value: Some(Proto::KvlistValue(KeyValueList { values })) }
            }),
        ]
    })
}

/// Few keys, so that some come twice; none at all, those of typed JSON, and those that are adjusted where no caller asks
/// for raw traces.
fn key() -> impl Strategy<Value = String> {
    let named = ["bytesValue", "service.name", "ip", "telemetry.sdk.name", "zipkin.shared"];
    prop_oneof![1 => "[a-c]?", 2 => prop::sample::select(named.to_vec()).prop_map(str::to_owned)]
}

fn pair(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (key(), value()).prop_map(|(key, value)| pair(key, value));
    prop::collection::vec(attribute, 0..4)
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0..3u32, 1 => any::<u32>()]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![4 => START_NS..START_NS + 1_000_000_000, 1 => 1..=i64::MAX as u64]
}

fn event() -> impl Strategy<Value = span::Event> {
    (time(), ".{0,4}", attributes(), count()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| span::Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = span::Link> {
    (1..u128::MAX, 1..u64::MAX, "[a-z]{0,3}", attributes(), count(), count()).prop_map(|fields| span::Link {
        trace_id: fields.0.to_be_bytes().to_vec(),
        span_id: fields.1.to_be_bytes().to_vec(),
        trace_state: fields.2,
        attributes: fields.3,
        dropped_attributes_count: fields.4,
        flags: fields.5,
    })
}

/// A span whose trace is still to be given. Several may have one id.
fn one_span() -> impl Strategy<Value = Span> {
    let plain = ("[a-z=]{0,4}", any::<u32>(), ".{0,6}", 0..6i32, time(), time());
    let nested = (attributes(), prop::collection::vec(event(), 0..3), prop::collection::vec(link(), 0..3));
    let status = prop::option::of((".{0,4}", 0..3i32).prop_map(|(message, code)| Status { message, code }));
    let ids = (1..=MAX_SPANS as u64, 0..=MAX_SPANS as u64);
    (plain, nested, (count(), count(), count()), status, ids).prop_map(
        |(plain, nested, dropped, status, (id, parent))| Span {
            span_id: id.to_be_bytes().to_vec(),
            trace_state: plain.0,
            flags: plain.1,
            name: plain.2,
            kind: plain.3,
            start_time_unix_nano: plain.4,
            end_time_unix_nano: plain.5,
            attributes: nested.0,
            events: nested.1,
            links: nested.2,
            dropped_attributes_count: dropped.0,
            dropped_events_count: dropped.1,
            dropped_links_count: dropped.2,
            status,
            parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
            ..Span::default()
        },
    )
}

/// Spans, each of a resource and a scope of its own or of those of the one before.
fn spans() -> impl Strategy<Value = Vec<ResourceSpans>> {
    let resource = prop::option::of((attributes(), count()).prop_map(|(attributes, dropped_attributes_count)| {
        Resource { attributes, dropped_attributes_count, ..Resource::default() }
    }));
    let scope = prop::option::of((".{0,3}", ".{0,3}", attributes(), count()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    ));
    let group = (resource, scope, "[a-z]{0,2}", "[a-z]{0,2}", prop::collection::vec(one_span(), 1..3)).prop_map(
        |(resource, scope, resource_url, scope_url, spans)| ResourceSpans {
            resource,
            scope_spans: vec![ScopeSpans { scope, spans, schema_url: scope_url }],
            schema_url: resource_url,
        },
    );
    prop::collection::vec(group, 1..MAX_SPANS / 2 + 1)
}

async fn post(router: &Router, tenant: &str, kind: &str, body: Vec<u8>) {
    let request = Request::post("/v1/traces").header("x-scope-orgid", tenant).header(header::CONTENT_TYPE, kind);
    let taken = send(router, request.body(Body::from(body)).expect("a sound request")).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
    assert!(!taken.body.contains("rejected"), "{}", taken.body);
}

async fn v3(router: &Router, tenant: &str, trace: TraceId) -> TestResponse {
    let request = Request::get(format!("/jaeger/api/v3/traces/{trace}?rawTraces=true")).header("x-scope-orgid", tenant);
    send(router, request.body(Body::empty()).expect("a sound request")).await
}

/// Rows to compare: a NaN equals a NaN, and attributes are in the order of their keys.
fn shown(engine: &dyn Traces, tenant: &str, trace: TraceId) -> Vec<String> {
    let tenant = Tenant::new(tenant).expect("a tenant");
    let found = engine.trace(&tenant, trace, 100).expect("read").expect("a trace");
    let row = |mut span: SpanRow| {
        span.attributes.sort_by(|a: &Attribute, b: &Attribute| a.key.cmp(&b.key));
        format!("{span:?}")
    };
    found.spans.into_iter().map(row).collect()
}

#[test]
fn what_goes_in_as_otlp_comes_out_of_v3_equal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_folder, engine) = engine();
    let router = open(&engine).merge(http_router(&Intake::new(engine.clone(), Access::open())));
    let number = std::cell::Cell::new(0u128);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(CASES) });
    let outcome = runner.run(&spans(), |mut resource_spans| {
        number.set(number.get() + 1);
        let trace = TraceId(number.get().to_be_bytes());
        let spans =
            resource_spans.iter_mut().flat_map(|group| &mut group.scope_spans).flat_map(|scope| &mut scope.spans);
        spans.for_each(|span| span.trace_id = trace.0.to_vec());
        runtime.block_on(async {
            let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
            post(&router, "sent", "application/x-protobuf", request).await;
            let answer = v3(&router, "sent", trace).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            let result = answer.json()["result"].take();
            post(&router, "again", "application/json", result.to_string().into_bytes()).await;
            assert_eq!(shown(&*engine, "again", trace), shown(&*engine, "sent", trace));
            assert_eq!(v3(&router, "again", trace).await.json()["result"], result);
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn floating_point_numbers_have_all_their_digits() {
    let numbers = [0.1 + 0.2, f64::MAX, f64::MIN_POSITIVE, 5e-324, -1.047_104_489_982_613_9e270];
    let (_folder, engine) = engine();
    let router = open(&engine).merge(http_router(&Intake::new(engine.clone(), Access::open())));
    let attribute = |number: &f64| pair("d".into(), AnyValue { value: Some(Proto::DoubleValue(*number)) });
    let span = Span { attributes: numbers.iter().map(attribute).collect(), ..scenario::span("7", "1", "a") };
    let body = ExportTraceServiceRequest { resource_spans: vec![scenario::of(vec![], vec![span])] }.encode_to_vec();
    post(&router, "default", "application/x-protobuf", body).await;
    let body = v3(&router, "default", TraceId::parse("7").expect("an id")).await.body;
    let told: Vec<f64> = body
        .split("\"doubleValue\":")
        .skip(1)
        .map(|rest| rest.split('}').next().expect("its end").parse().expect("a number"))
        .collect();
    assert_eq!(told, numbers);
}

/// What was lost once, by name.
#[tokio::test]
async fn schemas_and_dropped_counts_come_back() {
    let (_folder, engine) = engine();
    let router = open(&engine).merge(http_router(&Intake::new(engine.clone(), Access::open())));
    let trace = TraceId([7; 16]);
    let link = span::Link {
        trace_id: vec![8; 16],
        span_id: vec![9; 8],
        trace_state: "c=d".into(),
        attributes: vec![text("why", "batch")],
        dropped_attributes_count: 4,
        flags: 0x301,
    };
    let span = Span {
        trace_id: trace.0.to_vec(),
        span_id: vec![1; 8],
        start_time_unix_nano: START_NS,
        end_time_unix_nano: START_NS + 1,
        events: vec![span::Event { time_unix_nano: START_NS, dropped_attributes_count: 5, ..span::Event::default() }],
        links: vec![link],
        ..Span::default()
    };
    let scope = InstrumentationScope {
        name: "lib".into(),
        version: "0.1".into(),
        attributes: vec![integer("n", 1)],
        dropped_attributes_count: 3,
    };
    let scope_spans = ScopeSpans { scope: Some(scope), spans: vec![span], schema_url: "https://scope/1".into() };
    let resource =
        Resource { attributes: vec![text("service.name", "a")], dropped_attributes_count: 2, ..Resource::default() };
    let group = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        schema_url: "https://resource/1".into(),
    };
    let body = ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec();
    post(&router, "default", "application/x-protobuf", body).await;
    let expected: Value = serde_json::json!({ "resourceSpans": [{
        "resource": {
            "attributes": [{ "key": "service.name", "value": { "stringValue": "a" } }], "droppedAttributesCount": 2,
        },
        "scopeSpans": [{
            "scope": {
                "name": "lib", "version": "0.1", "droppedAttributesCount": 3,
                "attributes": [{ "key": "n", "value": { "intValue": "1" } }],
            },
            "spans": [{
                "traceId": "07070707070707070707070707070707", "spanId": "0101010101010101",
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000001",
                "events": [{ "timeUnixNano": "1700000000000000000", "droppedAttributesCount": 5 }],
                "links": [{
                    "traceId": "08080808080808080808080808080808", "spanId": "0909090909090909", "traceState": "c=d",
                    "attributes": [{ "key": "why", "value": { "stringValue": "batch" } }],
                    "droppedAttributesCount": 4, "flags": 0x301,
                }],
                "status": {},
            }],
            "schemaUrl": "https://scope/1",
        }],
        "schemaUrl": "https://resource/1",
    }] });
    assert_eq!(v3(&router, "default", trace).await.json()["result"], expected);
}
