//! Parameters are read, and those that cannot be are named.

use axum::Router;
use http::StatusCode;
use serde_json::{Value, json};
use vitrine_observe_store::Tenant;

use crate::client::{engine, get, open};
use crate::scenario::{self, SHOP, START_NS};

const START_US: u64 = START_NS / 1_000;
/// When the failed span of carts started.
const CARTS_US: u64 = START_US - 1_000;
const TIMES: &str = "query.startTimeMin=2023-11-14T22:13:19.999Z&query.startTimeMax=2023-11-14T22:13:21%2B00:00";

async fn shop() -> Router {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    open(&engine)
}

#[tokio::test]
async fn jaegers_search_reads_every_parameter() {
    let router = shop().await;
    let found = [
        String::new(),
        "&operation=Reserve".into(),
        "&operation=".into(),
        format!("&start={CARTS_US}&end={}", CARTS_US + 1),
        format!("&start={}", START_US - 1),
        "&minDuration=10ms".into(),
        "&minDuration=9.9ms&maxDuration=10ms".into(),
        "&maxDuration=1000us&operation=compute".into(),
        "&lookback=custom&limit=1".into(),
        "&lookback=300000h".into(),
        "&tags=%7B%22peer.service%22%3A%22stock%22%2C%22net.peer.port%22%3A5432%2C%22error%22%3A%22true%22%7D".into(),
        "&tag=peer.service:stock&tag=net.peer.port:5432&tag=error:true".into(),
        "&tag=span.kind:client&tag=host.name:h2".into(),
    ];
    for query in found {
        let answer = get(&router, &format!("/jaeger/api/traces?service=carts{query}")).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["data"][0]["traceID"]), (StatusCode::OK, &json!(SHOP)), "{query}");
        assert_eq!(body["data"][0]["spans"].as_array().map(Vec::len), Some(3), "the whole trace answers: {query}");
    }
    let empty = [
        "&operation=GET%20%2Fcart".to_owned(),
        format!("&start={}", START_US + 1_001),
        format!("&end={}", CARTS_US - 1),
        format!("&start={START_NS}"),
        format!("&end={}", START_US / 1_000),
        "&minDuration=10.1ms".into(),
        "&maxDuration=1us".into(),
        "&lookback=1h".into(),
        "&tag=peer.service:other".into(),
    ];
    for query in empty {
        let answer = get(&router, &format!("/jaeger/api/traces?service=carts{query}")).await;
        assert_eq!((answer.status, &answer.json()["data"]), (StatusCode::OK, &json!([])), "{query}");
    }
}

#[tokio::test]
async fn v3s_search_reads_camel_case_and_snake_case() {
    let router = shop().await;
    let found = [
        "",
        "&query.serviceName=carts&query.operationName=Reserve",
        "&query.service_name=carts&query.operation_name=Reserve",
        "&query.durationMin=10ms&query.durationMax=15ms",
        "&query.duration_min=10ms&query.duration_max=15ms",
        "&query.attributes=%7B%22peer.service%22:%22stock%22%7D",
        "&query.searchDepth=1",
        "&query.search_depth=1",
        "&query.num_traces=1&query.rawTraces=true&query.raw_traces=0",
    ];
    for query in found {
        let answer = get(&router, &format!("/jaeger/api/v3/traces?{TIMES}{query}")).await;
        let span = &answer.json()["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!((answer.status, &span["traceId"]), (StatusCode::OK, &json!(SHOP)), "{query}");
    }
    let empty = [
        format!("{TIMES}&query.serviceName=worker"),
        format!("{TIMES}&query.attributes=%7B%22s%22:%22w%22%7D"),
        format!("{TIMES}&query.duration_min=1h"),
        // The end is not part of the interval.
        "query.start_time_min=2023-11-14T22:13:18Z&query.start_time_max=2023-11-14T22:13:19.999Z".into(),
    ];
    for query in empty {
        assert_eq!(get(&router, &format!("/jaeger/api/v3/traces?{query}")).await.status, 404, "{query}");
        let summaries = get(&router, &format!("/jaeger/api/v3/trace-summaries?{query}")).await;
        assert_eq!((summaries.status, summaries.json()), (StatusCode::OK, json!({ "summaries": [] })), "{query}");
    }
}

#[tokio::test]
async fn zipkins_search_reads_every_parameter() {
    let router = shop().await;
    let time = "endTs=1700000000500&lookback=60000";
    let found = [
        "",
        "&serviceName=carts&spanName=Reserve&remoteServiceName=stock",
        "&serviceName=carts&spanName=all",
        "&serviceName=all",
        "&annotationQuery=http.request.method%3DGET%20and%20s%3Dv",
        "&serviceName=carts&annotationQuery=error",
        "&annotationQuery=done",
        "&annotationQuery=big%20and%20retry",
        "&minDuration=10000&maxDuration=10000",
        "&limit=1",
    ];
    for query in found {
        let answer = get(&router, &format!("/zipkin/api/v2/traces?{time}{query}")).await;
        let body = answer.json();
        assert_eq!((answer.status, body.as_array().map(Vec::len)), (StatusCode::OK, Some(1)), "{query}");
        assert_eq!(body[0].as_array().map(Vec::len), Some(3), "{query}");
        assert_eq!(body[0][0]["traceId"], json!(SHOP), "{query}");
    }
    let empty = [
        "&remoteServiceName=payments",
        "&spanName=nothing",
        "&annotationQuery=http.request.method%3DPUT",
        "&annotationQuery=absent",
        "&serviceName=carts&annotationQuery=done",
        "&serviceName=gateway&annotationQuery=error",
        "&minDuration=20001",
    ];
    for query in empty {
        let answer = get(&router, &format!("/zipkin/api/v2/traces?{time}{query}")).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!([])), "{query}");
    }
    let of_today = get(&router, "/zipkin/api/v2/traces").await;
    assert_eq!((of_today.status, of_today.json()), (StatusCode::OK, json!([])), "it looks back a day");
}

#[tokio::test]
async fn the_graph_looks_back_a_day() {
    let router = shop().await;
    let cases = [
        ("/jaeger/api/dependencies?endTs=1700000060000&lookback=120000&service=carts", 2),
        ("/jaeger/api/dependencies?endTs=1700000060000&lookback=120000&service=worker", 0),
        ("/jaeger/api/dependencies?endTs=1700000060000", 2),
        ("/jaeger/api/dependencies?endTs=1690000000000", 0),
        ("/jaeger/api/dependencies", 0),
    ];
    for (path, edges) in cases {
        assert_eq!(get(&router, path).await.json()["data"].as_array().map(Vec::len), Some(edges), "{path}");
    }
}

#[tokio::test]
async fn bad_questions_get_jaegers_errors() {
    let router = shop().await;
    let cases = [
        ("traces/xyz", 400, "expected 1 to 32 hexadecimal digits"),
        ("traces/0", 400, "not all zero"),
        ("traces/123456789012345678901234567890123", 400, "expected 1 to 32 hexadecimal digits"),
        ("traces/1?raw=perhaps", 400, "unable to parse param 'raw'"),
        ("traces/1?start=soon", 400, "unable to parse param 'start'"),
        ("operations", 400, "parameter 'service' is required"),
        ("traces?service=a&start=x", 400, "'start'"),
        ("traces?service=a&end=-1", 400, "'end'"),
        ("traces?service=a&limit=many", 400, "'limit'"),
        ("traces?service=a&minDuration=5", 400, "expected a duration such as"),
        ("traces?service=a&minDuration=s", 400, "'minDuration'"),
        ("traces?service=a&maxDuration=99999999999999h", 400, "'maxDuration'"),
        ("traces?service=a&minDuration=2s&maxDuration=1s", 400, "'maxDuration' should be greater than 'minDuration'"),
        ("traces?service=a&tag=nocolon", 400, "malformed 'tag' parameter, expecting key:value, received: nocolon"),
        ("traces?service=a&tags=%7B", 400, "malformed 'tags' parameter"),
        ("traces?service=a&tags=%5B%5D", 400, "malformed 'tags' parameter"),
        ("traces?traceID=zz", 400, "'traceID'"),
        ("dependencies?endTs=soon", 400, "'endTs'"),
        ("metrics/calls", 400, "unable to parse param 'service': please provide at least one service name"),
        ("metrics/latencies?service=a", 400, "'quantile'"),
        ("metrics/latencies?service=a&quantile=2", 400, "expected a number from 0 to 1"),
        ("metrics/errors?service=a&spanKind=odd", 400, "unsupported span kind: 'odd'"),
        ("metrics/errors?service=a&groupByOperation=2", 400, "'groupByOperation'"),
        ("metrics/calls?service=a&lookback=99999999999999", 400, "expected at most 11000: a longer step"),
    ];
    for (path, code, message) in cases {
        let answer = get(&router, &format!("/jaeger/api/{path}")).await;
        let body = answer.json();
        let shape = (answer.status.as_u16(), &body["data"], &body["errors"][0]["code"]);
        assert_eq!(shape, (code, &Value::Null, &json!(code)), "{path}");
        let said = body["errors"][0]["msg"].as_str().expect("a message");
        assert!(said.contains(message), "{path}: {said}");
    }
}

#[tokio::test]
async fn bad_questions_get_v3s_errors() {
    let router = shop().await;
    let search = format!("traces?{TIMES}");
    let cases = [
        ("traces".to_owned(), "query.startTimeMin and query.startTimeMax are required"),
        ("traces?query.startTimeMin=2023-11-14T22:13:20Z".into(), "are required"),
        ("trace-summaries".into(), "are required"),
        ("traces?query.startTimeMin=NaN".into(), "malformed parameter query.startTimeMin: \"NaN\" found"),
        ("traces?query.start_time_min=2023-02-29T00:00:00Z".into(), "malformed parameter query.start_time_min"),
        ("traces?query.start_time_min=2023-02-28T24:00:00Z".into(), "malformed parameter query.start_time_min"),
        (format!("{search}&query.searchDepth=NaN"), "malformed parameter query.searchDepth"),
        (format!("{search}&query.num_traces=NaN"), "malformed parameter query.num_traces"),
        (format!("{search}&query.duration_min=NaN"), "malformed parameter query.duration_min"),
        (format!("{search}&query.durationMax=NaN"), "malformed parameter query.durationMax"),
        (format!("{search}&query.durationMin=2s&query.durationMax=1s"), "malformed parameter query.durationMax"),
        (format!("{search}&query.rawTraces=foobar"), "malformed parameter query.rawTraces"),
        (format!("{search}&query.attributes=5"), "malformed parameter query.attributes"),
        (format!("{search}&query.filter=%7B%7D"), "malformed parameter query.filter"),
        ("traces/1?start_time=abc".into(), "malformed parameter start_time"),
        ("traces/1?endTime=xyz".into(), "malformed parameter endTime"),
        ("traces/1?raw_traces=foobar".into(), "malformed parameter raw_traces"),
        ("operations".into(), "parameter 'service' is required"),
        ("dependencies?startTime=2023-11-14T22:13:20Z".into(), "parameter 'endTime' is required"),
    ];
    for (path, message) in cases {
        let answer = get(&router, &format!("/jaeger/api/v3/{path}")).await;
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), &body["error"]["httpCode"]), (400, &json!(400)), "{path}");
        let said = body["error"]["message"].as_str().expect("a message");
        assert!(said.contains(message), "{path}: {said}");
    }
}

#[tokio::test]
async fn bad_questions_get_zipkins_words() {
    let router = shop().await;
    let cases = [
        ("trace/1", 404, "0000000000000001 not found"),
        ("trace/0af7651916cd43dd8448eb211c80319d", 404, "0af7651916cd43dd8448eb211c80319d not found"),
        ("trace/0e8b46e1-81b", 400, "0e8b46e1-81b should be lower-hex encoded with no prefix"),
        ("trace/000", 400, "traceId is all zeros"),
        ("trace/123456789012345678901234567890123", 400, "traceId.length > 32"),
        ("traceMany", 400, "traceIds parameter is empty"),
        ("traceMany?traceIds=", 400, "traceIds parameter is empty"),
        ("traceMany?traceIds=ab", 400, "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace"),
        ("traceMany?traceIds=ab,00ab", 400, "redundant traceId: 00000000000000ab"),
        ("traceMany?traceIds=ab,xyz", 400, "xyz should be lower-hex encoded with no prefix"),
        ("spans", 400, "parameter 'serviceName' is required"),
        ("remoteServices", 400, "parameter 'serviceName' is required"),
        ("dependencies", 400, "parameter 'endTs' is required"),
        ("autocompleteValues", 400, "parameter 'key' is required"),
        ("traces?limit=0", 400, "limit <= 0"),
        ("traces?endTs=0", 400, "endTs <= 0"),
        ("traces?lookback=0", 400, "lookback <= 0"),
        ("traces?minDuration=0", 400, "minDuration <= 0"),
        ("traces?maxDuration=1", 400, "maxDuration is only valid with minDuration"),
        ("traces?minDuration=2&maxDuration=1", 400, "maxDuration < minDuration"),
        ("traces?limit=ten", 400, "unable to parse param 'limit': \"ten\" found; expected a whole number"),
    ];
    for (path, code, words) in cases {
        let answer = get(&router, &format!("/zipkin/api/v2/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (code, words), "{path}");
        assert!(answer.headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/plain")), "{path}");
    }
}
