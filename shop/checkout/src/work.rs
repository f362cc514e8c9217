//! What sagas do, by the names of their steps.

use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::checkout::v1::PurchaseChallenge;
use vitrine_contracts::orders::v1::Order;
use vitrine_contracts::payments::v1::PaymentMethod;
use vitrine_platform_workflow::{Activities, Outcome};

use crate::Deps;
use crate::buy::{Buying, Purchase};
use crate::definitions::{CANCELLATION, DIGITAL_CANCELLATION, PURCHASE, REFUND};
use crate::reversal::{Reversal, Reversing};
use crate::saga::outcome_of;

/// What a saga is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    Buy(Box<Purchase>),
    Cancel(Reversal),
    Refund(Reversal),
}

impl Work {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Buy(_) => "buy",
            Self::Cancel(_) => "cancel",
            Self::Refund(_) => "refund",
        }
    }

    /// The definition that new work of this kind follows.
    pub(crate) fn definition(&self) -> &'static str {
        match self {
            Self::Buy(_) => PURCHASE,
            Self::Cancel(reversal) if reversal.has_parcel() => CANCELLATION,
            Self::Cancel(_) => DIGITAL_CANCELLATION,
            Self::Refund(_) => REFUND,
        }
    }

    pub(crate) fn order_id(&self) -> &str {
        match self {
            Self::Buy(purchase) => &purchase.order_id,
            Self::Cancel(reversal) | Self::Refund(reversal) => &reversal.order_id,
        }
    }

    /// Forgets what it says about a person.
    pub(crate) fn forget_person(&mut self) {
        match self {
            Self::Buy(purchase) => purchase.order.clear(),
            Self::Cancel(reversal) | Self::Refund(reversal) => reversal.reason.clear(),
        }
    }
}

/// What a saga comes to for now.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The order as it is.
    Order(Order),
    /// A purchase waits for its challenge, or that was not passed.
    Challenge(PurchaseChallenge),
}

/// Work that can be done.
pub(crate) enum Steps {
    Buy(Box<Buying>),
    Reverse(Box<Reversing>),
}

impl Steps {
    pub(crate) fn new(work: &Work, deps: &Deps, method: Option<PaymentMethod>) -> Result<Self, Status> {
        Ok(match work {
            Work::Buy(purchase) => Self::Buy(Box::new(Buying::new(purchase, deps, method)?)),
            Work::Cancel(reversal) => Self::Reverse(Box::new(Reversing::cancelling(reversal, deps))),
            Work::Refund(reversal) => Self::Reverse(Box::new(Reversing::refunding(reversal, deps))),
        })
    }

    /// The challenge that is waited for.
    pub(crate) fn challenge(&self) -> Option<PurchaseChallenge> {
        match self {
            Self::Buy(buying) => buying.challenge(),
            Self::Reverse(_) => None,
        }
    }

    /// The order as it went on record, if that was done here and nothing has changed it since.
    pub(crate) fn recorded(&self) -> Option<Order> {
        match self {
            Self::Buy(buying) => buying.recorded(),
            Self::Reverse(_) => None,
        }
    }
}

impl Activities for Steps {
    type Error = Status;

    async fn execute(&self, step: &str) -> Result<(), Status> {
        match self {
            Self::Buy(buying) => buying.execute(step).await,
            Self::Reverse(reversing) => reversing.execute(step).await,
        }
    }

    async fn compensate(&self, step: &str) -> Result<(), Status> {
        match self {
            Self::Buy(buying) => buying.compensate(step).await,
            // None of its steps is compensable.
            Self::Reverse(_) => Err(no_such_step(step)),
        }
    }

    fn outcome(&self, error: &Status) -> Outcome {
        outcome_of(error)
    }
}

/// A definition names a step for which there is nothing to do.
pub(crate) fn no_such_step(step: &str) -> Status {
    tracing::error!(step, "a saga's definition names a step that nothing is known of");
    Problem::internal().into()
}
