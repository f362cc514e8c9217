//! Which faults are to be at work: armed, ended, and watched until they are over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_platform_faults::{Fault, LEASE, NO_SITE, Refusal, check, check_sites};
use vitrine_platform_store::{Error as StoreError, Query, Store};

use super::guards::{self, Tripped, Watch};
use super::incident::{
    CONTROL, ControlDocument, End, EndedBy, Incident, IncidentDocument, SeenHit, SiteRef, State, incident_id,
};
use super::processes::{Process, Processes};
use crate::flag_store::{Error, FlagStore};
use crate::operation::Author;
use crate::rollout::Measurements;

/// Ended incidents that are kept at hand; others are read from the database.
const MAX_RECENT: usize = 64;
/// Hits of one incident that are kept at hand; more are counted. Where this process restarts, the first of them are left.
const MAX_HITS: usize = 50_000;
/// How often is looked what is over, while anything is at work.
const LOOK: Duration = Duration::from_millis(100);
/// How often is looked while nothing is.
const IDLE_LOOK: Duration = Duration::from_secs(1);
/// How often guards look.
const GUARDS_LOOK: Duration = Duration::from_secs(1);
/// How long a process may be at work without having been heard.
const LEASE_NS: i64 = LEASE.as_nanos() as i64;
/// How long nobody may acknowledge a fault before it ends: as long as a process waits for a site, and a poll.
const NO_SITE_NS: i64 = NO_SITE.as_nanos() as i64 + 1_000_000_000;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// What is wrong with the faults.
    #[error("{}", .0.iter().map(Refusal::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// All faults were stopped.
    #[error("all faults were stopped by {who} ({why}): release them first")]
    Stopped {
        /// Who stopped them.
        who: String,
        /// Why.
        why: String,
    },
    /// It has ended.
    #[error("fault {0} has ended already")]
    Over(u64),
    /// As with flags.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::Failed(Error::Store(error))
    }
}

/// Hits that are at hand, and how many more there were.
#[derive(Clone, Debug, Default)]
pub struct HitList {
    /// In the order in which they were heard of.
    pub hits: Vec<SeenHit>,
    /// How many more.
    pub overflow: u64,
}

#[derive(Debug)]
struct ControlInner {
    control: ControlDocument,
    /// Those that go on, and the last that ended.
    incidents: BTreeMap<u64, Incident>,
    hits: HashMap<u64, HitList>,
    processes: Processes,
    /// Changed since they were written.
    unwritten: BTreeSet<u64>,
}

/// Which faults are to be at work. Cheap to clone.
#[derive(Clone)]
pub struct FaultControl {
    store: Store,
    clock: Clock,
    measurements: Arc<dyn Measurements>,
    /// Changes, one at a time.
    changing: Arc<tokio::sync::Mutex<()>>,
    /// What was heard is written by one at a time: whoever finds nothing to write knows that all of it is on disk.
    writing: Arc<tokio::sync::Mutex<()>>,
    inner: Arc<Mutex<ControlInner>>,
    /// What processes should have; grows with each change, also over restarts.
    revision: Arc<watch::Sender<u64>>,
    busy: Arc<Notify>,
    watch_of_guards: Arc<tokio::sync::Mutex<Watch>>,
    closing: CancellationToken,
    /// Faults that were armed before may be at work in processes that have not polled since.
    opened_ns: i64,
}

impl std::fmt::Debug for FaultControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultControl").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl FaultControl {
    /// Opens what is kept beside the flags. Faults that are not over go on, with what is left of their time.
    pub async fn open(flags: &FlagStore, clock: Clock, measurements: Arc<dyn Measurements>) -> Result<Self, Error> {
        let store = flags.store().clone();
        let now_ms = u64::try_from(clock.now_ms()).unwrap_or(1);
        let kept = store.get::<ControlDocument>(CONTROL).await?.map(|kept| kept.doc);
        let control = kept.unwrap_or(ControlDocument { last_id: 0, epoch: now_ms, stopped: None });
        let mut incidents = BTreeMap::new();
        let mut cursor: Option<String> = None;
        // The latest first, as far back as something may still go on: a fault lives an hour at most, so what is behind that many ended ones is over.
        loop {
            let query = Query::all().descending().limit(MAX_RECENT).cursor(cursor.as_deref());
            let page = store.find::<IncidentDocument>(query).await?;
            let goes_on = page.items.iter().any(|found| found.doc.0.ended.is_none());
            incidents.extend(page.items.into_iter().map(|found| (found.doc.0.id, found.doc.0)));
            cursor = page.next_cursor.filter(|_| goes_on);
            if cursor.is_none() {
                break;
            }
        }
        let (hits, processes, unwritten) = Default::default();
        let inner = Arc::new(Mutex::new(ControlInner { control, incidents, hits, processes, unwritten }));
        let revision = Arc::new(watch::Sender::new(now_ms));
        let (changing, writing, busy, watch_of_guards, closing) = Default::default();
        let opened_ns = clock.now_ms().saturating_mul(1_000_000);
        Ok(Self {
            store,
            clock,
            measurements,
            changing,
            writing,
            inner,
            revision,
            busy,
            watch_of_guards,
            closing,
            opened_ns,
        })
    }

    fn now_ns(&self) -> i64 {
        self.clock.now_ms().saturating_mul(1_000_000)
    }

    /// What processes should have, as it changes.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Cancelled when the service stops.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// The epoch, and the faults that are to be at work, each with its age.
    pub(super) fn plans(&self) -> (u64, Vec<(u64, Fault, Duration)>) {
        let now = self.now_ns();
        let inner = self.inner.lock();
        let age = |incident: &Incident| {
            Duration::from_nanos(u64::try_from(now.saturating_sub(incident.committed_ns)).unwrap_or(0))
        };
        let running = inner.incidents.values().filter(|incident| incident.ended.is_none());
        (inner.control.epoch, running.map(|i| (i.id, i.fault.clone(), age(i))).collect())
    }

    /// Arms faults: all of these, or none. They are on disk when this returns; [`FaultControl::incident`] tells who carries them.
    pub async fn start(&self, author: &Author, faults: Vec<Fault>) -> Result<Vec<Incident>, NotDone> {
        author.check()?;
        let mut refusals = Vec::new();
        for fault in &faults {
            refusals.extend(check(fault));
            if refusals.is_empty() {
                refusals.extend(guards::refusals(&self.measurements, fault).await);
            }
        }
        let _one = self.changing.lock().await;
        let (mut control, sites, active) = {
            let inner = self.inner.lock();
            let active = inner.incidents.values().filter(|incident| incident.ended.is_none()).count();
            if inner.processes.is_empty() {
                let expected = "processes of a shop: vitrine up, or vitrine serve with --place flags=…".to_owned();
                refusals.push(Refusal {
                    place: "where".to_owned(),
                    message: "no process follows".to_owned(),
                    expected,
                });
            }
            (inner.control.clone(), inner.processes.sites(), active)
        };
        if let Some(stopped) = &control.stopped {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            return Err(NotDone::Stopped { who: text(&stopped.who), why: text(&stopped.why) });
        }
        if refusals.is_empty() {
            let all = faults.iter().enumerate();
            refusals.extend(all.flat_map(|(n, fault)| check_sites(fault, &sites, active + n)));
        }
        if !refusals.is_empty() {
            return Err(NotDone::Refused(refusals));
        }
        let now = self.now_ns();
        let mut tx = self.store.begin();
        let mut started = Vec::new();
        for fault in faults {
            control.last_id += 1;
            let incident = Incident::new(control.last_id, fault, author.who.clone(), author.why.clone(), now);
            tx.insert(&IncidentDocument(incident.clone()));
            started.push(incident);
        }
        tx.put(&control);
        tx.commit().await?;
        let mut inner = self.inner.lock();
        inner.control = control;
        inner.incidents.extend(started.iter().map(|incident| (incident.id, incident.clone())));
        drop(inner);
        self.changed();
        Ok(started)
    }

    /// Ends a fault.
    pub async fn end(&self, author: &Author, id: u64) -> Result<Incident, NotDone> {
        author.check()?;
        let incident = self.incident(id).await?;
        let end = self.end_of(EndedBy::Operator, Some(author.who.clone()), Some(author.why.clone()));
        let ended = self.end_all(&[(incident.id, end)], None).await?;
        ended.into_iter().next().ok_or(NotDone::Over(id))
    }

    /// Ends all faults at once, and lets none begin before [`FaultControl::release`]. Returns how many ended.
    pub async fn stop_all(&self, author: &Author) -> Result<usize, NotDone> {
        author.check()?;
        let end = self.end_of(EndedBy::StopAll, Some(author.who.clone()), Some(author.why.clone()));
        let all: Vec<_> = self.running().into_iter().map(|(id, _)| (id, end.clone())).collect();
        Ok(self.end_all(&all, Some(end)).await?.len())
    }

    /// Lets faults begin again.
    pub async fn release(&self, author: &Author) -> Result<(), NotDone> {
        author.check()?;
        let _one = self.changing.lock().await;
        let control = ControlDocument { stopped: None, ..self.inner.lock().control.clone() };
        let mut tx = self.store.begin();
        tx.put(&control);
        tx.commit().await?;
        self.inner.lock().control = control;
        Ok(())
    }

    fn end_of(&self, by: EndedBy, who: Option<String>, why: Option<String>) -> End {
        End { at_ns: self.now_ns(), by, who, why }
    }

    /// Ends those of these that go on; and, with `stop`, all that may be at work anywhere.
    async fn end_all(&self, ends: &[(u64, End)], stop: Option<End>) -> Result<Vec<Incident>, NotDone> {
        let _one = self.changing.lock().await;
        let (mut control, mut ended) = {
            let inner = self.inner.lock();
            let goes_on = |(id, end): &(u64, End)| {
                let incident = inner.incidents.get(id).filter(|incident| incident.ended.is_none())?;
                Some(Incident { ended: Some(end.clone()), ..incident.clone() })
            };
            (inner.control.clone(), ends.iter().filter_map(goes_on).collect::<Vec<Incident>>())
        };
        if stop.is_some() {
            control.epoch = (control.epoch + 1).max(u64::try_from(self.clock.now_ms()).unwrap_or(0));
            control.stopped = stop;
        }
        let mut tx = self.store.begin();
        ended.iter().for_each(|incident| tx.put(&IncidentDocument(incident.clone())));
        tx.put(&control);
        tx.commit().await?;
        let mut inner = self.inner.lock();
        inner.control = control;
        for incident in &mut ended {
            // What was heard of it meanwhile counts.
            if let Some(known) = inner.incidents.get_mut(&incident.id) {
                known.ended.clone_from(&incident.ended);
                incident.clone_from(known);
            }
        }
        forget(&mut inner);
        drop(inner);
        self.changed();
        Ok(ended)
    }

    fn changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
        self.busy.notify_one();
    }

    /// Those that go on.
    fn running(&self) -> Vec<(u64, Fault)> {
        let inner = self.inner.lock();
        let running = inner.incidents.values().filter(|incident| incident.ended.is_none());
        running.map(|incident| (incident.id, incident.fault.clone())).collect()
    }

    /// Why none may begin; none if they may.
    pub fn stopped(&self) -> Option<End> {
        self.inner.lock().control.stopped.clone()
    }

    /// The faults that are known at hand, the latest first: those that go on, and the last that ended.
    pub fn incidents(&self) -> Vec<Incident> {
        self.inner.lock().incidents.values().rev().cloned().collect()
    }

    /// A fault, also one that ended long ago.
    pub async fn incident(&self, id: u64) -> Result<Incident, NotDone> {
        let known = self.inner.lock().incidents.get(&id).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let kept = self.store.get::<IncidentDocument>(&incident_id(id)).await?;
        kept.map(|kept| kept.doc.0).ok_or_else(|| Error::NotFound(format!("there is no fault {id}")).into())
    }

    /// The hits of a fault that are at hand.
    pub fn hits(&self, id: u64) -> HitList {
        self.inner.lock().hits.get(&id).cloned().unwrap_or_default()
    }

    /// The processes that follow.
    pub fn processes(&self) -> Vec<Process> {
        self.inner.lock().processes.all()
    }

    /// The flags that a process reads; none where that is not known.
    pub(super) fn flags_of(&self, instance: &str) -> Option<BTreeSet<String>> {
        self.inner.lock().processes.flags_of(instance).cloned()
    }

    /// Takes down what a process tells; none if there is no room for it.
    pub(super) fn receive(&self, told: Poll) -> Option<Received> {
        let now = self.now_ns();
        let mut inner = self.inner.lock();
        let process = inner.processes.received(&told.instance, now)?;
        process.version = told.version;
        process.services = told.services;
        (process.has_faults, process.has_flags) = (told.has_faults, told.has_flags);
        if let Some((sites, flags)) = told.inventory {
            process.has(sites, flags);
        }
        if told.has_faults == 0 {
            // It begins, and counts its batches from 1.
            process.batch = 0;
        }
        let is_new = told.batch > process.batch;
        if is_new {
            process.batch = told.batch;
        }
        let tell = !process.known;
        for report in told.reports {
            self.receive_report(&mut inner, &told.instance, report, now);
        }
        // What a process notes of a batch is written as one, so that a batch is known again by any restart.
        let mut known = HashMap::new();
        for (fault, hit) in told.hits.into_iter().filter(|_| is_new) {
            let Some(incident) = inner.incidents.get_mut(&fault) else { continue };
            let carrier = incident.processes.entry(told.instance.clone()).or_default();
            let is_known = *known.entry(fault).or_insert(carrier.batch >= told.batch);
            if is_known {
                continue;
            }
            carrier.batch = told.batch;
            incident.note_hit(&hit);
            inner.unwritten.insert(fault);
            let list = inner.hits.entry(fault).or_default();
            if list.hits.len() < MAX_HITS { list.hits.push(hit) } else { list.overflow += 1 }
        }
        drop(inner);
        self.busy.notify_one();
        Some(Received { tell, is_new })
    }

    fn receive_report(&self, inner: &mut ControlInner, instance: &str, report: TellReport, now: i64) {
        let Some(incident) = inner.incidents.get_mut(&report.fault) else { return };
        // A process where no site carries it has nothing to do with it.
        if report.sites.is_empty() && !incident.processes.contains_key(instance) {
            return;
        }
        let carrier = incident.processes.entry(instance.to_owned()).or_default();
        let before = carrier.clone();
        if carrier.armed_ns == 0 {
            carrier.armed_ns = now;
        }
        if !report.sites.is_empty() {
            carrier.sites = report.sites;
        }
        carrier.lost = false;
        (carrier.eligible, carrier.hit) = (report.eligible, report.hit);
        (carrier.asked_ns, carrier.got_ns) = (report.asked_ns, report.got_ns);
        carrier.hits_nothing = report.hits_nothing;
        if report.ended.is_some() && carrier.cleared_ns.is_none() {
            carrier.cleared_ns = Some(now);
        }
        carrier.ended = report.ended;
        let first = (report.first_hit_ns > 0).then_some(report.first_hit_ns);
        incident.first_hit_ns = [incident.first_hit_ns, first].into_iter().flatten().min();
        if *carrier != before {
            inner.unwritten.insert(report.fault);
        }
    }

    /// Ends what is over, and writes down what was heard. An error leaves it for the next time.
    pub async fn tick(&self) -> Result<(), NotDone> {
        let now = self.now_ns();
        let writing = self.writing.lock().await;
        let (ends, written) = {
            let mut inner = self.inner.lock();
            for lost in inner.processes.lost(now) {
                let ControlInner { incidents, unwritten, .. } = &mut *inner;
                for incident in incidents.values_mut() {
                    if let Some(carrier) = incident.processes.get_mut(&lost).filter(|c| c.cleared_ns.is_none()) {
                        carrier.lost = true;
                        unwritten.insert(incident.id);
                    }
                }
            }
            let running = inner.incidents.values().filter(|incident| incident.ended.is_none());
            let ends: Vec<(u64, End)> = running.filter_map(|incident| self.over(incident, now)).collect();
            let unwritten = std::mem::take(&mut inner.unwritten);
            let written: Vec<Incident> = unwritten.iter().filter_map(|id| inner.incidents.get(id).cloned()).collect();
            (ends, written)
        };
        if !written.is_empty() {
            let mut tx = self.store.begin();
            written.iter().for_each(|incident| tx.put(&IncidentDocument(incident.clone())));
            if let Err(error) = tx.commit().await {
                self.inner.lock().unwritten.extend(written.iter().map(|incident| incident.id));
                return Err(error.into());
            }
        }
        drop(writing);
        if !ends.is_empty() {
            self.end_all(&ends, None).await?;
        }
        Ok(())
    }

    /// How an incident ends by itself, if it is time.
    fn over(&self, incident: &Incident, now: i64) -> Option<(u64, End)> {
        if now >= incident.over_ns() {
            return Some((incident.id, self.end_of(EndedBy::Ttl, None, None)));
        }
        let is_new = incident.committed_ns >= self.opened_ns || now.saturating_sub(self.opened_ns) >= LEASE_NS;
        let is_alone = is_new && incident.state() == State::Starting;
        let why = || Some("no process acknowledged it".to_owned());
        (is_alone && now.saturating_sub(incident.committed_ns) >= NO_SITE_NS)
            .then(|| (incident.id, self.end_of(EndedBy::NoSite, None, why())))
    }

    /// Looks once at what guards look at, and ends the faults whose guards tripped.
    pub async fn look_at_guards(&self) -> Result<(), NotDone> {
        let mut watch = self.watch_of_guards.lock().await;
        let running = self.running();
        watch.keep(&running.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (id, fault) in running.iter().filter(|(_, fault)| !fault.guards.is_empty()) {
            if let Some(Tripped(why)) = watch.look(&self.measurements, (*id, fault), self.now_ns()).await {
                self.end_all(&[(*id, self.end_of(EndedBy::Guard, None, Some(why)))], None).await?;
            }
        }
        Ok(())
    }

    /// Whether there is something to look after.
    fn is_busy(&self) -> bool {
        let inner = self.inner.lock();
        !inner.unwritten.is_empty() || inner.incidents.values().any(|incident| incident.state() != State::Ended)
    }

    /// Ends what is over and has guards watched, until stopped. Then all who wait are let go.
    pub async fn run(self, stop: CancellationToken) {
        let times = async {
            loop {
                if !self.is_busy() {
                    // No news is news, too: of processes that are gone.
                    let _ = tokio::time::timeout(IDLE_LOOK, self.busy.notified()).await;
                }
                tokio::time::sleep(LOOK).await;
                if let Err(error) = self.tick().await {
                    tracing::error!(%error, "the database of the flags cannot be written");
                }
            }
        };
        let guards = async {
            loop {
                tokio::time::sleep(GUARDS_LOOK).await;
                if let Err(error) = self.look_at_guards().await {
                    tracing::error!(%error, "the database of the flags cannot be written");
                }
            }
        };
        tokio::select! {
            () = async { tokio::join!(times, guards); } => {}
            () = stop.cancelled() => {}
        }
        self.closing.cancel();
        if let Err(error) = self.tick().await {
            tracing::error!(%error, "the database of the flags cannot be written");
        }
    }
}

/// Lets go of the oldest that have ended and are written.
fn forget(inner: &mut ControlInner) {
    let ended: Vec<u64> = inner
        .incidents
        .values()
        .filter(|incident| incident.state() == State::Ended)
        .map(|incident| incident.id)
        .collect();
    let ControlInner { incidents, hits, unwritten, .. } = inner;
    for id in ended.iter().take(ended.len().saturating_sub(MAX_RECENT)).filter(|id| !unwritten.contains(id)) {
        incidents.remove(id);
        hits.remove(id);
    }
}

/// What was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// It should tell what it has.
    pub(super) tell: bool,
    /// Its batch was not heard before.
    pub(super) is_new: bool,
}

/// What a process tells with one poll.
#[derive(Debug, Default)]
pub(super) struct Poll {
    pub(super) instance: String,
    pub(super) version: String,
    pub(super) services: Vec<String>,
    pub(super) has_faults: u64,
    pub(super) has_flags: u64,
    /// Its places, and the flags that it reads.
    pub(super) inventory: Option<(Vec<SiteRef>, BTreeSet<String>)>,
    pub(super) batch: u64,
    pub(super) reports: Vec<TellReport>,
    /// Each with the fault that hit it.
    pub(super) hits: Vec<(u64, SeenHit)>,
}

/// What it tells of one fault.
#[derive(Debug)]
pub(super) struct TellReport {
    pub(super) fault: u64,
    pub(super) sites: Vec<SiteRef>,
    pub(super) ended: Option<String>,
    pub(super) eligible: u64,
    pub(super) hit: u64,
    pub(super) asked_ns: u64,
    pub(super) got_ns: u64,
    pub(super) first_hit_ns: i64,
    pub(super) hits_nothing: bool,
}
