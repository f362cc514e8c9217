//! Sending to destinations: a consumer of the own outbox for each, with a position of its own, so that one that does not answer holds up no
//! other, and each can be sent again what it had.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use prost::Message as _;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1::Accepted;
use vitrine_contracts::topics::MESSAGES_ACCEPTED;
use vitrine_flags_client::{Handle, Subject};
use vitrine_kit::Backoff;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Consumer, Event, HandleError, Handler};
use vitrine_platform_fetch::{Client, Error as FetchError, Limits, Request, Settings};
use vitrine_platform_store::{Error, Query, Store, Tx};
use vitrine_platform_telemetry::{Context, Counter, Service};

use crate::Config;
use crate::destinations::{Destination, Kind, Observatory, Outgoing, Parcel, kind, permitted};
use crate::flags::SENDING;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::store::DestinationDoc;

/// How often is looked for destinations that others have changed.
const LOOK: Duration = Duration::from_secs(5);
/// What bounds a request to a receiver.
const LIMITS: Limits = Limits { within: Duration::from_secs(10), max_response_bytes: 64 * 1024 };
/// The pause after a receiver did not take something; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest one.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause that a receiver may ask for.
const MAX_ASKED: Duration = Duration::from_secs(3600);
/// Most destinations of all sources together that are sent to.
pub(crate) const MAX_DESTINATIONS: usize = 500;
/// What the consumer of the observatory is called.
const OBSERVATORY: &str = "observatory";

/// Sends to all destinations.
pub(crate) struct Senders {
    pub(crate) store: Store,
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) flags: Handle,
    pub(crate) telemetry: Service,
    pub(crate) sent: Counter,
    /// Told when a destination was changed here.
    pub(crate) changed: Arc<Notify>,
    pub(crate) client: Client,
}

/// Makes what requests to receivers go through. What a receiver's answer leads to is not followed.
pub(crate) fn client() -> Result<Client, Problem> {
    Client::new(&Settings { refuses_redirects: true, ..Settings::default() }).map_err(|e| {
        tracing::error!(error = %e, "requests cannot be made");
        Problem::internal()
    })
}

/// One that runs.
struct Sender {
    version: u64,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sender {
    async fn end(self) {
        self.stop.cancel();
        // A panic was logged where it happened.
        let _ = self.task.await;
    }
}

impl Senders {
    /// Sends until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut running: HashMap<String, Sender> = HashMap::new();
        if !self.config.observatory.is_empty() {
            let destination = Observatory::new(self.config.observatory.as_str(), &self.config.observatory_token);
            running.insert(OBSERVATORY.to_owned(), self.start(OBSERVATORY, 0, None, Box::new(destination)));
        }
        while !stop.is_cancelled() {
            match self.wanted().await {
                Ok(wanted) => self.adjust(&mut running, wanted).await,
                Err(e) => tracing::warn!(error = %e, "destinations cannot be looked up; they stay as they were"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.changed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        for (_, sender) in running {
            sender.end().await;
        }
    }

    async fn wanted(&self) -> Result<HashMap<String, (u64, DestinationDoc)>, Error> {
        let found = self.store.find::<DestinationDoc>(Query::all().limit(MAX_DESTINATIONS)).await?.items;
        let named = |stored: vitrine_platform_store::Stored<DestinationDoc>| {
            let name = DestinationDoc::name(&stored.doc.source_id, &stored.doc.kind);
            (name, (stored.version, stored.doc))
        };
        Ok(found.into_iter().map(named).collect())
    }

    async fn adjust(&self, running: &mut HashMap<String, Sender>, wanted: HashMap<String, (u64, DestinationDoc)>) {
        let is_over = |name: &String, sender: &Sender| {
            name != OBSERVATORY && wanted.get(name).is_none_or(|(version, _)| *version != sender.version)
        };
        let over: Vec<String> =
            running.iter().filter(|(name, s)| is_over(name, s)).map(|(name, _)| name.clone()).collect();
        for name in over {
            if let Some(sender) = running.remove(&name) {
                sender.end().await;
            }
        }
        for (name, (version, doc)) in wanted {
            if running.contains_key(&name) {
                continue;
            }
            // One of a kind that a later version knows stays as it is.
            let Ok(kind) = kind(&doc.kind) else { continue };
            let destination = kind.make(&doc, &self.config);
            running.insert(name.clone(), self.start(&name, version, Some((doc, kind)), destination));
        }
    }

    fn start(
        &self,
        name: &str,
        version: u64,
        of: Option<(DestinationDoc, &'static Kind)>,
        destination: Box<dyn Destination>,
    ) -> Sender {
        let source_id = of.as_ref().map(|(doc, _)| doc.source_id.clone());
        let handler = Deliver {
            label: of.as_ref().map_or(OBSERVATORY, |(_, kind)| kind.name),
            of,
            destination,
            client: self.client.clone(),
            clock: self.clock.clone(),
            flags: self.flags.clone(),
            sent: self.sent.clone(),
            pauses: Mutex::new(Backoff::new(FIRST_PAUSE, MAX_PAUSE)),
        };
        let consumer = Consumer::new(
            name,
            vitrine_contracts::services::ANALYTICS,
            &[MESSAGES_ACCEPTED],
            self.store.clone(),
            handler,
        );
        let (source, stop) = (Box::new(Outbox::new(self.store.clone(), source_id)), CancellationToken::new());
        let work = consumer.run(source, self.telemetry.clone(), stop.clone());
        let task = tokio::spawn(Context::current().scope(work));
        Sender { version, stop, task }
    }
}

/// Hands the messages of an event to one destination.
struct Deliver {
    label: &'static str,
    /// None for the observatory, which is told of all sources.
    of: Option<(DestinationDoc, &'static Kind)>,
    destination: Box<dyn Destination>,
    client: Client,
    clock: Clock,
    flags: Handle,
    sent: Counter,
    pauses: Mutex<Backoff>,
}

#[tonic::async_trait]
impl Handler for Deliver {
    fn acts_outside(&self) -> bool {
        true
    }

    async fn handle(&self, event: &Event, _: &mut Tx) -> Result<(), HandleError> {
        if !self.flags.read(&SENDING, &Subject::ANYONE) {
            return Err(HandleError::Wait("sending is switched off by the flag analytics-sending".to_owned()));
        }
        let accepted = Accepted::decode(event.payload.as_slice())?;
        let read = accepted.messages.iter().filter_map(|content| serde_json::from_slice(content).ok().map(Message));
        let messages: Vec<Message> = match &self.of {
            Some((doc, kind)) => read.filter_map(|message| permitted(doc, kind, message)).collect(),
            None => read.collect(),
        };
        if messages.is_empty() {
            return Ok(());
        }
        let count = messages.len() as u64;
        let (id, source_id) = (event.id.clone(), accepted.source_id);
        let parcel = Parcel { id, source_id, received_at_ms: accepted.received_at_unix_ms, messages };
        for outgoing in self.destination.translate(&parcel, self.clock.now_ms()) {
            match outgoing {
                Outgoing::Request(request) => self.request(request).await?,
                Outgoing::Lines { file, lines } => append(file, lines).await?,
            }
        }
        *self.pauses.lock().await = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
        self.sent.add(count, &[("vitrine.analytics.destination", self.label)]);
        Ok(())
    }
}

impl Deliver {
    async fn request(&self, request: Request) -> Result<(), HandleError> {
        let response = match self.client.send(request, LIMITS).await {
            Ok(response) => response,
            Err(e @ (FetchError::Url(_) | FetchError::Header(_))) => return Err(HandleError::Reject(e.to_string())),
            Err(e) => return Err(self.later(e.to_string(), None).await),
        };
        match self.destination.refusal(&response) {
            None => Ok(()),
            Some(why) if may_go_later(response.status) => Err(self.later(why, asked_pause(&response.headers)).await),
            Some(why) => Err(HandleError::Reject(why)),
        }
    }

    /// Waits, longer each time or as long as the receiver asks, before all of it is tried again.
    async fn later(&self, why: String, asked: Option<Duration>) -> HandleError {
        let pause = self.pauses.lock().await.equal_jitter();
        tokio::time::sleep(asked.map_or(pause, |asked| asked.min(MAX_ASKED))).await;
        HandleError::Wait(format!("{} does not take messages: {why}", self.label))
    }
}

fn may_go_later(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Adds lines to a file, on disk when it returns.
async fn append(file: std::path::PathBuf, lines: Vec<u8>) -> Result<(), HandleError> {
    let write = move || write_lines(&file, &lines);
    let written = tokio::task::spawn_blocking(write).await.map_err(|e| HandleError::Wait(e.to_string()))?;
    written.map_err(|e| HandleError::Wait(format!("the file of messages cannot be written: {e}")))
}

fn write_lines(file: &Path, lines: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut open = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    open.write_all(lines)?;
    open.sync_data()
}
