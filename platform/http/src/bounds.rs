//! How much of a listener one client can hold, and for how long.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Connections of one listener at a time.
const MAX_CONNECTIONS: u32 = 4096;
/// Connections of one listener from one address at a time: half of all, so that one client leaves room for others, and a load
/// generator on one machine still has its two thousand.
const MAX_CONNECTIONS_PER_ADDRESS: u32 = 2048;
/// How long a request's body may take to come, whole: the longest that the gateway works for an answer.
const REQUEST_S: u32 = 15;
/// How long a connection is kept without a request: longer than the 60 seconds for which balancers keep theirs, so that it is they
/// who close.
const IDLE_S: u32 = 75;
/// The longest that the settings may make any of these times: a day.
const MAX_S: u32 = 86_400;
/// How long a request's head may take to come, from its first byte to its last.
const HEAD: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client may take for the next 16 KiB of an answer, or for the rest of it.
const UNREAD: Duration = Duration::from_secs(30);
/// Connections of the operations listener: probes and scrapers, no one else.
const OPERATIONS_CONNECTIONS: usize = 64;
/// How long the operations listener waits for anything.
const OPERATIONS_PATIENCE: Duration = Duration::from_secs(5);

/// What one client may hold of a listener: the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Connections of one listener at a time.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// Connections of one listener from one address (of IPv6: from one /64 network) at a time; more behind a balancer or a NAT.
    #[schemars(range(min = 1))]
    pub max_connections_per_address: u32,
    /// How long a request's body may take to come, in seconds.
    #[schemars(range(min = 1, max = MAX_S))]
    pub request_s: u32,
    /// How long a connection is kept without a request, in seconds; longer than what pools connections before it.
    #[schemars(range(min = 1, max = MAX_S))]
    pub idle_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_connections: MAX_CONNECTIONS,
            max_connections_per_address: MAX_CONNECTIONS_PER_ADDRESS,
            request_s: REQUEST_S,
            idle_s: IDLE_S,
        }
    }
}

impl Config {
    /// The bounds that these settings stand for; the error names the setting and what was expected.
    pub fn bounds(&self) -> Result<Bounds, String> {
        for (key, value, most) in [
            ("max_connections", self.max_connections, u32::MAX),
            ("max_connections_per_address", self.max_connections_per_address, u32::MAX),
            ("request_s", self.request_s, MAX_S),
            ("idle_s", self.idle_s, MAX_S),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{key} = {value}: expected 1 to {most}"));
            }
        }
        let number = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Bounds {
            connections: number(self.max_connections),
            connections_per_address: number(self.max_connections_per_address),
            request: Duration::from_secs(self.request_s.into()),
            idle: Duration::from_secs(self.idle_s.into()),
            ..Bounds::default()
        })
    }
}

/// What one client may hold of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at a time.
    pub connections: usize,
    /// Connections from one address at a time; of IPv6, from one /64 network.
    pub connections_per_address: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a request's head may take to come, from its first byte.
    pub head: Duration,
    /// How long a request's body may take to come, from the end of the head.
    pub request: Duration,
    /// How long a connection is kept without a request.
    pub idle: Duration,
    /// How long a client may take for the next 16 KiB of an answer, or for the rest of it.
    pub unread: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS as usize,
            connections_per_address: MAX_CONNECTIONS_PER_ADDRESS as usize,
            handshake: HANDSHAKE,
            head: HEAD,
            request: Duration::from_secs(REQUEST_S.into()),
            idle: Duration::from_secs(IDLE_S.into()),
            unread: UNREAD,
        }
    }
}

impl Bounds {
    /// Those of a listener that answers operators only: a budget of its own, and little patience.
    pub fn operations() -> Self {
        Self {
            connections: OPERATIONS_CONNECTIONS,
            // One address that is slow, or means ill, leaves as many for the probes.
            connections_per_address: OPERATIONS_CONNECTIONS / 2,
            head: OPERATIONS_PATIENCE,
            request: OPERATIONS_PATIENCE,
            unread: OPERATIONS_PATIENCE,
            ..Self::default()
        }
    }

    /// The same with at most so many connections, of which one address may have half.
    pub fn with_connections_at_most(mut self, most: usize) -> Self {
        if self.connections > most {
            self.connections = most.max(1);
            self.connections_per_address = self.connections_per_address.min((most / 2).max(1));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Config};

    #[test]
    fn settings_that_cannot_be_are_named() {
        assert_eq!(Config::default().bounds(), Ok(Bounds::default()));
        for (config, key) in [
            (Config { max_connections: 0, ..Config::default() }, "max_connections = 0"),
            (Config { max_connections_per_address: 0, ..Config::default() }, "max_connections_per_address = 0"),
            (Config { request_s: 0, ..Config::default() }, "request_s = 0"),
            (Config { idle_s: 86_401, ..Config::default() }, "idle_s = 86401"),
        ] {
            let told = config.bounds().expect_err(key);
            assert!(told.starts_with(&format!("{key}: expected 1 to ")), "{told}");
        }
        let few = Bounds::default().with_connections_at_most(100);
        assert_eq!((few.connections, few.connections_per_address), (100, 50));
    }
}
