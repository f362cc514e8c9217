//! A process's outboxes, served to consumers by long polls.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::bus::v1::event_log_service_server::EventLogService;
use vitrine_contracts::bus::v1::{Event, FetchRequest, FetchResponse};
use vitrine_contracts::topics::readers;
use vitrine_platform_mesh::Caller;
use vitrine_platform_mesh::identity::CALLER_NOT_ADMITTED;
use vitrine_platform_store::{self as store, Store};

use crate::outbox::{Outbox, Readers};

/// Most events of one answer.
const MAX_LIMIT: u32 = 500;
/// Most topics that are read at once: more than any consumer follows.
const MAX_TOPICS: usize = 64;
/// Most bytes of payloads and baggage of one answer, far below what the Fence lets pass; with all else that belongs to the
/// events, an answer stays below the mebibyte that NATS passes by default.
const MAX_BYTES: usize = store::MAX_EVENT_BYTES;
/// Longest wait of one call, in milliseconds.
const MAX_WAIT_MS: u32 = 30_000;

/// Serves [`EventLogService`] for the stores of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EventLog {
    stores: Arc<HashMap<String, (Store, Readers)>>,
    stop: CancellationToken,
}

impl EventLog {
    /// Over these services' stores. When `stop` is cancelled, those who wait are answered at once.
    pub fn new(stores: Vec<(String, Store)>, stop: CancellationToken) -> Self {
        let stores = stores.into_iter().map(|(name, store)| (name, (store, Readers::default())));
        Self { stores: Arc::new(stores.collect()), stop }
    }

    /// The outbox of one of these services, as far as it is read from here; none when the service has no topics.
    pub fn outbox(&self, service: &str) -> Option<Outbox> {
        let (store, readers) = self.stores.get(service)?;
        Outbox::read(service, store.clone(), readers.clone())
    }
}

#[tonic::async_trait]
impl EventLogService for EventLog {
    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchResponse>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let request = request.into_inner();
        check(&request)?;
        // Without a name only where no one has to prove one.
        caller.as_ref().map_or(Ok(()), |caller| admit(caller, &request.topics))?;
        let Some((store, readers)) = self.stores.get(&request.source) else {
            return Err(Problem::not_found(&format!("no service {:?} keeps events here", request.source)).into());
        };
        if request.latest {
            return Ok(Response::new(FetchResponse { events: Vec::new(), position: latest(store, &request).await? }));
        }
        let limit = usize::try_from(request.limit).unwrap_or(1);
        let until = tokio::time::Instant::now() + Duration::from_millis(u64::from(request.wait_ms));
        let mut latest = store.watch_events();
        // One who has just handled all there was asks again: that nothing is new is known without asking the database. At the end of
        // the wait it is asked all the same, for what another process committed may not have been heard of.
        let mut waited = false;
        loop {
            // Marked as seen before reading, so that an event committed meanwhile wakes us.
            let newest = *latest.borrow_and_update();
            let reads = waited || newest != request.after || newest == 0;
            let (mut events, mut position) =
                if reads { read(store, &request, limit).await? } else { (Vec::new(), request.after) };
            let behind = if events.is_empty() { position } else { request.after };
            readers.note(caller.as_ref().map(|Caller(name)| &**name), &request.topics, behind);
            if !events.is_empty() {
                let fitting = fitting(&events);
                if fitting < events.len() {
                    events.truncate(fitting);
                    position = events.last().map_or(request.after, |e| e.position);
                }
                let events = events.into_iter().map(to_wire).collect();
                return Ok(Response::new(FetchResponse { events, position }));
            }
            let more = tokio::select! {
                changed = latest.changed() => changed.is_ok(),
                () = tokio::time::sleep_until(until) => false,
                // Not an empty answer, after which a consumer would ask again at once.
                () = self.stop.cancelled() => return Err(Problem::unavailable("the process is stopping").into()),
            };
            if !more && reads {
                return Ok(Response::new(FetchResponse { events: Vec::new(), position }));
            }
            waited = true;
        }
    }
}

/// The position of the newest event there is: also of one that another process has committed just now.
async fn latest(store: &Store, request: &FetchRequest) -> Result<u64, Status> {
    let mut position = *store.watch_events().borrow();
    loop {
        let after = FetchRequest { after: position, ..request.clone() };
        let (events, looked) = read(store, &after, MAX_LIMIT as usize).await?;
        if events.is_empty() {
            return Ok(looked.max(position));
        }
        position = events.last().map_or(looked, |event| event.position);
    }
}

/// How many of them one answer may hold: at least one, because one event is never larger.
fn fitting(events: &[store::Event]) -> usize {
    let mut bytes = 0;
    let fits = |stored: &&store::Event| {
        bytes += stored.event.payload.len() + stored.event.baggage.len();
        bytes <= MAX_BYTES
    };
    events.iter().take_while(fits).count().max(1)
}

async fn read(store: &Store, request: &FetchRequest, limit: usize) -> Result<(Vec<store::Event>, u64), Status> {
    use store::Error::{Busy, Closed, Unavailable};
    store.read_events(request.after, &request.topics, limit).await.map_err(|e| {
        if matches!(e, Busy | Closed | Unavailable { .. }) {
            tracing::warn!(error = %e, source = request.source, "the outbox is out of reach");
            return Problem::unavailable("the database does not answer at the moment").into();
        }
        tracing::error!(error = %e, source = request.source, "the outbox cannot be read");
        Problem::internal().into()
    })
}

/// Events are for the services that their topics name.
fn admit(Caller(caller): &Caller, topics: &[String]) -> Result<(), Problem> {
    let foreign = topics.iter().find(|topic| !readers(topic).contains(&&**caller));
    foreign.map_or(Ok(()), |topic| {
        let message = format!(
            "{caller} does not follow {topic:?}: {}",
            match readers(topic) {
                [] => "nobody does".to_owned(),
                some => format!("only {} may read it", some.join(", ")),
            }
        );
        Err(Problem::permission_denied(&message).with_reason(CALLER_NOT_ADMITTED).with_field("topics"))
    })
}

fn check(request: &FetchRequest) -> Result<(), Problem> {
    if request.topics.is_empty() || request.topics.len() > MAX_TOPICS {
        return Err(Problem::invalid(
            "topics",
            &format!("1 to {MAX_TOPICS} topics"),
            "the number of topics is out of range",
        ));
    }
    if request.limit == 0 || request.limit > MAX_LIMIT {
        return Err(Problem::invalid("limit", &format!("1 to {MAX_LIMIT}"), "the limit is out of range"));
    }
    if request.wait_ms > MAX_WAIT_MS {
        return Err(Problem::invalid("wait_ms", &format!("at most {MAX_WAIT_MS}"), "the wait is too long"));
    }
    Ok(())
}

/// Returns an event of an outbox as it travels.
pub fn to_wire(stored: store::Event) -> Event {
    let event = stored.event;
    Event {
        id: event.id,
        topic: event.topic,
        key: event.key,
        position: stored.position,
        occurred_at_unix_ms: event.occurred_at_ms,
        payload: event.payload,
        traceparent: event.traceparent,
        baggage: event.baggage,
    }
}
