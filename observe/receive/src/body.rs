//! From an HTTP body to plain bytes.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, HeaderName, header};
use http_body_util::BodyExt;

use crate::budget::{Budget, Buffer};
use crate::error::Error;

/// Bytes of a body, before and after decompression.
pub const MAX_BODY_BYTES: usize = 64 << 20;
/// The zstd window that a sender may ask for, as a power of two: 8 MiB, what RFC 8878 asks every decoder to have.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;
/// What is decompressed at a time.
const CHUNK_BYTES: usize = 32 << 10;
/// How long a body may take to come: a sender that is slower holds memory that others need.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The most of a header's value that an error repeats, in characters.
const SHOWN_CHARS: usize = 100;

/// How the message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json,
}

/// How the body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    None,
    Gzip,
    Zstd,
}

impl Format {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let value = text(headers, &header::CONTENT_TYPE);
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Ok(Self::Protobuf),
            "application/json" => Ok(Self::Json),
            _ => Err(Error::ContentType { found: value, expected: "application/x-protobuf or application/json" }),
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

impl Encoding {
    /// What the header of this name says; HTTP and gRPC have one each.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Self, Error> {
        let value = text(headers, name);
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Ok(Self::None),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Error::ContentEncoding { found: value }),
        }
    }

    /// The plain bytes of a body whose first `skip` bytes are not part of it.
    pub(crate) fn decompress(self, budget: &Budget, body: Buffer, skip: usize) -> Result<Buffer, Error> {
        let failed = |encoding| move |cause| Error::Decompress { encoding, cause };
        let packed = &body.bytes[skip..];
        match self {
            Self::None => Ok(body.without(skip)),
            Self::Gzip => inflate(budget, flate2::read::MultiGzDecoder::new(packed), failed("gzip")),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed).map_err(failed("zstd"))?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(failed("zstd"))?;
                inflate(budget, decoder, failed("zstd"))
            }
        }
    }
}

fn inflate(budget: &Budget, mut decoder: impl Read, failed: impl Fn(std::io::Error) -> Error) -> Result<Buffer, Error> {
    let mut plain = budget.buffer();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match decoder.read(&mut chunk) {
            Ok(0) => return Ok(plain),
            Ok(length) => plain.extend(&chunk[..length])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Reads a body to its end. What it takes is paid for as it comes, so that a sender that only promises much holds
/// little.
pub(crate) async fn read(budget: &Budget, headers: &HeaderMap, body: Body) -> Result<Buffer, Error> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(Error::TooLarge);
    }
    tokio::time::timeout(READ_TIMEOUT, gather(budget, body)).await.map_err(|_| Error::Slow(READ_TIMEOUT))?
}

async fn gather(budget: &Budget, mut body: Body) -> Result<Buffer, Error> {
    let mut buffer = budget.buffer();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(Error::Read)?.into_data() {
            buffer.extend(&data)?;
        }
    }
    Ok(buffer)
}

/// A header's value, for matching and for errors.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
    value.chars().take(SHOWN_CHARS).collect()
}
