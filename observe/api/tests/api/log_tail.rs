//! Log records as they come.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use vitrine_observe_api::{Options, Queries, router};
use vitrine_observe_store::{Access, MAX_TAIL_ROWS, MAX_TAILS, Right, Tenant, Token};

use crate::client::{engine, get, open, send};
use crate::logs::record;
use crate::scenario::write_logs;

/// A tail that was begun.
struct Tail(Body);

impl Tail {
    async fn begin(router: &Router, query: &str) -> Self {
        let request = Request::get(format!("/api/logs/tail?query={query}")).body(Body::empty()).expect("a request");
        let response = router.clone().oneshot(request).await.expect("a router answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
        Self(response.into_body())
    }

    /// The lines that come next; none at the end.
    async fn next(&mut self) -> Option<Vec<Value>> {
        let frame = self.0.frame().await?.expect("a piece");
        let piece = frame.into_data().expect("data");
        let text = std::str::from_utf8(&piece).expect("UTF-8");
        Some(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }

    /// So many lines.
    async fn lines(&mut self, number: usize) -> Vec<Value> {
        let mut lines = Vec::new();
        while lines.len() < number {
            lines.extend(self.next().await.expect("more lines"));
        }
        lines
    }
}

#[tokio::test]
async fn what_meets_the_query_comes_once_it_is_acknowledged() {
    let (_folder, engine) = engine();
    let router = open(&engine);
    let tenant = Tenant::default();
    write_logs(&*engine, &tenant, "a", vec![record(0, 17, "before it was asked for")]).await;
    let mut errors = Tail::begin(&router, "level:error%20-service:b").await;
    let mut all = Tail::begin(&router, "").await;
    for n in 0..20 {
        write_logs(&*engine, &tenant, "a", vec![record(n, 17, &format!("failed {n}")), record(n, 9, "fine")]).await;
        write_logs(&*engine, &tenant, "b", vec![record(n, 17, "of another service")]).await;
        write_logs(&*engine, &Tenant::new("other").expect("a name"), "a", vec![record(n, 17, "not yours")]).await;
    }
    let lines = errors.lines(20).await;
    let found: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    let wanted: Vec<String> = (0..20).map(|n| format!("failed {n}")).collect();
    assert_eq!(found, wanted);
    assert_eq!(lines[0]["level"], "error");
    let all = all.lines(60).await;
    assert!(all.iter().all(|line| line["dropped"].is_null() && line["message"] != "not yours"));
    assert_eq!(all.len(), 60);
}

#[tokio::test]
async fn who_never_reads_is_told_what_was_dropped() {
    let (_folder, engine) = engine();
    let router = open(&engine);
    let mut tail = Tail::begin(&router, "line").await;
    let number = 3 * MAX_TAIL_ROWS;
    for part in 0..30 {
        let records = (0..number / 30).map(|n| record(n as u64 % 60, 9, &format!("line {part} {n}"))).collect();
        write_logs(&*engine, &Tenant::default(), "a", records).await;
    }
    // One more after all of them, which is in nobody's way.
    write_logs(&*engine, &Tenant::default(), "a", vec![record(0, 9, "the last line")]).await;
    let (mut dropped, mut rows) = (0, 0);
    loop {
        let lines = tail.next().await.expect("lines");
        dropped += lines.iter().filter_map(|line| line["dropped"].as_u64()).sum::<u64>();
        rows += lines.iter().filter(|line| line["dropped"].is_null()).count();
        if lines.last().is_some_and(|line| line["message"] == "the last line") {
            break;
        }
    }
    assert!(dropped > 0 && rows >= 1, "{dropped} dropped, {rows} rows");
    assert_eq!(dropped as usize + rows, number + 1);
}

#[tokio::test]
async fn there_are_so_many_tails_and_they_end_with_the_process() {
    let (_folder, engine) = engine();
    let queries = Queries::new(engine.clone(), Access::open(), Options::default());
    let router = router(&queries);
    let mut tails = Vec::new();
    for _ in 0..MAX_TAILS {
        tails.push(Tail::begin(&router, "x").await);
    }
    let refused = get(&router, "/api/logs/tail").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    assert!(refused.body.contains(&format!("{MAX_TAILS} tails are open already")), "{}", refused.body);
    // One that ends makes room.
    tails.pop();
    tails.push(Tail::begin(&router, "y").await);
    queries.end_streams();
    for mut tail in tails {
        assert_eq!(tail.next().await, None);
    }
    assert_eq!(Tail::begin(&router, "z").await.next().await, None);
}

#[tokio::test]
async fn only_who_may_read_is_answered() {
    let (_folder, engine) = engine();
    let token = "reader-of-a".into();
    let tokens = [Token { token, rights: vec![Right::Read], tenant: Some("a".into()) }];
    let access = Access::new(&tokens).expect("sound tokens");
    let queries = Queries::new(engine.clone(), access, Options::default());
    let router = router(&queries);
    write_logs(&*engine, &Tenant::new("a").expect("a name"), "s", vec![record(1, 9, "of a")]).await;
    write_logs(&*engine, &Tenant::new("b").expect("a name"), "s", vec![record(1, 9, "of b")]).await;
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        send(&router, request.body(Body::empty()).expect("a request")).await
    };
    let token = ("authorization", "Bearer reader-of-a");
    for path in [
        "/api/logs",
        "/api/logs/counts",
        "/api/logs/fields",
        "/api/logs/patterns",
        "/api/logs/export",
        "/api/logs/tail",
    ] {
        assert_eq!(ask(path, &[]).await.status, 401, "{path}");
        assert_eq!(ask(path, &[token, ("x-scope-orgid", "b")]).await.status, 403, "{path}");
    }
    let found = ask("/api/logs?start=1700000000&end=1700000100", &[token]).await;
    assert!(found.body.contains("of a") && !found.body.contains("of b"), "{}", found.body);
}
