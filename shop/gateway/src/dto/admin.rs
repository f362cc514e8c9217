//! What those who run the shop see.

use schemars::JsonSchema;
use serde::Serialize;
use vitrine_contracts::accounting::v1 as accounting;
use vitrine_contracts::fraud::v1 as fraud;
use vitrine_contracts::limits::MAX_SCORE;
use vitrine_contracts::payments::v1 as payments;
use vitrine_kit::clock::rfc3339;

use super::{Money, money, word};
use crate::schema;

/// A payment, as the shop sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PaymentRecord {
    id: String,
    #[schemars(with = "schema::PaymentState")]
    state: String,
    amount: Money,
    captured: Money,
    refunded: Money,
    scheme: String,
    last4: String,
    /// The order's id.
    reference: String,
    #[schemars(with = "schema::Time")]
    created_at: String,
}

impl From<payments::Payment> for PaymentRecord {
    fn from(p: payments::Payment) -> Self {
        Self {
            state: word(p.state().as_str_name(), "PAYMENT_STATE_"),
            id: p.id,
            amount: money(p.amount),
            captured: money(p.captured),
            refunded: money(p.refunded),
            scheme: p.scheme,
            last4: p.last4,
            reference: p.reference,
            created_at: rfc3339(p.created_at_unix_ms),
        }
    }
}

/// An amount on an account; debit is positive.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    account: String,
    amount: Money,
}

impl From<accounting::Entry> for Entry {
    fn from(e: accounting::Entry) -> Self {
        Self { account: e.account, amount: money(e.amount) }
    }
}

/// The ledger's balances.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TrialBalance {
    balances: Vec<Entry>,
    transaction_count: u64,
    /// True when every currency sums to zero.
    balanced: bool,
}

impl From<accounting::TrialBalance> for TrialBalance {
    fn from(b: accounting::TrialBalance) -> Self {
        let balances = b.balances.into_iter().map(Entry::from).collect();
        Self { balances, transaction_count: b.transaction_count, balanced: b.balanced }
    }
}

/// What was booked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LedgerTransaction {
    id: String,
    #[schemars(with = "schema::OrderId")]
    order_id: String,
    #[schemars(extend("enum" = ["sale", "refund"]))]
    kind: String,
    entries: Vec<Entry>,
    #[schemars(with = "schema::Time")]
    at: String,
}

impl From<accounting::Transaction> for LedgerTransaction {
    fn from(t: accounting::Transaction) -> Self {
        let entries = t.entries.into_iter().map(Entry::from).collect();
        Self { id: t.id, order_id: t.order_id, kind: t.kind, entries, at: rfc3339(t.at_unix_ms) }
    }
}

/// What a rule found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Finding {
    rule: String,
    points: u32,
    explanation: String,
}

/// How risky an order is, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Assessment {
    #[schemars(with = "schema::OrderId")]
    order_id: String,
    customer_id: String,
    /// The sum of what the rules gave.
    #[schemars(range(max = MAX_SCORE))]
    score: u32,
    #[schemars(with = "schema::Verdict")]
    verdict: String,
    findings: Vec<Finding>,
    #[schemars(with = "schema::Time")]
    at: String,
}

impl From<fraud::Assessment> for Assessment {
    fn from(a: fraud::Assessment) -> Self {
        let verdict = word(a.verdict().as_str_name(), "VERDICT_");
        let finding = |f: fraud::Finding| Finding { rule: f.rule, points: f.points, explanation: f.explanation };
        Self {
            order_id: a.order_id,
            customer_id: a.customer_id,
            score: a.score,
            verdict,
            findings: a.findings.into_iter().map(finding).collect(),
            at: rfc3339(a.at_unix_ms),
        }
    }
}

/// A new signing key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyRotated {
    pub(crate) key_id: String,
}
