//! The mailbox.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::email::v1::Message;
use vitrine_platform_store::{Document, Index, Keys};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MessageDoc {
    /// Made of the order's id and the template, so that no letter is written twice.
    pub(crate) id: String,
    pub(crate) to: String,
    /// Whose it is: the address may be another's later.
    pub(crate) customer_id: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) template: String,
    pub(crate) order_id: String,
    pub(crate) created_at: i64,
    pub(crate) delivered_by: String,
}

impl Document for MessageDoc {
    const COLLECTION: &'static str = "messages";
    const INDEXES: &'static [Index] = &[Index::ordered("customer_id")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("customer_id", self.customer_id.as_str());
    }
}

impl From<MessageDoc> for Message {
    fn from(doc: MessageDoc) -> Self {
        Self {
            id: doc.id,
            to: doc.to,
            subject: doc.subject,
            text: doc.text,
            html: doc.html,
            template: doc.template,
            order_id: doc.order_id,
            created_at_unix_ms: doc.created_at,
            delivered_by: doc.delivered_by,
        }
    }
}
