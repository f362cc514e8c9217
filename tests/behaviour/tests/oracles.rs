//! Each effect at each place that carries it, at work in a shop: telemetry shows what its oracle says, in each signal that it names, and shows it
//! neither before nor after. So it is in one process, in a process for each service over gRPC, and over NATS.
//!
//! The oracles are those of campaigns (`flags/range`), and so are the statements: whoever changes one changes both.

#[path = "oracles/cases.rs"]
mod cases;
#[path = "oracles/demo.rs"]
mod demo;
#[path = "oracles/drive.rs"]
mod drive;
#[path = "oracles/walk.rs"]
mod walk;
#[path = "oracles/world.rs"]
mod world;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use vitrine_flags_range::oracle::Oracle;
use vitrine_platform_faults::At;
use vitrine_tests_testkit::{Engines, Placement};

use cases::{CASES, Case, ends_a_process};
use walk::Walk;
use world::World;

/// A kind of place, and an effect there.
type Pair = (At, &'static str);

/// All that a kind of place carries.
fn carried(at: At) -> impl Iterator<Item = Pair> {
    at.carries().iter().map(move |effect| (at, *effect))
}

#[test]
fn each_effect_at_each_place_has_an_oracle_and_is_walked() {
    let walked: BTreeSet<Pair> = CASES.iter().map(Case::pair).collect();
    let all: BTreeSet<Pair> = At::ALL.into_iter().flat_map(carried).collect();
    assert_eq!(walked, all, "what is walked, and what there is");
    for (at, effect) in all {
        let oracle = Oracle::of(at, effect).unwrap_or_else(|| panic!("{effect} at {} has no oracle", at.name()));
        assert!(!oracle.required.is_empty(), "{effect} at {} shows in nothing", at.name());
    }
    assert_eq!(Oracle::all().len(), walked.len(), "an oracle is of no effect");
}

/// Walks all that the shop's places carry, as far as it `is_meant`, one after the other.
async fn walk(placement: Placement, engines: &[&str], is_meant: fn(At) -> bool) -> Result<()> {
    let engines = if engines.is_empty() { None } else { Some(Engines::start(engines)?) };
    let variables = engines.as_ref().map(Engines::variables).unwrap_or_default();
    let mut walk = Walk::new(World::start(placement, variables).await?);
    let mut places = walk.places().await?;
    for case in CASES.iter().filter(|case| is_meant(case.pair().0)) {
        let (at, _) = case.pair();
        if at == At::Load && !places.contains(&at) {
            walk.let_people_come().await?;
            places.extend(walk.places().await?);
        }
        if ends_a_process(case) {
            walk.pass_another_time().await;
        }
        // Where events are fetched from the services themselves, nothing relays them.
        if places.contains(&at) {
            walk.pass(case).await;
        }
    }
    let expected: BTreeSet<Pair> = places.into_iter().filter(|at| is_meant(*at)).flat_map(carried).collect();
    let walked = walk.end()?;
    ensure!(walked == expected, "walked {walked:?}, and the shop's places carry {expected:?}");
    Ok(())
}

fn anywhere(_: At) -> bool {
    true
}

fn between_services(at: At) -> bool {
    matches!(at, At::Caller | At::Callee | At::Consumer | At::Relay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_seen_and_clear_within_a_process() {
    walk(Placement::Local, &[], anywhere).await.expect("each is seen, and clears");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_seen_and_clear_between_processes_over_grpc() {
    walk(Placement::Grpc, &[], anywhere).await.expect("each is seen, and clears");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_seen_and_clear_between_processes_over_nats() {
    walk(Placement::Nats, &["nats"], between_services).await.expect("each is seen, and clears");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demos_faults_hit_by_their_names() {
    demo::all().await.expect("each hits, or is refused with the reason");
}
