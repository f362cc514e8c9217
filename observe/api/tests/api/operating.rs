//! What Prometheus's API does beside answering questions, and for whom: searching, administration, lifecycle, rules that are set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::json;
use tower::ServiceExt;
use vitrine_kit::Secret;
use vitrine_observe_api::{
    Notifications, Prometheus, PrometheusOptions, PrometheusParts, prometheus_router, ruler_router,
};
use vitrine_observe_rules::{
    ChangeError, Changing, Configuration, ConfigurationStatus, GivenGroup, Namespaces, Reloading, RuleFile,
    RuleNamespaces,
};
use vitrine_observe_store::series::{Budget, Filter};
use vitrine_observe_store::{
    Access, AdminError, DeleteError, RelabelRule, RelabelStep, Right, SeriesAdmin, SeriesFileStatus, TargetStatus,
    Targets, TargetsStatus, Tenant, Token,
};

use crate::client::{TestResponse, get, send};
use crate::prometheus::{NOW_MS, clock, engine};

const READER: &str = "reads-only-1234567890";
const OPERATOR: &str = "operates-1234567890";

/// Notes what it was asked to do.
#[derive(Default)]
struct Recorder {
    done: Mutex<Vec<String>>,
    namespaces: Mutex<Namespaces>,
    is_wrong: AtomicBool,
}

impl SeriesAdmin for Recorder {
    fn delete_series(&self, tenant: &Tenant, filter: &Filter, _: &Arc<Budget>) -> Result<u64, DeleteError> {
        let matchers: Vec<String> = filter.matchers.iter().flatten().map(ToString::to_string).collect();
        self.done.lock().push(format!("delete {tenant} {} {}..{}", matchers.join(","), filter.start_ms, filter.end_ms));
        Ok(1)
    }

    fn clean_tombstones(&self, tenant: &Tenant) -> Result<usize, AdminError> {
        self.done.lock().push(format!("clean {tenant}"));
        Ok(0)
    }

    fn snapshot(&self, _: &Tenant, name: &str, with_memory: bool) -> Result<(), AdminError> {
        let told = format!("{name} {with_memory}");
        if self.done.lock().contains(&told) {
            return Err(AdminError::Exists(name.to_owned()));
        }
        self.done.lock().push(told);
        Ok(())
    }

    fn series_files(&self, _: &Tenant) -> Vec<SeriesFileStatus> {
        let file = SeriesFileStatus {
            number: 33,
            bytes: 9,
            series: 2,
            samples: 5,
            min_ms: 1,
            max_ms: 9,
            first_ms: 32,
            is_merged: true,
        };
        vec![file]
    }
}

impl Configuration for Recorder {
    fn reload(&self) -> Reloading<'_> {
        let wrong = self.is_wrong.load(Ordering::SeqCst);
        Box::pin(async move { if wrong { Err("rules.yml:1:1: nothing".to_owned()) } else { Ok(()) } })
    }

    fn status(&self) -> ConfigurationStatus {
        ConfigurationStatus { is_good: !self.is_wrong.load(Ordering::SeqCst), read_at_ms: NOW_MS }
    }
}

impl RuleNamespaces for Recorder {
    fn namespaces(&self) -> Namespaces {
        self.namespaces.lock().clone()
    }

    fn put_group(&self, namespace: String, text: String) -> Changing<'_, ()> {
        Box::pin(async move {
            let spec = Arc::new(RuleFile::parse_group(&text).map_err(ChangeError::Mistakes)?);
            let group = GivenGroup { text: text.into(), spec: spec.clone() };
            self.namespaces.lock().entry(namespace).or_default().insert(spec.name.clone(), group);
            Ok(())
        })
    }

    fn delete_group(&self, namespace: String, group: String) -> Changing<'_, bool> {
        let removed = self.namespaces.lock().get_mut(&namespace).and_then(|groups| groups.remove(&group));
        Box::pin(async move { Ok(removed.is_some()) })
    }

    fn delete_namespace(&self, namespace: String) -> Changing<'_, bool> {
        let removed = self.namespaces.lock().remove(&namespace);
        Box::pin(async move { Ok(removed.is_some()) })
    }
}

impl Targets for Recorder {
    fn targets(&self) -> TargetsStatus {
        let target = TargetStatus {
            job: "api".to_owned(),
            discovered: [("__address__".to_owned(), "a:1".to_owned())].into(),
            labels: [("instance".to_owned(), "a:1".to_owned()), ("job".to_owned(), "api".to_owned())].into(),
            url: "http://a:1/metrics".to_owned(),
            interval: std::time::Duration::from_secs(15),
            timeout: std::time::Duration::from_secs(10),
            health: vitrine_observe_store::TargetHealth::Up,
            error: None,
            last_ms: NOW_MS,
            took: std::time::Duration::from_millis(1500),
        };
        TargetsStatus { active: vec![target], jobs: vec!["api".to_owned()], ..TargetsStatus::default() }
    }

    fn job_config(&self, job: &str) -> Option<String> {
        (job == "api").then(|| "job_name: \"api\"\n".to_owned())
    }

    fn relabel(&self, job: &str, labels: std::collections::BTreeMap<String, String>) -> Option<Vec<RelabelStep>> {
        let rule = RelabelRule { regex: "(.*)".to_owned(), action: "keep".to_owned(), ..RelabelRule::default() };
        (job == "api").then(|| vec![RelabelStep { rule, output: labels, is_kept: true }])
    }
}

fn access() -> Access {
    let token =
        |token: &str, rights: &[Right]| Token { token: Secret::from(token), rights: rights.to_vec(), tenant: None };
    Access::new(&[token(READER, &[Right::Read]), token(OPERATOR, &[Right::Read, Right::Operate])]).expect("tokens")
}

fn parts(recorder: &Arc<Recorder>) -> PrometheusParts {
    let quit = AtomicBool::new(false);
    PrometheusParts {
        targets: Some(recorder.clone()),
        admin: Some(recorder.clone()),
        configuration: Some(recorder.clone()),
        namespaces: Some(recorder.clone()),
        quit: Some(Arc::new(move || !quit.swap(true, Ordering::SeqCst))),
        own_metrics: Some(Arc::new(|| "# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 2\n".to_owned())),
        ..PrometheusParts::default()
    }
}

/// With everything that a setting can allow, for who has a token.
fn allowed(recorder: &Arc<Recorder>) -> Router {
    let options =
        PrometheusOptions { admin_api: true, lifecycle_api: true, ruler_api: true, ..PrometheusOptions::default() };
    let api = Prometheus::new(engine(), parts(recorder), access(), options, clock());
    prometheus_router(&api).merge(ruler_router(&api, &["/legacy/rules"]))
}

/// As it is if nothing is set.
fn usual(recorder: &Arc<Recorder>) -> Router {
    prometheus_router(&Prometheus::new(
        engine(),
        parts(recorder),
        Access::open(),
        PrometheusOptions::default(),
        clock(),
    ))
}

async fn ask(router: &Router, method: &str, path: &str, token: &str, body: &str) -> TestResponse {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    send(router, request.body(Body::from(body.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn names_are_searched_for() {
    let router = usual(&Arc::default());
    let lines = async |query: &str| get(&router, &format!("/api/v1/search/{query}")).await.body;
    let end = "{\"status\":\"success\",\"has_more\":false}\n";
    for (query, wanted) in [
        ("metric_names", format!("{{\"results\":[{{\"name\":\"gone\"}},{{\"name\":\"http.size\"}},{{\"name\":\"latency\"}},{{\"name\":\"requests_total\"}},{{\"name\":\"up\"}}]}}\n{end}")),
        ("metric_names?search[]=re", format!("{{\"results\":[{{\"name\":\"requests_total\"}}]}}\n{end}")),
        ("metric_names?search[]=RE&case_sensitive=false&include_score=true", format!("{{\"results\":[{{\"name\":\"requests_total\",\"score\":1}}]}}\n{end}")),
        ("metric_names?search[]=nothing", format!("{{\"results\":[]}}\n{end}")),
        ("metric_names?sort_by=alpha&sort_dir=dsc&limit=3&batch_size=2", "{\"results\":[{\"name\":\"up\"},{\"name\":\"requests_total\"}]}\n{\"results\":[{\"name\":\"latency\"}]}\n{\"status\":\"success\",\"has_more\":true}\n".to_owned()),
        ("metric_names?search[]=u&search[]=total&sort_by=score&limit=1", "{\"results\":[{\"name\":\"up\"}]}\n{\"status\":\"success\",\"has_more\":true}\n".to_owned()),
        ("metric_names?search[]=upp&fuzz_alg=jarowinkler&fuzz_threshold=80", format!("{{\"results\":[{{\"name\":\"up\"}}]}}\n{end}")),
        ("metric_names?match[]=up", format!("{{\"results\":[{{\"name\":\"up\"}}]}}\n{end}")),
        ("label_names?search[]=in", format!("{{\"results\":[{{\"name\":\"instance\"}}]}}\n{end}")),
        ("label_values?label=instance&search[]=b", format!("{{\"results\":[{{\"value\":\"b\\u003c1\\u003e\"}}]}}\n{end}")),
    ] {
        assert_eq!(lines(query).await, wanted, "{query}");
    }
    let form =
        Request::post("/api/v1/search/label_values").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let posted = send(&router, form.body(Body::from("label=job")).unwrap()).await;
    assert_eq!(posted.headers[header::CONTENT_TYPE], "application/x-ndjson; charset=utf-8");
    assert_eq!(posted.body, format!("{{\"results\":[{{\"value\":\"api\"}}]}}\n{end}"));
    let terms: String = (0..33).map(|_| "search[]=a&").collect();
    for (query, why) in [
        ("label_values", "missing required parameter \"label\""),
        ("metric_names?fuzz_threshold=101", "invalid fuzz_threshold \"101\": must be 0-100"),
        ("metric_names?fuzz_alg=x", "unsupported fuzz_alg \"x\": must be one of [subsequence jarowinkler]"),
        ("metric_names?case_sensitive=x", "invalid case_sensitive \"x\": must be boolean"),
        ("metric_names?sort_dir=asc", "sort_dir is only valid when sort_by is set"),
        ("metric_names?sort_by=score", "sort_by=score requires search[] to be set"),
        ("metric_names?sort_by=score&sort_dir=asc", "sort_dir is not supported for sort_by=score"),
        ("metric_names?sort_by=alpha&sort_dir=x", "invalid sort_dir \"x\": must be \"asc\" or \"dsc\""),
        ("label_names?sort_by=x", "invalid sort_by \"x\" for label_names: must be \"alpha\" or \"score\""),
        ("metric_names?limit=0", "invalid limit \"0\": must be a positive integer"),
        ("metric_names?limit=10001", "limit 10001 exceeds the configured maximum (10000, see --web.search.max-limit)"),
        ("metric_names?batch_size=x", "invalid batch_size \"x\": must be a positive integer"),
        ("metric_names?start=2&end=1", "end timestamp must not be before start timestamp"),
        ("metric_names?start=x", "invalid time value for 'start': cannot parse \"x\" to a valid timestamp"),
        ("metric_names?match[]=up{", "1:4: parse error: unexpected end of input inside braces"),
        (&format!("metric_names?{terms}"), "too many search[] terms: got 33, maximum is 32"),
        (&format!("metric_names?search[]={}", "a".repeat(1025)), "a search[] term has 1025 bytes, maximum is 1024"),
    ] {
        let refused = get(&router, &format!("/api/v1/search/{query}")).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some(why)), "{query}");
    }
}

#[tokio::test]
async fn series_are_active_while_they_have_samples() {
    let router = usual(&Arc::default());
    let active =
        async |selector: &str| get(&router, &format!("/api/v1/cardinality/active_series?selector={selector}")).await;
    assert_eq!(active("gone").await.body, r#"{"data":[{"__name__":"gone"}]}"#);
    assert_eq!(active("nothing").await.body, r#"{"data":[]}"#);
    for (selector, why) in [
        ("", "missing \"selector\" parameter"),
        ("up%7B", "invalid selector: 1:4: parse error: unexpected end of input inside braces"),
    ] {
        let refused = active(selector).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some(why)));
    }
}

#[tokio::test]
async fn nothing_is_changed_unless_a_setting_and_a_right_allow_it() {
    let recorder = Arc::<Recorder>::default();
    let router = usual(&recorder);
    for path in ["delete_series?match[]=up", "clean_tombstones", "snapshot"] {
        let refused = ask(&router, "POST", &format!("/api/v1/admin/tsdb/{path}"), "", "").await;
        assert_eq!(
            refused.body, r#"{"status":"error","errorType":"unavailable","error":"admin APIs disabled"}"#,
            "{path}"
        );
        assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    for path in ["/-/reload", "/-/quit"] {
        let refused = ask(&router, "POST", path, "", "").await;
        assert_eq!((refused.status, refused.body.as_str()), (StatusCode::FORBIDDEN, "Lifecycle API is not enabled."));
        let refused = get(&router, path).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    for (method, path) in
        [("GET", "/config/v1/rules"), ("POST", "/config/v1/rules/a"), ("DELETE", "/config/v1/rules/a")]
    {
        assert_eq!(ask(&router, method, path, "", "name: a\n").await.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let router = allowed(&recorder);
    for (token, status) in [("unknown-1234567890", StatusCode::UNAUTHORIZED), (READER, StatusCode::FORBIDDEN)] {
        for (method, path) in [
            ("POST", "/api/v1/admin/tsdb/delete_series?match[]=up"),
            ("PUT", "/api/v1/admin/tsdb/clean_tombstones"),
            ("POST", "/api/v1/admin/tsdb/snapshot"),
            ("POST", "/-/reload"),
            ("PUT", "/-/quit"),
            ("POST", "/config/v1/rules/a"),
            ("DELETE", "/config/v1/rules/a"),
            ("DELETE", "/legacy/rules/a/b"),
        ] {
            let refused = ask(&router, method, path, token, "name: a\n").await;
            assert_eq!(refused.status, status, "{method} {path} with {token}: {}", refused.body);
        }
    }
    assert!(recorder.done.lock().is_empty() && recorder.namespaces.lock().is_empty());
}

#[tokio::test]
async fn series_are_deleted_cleaned_and_copied() {
    let recorder = Arc::<Recorder>::default();
    let router = allowed(&recorder);
    let admin =
        async |method, path: &str| ask(&router, method, &format!("/api/v1/admin/tsdb/{path}"), OPERATOR, "").await;
    for (path, why) in [
        ("delete_series", "no match[] parameter provided"),
        (
            "delete_series?match[]=up%7B",
            "invalid parameter \"match[]\": 1:4: parse error: unexpected end of input inside braces",
        ),
        (
            "delete_series?match[]=%7B%7D",
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
        ),
        (
            "delete_series?match[]=up&start=x",
            "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "snapshot?skip_head=x",
            "invalid parameter \"skip_head\": unable to parse boolean: strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
    ] {
        let refused = admin("POST", path).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some(why)));
    }
    assert!(recorder.done.lock().is_empty());
    assert_eq!(
        admin("PUT", "delete_series?match[]=up%7Bjob=%22a%22%7D&start=1&end=2").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(admin("POST", "clean_tombstones").await.status, StatusCode::NO_CONTENT);
    assert_eq!(recorder.done.lock()[1], "clean default");
    let deleted = recorder.done.lock()[0].clone();
    assert!(
        deleted.starts_with("delete default ") && deleted.contains("__name__") && deleted.ends_with(" 1000..2000"),
        "{deleted}"
    );
    let first = admin("POST", "snapshot").await.json();
    assert_eq!(first["data"], json!({ "name": "20231114T221320Z-0000000000000000" }));
    let second = admin("POST", "snapshot").await.json();
    assert_eq!(second["data"], json!({ "name": "20231114T221320Z-0000000000000001" }));
    assert_eq!(recorder.done.lock()[2], "20231114T221320Z-0000000000000000 true");
    let blocks = ask(&router, "GET", "/api/v1/status/tsdb/blocks", READER, "").await.json();
    let id = format!("{}1{}11", "0".repeat(8), "0".repeat(15));
    let block = json!({
        "ulid": id, "minTime": 1, "maxTime": 10, "stats": { "numSamples": 5, "numSeries": 2 },
        "compaction": { "level": 2, "sources": [id] }, "version": 1,
    });
    assert_eq!(blocks["data"]["blocks"], json!([block]));
}

#[tokio::test]
async fn the_process_is_told_to_read_again_and_to_end() {
    let recorder = Arc::<Recorder>::default();
    let router = allowed(&recorder);
    let command = async |path| ask(&router, "POST", path, OPERATOR, "").await;
    let read = command("/-/reload").await;
    assert_eq!((read.status, read.body.as_str()), (StatusCode::OK, ""));
    recorder.is_wrong.store(true, Ordering::SeqCst);
    let wrong = command("/-/reload").await;
    assert_eq!(wrong.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(wrong.body, "failed to reload config: rules.yml:1:1: nothing\n");
    let runtime = ask(&router, "GET", "/api/v1/status/runtimeinfo", READER, "").await.json();
    assert_eq!(runtime["data"]["reloadConfigSuccess"], false);
    assert_eq!(command("/-/quit").await.body, "Requesting termination... Goodbye!");
    assert_eq!(command("/-/quit").await.body, "Termination already in progress.");
    let flags = ask(&router, "GET", "/api/v1/status/flags", READER, "").await.json();
    assert_eq!(
        (&flags["data"]["web.enable-lifecycle"], &flags["data"]["web.enable-admin-api"]),
        (&json!("true"), &json!("true"))
    );
}

#[tokio::test]
async fn notifications_are_told_as_they_come() {
    let notifications = Notifications::default();
    let parts = PrometheusParts { notifications: notifications.clone(), ..PrometheusParts::default() };
    let router =
        prometheus_router(&Prometheus::new(engine(), parts, Access::open(), PrometheusOptions::default(), clock()));
    let all = async || get(&router, "/api/v1/notifications").await.body;
    assert_eq!(all().await, r#"{"status":"success","data":[]}"#);
    notifications.set("one", NOW_MS);
    notifications.set("one", NOW_MS + 1);
    assert_eq!(
        get(&router, "/api/v1/notifications").await.json()["data"],
        json!([{ "text": "one", "date": "2023-11-14T22:13:20.000Z", "active": true }])
    );
    let live = || router.clone().oneshot(Request::get("/api/v1/notifications/live").body(Body::empty()).unwrap());
    let response = live().await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    notifications.clear("one");
    notifications.clear("never");
    notifications.set("two", NOW_MS);
    notifications.close();
    let told = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let events: Vec<serde_json::Value> =
        told.split("\n\n").filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok()).collect();
    let texts: Vec<_> =
        events.iter().map(|event| (event["text"].as_str().unwrap(), event["active"].as_bool().unwrap())).collect();
    assert_eq!(texts, [("one", true), ("one", false), ("two", true)]);
    assert_eq!(live().await.unwrap().status(), StatusCode::NO_CONTENT, "nothing more will be said");
    // At most so many listen.
    let notifications = Notifications::default();
    let parts = PrometheusParts { notifications, ..PrometheusParts::default() };
    let router =
        prometheus_router(&Prometheus::new(engine(), parts, Access::open(), PrometheusOptions::default(), clock()));
    let live = || router.clone().oneshot(Request::get("/api/v1/notifications/live").body(Body::empty()).unwrap());
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(live().await.unwrap());
    }
    assert_eq!(live().await.unwrap().status(), StatusCode::NO_CONTENT);
    open.pop();
    assert_eq!(live().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn rules_are_set_as_mimir_has_it() {
    let recorder = Arc::<Recorder>::default();
    let router = allowed(&recorder);
    let ruler = async |method, path: &str, body: &str| {
        ask(&router, method, &format!("/config/v1/rules{path}"), OPERATOR, body).await
    };
    assert_eq!(ruler("GET", "", "").await.status, StatusCode::NOT_FOUND);
    let group = "name: sums\ninterval: 1m\nlabels: {team: a}\nrules:\n- record: job:up:sum\n  expr: sum by (job) (up)\n- alert: \"Down: <now>\"\n  \
                 expr: |-\n    up\n      == 0\n  for: 5m\n  labels: {severity: page}\n  annotations: {summary: \"{{ $labels.job }} \\\"is\\\" down\"}\n";
    let set = ruler("POST", "/shop%2Frules", group).await;
    assert_eq!(
        (set.status, set.body.as_str()),
        (StatusCode::ACCEPTED, r#"{"status":"success","data":null,"errorType":"","error":""}"#)
    );
    let one = ruler("GET", "/shop%2Frules/sums", "").await;
    assert_eq!(one.headers[header::CONTENT_TYPE], "application/yaml");
    // What is read can be set again, and says the same.
    let read = RuleFile::parse_group(&one.body).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{}", one.body));
    let given = RuleFile::parse_group(group).expect("a group");
    let told = |group: &vitrine_observe_rules::GroupSpec| {
        let rules: Vec<_> =
            group.rules.iter().map(|rule| (rule.kind.clone(), rule.text.clone(), rule.labels.clone())).collect();
        (group.name.clone(), group.interval, group.labels.clone(), rules)
    };
    assert_eq!(told(&read), told(&given));
    for path in ["", "/shop%2Frules"] {
        let all = ruler("GET", path, "").await.body;
        assert!(all.starts_with("\"shop/rules\":\n- name: \"sums\"\n  interval: 1m\n"), "{all}");
        let file = all.replacen("\"shop/rules\":", "groups:", 1);
        let file = RuleFile::parse(&file).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{file}"));
        assert_eq!(told(&file.groups[0]), told(&given));
    }
    let wrong = ruler("POST", "/shop", "name: a\nrules: [{record: a}]\n").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("expr"), "{}", wrong.body);
    let large = ruler("POST", "/shop", &"#".repeat((1 << 20) + 2000)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(ruler("GET", "/shop", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ruler("DELETE", "/shop%2Frules/none", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ruler("DELETE", "/shop%2Frules/sums", "").await.status, StatusCode::ACCEPTED);
    assert_eq!(ask(&router, "POST", "/legacy/rules/b", OPERATOR, group).await.status, StatusCode::ACCEPTED);
    assert_eq!(ruler("DELETE", "/b", "").await.status, StatusCode::ACCEPTED);
    // Rules are of the default tenant.
    let other = Request::get("/config/v1/rules")
        .header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"))
        .header("x-scope-orgid", "t");
    assert_eq!(send(&router, other.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_FOUND);
    // By this Grafana knows that it may edit rules.
    let build = ask(&router, "GET", "/api/v1/status/buildinfo", READER, "").await.json();
    assert_eq!(
        (&build["data"]["application"], &build["data"]["features"]["ruler_config_api"]),
        (&json!("Grafana Mimir"), &json!("true"))
    );
}

#[tokio::test]
async fn targets_and_the_process_itself_are_told_of() {
    let router = usual(&Arc::default());
    let data = async |path: &str| get(&router, &format!("/api/v1/{path}")).await.json()["data"].clone();
    assert_eq!(data("scrape_pools/config?scrapePool=api").await, json!({ "yaml": "job_name: \"api\"\n" }));
    assert_eq!(
        data("targets/relabel_steps?scrapePool=api&labels={%22a%22:%22b%22}").await,
        json!({ "steps": [{ "rule": { "separator": "", "regex": "(.*)", "replacement": "", "action": "keep" }, "output": { "a": "b" }, "keep": true }] })
    );
    for (path, why) in [
        ("scrape_pools/config", "no scrapePool parameter provided"),
        ("scrape_pools/config?scrapePool=x", "error retrieving scrape config: scrape pool \"x\" not found"),
        ("targets/relabel_steps?scrapePool=api", "no labels parameter provided"),
        ("targets/metadata?limit=x", "limit must be a number"),
        (
            "status/self_metrics?metric_name_pattern=(",
            "invalid metric_name_pattern: error parsing regexp: missing closing ): `(`",
        ),
    ] {
        let refused = get(&router, &format!("/api/v1/{path}")).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some(why)), "{path}");
    }
    let bent = get(&router, "/api/v1/targets/relabel_steps?scrapePool=api&labels=[").await;
    assert!(
        bent.json()["error"].as_str().is_some_and(|why| why.starts_with("error parsing labels: ")),
        "{}",
        bent.body
    );
    let own = data("status/self_metrics?metric_name_pattern=a.*").await;
    assert_eq!(own, json!([{ "name": "a_total", "type": "COUNTER", "metric": [{ "counter": { "value": 1.0 } }] }]));
    assert!(get(&router, "/metrics").await.body.contains("a_total 1\n"));
    let targets = get(&router, "/api/v1/targets?state=active").await.body;
    assert!(
        targets.contains(r#""scrapePool":"api","scrapeUrl":"http://a:1/metrics","globalUrl":"http://a:1/metrics","lastError":"","lastScrape":"2023-11-14T22:13:20.000Z","lastScrapeDuration":1.5,"health":"up","scrapeInterval":"15s","scrapeTimeout":"10s"}"#),
        "{targets}"
    );
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_takes_them_so() {
    let router = usual(&Arc::default());
    let ask = async |path: &str, accepted: &'static str| {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, accepted).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let plain = get(&router, "/api/v1/openapi.yaml").await.body;
    for (accepted, coding) in [("gzip", Some("gzip")), ("gzip, zstd", Some("zstd")), ("br", None)] {
        let response = ask("/api/v1/openapi.yaml", accepted).await;
        let named = response.headers().get(header::CONTENT_ENCODING).map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(named.as_deref(), coding, "{accepted}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = match coding {
            Some("zstd") => zstd::decode_all(&body[..]).unwrap(),
            Some(_) => std::io::Read::bytes(flate2::read::GzDecoder::new(&body[..])).collect::<Result<_, _>>().unwrap(),
            None => body.to_vec(),
        };
        assert_eq!(String::from_utf8(body).unwrap(), plain);
    }
    let short = ask("/api/v1/query?query=1", "gzip").await;
    assert!(!short.headers().contains_key(header::CONTENT_ENCODING));
}

#[tokio::test]
async fn the_document_names_what_there_is() {
    let router = allowed(&Arc::default());
    let document = ask(&router, "GET", "/api/v1/openapi.yaml", "", "").await.body;
    let mut path = "";
    let mut asked = 0;
    for line in document.lines() {
        if let Some(found) = line.strip_prefix("  /") {
            path = found.trim_end_matches(':');
        }
        let Some(method) = ["get", "post", "put"].into_iter().find(|method| line == format!("    {method}:")) else {
            continue;
        };
        // What is written is taken in by another part, and what is sent for ever has a test of its own.
        if ["write", "otlp/v1/metrics", "notifications/live"].contains(&path) {
            continue;
        }
        let target = format!("/api/v1/{}", path.replace("{name}", "job"));
        let answer = ask(&router, &method.to_uppercase(), &target, OPERATOR, "").await;
        assert!(![404, 405].contains(&answer.status.as_u16()), "{method} {path}: {} {}", answer.status, answer.body);
        asked += 1;
    }
    assert!(asked > 45, "only {asked} operations");
}
