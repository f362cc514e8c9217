//! Elasticsearch's searches, as its clients and Grafana send them.
//!
//! The cases are data: `elastic/queries.json` has queries and the documents that meet them, `elastic/requests.json` has requests and what their
//! answers hold. Each says where its rule is from.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_observe_api::{Options, Queries, elastic_router};
use vitrine_observe_receive::{Intake, elastic_intake_router};
use vitrine_observe_search::Definitions;
use vitrine_observe_store::{Access, Right, Token};

use crate::client::{TestResponse, engine, send};

/// Documents by their number `n`, as each line of a bulk request has them.
const DOCUMENTS: &str = include_str!("elastic/documents.ndjson");

/// An observatory's Elasticsearch, open to everyone, with the documents in it.
async fn elasticsearch(access: Access) -> (TempDir, Router) {
    let (folder, engine) = engine();
    let definitions = Arc::new(Definitions::open(folder.path().join("definitions")).expect("a folder"));
    let intake = Intake::new(engine.clone(), access.clone());
    let queries = Queries::new(engine, access, Options::default());
    let router =
        elastic_intake_router(&intake, definitions.clone(), "8.19.0").merge(elastic_router(&queries, definitions));
    (folder, router)
}

async fn filled() -> (TempDir, Router) {
    let (folder, router) = elasticsearch(Access::open()).await;
    let sent = ask(&router, "POST /_bulk", DOCUMENTS).await;
    assert_eq!(sent.json()["errors"], false, "{}", sent.body);
    (folder, router)
}

/// Sends a request, whose line has its method and its path.
async fn ask(router: &Router, line: &str, body: impl Into<Body>) -> TestResponse {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    send(router, request.body(body.into()).expect("a sound request")).await
}

/// The numbers of the documents of an answer, in its order.
fn numbers(answer: &Value) -> Vec<i64> {
    let hits = answer["hits"]["hits"].as_array().unwrap_or_else(|| panic!("hits: {answer}"));
    hits.iter().map(|hit| hit["_source"]["n"].as_i64().expect("a number")).collect()
}

/// Where a value does not hold what is expected of it: objects hold at least the expected keys; `"<any>"` stands for anything that is there.
fn difference(expected: &Value, found: &Value, path: &str) -> Option<String> {
    match (expected, found) {
        (Value::String(any), found) if any == "<any>" && !found.is_null() => None,
        (Value::Object(expected), Value::Object(_)) => {
            expected.iter().find_map(|(key, value)| difference(value, &found[key], &format!("{path}/{key}")))
        }
        (Value::Array(expected), Value::Array(all)) if expected.len() == all.len() => {
            let pairs = expected.iter().zip(all).enumerate();
            pairs.into_iter().find_map(|(place, (value, found))| difference(value, found, &format!("{path}/{place}")))
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("{path} is {found}; expected {expected}")),
    }
}

#[tokio::test]
async fn queries_find_what_elasticsearch_finds() {
    let (_folder, router) = filled().await;
    let cases: Vec<Value> = serde_json::from_str(include_str!("elastic/queries.json")).expect("cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let body = json!({ "query": case["query"], "size": 100, "sort": [{ "n": "asc" }] });
        let answer = ask(&router, "POST /app-*/_search", body.to_string()).await;
        if answer.status != StatusCode::OK {
            wrong.push(format!("{}: {}", case["query"], answer.body));
            continue;
        }
        let found = json!(numbers(&answer.json()));
        if found != case["finds"] {
            wrong.push(format!("{} finds {found}; expected {} ({})", case["query"], case["finds"], case["from"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn requests_are_answered_as_elasticsearch_answers() {
    let (_folder, router) = filled().await;
    let cases: Vec<Value> = serde_json::from_str(include_str!("elastic/requests.json")).expect("cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let line = case["request"].as_str().expect("a request");
        let body = match &case["body"] {
            Value::Null => String::new(),
            Value::Array(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
            body => body.to_string(),
        };
        let answer = ask(&router, line, body).await;
        assert_eq!(answer.headers["x-elastic-product"], "Elasticsearch", "{line}");
        let status = case["status"].as_u64().unwrap_or(200);
        if u64::from(answer.status.as_u16()) != status {
            wrong.push(format!("{line} {}: {} {}", case["body"], answer.status, answer.body));
        } else if let Some(text) = case["text"].as_str() {
            wrong.extend((answer.body != text).then(|| format!("{line}: {}; expected {text}", answer.body)));
        } else if let Some(found) = difference(&case["answer"], &answer.json(), "") {
            wrong.push(format!("{line} {}: {found} ({})", case["body"], case["from"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Grafana's log query, as its backend sends it, and that it can go on with the sort of the last hit.
#[tokio::test]
async fn grafanas_log_query_is_answered() {
    let (_folder, router) = filled().await;
    let golden = include_str!("elastic/grafana_logs.ndjson");
    let answer = ask(&router, "POST /_msearch?max_concurrent_shard_requests=5", golden).await.json();
    let response = &answer["responses"][0];
    assert_eq!(response["status"], 200, "{answer}");
    let hits = response["hits"]["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), 2, "{answer}");
    let first = &hits[0];
    assert_eq!(first["fields"]["@timestamp"], json!(["2026-08-01T10:00:05.123456789Z"]));
    assert_eq!(
        first["highlight"]["message"],
        json!(["Connection @HIGHLIGHT@timeout@/HIGHLIGHT@ after 30s to payment-service"])
    );
    let buckets = response["aggregations"]["1"]["buckets"].as_array().expect("buckets");
    assert_eq!(buckets.iter().map(|bucket| bucket["doc_count"].as_u64().unwrap_or(0)).sum::<u64>(), 2, "{answer}");
    let tie = first["sort"][1].as_u64().expect("a tie");
    assert!(tie < 1 << 53, "JavaScript holds it: {tie}");
}

/// Every document comes exactly once, by whichever way answers are gone on with.
#[tokio::test]
async fn answers_are_gone_on_with_until_they_end() {
    let (_folder, router) = filled().await;
    let mut expected: Vec<i64> = (1..=12).collect();
    for (sort, ascending) in
        [(json!([{ "@timestamp": "desc" }, "_doc"]), false), (json!([{ "@timestamp": "asc" }]), true)]
    {
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let body = json!({ "size": 5, "sort": sort, "search_after": after, "track_total_hits": false });
            let answer = ask(&router, "POST /app-*/_search", body.to_string()).await.json();
            assert!(answer["hits"].get("total").is_none(), "{answer}");
            let Some(last) = answer["hits"]["hits"].as_array().and_then(|hits| hits.last()) else { break };
            after = last["sort"].clone();
            all.extend(numbers(&answer));
        }
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(all[0] < all[11], ascending, "{all:?}");
    }
    let mut answer = ask(&router, "POST /app-*/_search?scroll=1m&size=5&sort=_doc", "").await.json();
    let mut scrolled = Vec::new();
    while !answer["hits"]["hits"].as_array().expect("hits").is_empty() {
        assert_eq!(answer["hits"]["total"]["value"], 12);
        scrolled.extend(numbers(&answer));
        let id = json!({ "scroll": "1m", "scroll_id": answer["_scroll_id"] });
        answer = ask(&router, "POST /_search/scroll", id.to_string()).await.json();
    }
    scrolled.sort_unstable();
    assert_eq!(scrolled, expected);

    // What is newer than a point in time is not seen by it.
    let pit = ask(&router, "POST /app-*/_pit?keep_alive=1m", "").await.json();
    let late = "{\"create\":{\"_index\":\"app-1\"}}\n{\"@timestamp\":\"2026-08-02T00:00:00Z\",\"n\":13}\n";
    ask(&router, "POST /_bulk", late).await;
    let body =
        json!({ "size": 100, "pit": { "id": pit["id"], "keep_alive": "1m" }, "sort": [{ "@timestamp": "asc" }] });
    let answer = ask(&router, "POST /_search", body.to_string()).await.json();
    assert_eq!(numbers(&answer).len(), 12);
    expected.push(13);
    let answer = ask(&router, "POST /app-*/_search?size=100&sort=n:asc", "").await.json();
    assert_eq!(numbers(&answer), expected);
}

#[tokio::test]
async fn documents_are_found_by_the_ids_of_hits() {
    let (_folder, router) = filled().await;
    let answer = ask(&router, "POST /app-*/_search?size=100", "").await.json();
    let hits = answer["hits"]["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), 12);
    for hit in hits {
        let (index, id) = (hit["_index"].as_str().expect("an index"), hit["_id"].as_str().expect("an id"));
        let found = ask(&router, &format!("GET /{index}/_doc/{id}"), "").await.json();
        assert_eq!(found["_source"], hit["_source"]);
        let many = json!({ "docs": [{ "_index": index, "_id": id }] });
        let found = ask(&router, "POST /_mget", many.to_string()).await.json();
        assert_eq!(found["docs"][0]["_source"], hit["_source"], "{found}");
    }
    let absent = ask(&router, "GET /app-1/_doc/never", "").await;
    assert_eq!((absent.status, absent.json()["found"].clone()), (StatusCode::NOT_FOUND, json!(false)));
}

/// What exhausts others is refused, with what was expected.
#[tokio::test]
async fn odd_requests_are_refused_with_a_reason() {
    let (_folder, router) = filled().await;
    let deep =
        |depth: usize| (0..depth).fold(json!({ "match_all": {} }), |query, _| json!({ "bool": { "must": [query] } }));
    let many: Vec<i64> = (0..5_000).collect();
    for (body, reason) in [
        (json!({ "query": deep(40) }), "nested more than"),
        (json!({ "query": { "query_string": { "query": "(".repeat(50_000) } } }), "nested more than"),
        (json!({ "query": { "query_string": { "query": "a ".repeat(5_000) } } }), "clauses"),
        (json!({ "query": { "regexp": { "message": "(a{1000}){1000}" } } }), "too large"),
        (json!({ "query": { "regexp": { "message": "a".repeat(5_000) } } }), "bytes"),
        (json!({ "query": { "terms": { "n": many } } }), "clauses"),
        (json!({ "query": { "never": {} } }), "unknown query [never]"),
        (json!({ "query": { "match": { "message": { "query": "a", "never": 1 } } } }), "does not support [never]"),
        (json!({ "query": { "range": { "@timestamp": { "gte": "yesterday" } } } }), "failed to parse date [yesterday]"),
        (json!({ "aggs": { "a": { "never": {} } } }), "unknown aggregation type [never]"),
        (json!({ "aggs": { "a": { "terms": { "script": "1" } } } }), "scripts"),
        (json!({ "aggs": { "a": { "histogram": { "field": "n", "interval": 0.0001 } } } }), "too many buckets"),
        (json!({ "from": 9_000, "size": 2_000 }), "search_after"),
        (json!({ "collapse": { "field": "n" } }), "[collapse] is not supported"),
        (json!({ "search_after": [1, 2, 3, 4] }), "search_after"),
        (json!({ "size": -1 }), "[search.size]"),
    ] {
        let answer = ask(&router, "POST /app-*/_search", body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.body);
        let found = answer.json()["error"]["reason"].as_str().unwrap_or_default().to_owned();
        assert!(found.contains(reason), "{found}; expected {reason}");
    }
    for body in ["{", "[]", "{\"query\": \"x\"}", &"[".repeat(100_000)] {
        let answer = ask(&router, "POST /_search", body.to_owned()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    }
}

/// Who has no token gets nothing; a token comes in each of the clients' forms.
#[tokio::test]
async fn tokens_come_as_clients_send_them() {
    let token = Token { token: "secret-token-secret-token".into(), rights: vec![Right::Read], tenant: None };
    let (_folder, router) = elasticsearch(Access::new(&[token]).expect("access")).await;
    let refused = ask(&router, "GET /_search", "").await;
    assert_eq!(
        (refused.status, refused.json()["error"]["type"].clone()),
        (StatusCode::UNAUTHORIZED, json!("security_exception"))
    );
    // `any:secret-token-secret-token`.
    for header in [
        "Bearer secret-token-secret-token",
        "Basic YW55OnNlY3JldC10b2tlbi1zZWNyZXQtdG9rZW4=",
        "ApiKey YW55OnNlY3JldC10b2tlbi1zZWNyZXQtdG9rZW4=",
    ] {
        let request = Request::get("/_search").header("authorization", header).body(Body::empty()).expect("a request");
        assert_eq!(send(&router, request).await.status, StatusCode::OK, "{header}");
    }
}
