//! From an HTTP body to a decoded message.

use std::io::Read;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use prost::Message;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Bytes of a body, before and after decompression.
pub const MAX_BODY_BYTES: usize = 64 << 20;
/// The zstd window that a sender may ask for, as a power of two: 8 MiB, what RFC 8878 asks every decoder to have.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

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
        let value = text(headers, header::CONTENT_TYPE);
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Ok(Self::Protobuf),
            "application/json" => Ok(Self::Json),
            _ => Err(Error::ContentType { found: value }),
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
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let value = text(headers, header::CONTENT_ENCODING);
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Ok(Self::None),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Error::ContentEncoding { found: value }),
        }
    }

    pub(crate) fn decompress(self, body: Bytes) -> Result<Bytes, Error> {
        match self {
            Self::None => Ok(body),
            Self::Gzip => bounded(flate2::read::MultiGzDecoder::new(body.as_ref()), "gzip"),
            Self::Zstd => {
                let failed = |cause| Error::Decompress { encoding: "zstd", cause };
                let mut decoder = zstd::Decoder::with_buffer(body.as_ref()).map_err(failed)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(failed)?;
                bounded(decoder, "zstd")
            }
        }
    }
}

/// Decodes a whole message.
pub(crate) fn decode<M: Message + Default + DeserializeOwned>(
    format: Format,
    body: Bytes,
    message: &'static str,
) -> Result<M, Error> {
    match format {
        Format::Protobuf => {
            M::decode(body).map_err(|cause| Error::Decode { message, format: "protobuf", cause: cause.to_string() })
        }
        Format::Json => serde_json::from_slice(&body).map_err(|cause| Error::Decode {
            message,
            format: "JSON",
            cause: cause.to_string(),
        }),
    }
}

fn bounded(decoder: impl Read, encoding: &'static str) -> Result<Bytes, Error> {
    let mut body = Vec::new();
    decoder
        .take(MAX_BODY_BYTES as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|cause| Error::Decompress { encoding, cause })?;
    if body.len() > MAX_BODY_BYTES { Err(Error::TooLarge) } else { Ok(body.into()) }
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}
