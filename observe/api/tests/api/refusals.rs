//! What is refused around the handlers, as each API says its errors; and browsers, which ask before they call.

use axum::body::Body;
use http::Request;
use serde_json::Value;
use vitrine_observe_api::{error_format, jaeger_errors, jaeger_router, zipkin_router};
use vitrine_observe_store::Access;
use vitrine_platform_http::{Cors, Hosts, Router, nowhere, plain_errors};

use crate::client::{TestResponse, engine, open, send};

/// How an API says its errors.
#[derive(Clone, Copy, Debug)]
enum ErrorShape {
    Jaeger,
    JaegerV3,
    Text,
    Json,
    Page,
}

/// What an answer says, after its form was checked.
fn message(said: ErrorShape, answer: &TestResponse) -> String {
    let kind = answer.headers.get("content-type").map_or("", |value| value.to_str().expect("text"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match said {
        ErrorShape::Jaeger => {
            let body = answer.json();
            assert_eq!((kind, &body["data"]), ("application/json", &Value::Null), "{body}");
            assert_eq!(body["errors"][0]["code"], answer.status.as_u16(), "{body}");
            text(&body["errors"][0]["msg"])
        }
        ErrorShape::JaegerV3 => {
            let body = answer.json();
            assert_eq!(
                (kind, &body["error"]["httpCode"]),
                ("application/json", &answer.status.as_u16().into()),
                "{body}"
            );
            text(&body["error"]["message"])
        }
        ErrorShape::Json => {
            assert_eq!(kind, "application/json");
            text(&answer.json()["error"])
        }
        ErrorShape::Text => {
            assert_eq!(kind, "text/plain; charset=utf-8");
            answer.body.clone()
        }
        ErrorShape::Page => {
            assert_eq!(kind, "text/html; charset=utf-8");
            assert!(
                answer.headers.contains_key("content-security-policy") && answer.body.contains("<h2>"),
                "{}",
                answer.body
            );
            answer.body.clone()
        }
    }
}

async fn check(router: &Router, said: ErrorShape, cases: &[(&str, &str, u16, &str)]) {
    for (method, path, status, part) in cases {
        let request = Request::builder().method(*method).uri(*path).body(Body::empty()).expect("a request");
        let answer = send(router, request).await;
        assert_eq!(answer.status, *status, "{method} {path}: {}", answer.body);
        let message = message(said, &answer);
        assert!(message.contains(part), "{method} {path}: {message}");
        let allow = answer.headers.get("allow").map_or("", |value| value.to_str().expect("text"));
        assert_eq!(allow, if *status == 405 { "GET,HEAD" } else { "" }, "{method} {path}");
    }
}

#[tokio::test]
async fn each_api_says_refusals_as_it_says_errors() {
    let (_folder, engine) = engine();
    let queries =
        vitrine_observe_api::Queries::new(engine.clone(), Access::open(), vitrine_observe_api::Options::default());
    let all = nowhere(open(&engine), error_format);
    check(
        &all,
        ErrorShape::Jaeger,
        &[
            ("GET", "/jaeger/api/traces/%ff", 400, "not UTF-8"),
            ("GET", "/jaeger/api/services/%c3%28/operations", 400, "service"),
            ("GET", "/jaeger/api/nothing", 404, "nothing at GET /jaeger/api/nothing"),
            ("GET", "/jaeger", 404, "nothing"),
            ("POST", "/jaeger/api/traces", 405, "POST"),
            ("OPTIONS", "/jaeger/api/services", 405, "OPTIONS"),
        ],
    )
    .await;
    check(
        &all,
        ErrorShape::JaegerV3,
        &[
            ("GET", "/jaeger/api/v3/traces/%ff", 400, "trace_id"),
            ("GET", "/jaeger/api/v3/nothing", 404, "nothing"),
            ("DELETE", "/jaeger/api/v3/services", 405, "DELETE"),
        ],
    )
    .await;
    check(
        &all,
        ErrorShape::Text,
        &[
            ("GET", "/zipkin/api/v2/trace/%ff", 400, "UTF-8"),
            ("GET", "/zipkin/api/v2/nothing", 404, "nothing at GET"),
            ("PUT", "/zipkin/api/v2/services", 405, "PUT"),
        ],
    )
    .await;
    check(&all, ErrorShape::Json, &[("POST", "/api/status", 405, "POST"), ("GET", "/api/nothing", 404, "nothing")])
        .await;
    check(
        &all,
        ErrorShape::Page,
        &[("GET", "/nothing/%3Cb%3E", 404, "nothing at GET"), ("POST", "/", 404, "nothing at POST")],
    )
    .await;
    // The same at the root of the originals' own ports.
    let jaeger = nowhere(jaeger_router(&queries), jaeger_errors);
    check(&jaeger, ErrorShape::Jaeger, &[("GET", "/api/traces/%ff", 400, "id"), ("GET", "/", 404, "nothing")]).await;
    check(&jaeger, ErrorShape::JaegerV3, &[("GET", "/api/v3/nothing", 404, "nothing")]).await;
    let zipkin = nowhere(zipkin_router(&queries), plain_errors);
    check(&zipkin, ErrorShape::Text, &[("GET", "/api/v2/trace/%ff", 400, "UTF-8"), ("GET", "/", 404, "nothing")]).await;
}

/// An answer to a page of this origin: to its preflight, or to a question.
async fn asked(router: &Router, method: &str, origin: &str, header: &str) -> TestResponse {
    let mut request = Request::builder().method(method).uri("/jaeger/api/services").header("origin", origin);
    if method == "OPTIONS" {
        request =
            request.header("access-control-request-method", "GET").header("access-control-request-headers", header);
    }
    send(router, request.body(Body::empty()).expect("a request")).await
}

impl TestResponse {
    fn header(&self, name: &str) -> String {
        let all = self.headers.get_all(name).iter().map(|value| value.to_str().expect("text").to_lowercase());
        all.collect::<Vec<_>>().join(",")
    }
}

#[tokio::test]
async fn pages_of_known_origins_may_call() {
    let (_folder, engine) = engine();
    let settings = Cors {
        allowed_origins: vec!["https://*.example.com".to_owned()],
        allowed_headers: vec!["x-team".to_owned()],
        max_age_s: 60,
    };
    let router = settings.rules().expect("sound").around(nowhere(open(&engine), error_format), error_format);
    let preflight = asked(&router, "OPTIONS", "https://shop.example.com", "x-team").await;
    assert!(preflight.status.is_success(), "{}", preflight.status);
    assert_eq!(preflight.header("access-control-allow-origin"), "https://shop.example.com");
    assert_eq!(
        (preflight.header("access-control-max-age"), preflight.header("access-control-allow-credentials")),
        ("60".to_owned(), "true".to_owned())
    );
    for (kind, expected) in
        [("methods", "post"), ("headers", "x-team"), ("headers", "content-encoding"), ("headers", "x-scope-orgid")]
    {
        assert!(preflight.header(&format!("access-control-allow-{kind}")).contains(expected), "{expected}");
    }
    assert!(preflight.header("vary").contains("origin"));
    let answer = asked(&router, "GET", "https://shop.example.com", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (200, "https://shop.example.com".to_owned())
    );
    assert!(
        answer.header("vary").contains("origin")
            && answer.header("access-control-expose-headers").contains("retry-after")
    );
    for method in ["OPTIONS", "GET"] {
        let stranger = asked(&router, method, "https://example.com.evil", "x-team").await;
        assert_eq!(stranger.header("access-control-allow-origin"), "", "{method}");
    }
    // A refusal is read by pages as well.
    let request = Request::get("/jaeger/api/traces/%ff").header("origin", "https://a.example.com");
    let refused = send(&router, request.body(Body::empty()).expect("a request")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("access-control-allow-origin")),
        (400, "https://a.example.com".to_owned())
    );

    let all = Cors { allowed_origins: vec!["*".to_owned()], allowed_headers: vec!["*".to_owned()], ..Cors::default() };
    let router = all.rules().expect("sound").around(open(&engine), error_format);
    let preflight = asked(&router, "OPTIONS", "null", "x-anything").await;
    assert_eq!(
        (preflight.header("access-control-allow-origin"), preflight.header("access-control-allow-headers")),
        ("*".to_owned(), "x-anything".to_owned())
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), "");

    let none = Cors::default().rules().expect("sound").around(open(&engine), error_format);
    let preflight = asked(&none, "OPTIONS", "https://shop.example.com", "x-team").await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (405, String::new()));
}

#[test]
fn settings_that_are_no_origins_or_headers_are_named() {
    let wrong = |origin: &str, header: &str| {
        let settings = Cors {
            allowed_origins: vec![origin.to_owned()],
            allowed_headers: vec![header.to_owned()],
            ..Cors::default()
        };
        settings.rules().expect_err("wrong")
    };
    assert!(wrong("shop.example", "x-team").starts_with("allowed_origins: \"shop.example\": expected"));
    assert!(wrong("https://shop.example", "x team").starts_with("allowed_headers: \"x team\": expected"));
}

/// Whatever is asked for: this name, and a page of this origin.
async fn visit(router: &Router, (method, path, kind): (&str, &str, &str), host: &str, origin: &str) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in [("host", host), ("origin", origin), ("content-type", kind)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    send(router, request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn another_sites_names_and_pages_are_refused_by_each_api_in_its_words() {
    let (_folder, engine) = engine();
    let hosts = Hosts::parse(&["observe.example".to_owned()]).expect("sound");
    let settings = Cors { allowed_origins: vec!["https://shop.example".to_owned()], ..Cors::default() };
    let all = settings.rules().expect("sound").at(hosts).around(nowhere(open(&engine), error_format), error_format);
    let json = "application/json";
    for (said, method, path, kind) in [
        (ErrorShape::Jaeger, "GET", "/jaeger/api/services", ""),
        (ErrorShape::JaegerV3, "GET", "/jaeger/api/v3/services", ""),
        (ErrorShape::Text, "GET", "/zipkin/api/v2/services", ""),
        (ErrorShape::Text, "POST", "/zipkin/api/v2/spans", ""),
        (ErrorShape::Json, "GET", "/api/status", ""),
        (ErrorShape::Json, "POST", "/api/sql", json),
        (ErrorShape::Page, "GET", "/", ""),
    ] {
        let what = (method, path, kind);
        for host in ["evil.example", "evil.example:9000", "localhost.evil.example", "10.1.2.3"] {
            let answer = visit(&all, what, host, "").await;
            assert_eq!(answer.status, 421, "{path} {host}");
            let told = message(said, &answer);
            assert!(told.contains("is none of this listener") && told.contains("settings"), "{told}");
        }
        for host in ["", "localhost", "127.0.0.1:9000", "[::1]:9000", "observe.example"] {
            let own = format!("http://{host}");
            for origin in ["", "https://shop.example", if host.is_empty() { "" } else { &own }] {
                let answer = visit(&all, what, host, origin).await;
                assert!(!matches!(answer.status.as_u16(), 403 | 421), "{path} {host} {origin}: {}", answer.body);
            }
        }
        for origin in ["https://evil.example", "null", "http://localhost:3000", "", "http://"] {
            let answer = visit(&all, what, "localhost:9000", origin).await;
            let refused = method == "POST" && !origin.is_empty();
            assert_eq!(answer.status == 403, refused, "{path} {origin}: {}", answer.body);
            if refused {
                let told = message(said, &answer);
                assert!(told.contains("may not send here") && told.contains("settings"), "{told}");
            }
        }
    }
    // A target that names another site than the Host does.
    for (target, host) in
        [("http://evil.example/api/status", "localhost"), ("http://localhost/api/status", "evil.example")]
    {
        assert_eq!(visit(&all, ("GET", target, ""), host, "").await.status, 421, "{target}");
    }
}
