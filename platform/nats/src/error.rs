//! What keeps NATS from being used, as it is told at start-up.

use std::path::PathBuf;

use thiserror::Error as ThisError;
use vitrine_platform_tls as tls;

/// Why NATS cannot be used, and what to do. Settings are named as in [`Config`](crate::Config). Never holds a secret.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A setting that cannot be.
    #[error("nats.{setting}: expected {expected}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// No server, or one that cannot be read.
    #[error("nats.url: expected nats://HOST:PORT or tls://HOST:PORT, several separated by commas")]
    Url,
    /// Logs and process lists would show it.
    #[error("nats.url has a user or a password in it, for {server}: set nats.user and nats.password instead")]
    SecretInUrl {
        /// Which server.
        server: String,
    },
    /// More than one way to log in.
    #[error("nats: {0} are set, and only one of them can be used")]
    TwoLogins(String),
    /// A file with a key or credentials.
    #[error("nats.{setting}: {}: {expected} expected: {reason}", .path.display())]
    File {
        /// Of which setting.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificates or a key.
    #[error("nats.tls cannot be used")]
    Tls(#[from] tls::Error),
    /// No one there.
    #[error("NATS cannot be reached at {servers}: {reason}. Is the server up, and is nats.url right?")]
    Unreachable {
        /// Which servers.
        servers: String,
        /// What went wrong.
        reason: String,
    },
    /// The server does not let us in.
    #[error("NATS at {servers} refused {login}: check nats.user, password, token, nkey_seed and credentials")]
    Refused {
        /// Which servers.
        servers: String,
        /// How we logged in.
        login: String,
    },
    /// What we would log in with is no key.
    #[error("{login} cannot be used to log in: it is damaged")]
    Damaged {
        /// How we would log in.
        login: String,
    },
    /// One side speaks TLS and the other one does not, or they do not trust each other.
    #[error("TLS with NATS at {servers} failed: {reason}")]
    Handshake {
        /// Which servers.
        servers: String,
        /// What went wrong, and what to do.
        reason: String,
    },
    /// The connection was lost while this was asked.
    #[error("NATS did not answer {question} in time")]
    Silent {
        /// What was asked.
        question: String,
    },
    /// The user may not do this.
    #[error("NATS at {servers} does not permit {login} to {act} {subject}: grant it to that user on the server")]
    Denied {
        /// Which servers.
        servers: String,
        /// How we logged in.
        login: String,
        /// `publish to` or `subscribe to`.
        act: &'static str,
        /// Which subject.
        subject: String,
    },
    /// No JetStream on the server or for the account.
    #[error(
        "events are to travel over JetStream, and NATS at {servers} does not offer it: {reason}. Start nats-server with -js, or enable jetstream for the account"
    )]
    NoJetStream {
        /// Which servers.
        servers: String,
        /// What the server said.
        reason: String,
    },
    /// A stream that cannot be made or used.
    #[error("the stream {stream} cannot be used: {reason}")]
    Stream {
        /// Which.
        stream: String,
        /// What the server said, and what to do.
        reason: String,
    },
    /// A service that NATS cannot carry.
    #[error(
        "{service} cannot be reached over NATS, for {method} streams and NATS carries whole messages only: place it with grpc://HOST:PORT"
    )]
    Streams {
        /// Which service.
        service: String,
        /// Its first method that streams.
        method: String,
    },
}
