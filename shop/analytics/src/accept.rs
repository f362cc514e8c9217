//! Taking messages: each once, all of a request in one commit, with the event that hands them to destinations.

use std::collections::{BTreeMap, HashSet};

use prost::Message as _;
use serde_json::Value;
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1::{AcceptRequest, AcceptResponse, Accepted, RefusedMessage};
use vitrine_contracts::topics::MESSAGES_ACCEPTED;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::publish;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Error, MAX_EVENT_BYTES, Query, Store, Tx, retry_conflicts};
use vitrine_platform_telemetry::Counter;

use crate::consent;
use crate::message::{Message, RequestFields, digest};
use crate::request::{Body, Rejected};
use crate::store::{DestinationDoc, MessageDoc, SOURCE, SessionDoc, SourceDoc, WRITE_KEY};

/// Most messages that are looked up at once.
const LOOKED_UP: usize = 500;
/// Most bytes of messages of one event: with what else it holds it stays below what any transport passes.
const MAX_CHUNK: usize = MAX_EVENT_BYTES - 16 * 1024;
/// Most visits that one request can be about; beyond, only the first are noted.
const MAX_SESSIONS: usize = 20;
/// The longest id of a visit that is noted, in bytes.
const MAX_SESSION_ID: usize = 64;

/// What takes messages.
pub(crate) struct Intake {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Messages, by what became of them.
    pub(crate) taken: Counter,
}

impl Intake {
    /// The source that has this key.
    pub(crate) async fn source_of(&self, write_key: &str) -> Result<SourceDoc, Failure> {
        let found = match write_key {
            "" => None,
            key => self.store.find::<SourceDoc>(Query::eq(WRITE_KEY, key).limit(1)).await?.items.pop(),
        };
        let message = if write_key.is_empty() { "no write key is given" } else { "no source has this write key" };
        Ok(found.ok_or_else(|| Problem::unauthenticated("UNKNOWN_WRITE_KEY", message).with_field("writeKey"))?.doc)
    }

    /// Takes what can be taken of a request.
    pub(crate) async fn accept(&self, request: AcceptRequest) -> Result<AcceptResponse, Failure> {
        let body = Body::read(&request.call, &request.body)?;
        let write_key = Some(request.write_key.as_str()).filter(|key| !key.is_empty()).or(body.write_key());
        let source = self.source_of(write_key.unwrap_or_default()).await?;
        let shared = RequestFields {
            received_at_ms: self.clock.now_ms(),
            address: request.address.parse().ok(),
            user_agent: request.user_agent,
            opts_out: request.opts_out,
            ..RequestFields::default()
        };
        let (mut taken, mut rejected) = (Vec::new(), Vec::new());
        for read in body.messages(shared)? {
            match read {
                Ok(message) => taken.push(message),
                Err(refused) => rejected.push(refused),
            }
        }
        if let Some(first) = rejected.first().filter(|_| request.is_strict) {
            return Err(first.problem().into());
        }
        let all = taken.len();
        if source.needs_consent {
            taken.retain(|message| consent::agrees_to_be_measured(&message.0["context"]));
        }
        let opted_out = all - taken.len();
        if !self.sends_emails(&source).await? {
            taken.iter_mut().for_each(|message| consent::without_emails(&mut message.0));
        }
        retry_conflicts(|| self.take(&source, &taken, &rejected)).await?;
        for (outcome, count) in [("accepted", taken.len()), ("refused", rejected.len()), ("opted_out", opted_out)] {
            self.taken.add(count as u64, &[("vitrine.analytics.outcome", outcome)]);
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let refused = rejected.iter().map(refused_message).collect();
        Ok(AcceptResponse { accepted: count(taken.len()), refused, opted_out: count(opted_out) })
    }

    /// Whether any of its destinations is told e-mail addresses: else they are not kept at all.
    async fn sends_emails(&self, source: &SourceDoc) -> Result<bool, Error> {
        let destinations = self.store.find_all::<DestinationDoc>(Query::eq(SOURCE, &source.id)).await?;
        Ok(destinations.iter().any(|destination| destination.takes_emails))
    }

    async fn take(&self, source: &SourceDoc, taken: &[Message], rejected: &[Rejected]) -> Result<(), Failure> {
        let mut tx = self.store.begin();
        let fresh = self.fresh(source, taken).await?;
        write(&mut tx, source, &fresh, self.clock.now_ms());
        for session in self.new_sessions(&fresh).await? {
            tx.insert(&session);
        }
        for rejected in rejected {
            tx.put(&refused(source, rejected, self.clock.now_ms()));
        }
        Ok(tx.commit().await?)
    }

    /// Those that are not known yet, each once.
    async fn fresh<'a>(&self, source: &SourceDoc, taken: &'a [Message]) -> Result<Vec<&'a Message>, Error> {
        let ids: Vec<String> = taken.iter().map(|message| MessageDoc::id_of(&source.id, message.id())).collect();
        let mut known = HashSet::new();
        for some in ids.chunks(LOOKED_UP) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            known.extend(self.store.get_many::<MessageDoc>(&some).await?.into_iter().map(|stored| stored.doc.id));
        }
        Ok(taken.iter().zip(ids).filter(|(_, id)| known.insert(id.clone())).map(|(message, _)| message).collect())
    }

    /// Visits of those who agreed, which are not noted yet.
    async fn new_sessions(&self, fresh: &[&Message]) -> Result<Vec<SessionDoc>, Error> {
        let mut sessions = BTreeMap::new();
        for message in fresh {
            let Some(id) = message.session_id().filter(|id| id.len() <= MAX_SESSION_ID) else { continue };
            if sessions.len() < MAX_SESSIONS && consent::agrees_to_be_measured(&message.0["context"]) {
                sessions.entry(id).or_insert(message);
            }
        }
        let ids: Vec<&str> = sessions.keys().copied().collect();
        let known = self.store.get_many::<SessionDoc>(&ids).await?;
        for known in known {
            sessions.remove(known.doc.id.as_str());
        }
        let session = |(id, message): (&str, &&Message)| SessionDoc {
            id: id.to_owned(),
            anonymous_id: message.anonymous_id().map(str::to_owned),
            consent: message.0["context"]["consent"].clone(),
            at: self.clock.now_ms(),
        };
        Ok(sessions.into_iter().map(|(id, message)| session((id, message))).collect())
    }
}

/// Puts messages into a batch, and the events that hand them on.
pub(crate) fn write(tx: &mut Tx, source: &SourceDoc, fresh: &[&Message], now_ms: i64) {
    let empty = || Accepted { source_id: source.id.clone(), received_at_unix_ms: now_ms, messages: Vec::new() };
    let mut chunk = empty();
    for message in fresh {
        tx.insert(&MessageDoc {
            id: MessageDoc::id_of(&source.id, message.id()),
            source_id: source.id.clone(),
            message_id: message.id().to_owned(),
            kind: message.kind().to_owned(),
            name: message.name().to_owned(),
            user_id: message.user_id().map(str::to_owned),
            received_at: now_ms,
            refusal: None,
        });
        let content = message.0.to_string().into_bytes();
        if !chunk.messages.is_empty() && chunk.encoded_len() + content.len() > MAX_CHUNK {
            publish(tx, MESSAGES_ACCEPTED, &source.id, now_ms, &std::mem::replace(&mut chunk, empty()));
        }
        chunk.messages.push(content);
    }
    if !chunk.messages.is_empty() {
        publish(tx, MESSAGES_ACCEPTED, &source.id, now_ms, &chunk);
    }
}

fn refused_message(rejected: &Rejected) -> RefusedMessage {
    let (message, expected) = (rejected.refused.message.to_owned(), rejected.refused.expected.clone());
    RefusedMessage { field: rejected.field(), message, expected }
}

/// What the owner of the source sees of a message that was not taken; of what it said, only what it is called.
fn refused(source: &SourceDoc, rejected: &Rejected, now_ms: i64) -> MessageDoc {
    let text = |field: &str| {
        let text = rejected.own[field].as_str().unwrap_or_default();
        text[..text.floor_char_boundary(vitrine_contracts::limits::MAX_MESSAGE_ID)].to_owned()
    };
    let digest = rejected.own.as_object().map(digest).unwrap_or_default();
    let why = &rejected.refused;
    let field = if why.field.is_empty() { String::new() } else { format!("{}: ", why.field) };
    MessageDoc {
        id: MessageDoc::id_of_refused(&source.id, &hex::encode(digest)),
        source_id: source.id.clone(),
        message_id: text("messageId"),
        kind: text("type"),
        name: Some(text("event")).filter(|name| !name.is_empty()).unwrap_or_else(|| text("name")),
        user_id: None,
        received_at: now_ms,
        refusal: Some(format!("{field}{}, {} expected", why.message, why.expected)),
    }
}

/// The message that the shop itself sends, as it is kept.
pub(crate) fn own(fields: Value, received_at_ms: i64) -> Option<Message> {
    let Value::Object(fields) = fields else { return None };
    Message::read(fields, None, &RequestFields { received_at_ms, ..RequestFields::default() }).ok()
}
