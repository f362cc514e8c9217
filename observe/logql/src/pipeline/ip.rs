//! Addresses: `ip("10.0.0.1")`, `ip("10.0.0.1-10.0.0.9")`, `ip("10.0.0.0/8")`, and the same of IPv6.

use std::net::IpAddr;

/// Addresses from one to another, of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ips {
    is_v4: bool,
    first: u128,
    last: u128,
}

fn number(ip: IpAddr) -> (bool, u128) {
    match ip {
        IpAddr::V4(ip) => (true, u128::from(u32::from(ip))),
        IpAddr::V6(ip) => (false, u128::from(ip)),
    }
}

/// Reads an address, a range of them or a network.
pub(crate) fn parse_ips(text: &str) -> Result<Ips, String> {
    let wrong = || format!("ip: expected an address, FIRST-LAST or NETWORK/BITS: {text:?}");
    let address = |text: &str| text.trim().parse::<IpAddr>().map(number).map_err(|_| wrong());
    if let Some((first, last)) = text.split_once('-') {
        let ((is_v4, first), (is_last_v4, last)) = (address(first)?, address(last)?);
        return if is_v4 == is_last_v4 && first <= last { Ok(Ips { is_v4, first, last }) } else { Err(wrong()) };
    }
    let Some((network, bits)) = text.split_once('/') else {
        let (is_v4, first) = address(text)?;
        return Ok(Ips { is_v4, first, last: first });
    };
    let (is_v4, network) = address(network)?;
    let all: u32 = if is_v4 { 32 } else { 128 };
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= all).ok_or_else(wrong)?;
    let free = 1u128.checked_shl(all - bits).map_or(u128::MAX, |size| size - 1);
    Ok(Ips { is_v4, first: network & !free, last: network | free })
}

impl Ips {
    /// Whether an address is one of them.
    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        let (is_v4, ip) = number(ip);
        is_v4 == self.is_v4 && (self.first..=self.last).contains(&ip)
    }
}

/// Whether a text has such an address somewhere.
pub(super) fn holds_ip(text: &str, ips: &Ips) -> bool {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    text.split(|c| !is_part(c)).filter(|run| run.len() >= 2).any(|run| {
        let whole = run.trim_end_matches('.').parse::<IpAddr>();
        // An address may have a port or a colon behind it.
        let mut parts = run.split(':').filter_map(|part| part.trim_end_matches('.').parse::<IpAddr>().ok());
        whole.is_ok_and(|ip| ips.holds(ip)) || parts.any(|ip| ips.holds(ip))
    })
}

#[cfg(test)]
mod tests {
    use super::{holds_ip, parse_ips};

    #[test]
    fn addresses_are_found_in_texts() {
        for (wanted, text, found) in [
            ("192.168.0.0/16", "from 192.168.4.2:8080.", true),
            ("192.168.0.0/16", "from 10.0.0.1", false),
            ("10.0.0.1-10.0.0.3", "at 10.0.0.2, then", true),
            ("2001:db8::/32", "[2001:db8::7]:443", true),
            ("0.0.0.0/0", "version 1.2.3", false),
            ("::/0", "a ::1", true),
        ] {
            assert_eq!(holds_ip(text, &parse_ips(wanted).expect("addresses")), found, "{wanted} {text}");
        }
        for wrong in ["", "10.0.0", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "::1-10.0.0.1"] {
            assert!(parse_ips(wrong).is_err(), "{wrong}");
        }
    }
}
