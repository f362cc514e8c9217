//! A few traces with everything that a span can have, for any engine.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use prost::Message;
use vitrine_observe_store::{Ingest, Signal, Tenant};

/// 2023-11-14T22:13:20Z.
pub const START_NS: u64 = 1_700_000_000_000_000_000;
pub const MS: u64 = 1_000_000;
/// Gateway and carts.
pub const SHOP: &str = "0af7651916cd43dd8448eb211c80319c";
/// A worker, without its parent.
pub const ORPHAN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// An id of 64 bits.
pub const LEGACY: &str = "00000000000000ab";

pub fn attribute(key: &str, value: Option<Proto>) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value }), ..KeyValue::default() }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Some(Proto::StringValue(value.into())))
}

pub fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Some(Proto::IntValue(value)))
}

pub fn id(digits: &str) -> Vec<u8> {
    hex::decode(digits).expect("hexadecimal digits")
}

/// A span that lasts a millisecond.
pub fn span(trace: &str, span: &str, name: &str) -> Span {
    Span {
        trace_id: id(&format!("{trace:0>32}")),
        span_id: id(&format!("{span:0>16}")),
        name: name.into(),
        start_time_unix_nano: START_NS,
        end_time_unix_nano: START_NS + MS,
        ..Span::default()
    }
}

/// Spans of one resource, without a scope.
pub fn of(resource: Vec<KeyValue>, spans: Vec<Span>) -> ResourceSpans {
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    ResourceSpans {
        resource,
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

/// Writes spans, and waits until they are kept.
pub async fn write(engine: &dyn Ingest, tenant: &Tenant, resource_spans: Vec<ResourceSpans>) {
    let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let accepted = engine.write(tenant, Signal::Traces, Bytes::from(request)).await.expect("taken");
    assert_eq!(accepted.rejected, 0);
}

/// Writes one log record of a service.
pub async fn write_log(engine: &dyn Ingest, tenant: &Tenant, service: &str, record: LogRecord) {
    write_logs(engine, tenant, service, vec![record]).await;
}

/// Writes log records of a service.
pub async fn write_logs(engine: &dyn Ingest, tenant: &Tenant, service: &str, log_records: Vec<LogRecord>) {
    let resource = Some(Resource { attributes: vec![text("service.name", service)], ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    engine.write(tenant, Signal::Logs, Bytes::from(request)).await.expect("taken");
}

/// Writes the scenario.
pub async fn fill(engine: &dyn Ingest, tenant: &Tenant) {
    let scope = |attributes| {
        let (name, version) = ("lib".to_owned(), "0.1".to_owned());
        Some(InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() })
    };
    let mut gateway = of(
        vec![text("service.name", "gateway"), text("host.name", "h1"), text("service.version", "1.2")],
        vec![everything()],
    );
    gateway.scope_spans[0].scope = scope(vec![text("lib.kind", "sdk")]);
    let mut carts = of(vec![text("service.name", "carts"), text("host.name", "h2")], vec![skewed(), inner()]);
    carts.scope_spans[0].scope = scope(vec![]);
    let orphan = Span {
        parent_span_id: id("00f067aa0ba902ff"),
        kind: 5,
        start_time_unix_nano: START_NS + 1_000 * MS,
        end_time_unix_nano: START_NS + 1_000 * MS + 400,
        ..span(ORPHAN, "00f067aa0ba902bb", "consume")
    };
    let backwards = Span { start_time_unix_nano: START_NS + 2_000 * MS, ..span(LEGACY, "00f067aa0ba902bc", "old") };
    write(engine, tenant, vec![gateway, carts]).await;
    write(engine, tenant, vec![of(vec![text("service.name", "worker")], vec![orphan])]).await;
    write(engine, tenant, vec![of(vec![text("service.name", "legacy")], vec![backwards])]).await;
}

/// A root with every field and every type of attribute.
fn everything() -> Span {
    let one = |value| AnyValue { value: Some(value) };
    let items = vec![one(Proto::IntValue(1)), one(Proto::StringValue("x".into()))];
    Span {
        kind: 2,
        flags: 0x101,
        trace_state: "a=b".into(),
        end_time_unix_nano: START_NS + 20 * MS,
        attributes: vec![
            text("http.request.method", "GET"),
            text("s", "v"),
            attribute("b", Some(Proto::BoolValue(true))),
            integer("i", -7),
            integer("big", i64::MAX),
            attribute("d", Some(Proto::DoubleValue(0.5))),
            attribute("y", Some(Proto::BytesValue(vec![255, 0]))),
            attribute("a", Some(Proto::ArrayValue(ArrayValue { values: items }))),
            attribute("m", Some(Proto::KvlistValue(KeyValueList { values: vec![text("k", "v")] }))),
            attribute("e", None),
        ],
        dropped_attributes_count: 1,
        events: vec![
            span::Event {
                time_unix_nano: START_NS + 5 * MS,
                name: "retry".into(),
                attributes: vec![integer("n", 2)],
                ..span::Event::default()
            },
            span::Event { time_unix_nano: START_NS + 6 * MS, name: "done".into(), ..span::Event::default() },
        ],
        dropped_events_count: 2,
        links: vec![span::Link {
            trace_id: id(ORPHAN),
            span_id: id("00f067aa0ba902bb"),
            trace_state: "c=d".into(),
            attributes: vec![text("why", "batch")],
            flags: 1,
            ..span::Link::default()
        }],
        dropped_links_count: 3,
        ..span(SHOP, "00f067aa0ba902b7", "GET /cart")
    }
}

/// A failed child on another machine, whose clock is behind: it starts before its parent.
fn skewed() -> Span {
    Span {
        parent_span_id: id("00f067aa0ba902b7"),
        kind: 3,
        start_time_unix_nano: START_NS - MS,
        end_time_unix_nano: START_NS + 9 * MS,
        attributes: vec![
            text("peer.service", "stock"),
            text("net.peer.ip", "10.0.0.7"),
            integer("net.peer.port", 5432),
        ],
        status: Some(Status { code: 2, message: "no stock".into() }),
        ..span(SHOP, "00f067aa0ba902b8", "Reserve")
    }
}

/// Work within the failed child.
fn inner() -> Span {
    Span {
        parent_span_id: id("00f067aa0ba902b8"),
        kind: 1,
        start_time_unix_nano: START_NS + MS,
        end_time_unix_nano: START_NS + 2 * MS,
        status: Some(Status { code: 1, message: String::new() }),
        ..span(SHOP, "00f067aa0ba902b9", "compute")
    }
}
