//! Settings of the ways in for shippers that do not speak HTTP.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_observe_receive::{ForwardOptions, ForwardSecurity, SyslogOptions};
use vitrine_observe_store::Tenant;
use vitrine_platform_config::{OrOff, Written, written};

/// Most users of Forward. All are compared in each handshake.
const MAX_USERS: usize = 1024;
/// What a server's own name ends with in Forward's handshake: a sender refuses one that is called as its own machine.
const NAME_SUFFIX: &str = "-vitrine";

/// Where something listens: an IP address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Written for Address {
    fn name() -> String {
        "Address".to_owned()
    }

    fn expected() -> String {
        "IP:PORT".to_owned()
    }

    fn examples() -> Vec<&'static str> {
        vec!["127.0.0.1:24224"]
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

written!([] Address);

/// Syslog, RFC 5424 and RFC 3164. It authenticates no one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Syslog {
    /// Where it comes in over TCP, such as 127.0.0.1:601.
    pub tcp: OrOff<Address>,
    /// Where it comes in by datagrams of UDP, such as 127.0.0.1:514.
    pub udp: OrOff<Address>,
    /// Where it comes in over TLS with the files of `observatory.tls`, such as 127.0.0.1:6514.
    pub tls: OrOff<Address>,
    /// Whose messages they are.
    pub tenant: String,
    /// The zone of times that tell none, as those of RFC 3164 do: UTC, or a name such as Europe/Berlin.
    pub time_zone: String,
}

impl Default for Syslog {
    fn default() -> Self {
        let tenant = Tenant::default().name().to_owned();
        Self { tcp: OrOff::Off, udp: OrOff::Off, tls: OrOff::Off, tenant, time_zone: "UTC".to_owned() }
    }
}

impl Syslog {
    /// How messages are taken.
    pub fn options(&self) -> Result<SyslogOptions, String> {
        let tenant = Tenant::new(&self.tenant).map_err(|e| format!("observatory.syslog.tenant: {e}"))?;
        let zone = SyslogOptions::zone(&self.time_zone).ok_or_else(|| {
            let found = &self.time_zone;
            format!("observatory.syslog.time_zone = {found:?}: expected a name such as UTC or Europe/Berlin")
        })?;
        Ok(SyslogOptions { tenant, zone, clock: Clock::system() })
    }
}

/// Fluentd's Forward protocol, of Fluentd, Fluent Bit, Docker and fluent-logger.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forward {
    /// Where it comes in over TCP, such as 127.0.0.1:24224; heartbeats are answered by UDP there, too.
    pub listen: OrOff<Address>,
    /// Where it comes in over TLS with the files of `observatory.tls`.
    pub tls: OrOff<Address>,
    /// The path of a Unix socket where it comes in; `""` for none.
    pub unix: PathBuf,
    /// What both sides must know; `""` lets everyone send who reaches it.
    pub shared_key: Secret,
    /// Who may send, with the shared key; without any, everyone who knows it.
    pub users: Vec<ForwardUser>,
    /// Whose records they are.
    pub tenant: String,
}

/// A user of Forward.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            listen: OrOff::Off,
            tls: OrOff::Off,
            unix: PathBuf::new(),
            shared_key: Secret::default(),
            users: Vec::new(),
            tenant: Tenant::default().name().to_owned(),
        }
    }
}

impl Forward {
    /// How messages are taken by the machine of this name.
    pub fn options(&self, machine: &str) -> Result<ForwardOptions, String> {
        let tenant = Tenant::new(&self.tenant).map_err(|e| format!("observatory.forward.tenant: {e}"))?;
        if self.users.len() > MAX_USERS {
            return Err(format!("observatory.forward.users: {}: expected at most {MAX_USERS}", self.users.len()));
        }
        if self.shared_key.is_empty() && !self.users.is_empty() {
            return Err("observatory.forward.shared_key: expected one where there are users".to_owned());
        }
        let users = self.users.iter().map(|user| (user.name.clone(), user.password.clone())).collect();
        let security = ForwardSecurity { shared_key: self.shared_key.clone(), users };
        Ok(ForwardOptions {
            tenant,
            security: Some(security).filter(|security| !security.shared_key.is_empty()),
            host: format!("{machine}{NAME_SUFFIX}"),
            clock: Clock::system(),
        })
    }
}

/// How many listeners these settings have.
pub fn listeners(syslog: &Syslog, forward: &Forward) -> u64 {
    let set = [syslog.tcp, syslog.udp, syslog.tls, forward.listen, forward.listen, forward.tls];
    let addresses = set.iter().filter(|address| **address != OrOff::Off).count();
    (addresses + usize::from(!forward.unix.as_os_str().is_empty())) as u64
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use vitrine_platform_config::{OrOff, Written};

    use super::{Address, Forward, ForwardUser, Syslog, listeners};

    #[test]
    fn what_cannot_be_is_named() {
        let mut syslog = Syslog { time_zone: "Europe/Berlin".to_owned(), ..Syslog::default() };
        assert!(syslog.options().is_ok());
        syslog.time_zone = "Middle/Earth".to_owned();
        assert!(
            syslog.options().is_err_and(|e| e.starts_with("observatory.syslog.time_zone = \"Middle/Earth\": expected"))
        );
        let users = vec![ForwardUser { name: "ada".to_owned(), password: "hunter2".into() }];
        let mut forward = Forward { users, ..Forward::default() };
        assert!(forward.options("m").is_err_and(|e| e.starts_with("observatory.forward.shared_key: expected")));
        forward.shared_key = "open sesame".into();
        let options = forward.options("m").expect("sound");
        assert_eq!((options.host.as_str(), options.security.is_some()), ("m-vitrine", true));
        forward.tenant = "../up".to_owned();
        assert!(forward.options("m").is_err_and(|e| e.starts_with("observatory.forward.tenant: ")));
    }

    #[test]
    fn nothing_listens_unless_it_is_said_where() {
        let (mut syslog, mut forward) = (Syslog::default(), Forward::default());
        assert_eq!(listeners(&syslog, &forward), 0);
        syslog.udp = OrOff::read("127.0.0.1:514").expect("an address");
        forward.unix = PathBuf::from("/run/forward.sock");
        forward.listen = OrOff::At(Address::read("127.0.0.1:24224").expect("an address"));
        // Datagrams at the same address are one of their own.
        assert_eq!(listeners(&syslog, &forward), 4);
        assert_eq!(Address::read("24224"), None);
    }
}
