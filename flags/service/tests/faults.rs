//! Faults that are armed from outside: kept, followed by processes, watched until they are over, and known afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use vitrine_contracts::flags::v1::follow_service_server::FollowService;
use vitrine_contracts::flags::v1::{self as wire, FetchRequest, FetchResponse, Inventory};
use vitrine_flags_service::faults::{EndedBy, FaultControl, Follow, NotDone, State};
use vitrine_flags_service::{Access, Author, FlagStore, Grant, Language, Measurements, Role, error_format, router};
use vitrine_kit::clock::{Clock, Manual};
use vitrine_platform_faults::Fault;
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;

const NOW_MS: i64 = 1_795_228_166_042;
const SLOW: &str =
    r#"{"what": {"delay": {"ms": 100}}, "where": {"at": "callee", "service": ["carts"]}, "timing": {"ttl_s": 60}}"#;
const DECLARED: &str = r#"{"key": "sale", "kind": "operational", "owner": "carts", "purpose": "Whether there is a sale.", "type": "boolean",
    "variants": [{"name": "off", "value": false}, {"name": "on", "value": true}]}"#;
/// The value of a figure that is not known.
const UNKNOWN: i64 = i64::MIN;

/// One figure, whatever is asked.
#[derive(Debug)]
struct Figure(AtomicI64);

impl Measurements for Figure {
    fn ask<'m>(&'m self, _: Language, _: &'m str) -> BoxFuture<'m, Result<Option<f64>, String>> {
        let value = self.0.load(Ordering::SeqCst);
        async move { Ok((value != UNKNOWN).then_some(value as f64)) }.boxed()
    }
}

struct World {
    folder: TempDir,
    control: FaultControl,
    follow: Follow,
    router: Router,
    access: Access,
    flags: FlagStore,
    clock: Manual,
    figure: Arc<Figure>,
}

impl World {
    async fn new() -> Self {
        Self::at(tempfile::tempdir().expect("a folder"), NOW_MS).await
    }

    /// The service over a folder, as it is after a restart.
    async fn at(folder: TempDir, now_ms: i64) -> Self {
        let (clock, hand) = Clock::manual(now_ms);
        let flags = FlagStore::open(&Storage::Folder(folder.path().into()), clock.clone()).await.expect("opened");
        let access = Access::open(&flags).await.expect("tokens");
        let figure = Arc::new(Figure(AtomicI64::new(UNKNOWN)));
        let measurements: Arc<dyn Measurements> = figure.clone();
        let control = FaultControl::open(&flags, clock, measurements).await.expect("faults");
        let router = nowhere(router(&flags, &access, &control), error_format);
        Self { folder, follow: Follow::new(&control, &flags), control, router, access, flags, clock: hand, figure }
    }

    async fn poll(&self, request: FetchRequest) -> FetchResponse {
        self.follow.fetch(tonic::Request::new(request)).await.expect("an answer").into_inner()
    }

    /// A process that follows from now on.
    async fn process(&self, instance: &str) -> FetchResponse {
        self.poll(FetchRequest { inventory: Some(inventory()), ..request(instance) }).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn site(at: &str, service: &str) -> wire::Site {
    wire::Site { at: at.to_owned(), service: service.to_owned(), from: String::new() }
}

fn inventory() -> Inventory {
    Inventory {
        sites: vec![site("callee", "carts"), site("process", "carts"), site("process", "ads")],
        declarations: vec![DECLARED.to_owned()],
    }
}

fn request(instance: &str) -> FetchRequest {
    let services = vec!["carts".to_owned(), "ads".to_owned()];
    FetchRequest { instance: instance.to_owned(), version: "1.0.0".to_owned(), services, ..FetchRequest::default() }
}

fn report(fault: u64) -> wire::Report {
    wire::Report { fault, sites: vec![site("callee", "carts")], eligible: 10, hit: 3, ..wire::Report::default() }
}

fn author() -> Author {
    Author { who: "ada".to_owned(), why: "drill".to_owned() }
}

fn fault(document: &str) -> Fault {
    Fault::from_json(document.as_bytes()).expect("a fault")
}

#[tokio::test]
async fn a_fault_is_armed_followed_and_known_afterwards() {
    let world = World::new().await;
    let first = world.process("one").await;
    assert!(first.plans.is_empty() && !first.tell);
    let started = world.control.start(&author(), vec![fault(SLOW)]).await.expect("armed");
    let id = started[0].id;
    world.clock.advance(Duration::from_millis(700));
    // Who has an older revision is answered at once.
    let told = world.poll(FetchRequest { have_faults: first.faults_revision, wait_ms: 5_000, ..request("one") }).await;
    assert_eq!((told.plans[0].fault, told.plans[0].age_ms), (id, 700));
    assert_eq!(Fault::from_json(&told.plans[0].document).expect("the same"), fault(SLOW));
    let hit = |n: u8| wire::Hit { fault: id, trace_id: vec![n; 16], span_id: vec![n; 8], at_unix_ns: i64::from(n) };
    let hits = wire::Hits { site: Some(site("callee", "carts")), hits: vec![hit(2), hit(1)], overflow: 0 };
    let batch = FetchRequest {
        have_faults: told.faults_revision,
        reports: vec![report(id)],
        batch: 1,
        hits: vec![hits],
        ..request("one")
    };
    world.poll(batch.clone()).await;
    // The answer was lost: it is the same batch.
    world.poll(batch).await;
    let incident = world.control.incident(id).await.expect("known");
    assert_eq!((incident.state(), incident.hits()), (State::Running, (10, 3)));
    assert_eq!(world.control.hits(id).hits.len(), 2);
    assert_eq!(incident.unlisted(), 1, "three were counted, two came one by one");
    assert_eq!((incident.first_hit_ns, incident.last_hit_ns), (Some(1), Some(2)));
    assert_eq!(incident.hits_by_site["callee carts"], 2);
    assert_eq!(incident.exemplars[0].trace_id, "02".repeat(16));

    let ended = world.control.end(&author(), id).await.expect("ended");
    assert_eq!(ended.state(), State::Ending, "the process has not said so yet");
    let told = world.poll(FetchRequest { have_faults: told.faults_revision, ..request("one") }).await;
    assert!(told.plans.is_empty());
    let mut last = report(id);
    last.set_ended(wire::Ended::Withdrawn);
    last.hit = 4;
    world.poll(FetchRequest { have_faults: told.faults_revision, reports: vec![last], ..request("one") }).await;
    world.control.tick().await.expect("written");
    let World { folder, control, .. } = world;
    assert!(matches!(control.end(&author(), id).await, Err(NotDone::Over(_))));
    let again = World::at(folder, NOW_MS + 10_000).await;
    let incident = again.control.incident(id).await.expect("kept");
    assert_eq!((incident.state(), incident.hits()), (State::Ended, (10, 4)));
    assert_eq!(incident.ended.expect("ended").by, EndedBy::Operator);
}

#[tokio::test]
async fn a_fault_outlives_a_restart_but_not_its_time() {
    let world = World::new().await;
    world.process("one").await;
    let id = world.control.start(&author(), vec![fault(SLOW)]).await.expect("armed")[0].id;
    let World { folder, .. } = world;
    let world = World::at(folder, NOW_MS + 50_000).await;
    // Processes have not polled since; what nobody acknowledged may be at work all the same.
    world.clock.advance(Duration::from_secs(9));
    world.control.tick().await.expect("looked");
    // A process that was known before tells what it has again, and goes on.
    let told = world.poll(FetchRequest { have_faults: 1, reports: vec![report(id)], ..request("one") }).await;
    assert!(told.tell);
    assert_eq!((told.plans[0].fault, told.plans[0].age_ms), (id, 59_000));
    world.clock.advance(Duration::from_secs(1));
    world.control.tick().await.expect("written");
    let incident = world.control.incident(id).await.expect("known");
    assert_eq!(incident.ended.as_ref().expect("ended").by, EndedBy::Ttl);
    // Not heard any more, the process is held to have ended it by itself.
    world.clock.advance(Duration::from_secs(16));
    world.control.tick().await.expect("written");
    let incident = world.control.incident(id).await.expect("known");
    assert_eq!((incident.state(), incident.processes["one"].lost), (State::Ended, true));
    assert!(world.control.processes().is_empty());
}

#[tokio::test]
async fn hits_that_were_told_are_known_once_over_a_restart() {
    let world = World::new().await;
    world.process("one").await;
    let id = world.control.start(&author(), vec![fault(SLOW)]).await.expect("armed")[0].id;
    let hit = wire::Hit { fault: id, at_unix_ns: 1, ..wire::Hit::default() };
    let hits = |count: usize| {
        vec![wire::Hits { site: Some(site("callee", "carts")), hits: vec![hit.clone(); count], overflow: 0 }]
    };
    let batch = |batch: u64, count: usize| FetchRequest {
        have_faults: 1,
        batch,
        hits: hits(count),
        reports: vec![report(id)],
        ..request("one")
    };
    world.poll(batch(1, 3)).await;
    // Killed as soon as it has answered: what was told is on disk, and what the process tells again is the same.
    let World { folder, .. } = world;
    let world = World::at(folder, NOW_MS + 1_000).await;
    let by_site = async || world.control.incident(id).await.expect("known").hits_by_site["callee carts"];
    assert_eq!(by_site().await, 3);
    for (number, count, expected) in [(1, 3, 3), (2, 2, 5), (2, 2, 5)] {
        world.poll(batch(number, count)).await;
        assert_eq!(by_site().await, expected, "batch {number}");
    }
}

#[tokio::test]
async fn what_no_site_acknowledges_ends_and_says_so() {
    let world = World::new().await;
    let nobody = world.control.start(&author(), vec![fault(SLOW)]).await.expect_err("nobody follows");
    assert!(nobody.to_string().contains("no process follows"), "{nobody}");
    world.process("one").await;
    let id = world.control.start(&author(), vec![fault(SLOW)]).await.expect("armed")[0].id;
    world.clock.advance(Duration::from_millis(2_999));
    world.control.tick().await.expect("looked");
    assert_eq!(world.control.incident(id).await.expect("known").state(), State::Starting);
    world.clock.advance(Duration::from_millis(1));
    world.control.tick().await.expect("looked");
    let ended = world.control.incident(id).await.expect("known").ended.expect("ended");
    assert_eq!((ended.by, ended.why.as_deref()), (EndedBy::NoSite, Some("no process acknowledged it")));
}

#[tokio::test]
async fn stop_all_ends_everything_and_holds_until_released() {
    let world = World::new().await;
    let told = world.process("one").await;
    world.control.start(&author(), vec![fault(SLOW), fault(SLOW)]).await.expect("armed");
    assert_eq!(world.control.stop_all(&author()).await.expect("stopped"), 2);
    let after = world.poll(FetchRequest { have_faults: told.faults_revision, ..request("one") }).await;
    assert!(after.plans.is_empty() && after.epoch > told.epoch);
    let refused = world.control.start(&author(), vec![fault(SLOW)]).await.expect_err("stopped");
    assert!(matches!(&refused, NotDone::Stopped { who, .. } if who == "ada"), "{refused}");
    let World { folder, .. } = world;
    let world = World::at(folder, NOW_MS + 1_000).await;
    assert_eq!(world.process("one").await.epoch, after.epoch, "it holds over a restart");
    assert!(world.control.start(&author(), vec![fault(SLOW)]).await.is_err());
    world.control.release(&author()).await.expect("released");
    world.control.start(&author(), vec![fault(SLOW)]).await.expect("armed");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_place() {
    let world = World::new().await;
    world.process("one").await;
    let whole =
        r#"{"what": {"cpu": {"cores": 1}}, "where": {"at": "process", "service": ["carts"]}, "timing": {"ttl_s": 9}}"#;
    let guarded = |guard: &str| SLOW.replace("\"timing\"", &format!("\"guards\": [{guard}], \"timing\""));
    let on_rate = r#"{"if": {"rate_s": "carts"}, "below": 5, "for_s": 2}"#;
    for (document, place) in [
        (SLOW.replace(r#", "timing": {"ttl_s": 60}"#, r#", "timing": {}"#), "timing.ttl_s"),
        (SLOW.replace("carts", "casts"), "where.service[0]"),
        (SLOW.replace("callee", "store"), "where"),
        (SLOW.replace("delay", "refuse"), "what"),
        (SLOW.replace("\"what\"", "\"whit\": 1, \"what\""), "whit"),
        (whole.to_owned(), "scope"),
        (guarded(on_rate), "guards[0]"),
        (guarded(&on_rate.replace("carts", "a\\\"b")), "guards[0].if"),
    ] {
        let (status, body) = world.ask("POST", "/api/v1/faults?why=drill", &[], &document).await;
        let places: Vec<&str> =
            body["refusals"].as_array().into_iter().flatten().filter_map(|one| one["place"].as_str()).collect();
        assert_eq!(status, 400, "{document}: {body}");
        assert!(places.iter().any(|found| found.starts_with(place)), "{document}: {place} expected in {body}");
    }
    assert_eq!(world.ask("POST", "/api/v1/faults?why=", &[], SLOW).await.0, 400, "a reason is expected");
    let sixteen = vec![fault(SLOW); 17];
    assert!(matches!(world.control.start(&author(), sixteen).await, Err(NotDone::Refused(_))));
    assert!(world.control.incidents().is_empty(), "nothing is half done");
}

#[tokio::test]
async fn a_guard_ends_its_fault() {
    let world = World::new().await;
    world.process("one").await;
    world.figure.0.store(1, Ordering::SeqCst);
    let guard = r#""guards": [{"if": {"promql": "errors"}, "above": 5, "for_s": 3}], "timing""#;
    let id =
        world.control.start(&author(), vec![fault(&SLOW.replace("\"timing\"", guard))]).await.expect("armed")[0].id;
    world.poll(FetchRequest { reports: vec![report(id)], ..request("one") }).await;
    // Beyond its bound for a moment, then well, then beyond it for long enough.
    for (figure, ends) in [(9, false), (9, false), (1, false), (9, false), (9, false), (9, false), (9, true)] {
        world.figure.0.store(figure, Ordering::SeqCst);
        world.clock.advance(Duration::from_secs(1));
        world.control.look_at_guards().await.expect("looked");
        assert_eq!(world.control.incident(id).await.expect("known").ended.is_some(), ends);
    }
    let ended = world.control.incident(id).await.expect("known").ended.expect("ended");
    assert_eq!((ended.by, ended.why.as_deref()), (EndedBy::Guard, Some("promql \"errors\": 9 is above 5")));
}

#[tokio::test]
async fn faults_need_a_right_of_their_own() {
    let world = World::new().await;
    world.process("one").await;
    world.access.give("ops", Role::Admin).await.expect("a token");
    let operator = world.access.give("op", Role::Operator).await.expect("a token");
    let breaker = world
        .access
        .give_with("chaos", Role::Viewer, Grant { faults: true, ..Grant::default() })
        .await
        .expect("a token");
    let bearer = |token: &str| format!("Bearer {token}");
    for (path, method) in [("/api/v1/faults", "GET"), ("/api/v1/faults/sites", "GET"), ("/api/v1/faults?why=x", "POST")]
    {
        assert_eq!(world.ask(method, path, &[], SLOW).await.0, 401, "{path}");
        assert_eq!(world.ask(method, path, &[("authorization", &bearer(&operator))], SLOW).await.0, 403, "{path}");
    }
    assert_eq!(world.ask("GET", "/faults", &[("authorization", &bearer(&operator))], "").await.0, 403);
    let with = [("authorization", bearer(&breaker))];
    let with: Vec<(&str, &str)> = with.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (status, body) = world.ask("POST", "/api/v1/faults?why=drill", &with, SLOW).await;
    assert_eq!((status, &body["faults"][0]["who"]), (201, &json!("chaos")));
    assert_eq!(world.ask("GET", "/faults", &with, "").await.0, 200);
    assert_eq!(world.ask("GET", &format!("/faults/{}", body["id"]), &with, "").await.0, 200);
}

#[tokio::test]
async fn the_demos_faults_have_their_names() {
    let world = World::new().await;
    world.process("one").await;
    let (status, body) = world.ask("POST", "/api/v1/faults/demo/adHighCpu/on?why=drill&ttl_s=30", &[], "").await;
    assert_eq!((status, &body["faults"][0]["fault"]["scope"]), (201, &json!("process")), "{body}");
    assert_eq!(body["faults"][0]["fault"]["timing"]["ttl_s"], 30);
    for (path, said) in [
        ("adHighCpu/off", "no fault"),
        ("adHighCpu/maybe", "off, on"),
        ("adHighNoon/on", "no flag"),
        // Nothing here carries it: the store is elsewhere.
        ("cartFailure/50%25", "no live site"),
    ] {
        let (status, body) = world.ask("POST", &format!("/api/v1/faults/demo/{path}?why=drill"), &[], "").await;
        assert!(status == 400 || status == 404, "{path}: {body}");
        assert!(body["detail"].as_str().is_some_and(|text| text.contains(said)), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_caller_speaks_for_its_own_process() {
    let world = World::new().await;
    let mut foreign = tonic::Request::new(request("one"));
    foreign.extensions_mut().insert(vitrine_platform_mesh::Caller("payments".into()));
    let refused = world.follow.fetch(foreign).await.expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");
    let refused = world.follow.fetch(tonic::Request::new(FetchRequest { wait_ms: 5_001, ..request("one") })).await;
    assert_eq!(refused.expect_err("refused").code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_process_follows_the_flags_that_it_reads() {
    let world = World::new().await;
    let begun = world.process("one").await;
    assert_eq!((begun.flags_revision, begun.flags_json), (0, None), "there are none yet");
    let definition = |default: &str| {
        format!(r#"{{"state": "ENABLED", "variants": {{"off": false, "on": true}}, "defaultVariant": "{default}"}}"#)
    };
    world.flags.set(author(), "other", &definition("on"), 0).await.expect("written");
    world.flags.set(author(), "sale", &definition("on"), 0).await.expect("written");
    let request = |have_flags| FetchRequest { have_faults: begun.faults_revision, have_flags, ..request("one") };
    let told = world.poll(FetchRequest { wait_ms: 5_000, ..request(0) }).await;
    let flags: Value = serde_json::from_str(&told.flags_json.expect("they changed")).expect("JSON");
    assert_eq!(flags["flags"].as_object().map(|flags| flags.keys().cloned().collect()), Some(vec!["sale".to_owned()]));
    assert_eq!(world.poll(request(told.flags_revision)).await.flags_json, None, "it has them");
    // What it read is counted, once.
    let read = wire::Evaluations {
        key: "sale".to_owned(),
        variant: "on".to_owned(),
        reader: "carts".to_owned(),
        count: 3,
        last_unix_ms: NOW_MS,
    };
    let batch = FetchRequest { batch: 1, evaluations: vec![read], ..request(told.flags_revision) };
    world.poll(batch.clone()).await;
    world.poll(batch).await;
    let (_, listed) = world.ask("GET", "/api/v1/flags?stage=live", &[], "").await;
    let life =
        &listed["flags"].as_array().and_then(|flags| flags.iter().find(|flag| flag["key"] == "sale")).expect("listed")
            ["life"];
    assert_eq!((&life["reads"], &life["owners"], &life["lastReader"]), (&json!(3), &json!(["carts"]), &json!("carts")));
    // One that cannot be is refused, and says where.
    let inventory = Some(Inventory { sites: Vec::new(), declarations: vec!["{}".to_owned()] });
    let refused = world.follow.fetch(tonic::Request::new(FetchRequest { inventory, ..request(0) })).await;
    assert_eq!(refused.expect_err("refused").code(), tonic::Code::InvalidArgument);
}
