//! Origins whose pages may use a promoter's key.

use vitrine_contracts::Problem;
use vitrine_contracts::limits::{MAX_KEY_ORIGINS, MAX_ORIGIN};

const EXPECTED: &str = "a scheme, a host, and a port where it is not the usual one, such as https://magazine.example: https, or http on \
     localhost or 127.0.0.1; no path and no star";
/// Hosts that are this machine itself.
const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];
/// The longest part of a host's name (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// Returns origins in the one form in which browsers send them (RFC 6454, section 6.2), each once.
pub fn origins(typed: &[String]) -> Result<Vec<String>, Problem> {
    let wrong = |message: &str| {
        let expected = format!("1 to {MAX_KEY_ORIGINS} origins, each {EXPECTED}");
        Problem::invalid("origins", &expected, message)
    };
    if typed.is_empty() {
        return Err(wrong("no origin is named, so no page could use the key"));
    }
    if typed.len() > MAX_KEY_ORIGINS {
        return Err(wrong("there are too many origins"));
    }
    let mut read = Vec::with_capacity(typed.len());
    for (at, text) in typed.iter().enumerate() {
        let origin = origin(text).map_err(|message| Problem::invalid(&format!("origins[{at}]"), EXPECTED, message))?;
        if !read.contains(&origin) {
            read.push(origin);
        }
    }
    Ok(read)
}

/// One origin; the error says what is wrong with it.
fn origin(typed: &str) -> Result<String, &'static str> {
    if typed.len() > MAX_ORIGIN {
        return Err("the origin is too long");
    }
    let lower = typed.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://").ok_or("the origin has no scheme")?;
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err("the scheme is neither https nor http"),
    };
    if authority.contains(['/', '?', '#']) {
        return Err("an origin has no path: it ends after the host, or its port");
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, read_port(port)?),
        None => (authority, usual),
    };
    if !is_host(host) {
        return Err("the host is no name: expected letters, digits, dashes and dots, and xn-- for other writing");
    }
    if scheme == "http" && !LOOPBACK.contains(&host) {
        return Err("pages that come by http can be changed on their way: from other machines only https is taken");
    }
    Ok(if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
}

fn read_port(text: &str) -> Result<u16, &'static str> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain).ok_or("the port is no number that a port can have")
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::{MAX_KEY_ORIGINS, origins};

    #[test]
    fn origins_are_exact_and_safe() {
        for (typed, read) in [
            ("https://magazine.example", Some("https://magazine.example")),
            ("HTTPS://Magazine.Example:443", Some("https://magazine.example")),
            ("https://shop.magazine.example:8443", Some("https://shop.magazine.example:8443")),
            ("https://xn--glser-gra.example", Some("https://xn--glser-gra.example")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://127.0.0.1:80", Some("http://127.0.0.1")),
            ("http://magazine.example", None),
            ("http://localhost.evil.example", None),
            ("https://*.example", None),
            ("*", None),
            ("https://magazine.example/", None),
            (" https://magazine.example", None),
            ("https://magazine.example:8443/page", None),
            ("https://a.example;script-src", None),
            ("https://a.example b.example", None),
            ("https://user@a.example", None),
            ("https://a..example", None),
            ("https://-a.example", None),
            ("https://a.example:0", None),
            ("https://a.example:65536", None),
            ("https://a.example:+1", None),
            ("https://", None),
            ("https://gläser.example", None),
            ("ftp://a.example", None),
            ("null", None),
            ("", None),
        ] {
            let found = origins(&[typed.to_owned()]);
            assert_eq!(found.as_ref().ok().map(|all| all[0].as_str()), read, "{typed}");
            if let Err(problem) = found {
                assert_eq!(problem.field.as_deref(), Some("origins[0]"), "{typed}");
            }
        }
    }

    #[test]
    fn origins_are_some_and_bounded_and_each_stands_once() {
        let named = |count: usize| (0..count).map(|n| format!("https://a{n}.example")).collect::<Vec<_>>();
        assert_eq!(origins(&named(MAX_KEY_ORIGINS)).map(|all| all.len()).ok(), Some(MAX_KEY_ORIGINS));
        for wrong in [0, MAX_KEY_ORIGINS + 1] {
            assert_eq!(origins(&named(wrong)).expect_err("refused").field.as_deref(), Some("origins"));
        }
        let twice = ["https://a.example".to_owned(), "https://A.example:443".to_owned()];
        assert_eq!(origins(&twice).ok(), Some(vec!["https://a.example".to_owned()]));
    }
}
