//! What faults do to calls: each effect is there while its fault is, and gone when it ends.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Code, Status};
use vitrine_platform_faults::Ended;
use vitrine_platform_mesh::Limits;
use vitrine_platform_telemetry::Config;
use vitrine_tests_capture::Capture;
use vitrine_tests_faults::{arm, clear};

use crate::{World, eventually, near_and_far, reason, world};

near_and_far!(
    errors_come_before_the_work_or_after_it,
    connections_break_and_nobody_listens,
    messages_are_lost_until_the_fault_ends,
    a_partition_goes_both_ways,
    delays_are_seen_on_the_side_where_they_are,
    telemetry_shows_each_symptom_and_not_its_cause,
    calls_hang_and_stop_with_the_world,
    calls_arrive_more_than_once,
    answers_are_cut_changed_and_old,
    bounds_are_others,
    a_service_that_is_not_ready_answers_so,
    narrow_lines_take_long,
    only_what_is_named_is_hit,
    stop_all_lets_go_of_those_who_wait,
);

impl World {
    /// Has just this fault at work, given as what it does and where.
    fn arm(&self, what: &str, target: &str) {
        arm(&self.faults, what, target);
        assert!(!self.at_work().is_empty(), "{what} at {target}: no site carries it");
    }

    fn clear(&self) {
        clear(&self.faults);
    }

    /// How many calls the faults at work have hit, if there are any.
    fn at_work(&self) -> Vec<u64> {
        let reports = self.faults.reports();
        reports.iter().filter(|r| r.ended.is_none() && !r.sites.is_empty()).map(|r| r.counts.hit).collect()
    }

    /// That calls go well again, and at once.
    async fn is_well(&self) {
        self.clear();
        eventually(async || self.add("fine").await.is_ok()).await;
        let began = Instant::now();
        assert_eq!(self.add("fine").await.expect("it is cleared"), "fine");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

const CALLEE: &str = r#""at": "callee", "service": ["carts"]"#;
const CALLER: &str = r#""at": "caller", "service": ["carts"], "from": ["gateway"]"#;

async fn errors_come_before_the_work_or_after_it(far: bool) {
    let world = world(far, Limits::default()).await;
    for (what, code, says, calls) in [
        (r#"{"error": {"code": "UNAVAILABLE"}}"#, Code::Unavailable, "the database does not answer at the moment", 0),
        (r#"{"error": {"code": "INTERNAL", "when": "after"}}"#, Code::Internal, "something went wrong on our side", 1),
        (r#"{"error": {"code": "ABORTED"}}"#, Code::Aborted, "another caller changed it meanwhile: read it again", 0),
        (
            r#"{"error": {"code": "DATA_LOSS", "reason": "TORN"}}"#,
            Code::DataLoss,
            "Unrecoverable data loss or corruption",
            0,
        ),
        (r#"{"error": {"code": "DEADLINE_EXCEEDED"}}"#, Code::DeadlineExceeded, "AddItem was not answered in time", 0),
    ] {
        let before = world.calls();
        world.arm(what, CALLEE);
        let status = world.add("fine").await.expect_err(what);
        assert_eq!(status.code(), code, "{what}");
        assert!(status.message().ends_with(says), "{what}: {}", status.message());
        assert_eq!(world.calls() - before, calls, "{what}: whether the work was done");
        assert_eq!(world.at_work(), [1], "{what}");
        world.is_well().await;
    }
    world.arm(r#"{"error": {"code": "DATA_LOSS", "reason": "TORN"}}"#, CALLEE);
    assert_eq!(reason(world.add("fine").await), "TORN");
}

async fn connections_break_and_nobody_listens(far: bool) {
    let world = world(far, Limits::default()).await;
    for (what, target, says, calls) in [
        (r#""refuse""#, CALLER, "Connection refused (os error 111)", 0),
        (r#"{"reset": {}}"#, CALLER, "carts cannot be reached", 0),
        (r#"{"reset": {"when": "after"}}"#, CALLER, "carts cannot be reached", 1),
        (r#"{"reset": {}}"#, CALLEE, "carts cannot be reached", 0),
        (r#"{"reset": {"when": "after"}}"#, CALLEE, "carts cannot be reached", 1),
    ] {
        let before = world.calls();
        world.arm(what, target);
        let status = world.add("fine").await.expect_err(what);
        assert_eq!(status.code(), Code::Unavailable, "{what}");
        assert!(status.message().ends_with(says), "{what}: {}", status.message());
        assert_eq!(world.calls() - before, calls, "{what} at {target}");
        world.is_well().await;
    }
    // As one that nobody listens for, it is not tried again; as one that broke, a call that may be repeated is.
    world.arm(r#""refuse""#, CALLER);
    assert_eq!(reason(world.get("fine").await), "NO_REPLICA");
    assert_eq!(world.at_work(), [1]);
    world.arm(r#"{"reset": {}}"#, CALLER);
    world.get("fine").await.expect_err("each try breaks");
    assert_eq!(world.at_work(), [u64::from(Limits::default().max_attempts)]);
    world.is_well().await;
}

async fn messages_are_lost_until_the_fault_ends(far: bool) {
    let short = Limits { default_deadline: Duration::from_millis(120), ..Limits::default() };
    let world = world(far, short).await;
    for (leg, calls) in [("request", 0), ("answer", 1)] {
        let before = world.calls();
        world.arm(&format!(r#"{{"lose": {{"leg": "{leg}"}}}}"#), CALLER);
        let status = world.add("fine").await.expect_err(leg);
        assert_eq!(status.code(), Code::DeadlineExceeded, "{leg}");
        assert_eq!(world.calls() - before, calls, "{leg}: whether the other side has seen it");
        world.is_well().await;
    }
}

async fn a_partition_goes_both_ways(far: bool) {
    let short = Limits { default_deadline: Duration::from_millis(80), ..Limits::default() };
    let world = world(far, short).await;
    for (target, both, is_cut) in [
        (r#""at": "caller", "service": ["carts"], "from": ["gateway"]"#, false, true),
        (r#""at": "caller", "service": ["gateway"], "from": ["carts"]"#, true, true),
        (r#""at": "caller", "service": ["carts"], "from": ["checkout", "gateway"]"#, true, true),
    ] {
        world.arm(&format!(r#"{{"partition": {{"both": {both}}}}}"#), target);
        assert_eq!(world.add("fine").await.is_err(), is_cut, "{target}");
        world.is_well().await;
    }
}

fn took(span: &Span) -> Duration {
    Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano)
}

async fn delays_are_seen_on_the_side_where_they_are(far: bool) {
    const DELAY: Duration = Duration::from_millis(60);
    let world = world(far, Limits::default()).await;
    let caller = Capture::of(&world.caller, Config::default()).await;
    let callee = Capture::of(&world.callee, Config::default()).await;
    let mut seen = 0;
    for (target, is_callees) in [(CALLER, false), (CALLEE, true)] {
        world.arm(r#"{"delay": {"ms": 60}}"#, target);
        assert_eq!(world.add("fine").await.expect("late, and well"), "fine");
        world.is_well().await;
        seen += 1;
        let outer = caller.spans_that(seen, |span| took(span) >= DELAY).await.pop().expect("it waited");
        let inner = callee.spans_that(1, |span| span.parent_span_id == outer.span_id).await.pop().expect("told");
        assert_eq!(took(&inner) >= DELAY, is_callees, "{target}: {:?} within {:?}", took(&inner), took(&outer));
        let told = format!("{outer:?}{inner:?}");
        assert!(!told.contains("delay") && !told.contains("fault"), "telemetry does not tell the cause: {told}");
    }
}

/// What telemetry shows of one call: the status on either side, none where there is no span.
#[derive(Debug, PartialEq)]
struct Symptom {
    caller: Option<String>,
    callee: Option<String>,
}

/// The status of the span that has this parent, if there is one.
fn status(spans: &[Span], parent: &[u8]) -> Option<String> {
    let span = spans.iter().find(|span| span.parent_span_id == parent)?;
    vitrine_tests_capture::value(&span.attributes, "rpc.response.status_code")
}

async fn telemetry_shows_each_symptom_and_not_its_cause(far: bool) {
    let world = world(far, Limits { default_deadline: Duration::from_millis(250), ..Limits::default() }).await;
    let caller = Capture::of(&world.caller, Config::default()).await;
    let callee = Capture::of(&world.callee, Config::default()).await;
    let cases = [
        (r#"{"error": {"code": "INTERNAL"}}"#, CALLEE, "INTERNAL", Some("INTERNAL")),
        (r#"{"error": {"code": "UNAVAILABLE", "when": "after"}}"#, CALLEE, "UNAVAILABLE", Some("UNAVAILABLE")),
        (r#"{"reset": {}}"#, CALLEE, "UNAVAILABLE", Some("UNAVAILABLE")),
        (r#"{"reset": {}}"#, CALLER, "UNAVAILABLE", None),
        (r#"{"reset": {"when": "after"}}"#, CALLER, "UNAVAILABLE", Some("OK")),
        (r#""refuse""#, CALLER, "UNAVAILABLE", None),
        (r#"{"lose": {"leg": "request"}}"#, CALLER, "DEADLINE_EXCEEDED", None),
        (r#"{"lose": {"leg": "answer"}}"#, CALLER, "DEADLINE_EXCEEDED", Some("OK")),
        (r#"{"partition": {}}"#, CALLER, "DEADLINE_EXCEEDED", None),
        (r#"{"hang": {}}"#, CALLEE, "DEADLINE_EXCEEDED", Some("DEADLINE_EXCEEDED")),
    ];
    // So many that went well that the breaker stays closed.
    let mut calls = 40;
    for _ in 0..calls {
        world.add("fine").await.expect("well");
    }
    for (what, target, of_caller, of_callee) in cases {
        for is_armed in [true, false] {
            if is_armed {
                world.arm(what, target);
            } else {
                world.clear();
            }
            calls += 1;
            assert_eq!(world.add("fine").await.is_err(), is_armed, "{what} at {target}");
            let outer = caller.spans(calls).await.pop().expect("told");
            // A call that ended well has its other side's span, and it comes last; those before it are there by then.
            let inner = match of_callee {
                Some(_) => callee.spans_that(1, |span| span.parent_span_id == outer.span_id).await,
                None if !is_armed => callee.spans_that(1, |span| span.parent_span_id == outer.span_id).await,
                None => callee.seen().await.spans().into_iter().map(|(_, span)| span).collect(),
            };
            let seen = Symptom {
                caller: vitrine_tests_capture::value(&outer.attributes, "rpc.response.status_code"),
                callee: status(&inner, &outer.span_id),
            };
            let expected = match is_armed {
                true => Symptom { caller: Some(of_caller.to_owned()), callee: of_callee.map(str::to_owned) },
                false => Symptom { caller: Some("OK".to_owned()), callee: Some("OK".to_owned()) },
            };
            assert_eq!(seen, expected, "{what} at {target}, armed: {is_armed}");
        }
    }
    // Each was counted with its status, and nothing anywhere says that it was asked for.
    let (mut spans, mut told) = (String::new(), String::new());
    for capture in [caller, callee] {
        let seen = capture.end().await;
        spans.push_str(&format!("{:?}", seen.spans()));
        told.push_str(&format!("{:?}{:?}", seen.metrics().collect::<Vec<_>>(), seen.logs));
    }
    // Processes tell of page faults.
    assert!(!spans.to_lowercase().contains("fault"));
    told.push_str(&spans);
    for code in ["DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE"] {
        assert!(told.contains(code), "{code}");
    }
    for word in ["inject", "chaos", "partition", "refuse\""] {
        assert!(!told.to_lowercase().contains(word), "{word} is told");
    }
}

async fn calls_hang_and_stop_with_the_world(far: bool) {
    let world = world(far, Limits { default_deadline: Duration::from_millis(300), ..Limits::default() }).await;
    world.arm(r#"{"hang": {}}"#, CALLEE);
    assert_eq!(world.add("fine").await.expect_err("it hangs").code(), Code::DeadlineExceeded);
    world.is_well().await;
    world.arm(r#"{"hang": {"ms": 40}}"#, CALLEE);
    let began = Instant::now();
    world.add("fine").await.expect("after a while");
    assert!(began.elapsed() >= Duration::from_millis(40));
    world.is_well().await;
    // Within the first stop of many: whoever comes waits until it is over.
    world.arm(r#"{"hold": {"ms": 150, "every_ms": 60000}}"#, CALLEE);
    let began = Instant::now();
    world.add("fine").await.expect("after the stop");
    assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    let began = Instant::now();
    world.add("fine").await.expect("between two stops");
    assert!(began.elapsed() < Duration::from_millis(150), "{:?}", began.elapsed());
    assert_eq!(world.at_work(), [1]);
}

async fn calls_arrive_more_than_once(far: bool) {
    let world = world(far, Limits::default()).await;
    world.arm(r#"{"duplicate": {"copies": 2}}"#, CALLER);
    assert_eq!(world.add("fine").await.expect("one answer"), "fine");
    assert_eq!(world.calls(), 3);
    world.is_well().await;
    let before = world.calls();
    world.add("fine").await.expect("well");
    assert_eq!(world.calls() - before, 1);
}

async fn answers_are_cut_changed_and_old(far: bool) {
    let world = world(far, Limits::default()).await;
    world.arm(r#"{"value": {"field": "customer_id", "set": "someone else"}}"#, CALLEE);
    assert_eq!(world.add("fine").await.expect("changed"), "someone else");
    world.arm(r#"{"value": {"field": "customer_id", "clear": true}}"#, CALLEE);
    assert_eq!(world.add("fine").await.expect("changed"), "");
    world.arm(r#"{"truncate": {"bytes": 3}}"#, CALLEE);
    assert_eq!(world.add("fine").await.expect_err("it is cut").code(), Code::Internal);
    world.is_well().await;
    // A call whose answer differs each time, for it tells its trace.
    world.arm(r#"{"stale": {"age_s": 600}}"#, CALLEE);
    let first = world.get("context").await.expect("new");
    let before = world.calls();
    for _ in 0..3 {
        assert_eq!(world.get("context").await.expect("old"), first);
    }
    assert_eq!(world.calls(), before, "nobody looks");
    // What changes something is done anew each time.
    assert_eq!(world.add("fine").await.expect("new"), "fine");
    world.is_well().await;
    assert_ne!(world.get("context").await.expect("new"), first);
}

async fn bounds_are_others(far: bool) {
    let world = world(far, Limits { first_backoff: Duration::from_millis(1), ..Limits::default() }).await;
    world.arm(r#"{"limits": {"deadline_ms": 60}}"#, CALLER);
    assert_eq!(world.add("hang").await.expect_err("sooner").code(), Code::DeadlineExceeded);
    world.is_well().await;
    let before = world.calls();
    world.arm(r#"{"limits": {"attempts": 9, "budget_off": true}}"#, CALLER);
    world.get("fail").await.expect_err("each of them");
    assert_eq!(world.calls() - before, 9, "a storm of retries");
    world.is_well().await;
    world.arm(r#"{"limits": {"in_flight": 1}}"#, CALLER);
    let first = tokio::spawn({
        let client = world.client.clone();
        async move {
            let request = vitrine_contracts::carts::v1::GetCartRequest { customer_id: "hang".to_owned() };
            client.clone().get_cart(request).await.map(drop)
        }
    });
    let before = world.calls();
    eventually(async || world.calls() > before).await;
    let second = tokio::time::timeout(Duration::from_millis(50), world.add("fine")).await;
    assert!(second.is_err(), "the second one waits for the first");
    // Those who wait go on when the fault ends.
    let waiting = world.add("fine");
    let clearing = async {
        tokio::task::yield_now().await;
        world.clear();
    };
    let (answer, ()) = tokio::join!(waiting, clearing);
    assert_eq!(answer.expect("it goes on"), "fine");
    first.abort();
}

async fn a_service_that_is_not_ready_answers_so(far: bool) {
    let world = world(far, Limits::default()).await;
    world.arm(r#""unready""#, r#""at": "process", "service": ["carts"]"#);
    let status = world.add("fine").await.expect_err("not ready");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the process is stopping"));
    assert_eq!(world.calls(), 0);
    assert_eq!(world.at_work(), [u64::from(Limits::default().max_attempts)], "no handler saw it, so it is tried again");
    world.is_well().await;
}

async fn narrow_lines_take_long(far: bool) {
    let world = world(far, Limits::default()).await;
    world.arm(r#"{"bandwidth": {"kib_s": 100}}"#, CALLER);
    let large = "x".repeat(5 * 1024);
    let began = Instant::now();
    assert_eq!(world.add(&large).await.expect("in the end"), large);
    assert!(began.elapsed() >= Duration::from_millis(95), "there and back: {:?}", began.elapsed());
    let began = Instant::now();
    world.add("fine").await.expect("soon");
    assert!(began.elapsed() < Duration::from_millis(95));
    world.is_well().await;
}

async fn only_what_is_named_is_hit(far: bool) {
    let world = world(far, Limits::default()).await;
    let error = r#"{"error": {"code": "INTERNAL"}}"#;
    let outcomes = async || {
        let is_hit = |outcome: Result<String, Status>| outcome.is_err();
        (is_hit(world.add("a").await), is_hit(world.get("a").await), is_hit(world.add("b").await))
    };
    for (rest, expected) in [
        (r#""method": ["AddItem"]"#, (true, false, true)),
        (r#""method": ["Get*"]"#, (false, true, false)),
        (r#""request": [{"field": "customer_id", "in": ["a"]}]"#, (true, true, false)),
        (r#""request": [{"field": "customer_id", "not_in": ["a"]}]"#, (false, false, true)),
        (r#""method": ["*"]"#, (true, true, true)),
    ] {
        world.arm(error, &format!("{CALLEE}, {rest}"));
        assert_eq!(outcomes().await, expected, "{rest}");
    }
    world.clear();
    assert_eq!(outcomes().await, (false, false, false));
}

async fn stop_all_lets_go_of_those_who_wait(far: bool) {
    let world = world(far, Limits { default_deadline: Duration::from_secs(60), ..Limits::default() }).await;
    for (what, target) in [
        (r#"{"hang": {}}"#, CALLEE),
        (r#"{"delay": {"ms": 60000}}"#, CALLER),
        (r#"{"lose": {"leg": "answer"}}"#, CALLER),
        (r#"{"partition": {}}"#, CALLER),
    ] {
        world.arm(what, target);
        let began = Instant::now();
        let stopping = async {
            eventually(async || world.at_work() == [1]).await;
            world.faults.stop_all();
        };
        let (answer, ()) = tokio::join!(world.add("fine"), stopping);
        assert_eq!(answer.expect("it goes on"), "fine", "{what}");
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        assert_eq!(world.faults.reports().last().and_then(|r| r.ended), Some(Ended::StopAll));
        world.faults.release();
        world.is_well().await;
    }
}

/// That no one listens at a port that someone had, and what is said of it.
#[tokio::test]
async fn a_refusal_says_what_a_real_one_says() {
    let listener = vitrine_platform_http::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let telemetry = vitrine_platform_telemetry::Telemetry::new(Config::default());
    let mesh = crate::mesh(Limits::default());
    let transport = mesh.transport(telemetry.service("gateway"), "carts");
    mesh.place_remote("carts", &crate::at(address)).expect("placed");
    let ask = async || {
        let request = vitrine_contracts::carts::v1::GetCartRequest::default();
        let mut client = crate::CartsServiceClient::new(transport.clone());
        client.get_cart(request).await.expect_err("no one")
    };
    let real = ask().await;
    arm(mesh.faults(), r#""refuse""#, CALLER);
    let feigned = ask().await;
    assert_eq!(mesh.faults().reports()[0].counts.hit, 1);
    assert_eq!((feigned.code(), feigned.message(), feigned.details()), (real.code(), real.message(), real.details()));
}
