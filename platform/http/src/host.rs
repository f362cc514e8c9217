//! The Host header, which names the site that a request is for.

use std::net::Ipv6Addr;

use axum::http::request::Parts;
use axum::http::{StatusCode, Version, header};

use crate::problem::Reply;

/// What is expected of a request's Host.
const EXPECTED: &str = "one Host header with a host and, if it is not the scheme's own, a port";

/// Refuses a request without the one sound Host that HTTP/1.1 demands (RFC 9112, section 3.2). Older versions need none, and HTTP/2 says it
/// in `:authority`; where they have the header, it must be sound as well.
pub(crate) fn check(head: &Parts) -> Result<(), Reply> {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let message = match (hosts.next(), hosts.next()) {
        (None, _) if head.version != Version::HTTP_11 => return Ok(()),
        (None, _) => "the request says no Host",
        (Some(_), Some(_)) => "the request says more than one Host",
        (Some(host), None) if is_host(host.as_bytes()) => return Ok(()),
        (Some(_), None) => "the Host is malformed",
    };
    Err(Reply::new(StatusCode::BAD_REQUEST, "INVALID_HOST", message).at("Host", EXPECTED))
}

/// `uri-host [ ":" port ]`, RFC 3986, section 3.2.2.
pub(crate) fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (is_sound, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((literal, port)) = rest.split_once(']') else { return false };
        (literal.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.find(':').map_or((text, ""), |at| text.split_at(at));
        (is_name(name), port)
    };
    let is_port = |number: &str| number.bytes().all(|b| b.is_ascii_digit()) && number.parse::<u16>().is_ok();
    is_sound && (port.is_empty() || port.strip_prefix(':').is_some_and(|number| number.is_empty() || is_port(number)))
}

/// A registered name or an IPv4 address: never empty, where the scheme is http.
fn is_name(host: &str) -> bool {
    let mut bytes = host.bytes();
    while let Some(byte) = bytes.next() {
        let sound = match byte {
            b'%' => [bytes.next(), bytes.next()].iter().all(|b| b.is_some_and(|b| b.is_ascii_hexdigit())),
            b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !sound {
            return false;
        }
    }
    !host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn hosts_are_names_or_addresses_with_a_port() {
        for sound in [
            "x",
            "shop.example",
            "shop.example:8080",
            "shop.example:",
            "127.0.0.1:0",
            "[::1]",
            "[::1]:9000",
            "a_b",
            "%41",
        ] {
            assert!(is_host(sound.as_bytes()), "{sound}");
        }
        for bent in [
            "", " ", ":80", "a b", "a/b", "a?b", "a#b", "user@a", "a:b", "a:80:80", "a:65536", "a:+80", "[::1",
            "[::1]x", "[x]", "::1", "%4", "%zz", "é", "a\\b", "http://a",
        ] {
            assert!(!is_host(bent.as_bytes()), "{bent}");
        }
        assert!(!is_host(b"\xff"));
    }
}
