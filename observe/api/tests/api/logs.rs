//! Log records by the query text for people.

use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Value, json};
use vitrine_kit::percent;
use vitrine_observe_store::{ColumnEngine, Tenant};

use crate::client::{engine, get, open};
use crate::scenario::{MS, START_NS, id, integer, text, write_logs};

/// Records are a second apart.
const SECOND: u64 = 1_000 * MS;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// What is asked about: all of them.
const ALL: &str = "start=1700000000&end=1700000100";

/// A record at this second.
pub fn record(second: u64, severity: i32, message: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: START_NS + second * SECOND,
        severity_number: severity,
        body: Some(AnyValue { value: Some(Proto::StringValue(message.into())) }),
        ..LogRecord::default()
    }
}

/// Six records of two services.
pub async fn fill(engine: &ColumnEngine, tenant: &Tenant) {
    let declined = LogRecord {
        attributes: vec![text("http.route", "/orders"), integer("duration_ms", 250), text("reason", "card expired")],
        trace_id: id(TRACE),
        span_id: id("00f067aa0ba902b7"),
        severity_text: "ERROR".into(),
        ..record(4, 17, "card declined for order 17")
    };
    let checkout = vec![
        record(0, 9, "order 16 placed"),
        LogRecord { attributes: vec![integer("duration_ms", 30)], ..record(2, 9, "order 17 placed") },
        declined,
        record(6, 13, "card \"4711\" is about to expire"),
    ];
    write_logs(engine, tenant, "checkout", checkout).await;
    let carts = vec![record(3, 5, "cart 7f3a read"), record(5, 0, "cart 7f3b read")];
    write_logs(engine, tenant, "carts", carts).await;
}

async fn ask(engine: &std::sync::Arc<ColumnEngine>, path: &str) -> Value {
    let answer = get(&open(engine), path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// The messages of an answer.
fn messages(answer: &Value) -> Vec<&str> {
    answer["logs"].as_array().expect("records").iter().filter_map(|log| log["message"].as_str()).collect()
}

#[tokio::test]
async fn records_are_found_by_what_they_say() {
    let (_folder, engine) = engine();
    fill(&engine, &Tenant::default()).await;
    fill(&engine, &Tenant::new("other").expect("a name")).await;
    let (placed, declined, about) =
        ("order 17 placed", "card declined for order 17", "card \"4711\" is about to expire");
    for (query, found) in [
        ("service:checkout level:>=warn", vec![about, declined]),
        ("status:error", vec![declined]),
        ("\"card declined\"", vec![declined]),
        ("expired", vec![declined]),
        ("reason:\"card expired\"", vec![declined]),
        ("reason:card", vec![]),
        ("reason:card*", vec![declined]),
        ("plac*", vec![placed, "order 16 placed"]),
        ("/order 1[67] placed/ -16", vec![placed]),
        ("duration_ms:>=200ms", vec![declined]),
        ("duration_ms:1..100", vec![placed]),
        ("duration_ms:*", vec![declined, placed]),
        ("service:carts -level:*", vec!["cart 7f3b read"]),
        ("level:debug OR http.route:/orders/", vec![declined, "cart 7f3a read"]),
        ("trace:4bf92f3577b34da6a3ce929d0e0e4736", vec![declined]),
        ("nowhere", vec![]),
    ] {
        let answer = ask(&engine, &format!("/api/logs?{ALL}&query={}", percent::encode(query))).await;
        assert_eq!(messages(&answer), found, "{query}");
        assert_eq!(answer["next"], Value::Null);
    }
    let answer = ask(&engine, &format!("/api/logs?{ALL}&query=status:error")).await;
    let mut record = answer["logs"][0].clone();
    record.as_object_mut().expect("a record").remove("cursor");
    assert_eq!(
        record,
        json!({
            "time": "2023-11-14T22:13:24Z", "service": "checkout", "level": "error", "severity": 17, "severity_text": "ERROR",
            "message": declined, "trace": TRACE, "span": "00f067aa0ba902b7",
            "attributes": {"http.route": "/orders", "duration_ms": 250, "reason": "card expired"},
            "resource": {"service.name": "checkout"},
        })
    );
    let answer = ask(&engine, &format!("/api/logs?{ALL}&query=card%20expir*")).await;
    let marks = &answer["logs"][1]["highlight"];
    assert_eq!(marks, &json!({"message": [[0, 4]], "attributes.reason": [[0, 4], [5, 12]]}));
}

#[tokio::test]
async fn pages_have_each_record_once() {
    let (_folder, engine) = engine();
    let tenant = Tenant::default();
    // Many of the same time, some of them equal.
    let records = (0..40).map(|n| record(n / 20, 9, &format!("line {}", n % 15))).collect();
    write_logs(&*engine, &tenant, "a", records).await;
    for order in ["newest", "oldest"] {
        let (mut cursors, mut times, mut after) = (Vec::new(), Vec::new(), String::new());
        loop {
            let answer = ask(&engine, &format!("/api/logs?{ALL}&limit=7&order={order}{after}")).await;
            for log in answer["logs"].as_array().expect("records") {
                cursors.push(log["cursor"].as_str().expect("a cursor").to_owned());
                times.push(log["time"].as_str().expect("a time").to_owned());
            }
            let Some(next) = answer["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(cursors.len(), 40, "{order}");
        assert_eq!(cursors.iter().collect::<HashSet<_>>().len(), 40, "{order}");
        let is_in_order = times.is_sorted_by(|a, b| if order == "newest" { a >= b } else { a <= b });
        assert!(is_in_order, "{order}");
    }
}

#[tokio::test]
async fn what_the_same_resource_logged_stands_around_a_record() {
    let (_folder, engine) = engine();
    fill(&engine, &Tenant::default()).await;
    let answer = ask(&engine, &format!("/api/logs?{ALL}&query=declined")).await;
    let cursor = answer["logs"][0]["cursor"].as_str().expect("a cursor").to_owned();
    let answer = ask(&engine, &format!("/api/logs/context?cursor={cursor}")).await;
    let all = ["order 16 placed", "order 17 placed", "card declined for order 17", "card \"4711\" is about to expire"];
    assert_eq!(messages(&answer), all);
    assert_eq!(answer["at"], 2);
    let answer = ask(&engine, &format!("/api/logs/context?cursor={cursor}&before=1&after=1&query=order")).await;
    assert_eq!(messages(&answer), all[1..3]);
    let gone = get(&open(&engine), "/api/logs/context?cursor=1-1").await;
    assert_eq!(gone.status, 404, "{}", gone.body);
}

#[tokio::test]
async fn records_are_counted_by_time_and_fields() {
    let (_folder, engine) = engine();
    fill(&engine, &Tenant::default()).await;
    let answer = ask(&engine, &format!("/api/logs/counts?{ALL}")).await;
    assert_eq!(answer["counts"][0]["records"], 6);
    assert_eq!(answer["counts"][0]["by"], json!({}));
    let answer = ask(&engine, "/api/logs/counts?start=1700000002&end=1700000100&step=5s").await;
    let first = &answer["counts"][0];
    assert_eq!((&first["time"], &first["records"]), (&json!("2023-11-14T22:13:20Z"), &json!(3)), "whole multiples");
    let answer = ask(&engine, &format!("/api/logs/counts?{ALL}&step=5s&by=level&by=service")).await;
    let counts: Vec<(&str, &Value, &Value, u64)> = answer["counts"]
        .as_array()
        .expect("counts")
        .iter()
        .map(|count| {
            let (time, by) = (count["time"].as_str().expect("a time"), &count["by"]);
            (time, &by["level"], &by["service"], count["records"].as_u64().expect("a number"))
        })
        .collect();
    let (first, second) = ("2023-11-14T22:13:20Z", "2023-11-14T22:13:25Z");
    assert_eq!(
        counts,
        [
            (first, &json!("debug"), &json!("carts"), 1),
            (first, &json!("error"), &json!("checkout"), 1),
            (first, &json!("info"), &json!("checkout"), 2),
            (second, &Value::Null, &json!("carts"), 1),
            (second, &json!("warn"), &json!("checkout"), 1),
        ]
    );
}

#[tokio::test]
async fn fields_have_their_most_frequent_values() {
    let (_folder, engine) = engine();
    fill(&engine, &Tenant::default()).await;
    let answer = ask(&engine, &format!("/api/logs/fields?{ALL}&query=service:checkout")).await;
    assert_eq!((&answer["visited"], &answer["complete"]), (&json!(4), &json!(true)));
    let fields = answer["fields"].as_array().expect("fields");
    let field =
        |name: &str| fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("{name}: {answer}"));
    let duration = field("attributes.duration_ms");
    assert_eq!(
        (&duration["kinds"], &duration["records"], &duration["distinct"]),
        (&json!(["int"]), &json!(2), &json!(2))
    );
    assert_eq!(duration["values"], json!([{"value": "250", "records": 1}, {"value": "30", "records": 1}]));
    assert_eq!(field("service")["values"], json!([{"value": "checkout", "records": 4}]));
}

#[tokio::test]
async fn messages_are_counted_by_their_patterns() {
    let (_folder, engine) = engine();
    fill(&engine, &Tenant::default()).await;
    let answer = ask(&engine, &format!("/api/logs/patterns?{ALL}&limit=2")).await;
    assert_eq!((&answer["distinct"], &answer["other"], &answer["visited"]), (&json!(4), &json!(0), &json!(6)));
    let mut patterns = answer["patterns"].as_array().cloned().unwrap_or_default();
    patterns.sort_by_key(|pattern| pattern["pattern"].to_string());
    let numbers: Vec<Value> = patterns.iter_mut().map(|pattern| pattern["template"].take()).collect();
    assert_eq!(
        json!(patterns),
        json!([
            {"template": null, "pattern": "cart <*> read", "records": 2, "levels": {"debug": 1}, "services": ["carts"],
             "last": "2023-11-14T22:13:25Z", "example": "cart 7f3b read"},
            {"template": null, "pattern": "order <*> placed", "records": 2, "levels": {"info": 2}, "services": ["checkout"],
             "last": "2023-11-14T22:13:22Z", "example": "order 17 placed"},
        ])
    );
    for (number, begin) in numbers.iter().zip(["cart ", "order "]) {
        let found = ask(&engine, &format!("/api/logs?{ALL}&query=template:{number}")).await;
        assert_eq!(messages(&found).len(), 2);
        assert!(messages(&found).iter().all(|message| message.starts_with(begin)), "{found}");
        let others = ask(&engine, &format!("/api/logs?{ALL}&query=-template:{number}")).await;
        assert_eq!(messages(&others).len(), 4);
    }
}

#[tokio::test]
async fn any_number_of_records_is_exported() {
    let (_folder, engine) = engine();
    let tenant = Tenant::default();
    // More than two pages.
    for part in 0..5 {
        let records =
            (0..1_000).map(|n| record(part * 10 + n / 100, 9, &format!("line {}", part * 1_000 + n))).collect();
        write_logs(&*engine, &tenant, "a", records).await;
    }
    let router = open(&engine);
    let answer = get(&router, &format!("/api/logs/export?{ALL}&order=oldest")).await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found: HashSet<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!((lines.len(), found.len()), (5_000, 5_000));
    assert!(lines.is_sorted_by(|a, b| a["time"].as_str() <= b["time"].as_str()));
    let some = get(&router, &format!("/api/logs/export?{ALL}&query=line&limit=2500&highlight=true")).await.body;
    assert_eq!(some.lines().count(), 2_500);
    assert!(some.lines().all(|line| line.contains("\"highlight\":{\"message\":[[0,4]]}")));
    assert_eq!(get(&router, &format!("/api/logs/export?{ALL}&query=nothing")).await.body, "");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told() {
    let (_folder, engine) = engine();
    let router = open(&engine);
    for (path, told) in [
        ("/api/logs?q=x", "unknown parameter 'q': expected query, start, end, since, limit, order, after"),
        ("/api/logs?query=a%20(b", "unable to parse param 'query': a bracket is not closed at character 3: expected )"),
        ("/api/logs?limit=0", "unable to parse param 'limit': 0 found; expected a whole number from 1 to 5000"),
        ("/api/logs?order=up", "unable to parse param 'order': \"up\" found; expected newest or oldest"),
        ("/api/logs?after=x", "unable to parse param 'after': \"x\" found; expected the cursor of a record"),
        ("/api/logs?start=x", "unable to parse param 'start': \"x\" found; expected a time such as"),
        (
            "/api/logs?start=20&end=10",
            "unable to parse param 'start': 1970-01-01T00:00:20Z found; expected a time before",
        ),
        ("/api/logs?start=20&since=1h", "unable to parse param 'since': found beside start; expected one of them"),
        ("/api/logs/context", "parameter 'cursor' is required"),
        ("/api/logs/counts?step=0s", "unable to parse param 'step': 0 found; expected a duration"),
        ("/api/logs/counts?start=0&step=1s", "unable to parse param 'step': "),
        (
            "/api/logs/counts?by=a&by=b&by=c&by=d&by=e",
            "unable to parse param 'by': 5 fields found; expected 4 or fewer",
        ),
        ("/api/logs/export?after=1", "unable to parse param 'after': \"1\" found"),
        ("/api/logs/tail?since=1h", "unknown parameter 'since': expected query"),
        ("/api/logs/tail?query=%22", "unable to parse param 'query': a quote is not closed at character 1"),
    ] {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(error.starts_with(told), "{path}: {error}");
    }
}
