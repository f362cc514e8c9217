//! Faults at work in tests: armed by what they do and where, and cleared.

use std::time::Duration;

use vitrine_platform_faults::{Fault, Faults, Plan};

/// A fault of ten minutes: what it does, the members of its target, and further members of its own, from a comma on.
///
/// # Panics
/// When there can be no such fault.
pub fn fault(what: &str, target: &str, more: &str) -> Fault {
    let document = format!(r#"{{"what": {what}, "where": {{{target}}}, "timing": {{"ttl_s": 600}}{more}}}"#);
    Fault::from_json(document.as_bytes()).unwrap_or_else(|refusal| panic!("{document}: {refusal}"))
}

/// Has just these faults at work. Each has a number that none had before: one that has ended does not begin again.
///
/// # Panics
/// When they may not be.
pub fn apply(faults: &Faults, all: Vec<Fault>) {
    let known = faults.reports().iter().map(|report| report.plan).max().unwrap_or(0);
    let plan = |(n, fault)| Plan { id: known + n, fault, age: Duration::ZERO };
    let plans: Vec<Plan> = (1..).zip(all).map(plan).collect();
    faults.apply(&plans, faults.epoch()).expect("they may be");
}

/// Has just this fault at work: what it does, and the members of its target.
///
/// # Panics
/// When there can be no such fault, or no site carries it.
pub fn arm(faults: &Faults, what: &str, target: &str) {
    apply(faults, vec![fault(what, target, "")]);
    let is_carried = faults.reports().iter().any(|report| report.ended.is_none() && !report.sites.is_empty());
    assert!(is_carried, "{what} at {target}: no site carries it");
}

/// Ends all of them.
///
/// # Panics
/// Never: nothing may always be at work.
pub fn clear(faults: &Faults) {
    apply(faults, Vec::new());
}
