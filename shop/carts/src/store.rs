//! A cart as it is kept: a customer's, or a guest's, whose secret is its id.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use crate::domain::{Line, Purchases};

/// The index of guests' carts by when they were last written.
pub(crate) const GUEST_AT: &str = "guest_at";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CartDoc {
    pub(crate) customer_id: String,
    pub(crate) lines: Vec<Line>,
    #[serde(default)]
    pub(crate) purchases: Purchases,
    /// Writes that left the lines as they were: they do not count as versions of the cart.
    #[serde(default)]
    pub(crate) unseen_writes: u64,
    /// The customer was erased: nothing is put in any more.
    #[serde(default)]
    pub(crate) erased: bool,
    /// Of a guest's cart, when it was last written, Unix milliseconds; nothing of a customer's, which stays.
    #[serde(default)]
    pub(crate) guest_at: Option<i64>,
}

impl Document for CartDoc {
    const COLLECTION: &'static str = "carts";
    const INDEXES: &'static [Index] = &[Index::ordered(GUEST_AT)];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.customer_id)
    }
    fn keys(&self, out: &mut Keys) {
        if let Some(at) = self.guest_at {
            out.put(GUEST_AT, at);
        }
    }
}
