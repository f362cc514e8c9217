//! What happened, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::report::{Report, Row};

/// Longest latency that is told apart, in microseconds.
const MAX_US: u64 = 120_000_000;
/// Digits of a latency that are kept.
const DIGITS: u8 = 2;
/// Most kinds of errors that are remembered with an example.
const MAX_EXAMPLES: usize = 20;
/// Longest kind of error, and longest example, in characters.
const MAX_KIND: usize = 80;
const MAX_EXAMPLE: usize = 300;

/// How a request or a journey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Good,
    /// The shop said no for a reason that customers give: a declined card, nothing left.
    Refused,
    Bad,
}

/// How it goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Journeys that began.
    pub started: u64,
    /// Journeys that have begun and not ended.
    pub in_flight: u64,
    /// Journeys that ended well.
    pub journeys: u64,
    /// Journeys that did not.
    pub failed: u64,
    /// Journeys for which there was no room.
    pub shed: u64,
    /// Orders that were placed.
    pub orders: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Half of the requests were quicker.
    pub p50: Duration,
    /// One in a hundred requests was slower.
    pub p99: Duration,
}

struct Counted {
    count: u64,
    refused: u64,
    errors: u64,
    /// None only if the bounds above were wrong.
    latency: Option<Histogram<u64>>,
}

impl Counted {
    fn new() -> Self {
        Self { count: 0, refused: 0, errors: 0, latency: Histogram::new_with_bounds(1, MAX_US, DIGITS).ok() }
    }

    fn note(&mut self, latency: Duration, ending: Ending) {
        self.count += 1;
        match ending {
            Ending::Good => {}
            Ending::Refused => self.refused += 1,
            Ending::Bad => self.errors += 1,
        }
        if let Some(histogram) = &mut self.latency {
            histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MAX_US).max(1));
        }
    }

    fn at(&self, share: f64) -> Duration {
        Duration::from_micros(self.latency.as_ref().map_or(0, |h| h.value_at_quantile(share)))
    }

    fn row(&self, name: &str, took: Duration) -> Row {
        Row {
            name: name.to_owned(),
            count: self.count,
            refused: self.refused,
            errors: self.errors,
            per_s: self.count as f64 / took.as_secs_f64().max(0.001),
            p50_ms: ms(self.at(0.5)),
            p90_ms: ms(self.at(0.9)),
            p99_ms: ms(self.at(0.99)),
            p999_ms: ms(self.at(0.999)),
            max_ms: ms(self.at(1.0)),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn plain(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

struct Tables {
    began: Instant,
    rows: BTreeMap<&'static str, Counted>,
    requests: Counted,
    journeys: Counted,
    started: u64,
    shed: u64,
    orders: u64,
    examples: BTreeMap<String, (u64, String)>,
}

/// All counts.
pub(crate) struct Stats(Mutex<Tables>);

impl Stats {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Tables {
            began: Instant::now(),
            rows: BTreeMap::new(),
            requests: Counted::new(),
            journeys: Counted::new(),
            started: 0,
            shed: 0,
            orders: 0,
            examples: BTreeMap::new(),
        }))
    }

    pub(crate) fn begin(&self) {
        self.0.lock().began = Instant::now();
    }

    pub(crate) fn request(&self, action: &'static str, latency: Duration, ending: Ending) {
        let mut tables = self.0.lock();
        tables.rows.entry(action).or_insert_with(Counted::new).note(latency, ending);
        tables.requests.note(latency, ending);
    }

    pub(crate) fn journey(&self, name: &'static str, latency: Duration, ending: Ending) {
        let mut tables = self.0.lock();
        tables.rows.entry(name).or_insert_with(Counted::new).note(latency, ending);
        tables.journeys.note(latency, ending);
    }

    pub(crate) fn order(&self) {
        self.0.lock().orders += 1;
    }

    pub(crate) fn started(&self) {
        self.0.lock().started += 1;
    }

    pub(crate) fn shed(&self) {
        self.0.lock().shed += 1;
    }

    /// Remembers an example of an error.
    pub(crate) fn example(&self, kind: &str, text: &str) {
        // Both came from a caller that answered: short, and nothing in them may steer a terminal.
        let (kind, text) = (plain(kind, MAX_KIND), plain(text, MAX_EXAMPLE));
        let mut tables = self.0.lock();
        if let Some((count, _)) = tables.examples.get_mut(&kind) {
            *count += 1;
        } else if tables.examples.len() < MAX_EXAMPLES {
            tables.examples.insert(kind, (1, text));
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        let tables = self.0.lock();
        Progress {
            elapsed: tables.began.elapsed(),
            started: tables.started,
            in_flight: tables.started.saturating_sub(tables.journeys.count),
            journeys: tables.journeys.count - tables.journeys.errors,
            failed: tables.journeys.errors,
            shed: tables.shed,
            orders: tables.orders,
            requests: tables.requests.count,
            p50: tables.requests.at(0.5),
            p99: tables.requests.at(0.99),
        }
    }

    pub(crate) fn report(&self, took: Duration) -> Report {
        let tables = self.0.lock();
        let (journeys, requests): (Vec<_>, Vec<_>) =
            tables.rows.iter().partition(|(name, _)| name.starts_with("journey"));
        let rows = |part: Vec<(&&'static str, &Counted)>| {
            part.into_iter().map(|(name, counted)| counted.row(name, took)).collect()
        };
        Report {
            seconds: took.as_secs_f64(),
            requests: rows(requests),
            journeys: rows(journeys),
            all_requests: tables.requests.row("all requests", took),
            all_journeys: tables.journeys.row("all journeys", took),
            orders: tables.orders,
            shed: tables.shed,
            examples: tables
                .examples
                .iter()
                .map(|(kind, (count, text))| (kind.clone(), *count, text.clone()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ending, MAX_EXAMPLE, MAX_EXAMPLES, Stats};

    #[test]
    fn quantiles_are_those_of_what_was_noted() {
        let stats = Stats::new();
        for ms in 1..=1000 {
            stats.request("GET x", Duration::from_millis(ms), Ending::Good);
        }
        let all = stats.report(Duration::from_secs(10)).all_requests;
        assert_eq!((all.count, all.errors, all.refused), (1000, 0, 0));
        for (found, wanted) in [(all.p50_ms, 500.0), (all.p90_ms, 900.0), (all.p99_ms, 990.0), (all.max_ms, 1000.0)] {
            assert!((found - wanted).abs() <= wanted / 100.0, "{found} instead of {wanted}");
        }
        assert!((all.per_s - 100.0).abs() < 0.001);
    }

    #[test]
    fn examples_are_bounded_and_plain() {
        let stats = Stats::new();
        for n in 0..100 {
            stats.example(&format!("kind {n}"), &"\x1b[31m".repeat(1000));
            stats.example("kind 0", "again");
        }
        let examples = stats.report(Duration::from_secs(1)).examples;
        assert_eq!(examples.len(), MAX_EXAMPLES);
        assert!(examples.iter().all(|(_, _, text)| text.chars().count() <= MAX_EXAMPLE && !text.contains('\x1b')));
        assert_eq!(examples.iter().find(|(kind, ..)| kind == "kind 0").map(|(_, count, _)| *count), Some(101));
    }
}
