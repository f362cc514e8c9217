//! The two sides of a call that share one span id, as Zipkin's instrumentation sends them by default.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_observe_receive::{Intake, zipkin_router};
use vitrine_observe_store::Access;

use crate::client::{engine, get, open, send};

const TRACE: &str = "5982fe77008310cc80f1da5e10147517";

/// A router that takes Zipkin's spans and answers.
fn router() -> (TempDir, Router) {
    let (folder, engine) = engine();
    let taking = zipkin_router(&Intake::new(engine.clone(), Access::open()));
    (folder, open(&engine).merge(taking))
}

async fn post(router: &Router, spans: &Value) {
    let request = Request::post("/zipkin/api/v2/spans").header("content-type", "application/json");
    let taken = send(router, request.body(Body::from(spans.to_string())).expect("a sound request")).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.body);
}

/// A span of [`TRACE`]; the start is as many microseconds later as its id says.
fn span(id: u64, parent: Option<u64>, kind: Option<&str>, service: &str, shared: bool) -> Value {
    let mut span = json!({
        "traceId": TRACE, "id": format!("{id:016x}"), "name": format!("{service} {id}"),
        "timestamp": 1_700_000_000_000_000 + id, "duration": 10, "localEndpoint": { "serviceName": service },
    });
    if let Some(parent) = parent {
        span["parentId"] = format!("{parent:016x}").into();
    }
    if let Some(kind) = kind {
        span["kind"] = kind.into();
    }
    if shared {
        span["shared"] = true.into();
    }
    span
}

/// Name, id and parent of the spans in an answer of Jaeger v1, in order of names.
fn of_v1(answer: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spans = answer["data"][0]["spans"].as_array().expect("spans");
    let told = |span: &Value| {
        let parent = text(&span["references"][0]["spanID"]);
        (text(&span["operationName"]), text(&span["spanID"]), parent)
    };
    let mut spans: Vec<_> = spans.iter().map(told).collect();
    spans.sort();
    spans
}

/// The same of an answer of v3.
fn of_v3(answer: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let scopes =
        list(&answer["result"]["resourceSpans"]).into_iter().flat_map(|resource| list(&resource["scopeSpans"]));
    let spans = scopes.flat_map(|scope| list(&scope["spans"]));
    let mut spans: Vec<_> =
        spans.map(|span| (text(&span["name"]), text(&span["spanId"]), text(&span["parentSpanId"]))).collect();
    spans.sort();
    spans
}

fn expected(spans: &[(&str, u64, u64)]) -> Vec<(String, String, String)> {
    let digits = |id: u64| if id == 0 { String::new() } else { format!("{id:016x}") };
    spans.iter().map(|(name, id, parent)| ((*name).to_owned(), digits(*id), digits(*parent))).collect()
}

/// Spans as sent, and their names with the ids and parents that Jaeger's answers give them. Ids from 1 on are fresh.
type Case = (&'static str, Vec<Value>, &'static [(&'static str, u64, u64)]);

fn cases() -> Vec<Case> {
    vec![
        (
            "a client and its server, with work on both sides",
            vec![
                span(0xa0, None, Some("SERVER"), "web", false),
                span(0xa1, Some(0xa0), Some("CLIENT"), "web", false),
                span(0xa1, Some(0xa0), Some("SERVER"), "app", true),
                span(0xa2, Some(0xa1), Some("CLIENT"), "app", false),
                span(0xa3, Some(0xa1), None, "web", false),
                span(0xa4, Some(0xa1), None, "elsewhere", false),
            ],
            &[
                ("app 161", 1, 0xa1),
                ("app 162", 0xa2, 1),
                ("elsewhere 164", 0xa4, 1),
                ("web 160", 0xa0, 0),
                ("web 161", 0xa1, 0xa0),
                ("web 163", 0xa3, 0xa1),
            ],
        ),
        (
            "a root that is shared, and a server that does not say so",
            vec![span(0xa0, None, Some("SERVER"), "app", false), span(0xa0, None, Some("CLIENT"), "web", false)],
            &[("app 160", 1, 0xa0), ("web 160", 0xa0, 0)],
        ),
        (
            "a producer and two consumers",
            vec![
                span(1, None, Some("PRODUCER"), "a", false),
                span(1, None, Some("CONSUMER"), "b", true),
                span(1, None, Some("CONSUMER"), "c", true),
                span(3, Some(1), None, "c", false),
            ],
            &[("a 1", 1, 0), ("b 1", 2, 1), ("c 1", 4, 1), ("c 3", 3, 4)],
        ),
        (
            "two servers whose client is lost",
            vec![
                span(0xa0, Some(0x9), Some("SERVER"), "a", true),
                span(0xa0, Some(0x9), Some("SERVER"), "b", true),
                span(0xa1, Some(0xa0), None, "b", false),
            ],
            &[("a 160", 0xa0, 0x9), ("b 160", 1, 0x9), ("b 161", 0xa1, 1)],
        ),
        (
            "a server alone keeps its id",
            vec![span(0xa0, None, Some("SERVER"), "app", true), span(0xa1, Some(0xa0), None, "app", false)],
            &[("app 160", 0xa0, 0), ("app 161", 0xa1, 0xa0)],
        ),
    ]
}

#[tokio::test]
async fn jaegers_answers_have_every_id_once() {
    for (what, sent, told) in &cases() {
        let (_folder, router) = router();
        for span in sent {
            post(&router, &json!([span])).await;
        }
        let v1 = get(&router, &format!("/jaeger/api/traces/{TRACE}")).await.json();
        assert_eq!(of_v1(&v1), expected(told), "{what}");
        let service = sent[0]["localEndpoint"]["serviceName"].as_str().expect("a service");
        let found = get(&router, &format!("/jaeger/api/traces?service={service}")).await;
        assert_eq!(of_v1(&found.json()), expected(told), "{what}, searched for");
        let warnings = v1["data"][0]["spans"]
            .as_array()
            .expect("spans")
            .iter()
            .filter(|span| span["warnings"].to_string().contains("duplicate"));
        assert_eq!(warnings.count(), 0, "{what}");
        let v3 = get(&router, &format!("/jaeger/api/v3/traces/{TRACE}")).await.json();
        assert_eq!(of_v3(&v3), expected(told), "{what}");
        // Raw spans, and Zipkin's, are what was sent.
        let mut as_sent: Vec<Value> = sent.clone();
        let raw = get(&router, &format!("/jaeger/api/v3/traces/{TRACE}?rawTraces=true")).await.json();
        let mut ids: Vec<String> = of_v3(&raw).into_iter().map(|(_, id, _)| id).collect();
        ids.sort();
        let mut sent_ids: Vec<String> =
            sent.iter().map(|span| span["id"].as_str().expect("an id").to_owned()).collect();
        sent_ids.sort();
        assert_eq!(ids, sent_ids, "{what}");
        let zipkin = get(&router, &format!("/zipkin/api/v2/trace/{TRACE}")).await.json();
        let mut zipkin: Vec<Value> = zipkin.as_array().expect("spans").clone();
        zipkin.sort_by_key(|span| span["name"].to_string());
        as_sent.sort_by_key(|span| span["name"].to_string());
        assert_eq!(zipkin, as_sent, "{what}");
    }
}

#[tokio::test]
async fn a_server_without_a_time_is_called_when_its_client_calls() {
    let (_folder, router) = router();
    let mut server = span(0xa0, None, Some("SERVER"), "app", true);
    for field in ["timestamp", "duration"] {
        server.as_object_mut().expect("an object").remove(field);
    }
    post(&router, &json!([server])).await;
    post(&router, &json!([span(0xa0, None, Some("CLIENT"), "web", false)])).await;
    let graph = get(&router, "/zipkin/api/v2/dependencies?endTs=1700000003000&lookback=60000").await.json();
    assert_eq!(graph, json!([{ "parent": "web", "child": "app", "callCount": 1 }]));
    let today = get(&router, "/jaeger/api/dependencies").await.json();
    assert_eq!(today["data"], json!([]));
}

#[tokio::test]
async fn the_same_span_twice_is_one() {
    let (_folder, router) = router();
    let spans = json!([span(0xa0, None, Some("CLIENT"), "web", false), span(0xa0, None, Some("SERVER"), "app", true),]);
    for _ in 0..3 {
        post(&router, &spans).await;
    }
    let v1 = get(&router, &format!("/jaeger/api/traces/{TRACE}")).await.json();
    assert_eq!(of_v1(&v1), expected(&[("app 160", 1, 0xa0), ("web 160", 0xa0, 0)]));
    let graph = get(&router, "/zipkin/api/v2/dependencies?endTs=1700000003000&lookback=60000").await.json();
    assert_eq!(graph, json!([{ "parent": "web", "child": "app", "callCount": 1 }]));
}

#[tokio::test]
async fn calls_of_which_one_side_is_known_are_in_every_graph() {
    let (_folder, router) = router();
    let with = |mut span: Value, peer: &str| {
        span["remoteEndpoint"] = json!({ "serviceName": peer });
        span
    };
    let mut failed = with(span(0xa1, Some(0xa0), Some("CLIENT"), "web", false), "mysql");
    failed["tags"] = json!({ "error": "gone" });
    let spans = json!([
        with(span(0xa0, None, Some("SERVER"), "web", false), "phone"),
        failed,
        with(span(0xa2, Some(0xa0), Some("PRODUCER"), "web", false), "kafka"),
        with(span(0xa3, Some(0xa2), Some("CONSUMER"), "mailer", false), "kafka"),
    ]);
    post(&router, &spans).await;
    let edges = [("kafka", "mailer", 0), ("phone", "web", 0), ("web", "kafka", 0), ("web", "mysql", 1)];
    let v1 = get(&router, "/jaeger/api/dependencies?endTs=1700000003000&lookback=60000").await.json();
    let expected = edges.map(|(parent, child, _)| json!({ "parent": parent, "child": child, "callCount": 1 }));
    assert_eq!(v1["data"], Value::from(expected.to_vec()));
    let path = "/jaeger/api/v3/dependencies?startTime=2023-11-14T22:13:00Z&endTime=2023-11-14T22:14:00Z";
    let v3 = get(&router, path).await.json();
    let expected = edges.map(|(parent, child, _)| json!({ "parent": parent, "child": child, "callCount": "1" }));
    assert_eq!(v3["dependencies"], Value::from(expected.to_vec()));
    let zipkin = get(&router, "/zipkin/api/v2/dependencies?endTs=1700000003000&lookback=60000").await.json();
    let expected = edges.map(|(parent, child, errors)| match errors {
        0 => json!({ "parent": parent, "child": child, "callCount": 1 }),
        errors => json!({ "parent": parent, "child": child, "callCount": 1, "errorCount": errors }),
    });
    assert_eq!(zipkin, Value::from(expected.to_vec()));
}

#[tokio::test]
async fn the_waterfall_puts_the_server_below_its_client() {
    let (_folder, router) = router();
    let spans = json!([
        span(0xa0, None, Some("CLIENT"), "web", false),
        span(0xa0, None, Some("SERVER"), "app", true),
        span(0xa1, Some(0xa0), None, "app", false),
    ]);
    post(&router, &spans).await;
    let columns = get(&router, &format!("/api/traces/{TRACE}/columns")).await.json();
    assert_eq!(columns["columns"]["parent"], json!([-1, 0, 1]), "{columns}");
}
