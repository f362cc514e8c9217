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

struct Tables {
    began: Instant,
    rows: BTreeMap<&'static str, Counted>,
    requests: Counted,
    journeys: Counted,
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

    pub(crate) fn shed(&self) {
        self.0.lock().shed += 1;
    }

    /// Journeys that had not ended when time was up.
    pub(crate) fn cut(&self, journeys: usize) {
        let mut tables = self.0.lock();
        let cut = u64::try_from(journeys).unwrap_or(0);
        tables.journeys.errors += cut;
        tables.examples.insert("cut at the end".to_owned(), (cut, "journeys did not end in time".to_owned()));
    }

    /// Remembers an example of an error.
    pub(crate) fn example(&self, kind: &str, text: &str) {
        let mut tables = self.0.lock();
        if let Some((count, _)) = tables.examples.get_mut(kind) {
            *count += 1;
        } else if tables.examples.len() < MAX_EXAMPLES {
            tables.examples.insert(kind.to_owned(), (1, text.chars().take(300).collect()));
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        let tables = self.0.lock();
        Progress {
            elapsed: tables.began.elapsed(),
            journeys: tables.journeys.count - tables.journeys.errors.min(tables.journeys.count),
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
