//! Requests, good and bad, with the same answers from a real Prometheus 3.5 and from ours: status, type of content and body to the byte.

use anyhow::Result;
use vitrine_tests_engines::prometheus;

use crate::client::{HttpRequest, HttpResponse, ask};
use crate::data::{self, SAMPLES, START_S, STEP_S};
use crate::ours::Ours;

/// How an answer is compared.
#[derive(Clone, Copy)]
enum Expectation {
    /// It is the same to the byte.
    Same,
    /// Its JSON has the same names at the same places; values are times of the machine.
    Shape,
    /// It is another one, for this reason; its status is ours.
    Other(u16, &'static str),
}
use Expectation::{Other, Same, Shape};

/// 3.14 says it in other words than the 3.5 that can be had here.
const NEWER: &str = "it is as in Prometheus 3.14";
/// Series are in order, which those of Prometheus are not where a limit cuts them.
const ORDERED: &str = "what a limit leaves is the first in order";
/// A parameter that cannot be decoded is said to be so; Prometheus takes it for none.
const TOLD: &str = "what cannot be decoded is told";
/// HTTP wants HEAD wherever there is GET.
const HEAD: &str = "HEAD is answered where GET is, with the same headers";
/// Prometheus's router sends browsers from path to path.
const NO_DETOUR: &str = "a path that is none is told, and nobody is sent to another";

fn requests() -> Vec<(HttpRequest, Expectation)> {
    let end = START_S + (SAMPLES - 1) * STEP_S;
    let mut all = Vec::new();
    let mut get = |target: String, wanted| all.push((HttpRequest::get(target), wanted));
    let at = |query: &str| format!("/api/v1/query?query={query}&time={end}");
    let range =
        |query: &str, step: &str| format!("/api/v1/query_range?query={query}&start={START_S}&end={end}&step={step}");
    let times = format!("start={START_S}&end={end}");
    // Results.
    for query in [
        "1%2B1",
        "up",
        "requests_total",
        "%7B%22http.size%22%7D",
        "gone",
        "native",
        "native_gauge",
        "%22a%3Cb%3E%22",
        "vector(1)",
        "requests_total%5B1m%5D",
        "native%5B30s%5D",
        "sum(rate(requests_total%5B5m%5D))",
        "topk(1,requests_total)",
        "sort_desc(up)",
        "histogram_quantile(0.9,rate(latency_bucket%5B5m%5D))",
        "histogram_quantile(0.9,native)",
        "rate(native%5B5m%5D)",
        "1/0",
        "-1/0",
        "0/0",
        "time()",
        "up%20offset%2030m",
        "up%20%40%20end()",
        "count_values(%22v%22,up)",
        "absent(nope)",
        "none",
        "up%20and%20none",
        "-native",
        "native_gauge%20-%20native_gauge",
        "label_replace(up,%22x%22,%22%241%22,%22job%22,%22(.*)%22)",
    ] {
        get(at(query), Same);
        if !query.contains("%5B1m")
            && !query.contains("%5B30s")
            && !query.contains("%22a%3C")
            && !query.contains("sort")
        {
            get(range(query, "437"), Same);
        }
    }
    get(range("up", "0.5"), Same);
    get(range("up", "1m"), Same);
    get(range("up", "60&limit=1"), Same);
    get(at("up&limit=1"), Same);
    get(at("up&limit=0"), Same);
    get(at("up&limit=9"), Same);
    get(at("up&lookback_delta=1s"), Same);
    get(at("up&timeout=10s"), Same);
    get("/api/v1/query?query=up&time=2020-09-13T12:57:00Z".to_owned(), Same);
    get("/api/v1/query?query=up&time=2020-09-13T14:57:00.123%2B02:00".to_owned(), Same);
    get(at("up&stats=true"), Shape);
    get(at("up&stats=all"), Shape);
    get(range("up", "60&stats=all"), Shape);
    // Names.
    for target in [
        "series?match%5B%5D=up",
        "series?match%5B%5D=up&match%5B%5D=gone",
        "series?match%5B%5D=nope",
        "labels?",
        "labels?limit=2",
        "labels?match%5B%5D=up",
        "label/job/values?",
        "label/job/values?limit=1",
        "label/__name__/values?match%5B%5D=up",
        "label/le/values?",
        "label/nope/values?",
        "label/U__a_20_b/values?",
        "label/instance/values?",
    ] {
        get(format!("/api/v1/{target}&{times}"), Same);
    }
    // What there is nothing of.
    for target in [
        "rules",
        "alerts",
        "alertmanagers",
        "targets",
        "scrape_pools",
        "metadata?metric=nope",
        "targets/metadata",
        "query_exemplars?query=up&start=1&end=2",
    ] {
        get(format!("/api/v1/{target}"), Same);
    }
    get("/api/v1/format_query?query=sum%20by(a)(up)%2B1".to_owned(), Same);
    get("/api/v1/parse_query?query=1".to_owned(), Same);
    get("/api/v1/parse_query?query=rate(up%7Bjob=%22api%22%7D%5B5m%5D)".to_owned(), Other(200, NEWER));
    get(format!("/api/v1/series?match%5B%5D=%7Bjob=~%22a.*%22%7D&limit=2&{times}"), Other(200, ORDERED));
    get("/api/v1/query?query=%zz".to_owned(), Other(400, TOLD));
    get("/api/v1/label//values".to_owned(), Other(400, NO_DETOUR));
    get("/api/v1/scrape_pools/config".to_owned(), Other(400, NEWER));
    get("/api/v1/search/metric_names?limit=0".to_owned(), Other(400, NEWER));
    get("/-/healthy".to_owned(), Same);
    get("/-/ready".to_owned(), Same);
    // Mistakes.
    for target in [
        "query",
        "query?query=up%7B",
        "query?query=up&time=x",
        "query?query=up&time=1e400",
        "query?query=up&timeout=x",
        "query?query=up&limit=x",
        "query?query=up&limit=-1",
        "query?query=up&lookback_delta=x",
        "query?query=nope(up)",
        "query?query=up%2B",
        "query?query=sum(up",
        "query?query=rate(up)",
        "query?query=up%20==%20bool%201%20foo",
        "query?query=%7B%7D",
        "query?query=%7Bjob=~%22(%22%7D",
        "query_range?query=up",
        "query_range?query=up&start=1&end=2",
        "query_range?query=up&start=2&end=1&step=1",
        "query_range?query=up&start=1&end=2&step=0",
        "query_range?query=up&start=1&end=2&step=-1",
        "query_range?query=up&start=1&end=2&step=x",
        "query_range?query=up&start=x&end=2&step=1",
        "query_range?query=up%5B5m%5D&start=1&end=2&step=1",
        "query_range?query=up&start=0&end=100000&step=1",
        "query_range?query=up&start=1&end=2&step=1e300",
        "series",
        "series?match%5B%5D=up%7B",
        "series?match%5B%5D=%7B%7D",
        "series?match%5B%5D=up&start=x",
        "series?match%5B%5D=up&limit=x",
        "labels?match%5B%5D=up%7B",
        "labels?start=x",
        "labels?limit=-1",
        "label/job/values?match%5B%5D=%7B%7D",
        "label/job/values?end=x",
        "metadata?limit=x",
        "metadata?limit_per_metric=x",
        "query_exemplars?query=up%7B",
        "query_exemplars?query=up&start=3&end=2",
        "query_exemplars?start=x",
        "format_query?query=up%7B",
        "parse_query",
        "rules?type=x",
        "rules?match%5B%5D=up%7B",
        "rules?exclude_alerts=x",
        "rules?group_limit=x",
        "rules?group_limit=-1",
        "rules?group_next_token=x",
        "status/tsdb?limit=0",
        "status/tsdb?limit=x",
        "nope",
        "targets/metadata?limit=x",
        "targets/metadata?match_target=up%7B",
    ] {
        get(format!("/api/v1/{target}"), Same);
    }
    get("/nope".to_owned(), Same);
    get("/federate?match%5B%5D=up%7B".to_owned(), Same);
    get("/federate".to_owned(), Same);
    // Other forms and methods.
    let query = format!("query=up&time={end}");
    all.push((HttpRequest::post("/api/v1/query", &query), Same));
    all.push((HttpRequest::post("/api/v1/query?query=nope", &query), Same));
    all.push((HttpRequest::post("/api/v1/query", "query=%zz"), Other(400, TOLD)));
    all.push((HttpRequest::post("/api/v1/series", &format!("match[]=up&{times}")), Same));
    all.push((HttpRequest::post("/api/v1/labels", &times), Same));
    for (method, target) in [("DELETE", at("up")), ("PUT", at("up")), ("POST", "/api/v1/rules".to_owned())] {
        all.push((HttpRequest { method, target, ..HttpRequest::default() }, Same));
    }
    for target in [at("up"), "/-/healthy".to_owned()] {
        all.push((HttpRequest { method: "HEAD", target, ..HttpRequest::default() }, Other(200, HEAD)));
    }
    all.push((HttpRequest { method: "OPTIONS", target: "/api/v1/query".to_owned(), ..HttpRequest::default() }, Same));
    all.push((HttpRequest { method: "GET", target: "/api/v1/read".to_owned(), ..HttpRequest::default() }, Same));
    for (target, kind) in [
        ("delete_series", "POST"),
        ("clean_tombstones", "PUT"),
        ("snapshot?skip_head=x", "POST"),
        ("delete_series?match%5B%5D=up%7B", "POST"),
    ] {
        all.push((
            HttpRequest { method: kind, target: format!("/api/v1/admin/tsdb/{target}"), ..HttpRequest::default() },
            Same,
        ));
    }
    all
}

/// Names and places in JSON, without values.
fn shape(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        serde_json::Value::Array(items) => items.first().map(shape).into_iter().collect(),
        _ => serde_json::Value::Null,
    }
}

fn difference(ours: &HttpResponse, theirs: &HttpResponse, wanted: Expectation) -> Result<Option<String>> {
    let told = |answer: &HttpResponse| {
        let text = answer.text();
        let start: String = text.chars().take(300).collect();
        format!("{} {} {start:?}", answer.status, answer.header("content-type"))
    };
    let is_same = (ours.status, ours.header("content-type"), &ours.body)
        == (theirs.status, theirs.header("content-type"), &theirs.body);
    Ok(match wanted {
        Same if is_same => None,
        Shape if shape(&ours.json()?) == shape(&theirs.json()?) => None,
        Other(status, _) if ours.status == status && !is_same => None,
        Same | Shape => Some(format!("ours:   {}\n  theirs: {}", told(ours), told(theirs))),
        Other(_, why) => Some(format!("is not other any more, or in another way ({why}): {}", told(ours))),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_prometheus() -> Result<()> {
    let theirs = tokio::task::spawn_blocking(|| prometheus(&["--web.enable-admin-api"])).await??;
    let ours = Ours::start().await?;
    let seeded = data::seeded();
    for port in [theirs.port(), ours.port] {
        data::write(port, &seeded).await?;
    }
    let (mut wrong, requests) = (Vec::new(), requests());
    for (asked, wanted) in &requests {
        let (mine, real) = (ask(ours.port, asked).await?, ask(theirs.port(), asked).await?);
        if let Some(difference) = difference(&mine, &real, *wanted)? {
            wrong.push(format!("{} {}\n  {difference}", asked.method, asked.target));
        }
    }
    let other: Vec<String> = requests
        .iter()
        .filter_map(|(asked, wanted)| match wanted {
            Other(_, why) => Some(format!("{} {}: {why}", asked.method, asked.target)),
            _ => None,
        })
        .collect();
    println!("{} requests, {} answered otherwise on purpose, {} wrong", requests.len(), other.len(), wrong.len());
    other.iter().chain(&wrong).for_each(|line| println!("{line}"));
    assert!(wrong.is_empty(), "{} of {} answers differ, see above", wrong.len(), requests.len());
    Ok(())
}
