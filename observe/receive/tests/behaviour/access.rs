//! Whose telemetry it is, and who may send it.

use axum::Router;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::Code;
use vitrine_observe_receive::{Access, Intake};
use vitrine_observe_store::{Right, Token};

use crate::common::{PROTOBUF, Recorder, header, open, post, request, router, sound};

const PATHS: [(&str, &str); 2] = [("/v1/traces", PROTOBUF), ("/zipkin/api/v2/spans", "application/json")];

fn body(path: &str) -> Vec<u8> {
    if path == "/v1/traces" { sound() } else { b"[]".to_vec() }
}

async fn export(router: Router, headers: &[(&'static str, &'static str)]) -> Result<(), Code> {
    let mut call = tonic::Request::new(request(vec![]));
    for (name, value) in headers {
        call.metadata_mut().insert(*name, value.parse().expect("a value"));
    }
    TraceServiceClient::new(router).export(call).await.map(drop).map_err(|status| status.code())
}

#[tokio::test]
async fn the_tenant_is_taken_from_the_header_or_metadata() {
    for (scope, tenant) in [(None, "default"), (Some("shop-1"), "shop-1")] {
        let engine = Recorder::new();
        for (path, content_type) in PATHS {
            let headers: Vec<_> = [("content-type", content_type)]
                .into_iter()
                .chain(scope.map(|scope| ("X-Scope-OrgID", scope)))
                .collect();
            assert!(post(open(engine.clone()), path, &headers, body(path)).await.status().is_success());
        }
        let headers: Vec<_> = scope.map(|scope| ("x-scope-orgid", scope)).into_iter().collect();
        assert_eq!(export(open(engine.clone()), &headers).await, Ok(()));
        let seen = engine.seen.lock();
        assert_eq!(seen.iter().map(|(tenant, ..)| tenant.name()).collect::<Vec<_>>(), [tenant; 3]);
    }
}

#[tokio::test]
async fn names_that_no_tenant_may_have_are_refused() {
    let engine = Recorder::new();
    for scope in ["", "a/b", "a|b", "..", "ä"] {
        for (path, content_type) in PATHS {
            let headers = [("content-type", content_type), ("X-Scope-OrgID", scope)];
            let response = post(open(engine.clone()), path, &headers, body(path)).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{scope}");
        }
    }
    assert_eq!(export(open(engine.clone()), &[("x-scope-orgid", "a b")]).await, Err(Code::InvalidArgument));
    assert!(engine.seen.lock().is_empty());
}

#[tokio::test]
async fn tokens_say_who_may_write_and_for_whom() {
    let engine = Recorder::new();
    let token = |token: &str, right, tenant: Option<&str>| Token {
        token: token.into(),
        rights: vec![right],
        tenant: tenant.map(Into::into),
    };
    let access = Access::new(&[
        token("writer-of-a", Right::Write, Some("a")),
        token("writer-of-all", Right::Write, None),
        token("reader-of-a", Right::Read, Some("a")),
    ])
    .expect("sound tokens");
    let app = router(&Intake::new(engine.clone(), access));
    // Authorization, X-Scope-OrgID, HTTP status, gRPC code, and the tenant it goes to.
    let cases = [
        (None, None, 401, Some(Code::Unauthenticated), None),
        (Some("Bearer nobody-knows"), None, 401, Some(Code::Unauthenticated), None),
        (Some("Basic writer-of-a"), None, 401, Some(Code::Unauthenticated), None),
        (Some("Bearer reader-of-a"), None, 403, Some(Code::PermissionDenied), None),
        (Some("Bearer writer-of-a"), Some("b"), 403, Some(Code::PermissionDenied), None),
        (Some("Bearer writer-of-a"), None, 200, None, Some("a")),
        (Some("Bearer writer-of-a"), Some("a"), 200, None, Some("a")),
        (Some("bearer writer-of-all"), Some("b"), 200, None, Some("b")),
        (Some("Bearer writer-of-all"), None, 200, None, Some("default")),
    ];
    for (authorization, scope, status, code, tenant) in cases {
        let credentials: Vec<(&'static str, &'static str)> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .chain(scope.map(|scope| ("x-scope-orgid", scope)))
            .collect();
        for (path, content_type) in PATHS {
            let headers = [&[("content-type", content_type)], credentials.as_slice()].concat();
            let response = post(app.clone(), path, &headers, body(path)).await;
            let expected = if status == 200 && path != "/v1/traces" { 202 } else { status };
            assert_eq!(response.status().as_u16(), expected, "{authorization:?} {scope:?}");
            assert_eq!(header(&response, "www-authenticate"), (status == 401).then_some("Bearer"));
        }
        assert_eq!(export(app.clone(), &credentials).await.err(), code, "{authorization:?} {scope:?}");
        let seen: Vec<_> = engine.seen.lock().drain(..).collect();
        assert_eq!(seen.len(), if tenant.is_some() { 3 } else { 0 });
        assert!(seen.iter().all(|(found, ..)| Some(found.name()) == tenant));
    }
}
