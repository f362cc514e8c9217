//! What is answered over HTTP: OFREP as its clients need it, the operators' API, and pages.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{Access, Author, FlagStore, Import, NoObservatory, Role, error_format, router};
use vitrine_kit::clock::{Clock, Manual};
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;

const DEFINITIONS: &str = r#"{"flags": {
    "bool": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
    "int": {"state": "ENABLED", "variants": {"few": 3, "many": 10}, "defaultVariant": "many"},
    "float": {"state": "ENABLED", "variants": {"half": 0.5, "whole": 10}, "defaultVariant": "whole"},
    "object": {"state": "ENABLED", "variants": {"a": {"n": 1.50}}, "defaultVariant": "a"},
    "a/b": {"state": "ENABLED", "variants": {"x": "1", "y": "2"}, "defaultVariant": "x",
        "targeting": {"if": [{"==": [{"var": "country"}, "CH"]}, "y"]}},
    "off": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
    "code": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": null},
    "wrong": {"state": "ENABLED", "variants": {"on": true}, "targeting": {"cat": ["no", "where"]}}
}, "metadata": {"flagSetId": "shop"}}"#;

struct Served {
    flags: FlagStore,
    access: Access,
    router: Router,
    clock: Manual,
    _folder: TempDir,
}

impl Served {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, hand) = Clock::manual(1_795_228_166_042);
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), clock).await.expect("opened");
        let author = Author { who: "test".to_owned(), why: "first".to_owned() };
        flags.import(author, DEFINITIONS, Import::Merge, vitrine_flags_engine::Mode::Strict).await.expect("imported");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        let router = nowhere(router(&flags, &access, &faults), error_format);
        Self { flags, access, router, clock: hand, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// The status, and the body as JSON; null where it is none.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let response = self.send(request(method, path, headers, body)).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).expect("a request")
}

#[tokio::test]
async fn one_flag_is_evaluated_as_its_clients_need_it() {
    let served = Served::new().await;
    let cases = [
        (
            "bool",
            "{}",
            200,
            r#"{"key":"bool","value":true,"reason":"STATIC","variant":"on","metadata":{"flagSetId":"shop"}}"#,
        ),
        (
            "int",
            "",
            200,
            r#"{"key":"int","value":10,"reason":"STATIC","variant":"many","metadata":{"flagSetId":"shop"}}"#,
        ),
        // A float keeps its point: clients in Python tell 10 from 10.0.
        (
            "float",
            "{}",
            200,
            r#"{"key":"float","value":10.0,"reason":"STATIC","variant":"whole","metadata":{"flagSetId":"shop"}}"#,
        ),
        (
            "object",
            "{}",
            200,
            r#"{"key":"object","value":{"n":1.50},"reason":"STATIC","variant":"a","metadata":{"flagSetId":"shop"}}"#,
        ),
        (
            "a/b",
            r#"{"context": {"country": "CH"}}"#,
            200,
            r#"{"key":"a/b","value":"2","reason":"TARGETING_MATCH","variant":"y","metadata":{"flagSetId":"shop"}}"#,
        ),
        (
            "a%2Fb",
            r#"{"context": null}"#,
            200,
            r#"{"key":"a/b","value":"1","reason":"DEFAULT","variant":"x","metadata":{"flagSetId":"shop"}}"#,
        ),
        ("off", "{}", 200, r#"{"key":"off","reason":"DISABLED","variant":"","metadata":{"flagSetId":"shop"}}"#),
        ("code", "{}", 200, r#"{"key":"code","reason":"DEFAULT","variant":"","metadata":{"flagSetId":"shop"}}"#),
        (
            "none",
            "{}",
            404,
            r#"{"key":"none","errorCode":"FLAG_NOT_FOUND","errorDetails":"there is no flag \"none\""}"#,
        ),
        (
            "wrong",
            "{}",
            400,
            r#"{"key":"wrong","errorCode":"GENERAL","errorDetails":"the rule of \"wrong\" says \"nowhere\", which is no variant"}"#,
        ),
        (
            "bool",
            "{",
            400,
            r#"{"key":"bool","errorCode":"PARSE_ERROR","errorDetails":"the body is not JSON: line 1, column 2: a name in quotes was expected, and the document ends there"}"#,
        ),
        (
            "bool",
            "[]",
            400,
            r#"{"key":"bool","errorCode":"PARSE_ERROR","errorDetails":"the body is an object with a context, and here is a list"}"#,
        ),
        (
            "bool",
            r#"{"context": 1}"#,
            400,
            r#"{"key":"bool","errorCode":"INVALID_CONTEXT","errorDetails":"context is an object, and here is a number"}"#,
        ),
        (
            "bool",
            r#"{"context": {"targetingKey": 1}}"#,
            400,
            r#"{"key":"bool","errorCode":"INVALID_CONTEXT","errorDetails":"targetingKey is a text, and here is a number"}"#,
        ),
    ];
    for (key, body, status, expected) in cases {
        let path = format!("/ofrep/v1/evaluate/flags/{key}");
        let response = served.send(request("POST", &path, &[("content-type", "application/json")], body)).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json", "{key}");
        assert_eq!(response.status().as_u16(), status, "{key}");
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        assert_eq!(String::from_utf8_lossy(&body), expected, "{key}");
    }
}

#[tokio::test]
async fn what_is_no_evaluation_is_refused_in_the_protocols_words() {
    let served = Served::new().await;
    let large = format!("{{\"context\": {{\"x\": \"{}\"}}}}", "y".repeat(1_000_001));
    for (method, path, body, status) in [
        ("GET", "/ofrep/v1/evaluate/flags/bool", "", 405),
        ("POST", "/ofrep/v1/evaluate/flags/bool", large.as_str(), 413),
        ("POST", "/ofrep/v2/evaluate/flags", "{}", 404),
    ] {
        let (got, body) = served.ask(method, path, &[], body).await;
        assert_eq!(got, status, "{path}");
        assert!(body["errorDetails"].is_string() && body["errorCode"].is_string(), "{body}");
    }
    let (status, body) = served.ask("POST", "/ofrep/v1/evaluate/flags", &[("flagd-selector", "color=red")], "{}").await;
    assert_eq!(
        (status, &body["errorDetails"]),
        (400, &json!("Flagd-Selector: flagSetId=… or source=… is expected, and not color"))
    );
    for (selector, count) in
        [("flagSetId=shop", 8), ("flagSetId=", 0), ("flagSetId=other", 0), ("source=vitrine", 8), ("other", 0)]
    {
        let (_, body) = served.ask("POST", "/ofrep/v1/evaluate/flags", &[("flagd-selector", selector)], "{}").await;
        assert_eq!(body["flags"].as_array().map(Vec::len), Some(count), "{selector}");
    }
}

/// The entity tag of a bulk evaluation, and its status.
async fn tag(served: &Served, path: &str, context: &str, known: Option<&str>) -> (u16, String) {
    let headers: Vec<(&str, &str)> = known.map(|tag| ("if-none-match", tag)).into_iter().collect();
    let response = served.send(request("POST", path, &headers, &format!("{{\"context\": {context}}}"))).await;
    let tag = response.headers()[header::ETAG].to_str().expect("text").to_owned();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    assert_eq!(status == 304, body.is_empty());
    (status, tag)
}

#[tokio::test]
async fn a_tag_is_of_the_flags_and_the_context() {
    let served = Served::new().await;
    let path = "/ofrep/v1/evaluate/flags";
    let (status, first) = tag(&served, path, r#"{"targetingKey": "u", "country": "DE"}"#, None).await;
    assert_eq!(status, 200);
    assert_eq!(
        tag(&served, path, r#"{"country": "DE", "targetingKey": "u"}"#, Some(&first)).await,
        (304, first.clone())
    );
    let weak = format!("\"x\", W/{first}");
    assert_eq!(tag(&served, path, r#"{"targetingKey": "u", "country": "DE"}"#, Some(&weak)).await.0, 304);
    // The client keeps its tag when the country changes and its targeting key does not.
    let (status, other) = tag(&served, path, r#"{"targetingKey": "u", "country": "CH"}"#, Some(&first)).await;
    assert_eq!(status, 200);
    assert_ne!(other, first);
    // An event told of something that is not in force here: the client gets what is.
    let caused = format!("{path}?flagConfigEtag=99");
    assert_eq!(tag(&served, &caused, r#"{"targetingKey": "u", "country": "DE"}"#, Some(&first)).await.0, 200);
    let caused = format!("{path}?flagConfigEtag=1&flagConfigLastModified=1795228166");
    assert_eq!(tag(&served, &caused, r#"{"targetingKey": "u", "country": "DE"}"#, Some(&first)).await.0, 304);

    let author = Author { who: "test".to_owned(), why: "off".to_owned() };
    served.flags.set_state(author, "bool", false, 1).await.expect("switched");
    assert_eq!(tag(&served, path, r#"{"targetingKey": "u", "country": "DE"}"#, Some(&first)).await.0, 200);
}

#[tokio::test]
async fn all_flags_come_with_the_address_of_the_stream() {
    let served = Served::new().await;
    let (status, body) = served.ask("POST", "/ofrep/v1/evaluate/flags", &[], "{}").await;
    assert_eq!(status, 200);
    let keys: Vec<&str> =
        body["flags"].as_array().expect("a list").iter().filter_map(|flag| flag["key"].as_str()).collect();
    assert_eq!(keys, ["a/b", "bool", "code", "float", "int", "object", "off", "wrong"]);
    assert_eq!(body["flags"][7]["errorCode"], "GENERAL");
    assert_eq!(body["metadata"], json!({"flagSetId": "shop"}));
    assert_eq!(
        body["eventStreams"],
        json!([{"type": "sse", "endpoint": {"requestUri": "/ofrep/v1/events"}, "inactivityDelaySec": 120}])
    );
}

/// The next event of a stream.
async fn event(body: &mut Body) -> String {
    let frame = body.frame().await.expect("an event").expect("no error");
    String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text")
}

#[tokio::test]
async fn a_stream_tells_of_each_change_and_of_what_was_missed() {
    let served = Served::new().await;
    let response = served.send(request("GET", "/ofrep/v1/events", &[], "")).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut stream = response.into_body();
    let author = Author { who: "test".to_owned(), why: "off".to_owned() };
    served.flags.set_state(author, "bool", false, 1).await.expect("switched");
    let told = event(&mut stream).await;
    assert!(told.contains("event: message\n") && told.contains("id: 2\n"), "{told}");
    assert!(
        told.contains("data: {\"type\":\"refetchEvaluation\",\"etag\":\"2\",\"lastModified\":1795228166}\n"),
        "{told}"
    );

    let response = served.send(request("GET", "/ofrep/v1/events", &[("last-event-id", "1")], "")).await;
    assert!(event(&mut response.into_body()).await.contains("id: 2\n"));
}

#[tokio::test]
async fn a_token_is_asked_for_once_there_is_one() {
    let served = Served::new().await;
    served.access.give("ops", Role::Admin).await.expect("a token");
    let evaluation = served.access.give("web", Role::Evaluation).await.expect("a token");
    let path = "/ofrep/v1/evaluate/flags";
    let response = served.send(request("POST", path, &[], "{}")).await;
    assert_eq!(
        (response.status(), &response.headers()[header::WWW_AUTHENTICATE]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().expect("a value"))
    );
    let bearer = format!("Bearer {evaluation}");
    assert_eq!(served.ask("POST", path, &[("authorization", &bearer)], "{}").await.0, 200);
    let (status, body) = served.ask("POST", path, &[("x-api-key", &evaluation)], "{}").await;
    assert_eq!(status, 200);
    // It evaluates, and reads nothing else.
    let (status, body_of_api) = served.ask("GET", "/api/v1/flags", &[("authorization", &bearer)], "").await;
    assert_eq!((status, &body_of_api["code"]), (403, &json!("PERMISSION_DENIED")));
    assert_eq!(served.ask("GET", "/", &[], "").await.0, 401);

    // The address of the stream opens it without a header, for a while, and only as it is.
    let address = body["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("an address").to_owned();
    let served = &served;
    let opened =
        |address: String| async move { served.send(request("GET", &address, &[], "")).await.status().as_u16() };
    assert_eq!(opened(address.clone()).await, 200);
    assert_eq!(opened("/ofrep/v1/events".to_owned()).await, 401);
    assert_eq!(opened(address.replace("until=1", "until=2")).await, 401);
    served.clock.advance(std::time::Duration::from_secs(601));
    assert_eq!(opened(address).await, 401);
}

#[tokio::test]
async fn operators_write_read_explain_and_take_back() {
    let served = Served::new().await;
    let definition = r#"{"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}"#;
    let (status, body) = served.ask("PUT", "/api/v1/flags/x%2Fy?revision=0&why=new", &[], definition).await;
    assert_eq!((status, body), (200, json!({"revision": 2, "findings": []})));
    let (status, body) = served.ask("PUT", "/api/v1/flags/x%2Fy?revision=0&why=new", &[], definition).await;
    assert_eq!((status, &body["code"], &body["current"]["revision"]), (409, &json!("REVISION_MISMATCH"), &json!(2)));
    assert_eq!(body["current"]["definition"]["defaultVariant"], "off");
    let (status, body) = served
        .ask("PUT", "/api/v1/flags/x%2Fy?revision=2&why=bad", &[], &definition.replace("\"off\"}", "\"no\"}"))
        .await;
    assert_eq!(
        (status, &body["detail"]),
        (400, &json!("flag \"x/y\": line 1, column 80: defaultVariant \"no\" is no variant of the flag"))
    );
    let switch = served
        .ask(
            "POST",
            "/api/v1/flags/x%2Fy/state?revision=2&why=off",
            &[("content-type", "application/json")],
            "{\"enabled\": false}",
        )
        .await;
    assert_eq!(switch.0, 200, "{}", switch.1);
    let (_, body) = served.ask("GET", "/api/v1/flags/x%2Fy", &[], "").await;
    assert_eq!((&body["enabled"], &body["revision"], &body["type"]), (&json!(false), &json!(3), &json!("boolean")));
    assert_eq!(served.ask("POST", "/api/v1/history/3/undo?why=wrong", &[], "").await.0, 200);
    let (_, body) = served.ask("GET", "/api/v1/flags/x%2Fy/history?limit=2", &[], "").await;
    assert_eq!((&body["entries"][0]["action"], &body["entries"][1]["who"]), (&json!("undo"), &json!("local")));
    assert_eq!(body["entries"].as_array().map(Vec::len), Some(2));
    let (_, body) = served.ask("POST", "/api/v1/flags/a%2Fb/explain", &[], r#"{"context": {"country": "CH"}}"#).await;
    assert_eq!((&body["variant"], &body["rule"]["children"][0]["value"]), (&json!("y"), &json!(true)));
    let (_, body) = served.ask("GET", "/api/v1/history/verify", &[], "").await;
    assert_eq!(body, json!({"entries": 4, "broken": null}));
    // What is exported is what is imported: nothing changes.
    let (_, exported) = page(&served, request("GET", "/api/v1/export", &[], "")).await;
    let (status, body) = served.ask("POST", "/api/v1/import?why=again&replace=true", &[], &exported).await;
    assert_eq!((status, &body["revision"]), (200, &json!(4)), "{body}");
    assert_eq!(served.ask("DELETE", "/api/v1/flags/x%2Fy?revision=3&why=gone", &[], "").await.0, 409);
    for (method, path, status) in [
        ("PUT", "/api/v1/flags/z?why=new", 400),
        ("PUT", "/api/v1/flags/z?revision=0&why=", 400),
        ("PUT", "/api/v1/flags/z?revision=-1&why=x", 400),
        ("DELETE", "/api/v1/flags/z?revision=0&why=x", 404),
        ("POST", "/api/v1/history/99/undo?why=x", 404),
        ("GET", "/api/v1/nowhere", 404),
        ("POST", "/api/v1/flags/z/explain", 404),
    ] {
        let (got, body) = served.ask(method, path, &[], "").await;
        assert_eq!((got, body["status"].as_u64()), (status, Some(u64::from(status))), "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn tokens_are_given_once_and_taken_back() {
    let served = Served::new().await;
    let json = [("content-type", "application/json")];
    let (status, body) = served.ask("POST", "/api/v1/tokens", &json, r#"{"name": "ops", "role": "admin"}"#).await;
    assert_eq!(status, 201);
    let bearer = format!("Bearer {}", body["token"].as_str().expect("a token"));
    let (status, body) = served.ask("GET", "/api/v1/tokens", &[("authorization", &bearer)], "").await;
    assert_eq!(
        (status, body),
        (
            200,
            json!({"tokens": [{"name": "ops", "role": "admin", "faults": false, "createdMs": 1_795_228_166_042_i64}]})
        )
    );
    assert_eq!(served.ask("POST", "/api/v1/tokens", &json, r#"{"name": "x", "role": "viewer"}"#).await.0, 401);
    assert_eq!(served.ask("DELETE", "/api/v1/tokens/ops", &[("authorization", &bearer)], "").await.0, 204);
    assert_eq!(served.ask("GET", "/api/v1/tokens", &[], "").await.0, 200);
}

async fn page(served: &Served, request: Request<Body>) -> (u16, String) {
    let response = served.send(request).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn pages_show_rules_and_switch_with_a_reason() {
    let served = Served::new().await;
    let get = |path: &str| request("GET", path, &[], "");
    let (status, home) = page(&served, get("/")).await;
    assert_eq!(status, 200);
    assert!(home.contains("href=\"/flags/a%2Fb\"") && home.contains("&quot;country&quot;"), "{home}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let switch = |body: &str| request("POST", "/flags/bool/state", &form, body);
    let response = served.send(switch("enabled=false&revision=1&why=%3Cb%3Etoo+early%3C%2Fb%3E")).await;
    assert_eq!(
        (response.status(), &response.headers()[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/flags/bool".parse().expect("a value"))
    );
    let (_, flag) = page(&served, get("/flags/bool?context=%7B%22country%22%3A%22CH%22%7D")).await;
    assert!(flag.contains("disabled") && flag.contains("&lt;b&gt;too early"), "{flag}");
    let (status, refused) = page(&served, switch("enabled=true&revision=1&why=late")).await;
    assert_eq!(status, 409);
    assert!(refused.contains("read it again"), "{refused}");
    let (_, told) = page(&served, get("/flags/a%2Fb?context=%7B%22country%22%3A%22CH%22%7D")).await;
    assert!(told.contains("TARGETING_MATCH") && told.contains("var country"), "{told}");
    let (_, history) = page(&served, get("/history")).await;
    assert!(history.contains("action=\"/history/2/undo\""), "{history}");
    assert_eq!(page(&served, request("POST", "/history/2/undo", &form, "why=it+was")).await.0, 303);
    assert!(served.flags.current().snapshot.get("bool").expect("there").is_enabled());
    assert_eq!(page(&served, get("/flags/none")).await.0, 404);

    // With tokens, a browser signs in.
    let token = served.access.give("ops", Role::Admin).await.expect("a token");
    assert_eq!(page(&served, get("/")).await.0, 401);
    let response = served.send(request("POST", "/sign-in", &form, &format!("token={token}"))).await;
    let cookie = response.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    assert_eq!(page(&served, request("GET", "/", &[("cookie", &cookie)], "")).await.0, 200);
}
