//! Responses compressed for who takes them so: with zstd, else gzip, as dashboards ask for much of the same again and again.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Shorter responses are sent as they are.
const MIN_BYTES: u64 = 1024;
/// Bytes up to which a response is compressed where it comes up; handing it to another thread would cost more.
const INLINE_BYTES: usize = 64 << 10;
/// How hard: the answer is waited for.
const ZSTD_LEVEL: i32 = 1;
/// Most codings that a request may name; the rest is not looked at.
const MAX_CODINGS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    Zstd,
    Gzip,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    fn compress(self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Zstd => zstd::encode_all(plain, ZSTD_LEVEL),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain)?;
                encoder.finish()
            }
        }
    }
}

/// The answer, compressed if its length is known and worth it. A stream, and what is compressed already, stays as it is.
pub(super) async fn compressed(coding: Option<Coding>, response: Response) -> Response {
    let Some(coding) = coding else { return response };
    let is_whole = response.body().size_hint().exact().is_some_and(|length| length >= MIN_BYTES);
    if !is_whole || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It is in memory already, and its length is known.
    let Ok(plain) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let packed = if plain.len() <= INLINE_BYTES {
        coding.compress(&plain).ok()
    } else {
        let plain = plain.clone();
        tokio::task::spawn_blocking(move || coding.compress(&plain).ok()).await.ok().flatten()
    };
    let Some(packed) = packed else { return Response::from_parts(parts, Body::from(plain)) };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    Response::from_parts(parts, Body::from(packed))
}

/// The best coding that is accepted.
pub(super) fn accepted(asked: &HeaderMap) -> Option<Coding> {
    let texts = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> = texts.flat_map(|text| text.split(',')).take(MAX_CODINGS).filter_map(wanted).collect();
    [Coding::Zstd, Coding::Gzip].into_iter().find(|coding| named.iter().any(|name| name == coding.name()))
}

/// The name of a coding, unless its weight is zero.
fn wanted(coding: &str) -> Option<String> {
    let mut parts = coding.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |weight| weight.trim().parse().ok());
    (weight.unwrap_or(0.0) > 0.0_f64).then_some(name)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{Coding, accepted};

    #[test]
    fn what_is_not_accepted_is_not_sent() {
        for (asked, wanted) in [
            ("", None),
            ("identity", None),
            ("gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("GZIP;q=0.5, zstd;q=0", Some(Coding::Gzip)),
            ("gzip;q=x", None),
            ("*", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(asked))]);
            assert_eq!(accepted(&headers), wanted, "{asked}");
        }
    }
}
