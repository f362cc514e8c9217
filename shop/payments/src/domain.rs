//! The life of a payment: authorised, perhaps after a challenge, captured, refunded; or voided; or declined.

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Not held yet: its bank asks whoever pays.
    Challenged,
    /// Held, not taken.
    Authorized,
    /// Taken.
    Captured,
    /// Never taken, and never will be.
    Voided,
    /// Given back wholly.
    Refunded,
    /// The acquirer said no.
    Declined,
}

/// The money of one payment, in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Where it stands.
    pub state: State,
    /// What was held.
    pub amount: i64,
    /// What was taken.
    pub captured: i64,
    /// What was given back, by the id of each refund.
    pub refunds: Vec<(String, i64)>,
}

impl Ledger {
    /// What was given back in all.
    pub fn refunded(&self) -> i64 {
        self.refunds.iter().map(|(_, amount)| amount).sum()
    }

    /// Takes what is held. False if it was taken before.
    pub fn capture(&mut self) -> Result<bool, Problem> {
        match self.state {
            State::Authorized => {
                self.state = State::Captured;
                self.captured = self.amount;
                Ok(true)
            }
            State::Captured => Ok(false),
            State::Challenged | State::Voided | State::Refunded | State::Declined => {
                let message = "the payment is voided, refunded, declined, or not authorised yet";
                Err(Problem::precondition("PAYMENT_NOT_AUTHORIZED", message))
            }
        }
    }

    /// Gives back `amount`, or what is left; a mere authorisation is voided. False if this refund was made before.
    pub fn refund(&mut self, refund_id: &str, amount: Option<i64>) -> Result<bool, Problem> {
        match self.state {
            State::Challenged | State::Authorized => {
                self.state = State::Voided;
                Ok(true)
            }
            State::Voided | State::Declined => Ok(false),
            State::Captured | State::Refunded => {
                if self.refunds.iter().any(|(id, _)| id == refund_id) {
                    return Ok(false);
                }
                let left = self.captured - self.refunded();
                let amount = amount.unwrap_or(left);
                if amount <= 0 || amount > left {
                    let expected = format!("more than nothing, at most the {left} minor units that are left");
                    return Err(Problem::invalid("amount", &expected, "so much cannot be given back")
                        .with_reason("REFUND_TOO_LARGE"));
                }
                self.refunds.push((refund_id.to_owned(), amount));
                if amount == left {
                    self.state = State::Refunded;
                }
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, State};
    use proptest::prelude::{prop_assert, proptest};

    fn authorized(amount: i64) -> Ledger {
        Ledger { state: State::Authorized, amount, captured: 0, refunds: Vec::new() }
    }

    #[test]
    fn repeats_change_nothing() {
        let mut ledger = authorized(100);
        assert_eq!(ledger.capture(), Ok(true));
        assert_eq!(ledger.capture(), Ok(false));
        assert_eq!(ledger.refund("a", Some(40)), Ok(true));
        assert_eq!(ledger.refund("a", Some(40)), Ok(false));
        assert!(ledger.refund("b", Some(61)).is_err());
        assert_eq!(ledger.refund("b", None), Ok(true));
        assert_eq!((ledger.state, ledger.refunded()), (State::Refunded, 100));
    }

    #[test]
    fn a_voided_payment_is_never_taken() {
        let mut ledger = authorized(100);
        assert_eq!(ledger.refund("a", None), Ok(true));
        assert!(ledger.capture().is_err());
        assert_eq!(ledger.captured, 0);
    }

    proptest! {
        #[test]
        fn no_more_is_given_back_than_was_taken(amount in 1i64..10_000, ops in proptest::collection::vec((0u8..3, 0u8..6, -5i64..12_000), 0..40)) {
            let mut ledger = authorized(amount);
            for (op, id, part) in ops {
                let _ = match op {
                    0 => ledger.capture(),
                    1 => ledger.refund(&id.to_string(), None),
                    _ => ledger.refund(&id.to_string(), Some(part)),
                };
                prop_assert!(ledger.captured == 0 || ledger.captured == amount);
                prop_assert!(ledger.refunded() <= ledger.captured);
            }
        }
    }
}
