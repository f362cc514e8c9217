//! Where services live, as people write it.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;
use thiserror::Error as ThisError;

/// Where a service lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In this process.
    Local,
    /// In other processes, over gRPC.
    Grpc(Replicas),
    /// Wherever it answers on NATS. Who places it brings the transport: see `vitrine-platform-nats`.
    Nats,
}

/// How the replicas of a service are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// They are here: hosts with ports, at least one.
    At(Vec<Authority>),
    /// The addresses (A and AAAA) of a name, at one port.
    Dns(Authority),
    /// The targets of an SRV record.
    Srv(String),
    /// The passing instances of a service in Consul's catalog.
    Consul(String),
}

/// A placement that cannot be read.
#[derive(Debug, ThisError)]
#[error(
    "{text:?} is not a placement: {why}: expected local, nats, grpc://HOST:PORT[,HOST:PORT...], dns://NAME:PORT, srv://_SERVICE._PROTO.NAME or consul://NAME"
)]
pub struct Unreadable {
    text: String,
    why: &'static str,
}

impl FromStr for Placement {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let read = || {
            match text {
                "local" => return Ok(Self::Local),
                "nats" => return Ok(Self::Nats),
                _ => {}
            }
            let (scheme, rest) = text.split_once("://").ok_or("there is no ://")?;
            Ok(Self::Grpc(match scheme {
                "grpc" => Replicas::At(rest.split(',').map(authority).collect::<Result<_, _>>()?),
                "dns" => Replicas::Dns(authority(rest)?),
                "srv" => Replicas::Srv(name(rest)?),
                "consul" => Replicas::Consul(name(rest)?),
                _ => return Err("that scheme is not known"),
            }))
        };
        read().map_err(|why| Unreadable { text: text.to_owned(), why })
    }
}

/// A host and a port, and nothing else.
fn authority(text: &str) -> Result<Authority, &'static str> {
    let found: Authority = text.parse().map_err(|_| "a host with a port is missing")?;
    match found.port_u16() {
        _ if text.contains('@') || found.host().is_empty() => Err("a host is missing"),
        None | Some(0) => Err("a port is missing"),
        Some(_) => Ok(found),
    }
}

/// A name as DNS and Consul have them.
fn name(text: &str) -> Result<String, &'static str> {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let fine = text.strip_suffix('.').unwrap_or(text).split('.').all(is_label);
    if fine { Ok(text.to_owned()) } else { Err("a name is missing or malformed") }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Grpc(replicas) => replicas.fmt(f),
            Self::Nats => f.write_str("nats"),
        }
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(hosts) => {
                let hosts: Vec<&str> = hosts.iter().map(Authority::as_str).collect();
                write!(f, "grpc://{}", hosts.join(","))
            }
            Self::Dns(name) => write!(f, "dns://{name}"),
            Self::Srv(name) => write!(f, "srv://{name}"),
            Self::Consul(name) => write!(f, "consul://{name}"),
        }
    }
}
