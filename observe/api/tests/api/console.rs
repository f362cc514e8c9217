//! What the console asks of its own: traces as arrays, spans counted and compared.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::Event};
use serde_json::{Value, json};
use vitrine_observe_store::{ColumnEngine, Tenant};

use crate::client::{TestResponse, engine, get, open, send};
use crate::scenario::{self, MS, ORPHAN, SHOP, START_NS, attribute, integer, of, text, write};

/// Within which all spans are.
const ALL: &str = "start=2023-11-14T22:13:00Z&end=2023-11-14T22:14:00Z";

async fn ask(router: &Router, path: &str) -> Value {
    let answer = get(router, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    answer.json()
}

async fn post(router: &Router, content_type: &str, body: String) -> TestResponse {
    let request = Request::post("/api/compare").header("content-type", content_type).body(Body::from(body));
    send(router, request.expect("a sound request")).await
}

async fn compare(router: &Router, request: &Value) -> Value {
    let answer = post(router, "application/json", request.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{request}: {}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_trace_is_arrays_and_a_path_through_it() {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    let router = open(&engine);
    let mut trace = ask(&router, &format!("/api/traces/{SHOP}/columns")).await;
    let problems = trace["problems"].take();
    assert_eq!(
        trace,
        json!({
            "trace_id": SHOP,
            "start_ns": (START_NS - MS).to_string(),
            "duration_ns": 21 * MS,
            "spans": 3,
            "total": 3,
            "services": ["gateway", "carts"],
            "names": ["GET /cart", "Reserve", "compute"],
            "kinds": ["unspecified", "internal", "server", "client", "producer", "consumer"],
            "messages": ["no stock"],
            "columns": {
                "id": ["00f067aa0ba902b7", "00f067aa0ba902b8", "00f067aa0ba902b9"],
                "parent": [-1, 0, 1],
                "service": [0, 1, 1],
                "name": [0, 1, 2],
                "start": [MS, 0, 2 * MS],
                "duration": [20 * MS, 10 * MS, MS],
                "kind": [2, 3, 1],
                "error": [0, 1, 0],
                "message": [-1, 0, -1],
            },
            "critical_path": {
                "span": [1, 2, 1, 0],
                "start": [MS, 2 * MS, 3 * MS, 10 * MS],
                "end": [2 * MS, 3 * MS, 10 * MS, 21 * MS],
                "likely": [0, 0, 0, 0],
            },
            "problems": null,
        })
    );
    assert_eq!(
        problems,
        json!([{
            "kind": "starts_before_parent", "count": 1, "spans": [1],
            "text": "span 00f067aa0ba902b8 starts before its parent, so their clocks differ",
        }])
    );
    let orphan = ask(&router, &format!("/api/traces/{ORPHAN}/columns")).await;
    assert_eq!(orphan["problems"][0]["text"], "parent 00f067aa0ba902ff of span 00f067aa0ba902bb is missing");
}

#[tokio::test]
async fn a_span_is_told_whole() {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    let router = open(&engine);
    let answer = ask(&router, &format!("/api/traces/{SHOP}/spans/00f067aa0ba902b7")).await;
    let [span] = &answer["spans"].as_array().expect("spans")[..] else { panic!("{answer}") };
    assert_eq!(
        (&span["kind"], &span["status"], &span["parent_span_id"]),
        (&json!("server"), &json!("unset"), &Value::Null)
    );
    assert_eq!((&span["start_ns"], &span["duration_ns"]), (&json!(START_NS.to_string()), &json!(20 * MS)));
    let attributes = span["attributes"].as_array().expect("attributes");
    for (key, kind, text) in [
        ("http.request.method", "string", "GET"),
        ("b", "bool", "true"),
        ("big", "int", "9223372036854775807"),
        ("d", "double", "0.5"),
        ("y", "bytes", "/wA="),
        ("a", "array", "[1,\"x\"]"),
        ("m", "map", "{\"k\":\"v\"}"),
        ("e", "empty", ""),
    ] {
        let expected = json!({"key": key, "type": kind, "text": text});
        assert!(attributes.contains(&expected), "{expected} in {attributes:?}");
    }
    let event = &span["events"][0];
    assert_eq!((&event["name"], &event["offset_ns"]), (&json!("retry"), &json!(5 * MS)));
    assert_eq!((&span["scope"]["name"], &span["dropped_attributes"]), (&json!("lib"), &json!(1)));
    assert!(span["resource"]["attributes"].as_array().is_some_and(|attributes| attributes.len() == 3));
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_is_named() {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    let router = open(&engine);
    for (path, status, told) in [
        ("/api/traces/ab12/columns", 404, "trace not found"),
        ("/api/traces/xyz/columns", 400, "malformed id \"xyz\""),
        (&format!("/api/traces/{SHOP}/spans/1"), 404, "span not found"),
        (&format!("/api/traces/{SHOP}/spans/00000000000000000"), 400, "expected 1 to 16 hexadecimal digits"),
        ("/api/heatmap?query=a%20OR%20b", 400, "query: a OR b cannot be asked of traces"),
        ("/api/heatmap?spans=leaves", 400, "spans: \"leaves\" found; expected all or roots"),
        ("/api/heatmap?min_duration=5", 400, "min_duration"),
        ("/api/heatmap?rows=5", 400, "unknown parameter 'rows'"),
        ("/api/compare", 405, ""),
    ] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains(told)), "{path}: {}", answer.body);
    }
    for (content_type, body, status, told) in [
        ("text/plain", "{}", 415, "Content-Type \"text/plain\" is not taken: expected application/json"),
        ("application/json", "{}", 400, "missing field `scope`"),
        ("application/json; charset=utf-8", "{\"scope\": 1}", 400, "the body is no comparison"),
        ("application/json", &" ".repeat(200 * 1024), 413, ""),
    ] {
        let answer = post(&router, content_type, body.to_owned()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains(told)), "{}", answer.body);
    }
}

/// A span of a trace of its own, this many milliseconds after the beginning.
fn request(number: u64, start_ms: u64, took_ms: u64) -> Span {
    let start = START_NS + start_ms * MS;
    Span {
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + took_ms * MS,
        attributes: vec![
            text("http.route", if number % 3 == 0 { "/orders" } else { "/carts" }),
            integer("size", number as i64),
        ],
        ..scenario::span(&format!("{:x}", number + 1), &format!("{:x}", 0x1000 + number), "request")
    }
}

/// 600 traces of which every tenth is slow: it has a slow call below it, and it was served in another zone.
async fn fill(engine: &Arc<ColumnEngine>) {
    let tenant = Tenant::default();
    let (mut east, mut west, mut bank) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..600 {
        let is_slow = number % 10 == 0;
        let took = if is_slow { 900 } else { 40 + number % 7 };
        let mut span = request(number, number * 50, took);
        if is_slow {
            span.attributes.push(attribute(
                "retried",
                Some(opentelemetry_proto::tonic::common::v1::any_value::Value::BoolValue(true)),
            ));
            span.status = Some(Status { code: 2, message: "card network".into() });
            span.events = vec![Event {
                name: "exception".into(),
                attributes: vec![text("exception.type", "Timeout")],
                ..Event::default()
            }];
        }
        let below = Span {
            trace_id: span.trace_id.clone(),
            parent_span_id: span.span_id.clone(),
            kind: 3,
            start_time_unix_nano: span.start_time_unix_nano + 10 * MS,
            end_time_unix_nano: span.end_time_unix_nano - 10 * MS,
            ..scenario::span("1", &format!("{:x}", 0x9000 + number), "charge")
        };
        bank.push(below);
        if is_slow { west.push(span) } else { east.push(span) }
    }
    let resource =
        |service: &str, zone: &str| vec![text("service.name", service), text("cloud.availability_zone", zone)];
    let sent = vec![
        of(resource("shop", "east"), east),
        of(resource("shop", "west"), west),
        of(resource("bank", "east"), bank),
    ];
    write(&**engine, &tenant, sent).await;
}

#[tokio::test]
async fn spans_are_counted_by_time_and_duration() {
    let (_folder, engine) = engine();
    fill(&engine).await;
    let router = open(&engine);
    let map = ask(&router, &format!("/api/heatmap?{ALL}&spans=roots&query=service:shop")).await;
    assert_eq!(
        (&map["query"], &map["columns"], &map["column_ns"]),
        (&json!("service:shop"), &json!(120), &json!(500 * MS))
    );
    assert_eq!((&map["spans"], &map["errors"]), (&json!(600), &json!(60)));
    let bounds: Vec<u64> =
        map["row_bounds_ns"].as_array().expect("bounds").iter().map(|bound| bound.as_u64().expect("ns")).collect();
    assert!(bounds[0] <= 40 * MS && 40 * MS < bounds[1] && bounds[bounds.len() - 2] <= 900 * MS);
    let numbers = |name: &str| -> Vec<u64> {
        map["cells"][name].as_array().expect("cells").iter().map(|number| number.as_u64().expect("a number")).collect()
    };
    let (columns, rows, counts, errors) = (numbers("column"), numbers("row"), numbers("count"), numbers("errors"));
    // The first span is at 20 s after the start, ten a column, of which one is slow.
    assert_eq!((columns[0], counts.iter().sum::<u64>(), errors.iter().sum::<u64>()), (40, 600, 60));
    let slow = rows.iter().zip(&counts).filter(|(row, _)| **row as usize == bounds.len() - 2).map(|(_, count)| count);
    assert_eq!(slow.sum::<u64>(), 60);
    let slow = ask(&router, &format!("/api/heatmap?{ALL}&min_duration=500ms")).await;
    assert_eq!(slow["spans"], 120, "both spans of each slow trace");
    let none = ask(&router, &format!("/api/heatmap?{ALL}&query=service:nobody")).await;
    assert_eq!((&none["spans"], &none["row_bounds_ns"], &none["cells"]["row"]), (&json!(0), &json!([]), &json!([])));
}

#[tokio::test]
async fn slow_spans_are_told_from_others_by_what_they_say_and_where_their_time_went() {
    let (_folder, engine) = engine();
    fill(&engine).await;
    let router = open(&engine);
    let scope = json!({"start": "2023-11-14T22:13:00Z", "end": "2023-11-14T22:14:00Z", "spans": "roots"});
    let answer = compare(&router, &json!({"scope": scope, "selection": {"min_duration": "500ms"}})).await;
    assert_eq!(answer["spans"], json!({"selected": 60, "baseline": 540}));
    assert_eq!((&answer["sampled"], &answer["sample"]), (&json!(false), &json!(1.0)));
    let [shown] = &answer["attributes"].as_array().expect("attributes")[..] else { panic!("{answer:#}") };
    assert_eq!((&shown["name"], &shown["of"]), (&json!("status"), &json!("field")), "the name that is known best");
    let best = &shown["values"][0];
    assert_eq!((&best["value"], &best["selected"], &best["baseline"]), (&json!("error"), &json!(60), &json!(0)));
    assert_eq!(best["query"], "status:error");
    let same: Vec<&str> =
        shown["same"].as_array().expect("names").iter().filter_map(|same| same["name"].as_str()).collect();
    assert_eq!(same, ["exception.type", "status_message", "event", "cloud.availability_zone", "retried"]);
    let time = &answer["time"];
    assert_eq!((&time["traces"], &time["complete"]), (&json!({"selected": 60, "baseline": 200}), &json!(false)));
    let slowest = &time["operations"][0];
    assert_eq!(
        (&slowest["service"], &slowest["operation"], &slowest["selected_ms"]),
        (&json!("bank"), &json!("charge"), &json!(880.0))
    );
    assert!(slowest["difference_ms"].as_f64().is_some_and(|difference| difference > 850.0));
    let own = &time["operations"][1];
    assert_eq!(
        (&own["service"], &own["selected_ms"], &own["baseline_ms"]),
        (&json!("shop"), &json!(20.0), &json!(20.0))
    );
}

#[tokio::test]
async fn any_two_sets_can_be_compared() {
    let (_folder, engine) = engine();
    fill(&engine).await;
    let router = open(&engine);
    let scope = json!({"start": "2023-11-14T22:13:00Z", "end": "2023-11-14T22:14:00Z", "query": "service:shop"});
    let request = json!({
        "scope": scope, "time": false, "show_varied": true,
        "selection": {"start": "2023-11-14T22:13:40Z"}, "baseline": {"end": "2023-11-14T22:13:30Z", "query": "http.route:\"/carts\""},
    });
    let answer = compare(&router, &request).await;
    assert_eq!(answer["spans"], json!({"selected": 200, "baseline": 133}));
    assert_eq!(answer["time"], Value::Null);
    let found = answer["attributes"].as_array().expect("attributes");
    let named = |name: &str| {
        found.iter().find(|attribute| attribute["name"] == name).unwrap_or_else(|| panic!("{name}: {answer:#}"))
    };
    let query = named("http.route")["values"][0]["query"].as_str().expect("a condition");
    assert!(query.starts_with("http.route:") && query.contains("/orders"), "{query}");
    let size = named("size");
    assert_eq!((&size["type"], &size["values"][0]["high"]), (&json!("number"), &json!(599.0)));
    assert_eq!((&size["values"][0]["selected"], &size["values"][0]["query"]), (&json!(200), &Value::Null));
    let nothing = compare(&router, &json!({"scope": scope, "selection": {"query": "name:nothing"}})).await;
    assert_eq!((&nothing["spans"]["selected"], &nothing["attributes"]), (&json!(0), &json!([])));
    let alike = compare(&router, &json!({"scope": scope, "selection": {"start": "2023-11-14T22:13:35Z"}})).await;
    let names: Vec<_> =
        alike["attributes"].as_array().expect("attributes").iter().map(|each| each["name"].clone()).collect();
    assert_eq!(names, ["size"], "what came later has greater numbers, and nothing else differs");
}
