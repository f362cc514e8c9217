//! The ledger as it is kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::accounting::v1::{Entry, Transaction};
use vitrine_contracts::common::v1::Money;
use vitrine_platform_store::{Document, Index, Keys};

/// An amount on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryDoc {
    pub(crate) account: String,
    pub(crate) currency: String,
    pub(crate) minor: i64,
}

impl EntryDoc {
    pub(crate) fn to_wire(&self) -> Entry {
        let amount = Money { currency_code: self.currency.clone(), minor_units: self.minor };
        Entry { account: self.account.clone(), amount: Some(amount) }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TransactionDoc {
    /// The order's id and what happened, so that nothing is booked twice and the order of ids is that of orders.
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) kind: String,
    pub(crate) entries: Vec<EntryDoc>,
    pub(crate) at: i64,
}

impl TransactionDoc {
    pub(crate) fn to_wire(&self) -> Transaction {
        Transaction {
            id: self.id.clone(),
            order_id: self.order_id.clone(),
            kind: self.kind.clone(),
            entries: self.entries.iter().map(EntryDoc::to_wire).collect(),
            at_unix_ms: self.at,
        }
    }
}

impl Document for TransactionDoc {
    const COLLECTION: &'static str = "transactions";
    const INDEXES: &'static [Index] = &[Index::ordered("order_id")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("order_id", self.order_id.as_str());
    }
}

/// The sum of an account in one currency.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BalanceDoc(pub(crate) EntryDoc);

impl BalanceDoc {
    pub(crate) fn id_of(entry: &EntryDoc) -> String {
        format!("{}/{}", entry.account, entry.currency)
    }
}

impl Document for BalanceDoc {
    const COLLECTION: &'static str = "balances";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Owned(Self::id_of(&self.0))
    }
    fn keys(&self, _: &mut Keys) {}
}
