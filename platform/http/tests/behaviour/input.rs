//! Bad input: a problem that names the field and what was expected, never more than the sender needs.

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use futures::stream;
use serde::Deserialize;
use vitrine_platform_http::{Json, Query, Router};

use crate::{TestResponse, ask};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    product_id: String,
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    category: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    sold_out: bool,
}

fn router() -> Router {
    Router::new()
        .route("/lines", post(async |Json(line): Json<Line>| format!("{} x {}", line.quantity, line.product_id)))
        .route(
            "/products",
            get(async |Query(filter): Query<Filter>| {
                let category = filter.category.unwrap_or_default();
                format!("{} of {category}{}", filter.limit.unwrap_or(20), if filter.sold_out { "!" } else { "" })
            }),
        )
}

async fn send(content_type: &str, body: impl Into<Body>) -> TestResponse {
    let request = Request::post("/lines").header("content-type", content_type).body(body.into()).expect("a request");
    ask(&router(), request).await
}

async fn query(query: &str) -> TestResponse {
    crate::get(&router(), &format!("/products?{query}")).await
}

#[tokio::test]
async fn good_input_is_taken() {
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"] {
        let answer = send(content_type, r#"{"product_id":"p","quantity":2}"#).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "2 x p"), "{content_type}");
    }
    assert_eq!(query("category=a%20b&limit=3").await.text(), "3 of a b");
    assert_eq!(query("").await.text(), "20 of ");
    assert_eq!(query("sold_out=true").await.text(), "20 of !");
}

#[tokio::test]
async fn bad_bodies_say_what_is_wrong_and_where() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (body, code, field) in [
        ("", "MALFORMED_JSON", "body"),
        ("{", "MALFORMED_JSON", "body"),
        (r#"{"product_id":"p","quantity":1}}"#, "MALFORMED_JSON", "body"),
        (r#"{"product_id":"p","quantity":01}"#, "MALFORMED_JSON", "body"),
        (deep.as_str(), "INVALID_BODY", "body"),
        ("[]", "INVALID_BODY", "body"),
        ("null", "INVALID_BODY", "body"),
        (r#"{"product_id":"p","quantity":"many"}"#, "INVALID_BODY", "quantity"),
        (r#"{"product_id":"p","quantity":-1}"#, "INVALID_BODY", "quantity"),
        (r#"{"product_id":"p","quantity":4294967296}"#, "INVALID_BODY", "quantity"),
        (r#"{"product_id":"p","quantity":1.5}"#, "INVALID_BODY", "quantity"),
        (r#"{"product_id":"p"}"#, "INVALID_BODY", "quantity"),
        (r#"{"product_id":"p","quantity":1,"qty":2}"#, "INVALID_BODY", "qty"),
        (r#"{"product_id":"p","quantity":1,"quantity":2}"#, "INVALID_BODY", "quantity"),
        // What the sender wrote is not taken for a field's name.
        (r#"{"product_id":"p","quantity":"no `field` here"}"#, "INVALID_BODY", "quantity"),
    ] {
        let answer = send("application/json", body.to_owned()).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{shown}");
        let problem = answer.problem();
        assert_eq!(
            (problem["code"].as_str(), problem["field"].as_str()),
            (Some(code), Some(field)),
            "{shown}: {problem}"
        );
        assert!(problem["expected"].as_str().is_some_and(|e| !e.is_empty()), "{shown}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|d| d.contains("line 1, column")), "{shown}: {problem}");
    }
    let answer = send("application/json", Bytes::from_static(b"{\"product_id\":\"\xff\xfe\",\"quantity\":1}")).await;
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (StatusCode::BAD_REQUEST, Some("MALFORMED_JSON")));
}

#[tokio::test]
async fn a_problem_is_short_however_long_its_cause() {
    let body = format!(r#"{{"product_id":"p","quantity":"{}"}}"#, "ü".repeat(500_000));
    let answer = send("application/json", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.problem()["code"], "INVALID_BODY");
    assert!(answer.body.len() < 1500, "{} bytes", answer.body.len());
    let answer = query(&format!("{}=1", "x".repeat(50_000))).await;
    assert_eq!(answer.problem()["code"], "INVALID_QUERY");
    assert!(answer.body.len() < 1500, "{} bytes", answer.body.len());
}

#[tokio::test]
async fn what_is_not_declared_as_json_is_not_read() {
    let body = r#"{"product_id":"p","quantity":2}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let answer = send(content_type, body).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        let problem = answer.problem();
        assert_eq!((&problem["field"], &problem["expected"]), (&"Content-Type".into(), &"application/json".into()));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_declared_or_not() {
    const CHUNK: usize = 64 * 1024;
    let declared = send("application/json", " ".repeat(40 * CHUNK)).await;
    let chunks = stream::repeat(Ok::<_, std::convert::Infallible>(Bytes::from(vec![b' '; CHUNK])));
    // It never ends: a caller that read on would not answer.
    let endless = send("application/json", Body::from_stream(chunks)).await;
    for answer in [declared, endless] {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.problem()["code"], "BODY_TOO_LARGE");
    }
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let answer = send("application/json", Body::from_stream(broken)).await;
    assert_eq!((answer.status, answer.problem()["code"].as_str()), (StatusCode::BAD_REQUEST, Some("BODY_UNREADABLE")));
}

#[tokio::test]
async fn bad_queries_name_the_parameter() {
    for (text, field) in [
        ("limit=many", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("category=a&limit=1&limit=2", "limit"),
        ("limits=1", "limits"),
        ("sold_out=maybe", "sold_out"),
        ("limit=%60category%60", "limit"),
        ("category=query%20string:%20x&limit=q", "limit"),
    ] {
        let answer = query(text).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{text}");
        let problem = answer.problem();
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&"INVALID_QUERY".into(), &field.into()),
            "{text}: {problem}"
        );
        assert!(problem["expected"].is_string());
    }
}
