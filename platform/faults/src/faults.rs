//! All faults of a process: its sites, the plans at work, and everything that ends them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::check::{MAX_ACTIVE, SiteInfo, check, is_at, wants_call_names};
use crate::clock::{Monotonic, ns};
use crate::coin::subject_of;
use crate::live::{Counts, Ended, Live, Plan};
use crate::refusal::Refusal;
use crate::ring::Hits;
use crate::selector::Selector;
use crate::site::{Armed, Common, Site, SiteName, store_op};

/// How long faults go on when nothing is heard from the one who keeps the plans: three of its polls.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long a plan waits for a site before it ends without one.
pub const NO_SITE: Duration = Duration::from_secs(2);
/// How long a plan at work may hit nothing before it says so.
pub const NO_HIT: Duration = Duration::from_secs(30);
/// How often is looked what is over, while anything is at work.
const LOOK: Duration = Duration::from_millis(50);
/// Most ended plans that are told of.
const MAX_ENDED: usize = 64;

/// Why plans were not taken. Those at work go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotApplied {
    /// They were made before all faults were ended.
    #[error("the plans are of epoch {of}, and all faults were ended with epoch {known}: fetch them again")]
    Outdated {
        /// Theirs.
        of: u64,
        /// The one that holds.
        known: u64,
    },
    /// All faults were ended, and none may begin before that is released.
    #[error("all faults are stopped: release them first")]
    Stopped,
    /// There are too many of them.
    #[error("{0} plans are more than the {MAX_ACTIVE} that may be at work at a time")]
    TooMany(usize),
    /// One of them may not be.
    #[error("plan {plan}: {refusal}")]
    Refused {
        /// Which.
        plan: u64,
        /// The first thing that is wrong with it.
        refusal: Refusal,
    },
}

/// What became of a plan in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its number.
    pub plan: u64,
    /// The sites that carry it: each of them has acknowledged it.
    pub sites: Vec<SiteName>,
    /// Why it ended; none as long as it goes on.
    pub ended: Option<Ended>,
    /// What it has done.
    pub counts: Counts,
    /// When it hit first, in nanoseconds of the process's clock.
    pub first_hit_ns: Option<u64>,
    /// It has been at work for [`NO_HIT`] and has hit nothing: whoever armed it should hear so.
    pub hits_nothing: bool,
}

struct Running {
    live: Arc<Live>,
    applied_ns: u64,
    sites: Vec<SiteName>,
}

#[derive(Default)]
struct State {
    sites: BTreeMap<SiteName, Site>,
    running: Vec<Running>,
    ended: VecDeque<Running>,
    epoch: u64,
    is_stopped: bool,
}

struct FaultsInner {
    common: Arc<Common>,
    instance: Arc<str>,
    version: Arc<str>,
    state: Mutex<State>,
    changed: Notify,
}

/// All faults of a process. Cheap to clone.
#[derive(Clone)]
pub struct Faults(Arc<FaultsInner>);

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("Faults").field("sites", &state.sites.len()).field("running", &state.running.len()).finish()
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::new(Monotonic::default(), "", env!("CARGO_PKG_VERSION"))
    }
}

impl Faults {
    /// Of a process with this name among the others of its service, and this version.
    pub fn new(clock: Monotonic, instance: &str, version: &str) -> Self {
        let common = Common {
            heard_ns: AtomicU64::new(clock.now_ns()),
            clock,
            instance: subject_of(instance.as_bytes()),
            lease_ns: ns(LEASE),
            endings: watch::channel(0).0,
            leaks: Mutex::default(),
        };
        let (common, instance, version) = (Arc::new(common), instance.into(), version.into());
        let (state, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(FaultsInner { common, instance, version, state, changed }))
    }

    /// A place where faults can act. Whoever asks for the same place again gets the same one.
    pub fn site(&self, name: SiteName) -> Site {
        let mut state = self.0.state.lock();
        if let Some(known) = state.sites.get(&name) {
            return known.clone();
        }
        let site = Site::new(name.clone(), self.0.common.clone());
        state.sites.insert(name, site.clone());
        self.rearm(&mut state);
        site
    }

    /// Every place of this process.
    pub fn sites(&self) -> Vec<SiteInfo> {
        self.0.state.lock().sites.keys().map(|name| self.info(name)).collect()
    }

    fn info(&self, name: &SiteName) -> SiteInfo {
        SiteInfo { name: name.clone(), instance: self.0.instance.clone(), version: self.0.version.clone() }
    }

    /// Has just these plans at work from now on: those that are not among them end, those that are at work already go on, and none of those that
    /// have ended begins again. It also says that the one who keeps the plans is there: without it all of them end after [`LEASE`].
    ///
    /// # Errors
    ///
    /// Why nothing was changed.
    pub fn apply(&self, plans: &[Plan], epoch: u64) -> Result<(), NotApplied> {
        let now = self.0.common.clock.now_ns();
        let mut state = self.0.state.lock();
        if epoch < state.epoch {
            return Err(NotApplied::Outdated { of: epoch, known: state.epoch });
        }
        if plans.len() > MAX_ACTIVE {
            return Err(NotApplied::TooMany(plans.len()));
        }
        if state.is_stopped && !plans.is_empty() {
            return Err(NotApplied::Stopped);
        }
        for plan in plans {
            if let Some(refusal) = check(&plan.fault).into_iter().next() {
                return Err(NotApplied::Refused { plan: plan.id, refusal });
            }
        }
        // What ended for want of news stays ended: it was its time.
        self.end_what_is_over(&mut state, now);
        self.0.common.heard_ns.store(now, Ordering::Release);
        if epoch > state.epoch {
            state.epoch = epoch;
            end_where(&mut state, Ended::StopAll, |_| true);
        }
        end_where(&mut state, Ended::Withdrawn, |running| !plans.iter().any(|plan| plan.id == running.live.id()));
        for plan in plans {
            let known = state.running.iter().chain(&state.ended).any(|running| running.live.id() == plan.id);
            if !known {
                let live = Arc::new(Live::new(plan, now));
                state.running.push(Running { live, applied_ns: now, sites: Vec::new() });
            }
        }
        self.rearm(&mut state);
        drop(state);
        self.woken();
        Ok(())
    }

    /// Ends all faults at once, wakes every call that waits in one, and takes no new ones before [`Faults::release`]. Returns the epoch that
    /// holds from now on.
    pub fn stop_all(&self) -> u64 {
        let mut state = self.0.state.lock();
        state.epoch += 1;
        state.is_stopped = true;
        end_where(&mut state, Ended::StopAll, |_| true);
        self.rearm(&mut state);
        let epoch = state.epoch;
        drop(state);
        self.woken();
        epoch
    }

    /// The time in which hits and reports are told.
    pub fn now_ns(&self) -> u64 {
        self.0.common.clock.now_ns()
    }

    /// How often all faults were ended, as far as is known here. Plans of an earlier epoch are not taken.
    pub fn epoch(&self) -> u64 {
        self.0.state.lock().epoch
    }

    /// Faults may begin again.
    pub fn release(&self) {
        self.0.state.lock().is_stopped = false;
    }

    /// Says that the one who keeps the plans is there, and has nothing new.
    pub fn renew(&self) {
        self.0.common.heard_ns.store(self.0.common.clock.now_ns(), Ordering::Release);
    }

    /// Ends what is over. Sites look at the time themselves: this lets go of those who wait, and of what was taken.
    pub fn tick(&self) {
        let now = self.0.common.clock.now_ns();
        let mut state = self.0.state.lock();
        if self.end_what_is_over(&mut state, now) {
            self.rearm(&mut state);
            drop(state);
            self.woken();
        }
    }

    /// Looks what is over, as long as anything is at work, until stopped. Then all faults end.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                if self.0.state.lock().running.is_empty() {
                    self.0.changed.notified().await;
                }
                tokio::time::sleep(LOOK).await;
                self.tick();
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
        self.stop_all();
    }

    /// What became of each plan: those at work, and the last that ended.
    pub fn reports(&self) -> Vec<Report> {
        let now = self.0.common.clock.now_ns();
        let state = self.0.state.lock();
        let report = |running: &Running| Report {
            plan: running.live.id(),
            sites: running.sites.clone(),
            ended: running.live.ended(),
            counts: running.live.counts(),
            first_hit_ns: running.live.first_hit_ns(),
            hits_nothing: running.live.ended().is_none()
                && running.live.counts().hit == 0
                && now.saturating_sub(running.applied_ns) >= ns(NO_HIT),
        };
        state.running.iter().chain(&state.ended).map(report).collect()
    }

    /// Takes the hits of each site since it was asked last.
    pub fn take_hits(&self) -> Vec<(SiteName, Hits)> {
        let state = self.0.state.lock();
        let all = state.sites.iter().map(|(name, site)| (name.clone(), site.take_hits()));
        all.filter(|(_, hits)| !hits.hits.is_empty()).collect()
    }

    /// Bytes that faults have taken by calls and not given back.
    pub fn leaked_bytes(&self) -> usize {
        self.0.common.leaks.lock().iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Tells of each ending: those who act on their own look then what is still at work.
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.0.common.endings.subscribe()
    }

    /// Ends what is over; returns whether anything was.
    fn end_what_is_over(&self, state: &mut State, now: u64) -> bool {
        let before = state.running.len();
        if !self.0.common.is_leased(now) {
            end_where(state, Ended::Lease, |_| true);
        }
        end_where(state, Ended::Ttl, |running| running.live.is_over(now));
        let no_site =
            |running: &Running| running.sites.is_empty() && now.saturating_sub(running.applied_ns) >= ns(NO_SITE);
        end_where(state, Ended::NoSite, no_site);
        state.running.len() < before
    }

    /// Gives each site the plans that it carries.
    fn rearm(&self, state: &mut State) {
        let State { sites, running, .. } = state;
        running.iter_mut().for_each(|running| running.sites.clear());
        for (name, site) in sites.iter() {
            let (info, mut plan) = (self.info(name), Vec::new());
            for running in running.iter_mut().filter(|running| is_at(running.live.fault(), &info)) {
                let fault = running.live.fault();
                let selector = Selector::new(fault, name.at, &name.service, store_op(&fault.what, name.at));
                plan.push(Armed { live: running.live.clone(), selector });
                running.sites.push(name.clone());
            }
            let names_calls = running.iter().any(|running| wants_call_names(running.live.fault(), &info));
            site.arm(plan, names_calls);
        }
        let is_at_work = |id: &u64| running.iter().any(|running| running.live.id() == *id);
        self.0.common.leaks.lock().retain(|(id, _)| is_at_work(id));
    }

    fn woken(&self) {
        self.0.common.endings.send_modify(|n| *n += 1);
        self.0.changed.notify_one();
    }
}

/// Ends those of the running that are meant.
fn end_where(state: &mut State, why: Ended, is_meant: impl Fn(&Running) -> bool) {
    let (end, stay): (Vec<_>, Vec<_>) = state.running.drain(..).partition(is_meant);
    state.running = stay;
    for running in end {
        running.live.end(why);
        if state.ended.len() == MAX_ENDED {
            state.ended.pop_front();
        }
        state.ended.push_back(running);
    }
}
