//! What a bank asks whoever pays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_contracts::Problem as CoreProblem;
use vitrine_contracts::checkout::v1::PurchaseChallenge;
use vitrine_contracts::checkout::v1::complete_challenge_request::Answer;
use vitrine_contracts::limits::MAX_CHALLENGE_TRIES;
use vitrine_kit::clock::rfc3339;

use super::{Money, money, word};
use crate::schema;

/// Where the storefront shows a challenge.
const PAGE: &str = "/challenge/";

/// The path of the page that shows a challenge.
pub(crate) fn challenge_page(id: &str) -> String {
    format!("{PAGE}{id}")
}

/// A question of the bank's, which whoever knows its id may answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Challenge {
    #[schemars(with = "schema::ChallengeId")]
    id: String,
    /// The page that asks it.
    #[schemars(with = "schema::Path")]
    url: String,
    #[schemars(with = "schema::ChallengeState")]
    state: String,
    #[schemars(with = "schema::Time")]
    expires_at: String,
    /// Codes that may still be tried.
    #[schemars(range(max = MAX_CHALLENGE_TRIES))]
    tries_left: u32,
    /// What is to be paid.
    amount: Money,
    /// What the order will be called, once it is on record.
    #[schemars(with = "schema::OrderId")]
    order_id: String,
}

impl From<PurchaseChallenge> for Challenge {
    fn from(asked: PurchaseChallenge) -> Self {
        let challenge = asked.challenge.unwrap_or_default();
        Self {
            url: challenge_page(&challenge.id),
            state: word(challenge.state().as_str_name(), "CHALLENGE_STATE_"),
            expires_at: rfc3339(challenge.expires_at_unix_ms),
            tries_left: challenge.tries_left,
            amount: money(asked.amount),
            order_id: asked.order_id,
            id: challenge.id,
        }
    }
}

/// Nothing is bought yet: the bank asks. The same request with the same key tells what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Challenged {
    pub(crate) challenge: Challenge,
}

/// Exactly one of both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = either()))]
pub(crate) struct ChallengeAnswer {
    /// As the bank has sent it.
    #[schemars(with = "Option<schema::ChallengeCode>")]
    code: Option<String>,
    /// The payment is refused, and nothing is bought.
    refuse: Option<bool>,
}

fn either() -> Value {
    json!([
        {"properties": {"code": {"type": "string"}, "refuse": {"enum": [null, false]}}, "required": ["code"]},
        {"properties": {"code": {"type": "null"}, "refuse": {"const": true}}, "required": ["refuse"]},
    ])
}

impl ChallengeAnswer {
    pub(crate) fn parse(self) -> Result<Answer, CoreProblem> {
        answer(self.code, self.refuse.unwrap_or(false))
    }
}

/// An answer, by a code or a refusal.
pub(crate) fn answer(code: Option<String>, refuse: bool) -> Result<Answer, CoreProblem> {
    match (code, refuse) {
        (Some(code), false) => Ok(Answer::Code(code)),
        (None, true) => Ok(Answer::Refuse(true)),
        _ => Err(CoreProblem::invalid("code", "either a code or a refusal", "there is no answer, or there are two")),
    }
}
