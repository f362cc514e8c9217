//! Whether a fault may be: by itself, and with the sites that there are. All that is wrong is said at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use semver::VersionReq;
use vitrine_contracts::services;

use crate::effect::{
    At, Change, Delay, Distribution, Effect, JOURNEYS, LimitsEffect, MAX_BLOCKED, MAX_COPIES, MAX_CORES, MAX_DELAY_MS,
    MAX_DISK_MIB_S, MAX_FLOOD_RPS, MAX_KIB_PER_CALL, MAX_MEMORY_MIB, MAX_PPM, MAX_SHIFT_MS, MAX_SURGE, Memory,
};
use crate::failure;
use crate::fault::{
    Fault, FieldMatch, Guard, MAX_AFTER_S, MAX_BAGGAGE, MAX_FIELDS, MAX_GUARDS, MAX_NAMES, MAX_TEXT, MAX_TTL_S,
    MAX_VALUES, Scope, ShareOf, Signal, Target, Timing,
};
use crate::message::{FieldPath, Side};
use crate::refusal::Refusal;
use crate::selector::{PRODUCT_FIELD, USER_FIELD, is_like, means_a_method, methods_of, names, service_of};
use crate::site::SiteName;

/// Most faults at work at a time.
pub const MAX_ACTIVE: usize = 16;

/// Those that a database's trouble can have: it is out of reach, or another one was quicker.
const STORE_CODES: &[&str] = &["UNAVAILABLE", "ABORTED"];
/// The share that is all there is.
const ALL: f64 = 1.0;
/// Services that have no contract: those who shop.
const LOAD: &str = "load";

/// A place where faults can act, as a process tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Which place.
    pub name: SiteName,
    /// In which process.
    pub instance: Arc<str>,
    /// Of which version.
    pub version: Arc<str>,
}

/// Gathers what is wrong.
#[derive(Default)]
struct Refusals(Vec<Refusal>);

impl Refusals {
    fn add(&mut self, place: &str, message: impl Into<String>, expected: impl Into<String>) {
        self.0.push(Refusal::new(place, message.into(), expected.into()));
    }

    /// Refuses a number outside of a range.
    fn within<N: PartialOrd + std::fmt::Display>(&mut self, place: &str, n: N, low: N, high: N) {
        // Also what is no number at all.
        if !(n >= low && n <= high) {
            self.add(place, format!("{n} is out of range"), format!("{low} to {high}"));
        }
    }

    fn most(&mut self, place: &str, length: usize, most: usize) {
        if length > most {
            self.add(place, format!("there are {length}"), format!("at most {most}"));
        }
    }
}

/// Says what is wrong with a fault by itself: nothing, if nothing is.
pub fn check(fault: &Fault) -> Vec<Refusal> {
    let mut refusals = Refusals::default();
    timing(&mut refusals, &fault.timing);
    if !(fault.share.rate > 0.0 && fault.share.rate <= 1.0) {
        refusals.add(
            "share.rate",
            format!("{} is out of range", fault.share.rate),
            format!("above 0, and at most {ALL}"),
        );
    }
    target(&mut refusals, fault);
    effect(&mut refusals, fault);
    guards(&mut refusals, &fault.guards);
    for (place, text) in [("remedy", &fault.remedy), ("why", &fault.why)] {
        if text.len() > MAX_TEXT {
            refusals.add(place, format!("it has {} bytes", text.len()), format!("at most {MAX_TEXT} bytes"));
        }
    }
    refusals.0
}

fn timing(refusals: &mut Refusals, timing: &Timing) {
    if timing.ttl_s == 0 {
        refusals.add("timing.ttl_s", "no ttl", format!("1 to {MAX_TTL_S} seconds, after which it ends by itself"));
    } else {
        refusals.within("timing.ttl_s", timing.ttl_s, 1, MAX_TTL_S);
    }
    refusals.within("timing.after_s", timing.after_s, 0, MAX_AFTER_S);
    refusals.within("timing.ramp_s", timing.ramp_s, 0, timing.ttl_s);
    if timing.ttl_s > 0 && timing.after_s >= timing.ttl_s {
        refusals.add("timing.after_s", "it would end before it begins", "less than ttl_s");
    }
    if let Some(wave) = timing.wave {
        refusals.within("timing.wave.on_s", wave.on_s, 1, MAX_TTL_S);
        refusals.within("timing.wave.off_s", wave.off_s, 1, MAX_TTL_S);
    }
}

fn is_known_service(pattern: &str) -> bool {
    services::ALL.iter().copied().chain([LOAD]).any(|service| is_like(pattern, service))
}

fn target(refusals: &mut Refusals, fault: &Fault) {
    let target = &fault.target;
    if target.service.is_empty() {
        refusals.add("where.service", "no service is named", "1 or more services, or \"*\" for all");
    }
    for (place, list) in [("where.service", &target.service), ("where.from", &target.from)] {
        refusals.most(place, list.len(), MAX_NAMES);
        for (at, name) in list.iter().enumerate().filter(|(_, name)| !is_known_service(name)) {
            let known = services::ALL.join(", ");
            refusals.add(
                &format!("{place}[{at}]"),
                format!("unknown service {name:?}"),
                format!("one of {known}, {LOAD}"),
            );
        }
    }
    for (place, list) in [("where.method", &target.method), ("where.instance", &target.instance)] {
        refusals.most(place, list.len(), MAX_NAMES);
    }
    let only_at = |refusals: &mut Refusals, place: &str, is_set: bool, places: &[At]| {
        if is_set && !places.contains(&target.at) {
            let names: Vec<&str> = places.iter().map(|at| at.name()).collect();
            let message = format!("it cannot be told at {:?}", target.at.name());
            refusals.add(place, message, format!("it only where \"at\" is one of {}", names.join(", ")));
        }
    };
    let everywhere_else: Vec<At> = At::ALL.into_iter().filter(|at| *at != At::Caller).collect();
    only_at(refusals, "where.from", !target.from.is_empty(), &[At::Caller]);
    only_at(refusals, "where.instance", !target.instance.is_empty(), &everywhere_else);
    let asked = [At::Caller, At::Callee, At::Edge, At::Store];
    only_at(refusals, "where.method", !target.method.is_empty(), &asked);
    only_at(refusals, "where.topic", target.topic.is_some(), &[At::Consumer]);
    only_at(refusals, "where.collection", target.collection.is_some(), &[At::Store]);
    only_at(refusals, "where.key_prefix", target.key_prefix.is_some(), &[At::Cache]);
    only_at(refusals, "where.request", !target.request.is_empty(), &[At::Caller, At::Callee]);
    only_at(refusals, "where.baggage", !target.baggage.is_empty(), &asked);
    let of_request = matches!(fault.share.of, ShareOf::Users | ShareOf::Products);
    only_at(refusals, "share.of", of_request, &[At::Caller, At::Callee]);
    if let Some(Err(error)) = target.version.as_ref().map(|version| VersionReq::parse(version)) {
        refusals.add("where.version", error.to_string(), "a range of versions such as \">=1.2, <2\"");
    }
    if let Some(topic) = target.topic.as_deref().filter(|t| !vitrine_contracts::topics::ALL.contains(t)) {
        let known = vitrine_contracts::topics::ALL.join(", ");
        refusals.add("where.topic", format!("unknown topic {topic:?}"), format!("one of {known}"));
    }
    refusals.most("where.baggage", target.baggage.len(), MAX_BAGGAGE);
    for (at, entry) in target.baggage.iter().enumerate() {
        refusals.within(&format!("where.baggage[{at}].in"), entry.one_of.len(), 1, MAX_VALUES);
    }
    if matches!(target.at, At::Caller | At::Callee | At::Store) {
        methods(refusals, fault);
    }
}

/// The services that a target names, of all that are known.
fn services_of(target: &Target) -> impl Iterator<Item = &'static str> {
    let all = services::ALL.iter().copied().chain([LOAD]);
    all.filter(|service| !target.service.is_empty() && names(&target.service, service))
}

fn methods(refusals: &mut Refusals, fault: &Fault) {
    let target = &fault.target;
    let known: Vec<&str> = vitrine_contracts::METHODS
        .iter()
        .filter(|m| m.may_be_faulted && service_of(m.path).is_some_and(|service| names(&target.service, service)))
        .map(|m| m.path.rsplit('/').next().unwrap_or_default())
        .collect();
    let mut is_any = target.method.is_empty();
    for (at, pattern) in target.method.iter().enumerate() {
        if known.iter().any(|method| is_like(pattern, method)) {
            is_any = true;
        } else if !known.is_empty() {
            let place = format!("where.method[{at}]");
            refusals.add(&place, format!("unknown method {pattern:?}"), format!("one of {}", known.join(", ")));
        }
    }
    let paths: Vec<&str> = services_of(target).flat_map(|service| methods_of(target, service)).collect();
    refusals.most("where.request", target.request.len(), MAX_FIELDS);
    let before = refusals.0.len();
    for (at, field) in target.request.iter().enumerate() {
        request_field(refusals, &format!("where.request[{at}]"), field, &paths);
    }
    let subject = match fault.share.of {
        ShareOf::Users => Some(USER_FIELD),
        ShareOf::Products => Some(PRODUCT_FIELD),
        _ => None,
    };
    let has = |name: &str| paths.iter().any(|path| FieldPath::of(path, Side::Request, name).is_some());
    if let Some(name) = subject.filter(|name| !has(name)) {
        refusals.add("share.of", format!("no request there has the field {name}"), "another subject, or other methods");
    }
    if is_any && refusals.0.len() == before && target.at != At::Store {
        // Each field is known somewhere; together they may be nowhere.
        let is_meant = services_of(target).any(|service| means_a_method(fault, service));
        if !is_meant && !paths.is_empty() {
            refusals.add("where.request", "no method has all of these fields", "fields that one request has together");
        }
    }
}

fn request_field(refusals: &mut Refusals, place: &str, wanted: &FieldMatch, paths: &[&str]) {
    if wanted.one_of.is_empty() == wanted.not_in.is_empty() {
        refusals.add(place, "there must be just one of \"in\" and \"not_in\"", "a list of values under one of them");
    }
    refusals.most(place, wanted.one_of.len() + wanted.not_in.len(), MAX_VALUES);
    let fields: Vec<FieldPath> =
        paths.iter().filter_map(|path| FieldPath::of(path, Side::Request, &wanted.field)).collect();
    if fields.is_empty() {
        let message = format!("unknown field {:?}", wanted.field);
        refusals.add(&format!("{place}.field"), message, "a field of a request of these methods, or outer.inner");
        return;
    }
    for text in wanted.one_of.iter().chain(&wanted.not_in) {
        if !fields.iter().any(|field| field.value(text).is_some()) {
            refusals.add(place, format!("{text:?} is no value of {}", wanted.field), "a value as the contract has it");
        }
    }
}

fn effect(refusals: &mut Refusals, fault: &Fault) {
    let (at, name) = (fault.target.at, fault.what.name());
    let is_per_call = matches!(&fault.what, Effect::Memory(memory) if memory.kib_per_call.is_some());
    if !at.carries().contains(&name) {
        let message = format!("{name:?} cannot be had at {:?}", at.name());
        refusals.add("what", message, format!("one of {}", at.carries().join(", ")));
        return;
    }
    if fault.scope == Scope::Process && at != At::Process {
        refusals.add("scope", "only a process has this scope", "\"service\", or \"at\": \"process\"");
    }
    let place = format!("what.{name}");
    let sub = |field: &str| format!("{place}.{field}");
    match &fault.what {
        Effect::Delay(spec) => delay(refusals, &place, spec, at),
        Effect::Bandwidth { kib_s } => refusals.within(&sub("kib_s"), *kib_s, 1, u32::MAX),
        Effect::Hang { ms } => ms.iter().for_each(|ms| refusals.within(&sub("ms"), *ms, 1, MAX_TTL_S * 1_000)),
        Effect::Hold { ms, every_ms } => stops(refusals, &sub("ms"), *ms, *every_ms),
        Effect::Lock { hold_ms, every_ms } => stops(refusals, &sub("hold_ms"), *hold_ms, *every_ms),
        Effect::Block { workers, ms, every_ms } => {
            refusals.within(&sub("workers"), *workers, 1, MAX_BLOCKED);
            stops(refusals, &sub("ms"), *ms, *every_ms);
        }
        Effect::Error { code, .. } => {
            let known = if at == At::Store { STORE_CODES } else { failure::names() };
            if !known.contains(&code.as_str()) {
                refusals.add(&sub("code"), format!("unknown code {code:?}"), format!("one of {}", known.join(", ")));
            }
        }
        Effect::Duplicate { copies } => refusals.within(&sub("copies"), *copies, 1, MAX_COPIES),
        Effect::Stale { age_s } => refusals.within(&sub("age_s"), *age_s, 1, MAX_TTL_S),
        Effect::Value(spec) => change(refusals, &place, spec, fault),
        Effect::Limits(spec) => limits(refusals, &place, spec),
        Effect::Cpu { cores } => refusals.within(&sub("cores"), *cores, 0.01, MAX_CORES),
        Effect::Memory(spec) => memory(refusals, &place, spec, is_per_call),
        Effect::Clock { offset_ms, ppm, .. } => {
            refusals.within(&sub("offset_ms"), *offset_ms, -MAX_SHIFT_MS, MAX_SHIFT_MS);
            refusals.within(&sub("ppm"), *ppm, -MAX_PPM, MAX_PPM);
        }
        Effect::Disk { mib_s } => refusals.within(&sub("mib_s"), *mib_s, 1, MAX_DISK_MIB_S),
        Effect::Surge { factor } => refusals.within(&sub("factor"), *factor, 0.0, MAX_SURGE),
        Effect::Flood { path, rps } => {
            refusals.within(&sub("rps"), *rps, 1, MAX_FLOOD_RPS);
            if !path.starts_with('/') {
                refusals.add(&sub("path"), format!("{path:?} is no path"), "a path such as \"/\"");
            }
        }
        Effect::Hot { share, product } => {
            refusals.within(&sub("share"), *share, 0.0, 1.0);
            if product.is_empty() {
                refusals.add(&sub("product"), "no product is named", "a product's id");
            }
        }
        Effect::Mix(weights) => mix(refusals, &place, weights),
        Effect::Reset { .. } | Effect::Refuse | Effect::Lose { .. } | Effect::Partition { .. } => {}
        Effect::Truncate { .. } | Effect::Redeliver | Effect::InDoubt | Effect::Bypass | Effect::Evict => {}
        Effect::Unready | Effect::Exit { .. } => {}
    }
}

fn delay(refusals: &mut Refusals, place: &str, spec: &Delay, at: At) {
    for (field, ms) in [("ms", spec.ms), ("jitter_ms", spec.jitter_ms), ("max_ms", spec.max_ms)] {
        refusals.within(&format!("{place}.{field}"), ms, 0, MAX_DELAY_MS);
    }
    let varies = spec.dist != Distribution::Fixed;
    if varies != (spec.jitter_ms > 0) {
        let expected = "jitter_ms above 0 with dist uniform, normal, exponential or pareto, and neither with fixed";
        refusals.add(&format!("{place}.dist"), "jitter_ms and dist do not fit together", expected);
    }
    if spec.op.is_some() && at != At::Store {
        refusals.add(&format!("{place}.op"), "only a store has operations", "\"at\": \"store\", or no op");
    }
}

fn stops(refusals: &mut Refusals, place: &str, ms: u32, every_ms: u32) {
    refusals.within(place, ms, 1, MAX_DELAY_MS);
    if every_ms < ms {
        refusals.add(place, format!("{ms} ms in each {every_ms} ms"), "every_ms of at least as much");
    }
}

fn change(refusals: &mut Refusals, place: &str, spec: &Change, fault: &Fault) {
    let ways = u8::from(spec.set.is_some()) + u8::from(spec.scale.is_some()) + u8::from(spec.clear);
    if ways != 1 {
        refusals.add(place, format!("{ways} changes are said"), "just one of set, scale and clear");
    }
    if spec.scale.is_some_and(|by| !by.is_finite()) {
        refusals.add(&format!("{place}.scale"), "it is not finite", "a number");
    }
    let paths = services_of(&fault.target).flat_map(|service| methods_of(&fault.target, service));
    let fields: Vec<FieldPath> = paths.filter_map(|path| FieldPath::of(path, Side::Answer, &spec.field)).collect();
    if fields.is_empty() {
        let expected = "a field of an answer of these methods, or outer.inner, and not a list";
        refusals.add(&format!("{place}.field"), format!("unknown field {:?}", spec.field), expected);
    } else if let Some(text) = spec.set.as_ref().filter(|text| !fields.iter().any(|f| f.value(text).is_some())) {
        let message = format!("{text:?} is no value of {}", spec.field);
        refusals.add(&format!("{place}.set"), message, "a value as the contract has it");
    } else if spec.scale.is_some() && !fields.iter().any(FieldPath::is_number) {
        refusals.add(&format!("{place}.scale"), format!("{} is no number", spec.field), "a field that holds a number");
    }
}

fn limits(refusals: &mut Refusals, place: &str, spec: &LimitsEffect) {
    if *spec == LimitsEffect::default() {
        refusals.add(place, "no bound is said", "deadline_ms, in_flight, attempts or budget_off");
    }
    for (field, n) in [("deadline_ms", spec.deadline_ms), ("in_flight", spec.in_flight), ("attempts", spec.attempts)] {
        n.iter().for_each(|n| refusals.within(&format!("{place}.{field}"), *n, 1, MAX_DELAY_MS));
    }
}

fn mix(refusals: &mut Refusals, place: &str, weights: &BTreeMap<String, u32>) {
    for name in weights.keys().filter(|name| !JOURNEYS.contains(&name.as_str())) {
        let expected = format!("one of {}", JOURNEYS.join(", "));
        refusals.add(&format!("{place}.{name}"), format!("unknown journey {name:?}"), expected);
    }
    if weights.values().all(|weight| *weight == 0) {
        refusals.add(place, "nobody would come", "journeys with weights, of which one is above 0");
    }
}

fn memory(refusals: &mut Refusals, place: &str, spec: &Memory, is_per_call: bool) {
    refusals.within(&format!("{place}.cap_mib"), spec.cap_mib, 1, MAX_MEMORY_MIB);
    if spec.mib_s.is_some() == is_per_call {
        refusals.add(place, "there must be just one of \"mib_s\" and \"kib_per_call\"", "how it grows");
    }
    spec.mib_s.iter().for_each(|n| refusals.within(&format!("{place}.mib_s"), *n, 1, MAX_MEMORY_MIB));
    spec.kib_per_call.iter().for_each(|n| refusals.within(&format!("{place}.kib_per_call"), *n, 1, MAX_KIB_PER_CALL));
}

/// Shortest time for which a guard must hold, in seconds: a scrape or two.
const MIN_GUARD_S: u32 = 2;

fn guards(refusals: &mut Refusals, guards: &[Guard]) {
    refusals.most("guards", guards.len(), MAX_GUARDS);
    for (at, guard) in guards.iter().enumerate() {
        let place = format!("guards[{at}]");
        refusals.within(&format!("{place}.for_s"), guard.for_s, MIN_GUARD_S, MAX_TTL_S);
        if guard.above.is_some() == guard.below.is_some() {
            refusals.add(&place, "there must be just one of \"above\" and \"below\"", "a number under one of them");
        }
        if guard.above.or(guard.below).is_some_and(|n| !n.is_finite()) {
            refusals.add(&place, "the bound is not finite", "a number");
        }
        if let Signal::ErrorRatio(of) | Signal::P99Ms(of) | Signal::RateS(of) = &guard.signal {
            let (service, method) = of.split_once('/').unwrap_or((of, "Any"));
            let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
            if !services::ALL.contains(&service) || !is_word(method) {
                refusals.add(&format!("{place}.if"), format!("{of:?} is none"), "a service, or service/Method");
            }
        }
    }
}

/// Whether a fault acts at a site. A leak by each call is the process's, and is had where its calls come in; a method that a store's fault
/// names is seen there, too.
pub(crate) fn is_at(fault: &Fault, site: &SiteInfo) -> bool {
    let (target, name) = (&fault.target, &site.name);
    let is_here = match (&fault.what, target.at) {
        (Effect::Memory(memory), At::Process) if memory.kib_per_call.is_some() => {
            matches!(name.at, At::Callee | At::Consumer)
        }
        (Effect::Hold { .. }, At::Process) => matches!(name.at, At::Callee | At::Consumer),
        (Effect::Unready, At::Process) => matches!(name.at, At::Callee | At::Process),
        _ => name.at == target.at,
    };
    let from = name.from.as_deref().unwrap_or_default();
    let forward = names(&target.service, &name.service) && (name.at != At::Caller || names(&target.from, from));
    let both = matches!(fault.what, Effect::Partition { both: true });
    let backward =
        both && !target.from.is_empty() && names(&target.from, &name.service) && names(&target.service, from);
    let is_version = target.version.as_ref().is_none_or(|range| {
        let range = VersionReq::parse(range);
        range.is_ok_and(|range| site.version.parse().is_ok_and(|version| range.matches(&version)))
    });
    is_here && (forward || backward) && is_version && names(&target.instance, &site.instance)
}

/// Whether a fault of the service's store is to know within which of its calls the store is asked.
pub(crate) fn wants_call_names(fault: &Fault, site: &SiteInfo) -> bool {
    let target = &fault.target;
    target.at == At::Store
        && !target.method.is_empty()
        && site.name.at == At::Callee
        && names(&target.service, &site.name.service)
}

/// Says what is wrong with a fault among the sites that there are in all processes, and `active` faults at work.
pub fn check_sites(fault: &Fault, sites: &[SiteInfo], active: usize) -> Vec<Refusal> {
    let mut refusals = Refusals::default();
    if active >= MAX_ACTIVE {
        refusals.add("", format!("{active} faults are at work already"), format!("at most {MAX_ACTIVE} at a time"));
    }
    let mine: Vec<&SiteInfo> = sites.iter().filter(|site| is_at(fault, site)).collect();
    if mine.is_empty() {
        let there: BTreeSet<String> = sites
            .iter()
            .filter(|site| site.name.at == fault.target.at)
            .map(|site| {
                site.name
                    .from
                    .as_ref()
                    .map_or_else(|| site.name.service.to_string(), |from| format!("{from} to {}", site.name.service))
            })
            .collect();
        let there = there.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("no live site at {:?} is meant", fault.target.at.name());
        refusals.add(
            "where",
            message,
            if there.is_empty() { "a place that a process has".to_owned() } else { format!("one of {there}") },
        );
    }
    if fault.target.at == At::Process && fault.what.is_of_whole_process() && fault.scope == Scope::Service {
        let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for site in sites.iter().filter(|site| site.name.at == At::Process) {
            services.entry(&site.instance).or_default().insert(&site.name.service);
        }
        for site in &mine {
            let all = &services[&*site.instance];
            if all.len() > 1 {
                let all = all.iter().copied().collect::<Vec<_>>().join(", ");
                let message = format!("{} shares its process with others: {all}", site.name.service);
                refusals.add("scope", message, "\"process\": then all of them are the cause");
                break;
            }
        }
    }
    refusals.0
}
