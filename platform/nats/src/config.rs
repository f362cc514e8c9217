//! What can be set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::Secret;
use vitrine_platform_tls as tls;

use crate::Error;

/// Largest file with a key or credentials, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// The shortest time that an event may be with a consumer: progress is told three times within it.
const MIN_ACK_WAIT_MS: u32 = 300;

/// How NATS is reached. One of the ways to log in, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The servers, as `nats://HOST:PORT` or, with TLS, `tls://HOST:PORT`; several are separated by commas.
    pub url: String,
    /// The user who logs in with `password`.
    pub user: String,
    /// The password of `user`.
    pub password: Secret,
    /// The token to log in with.
    pub token: Secret,
    /// A file with the seed of the nkey to log in with, as `nk -gen user` writes it.
    pub nkey_seed: PathBuf,
    /// A file with a user's credentials (JWT and seed), as `nsc` writes it.
    pub credentials: PathBuf,
    /// Certificates and key for TLS. Without `ca` the authorities of the system are trusted.
    pub tls: tls::Files,
    /// Events over JetStream.
    pub events: Events,
}

impl Default for Config {
    /// Where `make engines` starts it.
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:14222".to_owned(),
            user: String::new(),
            password: Secret::default(),
            token: Secret::default(),
            nkey_seed: PathBuf::new(),
            credentials: PathBuf::new(),
            tls: tls::Files::default(),
            events: Events::default(),
        }
    }
}

/// Events over JetStream. What concerns streams holds when one is created; one that exists is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// How long events are kept, in hours: a consumer that is away for longer misses some.
    #[schemars(range(min = 1))]
    pub max_age_h: u32,
    /// Within how many seconds a repeated event is known as one.
    #[schemars(range(min = 1))]
    pub duplicate_window_s: u32,
    /// On how many servers of a cluster a stream is kept.
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u32,
    /// How long an event may be with a consumer that says nothing before it is given to another one, in milliseconds.
    #[schemars(range(min = MIN_ACK_WAIT_MS))]
    pub ack_wait_ms: u32,
}

impl Default for Events {
    fn default() -> Self {
        Self { max_age_h: 30 * 24, duplicate_window_s: 600, replicas: 1, ack_wait_ms: 30_000 }
    }
}

impl Events {
    /// Settings that no server would take, said before one is asked.
    fn check(&self) -> Result<(), Error> {
        let wrong = |setting, expected| Err(Error::Setting { setting, expected });
        if self.max_age_h == 0 {
            return wrong("events.max_age_h", "at least 1");
        }
        if self.duplicate_window_s == 0 || u64::from(self.duplicate_window_s) > u64::from(self.max_age_h) * 3600 {
            return wrong("events.duplicate_window_s", "at least 1, and no more than events.max_age_h");
        }
        if !(1..=5).contains(&self.replicas) {
            return wrong("events.replicas", "1 to 5");
        }
        if self.ack_wait_ms < MIN_ACK_WAIT_MS {
            return wrong("events.ack_wait_ms", "at least 300");
        }
        Ok(())
    }

    pub(crate) fn ack_wait(&self) -> Duration {
        Duration::from_millis(u64::from(self.ack_wait_ms))
    }
}

impl Config {
    /// Checks what can be checked without a server.
    pub(crate) fn servers(&self) -> Result<Vec<ServerAddr>, Error> {
        self.events.check()?;
        let mut servers = Vec::new();
        for text in self.url.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            // Not repeated in the message: it may hold a password.
            let server: ServerAddr = text.parse().map_err(|_| Error::Url)?;
            if server.username().is_some() || server.password().is_some() {
                return Err(Error::SecretInUrl { server: server.host().to_owned() });
            }
            if !matches!(server.scheme(), "nats" | "tls") {
                return Err(Error::Url);
            }
            servers.push(server);
        }
        if servers.is_empty() { Err(Error::Url) } else { Ok(servers) }
    }

    /// How this logs in, for messages: which settings, and nothing secret.
    pub(crate) fn login(&self) -> String {
        match self.ways().as_slice() {
            [] if self.tls.is_set() => "no user (and the certificate, if one is set)".to_owned(),
            [] => "no user".to_owned(),
            ["user"] => format!("user {:?} and its password", self.user),
            ["nkey_seed"] => format!("the nkey of {}", self.nkey_seed.display()),
            ["credentials"] => format!("the credentials of {}", self.credentials.display()),
            ways => format!("the {}", ways.join(", ")),
        }
    }

    fn ways(&self) -> Vec<&'static str> {
        let ways = [
            ("user", !self.user.is_empty() || !self.password.is_empty()),
            ("token", !self.token.is_empty()),
            ("nkey_seed", !self.nkey_seed.as_os_str().is_empty()),
            ("credentials", !self.credentials.as_os_str().is_empty()),
        ];
        ways.into_iter().filter_map(|(way, given)| given.then_some(way)).collect()
    }

    /// The same for the client.
    pub(crate) fn options(&self) -> Result<ConnectOptions, Error> {
        let mut options = ConnectOptions::new();
        match self.ways().as_slice() {
            [] => {}
            ["user"] => options = options.user_and_password(self.user.clone(), self.password.expose().to_owned()),
            ["token"] => options = options.token(self.token.expose().to_owned()),
            ["nkey_seed"] => {
                let wrong = |reason| file(&self.nkey_seed, "nkey_seed", "the seed of a user's nkey (SU…)", reason);
                let text = read(&self.nkey_seed).map_err(wrong)?;
                // The file may hold comments, as those of `nk` do.
                let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
                let seed = seed.ok_or_else(|| wrong("no line begins with SU".to_owned()))?;
                options = options.nkey(seed.to_owned());
            }
            ["credentials"] => {
                let wrong = |reason| file(&self.credentials, "credentials", "a user's JWT and seed", reason);
                let text = read(&self.credentials).map_err(wrong)?;
                options = options.credentials(&text).map_err(|e| wrong(e.to_string()))?;
            }
            ways => return Err(Error::TwoLogins(ways.join(" and "))),
        }
        if self.tls.is_set() {
            let config = tls::client(&self.tls)?;
            options = options.require_tls(true).tls_client_config((*config).clone());
        }
        Ok(options)
    }
}

fn file(path: &Path, setting: &'static str, expected: &'static str, reason: String) -> Error {
    Error::File { setting, path: path.to_owned(), expected, reason }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes"));
    }
    std::fs::read_to_string(path).map_err(|e| e.to_string())
}
