//! Faults of the whole process: what takes from it, its clock, its readiness, and its end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use vitrine_kit::clock::Skew;
use vitrine_platform_faults::process::Burner;
use vitrine_platform_faults::{Effect, Faults, Live, Site};
use vitrine_platform_telemetry::shift_time;

use crate::ops::Readiness;

/// How often is looked what is at work, while anything is.
const LOOK: Duration = Duration::from_millis(50);
/// Milliseconds of a second, and millionths of one.
const MILLION: i64 = 1_000_000;

/// Does to the process what its faults say.
pub(crate) struct Supervisor {
    pub(crate) faults: Faults,
    /// Those of each service in the process.
    pub(crate) sites: Vec<Site>,
    /// Where a busy disk is written to.
    pub(crate) folder: PathBuf,
    pub(crate) skew: Skew,
    pub(crate) readiness: Readiness,
    pub(crate) health: HealthReporter,
    pub(crate) grpc_names: Vec<&'static str>,
    /// Ends the process.
    pub(crate) exit: Arc<dyn Fn(u8) + Send + Sync>,
}

/// A fault that has begun here.
struct Started {
    live: Arc<Live>,
    site: Site,
    burner: Option<Burner>,
}

impl Supervisor {
    /// Looks after them until stopped; then all that they took is given back.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut endings = self.faults.endings();
        let mut known: HashMap<u64, Option<Started>> = HashMap::new();
        let mut is_ready = true;
        let work = async {
            loop {
                endings.borrow_and_update();
                self.look(&mut known).await;
                is_ready = self.tell_readiness(&known, is_ready).await;
                let is_any = self.sites.iter().any(Site::is_armed);
                let changed = async {
                    // The sender lives as long as the faults do, which are ours.
                    let _ = endings.changed().await;
                };
                if is_any || !known.is_empty() {
                    let _ = tokio::time::timeout(LOOK, changed).await;
                } else {
                    changed.await;
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
        self.skew.set(0);
        shift_time(0);
    }

    /// Begins what is new, lets go of what has ended, and sets the clock.
    async fn look(&self, known: &mut HashMap<u64, Option<Started>>) {
        let mut at_work: HashMap<u64, (Arc<Live>, Site)> = HashMap::new();
        for site in &self.sites {
            at_work.extend(site.at_work().into_iter().map(|live| (live.id(), (live, site.clone()))));
        }
        known.retain(|id, _| at_work.contains_key(id));
        for (id, (live, site)) in at_work {
            known.entry(id).or_insert_with(|| self.begin(live, site));
        }
        let (mut skew, mut told) = (0, 0);
        for begun in known.values().flatten() {
            let strength = begun.site.strength(&begun.live);
            if let Some(burner) = &begun.burner {
                burner.set_strength(strength);
            }
            if let Effect::Clock { offset_ms, ppm, telemetry } = begun.live.fault().what {
                let age_ms = i64::try_from(begun.site.age(&begun.live).as_millis()).unwrap_or(i64::MAX);
                let by = offset_ms + age_ms.saturating_mul(ppm.into()) / MILLION;
                skew += by;
                told += if telemetry { by } else { 0 };
            }
        }
        self.skew.set(skew);
        shift_time(told);
    }

    /// Begins a fault, if its share means this process.
    fn begin(&self, live: Arc<Live>, site: Site) -> Option<Started> {
        if !site.begins(&live) {
            return None;
        }
        if let Effect::Exit { code } = live.fault().what {
            (self.exit)(code);
        }
        let burner = Burner::start(&live.fault().what, &self.folder);
        Some(Started { live, site, burner })
    }

    /// Says whether the process is ready, if that has changed; returns whether it is.
    async fn tell_readiness(&self, known: &HashMap<u64, Option<Started>>, was_ready: bool) -> bool {
        let unready = |begun: &Started| begun.live.fault().what == Effect::Unready;
        let is_ready = !known.values().flatten().any(unready);
        if is_ready != was_ready {
            self.readiness.set(is_ready);
            let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            for name in self.grpc_names.iter().chain(&[""]) {
                self.health.set_service_status(*name, status).await;
            }
        }
        is_ready
    }
}
