//! Log records that all of these tests ask for.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tempfile::TempDir;
use vitrine_observe_api::{Options, Queries, loki_errors, loki_router};
use vitrine_observe_store::{Access, ColumnEngine, Ingest, Signal, Tenant};
use vitrine_platform_http::nowhere;

use crate::client::engine;
use crate::scenario::{id, text};

/// 2023-11-14T22:13:20Z.
pub const START_S: u64 = 1_700_000_000;
const SECOND: u64 = 1_000_000_000;

/// A record so many seconds after the start.
pub fn record(second: u64, severity: i32, body: &str, attributes: Vec<KeyValue>) -> LogRecord {
    LogRecord {
        time_unix_nano: (START_S + second) * SECOND,
        severity_number: severity,
        body: Some(AnyValue { value: Some(Proto::StringValue(body.into())) }),
        attributes,
        ..LogRecord::default()
    }
}

/// Writes records of a resource, and waits until they are kept.
pub async fn write(engine: &dyn Ingest, resource: Vec<KeyValue>, log_records: Vec<LogRecord>) {
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    engine.write(&Tenant::default(), Signal::Logs, Bytes::from(request)).await.expect("taken");
}

/// Two services: the shop's lines are logfmt, the cart's JSON and one of no form.
pub async fn fill(engine: &dyn Ingest) {
    let shop = vec![text("service.name", "shop"), text("k8s.pod.name", "shop-1"), text("env", "prod")];
    let lines = vec![
        record(
            10,
            9,
            "level=info msg=\"order placed\" took=120ms size=2KB status=200 user=ada",
            vec![text("region", "eu")],
        ),
        record(
            20,
            17,
            "level=error msg=\"card declined\" took=900ms size=1KB status=402 user=bob",
            vec![text("region", "us")],
        ),
        LogRecord {
            trace_id: id("0af7651916cd43dd8448eb211c80319c"),
            ..record(
                40,
                9,
                "level=info msg=\"order placed\" took=80ms size=4KB status=200 user=eve from 10.0.0.7",
                vec![],
            )
        },
        record(
            70,
            13,
            "level=warn msg=\"slow stock\" took=2s size=1KB status=200 user=ada",
            vec![text("region", "eu")],
        ),
    ];
    write(engine, shop, lines).await;
    let cart = vec![text("service.name", "cart"), text("k8s.pod.name", "cart-7"), text("env", "dev")];
    let lines = vec![
        record(15, 9, r#"{"level":"info","op":"add","items":2,"nested":{"a":"x"}}"#, vec![]),
        record(30, 9, r#"{"level":"info","op":"remove","items":1,"nested":{"a":"y"}}"#, vec![]),
        record(55, 0, "no json here", vec![]),
    ];
    write(engine, cart, lines).await;
}

/// Loki's API over these records.
pub async fn api() -> (TempDir, Arc<ColumnEngine>, Router) {
    let (folder, engine) = engine();
    fill(&*engine).await;
    let queries = Queries::new(engine.clone(), Access::open(), Options::default());
    (folder, engine, nowhere(loki_router(&queries), loki_errors))
}
