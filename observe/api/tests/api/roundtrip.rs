//! What is posted as Zipkin's JSON is read back equal, beside all else on the one address.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use vitrine_observe_receive::{Intake, grpc_routes, http_router, zipkin_router};
use vitrine_observe_store::Access;

use crate::client::{engine, get, open, send};

#[tokio::test]
async fn zipkins_spans_come_back_equal() {
    let (_folder, engine) = engine();
    let intake = Intake::new(engine.clone(), Access::open());
    let taking = http_router(&intake).merge(grpc_routes(&intake)).merge(zipkin_router(&intake));
    let router = open(&engine).merge(taking);
    let spans = json!([
        {
            "traceId": "5982fe77008310cc80f1da5e10147517", "id": "90394f6bcffb5d13", "kind": "CLIENT", "name": "get",
            "timestamp": 1_700_000_000_000_001u64, "duration": 1_431,
            "localEndpoint": { "serviceName": "frontend", "ipv4": "127.0.0.1", "port": 3306 },
            "remoteEndpoint": { "serviceName": "backend", "ipv4": "192.168.99.101", "ipv6": "2001:db8::c001", "port": 9000 },
            "annotations": [
                { "timestamp": 1_700_000_000_000_100u64, "value": "ws" },
                { "timestamp": 1_700_000_000_000_200u64, "value": "a|b|c" },
            ],
            "tags": { "http.path": "/api", "clnt/finagle.version": "6.45.0", "otel.scope.name": "lib" },
            "debug": true,
        },
        {
            "traceId": "5982fe77008310cc80f1da5e10147517", "parentId": "90394f6bcffb5d13", "id": "90394f6bcffb5d14",
            "kind": "SERVER", "name": "get", "timestamp": 1_700_000_000_000_300u64, "duration": 1,
            "localEndpoint": { "serviceName": "backend" }, "tags": { "error": "timeout" }, "shared": true,
        },
        {
            "traceId": "5982fe77008310cc80f1da5e10147517", "parentId": "90394f6bcffb5d13", "id": "90394f6bcffb5d15",
            "timestamp": 1_700_000_000_000_400u64, "localEndpoint": { "ipv6": "2001:db8::1" },
            "tags": {
                "error": "true", "otel.status_code": "ERROR", "otel.status_description": "boom",
                "otlp.link.0": "kept as it is", "span.kind": "internal", "w3c.tracestate": "a=b",
            },
        },
        {
            "traceId": "5982fe77008310cc80f1da5e10147517", "id": "90394f6bcffb5d16", "kind": "PRODUCER",
            "timestamp": 1_700_000_000_000_500u64, "tags": { "error": "no stock", "otel.status_code": "ERROR" },
        },
        {
            "traceId": "5982fe77008310cc80f1da5e10147517", "id": "90394f6bcffb5d17",
            "timestamp": 1_700_000_000_000_600u64, "tags": { "error": "false", "otel.status_code": "OK" },
        },
    ]);
    let late = json!([{ "traceId": "90394f6bcffb5d13", "id": "90394f6bcffb5d18", "tags": { "error": "" } }]);
    for list in [&spans, &late] {
        let request = Request::post("/zipkin/api/v2/spans").header("content-type", "application/json");
        let taken = send(&router, request.body(Body::from(list.to_string())).expect("a sound request")).await;
        assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.body);
    }
    let found = get(&router, "/zipkin/api/v2/trace/5982fe77008310cc80f1da5e10147517").await.json();
    for (found, sent) in found.as_array().expect("spans").iter().zip(spans.as_array().expect("spans")) {
        assert_eq!(found, sent);
    }
    assert_eq!(found.as_array().map(Vec::len), Some(5));
    let found: Value = get(&router, "/zipkin/api/v2/trace/90394f6bcffb5d13").await.json();
    assert_eq!(found, late);
}
