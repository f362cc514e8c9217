//! Payments and tokens as they are kept. No card number is among it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use crate::card::Checked;
use crate::challenge::Challenge;
use crate::domain::Ledger;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentDoc {
    pub(crate) id: String,
    /// Empty for a payment that was voided before it came.
    pub(crate) currency: String,
    pub(crate) ledger: Ledger,
    pub(crate) scheme: String,
    pub(crate) last4: String,
    pub(crate) reference: String,
    pub(crate) customer_id: String,
    pub(crate) created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<Challenge>,
}

impl Document for PaymentDoc {
    const COLLECTION: &'static str = "payments";
    const INDEXES: &'static [Index] = &[Index::ordered("challenge")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        if let Some(challenge) = &self.challenge {
            out.put("challenge", challenge.id.as_str());
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TokenDoc {
    pub(crate) token: String,
    pub(crate) customer_id: String,
    pub(crate) card: Checked,
}

impl Document for TokenDoc {
    const COLLECTION: &'static str = "tokens";
    const INDEXES: &'static [Index] = &[Index::ordered("customer_id")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.token)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("customer_id", self.customer_id.as_str());
    }
}
