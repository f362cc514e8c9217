//! Who may ask, how much at a time and for how long; and what an engine's trouble looks like.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::json;
use tempfile::TempDir;
use vitrine_observe_api::{Options, Queries, Telemetry, jaeger_router, router, zipkin_router};
use vitrine_observe_store::model::{
    FoundLog, LogCount, LogCountQuery, LogField, LogFieldInfo, LogFilter, LogQuery, LogRow, SpanId, SpanRow, TraceId,
};
use vitrine_observe_store::{
    Access, ColumnEngine, Dependency, LogChunk, LogTail, Logs, Operation, Outlines, QueryError, RedQuery, RedRow,
    Reports, Right, Services, SpanChunk, SpanQuery, SpanVisit, Spans, Status, TailError, Tenant, TenantStatus, Token,
    Trace, TraceQuery, Traces,
};

use crate::client::{engine, get, open, open_engine, send};
use crate::scenario;

/// A store whose list of services is made by the test, and which knows figures.
pub struct Scripted<F> {
    pub store: ColumnEngine,
    /// Where it is; it goes when the engine has gone.
    pub _folder: TempDir,
    pub services: F,
    pub red: Vec<RedRow>,
}

impl<F: Fn(&Tenant) -> Result<Vec<String>, QueryError> + Send + Sync + 'static> Services for Scripted<F> {
    fn services(&self, tenant: &Tenant) -> Result<Vec<String>, QueryError> {
        (self.services)(tenant)
    }

    fn operations(&self, tenant: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError> {
        self.store.operations(tenant, service)
    }

    fn dependencies(&self, tenant: &Tenant, min_ns: u64, max_ns: u64) -> Result<Vec<Dependency>, QueryError> {
        self.store.dependencies(tenant, min_ns, max_ns)
    }

    fn red(&self, _: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        let asked = |row: &&RedRow| {
            query.service.as_ref() == Some(&row.service) && (query.start_ns..query.end_ns).contains(&row.time_ns)
        };
        Ok(self.red.iter().filter(asked).cloned().collect())
    }
}

impl<F: Fn(&Tenant) -> Result<Vec<String>, QueryError> + Send + Sync + 'static> Traces for Scripted<F> {
    fn trace(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Option<Trace>, QueryError> {
        self.store.trace(tenant, id, most)
    }

    fn search(&self, tenant: &Tenant, query: &TraceQuery) -> Result<Vec<Trace>, QueryError> {
        self.store.search(tenant, query)
    }

    fn attribute_values(&self, tenant: &Tenant, key: &str, most: usize) -> Result<Vec<String>, QueryError> {
        self.store.attribute_values(tenant, key, most)
    }
}

impl<F: Fn(&Tenant) -> Result<Vec<String>, QueryError> + Send + Sync + 'static> Spans for Scripted<F> {
    fn halvings(&self, tenant: &Tenant, parts: &[SpanQuery], most: u64) -> Result<u32, QueryError> {
        self.store.halvings(tenant, parts, most)
    }

    fn visit_spans(
        &self,
        tenant: &Tenant,
        asked: &SpanVisit,
        visit: &mut dyn FnMut(&SpanChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        self.store.visit_spans(tenant, asked, visit)
    }

    fn outlines(&self, tenant: &Tenant, ids: &[TraceId], most: usize) -> Result<Outlines, QueryError> {
        self.store.outlines(tenant, ids, most)
    }

    fn spans(&self, tenant: &Tenant, trace: TraceId, span: SpanId) -> Result<Vec<SpanRow>, QueryError> {
        self.store.spans(tenant, trace, span)
    }
}

impl<F: Fn(&Tenant) -> Result<Vec<String>, QueryError> + Send + Sync + 'static> Logs for Scripted<F> {
    fn logs_of(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Vec<LogRow>, QueryError> {
        self.store.logs_of(tenant, id, most)
    }

    fn logs(&self, tenant: &Tenant, query: &LogQuery) -> Result<Vec<FoundLog>, QueryError> {
        self.store.logs(tenant, query)
    }

    fn log_counts(&self, tenant: &Tenant, query: &LogCountQuery) -> Result<Vec<LogCount>, QueryError> {
        self.store.log_counts(tenant, query)
    }

    fn log_fields(&self, tenant: &Tenant, query: &LogQuery, most: usize) -> Result<Vec<LogFieldInfo>, QueryError> {
        self.store.log_fields(tenant, query, most)
    }

    fn visit_logs(
        &self,
        tenant: &Tenant,
        query: &LogQuery,
        fields: &[LogField],
        visit: &mut dyn FnMut(&LogChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        self.store.visit_logs(tenant, query, fields, visit)
    }

    fn tail(&self, tenant: &Tenant, filter: LogFilter) -> Result<LogTail, TailError> {
        self.store.tail(tenant, filter)
    }
}

impl<F: Fn(&Tenant) -> Result<Vec<String>, QueryError> + Send + Sync + 'static> Reports for Scripted<F> {
    fn tenant_status(&self, tenant: &Tenant) -> TenantStatus {
        self.store.tenant_status(tenant)
    }

    fn status(&self) -> Status {
        self.store.status()
    }
}

fn scripted<F: Fn(&Tenant) -> Result<Vec<String>, QueryError> + Send + Sync + 'static>(
    services: F,
) -> Arc<Scripted<F>> {
    let (folder, store) = open_engine();
    Arc::new(Scripted { store, _folder: folder, services, red: Vec::new() })
}

/// An engine that says when it was asked, and answers when it is told to.
fn gated() -> (Arc<dyn Telemetry>, Receiver<()>, Sender<()>) {
    let (asked, heard) = channel();
    let (go, gate) = channel::<()>();
    let gate = Mutex::new((asked, gate));
    let engine = scripted(move |_| {
        let gate = gate.lock().expect("no test panics in here");
        let _ = gate.0.send(());
        let _ = gate.1.recv();
        Ok(vec!["a".into()])
    });
    (engine, heard, go)
}

const SERVICES: [&str; 3] = ["/jaeger/api/services", "/jaeger/api/v3/services", "/zipkin/api/v2/services"];

#[tokio::test]
async fn an_engines_trouble_has_each_protocols_shape() {
    let cases = [
        (QueryError::Disk("segment 7".into()), 500, "cannot read what is kept: segment 7"),
        (QueryError::TooMuch { bytes: 5 }, 422, "the query needs more than 5 bytes of memory"),
        (QueryError::TooLong { most: Duration::from_secs(9) }, 504, "the query takes longer than 9 s"),
        (QueryError::Closed, 503, "shutting down"),
    ];
    for (error, code, words) in cases {
        let router = open(&scripted(move |_| Err(error.clone())));
        let [v1, v3, zipkin] = SERVICES;
        let answer = get(&router, v1).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["errors"][0]["code"]), (code, &json!(code)));
        assert!(answer.json()["errors"][0]["msg"].as_str().is_some_and(|said| said.contains(words)));
        let answer = get(&router, v3).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["httpCode"]), (code, &json!(code)));
        assert!(answer.json()["error"]["message"].as_str().is_some_and(|said| said.contains(words)));
        let answer = get(&router, zipkin).await;
        assert_eq!(answer.status.as_u16(), code);
        assert!(answer.body.starts_with(words));
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_answered_so_and_keeps_its_turn() {
    let (engine, heard, go) = gated();
    let options =
        Options { max_queries: 1, max_waiting: 0, time_limit: Duration::from_millis(50), ..Options::default() };
    let router = router(&Queries::new(engine, Access::open(), options));
    let slow = get(&router, SERVICES[0]).await;
    assert_eq!(slow.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(slow.body.contains("no answer within"));
    heard.recv().expect("asked");
    let refused = get(&router, SERVICES[2]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "the engine still works on the first");
    assert_eq!(refused.headers["retry-after"], "1");
    drop(go);
}

#[tokio::test]
async fn queries_beyond_the_bound_wait_and_beyond_that_are_refused() {
    let (engine, heard, go) = gated();
    let options = Options { max_queries: 1, max_waiting: 1, ..Options::default() };
    let queries = Queries::new(engine, Access::open(), options);
    let ask = |router: Router, path: &'static str| tokio::spawn(async move { get(&router, path).await });
    let first = ask(router(&queries), SERVICES[0]);
    let heard = tokio::task::spawn_blocking(move || heard.recv().map(|()| heard).expect("asked")).await.expect("heard");
    // Which of the two waits is not said; one of them is refused at once, though they come to different routers.
    let others = [ask(jaeger_router(&queries), "/api/v3/services"), ask(zipkin_router(&queries), "/api/v2/services")];
    let [mut one, mut other] = others;
    let (refused, waiting) = tokio::select! {
        answer = &mut one => (answer, other),
        answer = &mut other => (answer, one),
    };
    let refused = refused.expect("answered");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.body.contains("1 queries are waiting already"));
    go.send(()).expect("the engine waits");
    assert_eq!(first.await.expect("answered").status, StatusCode::OK);
    drop(go);
    assert_eq!(waiting.await.expect("answered").status, StatusCode::OK);
    drop(heard);
}

#[tokio::test]
async fn only_who_may_read_is_answered_and_of_one_tenant() {
    let token = |token: &str, rights: &[Right], tenant: Option<&str>| Token {
        token: token.into(),
        rights: rights.into(),
        tenant: tenant.map(Into::into),
    };
    let tokens = [
        token("reader-of-a", &[Right::Read], Some("a")),
        token("a-writer", &[Right::Write], None),
        token("an-operator", &[Right::Operate], None),
    ];
    let access = Access::new(&tokens).expect("sound tokens");
    let engine = scripted(|tenant| Ok(vec![tenant.name().to_owned()]));
    let router = router(&Queries::new(engine.clone(), access, Options::default()));
    let ask = |path: &'static str, token: Option<&'static str>, scope: Option<&'static str>| {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(scope) = scope {
            request = request.header("X-Scope-OrgID", scope);
        }
        let (router, request) = (router.clone(), request.body(Body::empty()).expect("a sound request"));
        async move { send(&router, request).await }
    };
    for path in ["/api/status", "/api/status/engine", SERVICES[0], SERVICES[1], SERVICES[2]] {
        let nobody = ask(path, None, None).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(nobody.headers["www-authenticate"], "Bearer", "{path}");
        assert_eq!(ask(path, Some("a-writer"), None).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(ask(path, Some("reader-of-a"), Some("b")).await.status, StatusCode::FORBIDDEN, "{path}");
        let operates = path == "/api/status/engine";
        let bent = if operates { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
        assert_eq!(ask(path, Some("reader-of-a"), Some("a/b")).await.status, bent, "{path}");
        let operator = ask(path, Some("an-operator"), None).await;
        assert_eq!(operator.status == StatusCode::OK, operates, "{path}: {}", operator.body);
    }
    assert_eq!(ask(SERVICES[2], Some("reader-of-a"), None).await.json(), json!(["a"]));
    let open = open(&engine);
    let request = Request::get(SERVICES[2]).header("x-scope-orgid", "b").body(Body::empty()).expect("a sound request");
    assert_eq!(send(&open, request).await.json(), json!(["b"]));
    assert_eq!(get(&open, SERVICES[2]).await.json(), json!(["default"]));
}

#[tokio::test]
async fn the_standard_ports_answer_at_the_root_beside_what_takes_spans_in() {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    let queries = Queries::new(engine, Access::open(), Options::default());
    let taking = |path| Router::new().route(path, post(|| async { StatusCode::ACCEPTED }));
    let all = router(&queries).merge(taking("/zipkin/api/v2/spans"));
    let (jaeger, zipkin) = (jaeger_router(&queries), zipkin_router(&queries).merge(taking("/api/v2/spans")));
    for path in ["services", "v3/services", "traces/ab", "v3/traces/ab", "metrics/minstep"] {
        let (one, other) =
            (get(&jaeger, &format!("/api/{path}")).await, get(&all, &format!("/jaeger/api/{path}")).await);
        assert_eq!((one.status, one.body), (StatusCode::OK, other.body), "{path}");
    }
    for path in ["services", "spans?serviceName=carts", "trace/ab"] {
        let (one, other) =
            (get(&zipkin, &format!("/api/v2/{path}")).await, get(&all, &format!("/zipkin/api/v2/{path}")).await);
        assert_eq!((one.status, one.body), (StatusCode::OK, other.body), "{path}");
    }
    for (router, path) in [(&zipkin, "/api/v2/spans"), (&all, "/zipkin/api/v2/spans")] {
        let taken = send(router, Request::post(path).body(Body::empty()).expect("a sound request")).await;
        assert_eq!(taken.status, StatusCode::ACCEPTED, "{path}");
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_affairs() {
    let (_folder, engine) = engine();
    let (one, other) = (Tenant::new("one").expect("a name"), Tenant::new("other").expect("a name"));
    scenario::fill(&*engine, &one).await;
    let record = |tenant| scenario::write_log(&*engine, tenant, "quiet", LogRecord::default());
    record(&other).await;
    record(&other).await;
    let tokens = ["one", "other"].map(|tenant| Token {
        token: format!("reader-of-{tenant}").into(),
        rights: vec![Right::Read],
        tenant: Some(tenant.into()),
    });
    let access = Access::new(&tokens).expect("sound tokens");
    let router = router(&Queries::new(engine.clone(), access, Options::default()));
    let ask = async |path: &str, tenant: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer reader-of-{tenant}"));
        send(&router, request.body(Body::empty()).expect("a sound request")).await
    };
    let nothing = json!({ "traces": 0, "logs": 0, "metrics": 0, "series": 0 });
    for (tenant, rows) in [("one", json!({ "traces": 5, "logs": 0 })), ("other", json!({ "traces": 0, "logs": 2 }))] {
        let status = ask("/api/status", tenant).await.json();
        let keys: Vec<&String> = status.as_object().expect("an object").keys().collect();
        assert_eq!(keys, nothing.as_object().expect("an object").keys().collect::<Vec<_>>(), "and nothing else");
        for signal in ["traces", "logs"] {
            assert_eq!((&status[signal]["rows"], &status[signal]["taken"]), (&rows[signal], &rows[signal]), "{status}");
        }
        assert_eq!(status["traces"]["bytes"].as_u64() > Some(0), tenant == "one", "{status}");
        assert_eq!(ask("/api/status/engine", tenant).await.status, StatusCode::FORBIDDEN);
    }
    let all = get(&open(&engine), "/api/status/engine").await.json();
    assert_eq!((&all["traces"]["rows"], &all["logs"]["rows"], &all["tenants"]), (&json!(5), &json!(2), &json!(2)));
}

#[tokio::test]
async fn status_counts_each_signal() {
    let (_folder, engine) = engine();
    scenario::fill(&*engine, &Tenant::default()).await;
    let status = get(&open(&engine), "/api/status").await.json();
    assert_eq!((&status["traces"]["rows"], &status["logs"]["rows"]), (&json!(5), &json!(0)));
    assert!(status["traces"]["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
}
