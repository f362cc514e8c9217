//! What a bank asks whoever pays. Its id is the key: no token is needed, and no more is told than the page has to show.

use async_graphql::{Enum, Error, ID, InputObject, SimpleObject};
use vitrine_contracts::checkout::v1::PurchaseChallenge;
use vitrine_contracts::payments::v1 as payments;

use super::error::{InputError, findable, refusable};
use super::money::{Money, as_bought};
use super::scalars::{DateTime, int};
use super::session::Session;
use crate::dto::{answer, challenge_page};

/// Where a challenge stands.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ChallengeState {
    Waiting,
    /// The order is placed, or about to be.
    Passed,
    /// By whoever was asked.
    Refused,
    /// By too many wrong codes.
    Failed,
    /// It was not answered in time, or the purchase is over.
    Expired,
}

impl ChallengeState {
    fn of(state: payments::ChallengeState) -> Self {
        match state {
            payments::ChallengeState::Unspecified | payments::ChallengeState::Waiting => Self::Waiting,
            payments::ChallengeState::Passed => Self::Passed,
            payments::ChallengeState::Refused => Self::Refused,
            payments::ChallengeState::Failed => Self::Failed,
            payments::ChallengeState::Expired => Self::Expired,
        }
    }
}

/// A question of the bank's. Nothing is bought until it is passed, and then nothing more has to be done.
#[derive(SimpleObject)]
pub(crate) struct PaymentChallenge {
    /// Whoever knows it may answer.
    id: ID,
    /// The page that asks it: a path of the storefront's. It may stand in a frame of the storefront's own pages.
    url: String,
    state: ChallengeState,
    expires_at: DateTime,
    /// Codes that may still be tried.
    tries_left: i32,
    /// What is to be paid.
    amount: Money,
    /// What the order will be called, once it is on record.
    order_id: ID,
}

impl PaymentChallenge {
    pub(crate) fn of(asked: PurchaseChallenge) -> Result<Self, Error> {
        let challenge = asked.challenge.unwrap_or_default();
        Ok(Self {
            url: challenge_page(&challenge.id),
            state: ChallengeState::of(challenge.state()),
            expires_at: DateTime(challenge.expires_at_unix_ms),
            tries_left: int(challenge.tries_left),
            amount: as_bought(asked.amount.as_ref())?,
            order_id: ID(asked.order_id),
            id: ID(challenge.id),
        })
    }
}

/// An answer: either a code or a refusal.
#[derive(InputObject)]
pub(crate) struct CompletePaymentChallengeInput {
    id: ID,
    /// As the bank has sent it: six digits.
    code: Option<String>,
    /// Nothing is bought then.
    #[graphql(default)]
    refuse: bool,
}

/// What came of an answer.
#[derive(SimpleObject)]
pub(crate) struct PaymentChallengePayload {
    /// As it stands now; null where there is no such challenge.
    challenge: Option<PaymentChallenge>,
    errors: Vec<InputError>,
}

/// The challenge with this id.
pub(crate) async fn find(session: &Session, id: ID) -> Result<Option<PaymentChallenge>, Error> {
    findable(session.gateway.challenge(id.0).await)?.map(PaymentChallenge::of).transpose()
}

/// Takes an answer to a challenge, and goes on with the purchase or turns it back.
pub(crate) async fn complete(
    session: &Session,
    input: CompletePaymentChallengeInput,
) -> Result<PaymentChallengePayload, Error> {
    let CompletePaymentChallengeInput { id, code, refuse } = input;
    let completed = match answer(code, refuse) {
        Ok(answer) => session.gateway.complete_challenge(id.0.clone(), answer).await,
        Err(problem) => Err(problem.into()),
    };
    Ok(match refusable(completed)? {
        Ok(asked) => PaymentChallengePayload { challenge: Some(PaymentChallenge::of(asked)?), errors: Vec::new() },
        Err(refused) => {
            let refused = refused.renamed(|field| if field == "challengeId" { "id".to_owned() } else { field });
            let challenge = refusable(session.gateway.challenge(id.0).await)?.ok();
            let challenge = challenge.map(PaymentChallenge::of).transpose()?;
            PaymentChallengePayload { challenge, errors: vec![refused] }
        }
    })
}
