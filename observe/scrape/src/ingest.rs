//! Scrapes as writes into the observatory.

use std::pin::Pin;
use std::sync::Arc;

use vitrine_observe_model::exposition::ExposedValue;
use vitrine_observe_model::metrics::{RemoteWrite, SeriesWrite};
use vitrine_observe_series::{FAMILY_ENDINGS, MetadataEntry, MetricType, Value};
use vitrine_observe_store::{SeriesIngest, Tenant};

use crate::scrape::{Scrape, ScrapedSample, Sink};

/// Writes scrapes as a tenant's samples: one scrape is one write, on disk whole or not at all.
pub struct TenantSink {
    ingest: Arc<dyn SeriesIngest>,
    tenant: Tenant,
}

impl TenantSink {
    /// Of this tenant.
    pub fn new(ingest: Arc<dyn SeriesIngest>, tenant: Tenant) -> Self {
        Self { ingest, tenant }
    }
}

impl Sink for TenantSink {
    fn write(&self, scrape: Scrape) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let request = RemoteWrite::of(&series(scrape));
        let receipt = self.ingest.remote_write(&self.tenant, request);
        Box::pin(async move { receipt.await.map_err(|error| error.to_string())?.whole() })
    }
}

/// Samples by their series, with what is known of their metrics.
fn series(scrape: Scrape) -> Vec<SeriesWrite> {
    let described = &scrape.metadata;
    scrape.samples.into_iter().map(|sample| one(sample, described)).collect()
}

/// What is known of a metric.
fn known<'a>(described: &'a [MetadataEntry], metric: &str) -> Option<&'a MetadataEntry> {
    let place = described.binary_search_by(|entry| entry.metric.as_str().cmp(metric)).ok()?;
    described.get(place)
}

fn one(sample: ScrapedSample, described: &[MetadataEntry]) -> SeriesWrite {
    let ScrapedSample { labels, time_ms, start_ms, value, exemplars } = sample;
    let name = labels.metric();
    let family = || FAMILY_ENDINGS.iter().find_map(|suffix| known(described, name.strip_suffix(suffix)?));
    let known = known(described, name).or_else(family);
    let value = match value {
        ExposedValue::Float(bits) => Value::Float(bits),
        ExposedValue::Histogram(histogram) => Value::Histogram(Arc::from(histogram)),
    };
    SeriesWrite {
        kind: known.map_or(MetricType::Unknown, |entry| entry.kind),
        help: known.map(|entry| entry.help.clone()).unwrap_or_default(),
        unit: known.map(|entry| entry.unit.clone()).unwrap_or_default(),
        labels,
        samples: vec![(time_ms, start_ms.unwrap_or_default(), value)],
        exemplars,
    }
}
