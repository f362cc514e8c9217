//! What a sender is told when it must wait, or need not come again.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::Code;
use tonic_types::{RpcStatusExt, Status, StatusExt};
use vitrine_observe_receive::{Access, Intake};
use vitrine_observe_store::WriteError;

use crate::common::{JSON, PROTOBUF, Recorder, bytes, gzip, header, open, post, request, router, sound, span};

/// The error, its HTTP status, its gRPC code, and when to come again.
fn errors() -> Vec<(WriteError, u16, Code, Option<Duration>)> {
    let retry_after = Duration::from_millis(1500);
    vec![
        (WriteError::Malformed("odd".into()), 400, Code::InvalidArgument, None),
        (WriteError::TooLarge { bytes: 2, most: 1 }, 413, Code::ResourceExhausted, None),
        (WriteError::Busy { what: "memory", retry_after }, 503, Code::Unavailable, Some(retry_after)),
        (WriteError::Disk { what: "full".into(), retry_after }, 503, Code::Unavailable, Some(retry_after)),
        (WriteError::Tenants { most: 3 }, 403, Code::ResourceExhausted, None),
        (WriteError::Closed, 503, Code::Unavailable, None),
    ]
}

#[tokio::test]
async fn errors_of_the_engine_are_said_over_http() {
    for (error, status, code, retry) in errors() {
        let app = open(Recorder::answering(Err(error.clone())));
        let response = post(app.clone(), "/v1/traces", &[("content-type", PROTOBUF)], sound()).await;
        assert_eq!(response.status().as_u16(), status, "{error}");
        // Rounded up to whole seconds.
        assert_eq!(header(&response, "retry-after"), retry.map(|_| "2"), "{error}");
        let said = Status::decode(bytes(response).await.as_slice()).expect("a google.rpc.Status");
        assert_eq!(said.code, code as i32, "{error}");
        assert_eq!(said.get_details_retry_info().and_then(|info| info.retry_delay), retry, "{error}");

        let response = post(app.clone(), "/v1/traces", &[("content-type", JSON)], "{}").await;
        assert_eq!(response.status().as_u16(), status, "{error}");
        let said: serde_json::Value = serde_json::from_slice(&bytes(response).await).expect("JSON");
        assert_eq!(said["code"], code as i32, "{error}");
        assert_eq!(said["details"][0]["retryDelay"].as_str(), retry.map(|_| "1.500000000s"), "{error}");

        let response = post(app, "/api/v2/spans", &[], "[]").await;
        assert_eq!(response.status().as_u16(), status, "{error}");
        assert_eq!(header(&response, "retry-after"), retry.map(|_| "2"), "{error}");
    }
}

#[tokio::test]
async fn errors_of_the_engine_are_said_over_grpc() {
    for (error, _, code, retry) in errors() {
        let app = open(Recorder::answering(Err(error.clone())));
        let refused = TraceServiceClient::new(app).export(request(vec![])).await.expect_err("refused");
        assert_eq!(refused.code(), code, "{error}");
        assert_eq!(refused.get_details_retry_info().and_then(|info| info.retry_delay), retry, "{error}");
    }
}

#[tokio::test]
async fn bodies_share_one_budget_of_bytes() {
    let engine = Recorder::new();
    let app = router(&Intake::new(engine.clone(), Access::open()).with_buffered_bytes(64 << 10));
    // A sender that does not come to its end holds what it has sent.
    let (more, rest) = futures::channel::mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    more.unbounded_send(Ok(Bytes::from(vec![0x0a; 60 << 10]))).expect("somebody reads");
    let slow = Body::from_stream(rest.chain(futures::stream::empty()));
    let slow = tokio::spawn(post_to(app.clone(), slow));
    let large = vec![0; 32 << 10];
    let refused = loop {
        let response = post(app.clone(), "/v1/traces", &[("content-type", PROTOBUF)], large.clone()).await;
        if response.status() != StatusCode::OK {
            break response;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((refused.status(), header(&refused, "retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    let busy = TraceServiceClient::new(app.clone()).export(request(vec![span(vec![1; 20 << 10], vec![])])).await;
    let busy = busy.expect_err("no room");
    assert_eq!(busy.code(), Code::Unavailable);
    assert_eq!(busy.get_details_retry_info().and_then(|info| info.retry_delay), Some(Duration::from_secs(1)));
    let response = post(app.clone(), "/api/v2/spans", &[], vec![b' '; 32 << 10]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    // It leaves: its bytes are free again.
    drop(more);
    assert_eq!(slow.await.expect("answered"), StatusCode::OK);
    let response = post(app.clone(), "/v1/traces", &[("content-type", PROTOBUF)], large).await;
    assert_eq!(response.status(), StatusCode::OK);
    // What a body becomes counts as well.
    let headers = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    let response = post(app.clone(), "/v1/traces", &headers, gzip(&vec![0; 128 << 10])).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let bounds = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"explicitBounds":[{}1]}}]}}}}]}}]}}]}}"#,
        "1,".repeat(12 << 10)
    );
    let response = post(app, "/v1/metrics", &[("content-type", JSON)], bounds).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

async fn post_to(app: axum::Router, body: Body) -> StatusCode {
    post(app, "/v1/traces", &[("content-type", PROTOBUF)], body).await.status()
}
