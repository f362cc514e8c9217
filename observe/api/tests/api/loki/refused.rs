//! What is refused, and how that is said: JSON with a `message` that names what was wrong.

use axum::body::Body;
use http::{Request, StatusCode};
use vitrine_kit::percent;
use vitrine_observe_api::{Options, Queries, loki_errors, loki_router};
use vitrine_observe_store::{Access, Right, Token};
use vitrine_platform_http::nowhere;

use super::data::{START_S, api, record, write};
use crate::client::{engine, get, send};
use crate::scenario::text;

#[tokio::test]
async fn what_cannot_be_answered_is_told() {
    let (_folder, _engine, router) = api().await;
    let lines = |query: &str| format!("query_range?query={}&start=1&end=2", percent::encode(query));
    let deep = format!("{}vector(1){}", "(".repeat(1_000), ")".repeat(1_000));
    let exploding = format!("{{a=\"b\"}} |~ \"{}\"", "(x{1,100}){1,100}".repeat(20));
    for (path, status, part) in [
        ("query".to_owned(), 400, "'query' is required"),
        (lines("{a=\"b\""), 400, "parse error at line 1, col 7: syntax error"),
        (lines("{a=~\".*\"}"), 400, "at least one regexp or equality matcher"),
        (lines(&deep), 400, "nests deeper than"),
        (lines(&exploding), 400, "error parsing regexp"),
        (lines("{a=\"b\"} | line_format \"{{.x\""), 400, "invalid template"),
        (lines("{a=\"b\"} | json x=\"a[\""), 400, "cannot parse expression"),
        ("query_range?query=%7Ba%3D%22b%22%7D&start=x".to_owned(), 400, "'start'"),
        ("query_range?query=%7Ba%3D%22b%22%7D&start=5&end=4".to_owned(), 400, "end timestamp must not be before"),
        ("query_range?query=%7Ba%3D%22b%22%7D&limit=0".to_owned(), 400, "must be a positive value"),
        ("query_range?query=%7Ba%3D%22b%22%7D&limit=99999".to_owned(), 400, "max entries limit per query exceeded"),
        ("query_range?query=%7Ba%3D%22b%22%7D&direction=up".to_owned(), 400, "expected forward or backward"),
        (
            "query_range?query=vector(1)&start=0&end=100000&step=1".to_owned(),
            400,
            "exceeded maximum resolution of 11,000 points",
        ),
        ("query_range?query=vector(1)&step=-1".to_owned(), 400, "expected seconds above 0"),
        ("index/volume?query=%7Ba%3D%22b%22%7D&aggregateBy=x".to_owned(), 400, "expected series or labels"),
        ("patterns?query=%7Ba%3D%22b%22%7D%20%7C%20json".to_owned(), 400, "conditions on lines only"),
        ("tail?query=%7Ba%3D%22b%22%7D".to_owned(), 400, "upgrade to a WebSocket"),
        ("nope".to_owned(), 404, "nope"),
    ] {
        let response = get(&router, &format!("/loki/api/v1/{path}")).await;
        assert_eq!(response.status.as_u16(), status, "{path}: {}", response.body);
        let message = response.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(part), "{path}: {message}");
    }
}

#[tokio::test]
async fn forms_are_read_as_addresses_are() {
    let (_folder, _engine, router) = api().await;
    let form = format!("query=sum(count_over_time(%7Bservice_name%3D%22shop%22%7D[1m]))&time={}", START_S + 60);
    let request = Request::post("/loki/api/v1/query")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .expect("a request");
    let response = send(&router, request).await;
    assert_eq!(response.json()["data"]["result"][0]["value"][1], "3", "{}", response.body);
}

#[tokio::test]
async fn only_who_may_read_is_answered_and_of_their_tenant() {
    let (_folder, engine) = engine();
    write(&*engine, vec![text("service.name", "shop")], vec![record(1, 9, "hello", vec![])]).await;
    let token = |token: &str, right, tenant: Option<&str>| Token {
        token: token.into(),
        rights: vec![right],
        tenant: tenant.map(str::to_owned),
    };
    let tokens = [
        token("reads-all-of-it", Right::Read, None),
        token("reads-another", Right::Read, Some("other")),
        token("only-writes-here", Right::Write, None),
    ];
    let access = Access::new(&tokens).expect("tokens");
    let router = nowhere(loki_router(&Queries::new(engine.clone(), access, Options::default())), loki_errors);
    let path = format!("/loki/api/v1/labels?start={START_S}&end={}", START_S + 10);
    let ask = |token: &str| {
        let request = Request::get(&path).header("authorization", format!("Bearer {token}"));
        request.body(Body::empty()).expect("a request")
    };
    assert_eq!(send(&router, ask("reads-all-of-it")).await.json()["data"], serde_json::json!(["service_name"]));
    assert_eq!(send(&router, ask("reads-another")).await.json()["data"], serde_json::json!([]));
    assert_eq!(send(&router, ask("only-writes-here")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(get(&router, &path).await.status, StatusCode::UNAUTHORIZED);
}
