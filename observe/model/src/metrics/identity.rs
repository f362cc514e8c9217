//! The bytes that identify a series: what was sent of it, and nothing that settings decide.
//!
//! Attributes stand in the order of their bytes, so that the order in which a sender writes them does not matter. Everything has its
//! length in front, so that no two series have the same bytes. They are kept on disk: what is here must not change.

use vitrine_kit::varint;

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

    pub(crate) fn double(&mut self) -> Option<f64> {
        let (bits, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(f64::from_bits(u64::from_le_bytes(*bits)))
    }

    fn length(&mut self) -> Option<usize> {
        // Nothing has more parts, or is longer, than there are bytes.
        usize::try_from(varint::read(&mut self.0).ok()?).ok().filter(|length| *length <= self.0.len())
    }

    /// What [`add`] added.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// What [`add_sorted`] added.
    pub(crate) fn entries(&mut self) -> Option<Vec<&'a [u8]>> {
        (0..self.length()?).map(|_| self.bytes()).collect()
    }

    /// What [`add_bounds`] added behind its first byte: whether there is a sum, and the bounds.
    pub(crate) fn bounds(&mut self) -> Option<(bool, Vec<f64>)> {
        let has_sum = self.byte()? != 0;
        Some((has_sum, (0..self.length()?).map(|_| self.double()).collect::<Option<_>>()?))
    }
}
