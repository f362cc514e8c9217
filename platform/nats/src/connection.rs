//! The process's connection: how it is made, how it comes back, and what is heard on it.

use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, ConnectError, ConnectErrorKind, Event, ServerError, jetstream, rustls};
use parking_lot::Mutex;
use thiserror::Error as ThisError;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use vitrine_kit::{Backoff, Outage};

use crate::config::{Config, Events};
use crate::error::Error;

/// How long connecting to one address may take, with TLS and login.
const CONNECT: Duration = Duration::from_secs(3);
/// How long connecting may take at start-up, with all addresses and their names.
const CONNECT_ALL: Duration = Duration::from_secs(15);
/// The first pause before a lost connection is made again; doubles with each try, and is jittered from half to all of it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest of these pauses.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How often a silent connection is probed; the third probe without an answer ends it.
const PING: Duration = Duration::from_secs(5);
/// How long the server may take for what it answers itself.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);
/// Commands that wait to be written.
const COMMANDS: usize = 2048;
/// Messages of one subscription that wait to be looked at.
const MESSAGES: usize = 8192;
/// Happenings that one who waits may be behind.
const HAPPENINGS: usize = 64;
/// How long a subject that was denied is not tried again.
const DENIED_FOR: Duration = Duration::from_secs(10);
/// Denied subjects that are known at a time.
const MAX_DENIED: usize = 256;
/// No process answers this; the server says so, after all that was asked before.
const PROBE: &str = "vitrine.probe";
/// No server takes a subscription to this: it says so on the connection, after all that it had to say there before.
const MARKER: &str = "vitrine.>.marker";
/// What it says of it, unless the user may not subscribe to it either.
const INVALID_SUBJECT: &str = "Invalid Subject";
/// Where answers come in.
const INBOX: &str = "_INBOX.";

/// What is heard on the connection by those who wait for something else.
#[derive(Clone, Debug)]
enum ConnectionEvent {
    Lost,
    Denied(Denied),
    /// The marker came back.
    Marked,
}

/// What a user may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    /// `publish to` or `subscribe to`.
    pub(crate) act: &'static str,
    /// Which subject.
    pub(crate) subject: String,
}

impl Denied {
    /// Reads what the server says: `Permissions Violation for Publish to "subject"`.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("Permissions Violation for ")?;
        let act = if rest.starts_with("Publish") { "publish to" } else { "subscribe to" };
        let subject = rest.split('"').nth(1)?.to_owned();
        Some(Self { act, subject })
    }

    /// Whether nothing can be answered for lack of it.
    fn concerns_answers(&self) -> bool {
        self.act == "subscribe to" && self.subject.starts_with(INBOX)
    }
}

/// Why something was not answered. A sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum CallError {
    #[error("NATS cannot be reached at the moment")]
    Disconnected,
    #[error("NATS does not permit this process to {} {}", .0.act, .0.subject)]
    Denied(Denied),
}

/// What is known of the connection.
#[derive(Debug)]
struct Signals {
    happenings: broadcast::Sender<ConnectionEvent>,
    /// By subject, until when it is not tried again.
    denied: Mutex<HashMap<String, (Denied, Instant)>>,
    /// Said already, so that it is not said again.
    told: Mutex<HashSet<String>>,
    outage: Mutex<Outage>,
}

impl Signals {
    fn on_event(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.told.lock().clear();
                if self.outage.lock().ends() {
                    tracing::info!("connected to NATS again");
                }
            }
            Event::Disconnected => {
                if self.outage.lock().begins() {
                    tracing::warn!("the connection to NATS is lost");
                }
                self.happened(ConnectionEvent::Lost);
            }
            Event::ServerError(ServerError::Other(text)) if text == INVALID_SUBJECT => {
                self.happened(ConnectionEvent::Marked)
            }
            Event::ServerError(ServerError::Other(text)) if let Some(denied) = Denied::parse(text) => {
                if denied.subject == MARKER {
                    self.happened(ConnectionEvent::Marked);
                } else {
                    self.deny(denied);
                }
            }
            Event::LameDuckMode => tracing::info!("the NATS server is about to stop"),
            Event::SlowConsumer(_) => self.announce("messages come faster than they are taken, and some are lost"),
            Event::ServerError(error) => self.announce(&error.to_string()),
            Event::ClientError(error) => self.announce(&error.to_string()),
            Event::Draining | Event::Closed => {}
        }
    }

    /// Says it, once as long as the connection is as it is.
    fn announce(&self, reason: &str) {
        if self.told.lock().insert(reason.to_owned()) {
            tracing::warn!(reason, "trouble with NATS");
        }
    }

    fn deny(&self, denied: Denied) {
        let known = {
            let mut all = self.denied.lock();
            let now = Instant::now();
            if all.len() >= MAX_DENIED {
                all.retain(|_, (_, until)| *until > now);
            }
            if all.len() < MAX_DENIED {
                all.insert(denied.subject.clone(), (denied.clone(), now + DENIED_FOR));
            }
            !self.told.lock().insert(format!("{} {}", denied.act, denied.subject))
        };
        if !known && denied.subject != PROBE {
            tracing::error!(subject = denied.subject, "NATS does not permit this process to {} a subject", denied.act);
        }
        self.happened(ConnectionEvent::Denied(denied));
    }

    fn denied(&self, subject: &str) -> Option<Denied> {
        let now = Instant::now();
        self.denied.lock().get(subject).filter(|(_, until)| *until > now).map(|(denied, _)| denied.clone())
    }

    fn happened(&self, connection_event: ConnectionEvent) {
        // No caller may be waiting.
        let _ = self.happenings.send(connection_event);
    }
}

/// The connection to NATS. Cheap to clone. It comes back by itself, for as long as the process runs.
#[derive(Clone)]
pub struct Nats(pub(crate) Arc<NatsInner>);

pub(crate) struct NatsInner {
    pub(crate) client: Client,
    pub(crate) events: Events,
    pub(crate) jetstream: jetstream::Context,
    /// Streams that are known to be there.
    pub(crate) streams: Mutex<HashSet<String>>,
    signals: Arc<Signals>,
    /// Held by the one who waits for the marker.
    marking: tokio::sync::Mutex<()>,
    servers: String,
    login: String,
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats").field("servers", &self.0.servers).finish_non_exhaustive()
    }
}

impl Nats {
    /// Connects and logs in. Once it has, a connection that is lost is made again for ever; what is asked meanwhile fails at once.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let servers = config.servers()?;
        let shown: Vec<String> = servers.iter().map(|s| format!("{}:{}", s.host(), s.port())).collect();
        let shown = shown.join(", ");
        let signals = Arc::new(Signals {
            happenings: broadcast::channel(HAPPENINGS).0,
            denied: Mutex::default(),
            told: Mutex::default(),
            outage: Mutex::default(),
        });
        let hearing = signals.clone();
        let connecting = config
            .options()?
            .name("vitrine")
            .connection_timeout(CONNECT)
            .ping_interval(PING)
            .request_timeout(Some(ANSWER))
            .client_capacity(COMMANDS)
            .subscription_capacity(MESSAGES)
            .max_reconnects(None)
            .reconnect_delay_callback(pause)
            .event_callback(move |event| {
                hearing.on_event(&event);
                std::future::ready(())
            })
            .connect(servers);
        let client = match tokio::time::timeout(CONNECT_ALL, connecting).await {
            Ok(connected) => connected.map_err(|e| refused(&e, config, &shown))?,
            Err(_) => {
                let reason = format!("no answer within {CONNECT_ALL:?}");
                return Err(Error::Unreachable { servers: shown, reason });
            }
        };
        let (events, login) = (config.events.clone(), config.login());
        let (streams, marking) = (Mutex::default(), tokio::sync::Mutex::default());
        let jetstream = jetstream::new(client.clone());
        let nats = NatsInner { client, events, jetstream, streams, signals, marking, servers: shown, login };
        let nats = Self(Arc::new(nats));
        nats.permitted(&[]).await?;
        tracing::info!(servers = nats.0.servers, "connected to NATS");
        Ok(nats)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn servers(&self) -> &str {
        &self.0.servers
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client().connection_state() == State::Connected
    }

    /// Awaits an answer, but no longer than the connection lasts, and not when it is denied what the answer needs: `concerns` says
    /// of a subject whether that is so. The server says such things on the connection, not to the caller.
    pub(crate) async fn answered<T>(
        &self,
        concerns: impl Fn(&str) -> bool,
        work: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        // Heard before looking, so that nothing falls between.
        let mut happenings = self.0.signals.happenings.subscribe();
        if !self.is_connected() {
            return Err(CallError::Disconnected);
        }
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                connection_event = happenings.recv() => match connection_event {
                    Ok(ConnectionEvent::Lost) => return Err(CallError::Disconnected),
                    Ok(ConnectionEvent::Denied(denied)) if denied.concerns_answers() || concerns(&denied.subject) => {
                        return Err(CallError::Denied(denied));
                    }
                    // A caller that missed something waits for the bound of the work itself.
                    Ok(ConnectionEvent::Denied(_) | ConnectionEvent::Marked) | Err(_) => {}
                },
            }
        }
    }

    /// Whether this subject was denied lately.
    pub(crate) fn denied(&self, subject: &str) -> Option<Denied> {
        self.0.signals.denied(subject)
    }

    /// Asks the server something that no process answers: what was asked before it, such as subscriptions to these subjects,
    /// was either granted or denied when the answer is there.
    pub(crate) async fn permitted(&self, subjects: &[String]) -> Result<(), Error> {
        let probing = self.client().request(PROBE, bytes::Bytes::new());
        match self.answered(|subject| subject == PROBE || subjects.iter().any(|s| s == subject), probing).await {
            Ok(Err(e)) if e.kind() == async_nats::RequestErrorKind::TimedOut => return Err(self.silent("a probe")),
            Err(CallError::Disconnected) => return Err(self.silent("a probe")),
            Err(CallError::Denied(denied)) if denied.subject != PROBE => return Err(self.no_permission(denied)),
            Ok(_) | Err(CallError::Denied(_)) => {}
        }
        match self.heard_all().await {
            Ok(()) => {}
            Err(CallError::Disconnected) => return Err(self.silent("a probe")),
            Err(CallError::Denied(denied)) => return Err(self.no_permission(denied)),
        }
        match subjects.iter().find_map(|subject| self.denied(subject)) {
            Some(denied) => Err(self.no_permission(denied)),
            None => Ok(()),
        }
    }

    /// Waits until all is heard that the server has said on the connection so far. It is heard by another task than answers are, so
    /// that an answer says nothing of it; but in order: the marker comes last.
    async fn heard_all(&self) -> Result<(), CallError> {
        let _one_marker_at_a_time = self.0.marking.lock().await;
        let mut happenings = self.0.signals.happenings.subscribe();
        let marked = async {
            let Ok(_marker) = self.client().subscribe(MARKER).await else { return };
            while !matches!(happenings.recv().await, Ok(ConnectionEvent::Marked) | Err(RecvError::Closed)) {}
        };
        // A server that says nothing of it denies nothing either, as far as can be known.
        self.answered(|_| false, tokio::time::timeout(ANSWER, marked)).await.map(drop)
    }

    pub(crate) fn silent(&self, question: &str) -> Error {
        Error::Silent { question: question.to_owned() }
    }

    pub(crate) fn no_permission(&self, denied: Denied) -> Error {
        let (servers, login) = (self.servers().to_owned(), self.0.login.clone());
        Error::Denied { servers, login, act: denied.act, subject: denied.subject }
    }
}

/// How long the n-th try waits.
fn pause(tries: usize) -> Duration {
    let failures = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    Backoff::new(FIRST_PAUSE, MAX_PAUSE).after(failures).equal_jitter()
}

/// What a failed connection means.
fn refused(error: &ConnectError, config: &Config, servers: &str) -> Error {
    let servers = servers.to_owned();
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let tls = io.and_then(std::io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (error.kind(), tls) {
        (ConnectErrorKind::AuthorizationViolation, _) => Error::Refused { servers, login: config.login() },
        // It could not sign what the server gave it.
        (ConnectErrorKind::Authentication, _) => Error::Damaged { login: config.login() },
        (_, Some(tls)) => Error::Handshake { servers, reason: handshake(tls) },
        (ConnectErrorKind::Tls, None) => Error::Handshake { servers, reason: said(error) },
        _ => Error::Unreachable { servers, reason: said(error) },
    }
}

/// The innermost cause, which says most.
fn said(error: &ConnectError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// What a failed handshake means.
fn handshake(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, Error as E};
    let what_to_do = match error {
        E::InvalidMessage(_) => "the server does not speak TLS: take tls:// out of nats.url and leave nats.tls unset",
        E::InvalidCertificate(_) => "set nats.tls.ca to the authority of the server's certificate, made for that host",
        E::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
            "the server wants a certificate: set nats.tls.certificate and nats.tls.key"
        }
        E::AlertReceived(_) => "the server does not take nats.tls.certificate",
        _ => "check nats.tls",
    };
    format!("{error}: {what_to_do}")
}

#[cfg(test)]
mod tests {
    use super::{Denied, FIRST_PAUSE, MAX_PAUSE, pause};

    #[test]
    fn pauses_grow_to_a_bound() {
        assert!(pause(1) <= FIRST_PAUSE);
        for tries in [10, 100, usize::MAX] {
            assert!(pause(tries) <= MAX_PAUSE && pause(tries) >= MAX_PAUSE / 2);
        }
    }

    #[test]
    fn what_the_server_denies_is_read() {
        for (text, act, subject) in [
            (r#"Permissions Violation for Publish to "a.b""#, "publish to", "a.b"),
            (r#"Permissions Violation for Subscription to "a.>" using queue "q""#, "subscribe to", "a.>"),
        ] {
            assert_eq!(Denied::parse(text), Some(Denied { act, subject: subject.to_owned() }));
        }
        assert_eq!(Denied::parse("Unknown Protocol Operation"), None);
    }
}
