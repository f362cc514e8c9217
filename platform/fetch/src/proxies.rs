//! Which way requests go: through an HTTP proxy, or not.
//!
//! Source: Go's `golang.org/x/net/http/httpproxy`, which Prometheus uses.

use std::env;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Uri};
use vitrine_kit::Secret;
use vitrine_platform_config::yaml::{Fields, Node, Reader};

use crate::headers::by_name;

/// What `proxy_url` is expected to be.
const EXPECTED: &str = "the URL of an HTTP proxy, such as \"http://proxy:3128\"";

/// Proxies, and for whom they are. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxy for `http://`.
    http: Option<Uri>,
    /// The proxy for `https://`.
    https: Option<Uri>,
    /// Who is asked without one.
    direct: Vec<Direct>,
    /// Whether this machine's own addresses are asked without one.
    is_own_direct: bool,
    /// Headers for the proxy when it is asked for a tunnel.
    pub(crate) connect_headers: Vec<(HeaderName, Secret)>,
}

/// Who is asked without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    All,
    /// Addresses of a network: its address and how many of its bits count.
    Network(IpAddr, u8),
    /// An address, on one port or any.
    Address(IpAddr, Option<u16>),
    /// What is below a domain, on one port or any. It begins with a dot; `is_whole` where the domain itself counts, too.
    Domain {
        suffix: String,
        is_whole: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// One proxy for everyone.
    pub fn through(proxy: Uri) -> Self {
        Self { http: Some(proxy.clone()), https: Some(proxy), ..Self::default() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// Reads `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`.
    pub(crate) fn read(reader: &Reader, fields: &mut Fields<'_>) -> Self {
        let url = fields.parsed("proxy_url", EXPECTED, |text| proxy(text, false));
        let except = fields.text("no_proxy").filter(|text| !text.is_empty());
        let is_of_environment = fields.flag("proxy_from_environment").unwrap_or_default();
        let connect_headers = match fields.node("proxy_connect_header") {
            Some(node) => connect_headers(reader, node),
            None => Vec::new(),
        };
        for (is_wrong, field, message) in [
            (
                is_of_environment && url.is_some(),
                "proxy_url",
                "if proxy_from_environment is configured, proxy_url must not be configured",
            ),
            (
                is_of_environment && except.is_some(),
                "no_proxy",
                "if proxy_from_environment is configured, no_proxy must not be configured",
            ),
            (
                !is_of_environment && url.is_none() && except.is_some(),
                "no_proxy",
                "if no_proxy is configured, proxy_url must also be configured",
            ),
            (
                !is_of_environment && url.is_none() && !connect_headers.is_empty(),
                "proxy_connect_header",
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
            ),
        ] {
            if is_wrong {
                reader.mistake(fields.location_of(field), message);
            }
        }
        if is_of_environment {
            let found = Self::of_environment(|name| env::var(name).ok());
            let found = found.unwrap_or_else(|message| {
                reader.mistake(fields.location_of("proxy_from_environment"), message);
                Self::default()
            });
            return Self { connect_headers, ..found };
        }
        let is_own_direct = except.is_some();
        let direct = except.as_deref().map(direct).unwrap_or_default();
        Self { http: url.clone(), https: url, direct, is_own_direct, connect_headers }
    }

    /// What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say, in capitals or not.
    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| {
            let value = variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
            value.filter(|text| !text.is_empty())
        };
        let proxy_of = |name: &str| match get(name) {
            // Its value is not repeated: it may hold a password.
            Some(text) => proxy(&text, true).map(Some).ok_or_else(|| format!("{name}: expected {EXPECTED}")),
            None => Ok(None),
        };
        let direct = get("NO_PROXY").as_deref().map(direct).unwrap_or_default();
        let (http, https) = (proxy_of("HTTP_PROXY")?, proxy_of("HTTPS_PROXY")?);
        Ok(Self { http, https, direct, is_own_direct: true, connect_headers: Vec::new() })
    }

    /// The proxy through which one goes there; none where it is asked itself.
    pub(crate) fn of(&self, to: &Uri) -> Option<&Uri> {
        let is_tls = to.scheme_str() == Some("https");
        let proxy = if is_tls { self.https.as_ref() } else { self.http.as_ref() }?;
        let port = to.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let is_own = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let is_direct =
            (self.is_own_direct && is_own) || self.direct.iter().any(|rule| rule.fits(&host, address, port));
        (!is_direct).then_some(proxy)
    }
}

impl Direct {
    fn fits(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Network(network, bits) => address.is_some_and(|address| is_within(address, *network, *bits)),
            Self::Address(own, own_port) => address == Some(*own) && own_port.is_none_or(|own| own == port),
            Self::Domain { suffix, is_whole, port: own_port } => {
                let is_below = host.ends_with(suffix.as_str()) || (*is_whole && suffix.get(1..) == Some(host));
                is_below && own_port.is_none_or(|own| own == port)
            }
        }
    }
}

/// Who one says to be to a proxy: what its URL holds.
pub(crate) fn userinfo(proxy: &Uri) -> Option<String> {
    let (userinfo, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    Some(vitrine_kit::percent::decode(userinfo).unwrap_or_else(|| userinfo.to_owned()))
}

/// The first bits of an address, as many as count in its network.
fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let of = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let ((one, one_length), (other, other_length)) = (of(address), of(network));
    one_length == other_length && (bits == 0 || (one ^ other) >> (128 - u32::from(bits)) == 0)
}

fn proxy(text: &str, may_lack_scheme: bool) -> Option<Uri> {
    let uri =
        if may_lack_scheme && !text.contains("://") { format!("http://{text}").parse() } else { text.parse::<Uri>() };
    uri.ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some())
}

/// Reads a list such as `10.0.0.0/8, .example, host:80`. What cannot be read fits no one, as it is with Go.
fn direct(text: &str) -> Vec<Direct> {
    text.split(',')
        .map(|part| part.trim().to_ascii_lowercase())
        .filter(|part| !part.is_empty())
        .filter_map(|part| one_direct(&part))
        .collect()
}

fn one_direct(part: &str) -> Option<Direct> {
    if part == "*" {
        return Some(Direct::All);
    }
    if let Some((network, bits)) = part.split_once('/') {
        let network: IpAddr = network.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        return Some(Direct::Network(network, bits.parse().ok().filter(|bits| *bits <= most)?));
    }
    if let Ok(address) = part.trim_matches(['[', ']']).parse() {
        return Some(Direct::Address(address, None));
    }
    let (host, port) = match part.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (part, None),
    };
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return Some(Direct::Address(address, port));
    }
    let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    let is_whole = !host.starts_with('.');
    let suffix = if is_whole { format!(".{host}") } else { host.to_owned() };
    (suffix.len() > 1).then_some(Direct::Domain { suffix, is_whole, port })
}

/// Reads headers: `NAME: [SECRET, …]`.
fn connect_headers(reader: &Reader, node: &Node) -> Vec<(HeaderName, Secret)> {
    let mut headers = Vec::new();
    for (name, node) in by_name(reader, "proxy_connect_header", node) {
        for node in reader.list("proxy_connect_header", node) {
            let Some(text) = reader.text("proxy_connect_header", node) else { continue };
            if HeaderValue::from_str(text).is_err() {
                reader.mistake(node.location, format!("a value of {name} holds what no header may hold"));
                continue;
            }
            headers.push((name.clone(), text.into()));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::Proxies;

    /// Through which proxy each of these is asked, with Go's own cases of `no_proxy` among them.
    #[test]
    fn some_are_asked_without_a_proxy() {
        let no_proxy = "10.0.0.0/8, fe80::/10, 192.0.2.1, [2001:db8::1]:80, .sub.example, whole.example, port.example:8080, *.star.example";
        let proxies = Proxies::of_environment(|name| match name {
            "HTTP_PROXY" => Some("plain:3128".to_owned()),
            "https_proxy" => Some("http://secret:3128".to_owned()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        })
        .expect("proxies");
        for (url, expected) in [
            ("http://far.example/", Some("plain")),
            ("https://far.example/", Some("secret")),
            ("http://localhost:9090/", None),
            ("http://127.0.0.1:9090/", None),
            ("http://[::1]:9090/", None),
            ("http://10.1.2.3/", None),
            ("http://11.1.2.3/", Some("plain")),
            ("http://[fe80::5]/", None),
            ("http://192.0.2.1:99/", None),
            ("http://[2001:db8::1]/", None),
            ("http://[2001:db8::1]:81/", Some("plain")),
            ("http://a.sub.example/", None),
            ("http://sub.example/", Some("plain")),
            ("http://whole.example/", None),
            ("http://a.WHOLE.example./", None),
            ("http://notwhole.example/", Some("plain")),
            ("http://port.example:8080/", None),
            ("http://port.example/", Some("plain")),
            ("http://a.star.example/", None),
            ("http://star.example/", Some("plain")),
        ] {
            let uri = url.parse().expect("a URL");
            assert_eq!(proxies.of(&uri).and_then(|proxy| proxy.host()), expected, "{url}");
        }
        let wrong = Proxies::of_environment(|name| (name == "HTTPS_PROXY").then(|| "socks5://a:hunter2@b".to_owned()));
        let told = wrong.expect_err("no HTTP proxy");
        assert!(told.starts_with("HTTPS_PROXY: expected") && !told.contains("hunter2"), "{told}");
    }
}
