//! Samples of hosts over some hours, up to now, in the order in which they would have been sent.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use vitrine_kit::clock::Clock;

use super::hosts::{Host, Version};

/// Seconds between two samples.
pub(super) const STEP_S: i64 = 15;
/// Milliseconds by which the times of scrapes are off the grid, at most.
const JITTER_MS: i64 = 14;

/// Samples of all hosts.
pub(super) struct Workload {
    hosts: Vec<Host>,
    steps: usize,
    end_s: i64,
    /// Samples of each series in one request.
    together: usize,
}

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    Clock::system().now_ms() / 1_000
}

/// Times of scrapes from a time on. All series of a scrape have one time, which is not exactly that of the grid.
pub(super) fn times_ms(first_s: i64, count: usize, rng: &mut SmallRng) -> Vec<i64> {
    (0..count as i64).map(|step| (first_s + STEP_S * step) * 1_000 + rng.random_range(0..JITTER_MS)).collect()
}

impl Workload {
    /// About so many samples over so many hours, of each series so many in one request.
    pub fn new(samples: usize, hours: u32, together: usize) -> Self {
        let together = together.max(1);
        let steps = (hours as usize * 3_600 / STEP_S as usize).max(together) / together * together;
        let of_host = Host::new(0, steps, hours).len() * steps;
        let hosts = (0..(samples / of_host).max(1)).map(|number| Host::new(number, steps, hours)).collect();
        Self { hosts, steps, end_s: now_s() / STEP_S * STEP_S, together }
    }

    /// Series at any one time.
    pub fn series(&self) -> usize {
        self.hosts.iter().map(Host::len).sum()
    }

    /// Series at all times.
    pub fn all_series(&self) -> usize {
        self.hosts.iter().map(Host::all).sum()
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.series() * self.steps
    }

    /// From when to when, in seconds since 1970.
    pub fn times(&self) -> (i64, i64) {
        (self.end_s - STEP_S * self.steps as i64, self.end_s)
    }

    /// The requests of one of several senders, which has some of the hosts, in rounds: one for each host. All senders have as many rounds.
    pub fn rounds(
        &self,
        version: Version,
        sender: usize,
        senders: usize,
    ) -> impl Iterator<Item = Vec<Vec<u8>>> + Send + use<> {
        let mut hosts: Vec<Host> = self.hosts.iter().skip(sender).step_by(senders).cloned().collect();
        let (start, together) = (self.times().0, self.together);
        let mut rng = SmallRng::seed_from_u64(sender as u64);
        (0..self.steps / together).map(move |round| {
            let first_step = round * together;
            let mut of = |host: &mut Host| {
                let times = times_ms(start + STEP_S * first_step as i64, together, &mut rng);
                host.request(version, first_step, &times)
            };
            hosts.iter_mut().map(&mut of).collect()
        })
    }
}
