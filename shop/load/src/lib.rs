//! Shops at any base URL, to load it and to measure it.
//!
//! The load is open: journeys begin when the seeded arrivals say so, whether or not earlier ones have ended, and latencies count
//! from the moment at which a journey should have begun. A shop that stalls therefore looks as bad as it is to
//! customers; there is no coordinated omission. What customers do is in `journeys`; who they are in `shoppers`.
//!
//! It prints nothing and speaks no TLS. [`Load::run`] is where to begin reading; [`http`] serves a caller that else asks a shop.
//!
//! ```
//! use vitrine_shop_load::{Config, Error, Load, Weights};
//!
//! let config = |rate| {
//!     let (base_url, weights) = ("http://127.0.0.1:8080".to_owned(), Weights::only_browse());
//!     Config { base_url, rate, seed: 1, duration: None, weights }
//! };
//! assert!(Load::new(config(50.0)).is_ok());
//! assert_eq!(Load::new(config(0.0)).err(), Some(Error::Rate(0.0)));
//! ```

mod arrivals;
mod config;
mod faulted;
pub mod http;
mod journeys;
mod oauth;
mod people;
mod report;
mod shoppers;
mod stats;
pub mod traces;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use vitrine_platform_faults::{At, Faults, Site, SiteName};

pub use config::{Config, Error, Weights};
pub use oauth::sign_in;
pub use report::{Report, Row};
pub use stats::Progress;

use arrivals::Arrivals;
use shoppers::Shoppers;
use stats::Stats;
use visit::Visit;

/// Most journeys at a time. One that finds no room is counted as shed: the load generator is at its end, not the shop.
pub const MAX_IN_FLIGHT: usize = 2000;
/// How long a customer waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long journeys may go on after the last one began. What lasts longer is cut, and counts as an error.
const DRAIN: Duration = Duration::from_secs(15);

/// A load generator. Cheap to clone.
#[derive(Clone)]
pub struct Load(Arc<LoadInner>);

/// What those who shop are called among the places where faults can act.
pub const LOAD: &str = "load";

pub(crate) struct LoadInner {
    config: Config,
    room: usize,
    client: http::Client,
    stats: Stats,
    shoppers: Shoppers,
    categories: Mutex<Vec<String>>,
    site: Option<Site>,
    /// What ids of traces begin with; without it, the shop begins them.
    run: Option<u64>,
}

impl Load {
    /// A generator that has not begun.
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with_room(config, MAX_IN_FLIGHT)
    }

    /// The same where faults act on those who shop.
    pub fn with_faults(config: Config, faults: &Faults) -> Result<Self, Error> {
        Self::of(config, MAX_IN_FLIGHT, Some(faults.site(SiteName::new(At::Load, LOAD))), None)
    }

    /// The same, and requests begin [`traces`] whose ids end with who comes and begin with the run.
    pub fn with_traces(config: Config, faults: &Faults, run: u64) -> Result<Self, Error> {
        Self::of(config, MAX_IN_FLIGHT, Some(faults.site(SiteName::new(At::Load, LOAD))), Some(run))
    }

    /// The same with room for fewer journeys at a time, at most [`MAX_IN_FLIGHT`].
    pub fn with_room(config: Config, room: usize) -> Result<Self, Error> {
        Self::of(config, room, None, None)
    }

    fn of(config: Config, room: usize, site: Option<Site>, run: Option<u64>) -> Result<Self, Error> {
        config.check()?;
        let room = room.min(MAX_IN_FLIGHT);
        let client = http::Client::new(&config.base_url)?.with_timeout(PATIENCE);
        let shoppers = Shoppers::new(config.seed);
        Ok(Self(Arc::new(LoadInner {
            config,
            room,
            client,
            stats: Stats::new(),
            shoppers,
            categories: Mutex::default(),
            site,
            run,
        })))
    }

    /// Begins journeys until the duration is over or `stop` resolves, lets them end, and reports.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Report {
        self.run_and_drain(stop, DRAIN).await
    }

    async fn run_and_drain(&self, stop: impl Future<Output = ()> + Send, drain: Duration) -> Report {
        let inner = &self.0;
        let began = Instant::now();
        inner.stats.begin();
        let mut journeys = JoinSet::new();
        tokio::pin!(stop);
        // Beside the journeys, and ended with them.
        let mut floods = JoinSet::new();
        if let Some(site) = &inner.site {
            floods.spawn(faulted::flood(site.clone(), inner.client.clone()));
        }
        let (mut last, mut after) = (Duration::ZERO, Duration::ZERO);
        for arrival in Arrivals::new(inner.config.seed, inner.config.rate, inner.config.weights) {
            let gap = arrival.after.saturating_sub(std::mem::replace(&mut last, arrival.after));
            let site = inner.site.as_ref().filter(|site| site.is_armed());
            let (factor, comes) = site.map_or((1.0, Some(arrival)), |site| faulted::arrival(site, arrival));
            after += gap.div_f64(factor);
            let next = inner.config.duration.map_or(after, |d| after.min(d));
            let intended = began + next;
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = tokio::time::sleep_until(intended) => {}
            }
            if inner.config.duration.is_some_and(|d| after >= d) {
                break;
            }
            let Some(arrival) = comes else { continue };
            while journeys.try_join_next().is_some() {}
            if journeys.len() >= inner.room {
                inner.stats.shed();
                continue;
            }
            journeys.spawn(Visit::new(inner.clone(), arrival.journey, intended, arrival.seed).make());
        }
        let took = began.elapsed();
        let ended = async { while journeys.join_next().await.is_some() {} };
        if tokio::time::timeout(drain, ended).await.is_err() {
            journeys.shutdown().await;
        }
        inner.stats.report(took)
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        self.0.stats.progress()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::Instant;

    use super::{Config, Load, Visit, Weights, arrivals::Journey};

    fn load(base_url: String) -> Load {
        Load::new(Config { base_url, rate: 500.0, seed: 3, duration: None, weights: Weights::only_browse() })
            .expect("fine")
    }

    #[tokio::test]
    async fn a_journey_that_begins_late_counts_from_when_it_should_have_begun() {
        // Taken, so that no one else listens there, and not listened to.
        let deaf = TcpSocket::new_v4().expect("a socket");
        deaf.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let load = load(format!("http://{}", deaf.local_addr().expect("an address")));
        let late = Duration::from_secs(5);
        let intended = Instant::now().checked_sub(late).expect("the machine has run for longer");
        Visit::new(load.0.clone(), Journey::Search, intended, 1).make().await;
        let report = load.0.stats.report(Duration::from_secs(1));
        for row in [&report.all_requests, &report.all_journeys] {
            assert_eq!((row.count, row.errors), (1, 1));
            assert!(row.p50_ms >= 5000.0, "{row}");
        }
    }

    #[tokio::test]
    async fn what_does_not_end_is_cut_and_counts() {
        // The backlog accepts connections, and no process answers.
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let load = load(format!("http://{}", silent.local_addr().expect("an address")));
        let ask = async {
            while load.progress().in_flight < 5 {
                tokio::task::yield_now().await;
            }
        };
        let report = load.run_and_drain(ask, Duration::ZERO).await;
        assert!(report.all_journeys.count >= 5, "{report}");
        assert_eq!(report.all_journeys.errors, report.all_journeys.count);
        assert_eq!(report.all_requests.errors, report.all_requests.count);
        assert!(report.to_string().contains("journey browse: cut"), "{report}");
        assert_eq!(load.progress().in_flight, 0);
    }
}
