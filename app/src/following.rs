//! A process that follows the one who keeps faults and flags: it polls, has at work what it is told, and tells what became of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use vitrine_contracts::flags::v1::follow_service_client::FollowServiceClient;
use vitrine_contracts::flags::v1::{self as wire, FetchRequest, FetchResponse, Inventory};
use vitrine_contracts::services::FLAGS;
use vitrine_flags_client::{Count, Declaration, Flags};
use vitrine_kit::Backoff;
use vitrine_platform_faults::{Ended, Fault, Faults, Hit, Plan, Report, SiteName, check};
use vitrine_platform_host::Host;
use vitrine_platform_mesh::Transport;

/// How long a poll waits. It is the same whether anything is at work or not, and no longer, so that what was hit is soon known.
const WAIT_MS: u32 = 1_000;
/// How long an answer may take: short enough to try again several times before faults end, for over NATS nobody says that who was asked is gone.
const WITHIN: Duration = Duration::from_secs(4);
/// How old what a process has told of itself may be, before it is told again.
const TELL_AGAIN: Duration = Duration::from_secs(600);
/// The first pause after a poll that failed, and the longest: several of them fit into the time after which faults end for want of news.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Follows until stopped.
pub(crate) struct Follower {
    faults: Faults,
    flags: Flags,
    client: FollowServiceClient<Transport>,
    instance: String,
    services: Vec<String>,
    have_faults: u64,
    /// How many sites were told of, and when; none if they are to be told.
    told: Option<(usize, Instant)>,
    batch: u64,
    /// What was not answered yet.
    hits: Vec<wire::Hits>,
    evaluations: Vec<wire::Evaluations>,
}

impl Follower {
    /// For a process that runs these services, at least one.
    pub(crate) fn new(host: &Host, flags: &Flags, services: &[&str]) -> Option<Self> {
        let client = FollowServiceClient::new(host.transport(services.first()?, FLAGS));
        Some(Self {
            faults: host.faults().clone(),
            flags: flags.clone(),
            client,
            instance: host.pipeline().instance_id().to_owned(),
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            have_faults: 0,
            told: None,
            batch: 0,
            hits: Vec::new(),
            evaluations: Vec::new(),
        })
    }

    /// Polls until stopped. Whoever keeps the faults may be away: then they end by themselves.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
        let work = async {
            loop {
                match self.poll().await {
                    Ok(()) => backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE),
                    Err(_) => tokio::time::sleep(backoff.equal_jitter()).await,
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn poll(&mut self) -> Result<(), Status> {
        let sites = self.faults.sites();
        let is_told = self.told.is_some_and(|(count, at)| count == sites.len() && at.elapsed() < TELL_AGAIN);
        let inventory = (!is_told).then(|| Inventory {
            sites: sites.iter().map(|site| site_to_wire(&site.name)).collect(),
            declarations: self.flags.declared().iter().map(declaration).collect(),
        });
        let since = Since::now(&self.faults);
        if self.hits.is_empty() && self.evaluations.is_empty() {
            self.hits = self.faults.take_hits().into_iter().map(|(site, hits)| since.hits(&site, hits)).collect();
            self.evaluations = self.flags.take_counts().into_iter().map(evaluations).collect();
            self.batch += u64::from(!self.hits.is_empty() || !self.evaluations.is_empty());
        }
        let request = FetchRequest {
            instance: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            services: self.services.clone(),
            have_faults: self.have_faults,
            have_flags: self.flags.revision(),
            wait_ms: WAIT_MS,
            inventory,
            reports: self.faults.reports().iter().map(|report| since.report(report)).collect(),
            batch: self.batch,
            hits: self.hits.clone(),
            evaluations: self.evaluations.clone(),
        };
        let mut request = Request::new(request);
        request.set_timeout(WITHIN);
        let answer = self.client.fetch(request).await?.into_inner();
        self.hits.clear();
        self.evaluations.clear();
        if answer.tell {
            self.told = None;
        } else if !is_told {
            self.told = Some((sites.len(), Instant::now()));
        }
        self.take(answer);
        Ok(())
    }

    /// Has at work what it is told. What this version does not understand is not at work here, and whoever armed it hears that no site carries it.
    fn take(&mut self, answer: FetchResponse) {
        let plan = |plan: wire::Plan| {
            let fault = Fault::from_json(&plan.document).ok().filter(|fault| check(fault).is_empty())?;
            Some(Plan { id: plan.fault, fault, age: Duration::from_millis(plan.age_ms) })
        };
        let plans: Vec<Plan> = answer.plans.into_iter().filter_map(plan).collect();
        if let Some(definition) = answer.flags_json
            && let Err(error) = self.flags.put(answer.flags_revision, &definition)
        {
            tracing::error!(%error, "flags in force cannot be read; the services go on with those before");
        }
        // Refused as a whole only while the process stops.
        if self.faults.apply(&plans, answer.epoch).is_ok() {
            self.have_faults = answer.faults_revision;
        }
    }
}

/// Nanoseconds of the process's faults, as nanoseconds since 1970.
struct Since(i64);

impl Since {
    fn now(faults: &Faults) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        Self(now.saturating_sub(i64::try_from(faults.now_ns()).unwrap_or(i64::MAX)))
    }

    fn unix_ns(&self, at_ns: u64) -> i64 {
        self.0.saturating_add(i64::try_from(at_ns).unwrap_or(i64::MAX))
    }

    fn hits(&self, site: &SiteName, hits: vitrine_platform_faults::Hits) -> wire::Hits {
        let hit = |hit: &Hit| wire::Hit {
            fault: hit.plan,
            trace_id: if hit.trace_id == 0 { Vec::new() } else { hit.trace_id.to_be_bytes().to_vec() },
            span_id: if hit.span_id == 0 { Vec::new() } else { hit.span_id.to_be_bytes().to_vec() },
            at_unix_ns: self.unix_ns(hit.at_ns),
        };
        let overflow = hits.overflow;
        wire::Hits { site: Some(site_to_wire(site)), hits: hits.hits.iter().map(hit).collect(), overflow }
    }

    fn report(&self, report: &Report) -> wire::Report {
        let ended = match report.ended {
            None => wire::Ended::Unspecified,
            Some(Ended::Ttl) => wire::Ended::Ttl,
            Some(Ended::Withdrawn) => wire::Ended::Withdrawn,
            Some(Ended::StopAll) => wire::Ended::StopAll,
            Some(Ended::Lease) => wire::Ended::Lease,
            Some(Ended::NoSite) => wire::Ended::NoSite,
        };
        wire::Report {
            fault: report.plan,
            sites: report.sites.iter().map(site_to_wire).collect(),
            ended: ended.into(),
            eligible: report.counts.eligible,
            hit: report.counts.hit,
            asked_ns: report.counts.asked_ns,
            got_ns: report.counts.got_ns,
            first_hit_unix_ns: report.first_hit_ns.map_or(0, |at| self.unix_ns(at)),
            hits_nothing: report.hits_nothing,
        }
    }
}

fn declaration(declaration: &Declaration) -> String {
    serde_json::to_string(declaration).expect("what is declared is JSON")
}

fn evaluations(count: Count) -> wire::Evaluations {
    let Count { key, reader, variant, count, last_ms } = count;
    wire::Evaluations { key, variant, reader, count, last_unix_ms: last_ms }
}

fn site_to_wire(name: &SiteName) -> wire::Site {
    let from = name.from.as_deref().unwrap_or_default().to_owned();
    wire::Site { at: name.at.name().to_owned(), service: name.service.to_string(), from }
}
