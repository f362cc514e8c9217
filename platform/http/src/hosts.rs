//! Under which names a listener is reached.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::Request;
use axum::http::header;

use crate::host::is_host;
use crate::pattern::{ANY, Pattern};
use crate::refusal::Refusal;

/// This machine, by name. What is below it never leaves the machine either (RFC 6761, section 6.3).
const LOOPBACK_NAME: &str = "localhost";
/// What is expected of a name in the settings.
const EXPECTED: &str =
    "expected a name without a port, such as observe.example, with one * for any names (*.example.com), or * alone";

/// Names under which a listener may be asked. This machine's own always may: `localhost`, and loopback addresses. So may the address
/// that is listened at; where that is one for others, every address may, for an address in a Host header is what the client connected
/// to, and no site can make it mean another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    listen: IpAddr,
    names: Vec<Pattern>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self { listen: Ipv4Addr::LOCALHOST.into(), names: Vec::new() }
    }
}

impl Hosts {
    /// Of a loopback listener: this machine's own, and these names; `*` alone stands for all. The error names the one that is wrong, and
    /// what was expected.
    pub fn parse(names: &[String]) -> Result<Self, String> {
        let pattern = |text: &String| {
            let lower = text.to_ascii_lowercase();
            let has_port = lower.contains(':') && !lower.ends_with(']');
            if has_port || !is_host(lower.as_bytes()) || lower.matches(ANY).count() > 1 {
                return Err(format!("{text:?}: {EXPECTED}"));
            }
            Ok(Pattern::of(&lower))
        };
        Ok(Self { names: names.iter().map(pattern).collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// The same for a listener at this address.
    pub fn of(&self, listen: IpAddr) -> Self {
        Self { listen, ..self.clone() }
    }

    /// Why a request is refused that is for another site.
    pub(crate) fn refusal(&self, request: &Request) -> Option<Refusal> {
        authorities(request).find(|authority| !self.have(authority)).map(Refusal::of_another_host)
    }

    fn have(&self, authority: &str) -> bool {
        let host = name(authority).to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = address.map(|address| address.to_canonical()) {
            let own = address.is_loopback() || address == self.listen.to_canonical() || !self.listen.is_loopback();
            return own || self.names.iter().any(|pattern| pattern.is(&host));
        }
        let host = host.strip_suffix('.').unwrap_or(&host);
        let below =
            |name: &str| name.strip_suffix(LOOPBACK_NAME).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        below(host) || self.names.iter().any(|pattern| pattern.is(host))
    }
}

/// The host of `host[:port]`; of an IPv6 address with its brackets.
fn name(authority: &str) -> &str {
    let end = authority.rfind(']').map_or(0, |end| end + 1);
    authority[end..].find(':').map_or(authority, |colon| &authority[..end + colon])
}

/// What a request says which site it is for: in its Host header, in its target, or in both. A request of HTTP/1.0 may say nothing.
pub(crate) fn authorities(request: &Request) -> impl Iterator<Item = &str> {
    let host = request.headers().get(header::HOST);
    // One that is no text is no one's name.
    let host = host.map(|host| host.to_str().unwrap_or_default());
    host.into_iter().chain(request.uri().authority().map(|authority| authority.as_str()))
}

#[cfg(test)]
mod tests {
    use super::Hosts;

    fn hosts(listen: &str, names: &[&str]) -> Result<Hosts, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(Hosts::parse(&names)?.of(listen.parse().expect("an address")))
    }

    #[test]
    fn own_names_and_addresses_are_told_from_others() {
        let names = &["observe.example", "*.Corp.example"][..];
        for (listen, names, host, own) in [
            ("127.0.0.1", &[][..], "localhost", true),
            ("127.0.0.1", &[], "LocalHost:9000", true),
            ("127.0.0.1", &[], "localhost.:9000", true),
            ("127.0.0.1", &[], "observe.localhost", true),
            ("127.0.0.1", &[], "127.0.0.1:1", true),
            ("127.0.0.1", &[], "127.9.9.9", true),
            ("127.0.0.1", &[], "[::1]:9000", true),
            ("127.0.0.1", &[], "[::ffff:127.0.0.1]", true),
            ("127.0.0.1", &[], "10.0.0.7:9000", false),
            ("127.0.0.1", &[], "0.0.0.0", false),
            ("127.0.0.1", &[], "evil.example", false),
            ("127.0.0.1", &[], "evillocalhost", false),
            ("127.0.0.1", &[], "localhost.evil.example", false),
            ("127.0.0.1", &[], "127.0.0.1.evil.example", false),
            ("127.0.0.1", &[], "127.1", false),
            ("127.0.0.1", &[], "", false),
            ("127.0.0.1", names, "Observe.Example.:80", true),
            ("127.0.0.1", names, "a.b.corp.example", true),
            ("127.0.0.1", names, "corp.example", false),
            ("127.0.0.1", names, "xobserve.example", false),
            ("127.0.0.1", &["10.0.0.7"], "10.0.0.7:9000", true),
            ("127.0.0.1", &["*"], "evil.example", true),
            ("10.0.0.7", &[], "10.0.0.7", true),
            ("0.0.0.0", &[], "192.168.1.2:9000", true),
            ("::", &[], "[fe80::1]", true),
            ("0.0.0.0", &[], "evil.example", false),
        ] {
            assert_eq!(hosts(listen, names).expect("sound").have(host), own, "{listen} {names:?}: {host}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in ["", "a b", "http://a", "a:80", "a/b", "*.*.a", "[::1]:9", "user@a"] {
            let told = hosts("127.0.0.1", &["sound.example", wrong]).expect_err(wrong);
            assert!(told.contains(&format!("{wrong:?}: expected a name")), "{told}");
        }
    }
}
