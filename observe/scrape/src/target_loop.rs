//! The loop of one target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_observe_model::exposition::{
    Description, Entry, ExposedSample, ExposedValue, Format, Mistake, Text, families,
};
use vitrine_observe_series::{Label, Labels, MetadataEntry, MetricType, NAME, STALE};
use vitrine_observe_store::TargetHealth;
use vitrine_platform_fetch::Client;

use crate::cache::Cache;
use crate::config::Job;
use crate::failures;
use crate::nhcb::Converter;
use crate::scrape::{Body, Scrape, ScrapedSample, Sink, TOO_LONG, ask};
use crate::target::Target;
use crate::view::Scraped;

/// How far from its place in the grid a scrape's time may be to be taken for it: a hundredth of the interval, and at most this.
const TIME_TOLERANCE: Duration = Duration::from_millis(2);
/// How many metrics are remembered with what is said of them.
const MAX_METADATA: usize = 10_000;

/// What a loop needs.
pub(crate) struct TargetLoop {
    pub job: Arc<Job>,
    pub target: Arc<Target>,
    pub client: Client,
    pub sink: Arc<dyn Sink>,
    pub clock: Clock,
    pub outcome: Arc<Mutex<Scraped>>,
    /// The target is gone: its series have ended.
    pub gone: CancellationToken,
    /// The process ends: nothing more is said.
    pub stop: CancellationToken,
    /// Spreads targets over their interval.
    pub seed: u64,
}

/// What is made of one body.
#[derive(Default)]
struct Taken {
    scrape: Scrape,
    scraped: u64,
    kept: u64,
    added: u64,
}

/// What is known of a target's metrics.
#[derive(Default)]
struct Described {
    entries: BTreeMap<String, MetadataEntry>,
    /// The same in order of names.
    all: Arc<[MetadataEntry]>,
}

impl Described {
    /// Learns what a body says. Returns all that is known, the same as before if nothing is new.
    fn with(&mut self, fresh: BTreeMap<String, MetadataEntry>) -> Arc<[MetadataEntry]> {
        let mut is_new = false;
        for (metric, entry) in fresh {
            let known = self.entries.get(&metric);
            if known != Some(&entry) && (known.is_some() || self.entries.len() < MAX_METADATA) {
                self.entries.insert(metric, entry);
                is_new = true;
            }
        }
        if is_new {
            self.all = self.entries.values().cloned().collect();
        }
        self.all.clone()
    }
}

impl TargetLoop {
    /// Scrapes until the target is gone or the process ends.
    pub async fn run(self) {
        let (mut cache, mut described) = (Cache::default(), Described::default());
        let interval = self.target.interval;
        let mut due = self.first();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.gone.cancelled() => break,
                () = tokio::time::sleep_until(due) => {}
            }
            let time_ms = self.time(due);
            self.scrape(time_ms, &mut cache, &mut described).await;
            // A scrape that took longer than its interval leaves out the turns that have passed.
            let missed = due.elapsed().as_nanos() / interval.as_nanos().max(1);
            due += interval * u32::try_from(missed + 1).unwrap_or(u32::MAX);
        }
        cache.begin();
        let time_ms = self.clock.now_ms();
        let mut scrape = Scrape::default();
        self.end(&mut cache, &mut scrape, time_ms);
        for name in self.reports() {
            scrape.samples.push(self.report(name, time_ms, f64::from_bits(STALE)));
        }
        if let Err(error) = self.sink.write(scrape).await {
            tracing::warn!(job = self.job.name, error, "that a target is gone was not taken");
        }
    }

    /// When the first scrape is due: its place in the interval, counted from 1970.
    fn first(&self) -> Instant {
        let interval = self.target.interval.as_nanos().max(1);
        let now = u128::try_from(self.clock.now_ms()).unwrap_or_default() * 1_000_000;
        let passed = (now + interval - self.target.offset(self.seed).as_nanos() % interval) % interval;
        let wait = u64::try_from((interval - passed) % interval).unwrap_or_default();
        Instant::now() + Duration::from_nanos(wait)
    }

    /// The time of a scrape's samples: where it is in the grid if it is near, else now.
    fn time(&self, due: Instant) -> i64 {
        let now = self.clock.now_ms();
        let late = due.elapsed();
        let tolerance = TIME_TOLERANCE.min(self.target.interval / 100);
        if late <= tolerance { now - i64::try_from(late.as_millis()).unwrap_or_default() } else { now }
    }

    async fn scrape(&self, time_ms: i64, cache: &mut Cache, described: &mut Described) {
        let began = Instant::now();
        cache.begin();
        let mut taken = Taken::default();
        let mut bytes = 0.0;
        let outcome = match ask(&self.client, &self.job, &self.target).await {
            Ok(body) => {
                bytes = body.bytes.len() as f64;
                self.take(&body, time_ms, cache, described).map(|found| taken = found)
            }
            Err(error) => Err(error),
        };
        if outcome.as_ref().is_err_and(|error| error == TOO_LONG) {
            // How long it is nobody knows.
            bytes = -1.0;
        }
        if outcome.is_err() {
            // Nothing of it is seen, and what was seen before has ended.
            taken = Taken { scraped: taken.scraped, ..Taken::default() };
            cache.begin();
        }
        let Taken { mut scrape, scraped, kept, added } = taken;
        self.end(cache, &mut scrape, time_ms);
        let took = began.elapsed();
        let up = f64::from(u8::from(outcome.is_ok()));
        let (timeout, limit) = (self.target.timeout.as_secs_f64(), self.job.limits.samples as f64);
        let values = [up, took.as_secs_f64(), scraped as f64, kept as f64, added as f64, timeout, limit, bytes];
        for (name, value) in self.reports().zip(values) {
            scrape.samples.push(self.report(name, time_ms, value));
        }
        let written = self.sink.write(scrape).await;
        let error = outcome.err().or(written.err());
        if let (Some(error), Some(path)) = (&error, &self.job.failure_log) {
            failures::note(path, self.clock.now_ms(), &self.job.name, &self.target.url, error).await;
        }
        let health = if error.is_some() { TargetHealth::Down } else { TargetHealth::Up };
        *self.outcome.lock() = Scraped { health, error, time_ms, took };
    }

    /// Says which series have ended.
    fn end(&self, cache: &mut Cache, scrape: &mut Scrape, time_ms: i64) {
        let ended = cache.ended().into_iter().map(|labels| ScrapedSample {
            labels,
            time_ms,
            start_ms: None,
            value: ExposedValue::Float(STALE),
            exemplars: Vec::new(),
        });
        scrape.samples.extend(ended);
    }

    /// Series that tell of a scrape.
    fn reports(&self) -> impl Iterator<Item = &'static str> {
        let more = if self.job.tells_more { &MORE_REPORTS[..] } else { &[] };
        REPORTS.iter().chain(more).copied()
    }

    /// A sample that tells of the scrape itself.
    fn report(&self, name: &str, time_ms: i64, value: f64) -> ScrapedSample {
        let own = self.target.labels.iter();
        let labels = own.map(|(name, value)| Label { name: name.as_str().into(), value: value.as_str().into() });
        let labels = Labels::new(labels.chain([Label { name: NAME.into(), value: name.into() }]));
        let value = ExposedValue::Float(value.to_bits());
        ScrapedSample { labels, time_ms, start_ms: None, value, exemplars: Vec::new() }
    }

    fn take(&self, body: &Body, time_ms: i64, cache: &mut Cache, described: &mut Described) -> Result<Taken, String> {
        let mut taken = Taken::default();
        let mut fresh: BTreeMap<String, MetadataEntry> = BTreeMap::new();
        let mut each = |entry: Entry<'_>| match entry {
            Entry::Metadata { metric, description } => {
                describe(&mut fresh, &metric, description);
                Ok(())
            }
            Entry::Sample(sample) => self.take_sample(sample, time_ms, cache, &mut taken),
        };
        let histograms = self.target.histograms;
        let entries: Box<dyn Iterator<Item = Result<Entry<'_>, Mistake>>> = match body.format {
            Format::Protobuf => Box::new(families(&body.bytes, histograms.forms()).map_err(text)?.into_iter().map(Ok)),
            format => Box::new(Text::new(&body.bytes, format).map_err(text)?),
        };
        if histograms.converts_classic {
            let mut converter = Converter::new(histograms.keeps_classic);
            for entry in entries {
                converter.take(entry.map_err(text)?, &mut each)?;
            }
            converter.end(&mut each)?;
        } else {
            for entry in entries {
                each(entry.map_err(text)?)?;
            }
        }
        taken.scrape.metadata = described.with(fresh);
        Ok(taken)
    }

    fn take_sample(
        &self,
        mut sample: ExposedSample<'_>,
        time_ms: i64,
        cache: &mut Cache,
        taken: &mut Taken,
    ) -> Result<(), String> {
        taken.scraped += 1;
        if let ExposedValue::Histogram(histogram) = &mut sample.value {
            self.target.histograms.limit(histogram)?;
        }
        let Some((labels, is_new)) = cache.resolve(&sample.series, &self.job, &self.target)? else { return Ok(()) };
        let own_time = sample.time_ms.filter(|_| self.job.honors_timestamps);
        // Of a series with times of its own, only the target knows when it ended.
        let is_tracked = own_time.is_none() || self.job.tracks_timestamps_staleness;
        if is_tracked && cache.track(&labels) && own_time.is_none() {
            // The same series twice at one time: the first one counts.
            return Ok(());
        }
        taken.kept += 1;
        taken.added += u64::from(is_new);
        let limit = self.job.limits.samples;
        if limit > 0 && taken.kept > limit {
            return Err("sample limit exceeded".to_owned());
        }
        let time_ms = own_time.unwrap_or(time_ms);
        let exemplars = sample.exemplars.into_iter().map(|exemplar| exemplar.at(time_ms)).collect();
        let (start_ms, value) = (sample.start_ms, sample.value);
        taken.scrape.samples.push(ScrapedSample { labels, time_ms, start_ms, value, exemplars });
        Ok(())
    }
}

/// Series that tell of each scrape.
const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Series that tell more of a scrape, where that is wanted.
const MORE_REPORTS: [&str; 3] = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];

fn text(mistake: Mistake) -> String {
    mistake.to_string()
}

fn describe(entries: &mut BTreeMap<String, MetadataEntry>, metric: &str, description: Description<'_>) {
    let entry = entries.entry(metric.to_owned()).or_insert_with(|| MetadataEntry {
        metric: metric.to_owned(),
        kind: MetricType::Unknown,
        help: String::new(),
        unit: String::new(),
    });
    match description {
        Description::Type(kind) => entry.kind = kind,
        Description::Help(help) => entry.help = help.into_owned(),
        Description::Unit(unit) => entry.unit = unit.into_owned(),
    }
}
