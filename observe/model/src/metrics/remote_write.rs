//! Prometheus's remote write, versions 1.0 and 2.0.
//!
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/> and <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>. What
//! can be taken of a request is taken, and what cannot is counted with its reason.

pub(crate) mod body;
pub(crate) mod encode;
mod histogram;
mod replica;
mod series;
mod v1;
mod v2;

use bytes::Bytes;
use vitrine_observe_series::Batch;

pub use body::MAX_DECODED_BYTES;
pub use encode::{SeriesWrite, encode_remote_write};
pub use replica::ReplicaWrite;

use super::taking::{Taking, Written};
use crate::wire::Malformed;

/// Which message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteVersion {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

impl WriteVersion {
    /// The message's name.
    pub fn message(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }
}

/// How it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteCompression {
    /// Not at all.
    None,
    /// By snappy's block format.
    Snappy,
    /// By zstd, as VictoriaMetrics's agent does.
    Zstd,
}

/// A remote write request as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteWrite {
    /// Which message it is.
    pub version: WriteVersion,
    /// How it is compressed.
    pub compression: WriteCompression,
    /// Its bytes.
    pub body: Bytes,
}

impl RemoteWrite {
    /// Samples of a producer in this process.
    pub fn of(series: &[SeriesWrite]) -> Self {
        let body = encode_remote_write(series).into();
        Self { version: WriteVersion::V2, compression: WriteCompression::None, body }
    }

    /// How many bytes its message has, as far as it says so itself: zstd need not, and may have as many as there may be.
    pub fn message_bytes(&self) -> usize {
        match self.compression {
            WriteCompression::None => self.body.len(),
            WriteCompression::Snappy => snap::raw::decompress_len(&self.body).unwrap_or(0),
            WriteCompression::Zstd => MAX_DECODED_BYTES,
        }
    }
}

/// Why nothing of a request can be taken. Sending it again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteWriteError {
    /// It says that it is larger than it may be, or is.
    #[error("{bytes} bytes when decompressed: expected at most {MAX_DECODED_BYTES}")]
    TooLarge {
        /// How large; at least so much.
        bytes: u64,
    },
    /// Its compression is damaged.
    #[error("not valid {what}: {cause}")]
    Compression {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// It is not the message that it should be.
    #[error("byte {offset} of the decompressed request: {problem}; expected a {message} in protobuf")]
    Malformed {
        /// How far into the message.
        offset: usize,
        /// What was found.
        problem: &'static str,
        /// The message.
        message: &'static str,
    },
}

/// Decodes a remote write request into a batch.
///
/// # Errors
///
/// Why nothing of it can be taken. What the batch got of it is of no use then.
pub fn decode_remote_write(
    request: &RemoteWrite,
    taking: &mut Taking<'_>,
    batch: &mut Batch,
) -> Result<Written, RemoteWriteError> {
    let message = body::decompress(request.compression, &request.body)?;
    let mut decoder = series::Decoder::new(taking, batch);
    let outcome = match request.version {
        WriteVersion::V1 => decoder.v1(&message),
        WriteVersion::V2 => decoder.v2(&message),
    };
    outcome.map_err(|fault| {
        let Malformed { offset, problem } = fault.within(&message);
        RemoteWriteError::Malformed { offset, problem, message: request.version.message() }
    })?;
    Ok(decoder.written)
}
