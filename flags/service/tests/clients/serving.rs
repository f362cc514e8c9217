//! Added contexts, limits, deadlines, the list of clients, and the end of streams, in each protocol's words.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use vitrine_flags_engine::Mode;
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{
    Access, AddedContext, FlagStore, Import, NoObservatory, RateLimit, Role, Serving, error_format, router_serving,
};
use vitrine_kit::clock::Clock;
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;
use vitrine_platform_telemetry::{Config, Exposition, Telemetry};

use crate::instance::author;

const DEFINITIONS: &str = r#"{"flags": {
    "where": {"state": "ENABLED", "variants": {"de": "hallo", "ch": "grüezi", "en": "hello"}, "defaultVariant": "en",
        "targeting": {"if": [{"==": [{"var": "country"}, "DE"]}, "de", {"==": [{"var": "country"}, "CH"]}, "ch"]}},
    "drawn": {"state": "ENABLED", "variants": {"a": 1, "b": 2}, "defaultVariant": "a",
        "targeting": {"fractional": [["a", 1], ["b", 1]]}}
}}"#;
const ONE: &str = "/ofrep/v1/evaluate/flags/where";
const CONNECT: &str = "/flagd.evaluation.v1.Service/ResolveString";
const STREAM: &str = "/flagd.evaluation.v2.Service/EventStream";
const GRPC: (&str, &str) = ("content-type", "application/grpc");

struct Served {
    flags: FlagStore,
    access: Access,
    router: Router,
    stop: CancellationToken,
    telemetry: Telemetry,
    _folder: TempDir,
}

impl Served {
    async fn new(made: impl FnOnce(Serving) -> Serving) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, _) = Clock::manual(1_795_228_166_042);
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), clock).await.expect("opened");
        flags.import(author(), DEFINITIONS, Import::Merge, Mode::Strict).await.expect("imported");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        let (telemetry, stop) = (Telemetry::new(Config::default()), CancellationToken::new());
        let serving = made(Serving::new(&telemetry.service("flags"), stop.clone()));
        let router = nowhere(router_serving(&flags, &access, &faults, serving), error_format);
        Self { flags, access, router, stop, telemetry, _folder: folder }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(body.into()).expect("a request")).await.expect("an answer")
    }

    async fn read(&self, path: &str) -> Value {
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        json_of(self.router.clone().oneshot(request).await.expect("an answer")).await
    }
}

async fn json_of(response: Response) -> Value {
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {body:?}"))
}

/// An empty message over gRPC.
fn nothing() -> Bytes {
    Bytes::from_static(&[0; 5])
}

#[tokio::test]
async fn of_an_attribute_the_header_counts_then_the_fixed_one_then_the_requests_own() {
    let country = "country".to_owned();
    let headers = vec![(HeaderName::from_static("x-country"), country.clone())];
    let fixed = vec![(country, "CH".to_owned())];
    let cases: [(AddedContext, Option<&str>, &str); 5] = [
        (AddedContext::default(), None, "hallo"),
        (AddedContext::default(), Some("CH"), "hallo"),
        (AddedContext { fixed: fixed.clone(), headers: Vec::new() }, None, "grüezi"),
        (AddedContext { fixed: fixed.clone(), headers: headers.clone() }, Some("FR"), "hello"),
        (AddedContext { fixed, headers }, None, "grüezi"),
    ];
    for (added, sent, expected) in cases {
        let served = Served::new(|serving| serving.with_context(added.clone())).await;
        let header: Vec<(&str, &str)> = sent.map(|sent| ("x-country", sent)).into_iter().collect();
        let body = r#"{"flagKey": "where", "context": {"country": "DE"}}"#;
        let one = json_of(served.post(ONE, &header, body).await).await;
        assert_eq!(one["value"], expected, "{added:?} {sent:?}");
        let all = json_of(served.post("/ofrep/v1/evaluate/flags", &header, body).await).await;
        assert_eq!(all["flags"][1]["value"], expected);
        let connect = [&header[..], &[("content-type", "application/json")]].concat();
        assert_eq!(json_of(served.post(CONNECT, &connect, body).await).await["value"], expected);
        let all = json_of(served.post("/flagd.evaluation.v1.Service/ResolveAll", &connect, body).await).await;
        assert_eq!(all["flags"]["where"]["stringValue"], expected);
        // Clients that evaluate themselves are sent what is fixed.
        let metadata = served.post("/flagd.sync.v1.FlagSyncService/GetMetadata", &[GRPC], nothing()).await;
        let metadata = metadata.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(metadata.windows(7).any(|part| part == b"country"), !added.fixed.is_empty());
    }
}

#[tokio::test]
async fn who_asks_too_much_is_told_when_to_come_again() {
    let served = Served::new(|serving| serving.with_limit(Some(RateLimit { per_s: 1, burst: 2 }))).await;
    let json = ("content-type", "application/json");
    assert_eq!(served.post(ONE, &[], "{}").await.status(), StatusCode::OK);
    assert_eq!(served.post(CONNECT, &[json], r#"{"flagKey": "where"}"#).await.status(), StatusCode::OK);
    let refused = served.post(ONE, &[], "{}").await;
    assert_eq!(
        (refused.status(), &refused.headers()[header::RETRY_AFTER]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().expect("a value"))
    );
    let body = json_of(refused).await;
    assert_eq!(
        body,
        json!({"key": "where", "errorCode": "GENERAL", "errorDetails": "too many evaluations: the next one may be in 1 s"})
    );
    let refused = served.post(CONNECT, &[json], r#"{"flagKey": "where"}"#).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(json_of(refused).await["code"], "resource_exhausted");
    let refused = served.post("/flagd.evaluation.v2.Service/ResolveString", &[GRPC], nothing()).await;
    assert_eq!(refused.headers()["grpc-status"], "8");
    // Operators are not clients.
    assert_eq!(served.read("/api/v1/flags").await["revision"], 1);
    // With tokens each has its own share.
    served.access.give("ops", Role::Admin).await.expect("a token");
    let tokens = [served.access.give("a", Role::Evaluation).await, served.access.give("b", Role::Evaluation).await];
    for token in tokens {
        let bearer = format!("Bearer {}", token.expect("a token"));
        for status in [200, 200, 429] {
            assert_eq!(served.post(ONE, &[("authorization", &bearer)], "{}").await.status().as_u16(), status);
        }
    }
    assert_eq!(served.post(ONE, &[], "{}").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_request_that_does_not_come_within_its_deadline_is_given_up() {
    let served = Served::new(|serving| serving).await;
    let never = || Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let resolve = "/flagd.evaluation.v2.Service/ResolveString";
    let response = served.post(resolve, &[GRPC, ("grpc-timeout", "10m")], never()).await;
    assert_eq!(response.headers()["grpc-status"], "4");
    let connect = [("content-type", "application/json"), ("connect-timeout-ms", "10")];
    let response = served.post(CONNECT, &connect, never()).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(json_of(response).await["code"], "deadline_exceeded");
    // One that nobody can mean is no deadline.
    let response =
        served.post(CONNECT, &[connect[0], ("connect-timeout-ms", "99999999999")], r#"{"flagKey": "where"}"#).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn streams_say_that_the_service_stops_and_end_so_that_clients_come_back() {
    let served = Served::new(|serving| serving).await;
    let grpc = served.post(STREAM, &[GRPC], nothing()).await.into_body();
    let sync = served.post("/flagd.sync.v1.FlagSyncService/SyncFlags", &[GRPC], nothing()).await.into_body();
    let connect = [("content-type", "application/connect+json")];
    let connect = served.post("/flagd.evaluation.v1.Service/EventStream", &connect, nothing()).await.into_body();
    let events = Request::builder().uri("/ofrep/v1/events").body(Body::empty()).expect("a request");
    let events = served.router.clone().oneshot(events).await.expect("an answer").into_body();
    served.stop.cancel();
    let grpc = grpc.collect().await.expect("an end");
    // An error, for clients in Node come back from nothing else.
    assert_eq!(grpc.trailers().expect("trailers")["grpc-status"], "14");
    let text = String::from_utf8_lossy(&grpc.to_bytes()).into_owned();
    assert!(text.contains("provider_ready") && text.contains("provider_shutdown"), "{text}");
    let sync = sync.collect().await.expect("an end");
    assert_eq!(sync.trailers().expect("trailers")["grpc-status"], "14");
    let text = String::from_utf8_lossy(&connect.collect().await.expect("an end").to_bytes()).into_owned();
    assert!(text.contains("provider_shutdown") && text.ends_with("{}"), "{text}");
    events.collect().await.expect("an end");
}

#[tokio::test]
async fn operators_see_which_clients_are_connected_and_how_far_they_are() {
    let served = Served::new(|serving| serving).await;
    let python = ("user-agent", "grpc-python/1.78.0 grpc-c/52.0.0");
    let mut sync =
        served.post("/flagd.sync.v1.FlagSyncService/SyncFlags", &[GRPC, python], nothing()).await.into_body();
    sync.frame().await.expect("a message").expect("no error");
    served.post(ONE, &[("user-agent", "curl/8")], "{}").await;
    served.flags.set_state(author(), "where", false, 1).await.expect("switched");
    let body = served.read("/api/v1/clients").await;
    assert_eq!((&body["revision"], &body["unlisted"]), (&json!(2), &json!(0)));
    let client = |protocol: &str| {
        let clients = body["clients"].as_array().expect("a list");
        clients.iter().find(|client| client["protocol"] == protocol).expect("it is there").clone()
    };
    let curl = client("ofrep");
    assert_eq!((&curl["sdk"], &curl["streams"], &curl["behind"]), (&json!("curl/8"), &json!(0), &json!(1)));
    let python = client("flagd.sync.v1");
    assert_eq!((&python["streams"], &python["behind"], &python["fractional"]), (&json!(1), &json!(1), &json!("v3")));
    let warning = body["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("fractional v3, and this service as v2: 1 flags"), "{warning}");
    // What it takes brings it up to date; when it goes, the warning goes.
    sync.frame().await.expect("a message").expect("no error");
    let body = served.read("/api/v1/clients").await;
    assert_eq!(
        body["clients"].as_array().map(|all| all.iter().filter(|client| client["behind"] == 0).count()),
        Some(1)
    );
    let page = Request::builder().uri("/clients").body(Body::empty()).expect("a request");
    let page = served.router.clone().oneshot(page).await.expect("an answer");
    let page = to_bytes(page.into_body(), usize::MAX).await.expect("a body");
    assert!(String::from_utf8_lossy(&page).contains("grpc-python"));
    let told = served.telemetry.expose(Exposition::accepted(""));
    for line in ["vitrine_flags_revision", "vitrine_flags_changes", "vitrine_flags_streams"] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    drop(sync);
    let body = served.read("/api/v1/clients").await;
    assert_eq!(body["warnings"], json!([]));
}

#[tokio::test]
async fn more_clients_than_are_listed_do_not_grow_the_list() {
    let served = Served::new(|serving| serving).await;
    for n in 0..1_010 {
        served.post(ONE, &[("user-agent", &format!("client/{n} {}", "x".repeat(200)))], "{}").await;
    }
    let body = served.read("/api/v1/clients").await;
    assert_eq!(body["clients"].as_array().map(Vec::len), Some(1_000));
    assert!(
        body["clients"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|c| c["sdk"].as_str().is_some_and(|sdk| sdk.len() <= 100))
    );
}

#[tokio::test]
async fn the_address_of_a_stream_cannot_be_made_up() {
    let served = Served::new(|serving| serving).await;
    served.access.give("ops", Role::Admin).await.expect("a token");
    let web = format!("Bearer {}", served.access.give("web", Role::Evaluation).await.expect("a token"));
    let bulk = json_of(served.post("/ofrep/v1/evaluate/flags", &[("authorization", &web)], "{}").await).await;
    let address = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("an address").to_owned();
    let other = Served::new(|serving| serving).await;
    other.access.give("ops", Role::Admin).await.expect("a token");
    let open = |served: &Served, address: &str| {
        let request = Request::builder().uri(address).body(Body::empty()).expect("a request");
        let router = served.router.clone();
        async move { router.oneshot(request).await.expect("an answer").status().as_u16() }
    };
    // The same address again is the same client that comes back.
    assert_eq!((open(&served, &address).await, open(&served, &address).await), (200, 200));
    // Another process did not give it; and what it opens is the stream alone.
    assert_eq!(open(&other, &address).await, 401);
    let (path, query) = address.split_once('?').expect("a query");
    for forged in [
        format!("{path}?{query}0"),
        format!("{path}?code=00&{}", query.split('&').next().expect("until")),
        format!("{path}?until=99999999999999999999&code=00"),
        format!("{path}?until=18446744073709551615&code={}", "0".repeat(64)),
    ] {
        let status = open(&served, &forged).await;
        assert!(status == 401 || status == 400, "{forged}: {status}");
    }
    let one = served.post(&format!("{ONE}?{query}"), &[], "{}").await;
    assert_eq!(one.status(), StatusCode::UNAUTHORIZED);
}
