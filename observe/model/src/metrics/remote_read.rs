//! Prometheus's remote read: `prometheus.ReadRequest`, answered with samples (`SAMPLES`) or with a stream of chunks
//! (`STREAMED_XOR_CHUNKS`).
//!
//! The source is `prompb/remote.proto` and `prompb/types.proto` of prometheus/prometheus.

mod chunks;
mod frames;

use vitrine_observe_series::{Labels, MatchOp, Matcher, Value};

use super::remote_write::encode::{bytes, fixed, histogram, number};
use super::remote_write::{RemoteWriteError, WriteCompression, body};
use crate::wire::{Fault, Reader, fields, length, varint};

const REQUEST: u64 = fields(&[1, 2]);
/// Hints, which have number 4, are passed over: all samples of the time are sent.
const QUERY: u64 = fields(&[1, 2, 3]);
const MATCHER: u64 = fields(&[1, 2, 3]);

/// Most forms of an answer that a request may name.
const MAX_TYPES: usize = 16;

/// Most queries of one request.
const MAX_QUERIES: usize = 100;

pub use frames::read_frames;

/// How a request is answered: `ReadRequest.ResponseType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadResponseType {
    /// One message with all samples.
    #[default]
    Samples,
    /// Frames with chunks of samples.
    StreamedChunks,
}

impl ReadResponseType {
    fn of(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Samples),
            1 => Some(Self::StreamedChunks),
            _ => None,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRequest {
    /// Series, query by query.
    pub queries: Vec<ReadQuery>,
    /// The first form of an answer, of those that who asks accepts, that there is.
    pub response: ReadResponseType,
}

/// Series that are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadQuery {
    /// Samples at or after this, in milliseconds since 1970.
    pub start_ms: i64,
    /// Samples at or before this.
    pub end_ms: i64,
    /// Conditions on labels.
    pub matchers: Vec<Matcher>,
}

/// Why a request cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteReadError {
    /// Its compression is damaged, or it is too large.
    #[error(transparent)]
    Body(#[from] RemoteWriteError),
    /// It is no `prometheus.ReadRequest`.
    #[error("{0}; expected a prometheus.ReadRequest in protobuf")]
    Malformed(String),
    /// It can be read, but not be answered.
    #[error("{0}")]
    Question(String),
}

impl From<Fault> for RemoteReadError {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault.problem().to_owned())
    }
}

/// A request that is compressed by snappy's block format.
pub fn decode_remote_read(request: &[u8]) -> Result<ReadRequest, RemoteReadError> {
    const QUERIES: u32 = length(1);
    const TYPES: u32 = length(2);
    const TYPE: u32 = varint(2);
    let message = body::decompress(WriteCompression::Snappy, request)?;
    let (mut queries, mut types) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(&message);
    while let Some(key) = reader.key()? {
        match key {
            QUERIES if queries.len() == MAX_QUERIES => {
                return Err(RemoteReadError::Question(format!("expected at most {MAX_QUERIES} queries")));
            }
            QUERIES => queries.push(query(reader.bytes()?)?),
            TYPE => push_type(&mut types, reader.varint()?)?,
            TYPES => {
                let mut packed = Reader::new(reader.bytes()?);
                while !packed.rest().is_empty() {
                    push_type(&mut types, packed.varint()?)?;
                }
            }
            _ => reader.skip(key, REQUEST)?,
        }
    }
    let response = match types.iter().copied().find_map(ReadResponseType::of) {
        Some(response) => response,
        None if types.is_empty() => ReadResponseType::default(),
        None => {
            let expected = "expected SAMPLES or STREAMED_XOR_CHUNKS among them";
            let why = format!("server does not support any of the requested response types: {types:?}; {expected}");
            return Err(RemoteReadError::Question(why));
        }
    };
    Ok(ReadRequest { queries, response })
}

fn push_type(types: &mut Vec<u64>, number: u64) -> Result<(), RemoteReadError> {
    if types.len() == MAX_TYPES {
        return Err(RemoteReadError::Question(format!("expected at most {MAX_TYPES} response types")));
    }
    types.push(number);
    Ok(())
}

fn query(message: &[u8]) -> Result<ReadQuery, RemoteReadError> {
    const START: u32 = varint(1);
    const END: u32 = varint(2);
    const MATCHERS: u32 = length(3);
    let mut query = ReadQuery { start_ms: 0, end_ms: 0, matchers: Vec::new() };
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            START => query.start_ms = reader.varint()? as i64,
            END => query.end_ms = reader.varint()? as i64,
            MATCHERS => query.matchers.push(matcher(reader.bytes()?)?),
            _ => reader.skip(key, QUERY)?,
        }
    }
    Ok(query)
}

fn matcher(message: &[u8]) -> Result<Matcher, RemoteReadError> {
    const KIND: u32 = varint(1);
    const NAME: u32 = length(2);
    const VALUE: u32 = length(3);
    let (mut op, mut name, mut value) = (MatchOp::Equal, "", "");
    let text =
        |bytes| std::str::from_utf8(bytes).map_err(|_| RemoteReadError::Question("a matcher is not UTF-8".to_owned()));
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            KIND => {
                op = match reader.varint()? {
                    0 => MatchOp::Equal,
                    1 => MatchOp::NotEqual,
                    2 => MatchOp::Regex,
                    3 => MatchOp::NotRegex,
                    other => return Err(RemoteReadError::Question(format!("invalid matcher type {other}"))),
                }
            }
            NAME => name = text(reader.bytes()?)?,
            VALUE => value = text(reader.bytes()?)?,
            _ => reader.skip(key, MATCHER)?,
        }
    }
    Matcher::new(name, op, value).map_err(|error| RemoteReadError::Question(error.to_string()))
}

fn labels(out: &mut Vec<u8>, labels: &Labels) {
    for label in labels.iter() {
        let mut pair = Vec::new();
        bytes(&mut pair, 1, label.name.as_bytes());
        bytes(&mut pair, 2, label.value.as_bytes());
        bytes(out, 1, &pair);
    }
}

/// A `ReadResponse` in the making: a result for each query, in their order.
#[derive(Debug, Default)]
pub struct ReadResponse {
    results: Vec<u8>,
    result: Vec<u8>,
}

impl ReadResponse {
    /// Adds a series with its samples, times in milliseconds since 1970, to the result that is being written.
    pub fn series(&mut self, labels: &Labels, samples: impl Iterator<Item = (i64, Value)>) {
        let mut message = Vec::new();
        self::labels(&mut message, labels);
        for (time_ms, value) in samples {
            let mut sample = Vec::new();
            match value {
                Value::Float(bits) => {
                    fixed(&mut sample, 1, bits);
                    number(&mut sample, 2, time_ms as u64);
                    bytes(&mut message, 2, &sample);
                }
                Value::Histogram(value) => {
                    histogram(&mut sample, &value);
                    number(&mut sample, 15, time_ms as u64);
                    bytes(&mut message, 4, &sample);
                }
            }
        }
        bytes(&mut self.result, 1, &message);
    }

    /// Ends the result of a query.
    pub fn end_result(&mut self) {
        let result = std::mem::take(&mut self.result);
        bytes(&mut self.results, 1, &result);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.results.len() + self.result.len()
    }

    /// Whether there is nothing yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole, compressed by snappy's block format. An error if it is larger than that can hold.
    pub fn compressed(self) -> Result<Vec<u8>, String> {
        snap::raw::Encoder::new().compress_vec(&self.results).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{ReadResponse, ReadResponseType, decode_remote_read};
    use crate::metrics::remote_write::encode::{bytes, number};
    use vitrine_observe_series::{Labels, MatchOp, Value};

    fn request(kind: u64, value: &str, accepted: &[u64]) -> Vec<u8> {
        let (mut matcher, mut query, mut request) = (Vec::new(), Vec::new(), Vec::new());
        number(&mut matcher, 1, kind);
        bytes(&mut matcher, 2, b"job");
        bytes(&mut matcher, 3, value.as_bytes());
        number(&mut query, 1, 1_000);
        number(&mut query, 2, 2_000);
        bytes(&mut query, 3, &matcher);
        // Hints, which every Prometheus sends.
        bytes(&mut query, 4, &[8, 1]);
        bytes(&mut request, 1, &query);
        let types: Vec<u8> = accepted.iter().map(|kind| *kind as u8).collect();
        bytes(&mut request, 2, &types);
        snap::raw::Encoder::new().compress_vec(&request).unwrap()
    }

    #[test]
    fn requests_are_read() {
        for (accepted, wanted) in [
            (&[][..], ReadResponseType::Samples),
            (&[0, 1], ReadResponseType::Samples),
            (&[9, 1, 0], ReadResponseType::StreamedChunks),
        ] {
            assert_eq!(decode_remote_read(&request(0, "a", accepted)).unwrap().response, wanted);
        }
        let queries = decode_remote_read(&request(2, "a|b", &[1, 0])).unwrap().queries;
        assert_eq!((queries.len(), queries[0].start_ms, queries[0].end_ms), (1, 1_000, 2_000));
        let matcher = &queries[0].matchers[0];
        assert_eq!((matcher.name.as_str(), matcher.op, matcher.value.as_str()), ("job", MatchOp::Regex, "a|b"));
    }

    #[test]
    fn what_is_none_is_refused() {
        for (request, why) in [
            (request(2, "(", &[]), "error parsing regexp: missing closing ): `(`"),
            (request(4, "a", &[]), "invalid matcher type 4"),
            (
                request(0, "a", &[7]),
                "server does not support any of the requested response types: [7]; expected SAMPLES or STREAMED_XOR_CHUNKS among them",
            ),
            (request(0, "a", &[1; 17]), "expected at most 16 response types"),
        ] {
            assert_eq!(decode_remote_read(&request).unwrap_err().to_string(), why);
        }
        for bent in [&b""[..], b"\xff\xff\xff\xff\x7f", b"\x02\x04\x0a\x7f"] {
            assert!(decode_remote_read(bent).is_err());
        }
    }

    #[test]
    fn responses_are_written() {
        let mut response = ReadResponse::default();
        response.series(&Labels::of([("a", "b")]), [(5, Value::Float(1.0_f64.to_bits()))].into_iter());
        response.end_result();
        let bytes = snap::raw::Decoder::new().decompress_vec(&response.compressed().unwrap()).unwrap();
        let wanted = b"\x0a\x17\x0a\x15\x0a\x06\x0a\x01a\x12\x01b\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x05";
        assert_eq!(bytes, wanted);
    }
}
