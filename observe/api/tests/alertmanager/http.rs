//! Requests and answers, one by one.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use vitrine_kit::Secret;
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_observe_store::{Access, Right, Token};
use vitrine_platform_config::yaml;
use vitrine_tests_conformance::suite;

use crate::{CONFIG, PATIENCE, Served, served, served_for};

impl Served {
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(format!("/alertmanager{path}"));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let response = self.router.clone().oneshot(request.expect("a request")).await.expect("answered");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let value =
            serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
        (status, value)
    }

    async fn names(&self, query: &str) -> Vec<String> {
        let (status, alerts) = self.ask("GET", &format!("/api/v2/alerts{query}"), None).await;
        assert_eq!(status, StatusCode::OK, "{query}: {alerts}");
        let mut names: Vec<String> = alerts
            .as_array()
            .expect("a list")
            .iter()
            .map(|alert| alert["labels"]["alertname"].as_str().expect("a name").to_owned())
            .collect();
        names.sort();
        names
    }
}

fn alert(labels: Value) -> Value {
    json!({ "labels": labels, "annotations": { "summary": "broken" }, "startsAt": "2026-01-01T00:00:00Z", "generatorURL": "http://prometheus/g" })
}

#[tokio::test]
async fn alerts_are_told_shown_and_filtered() {
    let served = served(CONFIG).await;
    let alerts = json!([
        alert(json!({ "alertname": "Down", "severity": "page", "zone": "a" })),
        alert(json!({ "alertname": "Slow", "severity": "info", "zone": "a" })),
        alert(json!({ "alertname": "Full", "severity": "ticket", "empty": "" })),
    ]);
    assert_eq!(served.ask("POST", "/api/v2/alerts", Some(alerts)).await, (StatusCode::OK, "".into()));
    let (_, shown) = served.ask("GET", "/api/v2/alerts?filter=alertname%3DDown", None).await;
    let down = &shown[0];
    let expected = json!({
        "annotations": { "summary": "broken" },
        "endsAt": down["endsAt"],
        "fingerprint": down["fingerprint"],
        "receivers": [{ "name": "pager" }, { "name": "chat" }],
        "startsAt": "2026-01-01T00:00:00.000Z",
        "status": { "inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active" },
        "updatedAt": down["updatedAt"],
        "generatorURL": "http://prometheus/g",
        "labels": { "alertname": "Down", "severity": "page", "zone": "a" },
    });
    assert_eq!(down, &expected);
    for (query, expected) in [
        ("", &["Down", "Full", "Slow"][..]),
        ("?active=false", &["Slow"]),
        ("?inhibited=false", &["Down", "Full"]),
        ("?silenced=false&active=true", &["Down", "Full", "Slow"]),
        ("?receiver=pag.*", &["Down"]),
        ("?receiver=chat", &["Down", "Full"]),
        ("?receiver_matchers=owner%3Dops", &["Down"]),
        ("?filter=severity%3D~%22page%7Cinfo%22&filter=zone%3Da", &["Down", "Slow"]),
        ("?filter=empty%3D%22%22", &["Down", "Full", "Slow"]),
        ("?filter=zone%21%3D%22%22", &["Down", "Slow"]),
    ] {
        assert_eq!(served.names(query).await, expected, "{query}");
    }
    let (_, slow) = served.ask("GET", "/api/v2/alerts?active=false", None).await;
    assert_eq!(
        (&slow[0]["status"]["state"], &slow[0]["status"]["inhibitedBy"]),
        (&json!("suppressed"), &json!([down["fingerprint"]]))
    );

    let (_, groups) = served.ask("GET", "/api/v2/alerts/groups?filter=alertname%3DDown", None).await;
    let receivers: Vec<&str> =
        groups.as_array().expect("a list").iter().filter_map(|g| g["receiver"]["name"].as_str()).collect();
    assert_eq!(receivers, ["chat", "pager"]);
    assert_eq!(
        (&groups[1]["labels"], &groups[1]["routeLabels"]),
        (&json!({ "alertname": "Down" }), &json!({ "tier": "one" }))
    );
    // It is over, and shown no more.
    let mut over = alert(json!({ "alertname": "Full", "severity": "ticket" }));
    over["endsAt"] = rfc3339(Clock::system().now_ms()).into();
    assert_eq!(served.ask("POST", "/api/v2/alerts", Some(json!([over]))).await.0, StatusCode::OK);
    assert_eq!(served.names("").await, ["Down", "Slow"]);
}

#[tokio::test]
async fn silences_begin_change_and_end() {
    let served = served(CONFIG).await;
    let now = Clock::system().now_ms();
    let silence = |id: &str, matcher: Value, minutes: i64| {
        json!({
            "id": id, "matchers": [matcher], "startsAt": rfc3339(now), "endsAt": rfc3339(now + minutes * 60_000),
            "createdBy": "ada", "comment": "known", "annotations": { "ticket": "7" },
        })
    };
    let down = json!({ "name": "alertname", "value": "Down", "isRegex": false });
    let (status, said) = served.ask("POST", "/api/v2/silences", Some(silence("", down.clone(), 60))).await;
    let id = said["silenceID"].as_str().unwrap_or_else(|| panic!("{status} {said}")).to_owned();
    served
        .ask("POST", "/api/v2/alerts", Some(json!([alert(json!({ "alertname": "Down", "severity": "page" }))])))
        .await;
    let (_, alerts) = served.ask("GET", "/api/v2/alerts", None).await;
    assert_eq!(alerts[0]["status"]["silencedBy"], json!([id]));
    assert_eq!(served.names("?silenced=false").await, [""; 0]);
    let (_, shown) = served.ask("GET", &format!("/api/v2/silence/{id}"), None).await;
    assert_eq!(
        (&shown["status"], &shown["annotations"], &shown["createdBy"]),
        (&json!({ "state": "active" }), &json!({ "ticket": "7" }), &json!("ada"))
    );
    assert_eq!(shown["matchers"], json!([{ "name": "alertname", "value": "Down", "isRegex": false, "isEqual": true }]));
    // With the same matchers it is the same; else another one.
    let mut later = silence(&id, down, 90);
    later["startsAt"] = shown["startsAt"].clone();
    assert_eq!(served.ask("POST", "/api/v2/silences", Some(later)).await.1, json!({ "silenceID": id }));
    let up = json!({ "name": "alertname", "value": "Up.*", "isRegex": true, "isEqual": false });
    let (_, other) = served.ask("POST", "/api/v2/silences", Some(silence(&id, up, 90))).await;
    assert_ne!(other["silenceID"], id);
    let states = async |query: &str| {
        let (_, all) = served.ask("GET", &format!("/api/v2/silences{query}"), None).await;
        let all = all.as_array().expect("a list").clone();
        all.iter().map(|silence| silence["status"]["state"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states("").await, ["active", "expired"]);
    assert_eq!(states("?expired=false").await, ["active"]);
    assert_eq!(states("?filter=alertname%3DDown").await, ["expired"]);
    assert_eq!(states("?filter=alertname%21~%22Up.*%22").await, ["active"]);
    let path = format!("/api/v2/silence/{}", other["silenceID"].as_str().expect("text"));
    assert_eq!(served.ask("DELETE", &path, None).await.0, StatusCode::OK);
    assert_eq!(states("").await, ["expired", "expired"]);
}

#[tokio::test]
async fn what_is_wrong_is_told_in_a_bare_text_and_changes_nothing() {
    let served = served(CONFIG).await;
    let silence = json!({ "matchers": [], "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2126-01-01T00:00:00Z", "createdBy": "a", "comment": "b" });
    let with = |name: &str, value: Value| {
        let mut changed = silence.clone();
        changed[name] = value;
        Some(changed)
    };
    let a = json!([{ "name": "a", "value": "b", "isRegex": false }]);
    for (method, path, body, status, told) in [
        ("POST", "/api/v2/alerts", Some(json!({})), 400, "a list of alerts"),
        ("POST", "/api/v2/alerts", Some(json!([{ "annotations": {} }])), 400, "missing field `labels`"),
        ("POST", "/api/v2/alerts", Some(json!([{ "labels": {} }])), 400, "at least one label pair required"),
        (
            "POST",
            "/api/v2/alerts",
            Some(json!([{ "labels": { "a": "b" }, "startsAt": "soon" }])),
            400,
            "startsAt \"soon\"",
        ),
        ("POST", "/api/v2/alerts", None, 415, "application/json"),
        ("POST", "/api/v2/silences", with("comment", "c".into()), 400, "matcher set 0 is empty"),
        (
            "POST",
            "/api/v2/silences",
            with("matchers", json!([{ "name": "a", "value": "(", "isRegex": true }])),
            400,
            "no regular expression",
        ),
        (
            "POST",
            "/api/v2/silences",
            with("endsAt", "2020-01-01T00:00:00Z".into()),
            400,
            "start time must be before end time",
        ),
        (
            "POST",
            "/api/v2/silences",
            Some(
                json!({ "id": "gone", "matchers": a, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2126-01-01T00:00:00Z", "createdBy": "a", "comment": "b" }),
            ),
            404,
            "silence not found",
        ),
        ("GET", "/api/v2/silence/gone", None, 404, "silence not found"),
        ("DELETE", "/api/v2/silence/gone", None, 404, "silence not found"),
        ("GET", "/api/v2/alerts?filter=a", None, 400, "failed to parse filter param"),
        ("GET", "/api/v2/alerts?receiver=(", None, 400, "failed to parse receiver param"),
        ("GET", "/api/v2/alerts?active=perhaps", None, 400, "true or false"),
        ("PUT", "/api/v2/alerts", None, 405, ""),
    ] {
        let (found, said) = served.ask(method, path, body).await;
        assert_eq!(found.as_u16(), status, "{method} {path}: {said}");
        assert!(said.as_str().is_some_and(|said| said.contains(told)), "{method} {path}: {said}");
    }
    assert_eq!(served.names("").await, [""; 0]);
    assert_eq!(served.ask("GET", "/api/v2/silences", None).await.1, json!([]));
}

#[tokio::test]
async fn it_says_how_it_is_and_reads_its_file_again() {
    let served = served(CONFIG).await;
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(served.ask("GET", path, None).await, (StatusCode::OK, "OK".into()));
        assert_eq!(served.ask("HEAD", path, None).await.0, StatusCode::OK);
    }
    let (_, status) = served.ask("GET", "/api/v2/status", None).await;
    let original = status["config"]["original"].as_str().expect("text");
    assert!(original.contains("receiver: everyone") && !original.contains("hunter2"), "{original}");
    assert_eq!(status["cluster"], json!({ "status": "disabled", "peers": [] }));
    let (_, receivers) = served.ask("GET", "/api/v2/receivers?receiver_matchers=owner%3Dops", None).await;
    assert_eq!(receivers, json!([{ "name": "pager", "labels": { "name": "pager", "owner": "ops" } }]));
    std::fs::write(&served.config, "route: {receiver: gone}").expect("written");
    let (status, said) = served.ask("POST", "/-/reload", None).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(said.as_str().is_some_and(|said| said.contains("undefined receiver")), "{said}");
    std::fs::write(&served.config, "route: {receiver: one}\nreceivers: [{name: one}]").expect("written");
    assert_eq!(served.ask("POST", "/-/reload", None).await.0, StatusCode::OK);
    assert_eq!(served.ask("GET", "/api/v2/receivers", None).await.1[0]["name"], "one");
}

/// The address of a receiver that takes what comes to `/good`, answers nothing at `/hang`, and refuses all else.
async fn receiver() -> String {
    let hang = async || std::future::pending::<()>().await;
    let app = axum::Router::new()
        .route("/good", axum::routing::post(async || "ok"))
        .route("/hang", axum::routing::post(hang))
        .fallback(async || (StatusCode::BAD_REQUEST, "no such channel"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn a_receiver_is_tested_and_it_is_said_what_became_of_it() {
    let address = receiver().await;
    let config = format!(
        "
route: {{receiver: 'on call/2'}}
receivers:
  - {{name: 'on call/2', webhook_configs: [{{url: '{address}/good'}}], slack_configs: [{{api_url: '{address}/bad', channel: '#x'}}]}}
  - {{name: hangs, webhook_configs: [{{url: '{address}/hang'}}]}}"
    );
    let served = served(&config).await;
    let test = async |name: &str| served.ask("POST", &format!("/api/v2/receivers/{name}/test"), None).await;
    let (status, mut said) = test("on%20call%2F2").await;
    for integration in said["integrations"].as_array_mut().expect("a list") {
        let took = integration.as_object_mut().expect("a map").remove("duration_ms");
        assert!(took.is_some_and(|took| took.as_u64().is_some_and(|ms| u128::from(ms) < PATIENCE.as_millis())));
    }
    let expected = json!({ "integrations": [
        { "kind": "webhook", "name": "webhook[0]", "isSent": true },
        { "kind": "slack", "name": "slack[0]", "isSent": false, "error": "unexpected status code 400: no such channel" },
    ] });
    assert_eq!((status, said), (StatusCode::OK, expected));
    assert_eq!(test("gone").await, (StatusCode::NOT_FOUND, "receiver not found".into()));
    assert_eq!(served.ask("GET", "/api/v2/receivers/hangs/test", None).await.0, StatusCode::METHOD_NOT_ALLOWED);
    // Of two at a time, one is refused at once.
    let refused = tokio::select! {
        first = test("hangs") => first,
        second = test("hangs") => second,
    };
    let busy = "this receiver is being tested: expected one test at a time";
    assert_eq!(refused, (StatusCode::TOO_MANY_REQUESTS, busy.into()));
    assert_eq!(served.names("").await, [""; 0]);
    served.alertmanager.stop().await;
}

#[tokio::test]
async fn a_receiver_is_tested_by_who_may_operate() {
    let token = |token: &str, right: Right| Token { token: Secret::from(token), rights: vec![right], tenant: None };
    let tokens = [token("writes-1234567890", Right::Write), token("operates-1234567890", Right::Operate)];
    let served = served_for(CONFIG, Access::new(&tokens).expect("tokens")).await;
    for (token, expected) in [
        ("", StatusCode::UNAUTHORIZED),
        ("writes-1234567890", StatusCode::FORBIDDEN),
        ("operates-1234567890", StatusCode::OK),
    ] {
        let request = Request::post("/alertmanager/api/v2/receivers/everyone/test");
        let request = request.header("authorization", format!("Bearer {token}")).body(Body::empty());
        let response = served.router.clone().oneshot(request.expect("a request")).await.expect("answered");
        assert_eq!(response.status(), expected, "{token}");
    }
}

#[tokio::test]
async fn every_operation_of_the_published_document_is_there() {
    let Some(path) = suite("alertmanager/openapi.yaml") else { return };
    let text = std::fs::read_to_string(path).expect("the document");
    let served = served(CONFIG).await;
    let root = yaml::parse(&text).expect("YAML");
    let entries = |node: &yaml::Node| match &node.value {
        yaml::Value::Map(entries) => entries.clone(),
        other => panic!("a map expected: {other:?}"),
    };
    let paths = entries(&root).into_iter().find(|(key, _)| key.text == "paths").expect("paths").1;
    let mut operations = 0;
    for (path, of_path) in entries(&paths) {
        for (method, _) in entries(&of_path).into_iter().filter(|(key, _)| key.text != "parameters") {
            let path = format!("/api/v2{}", path.text.replace("{silenceID}", "5c1a8b4e-0000-4000-8000-000000000000"));
            let (status, said) = served.ask(&method.text.to_uppercase(), &path, None).await;
            let is_there = status != StatusCode::METHOD_NOT_ALLOWED
                && (status != StatusCode::NOT_FOUND || said == "silence not found");
            assert!(is_there, "{} {path}: {status} {said}", method.text);
            operations += 1;
        }
    }
    assert!(operations >= 9, "{operations}");
    served.alertmanager.stop().await;
}
