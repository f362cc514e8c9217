//! A fault at work in this process: when it acts, how strongly, and what it has done so far.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::ns;
use crate::coin::{is_hit, mix64};
use crate::fault::{Fault, Timing};

const SECOND: u64 = 1_000_000_000;

/// A fault that a process is to have, as the one who keeps them says.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its number, the same in every process.
    pub id: u64,
    /// What is to happen.
    pub fault: Fault,
    /// For how long it has been at work elsewhere: a process that joins late does not begin anew.
    pub age: Duration,
}

/// Why a fault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its time was over.
    Ttl,
    /// It is not among the plans any more: an operator or a guard took it away.
    Withdrawn,
    /// All faults were ended at once.
    StopAll,
    /// Nothing was heard from the one who keeps the plans.
    Lease,
    /// No site of this process could carry it.
    NoSite,
}

impl Ended {
    const ALL: [Self; 5] = [Self::Ttl, Self::Withdrawn, Self::StopAll, Self::Lease, Self::NoSite];
}

/// How many came by, how many were hit, and for how long they were to wait and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that the target names while the fault acted.
    pub eligible: u64,
    /// Those of them that the share chose.
    pub hit: u64,
    /// Nanoseconds of waiting that were asked for.
    pub asked_ns: u64,
    /// Nanoseconds that were waited.
    pub got_ns: u64,
}

#[derive(Debug, Default)]
struct Counters {
    eligible: AtomicU64,
    hit: AtomicU64,
    asked_ns: AtomicU64,
    got_ns: AtomicU64,
    leaked: AtomicU64,
}

/// A plan at work.
#[derive(Debug)]
pub struct Live {
    id: u64,
    fault: Fault,
    /// What subjects are hashed with.
    key: u64,
    /// On the clock of the process; before it where the plan has an age.
    began_ns: i128,
    ends_ns: u64,
    /// 0 as long as it goes on, else one more than the place in [`Ended::ALL`].
    ended: AtomicU8,
    first_hit_ns: AtomicU64,
    counters: Counters,
}

impl Live {
    pub(crate) fn new(plan: &Plan, now_ns: u64) -> Self {
        let began_ns = i128::from(now_ns) - i128::from(ns(plan.age));
        let ends = began_ns + i128::from(u64::from(plan.fault.timing.ttl_s) * SECOND);
        Self {
            id: plan.id,
            fault: plan.fault.clone(),
            key: plan.fault.key(),
            began_ns,
            ends_ns: u64::try_from(ends.max(0)).unwrap_or(u64::MAX),
            ended: AtomicU8::new(0),
            first_hit_ns: AtomicU64::new(0),
            counters: Counters::default(),
        }
    }

    /// Its plan's number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What it does.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Why it ended; none as long as it goes on.
    pub fn ended(&self) -> Option<Ended> {
        let ended = self.ended.load(Ordering::Acquire);
        usize::from(ended).checked_sub(1).and_then(|at| Ended::ALL.get(at)).copied()
    }

    /// Ends it, unless it has ended.
    pub(crate) fn end(&self, why: Ended) {
        let at = Ended::ALL.iter().position(|known| *known == why).and_then(|at| u8::try_from(at + 1).ok());
        let at = at.expect("every reason is in the list, which is short");
        // The first reason stays.
        let _ = self.ended.compare_exchange(0, at, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        now_ns >= self.ends_ns
    }

    /// Nanoseconds until its time is over.
    pub(crate) fn left_ns(&self, now_ns: u64) -> u64 {
        self.ends_ns.saturating_sub(now_ns)
    }

    /// Nanoseconds since it was armed, wherever that was.
    pub(crate) fn age_ns(&self, now_ns: u64) -> u64 {
        u64::try_from(i128::from(now_ns) - self.began_ns).unwrap_or(0)
    }

    /// How strongly it acts now: from 0, not at all, to 1.
    pub fn strength(&self, now_ns: u64) -> f64 {
        if self.ended().is_some() || self.is_over(now_ns) {
            return 0.0;
        }
        strength(&self.fault.timing, self.age_ns(now_ns))
    }

    /// Returns the subject's hash if it is hit now. It is counted as one that came by.
    pub(crate) fn decide(&self, now_ns: u64, subject: u64) -> Option<u64> {
        let strength = self.strength(now_ns);
        if strength <= 0.0 {
            return None;
        }
        self.counters.eligible.fetch_add(1, Ordering::Relaxed);
        let hash = mix64(self.key, subject);
        is_hit(hash, self.fault.share.rate * strength).then_some(hash)
    }

    pub(crate) fn note_hit(&self, now_ns: u64) {
        self.counters.hit.fetch_add(1, Ordering::Relaxed);
        // 0 means none yet.
        let _ = self.first_hit_ns.compare_exchange(0, now_ns.max(1), Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn note_wait(&self, asked_ns: u64, got_ns: u64) {
        self.counters.asked_ns.fetch_add(asked_ns, Ordering::Relaxed);
        self.counters.got_ns.fetch_add(got_ns, Ordering::Relaxed);
    }

    /// Takes so many bytes of a bound; returns whether there was room.
    pub(crate) fn take_bytes(&self, bytes: u64, cap: u64) -> bool {
        let taken = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= cap);
        self.counters.leaked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            eligible: read(&self.counters.eligible),
            hit: read(&self.counters.hit),
            asked_ns: read(&self.counters.asked_ns),
            got_ns: read(&self.counters.got_ns),
        }
    }

    /// When it hit first, in nanoseconds of the process's clock.
    pub fn first_hit_ns(&self) -> Option<u64> {
        Some(self.first_hit_ns.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }
}

/// How strongly a timing lets a fault act at an age: nothing before it begins and in the ebb of a wave, growing along the ramp, and then all.
fn strength(timing: &Timing, age_ns: u64) -> f64 {
    let Some(acting) = age_ns.checked_sub(u64::from(timing.after_s) * SECOND) else { return 0.0 };
    if let Some(wave) = timing.wave {
        let (on, off) = (u64::from(wave.on_s) * SECOND, u64::from(wave.off_s) * SECOND);
        if acting % (on + off).max(1) >= on {
            return 0.0;
        }
    }
    match u64::from(timing.ramp_s) * SECOND {
        0 => 1.0,
        ramp => (acting as f64 / ramp as f64).min(1.0),
    }
}

/// Nanoseconds until the current stop of one who stops for `ms` in each `every_ms` is over; none between two stops.
pub(crate) fn stop_left_ns(age_ns: u64, ms: u32, every_ms: u32) -> Option<u64> {
    let ms_ns = |ms: u32| u64::from(ms) * 1_000_000;
    (ms_ns(ms)).checked_sub(age_ns % ms_ns(every_ms).max(1)).filter(|left| *left > 0)
}

#[cfg(test)]
mod tests {
    use super::{SECOND, stop_left_ns, strength};
    use crate::fault::{Timing, Wave};

    #[test]
    fn timings_are_kept() {
        let plain = Timing::ttl(60);
        let late = Timing { after_s: 10, ..Timing::ttl(60) };
        let ramp = Timing { after_s: 10, ramp_s: 20, ..Timing::ttl(60) };
        let wave = Timing { wave: Some(Wave { on_s: 2, off_s: 3 }), ..Timing::ttl(60) };
        for (timing, age_s, expected) in [
            (&plain, 0.0, 1.0),
            (&late, 9.9, 0.0),
            (&late, 10.0, 1.0),
            (&ramp, 10.0, 0.0),
            (&ramp, 15.0, 0.25),
            (&ramp, 50.0, 1.0),
            (&wave, 1.9, 1.0),
            (&wave, 2.0, 0.0),
            (&wave, 5.5, 1.0),
        ] {
            let found = strength(timing, (age_s * SECOND as f64) as u64);
            assert!((found - expected).abs() < 1e-9, "{timing:?} at {age_s}: {found}");
        }
    }

    #[test]
    fn stops_come_and_go() {
        for (age_ms, left_ms) in [(0, Some(300)), (299, Some(1)), (300, None), (1_999, None), (2_100, Some(200))] {
            assert_eq!(stop_left_ns(age_ms * 1_000_000, 300, 2_000), left_ms.map(|ms: u64| ms * 1_000_000), "{age_ms}");
        }
    }
}
