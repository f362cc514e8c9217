//! What is kept: sources with their destinations, which messages are known, and who agreed to be measured.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::analytics::v1 as wire;
use vitrine_platform_store::{Document, Index, Keys};

/// The index of sources by their key.
pub(crate) const WRITE_KEY: &str = "write_key";
/// The index of sources by whose they are, and of messages and destinations by their source.
pub(crate) const OWNER: &str = "owner";
pub(crate) const SOURCE: &str = "source";
/// The index of messages that were refused, by their source.
pub(crate) const REFUSED: &str = "refused";
/// The index of messages and sessions by when they came.
pub(crate) const AT: &str = "at";
/// The index of messages by the account that they are about.
pub(crate) const USER: &str = "user";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SourceDoc {
    pub(crate) id: String,
    pub(crate) owner_id: String,
    pub(crate) name: String,
    pub(crate) write_key: String,
    pub(crate) created_at: i64,
    pub(crate) needs_consent: bool,
    /// It is no more; that it was is known, so that deleting it again is no mistake.
    pub(crate) is_deleted: bool,
}

impl Document for SourceDoc {
    const COLLECTION: &'static str = "sources";
    const INDEXES: &'static [Index] = &[Index::unique(WRITE_KEY), Index::ordered(OWNER), Index::ordered("alive")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        if !self.is_deleted {
            out.put(WRITE_KEY, self.write_key.as_str());
            out.put(OWNER, self.owner_id.as_str());
            out.put("alive", 1_i64);
        }
    }
}

/// Where a source's messages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DestinationDoc {
    pub(crate) source_id: String,
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) measurement_id: String,
    pub(crate) secret: String,
    pub(crate) consent_categories: Vec<String>,
    pub(crate) takes_emails: bool,
    /// How often it was asked to begin anew.
    pub(crate) replays: u32,
}

impl DestinationDoc {
    /// What names it, and the consumer that sends there.
    pub(crate) fn name(source_id: &str, kind: &str) -> String {
        format!("{source_id}/{kind}")
    }
}

impl Document for DestinationDoc {
    const COLLECTION: &'static str = "destinations";
    const INDEXES: &'static [Index] = &[Index::ordered(SOURCE)];
    fn id(&self) -> Cow<'_, str> {
        Cow::Owned(Self::name(&self.source_id, &self.kind))
    }
    fn keys(&self, out: &mut Keys) {
        out.put(SOURCE, self.source_id.as_str());
    }
}

impl From<DestinationDoc> for wire::Destination {
    /// Without the secret.
    fn from(doc: DestinationDoc) -> Self {
        Self {
            kind: doc.kind,
            url: doc.url,
            measurement_id: doc.measurement_id,
            secret: String::new(),
            consent_categories: doc.consent_categories,
            takes_emails: doc.takes_emails,
        }
    }
}

/// That a message came. Its content is in the outbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MessageDoc {
    /// Of the source and the message's own id: the same message is one document.
    pub(crate) id: String,
    pub(crate) source_id: String,
    pub(crate) message_id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) user_id: Option<String>,
    pub(crate) received_at: i64,
    /// Why it was not taken.
    pub(crate) refusal: Option<String>,
}

impl MessageDoc {
    pub(crate) fn id_of(source_id: &str, message_id: &str) -> String {
        format!("{source_id}/{message_id}")
    }

    /// One that was refused is not in the way of the same one, put right.
    pub(crate) fn id_of_refused(source_id: &str, digest: &str) -> String {
        format!("{source_id}!{digest}")
    }
}

impl Document for MessageDoc {
    const COLLECTION: &'static str = "messages";
    const INDEXES: &'static [Index] =
        &[Index::ordered(SOURCE), Index::ordered(REFUSED), Index::ordered(AT), Index::ordered(USER)];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put(SOURCE, self.source_id.as_str());
        out.put(AT, self.received_at);
        if self.refusal.is_some() {
            out.put(REFUSED, self.source_id.as_str());
        }
        if let Some(user_id) = &self.user_id {
            out.put(USER, user_id.as_str());
        }
    }
}

impl From<MessageDoc> for wire::Message {
    fn from(doc: MessageDoc) -> Self {
        Self {
            message_id: doc.message_id,
            r#type: doc.kind,
            name: doc.name,
            received_at_unix_ms: doc.received_at,
            refusal: doc.refusal.unwrap_or_default(),
        }
    }
}

/// A visit to the shop whose visitor agreed to be measured: what the shop itself does for them is told, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SessionDoc {
    pub(crate) id: String,
    pub(crate) anonymous_id: Option<String>,
    /// `context.consent` as it came first.
    pub(crate) consent: serde_json::Value,
    pub(crate) at: i64,
}

impl Document for SessionDoc {
    const COLLECTION: &'static str = "sessions";
    const INDEXES: &'static [Index] = &[Index::ordered(AT)];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put(AT, self.at);
    }
}
