//! Trace and span ids.

use std::fmt;

/// A trace id that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed id {text:?}: expected 1 to {digits} hexadecimal digits, not all zero")]
pub struct IdError {
    text: String,
    digits: usize,
}

/// A trace's id: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// A span's id: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// Reads 16 bytes; `None` when there are not 16 or when all are zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        not_zero(bytes).map(Self)
    }

    /// Reads hexadecimal digits. Fewer than 32 are padded on the left, as Jaeger does for 64 bit ids.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse_hex(text).map(Self)
    }
}

impl SpanId {
    /// Reads 8 bytes; `None` when there are not 8 or when all are zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        not_zero(bytes).map(Self)
    }

    /// Reads hexadecimal digits. Fewer than 16 are padded on the left.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse_hex(text).map(Self)
    }
}

fn not_zero<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let bytes: [u8; N] = bytes.try_into().ok()?;
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let error = || IdError { text: text.chars().take(64).collect(), digits: N * 2 };
    if text.is_empty() || text.len() > N * 2 {
        return Err(error());
    }
    let mut bytes = [0u8; N];
    hex::decode_to_slice(format!("{text:0>digits$}", digits = N * 2), &mut bytes).map_err(|_| error())?;
    not_zero(&bytes).ok_or_else(error)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&hex::encode(bytes))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}
