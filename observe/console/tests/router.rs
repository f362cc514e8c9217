//! The console's routes over an observatory of which nothing is needed but whom it lets in.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vitrine_observe_console::{Config, Console, ConsoleOptions, SessionTokens};
use vitrine_observe_store::{Access, Right, Token};

const URL: &str = "http://127.0.0.1:9000";

struct Browser {
    router: Router,
    cookie: Option<String>,
}

struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Browser {
    fn new(folder: &Path, tokens: &[Token]) -> Self {
        let (config, session_tokens) = (Config::default(), SessionTokens::new(tokens));
        let all: Vec<Token> = tokens.iter().cloned().chain(session_tokens.tokens()).collect();
        let access = Access::new(&all).expect("sound tokens");
        let (url, version) = (URL.to_owned(), "1.2.3");
        let known = access.clone();
        let console = Console::open(ConsoleOptions { config: &config, url, access, session_tokens, folder, version });
        let console = console.expect("opened");
        // What the observatory answers to one who may read.
        let whoever_reads = async |State(access): State<Access>, headers: HeaderMap| {
            let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            access.check(sent, None, Right::Read).map_or(StatusCode::UNAUTHORIZED, |_| StatusCode::OK)
        };
        let observatory = Router::new().route("/api/read", get(whoever_reads).post(whoever_reads)).with_state(known);
        Self { router: console.around(observatory), cookie: None }
    }

    async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:9000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).expect("a request");
        let response = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        if let Some(set) = head.headers.get(header::SET_COOKIE) {
            let set = set.to_str().expect("a text");
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        TestResponse { status: head.status, headers: head.headers, body }
    }

    async fn get(&mut self, path: &str) -> TestResponse {
        self.send("GET", path, &[], None).await
    }
}

fn tokens() -> Vec<Token> {
    let token = |token: &str, rights: &[Right]| Token { token: token.into(), rights: rights.into(), tenant: None };
    vec![token("looks-only", &[Right::Read]), token("looks-and-operates", &[Right::Read, Right::Operate])]
}

fn dashboard(name: &str, title: &str) -> Value {
    json!({"kind": "Dashboard", "metadata": {"name": name}, "spec": {"display": {"name": title}, "panels": {}, "layouts": []}})
}

#[tokio::test]
async fn where_there_are_no_tokens_everyone_is_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut browser = Browser::new(folder.path(), &[]);
    let session = browser.get("/console/session").await;
    assert_eq!(
        session.body,
        json!({
            "user": {"name": "everyone", "role": "admin"}, "isOpen": true, "ways": {"token": false, "provider": null},
            "shop": false, "flags": false, "version": "1.2.3",
        })
    );
    assert_eq!(browser.get("/api/read").await.status, StatusCode::OK);
    assert_eq!(browser.get("/console/shop/api/v1/products").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_signs_in_by_a_token_is_let_in_and_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut browser = Browser::new(folder.path(), &tokens());
    let refused = browser.get("/api/read").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers.get("x-console-session").map(|value| value.as_bytes()), Some(&b"none"[..]));
    assert_eq!(browser.get("/console/session").await.body["user"], Value::Null);

    let sign_in = |token: &str| Some(json!({ "token": token }));
    let wrong = browser.send("POST", "/console/sign-in", &[], sign_in("guessed-one")).await;
    assert_eq!(
        (wrong.status, &wrong.body["error"]),
        (StatusCode::FORBIDDEN, &json!("the token is not known, or it is not for reading"))
    );
    let foreign =
        browser.send("POST", "/console/sign-in", &[("origin", "http://evil.example")], sign_in("looks-only")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);

    assert_eq!(
        browser.send("POST", "/console/sign-in", &[], sign_in("looks-only")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(browser.get("/console/session").await.body["user"], json!({"name": "token", "role": "viewer"}));
    assert_eq!(browser.get("/api/read").await.status, StatusCode::OK);
    // The cookie alone does not let another site's page act, and a token of its own is believed as it is.
    let foreign = browser.send("POST", "/api/read", &[("sec-fetch-site", "cross-site")], None).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.send("POST", "/api/read", &[("sec-fetch-site", "same-origin")], None).await.status,
        StatusCode::OK
    );
    let unknown = browser.send("GET", "/api/read", &[("authorization", "Bearer guessed-one")], None).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);

    assert_eq!(browser.send("POST", "/console/sign-out", &[], None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.get("/api/read").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_who_edit_one_dashboard_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = Browser::new(folder.path(), &[]);
    let mine = dashboard("mine", "Mine");
    let made = one.send("POST", "/api/dashboards", &[], Some(json!({ "document": mine }))).await;
    assert_eq!((made.status, &made.body), (StatusCode::CREATED, &mine));
    assert_eq!(made.headers[header::ETAG], "\"1\"");
    let again = one.send("POST", "/api/dashboards", &[], Some(json!({ "document": mine }))).await;
    assert_eq!(again.status, StatusCode::PRECONDITION_FAILED);

    let (first, second) = (dashboard("mine", "First"), dashboard("mine", "Second"));
    let changed = one.send("PUT", "/api/dashboards/mine", &[("if-match", "\"1\"")], Some(first.clone())).await;
    assert_eq!((changed.status, &changed.headers[header::ETAG]), (StatusCode::OK, &"\"2\"".parse().expect("a value")));
    let late = one.send("PUT", "/api/dashboards/mine", &[("if-match", "\"1\"")], Some(second)).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!((&late.body["current"]["document"], &late.body["current"]["revision"]), (&first, &json!(2)));
    let blind = one.send("PUT", "/api/dashboards/mine", &[], Some(first.clone())).await;
    assert_eq!(blind.status, StatusCode::PRECONDITION_REQUIRED);
    let other = one.send("PUT", "/api/dashboards/other", &[("if-match", "\"0\"")], Some(first.clone())).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);

    // It is there after a restart.
    let mut again = Browser::new(folder.path(), &[]);
    assert_eq!(again.get("/api/dashboards/mine").await.body, first);
    let list = again.get("/api/dashboards").await.body;
    let listed = list["dashboards"].as_array().expect("a list");
    let own: Vec<&Value> = listed.iter().filter(|one| one["isShipped"] == false).collect();
    assert_eq!((own.len(), &own[0]["title"], &own[0]["by"]), (1, &json!("First"), &json!("everyone")));
    let gone = again.send("DELETE", "/api/dashboards/mine", &[("if-match", "\"2\"")], None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(again.get("/api/dashboards/mine").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_only_looks_changes_no_dashboard_and_nobody_a_shipped_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut browser = Browser::new(folder.path(), &tokens());
    let new = Some(json!({ "document": dashboard("mine", "Mine") }));
    let looks = [("authorization", "Bearer looks-only")];
    let operates = [("authorization", "Bearer looks-and-operates")];
    assert_eq!(browser.send("POST", "/api/dashboards", &[], new.clone()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.send("POST", "/api/dashboards", &looks, new.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.send("POST", "/api/dashboards", &operates, new).await.status, StatusCode::CREATED);
    assert_eq!(browser.send("GET", "/api/dashboards/mine", &looks, None).await.status, StatusCode::OK);
    let shipped = Some(json!({ "document": dashboard("shop", "Mine") }));
    assert_eq!(browser.send("POST", "/api/dashboards", &operates, shipped).await.status, StatusCode::FORBIDDEN);
    let broken = Some(json!({ "document": {"kind": "Dashboard"} }));
    let refused = browser.send("POST", "/api/dashboards", &operates, broken).await;
    assert_eq!(
        (refused.status, &refused.body["error"]),
        (StatusCode::BAD_REQUEST, &json!("spec.panels: expected an object of panels by name"))
    );
}

#[tokio::test]
async fn queries_are_kept_and_linked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut browser = Browser::new(folder.path(), &[]);
    let query = json!({"of": "sql", "title": "One", "text": "SELECT 1"});
    let kept = browser.send("POST", "/api/kept-queries", &[], Some(query)).await;
    assert_eq!(kept.status, StatusCode::CREATED);
    let id = kept.body["id"].as_str().expect("an id").to_owned();
    assert_eq!(browser.get(&format!("/api/kept-queries/{id}")).await.body, kept.body);
    let link = json!({"of": "logs", "text": "x".repeat(3000), "isLink": true});
    let linked = browser.send("POST", "/api/kept-queries", &[], Some(link)).await;
    assert_eq!(linked.status, StatusCode::CREATED);
    assert_eq!(browser.get("/api/kept-queries").await.body, json!({ "queries": [kept.body] }));
    assert_eq!(
        browser.send("DELETE", &format!("/api/kept-queries/{id}"), &[], None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(browser.get(&format!("/api/kept-queries/{id}")).await.status, StatusCode::NOT_FOUND);
}
