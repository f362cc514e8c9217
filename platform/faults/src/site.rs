//! A place where faults can act. Whoever owns the place makes its [`Site`] once and asks it on every call whether it is armed: one relaxed
//! load of a number. All else happens only when it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, watch};

use crate::answers::Answers;
use crate::clock::Monotonic;
use crate::coin::delay_ms;
use crate::effect::{At, Effect, LimitsEffect, StoreOp};
use crate::live::{Live, stop_left_ns};
use crate::ring::{Hit, Hits, Ring};
use crate::ruling::{Part, Ruling, SECOND, is_second_ending, transfer_ns};
use crate::selector::{Call, Selector};

const MS: u64 = 1_000_000;
const KIB: u64 = 1_024;

/// Which place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteName {
    /// What kind of place.
    pub at: At,
    /// Of which service; at a caller, the one that is called.
    pub service: Arc<str>,
    /// At a caller: who calls. Else none.
    pub from: Option<Arc<str>>,
}

impl SiteName {
    /// A service's own place.
    pub fn new(at: At, service: &str) -> Self {
        Self { at, service: service.into(), from: None }
    }

    /// The way from one service to another.
    pub fn call(caller: &str, callee: &str) -> Self {
        Self { at: At::Caller, service: callee.into(), from: Some(caller.into()) }
    }
}

/// A fault as it acts at one site.
#[derive(Debug)]
pub(crate) struct Armed {
    pub(crate) live: Arc<Live>,
    pub(crate) selector: Selector,
}

/// What all sites of a process share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) clock: Monotonic,
    /// Stands for the process among subjects.
    pub(crate) instance: u64,
    /// When something was last heard from the one who keeps the plans.
    pub(crate) heard_ns: AtomicU64,
    pub(crate) lease_ns: u64,
    /// Moves whenever a fault ends: those who wait look again.
    pub(crate) endings: watch::Sender<u64>,
    /// What faults have taken and not given back, by plan.
    pub(crate) leaks: parking_lot::Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Common {
    pub(crate) fn is_leased(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.heard_ns.load(Ordering::Acquire)) < self.lease_ns
    }
}

#[derive(Debug)]
pub(crate) struct SiteInner {
    pub(crate) name: SiteName,
    armed: AtomicU32,
    plan: RwLock<Arc<Vec<Armed>>>,
    calls: AtomicU64,
    answers: Arc<Answers>,
    /// Calls at a time that a fault allows, with its plan's number.
    gate: Mutex<Option<(u64, Arc<Semaphore>)>>,
    ring: Ring,
    common: Arc<Common>,
}

/// A place where faults can act. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Site(pub(crate) Arc<SiteInner>);

impl Site {
    pub(crate) fn new(name: SiteName, common: Arc<Common>) -> Self {
        let (armed, plan, calls) = (AtomicU32::new(0), RwLock::default(), AtomicU64::new(0));
        let (answers, gate, ring) = (Arc::default(), Mutex::default(), Ring::default());
        Self(Arc::new(SiteInner { name, armed, plan, calls, answers, gate, ring, common }))
    }

    /// Which place it is.
    pub fn name(&self) -> &SiteName {
        &self.0.name
    }

    /// Whether any fault may act here. To be asked before anything else: it costs a load.
    #[inline(always)]
    pub fn is_armed(&self) -> bool {
        self.0.armed.load(Ordering::Relaxed) != 0
    }

    /// Has these faults from now on. `names_calls`: a fault of the service's store wants to know within which call it is asked.
    pub(crate) fn arm(&self, plan: Vec<Armed>, names_calls: bool) {
        let count = u32::try_from(plan.len()).unwrap_or(u32::MAX).saturating_add(names_calls.into());
        let has = |is_meant: fn(&Effect) -> bool| plan.iter().any(|armed| is_meant(&armed.live.fault().what));
        if !has(|effect| matches!(effect, Effect::Stale { .. })) {
            self.0.answers.clear();
        }
        if !has(|effect| matches!(effect, Effect::Limits(_))) {
            // Whoever waits there goes on.
            if let Some((_, gate)) = self.0.gate.lock().take() {
                gate.close();
            }
        }
        *self.0.plan.write() = Arc::new(plan);
        self.0.armed.store(count, Ordering::Release);
    }

    pub(crate) fn take_hits(&self) -> Hits {
        self.0.ring.take()
    }

    /// The faults at work here, as they are now.
    pub fn at_work(&self) -> Vec<Arc<Live>> {
        let now = self.0.common.clock.now_ns();
        if !self.0.common.is_leased(now) {
            return Vec::new();
        }
        let plan = self.0.plan.read().clone();
        plan.iter().filter(|armed| armed.live.strength(now) > 0.0).map(|armed| armed.live.clone()).collect()
    }

    /// Decides what happens to a call; none if nothing does. Other bounds are asked for by [`Site::limits`].
    #[cold]
    pub fn decide(&self, call: &Call<'_>) -> Option<Box<Ruling>> {
        self.decide_on(call, |effect| !matches!(effect, Effect::Limits(_)))
    }

    /// The same for some effects only, where others are had elsewhere.
    #[cold]
    pub fn decide_on(&self, call: &Call<'_>, is_meant: impl Fn(&Effect) -> bool) -> Option<Box<Ruling>> {
        let parts = self.parts(call, is_meant);
        let made = |parts| Box::new(Ruling::new(parts, self.0.common.endings.subscribe(), self.0.answers.clone()));
        (!parts.is_empty()).then(|| made(parts))
    }

    /// Whether a fault of the whole process is to begin in this one; if so, that is booked.
    pub fn begins(&self, live: &Live) -> bool {
        let now = self.0.common.clock.now_ns();
        let is_hit = self.0.common.is_leased(now) && live.decide(now, self.0.common.instance).is_some();
        if is_hit {
            live.note_hit(now);
            self.0.ring.push(Hit { plan: live.id(), trace_id: 0, span_id: 0, at_ns: now });
        }
        is_hit
    }

    /// For how long a fault has been at work.
    pub fn age(&self, live: &Live) -> std::time::Duration {
        std::time::Duration::from_nanos(live.age_ns(self.0.common.clock.now_ns()))
    }

    /// How strongly a fault acts now: from 0, not at all, to 1.
    pub fn strength(&self, live: &Live) -> f64 {
        live.strength(self.0.common.clock.now_ns())
    }

    /// The bounds that a call has instead of its own, and where it waits until there are few enough at a time.
    #[cold]
    pub fn limits(&self, call: &Call<'_>) -> Option<(LimitsEffect, Option<Arc<Semaphore>>)> {
        let parts = self.parts(call, |effect| matches!(effect, Effect::Limits(_)));
        let live = parts.first().map(Part::live)?;
        let Effect::Limits(limits) = &live.fault().what else { return None };
        let gate = limits.in_flight.map(|calls| {
            let mut gate = self.0.gate.lock();
            match &*gate {
                Some((plan, known)) if *plan == live.id() => known.clone(),
                _ => {
                    let at_a_time = usize::try_from(calls).unwrap_or(Semaphore::MAX_PERMITS);
                    let new = Arc::new(Semaphore::new(at_a_time));
                    *gate = Some((live.id(), new.clone()));
                    new
                }
            }
        });
        Some((limits.clone(), gate))
    }

    /// The faults that hit a call, each booked.
    fn parts(&self, call: &Call<'_>, is_meant: impl Fn(&Effect) -> bool) -> Vec<Part> {
        let common = &self.0.common;
        let plan = self.0.plan.read().clone();
        let number = self.0.calls.fetch_add(1, Ordering::Relaxed);
        // Most calls that come by are not meant, and need not know the time.
        let (mut known, mut parts) = (None, Vec::new());
        for armed in plan.iter().filter(|armed| is_meant(&armed.live.fault().what)) {
            let Some(subject) = armed.selector.subject(call, number, common.instance) else { continue };
            let now = *known.get_or_insert_with(|| common.clock.now_ns());
            if !common.is_leased(now) {
                return Vec::new();
            }
            let Some(hash) = armed.live.decide(now, subject) else { continue };
            let Some(wait_ns) = self.wait_ns(&armed.live, hash, now, call.message.len()) else { continue };
            if is_second_ending(&parts, &armed.live) {
                continue;
            }
            armed.live.note_hit(now);
            self.0.ring.push(Hit { plan: armed.live.id(), trace_id: call.trace_id, span_id: call.span_id, at_ns: now });
            self.leak(&armed.live);
            parts.push(Part::new(armed.live.clone(), wait_ns));
        }
        parts
    }

    /// How long an effect lets a call wait; none where the effect does not act on this call.
    fn wait_ns(&self, live: &Live, hash: u64, now: u64, bytes: usize) -> Option<u64> {
        let left = live.left_ns(now);
        let wait = match &live.fault().what {
            Effect::Delay(delay) => (delay_ms(delay, hash) * MS as f64) as u64,
            Effect::Bandwidth { kib_s } => transfer_ns(*kib_s, bytes),
            Effect::Hang { ms } => ms.map_or(u64::MAX, |ms| u64::from(ms) * MS),
            Effect::Hold { ms, every_ms } => stop_left_ns(live.age_ns(now), *ms, *every_ms)?,
            Effect::Lock { hold_ms, every_ms } => stop_left_ns(live.age_ns(now), *hold_ms, *every_ms)?,
            // What a cache should forget it forgets so much later.
            Effect::Stale { age_s } if self.0.name.at == At::Cache => u64::from(*age_s) * SECOND,
            _ => 0,
        };
        Some(wait.min(left))
    }

    /// Takes what a call leaks under this fault, if it does.
    fn leak(&self, live: &Live) {
        let Effect::Memory(memory) = &live.fault().what else { return };
        let Some(kib) = memory.kib_per_call else { return };
        let bytes = u64::from(kib) * KIB;
        if live.take_bytes(bytes, u64::from(memory.cap_mib) * KIB * KIB) {
            // Written to, for memory that is not touched is not taken.
            let leaked = vec![1; usize::try_from(bytes).unwrap_or(0)];
            self.0.common.leaks.lock().push((live.id(), leaked));
        }
    }
}

/// What an effect asks of a store or a cache; none where it does not say. A cache becomes old by what it is not told, and all else is had when
/// it is read.
pub(crate) fn store_op(effect: &Effect, at: At) -> Option<StoreOp> {
    match effect {
        Effect::Stale { .. } if at == At::Cache => Some(StoreOp::Commit),
        _ if at == At::Cache => Some(StoreOp::Read),
        Effect::Delay(delay) => delay.op,
        Effect::Lock { .. } | Effect::InDoubt => Some(StoreOp::Commit),
        _ => None,
    }
}
