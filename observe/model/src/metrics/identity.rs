//! The bytes that identify a series: what was sent of it, and nothing that settings decide.
//!
//! Attributes stand in the order of their bytes, so that the order in which a sender writes them does not matter. Everything has its
//! length in front, so that no two series have the same bytes. They are kept on disk: what is here must not change.

use vitrine_kit::varint;
use vitrine_observe_series::Temporality;

use crate::metric_point::MetricKind;

/// What a series is of, as its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A series of labels, as Prometheus has them.
    Labels = 1,
    /// A metric that came by OTLP.
    Otlp = 2,
    /// A resource's `target_info`.
    TargetInfo = 3,
}

impl Origin {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::Labels, Self::Otlp, Self::TargetInfo].into_iter().find(|origin| *origin as u8 == number)
    }
}

/// Which part of a metric's point it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// A summary's sum.
    Sum,
    /// A summary's count.
    Count,
    /// A summary's quantile.
    Quantile(f64),
}

/// Which part of a metric's points a series is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PartOfPoint {
    /// All of it, or a part of a summary.
    Part(Part),
    /// A histogram with these bounds, and whether there is a sum.
    Explicit { bounds: Vec<f64>, has_sum: bool },
}

/// What the identity of a series of [`Origin::Otlp`] says. Attributes are as on the wire.
pub(crate) struct OtlpIdentity<'a> {
    pub(crate) resource: Vec<&'a [u8]>,
    pub(crate) resource_schema_url: &'a [u8],
    pub(crate) scope_name: &'a [u8],
    pub(crate) scope_version: &'a [u8],
    pub(crate) scope_schema_url: &'a [u8],
    pub(crate) scope_attributes: Vec<&'a [u8]>,
    pub(crate) kind: MetricKind,
    pub(crate) temporality: Temporality,
    pub(crate) monotonic: bool,
    pub(crate) name: &'a [u8],
    pub(crate) unit: &'a [u8],
    pub(crate) part: PartOfPoint,
    pub(crate) attributes: Vec<&'a [u8]>,
}

/// Begins the identity of a series.
pub(crate) fn begin(out: &mut Vec<u8>, origin: Origin) {
    out.clear();
    out.push(origin as u8);
}

/// Adds bytes.
pub(crate) fn add(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Adds attributes, each as on the wire; they are sorted by it.
pub(crate) fn add_sorted(out: &mut Vec<u8>, entries: &mut [&[u8]]) {
    entries.sort_unstable();
    varint::write(out, entries.len() as u64);
    for entry in entries {
        add(out, entry);
    }
}

/// Adds which part of a point it is.
pub(crate) fn add_part(out: &mut Vec<u8>, part: Part) {
    match part {
        Part::Whole => out.push(0),
        Part::Sum => out.push(1),
        Part::Count => out.push(2),
        Part::Quantile(quantile) => {
            out.push(3);
            out.extend_from_slice(&quantile.to_bits().to_le_bytes());
        }
    }
}

/// Adds that it is a whole histogram with these bounds, and whether there is a sum.
pub(crate) fn add_bounds(out: &mut Vec<u8>, bounds: &[f64], has_sum: bool) {
    out.extend([4, u8::from(has_sum)]);
    varint::write(out, bounds.len() as u64);
    for bound in bounds {
        out.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
}

/// What of a series' samples a series beside it keeps, which has the same times and no labels: no query over labels finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// What a whole number of more than 53 bits is greater than the double that is kept of it.
    Rest = 0xF1,
    /// The least value of a histogram.
    Least = 0xF2,
    /// The greatest.
    Greatest = 0xF3,
}

impl Beside {
    /// The identity of that series.
    pub fn of(self, identity: &[u8]) -> Vec<u8> {
        // Nothing is behind the attributes of a series of its own.
        let mut out = identity.to_vec();
        out.push(self as u8);
        out
    }
}

/// Reads an identity.
pub(crate) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    pub(crate) fn new(identity: &'a [u8]) -> Self {
        Self(identity)
    }

    /// Whether all was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn double(&mut self) -> Option<f64> {
        let (bits, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(f64::from_bits(u64::from_le_bytes(*bits)))
    }

    fn length(&mut self) -> Option<usize> {
        // Nothing has more parts, or is longer, than there are bytes.
        usize::try_from(varint::read(&mut self.0).ok()?).ok().filter(|length| *length <= self.0.len())
    }

    /// What [`add`] added.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(bytes)
    }

    /// What [`add_sorted`] added.
    pub(crate) fn entries(&mut self) -> Option<Vec<&'a [u8]>> {
        (0..self.length()?).map(|_| self.bytes()).collect()
    }

    /// What [`add_part`] or [`add_bounds`] added.
    fn part(&mut self) -> Option<PartOfPoint> {
        Some(match self.byte()? {
            0 => PartOfPoint::Part(Part::Whole),
            1 => PartOfPoint::Part(Part::Sum),
            2 => PartOfPoint::Part(Part::Count),
            3 => PartOfPoint::Part(Part::Quantile(self.double()?)),
            4 => {
                let has_sum = self.byte()? != 0;
                let bounds: Option<Vec<f64>> = (0..self.length()?).map(|_| self.double()).collect();
                PartOfPoint::Explicit { bounds: bounds?, has_sum }
            }
            _ => return None,
        })
    }

    /// What is behind the first byte of a series of [`Origin::Otlp`]; none if it is damaged.
    pub(crate) fn otlp(&mut self) -> Option<OtlpIdentity<'a>> {
        let (resource, resource_schema_url) = (self.entries()?, self.bytes()?);
        let [scope_name, scope_version, scope_schema_url] = [self.bytes()?, self.bytes()?, self.bytes()?];
        let scope_attributes = self.entries()?;
        let kind = MetricKind::from_number(self.byte()?);
        let is_delta = self.byte()? == Temporality::Delta as u8;
        let temporality = if is_delta { Temporality::Delta } else { Temporality::Cumulative };
        let monotonic = self.byte()? != 0;
        let (name, unit) = (self.bytes()?, self.bytes()?);
        let (part, attributes) = (self.part()?, self.entries()?);
        self.is_at_end().then_some(OtlpIdentity {
            resource,
            resource_schema_url,
            scope_name,
            scope_version,
            scope_schema_url,
            scope_attributes,
            kind,
            temporality,
            monotonic,
            name,
            unit,
            part,
            attributes,
        })
    }
}
