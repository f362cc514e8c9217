//! What is done when: a pure function of the campaign, and with it of its seed.
//!
//! Time is in seconds from the beginning of the campaign. A [`Slot`] is one baseline, one or two incidents, and one recovery; slots follow
//! each other, so that no fault reaches into the baseline of another one but where an overlap was drawn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_platform_faults::effect::Delay;
use vitrine_platform_faults::fault::{Scope, Target};
use vitrine_platform_faults::{At, Effect, Fault, mix64};

use crate::campaign::{Campaign, Draw, Order};
use crate::chance::Chance;
use crate::template;
use crate::wrong::{Wrong, refused};

/// Streams of chance, one for each purpose: more draws for one leave the others as they are.
mod streams {
    pub(super) const FAULTS: u64 = 1;
    pub(super) const SHARES: u64 = 2;
    pub(super) const NOOPS: u64 = 3;
    pub(super) const TWINS: u64 = 4;
    pub(super) const OVERLAPS: u64 = 5;
    pub(super) const ORDER: u64 = 6;
    pub(super) const LOADS: u64 = 7;
    pub(super) const IDS: u64 = 8;
    pub(super) const CANARIES: u64 = 9;
}

/// How often a template is drawn until what it draws may be: some combinations of its choices may not.
const MAX_DRAWS: usize = 100;
/// Letters of a canary: enough that no text has it by chance.
const CANARY_LETTERS: usize = 16;
/// Where there is no delay to be had: load is what comes in at the edge of this service.
const EDGE_SERVICE: &str = "gateway";
/// Bits of a seed of a share: JSON's numbers are exact up to 2^53.
const SEED_BITS: u32 = 53;

/// What an incident is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Something goes wrong.
    None,
    /// A fault is armed that does nothing.
    Noop,
    /// Nothing is armed, for the same people as in another slot.
    Twin,
}

/// One incident, as it is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Says nothing of what it is.
    pub id: String,
    /// Its place in the campaign, from 0.
    pub ordinal: u32,
    /// What it is for.
    pub control: Control,
    /// Of a twin: the incident that it is the twin of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
    /// Those that go on at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<String>,
    /// What is armed; of a twin nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// A word that stands in the fault's `why`, and nowhere else.
    pub canary: String,
    /// When it is armed, in seconds from the beginning.
    pub from_s: u32,
    /// When it ends by itself, in seconds from the beginning.
    pub to_s: u32,
}

/// One baseline, what goes wrong after it, and the recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The seed of the load meanwhile: a twin has the same people.
    pub load_seed: u64,
    /// When the baseline begins, in seconds from the beginning.
    pub baseline_s: u32,
    /// When the recovery begins.
    pub recovery_s: u32,
    /// When it ends.
    pub end_s: u32,
    /// One incident, or two that overlap.
    pub incidents: Vec<Incident>,
}

/// What is done when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The campaign's seed.
    pub seed: u64,
    /// In order of time.
    pub slots: Vec<Slot>,
}

/// What is drawn for a slot, before it has a place.
#[derive(Clone)]
struct Drafted {
    load_seed: u64,
    control: Control,
    faults: Vec<Fault>,
    /// How long after the first the second begins, in seconds.
    offset_s: u32,
    /// Of a twin: the number of the draft that it is the twin of.
    twin_of: Option<usize>,
    number: usize,
}

impl Plan {
    /// Draws the plan of a campaign.
    ///
    /// # Errors
    ///
    /// A template that draws nothing but faults that may not be.
    pub fn new(campaign: &Campaign) -> Result<Self, Wrong> {
        let seed = campaign.seed;
        let mut drafts = match (&campaign.draw, &campaign.list) {
            (Some(draw), _) => drawn(seed, draw)?,
            (None, list) => {
                let each = |(number, fault): (usize, &Fault)| Drafted::new(seed, number, Control::None, fault.clone());
                list.iter().flatten().enumerate().map(each).collect()
            }
        };
        if campaign.draw.as_ref().is_some_and(|draw| draw.order == Order::Shuffle) {
            Chance::stream(seed, streams::ORDER).shuffle(&mut drafts);
        }
        Ok(Self { seed, slots: placed(campaign, &drafts) })
    }

    /// All incidents, in order of their ordinals.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.slots.iter().flat_map(|slot| &slot.incidents)
    }

    /// Returns the nth of so many parts, from 1, which can be run against shops side by side: each slot is as it was, and follows the one
    /// before it in its part. A twin is in the part of its incident.
    pub fn part(&self, nth: usize, of: usize) -> Self {
        let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
        // Twins come before their incidents where the order says so: those first that are nobody's.
        for (at, slot) in self.slots.iter().filter(|slot| slot.twin_of().is_none()).enumerate() {
            for incident in &slot.incidents {
                parts.insert(&incident.id, at % of.max(1) + 1);
            }
        }
        let mut now = self.slots.first().map_or(0, |slot| slot.baseline_s);
        let mut slots = Vec::new();
        for slot in &self.slots {
            let of = slot.twin_of().or_else(|| slot.incidents.first().map(|incident| incident.id.as_str()));
            if of.and_then(|id| parts.get(id)) == Some(&nth) {
                let slot = slot.moved(now);
                now = slot.end_s;
                slots.push(slot);
            }
        }
        Self { seed: self.seed, slots }
    }

    /// How long it takes, in seconds.
    pub fn seconds(&self) -> u32 {
        self.slots.last().map_or(0, |slot| slot.end_s)
    }
}

impl Slot {
    fn twin_of(&self) -> Option<&str> {
        self.incidents.first()?.twin_of.as_deref()
    }

    /// The same with another beginning.
    fn moved(&self, to_s: u32) -> Self {
        let at = |second: u32| second - self.baseline_s + to_s;
        let moved = |one: &Incident| Incident { from_s: at(one.from_s), to_s: at(one.to_s), ..one.clone() };
        Self {
            load_seed: self.load_seed,
            baseline_s: to_s,
            recovery_s: at(self.recovery_s),
            end_s: at(self.end_s),
            incidents: self.incidents.iter().map(moved).collect(),
        }
    }
}

impl Drafted {
    fn new(seed: u64, number: usize, control: Control, fault: Fault) -> Self {
        let load_seed = mix64(mix64(seed, streams::LOADS), number as u64);
        Self { load_seed, control, faults: vec![fault], offset_s: 0, twin_of: None, number }
    }
}

/// How many a part of so many is.
fn part(of: usize, part: f64) -> usize {
    ((of as f64) * part).round() as usize
}

/// Returns as many of these places as asked for, by chance, in order.
fn some(chance: &mut Chance, mut places: Vec<usize>, n: usize) -> Vec<usize> {
    chance.shuffle(&mut places);
    places.truncate(n);
    places.sort_unstable();
    places
}

fn drawn(seed: u64, draw: &Draw) -> Result<Vec<Drafted>, Wrong> {
    let weights: Vec<f64> = draw.of.iter().map(|drawn| drawn.weight).collect();
    let mut chance = Chance::stream(seed, streams::FAULTS);
    let mut shares = Chance::stream(seed, streams::SHARES);
    let mut faults = Vec::new();
    for _ in 0..draw.incidents {
        let at = chance.weighted(&weights).unwrap_or(0);
        let mut fault = one_that_may_be(&draw.of[at].template, &format!("draw.of[{at}].template"), &mut chance)?;
        // Two incidents of one template hit others, unless the template says whom.
        if fault.share.seed == 0 {
            fault.share.seed = shares.bits() >> (u64::BITS - SEED_BITS);
        }
        faults.push(fault);
    }
    let n = faults.len();
    let noops = some(&mut Chance::stream(seed, streams::NOOPS), (0..n).collect(), part(n, draw.noop));
    let is_noop = |at: &usize| noops.binary_search(at).is_ok();
    let faulted: Vec<usize> = (0..n).filter(|at| !is_noop(at)).collect();
    let mut chance = Chance::stream(seed, streams::OVERLAPS);
    // The first can begin while nothing else is going on.
    let later = some(&mut chance, faulted.iter().skip(1).copied().collect(), part(faulted.len(), draw.overlap));
    let mut drafts: Vec<Drafted> = Vec::new();
    for (at, fault) in faults.into_iter().enumerate() {
        // No more than two at a time: the one before must be faulted, and be alone so far.
        let alone = drafts.iter_mut().rev().find(|d| d.control == Control::None && d.faults.len() == 1);
        match alone {
            Some(first) if later.binary_search(&at).is_ok() => {
                first.offset_s = chance.below(first.faults[0].timing.ttl_s as usize) as u32;
                first.faults.push(fault);
            }
            _ if is_noop(&at) => drafts.push(Drafted::new(seed, at, Control::Noop, noop(fault))),
            _ => drafts.push(Drafted::new(seed, at, Control::None, fault)),
        }
    }
    with_twins(seed, draw, &mut drafts);
    Ok(drafts)
}

fn with_twins(seed: u64, draw: &Draw, drafts: &mut Vec<Drafted>) {
    let with_fault: Vec<usize> = (0..drafts.len()).filter(|at| drafts[*at].control == Control::None).collect();
    let n = part(with_fault.len(), draw.twin);
    let chosen = some(&mut Chance::stream(seed, streams::TWINS), with_fault, n);
    for at in chosen.into_iter().rev() {
        let of = &drafts[at];
        let number = draw.incidents as usize + of.number;
        let twin = Drafted { control: Control::Twin, twin_of: Some(of.number), number, ..of.clone() };
        drafts.insert(at + 1, twin);
    }
}

fn one_that_may_be(template: &serde_json::Value, place: &str, chance: &mut Chance) -> Result<Fault, Wrong> {
    let mut wrong = Vec::new();
    for _ in 0..MAX_DRAWS {
        let fault = template::draw(template, chance)?;
        wrong.clear();
        refused(&mut wrong, place, &fault);
        if wrong.is_empty() {
            return Ok(fault);
        }
    }
    Err(wrong.swap_remove(0))
}

/// The same calls of the API where the same is meant, and nothing happens: a delay of 0 ms.
fn noop(mut fault: Fault) -> Fault {
    let target = &mut fault.target;
    if !target.at.carries().contains(&"delay") {
        let service = if target.at == At::Load { EDGE_SERVICE } else { &target.service[0] };
        let at = if target.at == At::Load { At::Edge } else { At::Callee };
        *target = Target::new(at, service);
    }
    fault.what = Effect::Delay(Delay::fixed(0));
    fault.scope = Scope::Service;
    fault
}

/// Letters by chance.
fn canary(seed: u64, ordinal: u32) -> String {
    let mut chance = Chance::stream(mix64(seed, streams::CANARIES), u64::from(ordinal));
    (0..CANARY_LETTERS).map(|_| char::from(b'a' + chance.below(26) as u8)).collect()
}

fn id(seed: u64, ordinal: u32) -> String {
    format!("{:016x}", mix64(mix64(seed, streams::IDS), u64::from(ordinal)))
}

fn placed(campaign: &Campaign, drafts: &[Drafted]) -> Vec<Slot> {
    let seed = campaign.seed;
    let mut now = campaign.warm_s;
    let mut ordinal = 0;
    let mut slots: Vec<Slot> = Vec::new();
    let mut ids: Vec<(usize, Vec<String>)> = Vec::new();
    for draft in drafts {
        let baseline_s = now;
        let mut begin = baseline_s + campaign.baseline_s;
        let mut end = begin;
        let mut incidents = Vec::new();
        for fault in &draft.faults {
            let to_s = begin + fault.timing.ttl_s;
            end = end.max(to_s);
            let canary = canary(seed, ordinal);
            let with_canary = Fault { why: canary.clone(), ..fault.clone() };
            let armed = (draft.control != Control::Twin).then_some(with_canary);
            let (id, control) = (id(seed, ordinal), draft.control);
            let (twin_of, overlaps) = (None, Vec::new());
            incidents.push(Incident {
                id,
                ordinal,
                control,
                twin_of,
                overlaps,
                fault: armed,
                canary,
                from_s: begin,
                to_s,
            });
            ordinal += 1;
            begin += draft.offset_s;
        }
        overlapping(&mut incidents);
        ids.push((draft.number, incidents.iter().map(|incident| incident.id.clone()).collect()));
        let recovery_s = end + campaign.gap_s;
        now = recovery_s + campaign.recovery_s;
        slots.push(Slot { load_seed: draft.load_seed, baseline_s, recovery_s, end_s: now, incidents });
    }
    for (slot, draft) in slots.iter_mut().zip(drafts) {
        let of = draft.twin_of.and_then(|number| ids.iter().find(|(other, _)| *other == number));
        for (at, incident) in slot.incidents.iter_mut().enumerate() {
            incident.twin_of = of.and_then(|(_, ids)| ids.get(at).cloned());
        }
    }
    slots
}

fn overlapping(incidents: &mut [Incident]) {
    let ids: Vec<String> = incidents.iter().map(|incident| incident.id.clone()).collect();
    for (at, incident) in incidents.iter_mut().enumerate() {
        incident.overlaps =
            ids.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, id)| id.clone()).collect();
    }
}
