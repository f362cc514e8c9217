//! `FollowService`: what processes poll.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::flags::v1::follow_service_server::FollowService;
use vitrine_contracts::flags::v1::{self as wire, Ended, FetchRequest, FetchResponse};
use vitrine_flags_client::{Count, Declaration};
use vitrine_platform_mesh::Caller;
use vitrine_platform_mesh::identity::CALLER_NOT_ADMITTED;

use super::control::{FaultControl, Poll, Received, TellReport};
use super::incident::{SeenHit, SiteRef};
use super::processes::{MAX_PROCESSES, MAX_SITES};
use crate::flag_store::FlagStore;
use crate::registrations::NotTaken;

/// Longest wait of one poll, in milliseconds.
const MAX_WAIT_MS: u32 = 5_000;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// Most services, and most reports, of one poll.
const MAX_LIST: usize = 200;
/// Most hits of one poll.
const MAX_POLL_HITS: usize = 20_000;

/// Serves [`FollowService`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Follow {
    faults: FaultControl,
    flags: FlagStore,
}

impl Follow {
    /// Over what is to be at work, and the flags.
    pub fn new(faults: &FaultControl, flags: &FlagStore) -> Self {
        Self { faults: faults.clone(), flags: flags.clone() }
    }

    /// Keeps which flags the process reads, and counts what it read of them.
    async fn register(
        &self,
        request: &FetchRequest,
        declared: &[Declaration],
        evaluations: &[wire::Evaluations],
    ) -> Result<(), Status> {
        if declared.is_empty() && evaluations.is_empty() {
            return Ok(());
        }
        let count = |told: &wire::Evaluations| Count {
            key: told.key.clone(),
            reader: told.reader.clone(),
            variant: told.variant.clone(),
            count: told.count,
            last_ms: told.last_unix_ms,
        };
        let counts: Vec<Count> = evaluations.iter().map(count).collect();
        let heard = self.flags.registrations().received(&request.instance, &request.version, declared, &counts).await;
        heard.map_err(|error| match error {
            NotTaken::Store(cause) => {
                tracing::error!(error = %cause, "the database of the flags cannot be written");
                Problem::unavailable("the database does not answer at the moment").into()
            }
            NotTaken::Invalid(problem) => {
                Problem::invalid("inventory.declarations", "flags that code may declare", &problem).into()
            }
        })
    }

    /// The flags that a process reads, where it has another revision.
    fn flags_for(&self, request: &FetchRequest) -> (u64, Option<String>) {
        let now = self.flags.current();
        // Not before it is known which those are.
        let Some(keys) = self.faults.flags_of(&request.instance).filter(|_| now.revision != request.have_flags) else {
            return (request.have_flags, None);
        };
        (now.revision, Some(now.sync_payload_of(&keys)))
    }

    async fn wait(&self, request: &FetchRequest) -> Result<(), Status> {
        let until = Instant::now() + Duration::from_millis(request.wait_ms.into());
        let (mut revision, mut flags) = (self.faults.watch(), self.flags.watch());
        while *revision.borrow_and_update() == request.have_faults
            && flags.borrow_and_update().revision == request.have_flags
        {
            tokio::select! {
                // The senders live as long as the service.
                _ = revision.changed() => {}
                _ = flags.changed() => {}
                () = tokio::time::sleep_until(until) => break,
                () = self.faults.closing().cancelled() => {
                    return Err(Problem::unavailable("the process is stopping").into());
                }
            }
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl FollowService for Follow {
    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchResponse>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let mut request = request.into_inner();
        check(&request, caller.as_ref())?;
        let evaluations = std::mem::take(&mut request.evaluations);
        let declared = declared(&request)?;
        let news = news_of(&mut request, &declared);
        let has_hits = !news.hits.is_empty();
        let room = || Problem::exhausted("TOO_MANY_PROCESSES", &format!("{MAX_PROCESSES} processes follow already"));
        let Received { tell, is_new } = self.faults.receive(news).ok_or_else(room)?;
        self.register(&request, &declared, if is_new { &evaluations } else { &[] }).await?;
        if has_hits && let Err(error) = self.faults.tick().await {
            // An answer lets the process forget them: until they are on disk there is none, and it tells them again.
            tracing::error!(%error, "hits of faults cannot be written");
            return Err(Problem::unavailable("the database does not answer at the moment").into());
        }
        if !tell {
            self.wait(&request).await?;
        }
        // Read before the plans: what changes between is asked for again.
        let faults_revision = *self.faults.watch().borrow();
        let (epoch, plans) = self.faults.plans();
        let plan = |(fault, document, age): (u64, vitrine_platform_faults::Fault, Duration)| wire::Plan {
            fault,
            document: serde_json::to_vec(&document).expect("a fault is JSON"),
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        };
        let plans = plans.into_iter().map(plan).collect();
        let (flags_revision, flags_json) = self.flags_for(&request);
        Ok(Response::new(FetchResponse { faults_revision, epoch, plans, flags_revision, flags_json, tell }))
    }
}

fn check(request: &FetchRequest, caller: Option<&Caller>) -> Result<(), Problem> {
    let name = |field: &str, text: &str| {
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err(Problem::invalid(field, &format!("1 to {MAX_NAME_BYTES} bytes"), "the name is out of range"));
        }
        Ok(())
    };
    name("instance", &request.instance)?;
    name("version", &request.version)?;
    let most = |field: &str, found: usize, most: usize| match found > most {
        true => Err(Problem::invalid(field, &format!("at most {most}"), &format!("there are {found}"))),
        false => Ok(()),
    };
    most("services", request.services.len(), MAX_LIST)?;
    most("reports", request.reports.len(), MAX_LIST)?;
    most("hits", request.hits.iter().map(|of_site| of_site.hits.len()).sum(), MAX_POLL_HITS)?;
    most("inventory.sites", request.inventory.as_ref().map_or(0, |inventory| inventory.sites.len()), MAX_SITES)?;
    if request.wait_ms > MAX_WAIT_MS {
        return Err(Problem::invalid("wait_ms", &format!("at most {MAX_WAIT_MS}"), "the wait is too long"));
    }
    match caller {
        // Without a name only where no one has to prove one.
        Some(Caller(caller)) if !request.services.iter().any(|service| **service == **caller) => {
            let message = format!("{caller} is none of the services that the process is said to run");
            Err(Problem::permission_denied(&message).with_reason(CALLER_NOT_ADMITTED).with_field("services"))
        }
        _ => Ok(()),
    }
}

fn site(site: wire::Site) -> SiteRef {
    let wire::Site { at, service, from } = site;
    SiteRef { at, service, from: Some(from).filter(|from| !from.is_empty()) }
}

/// The flags that the code of the process reads.
fn declared(request: &FetchRequest) -> Result<Vec<Declaration>, Problem> {
    let declarations = request.inventory.as_ref().map(|inventory| &inventory.declarations);
    let read = declarations.into_iter().flatten().map(|text| serde_json::from_str(text));
    let read: Result<Vec<Declaration>, _> = read.collect();
    read.map_err(|e| Problem::invalid("inventory.declarations", "declarations of flags, as JSON", &e.to_string()))
}

fn news_of(request: &mut FetchRequest, declared: &[Declaration]) -> Poll {
    let flags = || declared.iter().map(|declaration| declaration.key.clone()).collect();
    let inventory = request.inventory.take();
    let inventory = inventory.map(|inventory| (inventory.sites.into_iter().map(site).collect(), flags()));
    let report = |report: wire::Report| {
        let ended = match report.ended() {
            Ended::Unspecified => None,
            Ended::Ttl => Some("ttl"),
            Ended::Withdrawn => Some("withdrawn"),
            Ended::StopAll => Some("stop_all"),
            Ended::Lease => Some("lease"),
            Ended::NoSite => Some("no_site"),
        };
        TellReport {
            fault: report.fault,
            sites: report.sites.into_iter().map(site).collect(),
            ended: ended.map(str::to_owned),
            eligible: report.eligible,
            hit: report.hit,
            asked_ns: report.asked_ns,
            got_ns: report.got_ns,
            first_hit_ns: report.first_hit_unix_ns,
            hits_nothing: report.hits_nothing,
        }
    };
    let hits = std::mem::take(&mut request.hits).into_iter().flat_map(|of_site| {
        let site = site(of_site.site.unwrap_or_default());
        of_site.hits.into_iter().map(move |hit| {
            let (trace_id, span_id) = (hex::encode(hit.trace_id), hex::encode(hit.span_id));
            (hit.fault, SeenHit { site: site.clone(), trace_id, span_id, at_ns: hit.at_unix_ns })
        })
    });
    Poll {
        hits: hits.collect(),
        reports: std::mem::take(&mut request.reports).into_iter().map(report).collect(),
        instance: request.instance.clone(),
        version: request.version.clone(),
        services: std::mem::take(&mut request.services),
        has_faults: request.have_faults,
        has_flags: request.have_flags,
        inventory,
        batch: request.batch,
    }
}
