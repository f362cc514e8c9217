//! Elasticsearch's clients send documents.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode};
use serde_json::{Value as Json, json};
use tower::ServiceExt;
use vitrine_observe_receive::{Access, MAX_BODY_BYTES};
use vitrine_observe_store::model::elastic;
use vitrine_observe_store::model::{LogRow, Value};
use vitrine_observe_store::{Right, Token, WriteError};

use crate::common::{Recorder, bytes, gzip, header, post, text, zlib, zstd};
use crate::records::{attribute, open, rows, with_access};

const NDJSON: (&str, &str) = ("content-type", "application/vnd.elasticsearch+x-ndjson; compatible-with=9");

async fn ask(router: &Router, method: Method, path: &str, body: &str) -> (StatusCode, Json) {
    let request = Request::builder().method(method).uri(path).header("host", "search.example:9200");
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = router.clone().oneshot(request).await.expect("answered");
    assert_eq!(header(&response, "x-elastic-product"), Some("Elasticsearch"), "{path}");
    let status = response.status();
    let body = bytes(response).await;
    (status, if body.is_empty() { Json::Null } else { serde_json::from_slice(&body).expect("JSON") })
}

async fn json(response: Response) -> Json {
    serde_json::from_str(&text(response).await).expect("JSON")
}

async fn bulk(body: &str) -> (StatusCode, Json, Vec<LogRow>) {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let response = post(router, "/elastic/fallback/_bulk", &[NDJSON], body.to_owned()).await;
    (response.status(), json(response).await, rows(&engine))
}

#[tokio::test]
async fn actions_are_answered_in_their_order() {
    let body = "\n{\"create\":{\"_index\":\"a\",\"_id\":\"1\",\"routing\":\"r\"}}\r\n{\"message\":\"one\"}\r\n\n{\"index\":{}}\n{\"message\":\"two\"}";
    let (status, answer, found) = bulk(body).await;
    assert_eq!((status, &answer["errors"]), (StatusCode::OK, &json!(false)));
    let items = answer["items"].as_array().expect("items");
    let shards = json!({ "total": 1, "successful": 1, "failed": 0 });
    let expected = json!({ "_index": "a", "_id": "1", "_version": 1, "result": "created", "_shards": shards, "_seq_no": 0,
        "_primary_term": 1, "status": 201 });
    assert_eq!((items.len(), &items[0]["create"], &items[1]["index"]["_index"]), (2, &expected, &json!("fallback")));
    let of = |message: &str| found.iter().find(|row| row.body.text() == message).expect("there");
    assert_eq!((elastic::index(of("one")), elastic::id(of("one"))), (Some("a"), Some("1")));
    assert_eq!(attribute(of("one"), "_routing"), Some(Value::String("r".into())));
    assert_eq!((elastic::index(of("two")), elastic::id(of("two"))), (Some("fallback"), None));
    assert_eq!(json!(elastic::source(of("one"))), json!({ "message": "one" }));
}

#[tokio::test]
async fn a_bad_line_takes_no_other_with_it() {
    for (bad, reason) in [
        ("not JSON", "expected"),
        ("[1]", "expected an object"),
        ("{\"a\":", "EOF"),
        ("[".repeat(100_000).as_str(), "recursion limit"),
        (format!("{{\"a\":{}0{}}}", "[".repeat(200), "]".repeat(200)).as_str(), "recursion limit"),
        (format!("{{\"a\":[{}0]}}", "0,".repeat(300_000)).as_str(), "more values"),
    ] {
        let (status, answer, found) =
            bulk(&format!("{{\"create\":{{}}}}\n{bad}\n{{\"create\":{{}}}}\n{{\"message\":\"good\"}}\n")).await;
        assert_eq!((status, &answer["errors"]), (StatusCode::OK, &json!(true)));
        assert_eq!(answer["items"][0]["create"]["status"], 400);
        let error = &answer["items"][0]["create"]["error"];
        assert_eq!(error["type"], "document_parsing_exception");
        assert!(error["reason"].as_str().expect("a reason").contains(reason), "{error}");
        assert_eq!((&answer["items"][1]["create"]["status"], found.len()), (&json!(201), 1));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_in_half_says_where() {
    let whole =
        "{\"create\":{\"_id\":\"1\"}}\n{\"message\":\"one\"}\n{\"create\":{\"_id\":\"2\"}}\n{\"message\":\"two\"}\n";
    let second = whole.len() / 2;
    // In a document: that one is not taken. In an action: nothing is, for no one could say what it was to be.
    let (status, answer, found) = bulk(&whole[..whole.len() - 5]).await;
    assert_eq!((status, &answer["items"][1]["create"]["status"], found.len()), (StatusCode::OK, &json!(400), 1));
    let (status, answer, found) = bulk(&whole[..second + 10]).await;
    assert_eq!((status, found.len()), (StatusCode::BAD_REQUEST, 0));
    let reason = answer["error"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("Malformed action/metadata line [3]"), "{reason}");
    let (status, answer, found) = bulk(&whole[..second + 23]).await;
    assert_eq!((status, &answer["items"][1]["create"]["status"], found.len()), (StatusCode::OK, &json!(400), 1));
}

#[tokio::test]
async fn what_is_wrong_with_an_action_is_wrong_with_all() {
    for (body, reason) in [
        ("", "no requests added"),
        ("\n\n", "no requests added"),
        ("{\"upsert\":{}}\n{}\n", "Malformed action/metadata line [1]"),
        ("{\"create\":[]}\n{}\n", "Malformed action/metadata line [1]"),
        ("{\"create\":{},\"index\":{}}\n{}\n", "Malformed action/metadata line [1]"),
        ("{\"create\":{\"_index\":\"\"}}\n{}\n", "index is missing"),
    ] {
        let (status, answer, found) = bulk(body).await;
        assert_eq!((status, found.len(), &answer["status"]), (StatusCode::BAD_REQUEST, 0, &json!(400)));
        assert!(answer["error"]["reason"].as_str().expect("a reason").contains(reason), "{answer}");
    }
    let (status, answer, found) =
        bulk("{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n{\"delete\":{\"_id\":\"1\"}}\n").await;
    assert_eq!((status, answer["errors"].clone(), found.len()), (StatusCode::OK, json!(true), 0));
    assert_eq!(
        (&answer["items"][0]["update"]["status"], &answer["items"][1]["delete"]["status"]),
        (&json!(400), &json!(400))
    );
}

#[tokio::test]
async fn bodies_are_compressed_and_bounded() {
    let body = "{\"create\":{\"_index\":\"a\"}}\n{\"message\":\"one\"}\n";
    for (encoding, packed) in
        [("gzip", gzip(body.as_bytes())), ("deflate", zlib(body.as_bytes())), ("zstd", zstd(body.as_bytes()))]
    {
        let engine = Recorder::new();
        let (_folder, router) = open(engine.clone());
        let response = post(router, "/elastic/_bulk", &[("content-encoding", encoding)], packed).await;
        assert_eq!((response.status(), rows(&engine).len()), (StatusCode::OK, 1), "{encoding}");
    }
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let bomb = gzip(&vec![b' '; MAX_BODY_BYTES + 1]);
    let response = post(router, "/elastic/_bulk", &[("content-encoding", "gzip")], bomb).await;
    assert_eq!((response.status(), rows(&engine).len()), (StatusCode::PAYLOAD_TOO_LARGE, 0));
    assert_eq!(json(response).await["error"]["type"], "content_too_long_exception");
}

#[tokio::test]
async fn long_lines_and_bytes_that_are_no_text_are_taken() {
    let long = "x".repeat(10 << 20);
    let (status, answer, found) = bulk(&format!("{{\"create\":{{}}}}\n{{\"message\":\"{long}\"}}\n")).await;
    assert_eq!((status, &answer["errors"], found[0].body.text().len()), (StatusCode::OK, &json!(false), long.len()));

    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let body = [b"{\"create\":{\"_index\":\"a\"}}\n{\"message\":\"a".as_slice(), b"\xff\xfe", b"b\"}\n"].concat();
    assert_eq!(post(router, "/elastic/_bulk", &[], body).await.status(), StatusCode::OK);
    assert_eq!(rows(&engine)[0].body.text(), "a\u{fffd}\u{fffd}b");
}

#[tokio::test]
async fn a_full_engine_has_clients_send_again() {
    let refused = WriteError::Busy { what: "memory", retry_after: std::time::Duration::from_millis(1500) };
    let (_folder, router) = open(Recorder::answering(Err(refused)));
    let response = post(router, "/elastic/a/_bulk", &[], "{\"create\":{}}\n{}\n").await;
    assert_eq!((response.status(), header(&response, "retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("2")));
    assert_eq!(json(response).await["error"]["type"], "es_rejected_execution_exception");
}

#[tokio::test]
async fn callers_say_who_they_are_in_three_ways() {
    let token = Token { token: "writer-of-a".into(), rights: vec![Right::Write], tenant: Some("a".into()) };
    let engine = Recorder::new();
    let (_folder, router) = with_access(engine.clone(), Access::new(&[token]).expect("a token"));
    let basic = format!("Basic {}", STANDARD.encode("elastic:writer-of-a"));
    let key = format!("ApiKey {}", STANDARD.encode("id:writer-of-a"));
    for (authorization, status) in [
        ("Bearer writer-of-a", StatusCode::OK),
        (basic.as_str(), StatusCode::OK),
        (key.as_str(), StatusCode::OK),
        ("Bearer nobody-knows", StatusCode::UNAUTHORIZED),
    ] {
        let headers = [("authorization", authorization)];
        let response = post(router.clone(), "/elastic/i/_bulk", &headers, "{\"create\":{}}\n{}\n").await;
        assert_eq!(response.status(), status, "{authorization}");
    }
    let (status, answer) = ask(&router, Method::GET, "/elastic/", "").await;
    assert_eq!((status, &answer["error"]["type"]), (StatusCode::UNAUTHORIZED, &json!("security_exception")));
    assert_eq!(engine.seen.lock().iter().map(|(tenant, ..)| tenant.name()).collect::<Vec<_>>(), ["a"; 3]);
}

#[tokio::test]
async fn a_document_alone_is_found_by_the_id_that_it_was_told() {
    let engine = Recorder::new();
    let (_folder, router) = open(engine.clone());
    let (status, answer) = ask(&router, Method::POST, "/elastic/logs/_doc?refresh=true", "{\"message\":\"one\"}").await;
    assert_eq!((status, &answer["result"]), (StatusCode::CREATED, &json!("created")));
    for (method, path) in [(Method::PUT, "/elastic/logs/_create/7"), (Method::PUT, "/elastic/logs/_doc/7")] {
        let (status, answer) = ask(&router, method, path, "{\"message\":\"two\"}").await;
        assert_eq!((status, &answer["_id"]), (StatusCode::CREATED, &json!("7")));
    }
    let found = rows(&engine);
    assert_eq!((found.len(), elastic::id(&found[0])), (3, answer["_id"].as_str()));
    let (status, answer) = ask(&router, Method::POST, "/elastic/logs/_doc", "[]").await;
    assert_eq!((status, &answer["error"]["type"]), (StatusCode::BAD_REQUEST, &json!("document_parsing_exception")));
}

#[tokio::test]
async fn what_shippers_ask_at_their_start_is_answered() {
    let (_folder, router) = open(Recorder::new());
    let (status, answer) = ask(&router, Method::GET, "/elastic/", "").await;
    assert_eq!((status, &answer["version"]["number"]), (StatusCode::OK, &json!("8.19.0")));
    assert_eq!(answer["tagline"], "You Know, for Search");
    assert_eq!(ask(&router, Method::HEAD, "/elastic/", "").await, (StatusCode::OK, Json::Null));
    let (_, answer) = ask(&router, Method::GET, "/elastic/_license", "").await;
    assert_eq!((&answer["license"]["type"], &answer["license"]["status"]), (&json!("basic"), &json!("active")));
    let (_, answer) = ask(&router, Method::GET, "/elastic/_nodes/_all/http", "").await;
    let node = answer["nodes"].as_object().expect("nodes").values().next().expect("a node");
    assert_eq!(node["http"]["publish_address"], "search.example:9200");
    let (_, answer) = ask(&router, Method::GET, "/elastic/_cluster/health?wait_for_status=yellow&timeout=5s", "").await;
    assert_eq!((&answer["status"], &answer["timed_out"]), (&json!("green"), &json!(false)));
    let (_, answer) = ask(&router, Method::GET, "/elastic/_cluster/health?filter_path=status", "").await;
    assert_eq!(answer, json!({ "status": "green" }));
}

#[tokio::test]
async fn what_is_defined_is_given_back() {
    let (folder, router) = open(Recorder::new());
    let template = json!({ "index_patterns": ["logs-*"], "template": { "mappings": {} } });
    for path in [
        "_index_template",
        "_template",
        "_component_template",
        "_ilm/policy",
        "_ingest/pipeline",
        "_logstash/pipeline",
        "_data_stream",
    ] {
        let one = format!("/elastic/{path}/mine");
        let all = format!("/elastic/{path}");
        assert_eq!(ask(&router, Method::HEAD, &one, "").await.0, StatusCode::NOT_FOUND, "{path}");
        let (status, answer) = ask(&router, Method::PUT, &one, &template.to_string()).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({ "acknowledged": true })), "{path}");
        assert_eq!(ask(&router, Method::HEAD, &one, "").await.0, StatusCode::OK, "{path}");
        for asked in [one.as_str(), &all, &format!("{all}/mi*")] {
            let (_, answer) = ask(&router, Method::GET, asked, "").await;
            assert!(answer.to_string().contains("mine"), "{asked}: {answer}");
        }
        assert!(ask(&router, Method::PUT, &one, "{").await.0.is_client_error());
    }
    let (_, answer) = ask(&router, Method::GET, "/elastic/_index_template/mine", "").await;
    assert_eq!(answer, json!({ "index_templates": [{ "name": "mine", "index_template": template }] }));
    let (status, answer) = ask(&router, Method::PUT, "/elastic/logs-1", "{\"mappings\":{\"a\":1}}").await;
    assert_eq!((status, &answer["index"]), (StatusCode::OK, &json!("logs-1")));
    let (status, answer) = ask(&router, Method::PUT, "/elastic/logs-1", "").await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (StatusCode::BAD_REQUEST, &json!("resource_already_exists_exception"))
    );
    assert_eq!(ask(&router, Method::PUT, "/elastic/_odd", "").await.0, StatusCode::BAD_REQUEST);
    for (path, body) in [("_mapping", "{\"b\":2}"), ("_settings", "{\"c\":3}"), ("_alias/logs", "")] {
        assert_eq!(ask(&router, Method::PUT, &format!("/elastic/logs-1/{path}"), body).await.0, StatusCode::OK);
    }
    let kept = std::fs::read_to_string(folder.path().join("default.json")).expect("a file");
    let kept: Json = serde_json::from_str(&kept).expect("JSON");
    let expected = json!({ "mappings": { "a": 1, "b": 2 }, "settings": { "c": 3 }, "aliases": { "logs": {} } });
    assert_eq!(kept["index"]["logs-1"], expected);
    assert_eq!(ask(&router, Method::DELETE, "/elastic/_index_template/mine", "").await.0, StatusCode::OK);
    assert_eq!(ask(&router, Method::DELETE, "/elastic/_index_template/mine", "").await.0, StatusCode::NOT_FOUND);
}
