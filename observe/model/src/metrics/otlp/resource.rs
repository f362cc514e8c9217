//! Resources and scopes: what their series share.

use std::cell::OnceCell;

use vitrine_observe_series::{Description, MetadataEntry, MetricType};

use super::Decoder;
use crate::json::{any, key_value};
use crate::metrics::identity::{self, Origin};
use crate::metrics::text;
use crate::metrics::translation::{Pairs, ScopePairs, SharedLabels, TARGET_INFO, Translation};
use crate::rejected::{Refusal, Rejected};
use crate::series::hash;
use crate::wire::{Fault, Reader, fields, length, varint};

const FIRST: u32 = length(1);
const SECOND: u32 = length(2);
const THIRD: u32 = length(3);
const DROPPED: u32 = varint(2);
const SCOPE_DROPPED: u32 = varint(4);
const GROUP: u64 = fields(&[1, 2, 3]);
const RESOURCE: u64 = fields(&[1, 2, 3]);
const SCOPE: u64 = fields(&[1, 2, 3, 4]);
/// How far apart samples of `target_info` are at most, in milliseconds: half of what a query looks back.
const TARGET_INFO_STEP_MS: i64 = 150_000;
/// Most samples of `target_info` that one request gives.
const MAX_TARGET_INFO_SAMPLES: i64 = 256;
/// What `target_info` means, as Prometheus says it.
const TARGET_INFO_HELP: &str = "Target metadata";

/// A scope of a resource.
pub(super) struct ScopeOfResource<'a> {
    pub(super) resource: &'a [&'a [u8]],
    pub(super) scope: Scope<'a>,
    /// What begins the identity of its series.
    pub(super) identity: Vec<u8>,
    /// Series of one resource have the same times as a rule.
    pub(super) clock: u64,
    /// What its series share, worked out for the first that is new.
    pub(super) shared: OnceCell<Result<SharedLabels, Rejected>>,
}

/// A scope as it was sent.
#[derive(Default)]
pub(super) struct Scope<'a> {
    pub(super) name: &'a [u8],
    pub(super) version: &'a [u8],
    pub(super) schema_url: &'a [u8],
    pub(super) attributes: Vec<&'a [u8]>,
}

/// The earliest and the latest time of a resource's points, in milliseconds since 1970.
#[derive(Default)]
pub(super) struct Span(Option<(i64, i64)>);

impl Span {
    pub(super) fn add(&mut self, time_ms: i64) {
        let (from, to) = self.0.unwrap_or((time_ms, time_ms));
        self.0 = Some((from.min(time_ms), to.max(time_ms)));
    }
}

impl ScopeOfResource<'_> {
    /// What the series of this scope share.
    pub(super) fn shared(&self, translation: &Translation) -> Result<&SharedLabels, Rejected> {
        let work_out = || {
            let scope = ScopePairs {
                name: String::from_utf8_lossy(self.scope.name).into_owned(),
                version: String::from_utf8_lossy(self.scope.version).into_owned(),
                schema_url: String::from_utf8_lossy(self.scope.schema_url).into_owned(),
                attributes: pairs(&self.scope.attributes)?,
            };
            translation.shared(&pairs(self.resource)?, &scope)
        };
        self.shared.get_or_init(work_out).as_ref().map_err(Clone::clone)
    }
}

impl Decoder<'_, '_> {
    /// A `ResourceMetrics`. The resource may stand behind its scopes, and in several pieces.
    pub(super) fn resource_metrics(&mut self, message: &[u8]) -> Result<(), Fault> {
        let (mut entries, mut schema_url) = (Vec::new(), &message[..0]);
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                FIRST => read_resource(reader.bytes()?, &mut entries)?,
                SECOND => drop(reader.bytes()?),
                THIRD => schema_url = reader.bytes()?,
                _ => reader.skip(key, GROUP)?,
            }
        }
        // What comes first of attributes with one key counts, whatever the order of the others.
        let as_sent = entries.clone();
        let mut prefix = Vec::new();
        identity::begin(&mut prefix, Origin::Otlp);
        identity::add_sorted(&mut prefix, &mut entries);
        identity::add(&mut prefix, schema_url);
        let mut span = Span::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                SECOND => self.scope_metrics(reader.bytes()?, &as_sent, &prefix, &mut span)?,
                _ => reader.skip(key, 0)?,
            }
        }
        self.target_info(&as_sent, &mut entries, hash(&prefix), &span);
        Ok(())
    }

    /// A `ScopeMetrics`.
    fn scope_metrics(
        &mut self,
        message: &[u8],
        resource: &[&[u8]],
        prefix: &[u8],
        span: &mut Span,
    ) -> Result<(), Fault> {
        let mut scope = Scope::default();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                FIRST => scope.read(reader.bytes()?)?,
                SECOND => drop(reader.bytes()?),
                THIRD => scope.schema_url = reader.bytes()?,
                _ => reader.skip(key, GROUP)?,
            }
        }
        let mut identity = prefix.to_vec();
        for part in [scope.name, scope.version, scope.schema_url] {
            identity::add(&mut identity, part);
        }
        identity::add_sorted(&mut identity, &mut scope.attributes.clone());
        let scope = ScopeOfResource { resource, scope, identity, clock: hash(prefix), shared: OnceCell::new() };
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                SECOND => self.metric(reader.bytes()?, &scope, span)?,
                _ => reader.skip(key, 0)?,
            }
        }
        Ok(())
    }

    /// The series that tells of a resource, at the times of its points.
    fn target_info(&mut self, as_sent: &[&[u8]], sorted: &mut [&[u8]], clock: u64, span: &Span) {
        let Span(Some((from, to))) = *span else { return };
        let labels = pairs(as_sent).and_then(|resource| self.taking.translation.target_info(&resource));
        let labels = match labels {
            Ok(Some(labels)) => labels,
            Ok(None) => return,
            Err(reason) => return self.written.refuse(0, reason),
        };
        identity::begin(&mut self.identity, Origin::TargetInfo);
        identity::add_sorted(&mut self.identity, sorted);
        let mut is_new = false;
        let describe = || {
            is_new = true;
            self.taking.admit(Description::new(MetricType::Gauge, clock, labels))
        };
        let series = match self.batch.series(&self.identity, describe) {
            Ok(series) => series,
            Err(reason) => return self.written.refuse(0, reason),
        };
        if is_new {
            self.batch.metadata(MetadataEntry {
                metric: TARGET_INFO.to_owned(),
                kind: MetricType::Gauge,
                help: TARGET_INFO_HELP.to_owned(),
                unit: String::new(),
            });
        }
        let step = TARGET_INFO_STEP_MS.max(to.saturating_sub(from) / MAX_TARGET_INFO_SAMPLES);
        let mut time_ms = from;
        while time_ms < to {
            self.batch.float(series, time_ms, 1f64.to_bits(), 0);
            time_ms += step;
        }
        self.batch.float(series, to, 1f64.to_bits(), 0);
    }
}

impl<'a> Scope<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match key {
                FIRST => self.name = reader.bytes()?,
                SECOND => self.version = reader.bytes()?,
                THIRD => self.attributes.push(reader.bytes()?),
                SCOPE_DROPPED => drop(reader.varint()?),
                _ => reader.skip(key, SCOPE)?,
            }
        }
        Ok(())
    }
}

fn read_resource<'a>(message: &'a [u8], entries: &mut Vec<&'a [u8]>) -> Result<(), Fault> {
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            FIRST => entries.push(reader.bytes()?),
            DROPPED => drop(reader.varint()?),
            THIRD => drop(reader.bytes()?),
            _ => reader.skip(key, RESOURCE)?,
        }
    }
    Ok(())
}

/// Attributes as labels have them.
pub(super) fn pairs(entries: &[&[u8]]) -> Result<Pairs, Rejected> {
    let read = |entry: &&[u8]| {
        let (key, value) = key_value(entry)?;
        Ok::<_, Fault>((String::from_utf8_lossy(key).into_owned(), text::attribute(any(value)?)?))
    };
    entries.iter().map(read).collect::<Result<_, _>>().map_err(|_| Rejected {
        field: "attributes",
        problem: "one cannot be read".to_owned(),
        expected: "KeyValue messages",
        refusal: Refusal::Invalid,
    })
}
