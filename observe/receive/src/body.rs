//! From an HTTP body to plain bytes.

use std::io::Read;

use axum::body::Body;
use http::{HeaderMap, HeaderName, header};
use http_body_util::BodyExt;

use crate::budget::{Budget, Buffer};
use crate::error::{Error, GZIP_AND_OTHERS};

/// Bytes of a body, before and after decompression.
pub const MAX_BODY_BYTES: usize = 64 << 20;
/// The zstd window that a sender may ask for, as a power of two: 8 MiB, what RFC 8878 asks every decoder to have.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;
/// What is decompressed at a time.
const CHUNK_BYTES: usize = 32 << 10;
/// The most encodings of one body, each around the one before.
const MAX_ENCODINGS: usize = 3;
/// The most of a header's value that an error repeats, in characters.
const SHOWN_CHARS: usize = 100;

/// How the message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json,
}

/// One way in which a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Deflate,
    Gzip,
    Zstd,
}

/// How a body is compressed: by each of these, in this order; by none, it is plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encodings(Vec<Encoding>);

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
    fn decompress(self, budget: &Budget, packed: &[u8]) -> Result<Buffer, Error> {
        let failed = |encoding| move |cause| Error::Decompress { encoding, cause };
        match self {
            // What HTTP calls deflate has zlib's header (RFC 9110, 8.4.1.2); some clients leave it out.
            Self::Deflate if has_zlib_header(packed) => {
                inflate(budget, flate2::read::ZlibDecoder::new(packed), failed("deflate"))
            }
            Self::Deflate => inflate(budget, flate2::read::DeflateDecoder::new(packed), failed("deflate")),
            Self::Gzip => inflate(budget, flate2::read::MultiGzDecoder::new(packed), failed("gzip")),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed).map_err(failed("zstd"))?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(failed("zstd"))?;
                inflate(budget, decoder, failed("zstd"))
            }
        }
    }
}

/// Decompresses what begins as gzip or zstd does, of which several members or frames may follow each other; none if it begins otherwise.
pub(crate) fn unpacked(budget: &Budget, bytes: &[u8]) -> Result<Option<Buffer>, Error> {
    let encoding = match bytes {
        [0x1f, 0x8b, ..] => Encoding::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Encoding::Zstd,
        _ => return Ok(None),
    };
    encoding.decompress(budget, bytes).map(Some)
}

/// RFC 1950, section 2.2: the method is deflate, and the two bytes are a multiple of 31.
fn has_zlib_header(packed: &[u8]) -> bool {
    matches!(packed, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

impl Encodings {
    /// What the headers of this name say; HTTP and gRPC have one each.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Self, Error> {
        let lines = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let found = lines.collect::<Vec<_>>().join(", ");
        let unknown = || Error::ContentEncoding { name: name.clone(), found: shown(&found), expected: GZIP_AND_OTHERS };
        let mut all = Vec::new();
        for encoding in found.split(',').map(|encoding| encoding.trim().to_ascii_lowercase()) {
            all.push(match encoding.as_str() {
                "" | "identity" | "none" => continue,
                // The Collector's name for it is zlib.
                "deflate" | "zlib" => Encoding::Deflate,
                "gzip" | "x-gzip" => Encoding::Gzip,
                "zstd" => Encoding::Zstd,
                _ => return Err(unknown()),
            });
        }
        if all.len() > MAX_ENCODINGS { Err(unknown()) } else { Ok(Self(all)) }
    }

    /// Of a body that is plain.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there are none.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The plain bytes of a body whose first `skip` bytes are not part of it.
    pub(crate) fn decompress(&self, budget: &Budget, body: Buffer, skip: usize) -> Result<Buffer, Error> {
        let mut outermost_first = self.0.iter().rev();
        let Some(outermost) = outermost_first.next() else { return Ok(body.without(skip)) };
        let mut plain = outermost.decompress(budget, &body.bytes[skip..])?;
        drop(body);
        for encoding in outermost_first {
            plain = encoding.decompress(budget, &plain.bytes)?;
        }
        Ok(plain)
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
/// little. How long it may take to come is the listener's business.
pub(crate) async fn read(budget: &Budget, headers: &HeaderMap, mut body: Body) -> Result<Buffer, Error> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(Error::TooLarge);
    }
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
    shown(&value)
}

/// As much of what was sent as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}
