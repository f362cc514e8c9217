//! What clients of Prometheus get, to the byte.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use tower::ServiceExt;
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_observe_api::{Prometheus, PrometheusOptions, PrometheusParts, prometheus_router};
use vitrine_observe_promql::testing::{MemorySeries, SequenceValue, parse_series};
use vitrine_observe_rules::status::{
    AlertState, AlertStatus, AlertingStatus, Evaluation, GroupStatus, Health, RuleStatus, RuleStatuses,
};
use vitrine_observe_store::series::{Labels, Queryable, Value};
use vitrine_observe_store::{Access, Right, Series, Tenant, Token};

use crate::client::{TestResponse, get, send};

/// The time of all tests, in milliseconds since 1970.
pub const NOW_MS: i64 = 1_700_000_000_000;

/// The series of every tenant: a sample each minute until now.
pub struct Engine(Arc<MemorySeries>);

impl Series for Engine {
    fn series(&self, _: &Tenant) -> Arc<dyn Queryable> {
        self.0.clone()
    }
}

pub fn engine() -> Arc<Engine> {
    let mut series = MemorySeries::default();
    for line in [
        "up{job=\"api\",instance=\"a:1\"} 1 1 1",
        "up{job=\"api\",instance=\"b<1>\"} 0 1 0.5",
        "requests_total{job=\"api\"} 10 20 40",
        "{\"http.size\",\"a b\"=\"c\"} 1e21 1e-7 -Inf",
        "gone 1 2 stale",
        "latency {{}} {{}} {{schema:0 count:6 sum:7.5 z_bucket:1 z_bucket_w:0.5 buckets:[2 0 3]}}",
    ] {
        let (labels, values) = parse_series(line).expect("a series");
        for (time_ms, value) in [NOW_MS - 120_000, NOW_MS - 60_000, NOW_MS].into_iter().zip(values) {
            let value = match value {
                SequenceValue::Omitted => continue,
                SequenceValue::Float(bits) => Value::Float(bits),
                SequenceValue::Histogram { histogram, .. } => Value::Histogram(histogram),
            };
            series.append(&labels, time_ms, 0, value);
        }
    }
    Arc::new(Engine(Arc::new(series)))
}

pub fn clock() -> Clock {
    Clock::manual(NOW_MS).0
}

fn router() -> Router {
    let options = PrometheusOptions { retention: "15d".to_owned(), ..PrometheusOptions::default() };
    prometheus_router(&Prometheus::new(engine(), PrometheusParts::default(), Access::open(), options, clock()))
}

async fn body(path: &str) -> String {
    get(&router(), path).await.body
}

async fn post(router: &Router, path: &str, form: &str) -> TestResponse {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(router, request.body(Body::from(form.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn results_are_those_of_prometheus_to_the_byte() {
    for (path, wanted) in [
        // What Grafana asks to find out whether all is well.
        ("query?query=1%2B1&time=4", r#"{"resultType":"scalar","result":[4,"2"]}"#),
        (
            "query?query=up",
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a:1","job":"api"},"value":[1700000000,"1"]},{"metric":{"__name__":"up","instance":"b<1>","job":"api"},"value":[1700000000,"0.5"]}]}"#,
        ),
        ("query?query=none", r#"{"resultType":"vector","result":[]}"#),
        ("query?query=%22%3Ca%3E%22&time=1.5", r#"{"resultType":"string","result":[1.500,"\u003ca\u003e"]}"#),
        (
            "query?query=requests_total[2m]",
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"requests_total","job":"api"},"values":[[1699999940,"20"],[1700000000,"40"]]}]}"#,
        ),
        (
            "query?query=latency",
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"latency"},"histogram":[1700000000,{"count":"6","sum":"7.5","buckets":[[3,"-0.5","0.5","1"],[0,"0.5","1","2"],[0,"2","4","3"]]}]}]}"#,
        ),
        (
            "query_range?query=%7B%22http.size%22%7D&start=1699999880&end=1700000000&step=60",
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"http.size","a b":"c"},"values":[[1699999880,"1e+21"],[1699999940,"1e-07"],[1700000000,"-Inf"]]}]}"#,
        ),
        (
            "query_range?query=requests_total/0&start=2023-11-14T22:13:20Z&end=1700000000.5&step=1m",
            r#"{"resultType":"matrix","result":[{"metric":{"job":"api"},"values":[[1700000000,"+Inf"]]}]}"#,
        ),
        (
            "series?match[]=up",
            r#"[{"__name__":"up","instance":"a:1","job":"api"},{"__name__":"up","instance":"b<1>","job":"api"}]"#,
        ),
        (
            "series?match[]=gone&match[]={__name__=~%22gone|latency%22}",
            r#"[{"__name__":"gone"},{"__name__":"latency"}]"#,
        ),
        ("labels", r#"["__name__","a b","instance","job"]"#),
        ("labels?match[]=gone", r#"["__name__"]"#),
        ("label/__name__/values?match[]={job=%22api%22}", r#"["requests_total","up"]"#),
        ("label/instance/values", r#"["a:1","b\u003c1\u003e"]"#),
        ("label/U__a_20_b/values", r#"["c"]"#),
        ("label/nope/values", "[]"),
        ("metadata", "{}"),
        ("rules?type=alert", r#"{"groups":[]}"#),
        ("alerts", r#"{"alerts":[]}"#),
        ("format_query?query=sum(up)by(job)", r#""sum by (job) (up)""#),
        ("parse_query?query=1", r#"{"type":"numberLiteral","val":"1"}"#),
        ("status/walreplay", r#"{"current":0,"max":0,"min":0}"#),
    ] {
        let wanted = format!(r#"{{"status":"success","data":{wanted}}}"#);
        assert_eq!(body(&format!("/api/v1/{path}")).await, wanted, "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_words_of_prometheus() {
    let steps =
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
    for (path, status, kind, wanted) in [
        (
            "query",
            400,
            "bad_data",
            "invalid parameter \"query\": unknown position: parse error: no expression found in input",
        ),
        (
            "query?query=up{",
            400,
            "bad_data",
            "invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces",
        ),
        (
            "query?query=1&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query?query=1&timeout=x",
            400,
            "bad_data",
            "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
        ),
        ("query?query=1&limit=-1", 400, "bad_data", "invalid parameter \"limit\": limit must be non-negative"),
        (
            "query?query=1&lookback_delta=x",
            400,
            "bad_data",
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
        ),
        ("query?query=%zz", 400, "bad_data", "error parsing form values: invalid URL escape in \"%zz\""),
        (
            "query?query=up%2Bon(job)up",
            422,
            "execution",
            "found duplicate series for the match group {job=\"api\"} on the right hand-side of the operation: [{__name__=\"up\", instance=\"a:1\", job=\"api\"}, {__name__=\"up\", instance=\"b<1>\", job=\"api\"}];many-to-many matching not allowed: matching labels must be unique on one side",
        ),
        (
            "query_range?query=1&start=2&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?query=1&start=1&end=2&step=0",
            400,
            "bad_data",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        ("query_range?query=1&start=0&end=11001&step=1", 400, "bad_data", steps),
        (
            "query_range?query=up[5m]&start=1&end=2&step=1",
            400,
            "bad_data",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        (
            "query_range?query=1&end=2&step=1",
            400,
            "bad_data",
            "invalid parameter \"start\": cannot parse \"\" to a valid timestamp",
        ),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match[]={}",
            400,
            "bad_data",
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
        ),
        ("labels?match[]=up[", 400, "bad_data", "1:3: parse error: unexpected \"[\""),
        ("label/U__/values", 400, "bad_data", "invalid label name: \"\""),
        ("metadata?limit=x", 400, "bad_data", "limit must be a number"),
        ("status/tsdb?limit=0", 400, "bad_data", "limit must be a positive number"),
        ("status/tsdb?limit=10001", 400, "bad_data", "limit must not exceed 10000"),
        ("query_exemplars?query=up{", 400, "bad_data", "1:4: parse error: unexpected end of input inside braces"),
        ("rules?type=x", 400, "bad_data", "invalid parameter \"type\": not supported value \"x\""),
    ] {
        let response = get(&router(), &format!("/api/v1/{path}")).await;
        assert_eq!(response.status.as_u16(), status, "{path}: {}", response.body);
        assert_eq!(response.headers[header::CONTENT_TYPE], "application/json");
        let json = response.json();
        assert_eq!((json["status"].as_str(), json["errorType"].as_str()), (Some("error"), Some(kind)), "{path}");
        assert_eq!(json["error"].as_str(), Some(wanted), "{path}");
    }
}

#[tokio::test]
async fn forms_count_before_addresses() {
    let router = router();
    let response = post(&router, "/api/v1/query?query=2&time=9", "query=1%2B%0A1&time=4&limit=").await;
    assert_eq!(response.body, r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#);
    let long = format!("query=1{}", "%20".repeat(100_000));
    assert_eq!(post(&router, "/api/v1/query", &long).await.status, StatusCode::OK);
    let too_long = post(&router, "/api/v1/query", &"a".repeat((1 << 20) + 1)).await;
    assert_eq!(too_long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(too_long.json()["status"], "error");
}

#[tokio::test]
async fn limits_and_annotations_are_told_beside_the_result() {
    let limited = get(&router(), "/api/v1/query?query=up&limit=1").await.json();
    assert_eq!(limited["data"]["result"].as_array().map(Vec::len), Some(1));
    assert_eq!(limited["warnings"], serde_json::json!(["results truncated due to limit"]));
    let warned = body("/api/v1/query?query=quantile(2,up)").await;
    assert!(
        warned.ends_with(
            r#""value":[1700000000,"+Inf"]}]},"warnings":["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]}"#
        ),
        "{warned}"
    );
    let informed = get(&router(), "/api/v1/query?query=rate(up[5m])").await.json();
    assert_eq!(
        informed["infos"][0],
        "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\" (1:6)"
    );
    let many: Vec<String> = (0..12).map(|number| format!("quantile({number}%2B2,up)")).collect();
    let many = get(&router(), &format!("/api/v1/query?query={}", many.join("%20or%20"))).await.json();
    let warnings = many["warnings"].as_array().unwrap();
    assert_eq!((warnings.len(), warnings[10].as_str()), (11, Some("2 more warning annotations omitted")));
    let stats = get(&router(), "/api/v1/query?query=up&stats=all").await.json();
    assert_eq!(stats["data"]["stats"]["samples"]["totalQueryableSamples"].as_u64().map(|count| count > 0), Some(true));
    let odd = get(&router(), "/api/v1/query?query=1&stats=yes").await.json();
    assert_eq!(odd["warnings"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn requests_of_grafana_are_answered() {
    let router = router();
    // Some of its versions send milliseconds where seconds belong.
    let exemplars = "/api/v1/query_exemplars?query=up&start=1700000000000&end=1700000060000";
    assert_eq!(get(&router, exemplars).await.body, r#"{"status":"success","data":[]}"#);
    assert_eq!(get(&router, "/api/v1/query_exemplars?query=1").await.status, StatusCode::NO_CONTENT);
    let build = get(&router, "/api/v1/status/buildinfo").await.json();
    assert_eq!(build["data"]["version"], "3.14.0");
    assert!(build["data"].get("features").is_none(), "with it Grafana takes it for Mimir");
    // It looks so whether it is Thanos.
    assert_eq!(get(&router, "/api/v1/status/flags").await.json()["data"]["query.timeout"], "30s");
    let thanos = get(&router, "/rules/test/test").await;
    assert_eq!((thanos.status, thanos.body.as_str()), (StatusCode::NOT_FOUND, "404 page not found\n"));
    let runtime = get(&router, "/api/v1/status/runtimeinfo").await.json();
    assert_eq!(runtime["data"]["startTime"], "2023-11-14T22:13:20.000Z");
    assert_eq!(runtime["data"]["storageRetention"], "15d");
    let features = get(&router, "/api/v1/features").await.json();
    assert_eq!(features["data"]["promql_functions"]["info"], true);
    assert_eq!(features["data"]["promql"]["delayed_name_removal"], false);
    let counts = get(&router, "/api/v1/status/tsdb").await.json();
    assert_eq!(counts["data"]["headStats"]["numSeries"], 6);
    for path in ["/-/healthy", "/-/ready"] {
        let response = get(&router, path).await;
        assert_eq!(response.status, StatusCode::OK);
        let head = send(&router, Request::head(path).body(Body::empty()).unwrap()).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    }
    let method = send(&router, Request::delete("/api/v1/query").body(Body::empty()).unwrap()).await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn newest_samples_can_be_federated() {
    let router = router();
    let response = get(&router, "/federate?match[]=up&match[]={__name__=~%22.%2B%22}").await;
    assert_eq!(
        response.body,
        "# TYPE http_size untyped\n\
         http_size{a_b=\"c\",instance=\"\"} -Inf 1700000000000\n\
         # TYPE requests_total untyped\n\
         requests_total{job=\"api\",instance=\"\"} 40 1700000000000\n\
         # TYPE up untyped\n\
         up{instance=\"a:1\",job=\"api\"} 1 1700000000000\n\
         up{instance=\"b<1>\",job=\"api\"} 0.5 1700000000000\n"
    );
    let request = Request::get("/federate?match[]={%22http.size%22}")
        .header(header::ACCEPT, "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5");
    let quoted = send(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        quoted.body,
        "# TYPE \"http.size\" untyped\n{\"http.size\",\"a b\"=\"c\",instance=\"\"} -Inf 1700000000000\n"
    );
    assert_eq!(get(&router, "/federate").await.body, "");
    let wrong = get(&router, "/federate?match[]=up{").await;
    assert_eq!(
        (wrong.status, wrong.body.as_str()),
        (StatusCode::BAD_REQUEST, "1:4: parse error: unexpected end of input inside braces\n")
    );
}

#[tokio::test]
async fn remote_reads_are_answered_in_protobuf() {
    // Snappy's blocks of an empty request, and of one that ends within a query.
    let read = async |body: &'static [u8]| {
        let response = router().oneshot(Request::post("/api/v1/read").body(Body::from(body)).unwrap()).await.unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind)
    };
    assert_eq!(read(b"\x00").await, (200, "application/x-protobuf".to_owned()));
    assert_eq!(read(b"\x02\x04\x0a\x7f").await, (400, "application/json".to_owned()));
}

/// Two groups, of which the second alerts.
struct Rules;

impl RuleStatuses for Rules {
    fn groups(&self) -> Vec<GroupStatus> {
        let group = |name: &str, rule: RuleStatus| GroupStatus {
            name: name.to_owned(),
            file: "shop.yaml".to_owned(),
            interval_s: 60.0,
            limit: 0,
            evaluation_s: 0.25,
            evaluated_at_ms: NOW_MS,
            missed: 0,
            rules: vec![rule],
        };
        let record = RuleStatus {
            name: "job:up:sum".to_owned(),
            query: "sum by (job) (up)".to_owned(),
            labels: Vec::new(),
            health: Health::Unknown,
            last_error: String::new(),
            evaluation_s: 0.0,
            evaluated_at_ms: 0,
            history: vec![Evaluation { at_ms: NOW_MS, took_s: 0.002, series: 0, error: "too <much>".to_owned() }],
            alerting: None,
        };
        let alert = AlertStatus {
            labels: Labels::of([("alertname", "Down")]),
            annotations: Labels::default(),
            state: AlertState::Firing,
            active_at_ms: NOW_MS,
            keep_firing_since_ms: None,
            value: 1.0,
        };
        let alerting = AlertingStatus {
            state: AlertState::Firing,
            hold_s: 300.0,
            keep_firing_for_s: 0.0,
            annotations: Vec::new(),
            alerts: vec![alert],
        };
        let down = RuleStatus {
            name: "Down".to_owned(),
            labels: vec![("severity".to_owned(), "page".to_owned())],
            health: Health::Err,
            last_error: "no".to_owned(),
            alerting: Some(alerting),
            ..record.clone()
        };
        vec![group("sums", record), group("alerts", down)]
    }
}

#[tokio::test]
async fn rules_and_alerts_are_told_as_they_are_asked_for() {
    let parts = PrometheusParts { rules: Some(Arc::new(Rules)), ..PrometheusParts::default() };
    let api = Prometheus::new(engine(), parts, Access::open(), PrometheusOptions::default(), clock());
    let router = prometheus_router(&api);
    let names = async |query: &str| -> Vec<String> {
        let json = get(&router, &format!("/api/v1/rules?{query}")).await.json();
        json["data"]["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("").await, ["sums", "alerts"]);
    for query in ["type=alert", "rule_name[]=Down", "rule_group[]=alerts", "match[]={severity=%22page%22}"] {
        assert_eq!(names(query).await, ["alerts"], "{query}");
    }
    assert_eq!(names("file[]=other.yaml").await.len(), 0);
    let first = get(&router, "/api/v1/rules?group_limit=1").await.json();
    assert_eq!(first["data"]["groupNextToken"], "shop.yaml:alerts");
    assert_eq!(names("group_limit=1&group_next_token=shop.yaml:alerts").await, ["alerts"]);
    let quiet = get(&router, "/api/v1/rules?exclude_alerts=true&type=alert").await.json();
    let rule = &quiet["data"]["groups"][0]["rules"][0];
    assert_eq!((rule["alerts"].as_array().map(Vec::len), rule["lastError"].as_str()), (Some(0), Some("no")));
    assert_eq!(rule["lastEvaluation"], "0001-01-01T00:00:00Z");
    assert_eq!(
        get(&router, "/api/v1/alerts").await.body,
        r#"{"status":"success","data":{"alerts":[{"labels":{"alertname":"Down"},"annotations":{},"state":"firing","activeAt":"2023-11-14T22:13:20.000Z","value":"1e+00"}]}}"#
    );
}

#[tokio::test]
async fn who_may_not_read_is_refused_and_who_asks_too_much_waits() {
    let token = Token { token: Secret::from("writes-only-1234567890"), rights: vec![Right::Write], tenant: None };
    let access = Access::new(&[token]).unwrap();
    let api = Prometheus::new(engine(), PrometheusParts::default(), access, PrometheusOptions::default(), clock());
    let refused = get(&prometheus_router(&api), "/api/v1/query?query=1").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.json()["status"], "error");
    let options = PrometheusOptions { max_samples: 1, ..PrometheusOptions::default() };
    let api = Prometheus::new(engine(), PrometheusParts::default(), Access::open(), options, clock());
    let refused = get(&prometheus_router(&api), "/api/v1/query?query=up").await.json();
    assert_eq!(refused["errorType"], "execution");
    assert_eq!(refused["error"], "query processing would load too many samples into memory in query execution");
    let late = get(&prometheus_router(&api), "/api/v1/query?query=up&timeout=0").await;
    assert_eq!((late.status, late.json()["errorType"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("timeout")));
}
