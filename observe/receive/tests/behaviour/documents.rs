//! Documents become records, and come back as they were sent.

use http::StatusCode;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::test_runner::Config;
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Runtime;
use vitrine_observe_store::model::elastic::{self, SOURCE_ATTRIBUTE};
use vitrine_observe_store::model::{LogRow, Value};

use crate::common::{Recorder, post, text};
use crate::records::{attribute, open, rows};

/// Documents of one request.
const BATCH: usize = 20;

/// The records that documents become, one for each.
async fn records(documents: &[String]) -> Vec<LogRow> {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let lines = documents.iter().map(|document| format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{document}\n"));
    let response = post(router, "/elastic/_bulk", &[], lines.collect::<String>()).await;
    let status = response.status();
    let answer = text(response).await;
    assert!(status == StatusCode::OK && answer.contains("\"errors\":false,\"items\":["), "{answer}");
    rows(&engine)
}

async fn record(document: Json) -> LogRow {
    let mut all = records(&[document.to_string()]).await;
    assert_eq!((all.len(), Json::Object(elastic::source(&all[0]))), (1, document));
    assert_eq!(elastic::index(&all[0]), Some("logs"));
    all.remove(0)
}

#[tokio::test]
async fn what_has_a_place_is_lifted() {
    let row = record(json!({
        "@timestamp": "2026-08-01T12:00:00.123Z",
        "message": "card declined",
        "log": { "level": "WARN", "logger": "pay" },
        "service": { "name": "checkout", "version": "1.2" },
        "trace": { "id": "0af7651916cd43dd8448eb211c80319c" },
        "span": { "id": "b7ad6b7169203331" },
        "http.status": 402, "ok": false, "took": 0.5, "tags": ["a", 1, { "b": null }], "none": null, "empty": {},
    }))
    .await;
    assert_eq!(row.time_ns, 1_785_585_600_123_000_000);
    assert_eq!(
        (row.body, row.severity, row.severity_text.as_str()),
        (Value::String("card declined".into()), 13, "WARN")
    );
    assert_eq!(row.service, "checkout");
    assert_eq!(row.trace_id.map(|id| id.to_string()).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(row.span_id.map(|id| id.to_string()).as_deref(), Some("b7ad6b7169203331"));
    let mut keys: Vec<&str> = row.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["empty", "http.status", "log.logger", "none", "ok", "service.version", "tags", "took"]);
}

#[tokio::test]
async fn other_shippers_keys_are_known_too() {
    // The time and the severity as pino has them: numbers, of which the severity stays an attribute, too.
    let row = record(json!({ "level": 50, "time": 1_785_585_600_123_u64, "msg": "down", "pid": 1 })).await;
    assert_eq!((row.time_ns, row.severity), (1_785_585_600_123_000_000, 17));
    assert_eq!((row.body.text(), attribute(&row, "level")), ("down".to_owned(), Some(Value::Int(50))));
    // Fluent Bit's of Kubernetes: the label names the service, and is still the label.
    let row = record(json!({ "log": "x\n", "kubernetes": { "labels": { "app": "carts" } }, "stream": "stderr" })).await;
    assert_eq!((row.service.as_str(), row.body.text()), ("carts", "x\n".to_owned()));
    assert_eq!(attribute(&row, "kubernetes.labels.app"), Some(Value::String("carts".into())));
    // A time in a zone means the same moment, and comes back as it was sent.
    let row = record(json!({ "@timestamp": "2026-08-01T14:00:00.5+02:00" })).await;
    assert_eq!(row.time_ns, 1_785_585_600_500_000_000);
    // What is no time, no message and no severity is what it is.
    let row =
        record(json!({ "@timestamp": "yesterday", "message": { "a": 1 }, "level": "", "trace_id": "0000" })).await;
    assert_eq!((row.body, row.severity, row.trace_id), (Value::Empty, 0, None));
}

#[tokio::test]
async fn clocks_that_are_wrong_by_years_are_believed() {
    for (sent, year_ns) in [("2001-01-01T00:00:00Z", 978_307_200), ("2201-01-01T00:00:00Z", 7_289_654_400)] {
        let row = record(json!({ "@timestamp": sent })).await;
        assert_eq!(row.time_ns, year_ns * 1_000_000_000, "{sent}");
        assert!(row.observed_time_ns > 1_785_000_000_000_000_000);
    }
    // Before 1970 there is no time: it is when it came in, and what was sent stays.
    let row = record(json!({ "@timestamp": "1969-01-01T00:00:00Z" })).await;
    assert_eq!(row.time_ns, row.observed_time_ns);
}

#[tokio::test]
async fn a_field_may_be_an_object_and_a_text() {
    let documents =
        [json!({ "error": "boom" }), json!({ "error": { "type": "io", "code": 5 } }), json!({ "error": 7 })];
    let all = records(&documents.each_ref().map(Json::to_string)).await;
    let found: Vec<Json> = all.iter().map(|row| Json::Object(elastic::source(row))).collect();
    assert!(documents.iter().all(|document| found.contains(document)), "{found:?}");
}

#[tokio::test]
async fn what_cannot_be_made_again_is_kept_as_it_was_sent() {
    for sent in [
        r#"{"a":{"b":1},"a.b":2}"#,
        r#"{"a":{"b":1},"a.c":2}"#,
        r#"{"a":{"b":{"c":1}},"a.b":{"d":2}}"#,
        r#"{"n":18446744073709551615}"#,
        r#"{"_id":"x","_source":{"y":1},"message":"m"}"#,
        format!(r#"{{"deep":{}1{}}}"#, "[".repeat(60), "]".repeat(60)).as_str(),
    ] {
        let row = records(&[sent.to_owned()]).await.remove(0);
        assert_eq!(attribute(&row, SOURCE_ATTRIBUTE), Some(Value::String(sent.to_owned())));
        let expected: Json = serde_json::from_str(sent).expect("JSON");
        assert_eq!(Json::Object(elastic::source(&row)), expected);
    }
    // A name twice: searches find both values, and the document is the text that was sent.
    let row = records(&[r#"{"a":1,"a":2}"#.to_owned()]).await.remove(0);
    assert_eq!(row.attributes.iter().filter(|attribute| attribute.key == "a").count(), 2);
}

#[tokio::test]
async fn ten_thousand_fields_are_no_more_than_any() {
    let document: Map<String, Json> = (0..10_000).map(|n| (format!("field-{n}"), json!({ "of": n }))).collect();
    let row = record(Json::Object(document)).await;
    assert_eq!(row.attributes.len(), 10_000);
}

#[tokio::test]
async fn a_long_name_is_not_repeated_for_all_that_lies_in_it() {
    let inner: Map<String, Json> = (0..5_000).map(|n| (format!("{n}"), json!(n))).collect();
    let row = record(json!({ "x".repeat(100_000): inner })).await;
    assert_eq!(row.attributes.len(), 1);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{0,2}",
        2 => "[a-b.]{1,4}",
        1 => prop::sample::select(vec![
            "@timestamp", "time", "message", "log", "level", "log.level", "service", "service.name", "trace.id", "span_id",
            "_id", "_source", "bytesValue", "kvlistValue", "id", "name", "trace",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        prop::num::f64::NORMAL.prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        prop::sample::select(vec![
            "warn",
            "2026-08-01T12:00:00.5Z",
            "2026-08-01T12:00:00.500Z",
            "0af7651916cd43dd8448eb211c80319c",
            "B7AD6B7169203331",
            "b7ad6b7169203331",
            "1785585600",
            "",
        ])
        .prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map(name(), inner, 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(Config { cases: 128, ..Config::default() })]

    #[test]
    fn any_document_comes_back(documents in prop::collection::vec(prop::collection::hash_map(name(), value(), 0..6), BATCH)) {
        let documents: Vec<Json> = documents.into_iter().enumerate().map(|(place, entries)| {
            let mut document: Map<String, Json> = entries.into_iter().collect();
            // By which it is found again: records of one shape stand together.
            document.insert("place".to_owned(), json!(place));
            Json::Object(document)
        }).collect();
        let texts: Vec<String> = documents.iter().map(Json::to_string).collect();
        let found = Runtime::new().expect("a runtime").block_on(records(&texts));
        assert_eq!(found.len(), documents.len());
        for row in &found {
            let source = elastic::source(row);
            let place = source["place"].as_u64().expect("a place") as usize;
            assert_eq!(Json::Object(source), documents[place], "{}", texts[place]);
        }
    }
}
