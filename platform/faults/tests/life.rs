//! How faults live and end: shares, seeds, timings, leases, stops, and what is said of those that do nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::Config;
use vitrine_platform_faults::effect::{Delay, Distribution, Memory};
use vitrine_platform_faults::fault::{Scope, Share, ShareOf, Target, Timing};
use vitrine_platform_faults::{
    At, Call, Effect, Ended, Fault, Faults, LEASE, MAX_HITS, Monotonic, NO_HIT, NO_SITE, NotApplied, Plan, Site,
    SiteName, Turn,
};

const GET: &str = "/vitrine.carts.v1.CartsService/GetCart";

fn fault(what: Effect) -> Fault {
    Fault {
        what,
        target: Target::new(At::Callee, "carts"),
        share: Share::default(),
        timing: Timing::ttl(60),
        scope: Scope::Service,
        guards: Vec::new(),
        remedy: String::new(),
        why: String::new(),
    }
}

fn plan(id: u64, fault: Fault) -> Plan {
    Plan { id, fault, age: Duration::ZERO }
}

fn call(trace: u64) -> Call<'static> {
    Call { trace_id: trace.into(), path: GET, ..Call::default() }
}

/// A process with one site.
fn process() -> (Faults, Site, Turn) {
    let (clock, turn) = Monotonic::manual();
    let faults = Faults::new(clock, "carts-1", "1.0.0");
    let site = faults.site(SiteName::new(At::Callee, "carts"));
    (faults, site, turn)
}

fn is_hit(site: &Site, trace: u64) -> bool {
    site.is_armed() && site.decide(&call(trace)).is_some()
}

proptest! {
    #![proptest_config(Config { cases: 32, ..Config::default() })]

    /// The share of those hit is the rate, within four standard deviations, whatever the seed; a seed hits the same ones again, another one
    /// others; and those that a small share hits are hit by a larger one.
    #[test]
    fn shares_are_kept(id in any::<u64>(), seed in any::<u64>(), percent in 1_u32..100, start in any::<u64>()) {
        const CALLS: u32 = 4_000;
        let rate = f64::from(percent) / 100.0;
        let hits = |seed: u64, rate: f64| {
            let (faults, site, _) = process();
            let share = Share { rate, of: ShareOf::Traces, seed };
            faults.apply(&[plan(id, Fault { share, ..fault(Effect::Delay(Delay::fixed(0))) })], 0).expect("it may be");
            let hit: HashSet<u32> = (0..CALLS).filter(|n| is_hit(&site, start.wrapping_add(1 + u64::from(*n)).max(1))).collect();
            let counts = faults.reports()[0].counts;
            assert_eq!((counts.eligible, counts.hit), (CALLS.into(), hit.len() as u64));
            hit
        };
        let hit = hits(seed, rate);
        let sigma = (f64::from(CALLS) * rate * (1.0 - rate)).sqrt();
        let off = (hit.len() as f64 - f64::from(CALLS) * rate).abs();
        prop_assert!(off <= 4.0 * sigma + 1.0, "{} of {CALLS} at {rate}", hit.len());
        prop_assert_eq!(&hit, &hits(seed, rate));
        prop_assert!(hit != hits(!seed, rate));
        prop_assert!(hit.is_subset(&hits(seed, (rate + 0.2).min(1.0))));
    }

    /// Whatever its timing, a fault is over when its time is, without anyone ending it.
    #[test]
    fn it_ends_by_itself(ttl_s in 1_u32..3_600, after_s in 0_u32..600, ramp_s in 0_u32..600, seed in any::<u64>()) {
        let (faults, site, turn) = process();
        let timing = Timing { after_s: after_s.min(ttl_s - 1), ramp_s: ramp_s.min(ttl_s), ..Timing::ttl(ttl_s) };
        faults.apply(&[plan(seed, Fault { timing, ..fault(Effect::Refuse) })], 0).expect_err("not there");
        faults.apply(&[plan(seed, Fault { timing, ..fault(Effect::Hang { ms: None }) })], 0).expect("it may be");
        for _ in 0..ttl_s / 10 {
            turn.forward(Duration::from_secs(10));
            faults.renew();
        }
        turn.forward(Duration::from_secs((ttl_s % 10).into()));
        faults.renew();
        prop_assert!(!is_hit(&site, 1));
        faults.tick();
        prop_assert!(!site.is_armed());
        prop_assert_eq!(faults.reports()[0].ended, Some(Ended::Ttl));
    }
}

#[test]
fn a_share_counts_what_it_is_of() {
    use prost::Message;
    use vitrine_contracts::carts::v1::GetCartRequest;
    let (faults, site, _) = process();
    let half = |of| Share { rate: 0.5, of, seed: 1 };
    let customer = |n: u32| GetCartRequest { customer_id: format!("cus_{n}") }.encode_to_vec();
    for (id, of) in [(1, ShareOf::Users), (2, ShareOf::Instances), (3, ShareOf::Calls)] {
        faults.apply(&[plan(id, Fault { share: half(of), ..fault(Effect::Hang { ms: None }) })], 0).expect("it may be");
        let hit = |n: u32, trace| {
            let message = customer(n);
            site.decide(&Call { message: &message, ..call(trace) }).is_some()
        };
        let first: Vec<bool> = (0..200).map(|n| hit(n, 1 + u64::from(n))).collect();
        let again: Vec<bool> = (0..200).map(|n| hit(n, 9_000 + u64::from(n))).collect();
        let count = first.iter().filter(|hit| **hit).count();
        match of {
            ShareOf::Users => assert!(first == again && (60..140).contains(&count), "{count}"),
            ShareOf::Instances => assert!(first == again && [0, 200].contains(&count)),
            _ => assert!(first != again && (60..140).contains(&count), "{count}"),
        }
    }
}

#[test]
fn requests_and_baggage_are_looked_at() {
    use prost::Message;
    use vitrine_contracts::carts::v1::AddItemRequest;
    use vitrine_contracts::common::v1::Line;
    use vitrine_platform_telemetry::Baggage;
    let document = r#"{"what": {"hang": {}}, "timing": {"ttl_s": 9}, "where": {"at": "callee", "service": ["carts"],
        "request": [{"field": "line.product_id", "not_in": ["prd_1"]}, {"field": "line.quantity", "in": ["2", "3"]}],
        "baggage": [{"key": "synthetic_request", "in": ["true"]}]}}"#;
    let (faults, site, _) = process();
    faults.apply(&[plan(1, Fault::from_json(document.as_bytes()).expect("a fault"))], 0).expect("it may be");
    let add = "/vitrine.carts.v1.CartsService/AddItem";
    for (path, product, quantity, synthetic, expected) in [
        (add, "prd_2", 3, "true", true),
        (add, "prd_1", 3, "true", false),
        (add, "prd_2", 4, "true", false),
        (add, "prd_2", 3, "false", false),
        (GET, "prd_2", 3, "true", false),
    ] {
        let line = Some(Line { product_id: product.to_owned(), quantity });
        let message = AddItemRequest { line, ..AddItemRequest::default() }.encode_to_vec();
        let baggage = Baggage::parse(&format!("synthetic_request={synthetic}"));
        let call = Call { path, message: &message, baggage: Some(&baggage), ..call(1) };
        assert_eq!(site.decide(&call).is_some(), expected, "{path} {product} {quantity} {synthetic}");
    }
}

#[test]
fn delays_are_spread_as_they_say() {
    for (dist, jitter_ms, mean, low, high) in [
        (Distribution::Fixed, 0, 100.0, 100.0, 100.0),
        (Distribution::Uniform, 50, 100.0, 50.0, 150.0),
        (Distribution::Normal, 10, 100.0, 30.0, 170.0),
        (Distribution::Exponential, 50, 150.0, 100.0, 900.0),
        (Distribution::Pareto, 50, 150.0, 100.0, 1_000.0),
    ] {
        let (faults, site, _) = process();
        let delay = Delay { jitter_ms, dist, max_ms: 1_000, ..Delay::fixed(100) };
        faults.apply(&[plan(1, fault(Effect::Delay(delay)))], 0).expect("it may be");
        let waits: Vec<f64> =
            (1..4_000).map(|n| site.decide(&call(n)).expect("all are hit").asked().as_secs_f64() * 1e3).collect();
        let average = waits.iter().sum::<f64>() / waits.len() as f64;
        assert!((average - mean).abs() < 8.0, "{dist:?}: {average}");
        assert!(waits.iter().all(|ms| (low - 0.01..=high + 0.01).contains(ms)), "{dist:?}: {waits:?}");
    }
}

#[test]
fn without_news_all_of_them_end() {
    let (faults, site, turn) = process();
    let hang = || fault(Effect::Hang { ms: None });
    faults.apply(&[plan(1, hang())], 0).expect("it may be");
    turn.forward(LEASE - Duration::from_secs(1));
    assert!(is_hit(&site, 1));
    faults.renew();
    turn.forward(LEASE - Duration::from_secs(1));
    assert!(is_hit(&site, 1));
    turn.forward(Duration::from_secs(1));
    assert!(!is_hit(&site, 1), "a site looks at the time by itself");
    // News that come too late do not bring it back.
    faults.apply(&[plan(1, hang())], 0).expect("it may be");
    assert!(!is_hit(&site, 1));
    assert_eq!(faults.reports()[0].ended, Some(Ended::Lease));
}

#[test]
fn what_is_withdrawn_ends_and_what_stays_goes_on() {
    let (faults, site, turn) = process();
    let get = |id| plan(id, fault(Effect::Hang { ms: None }));
    faults.apply(&[get(1), get(2)], 0).expect("they may be");
    turn.forward(Duration::from_secs(10));
    faults.apply(&[get(2)], 0).expect("it may be");
    assert!(is_hit(&site, 1));
    let ended: Vec<_> = faults.reports().iter().map(|report| (report.plan, report.ended)).collect();
    assert_eq!(ended, [(2, None), (1, Some(Ended::Withdrawn))]);
    // It lives from when it was armed first, and elsewhere too.
    for _ in 0..5 {
        turn.forward(Duration::from_secs(10));
        faults.apply(&[get(2)], 0).expect("it may be");
    }
    assert!(!is_hit(&site, 1));
    faults.apply(&[Plan { age: Duration::from_secs(59), ..get(3) }], 0).expect("it may be");
    assert!(is_hit(&site, 1));
    turn.forward(Duration::from_secs(1));
    assert!(!is_hit(&site, 1));
}

#[tokio::test]
async fn stop_all_wakes_those_who_wait_and_takes_no_new_ones() {
    let (faults, site, _) = process();
    faults.apply(&[plan(1, fault(Effect::Hang { ms: None }))], 4).expect("it may be");
    let ruling = Arc::new(site.decide(&call(1)).expect("a hit"));
    let began = Instant::now();
    let waiting = tokio::spawn(async move { ruling.wait().await });
    tokio::task::yield_now().await;
    let epoch = faults.stop_all();
    waiting.await.expect("it waits no more");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(epoch, 5);
    assert!(!site.is_armed());
    let again = || plan(2, fault(Effect::Hang { ms: None }));
    assert_eq!(faults.apply(&[again()], 5), Err(NotApplied::Stopped));
    assert_eq!(faults.apply(&[again()], 4), Err(NotApplied::Outdated { of: 4, known: 5 }));
    faults.apply(&[], 5).expect("nothing is fine");
    faults.release();
    faults.apply(&[again()], 5).expect("it may be");
    assert!(is_hit(&site, 1));
    // Heard from elsewhere, it is the same.
    faults.apply(&[], 6).expect("nothing is fine");
    assert_eq!(faults.reports().last().and_then(|report| report.ended), Some(Ended::StopAll));
    assert!(!is_hit(&site, 1));
}

#[tokio::test]
async fn waits_are_as_long_as_was_asked_and_are_counted() {
    let (faults, site, _) = process();
    let delay = |id, ms| plan(id, fault(Effect::Delay(Delay::fixed(ms))));
    faults.apply(&[delay(1, 30), delay(2, 10)], 0).expect("they may be");
    let began = Instant::now();
    site.decide(&call(1)).expect("a hit").wait().await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(40), "both are waited for: {took:?}");
    for (report, ms) in faults.reports().iter().zip([30, 10]) {
        assert_eq!((report.counts.hit, report.counts.asked_ns), (1, ms * 1_000_000));
        assert!(report.counts.got_ns >= ms * 1_000_000, "{report:?}");
    }
}

#[test]
fn one_that_no_site_carries_ends_and_one_without_a_hit_says_so() {
    let (faults, site, turn) = process();
    let nowhere = Fault { target: Target::new(At::Callee, "ads"), ..fault(Effect::Hang { ms: None }) };
    faults.apply(&[plan(1, nowhere.clone()), plan(2, fault(Effect::Hang { ms: None }))], 0).expect("they may be");
    assert_eq!(faults.reports()[1].sites, [SiteName::new(At::Callee, "carts")]);
    turn.forward(NO_SITE);
    faults.tick();
    let ended: Vec<_> = faults.reports().iter().map(|report| (report.plan, report.ended)).collect();
    assert_eq!(ended, [(2, None), (1, Some(Ended::NoSite))]);
    // A site that comes into being in time is armed.
    faults.apply(&[plan(2, fault(Effect::Hang { ms: None })), plan(3, nowhere)], 0).expect("they may be");
    assert!(faults.site(SiteName::new(At::Callee, "ads")).is_armed());
    for _ in 0..3 {
        turn.forward(NO_HIT / 3);
        faults.renew();
    }
    assert!(faults.reports().iter().filter(|report| report.ended.is_none()).all(|report| report.hits_nothing));
    assert!(is_hit(&site, 1));
    let quiet: Vec<_> =
        faults.reports().iter().filter(|report| report.hits_nothing).map(|report| report.plan).collect();
    assert_eq!(quiet, [3]);
}

#[test]
fn hits_are_booked_with_their_trace_as_far_as_there_is_room() {
    let (faults, site, _) = process();
    faults.apply(&[plan(9, fault(Effect::Delay(Delay::fixed(0))))], 0).expect("it may be");
    site.decide(&Call { trace_id: 77, span_id: 5, ..call(0) }).expect("a hit");
    for trace in 0..MAX_HITS as u64 + 10 {
        site.decide(&call(1 + trace));
    }
    let taken = faults.take_hits();
    let [(name, hits)] = taken.as_slice() else { panic!("one site: {taken:?}") };
    assert_eq!((&*name.service, hits.hits.len(), hits.overflow), ("carts", MAX_HITS, 11));
    assert!(faults.take_hits().is_empty());
    site.decide(&Call { trace_id: 77, span_id: 5, ..call(0) }).expect("a hit");
    let hit = faults.take_hits()[0].1.hits[0];
    assert_eq!((hit.plan, hit.trace_id, hit.span_id), (9, 77, 5));
}

#[test]
fn only_the_first_of_several_endings_is_had_and_booked() {
    let (faults, site, _) = process();
    let error = |code: &str| Effect::Error { code: code.to_owned(), reason: None, when: Default::default() };
    faults.apply(&[plan(1, fault(error("INTERNAL"))), plan(2, fault(error("UNAVAILABLE")))], 0).expect("they may be");
    let ruling = site.decide(&call(1)).expect("a hit");
    assert_eq!(ruling.ending(), Some(&error("INTERNAL")));
    let hits: Vec<_> = faults.reports().iter().map(|report| report.counts.hit).collect();
    assert_eq!(hits, [1, 0]);
}

#[test]
fn what_calls_leak_is_bounded() {
    let (faults, site, _) = process();
    let leak = Effect::Memory(Memory { kib_per_call: Some(512), cap_mib: 1, mib_s: None });
    let fault = Fault { target: Target::new(At::Process, "carts"), ..fault(leak) };
    faults.apply(&[plan(1, fault)], 0).expect("it may be");
    for trace in 1..10 {
        assert!(is_hit(&site, trace));
    }
    assert_eq!(faults.leaked_bytes(), 1024 * 1024);
    faults.apply(&[], 0).expect("nothing is fine");
    assert_eq!(faults.leaked_bytes(), 0);
}
