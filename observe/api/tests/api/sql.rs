//! `POST /api/sql` as its clients see it; what runs statements is behind [`Statements`], and here a small one.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use vitrine_observe_api::{SqlFormat, SqlStream, StatementError, Statements, sql_router};
use vitrine_observe_store::{Access, Right, Tenant, Token};

/// Echoes the statement, or fails as the test asks, also in the middle.
struct Echo;

impl Statements for Echo {
    fn query(
        &self,
        tenant: Tenant,
        statement: String,
        format: SqlFormat,
    ) -> BoxFuture<'_, Result<SqlStream, StatementError>> {
        async move {
            let told = statement.clone();
            match statement.as_str() {
                "wrong" => Err(StatementError::Statement(told)),
                "forbidden" => Err(StatementError::Forbidden(told)),
                "late" => Err(StatementError::Time(told)),
                "large" => Err(StatementError::Memory(told)),
                "busy" => Err(StatementError::Busy(told)),
                "failed" => Err(StatementError::Failed(told)),
                "closed" => Err(StatementError::Closed),
                "broken" => {
                    let chunks = [Ok(Bytes::from("first\n")), Err(StatementError::Memory("too much".to_owned()))];
                    Ok(stream::iter(chunks).boxed())
                }
                _ => Ok(stream::iter([Ok(format!("{tenant} {format:?} {statement}").into())]).boxed()),
            }
        }
        .boxed()
    }
}

fn router() -> Router {
    sql_router(Arc::new(Echo), Access::open())
}

/// Sends a statement as it is, unless the headers say another type.
async fn send(uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut request = Request::post(uri);
    let typed = headers.iter().any(|(name, _)| *name == "content-type");
    let plain = [("content-type", "application/sql")];
    for (name, value) in plain.iter().filter(|_| !typed).chain(headers) {
        request = request.header(*name, *value);
    }
    router().oneshot(request.body(body.into()).expect("a request")).await.expect("an answer")
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a whole answer").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn a_statement_is_the_body_or_in_json() {
    assert_eq!(text(send("/api/sql", &[], "SELECT 1").await).await, "default Json SELECT 1");
    let typed = [("content-type", "Application/SQL ; charset=utf-8"), ("x-scope-orgid", "blue")];
    assert_eq!(text(send("/api/sql", &typed, "SELECT '%'").await).await, "blue Json SELECT '%'");
    let json = [("content-type", "application/json; charset=utf-8")];
    let body = r#"{"query": "SELECT 1", "format": "csv"}"#;
    assert_eq!(text(send("/api/sql", &json, body).await).await, "default Csv SELECT 1");
    for body in ["{", "{}", r#"{"query": 1}"#, r#"{"query": "x", "limit": 1}"#] {
        let response = send("/api/sql", &json, body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(text(response).await.contains("expected {"), "{body}");
    }
    let response = send("/api/sql", &[], vec![0xff]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

/// What browsers send without a preflight: forms, texts, and what has no type.
#[tokio::test]
async fn a_statement_of_another_type_is_refused_before_its_body_is_read() {
    for found in [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonx",
        "text/plain, application/json",
        "x/y;application/sql",
    ] {
        let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let mut request = Request::post("/api/sql");
        if !found.is_empty() {
            request = request.header(header::CONTENT_TYPE, found);
        }
        let answer = router().oneshot(request.body(endless).expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{found}");
        assert_eq!(answer.headers()[header::ACCEPT], "application/json, application/sql");
        let told = text(answer).await;
        assert!(told.contains("application/sql for a statement as it is") && told.contains(found), "{told}");
    }
}

#[tokio::test]
async fn the_format_is_asked_for_in_three_ways() {
    let csv = [("accept", "text/html, text/csv;q=0.9")];
    for (uri, headers, format, kind) in [
        ("/api/sql", &[][..], "Json", "application/x-ndjson"),
        ("/api/sql", &csv[..], "Csv", "text/csv; charset=utf-8; header=present"),
        ("/api/sql?format=arrow", &csv[..], "Arrow", "application/vnd.apache.arrow.stream"),
        ("/api/sql?format=rows", &[][..], "Rows", "application/x-ndjson"),
        ("/api/sql?format=table", &[][..], "Table", "text/plain; charset=utf-8"),
    ] {
        let response = send(uri, headers, "x").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
        assert_eq!(text(response).await, format!("default {format} x"));
    }
    let response = send("/api/sql?format=xml", &[], "x").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(text(response).await.contains("expected json, rows, csv, arrow or table"));
}

#[tokio::test]
async fn refusals_have_their_status() {
    for (statement, status) in [
        ("wrong", 400),
        ("forbidden", 403),
        ("late", 504),
        ("large", 422),
        ("busy", 429),
        ("failed", 500),
        ("closed", 503),
    ] {
        let response = send("/api/sql", &[], statement).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key(header::RETRY_AFTER), statement == "busy");
        assert!(text(response).await.starts_with("{\"error\":"));
    }
    assert_eq!(send("/api/sql", &[], vec![b'x'; 3 << 20]).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn only_those_who_may_read_are_answered() {
    let token = |token: &str, right| Token { token: token.into(), rights: vec![right], tenant: Some("blue".into()) };
    let access =
        Access::new(&[token("reads-blue", Right::Read), token("writes-blue", Right::Write)]).expect("sound tokens");
    for (header, tenant, status) in [
        (None, "blue", StatusCode::UNAUTHORIZED),
        (Some("Bearer reads-blue"), "blue", StatusCode::OK),
        (Some("Bearer reads-blue"), "red", StatusCode::FORBIDDEN),
        (Some("Bearer writes-blue"), "blue", StatusCode::FORBIDDEN),
        (Some("Bearer reads-blue"), "no/name", StatusCode::BAD_REQUEST),
    ] {
        let mut request =
            Request::post("/api/sql").header("x-scope-orgid", tenant).header(header::CONTENT_TYPE, "application/sql");
        if let Some(header) = header {
            request = request.header(header::AUTHORIZATION, header);
        }
        let request = request.body(Body::from("SELECT 1")).expect("a request");
        let answer = sql_router(Arc::new(Echo), access.clone()).oneshot(request).await.expect("an answer");
        assert_eq!(answer.status(), status, "{header:?} {tenant}");
        assert_eq!(answer.headers().contains_key(header::WWW_AUTHENTICATE), status == StatusCode::UNAUTHORIZED);
        assert!(status == StatusCode::OK || text(answer).await.starts_with("{\"error\":"));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_why_and_does_not_end() {
    for (format, last) in [("json", "{\"error\":\"too much\"}\n"), ("table", "error: too much\n"), ("csv", "")] {
        let response = send(&format!("/api/sql?format={format}"), &[], "broken").await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let mut seen = String::new();
        let failed = loop {
            match body.frame().await {
                Some(Ok(frame)) => seen.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8")),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(failed, "{format}");
        assert_eq!(seen, format!("first\n{last}"));
    }
}
