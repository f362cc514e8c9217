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
