//! What was sent of a series, read back from its identity.

use vitrine_observe_series::{Labels, MetricType, NAME, PART_ENDINGS, ScannedSeries, SeriesId, Temporality};

use super::identity::{self, Origin, OtlpIdentity, Part, PartOfPoint, Parts};
use crate::builder::UNKNOWN_SERVICE;
use crate::json::{Object, parse_attributes};
use crate::metric_point::MetricKind;
use crate::series::hash;
use crate::{Attribute, Value};

/// The label that names what is watched: `namespace/service`, or the service alone.
const JOB: &str = "job";
/// The resource attribute that names a service.
const SERVICE: &str = "service.name";

/// A key and a value as text; none where it was sent without a value.
pub(crate) type TextPair = (String, Option<String>);

/// What was sent of a series: of a metric of OTLP, or of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct SentSeries {
    /// Its id.
    pub id: SeriesId,
    /// The metric, as its sender calls it.
    pub name: String,
    /// The service that sent it.
    pub service: String,
    /// Labels under which PromQL finds it.
    pub labels: Labels,
    pub(crate) unit: String,
    /// None where it depends on the sample: of series of labels.
    pub(crate) kind: Option<MetricKind>,
    pub(crate) metric_type: MetricType,
    pub(crate) temporality: Temporality,
    pub(crate) monotonic: bool,
    pub(crate) attributes: Vec<TextPair>,
    pub(crate) resource: Vec<TextPair>,
    pub(crate) resource_schema_url: String,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) scope_schema_url: String,
    pub(crate) scope_attributes: Vec<TextPair>,
    pub(crate) part: PartOfPoint,
    /// Series of one point have the same here: those of a summary.
    pub(crate) point: SeriesId,
    /// What rows of the columns of metric points have as their series.
    pub(crate) row_series: Option<u64>,
    identity: Vec<u8>,
}

impl SentSeries {
    /// Reads what was sent of a series; none if nothing was: of a resource's `target_info`, and where the identity is damaged.
    pub fn read(series: &ScannedSeries) -> Option<Self> {
        let mut parts = Parts::new(&series.identity);
        match Origin::from_number(parts.byte()?)? {
            Origin::Labels => Some(Self::of_labels(series)),
            Origin::Otlp => parts.otlp().map(|sent| Self::of_otlp(series, sent)),
            Origin::TargetInfo => None,
        }
    }

    /// The identity that it was read from.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// What [its rows](crate::definitions::metrics::SERIES) have as their series, if it came by OTLP.
    pub fn row_series(&self) -> Option<u64> {
        self.row_series
    }

    /// Whether a map of it has this value under this key: `labels`, `resource`, or `attributes` and `point_attributes`.
    pub fn has(&self, map: &str, key: &str, value: &str) -> bool {
        let pairs = match map {
            "labels" => return self.labels.get(key) == Some(value),
            "resource" => &self.resource,
            _ => &self.attributes,
        };
        // Of keys that were sent twice any may be meant.
        pairs.iter().any(|(known, found)| known == key && found.as_deref() == Some(value))
    }

    fn of_labels(series: &ScannedSeries) -> Self {
        let labels = series.labels.clone();
        let job = labels.get(JOB).unwrap_or_default();
        let service = job.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(UNKNOWN_SERVICE);
        let name = labels.metric().to_owned();
        let attributes = labels.iter().filter(|label| *label.name != *NAME);
        let monotonic = match series.kind {
            MetricType::Counter => true,
            // They only rise.
            MetricType::Histogram | MetricType::Summary => PART_ENDINGS.iter().any(|end| name.ends_with(end)),
            _ => false,
        };
        Self {
            id: series.id,
            service: service.to_owned(),
            unit: String::new(),
            kind: None,
            metric_type: series.kind,
            temporality: series.temporality,
            monotonic,
            attributes: attributes.map(|it| (it.name.to_string(), Some(it.value.to_string()))).collect(),
            resource: Vec::new(),
            resource_schema_url: String::new(),
            scope_name: String::new(),
            scope_version: String::new(),
            scope_schema_url: String::new(),
            scope_attributes: Vec::new(),
            part: PartOfPoint::Part(Part::Whole),
            point: series.id,
            row_series: None,
            identity: series.identity.to_vec(),
            name,
            labels,
        }
    }

    fn of_otlp(series: &ScannedSeries, sent: OtlpIdentity<'_>) -> Self {
        let OtlpIdentity { resource, scope_name, scope_version, scope_attributes, name, part, attributes, .. } = sent;
        let sum = |entries: &[&[u8]], by: u32| {
            entries.iter().fold(0u64, |sum, entry| sum.wrapping_add(hash(entry).rotate_left(by)))
        };
        let row_series = sum(&resource, 0)
            .wrapping_add(sum(&scope_attributes, 1))
            .wrapping_add(hash(scope_name).rotate_left(2))
            .wrapping_add(hash(scope_version).rotate_left(3))
            .wrapping_add(hash(name).rotate_left(4))
            .wrapping_add(sum(&attributes, 5));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let resource = read(&resource);
        let service = resource.iter().find(|entry| entry.key == SERVICE).and_then(|entry| match &entry.value {
            Value::String(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        });
        Self {
            id: series.id,
            name: text(name),
            service: service.unwrap_or_else(|| UNKNOWN_SERVICE.to_owned()),
            labels: series.labels.clone(),
            unit: text(sent.unit),
            kind: Some(sent.kind),
            metric_type: series.kind,
            temporality: sent.temporality,
            monotonic: sent.monotonic,
            attributes: texts(read(&attributes)),
            resource: texts(resource),
            resource_schema_url: text(sent.resource_schema_url),
            scope_name: text(scope_name),
            scope_version: text(scope_version),
            scope_schema_url: text(sent.scope_schema_url),
            scope_attributes: texts(read(&scope_attributes)),
            point: point(&series.identity, &part, &attributes),
            part,
            row_series: Some(row_series.max(1)),
            identity: series.identity.to_vec(),
        }
    }
}

/// What the series of one summary's points have in common: their identity without the part.
fn point(bytes: &[u8], part: &PartOfPoint, attributes: &[&[u8]]) -> SeriesId {
    let PartOfPoint::Part(part) = part else { return SeriesId::of(bytes) };
    let (mut of_part, mut sorted) = (Vec::new(), Vec::new());
    identity::add_part(&mut of_part, *part);
    identity::add_sorted(&mut sorted, &mut attributes.to_vec());
    let before = bytes.len().saturating_sub(of_part.len() + sorted.len());
    SeriesId::of(&[&bytes[..before], &sorted].concat())
}

/// Attributes out of their messages. What cannot be read was refused when it came.
fn read(entries: &[&[u8]]) -> Vec<Attribute> {
    let mut text = Vec::new();
    let mut object = Object::begin(0, &mut text);
    for entry in entries {
        if object.entry(entry, &mut text).is_err() {
            return Vec::new();
        }
    }
    object.end(&mut text);
    std::str::from_utf8(&text).map(parse_attributes).unwrap_or_default()
}

fn texts(attributes: Vec<Attribute>) -> Vec<TextPair> {
    let text = |value: Value| (value != Value::Empty).then(|| value.text());
    attributes.into_iter().map(|entry| (entry.key, text(entry.value))).collect()
}
