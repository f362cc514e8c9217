//! What the bank of a card asks whoever pays, before it holds an amount: a code, of a number of tries and for a time.

use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::limits::{CHALLENGE_CODE_DIGITS, CHALLENGE_MS, MAX_CHALLENGE_TRIES};
use vitrine_kit::id;

use crate::domain::{Ledger, State};

/// The code that the built-in acquirer's bank takes.
const CODE: &str = "123456";

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChallengeState {
    /// It can be answered.
    Waiting,
    /// By the right code.
    Passed,
    /// By whoever was asked.
    Refused,
    /// By too many wrong codes.
    Failed,
    /// By the time, or for the payment is over. Never stored.
    Expired,
}

/// A challenge of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// "chl_…": whoever knows it may answer.
    pub id: String,
    state: ChallengeState,
    /// In milliseconds since 1970.
    pub expires_at: i64,
    /// How many codes may still be tried.
    pub tries_left: u32,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeResponse {
    /// A code, which can be one.
    Code(String),
    /// No.
    Refuse,
}

impl ChallengeResponse {
    /// Reads a code as it was typed. No message repeats it.
    pub fn code(typed: &str) -> Result<Self, Problem> {
        if typed.len() == CHALLENGE_CODE_DIGITS && typed.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Code(typed.to_owned()));
        }
        let expected = format!("{CHALLENGE_CODE_DIGITS} digits");
        Err(Problem::invalid("code", &expected, "that cannot be a code").with_reason("INVALID_CHALLENGE_CODE"))
    }
}

impl Challenge {
    /// A new one.
    pub fn new(now_ms: i64) -> Self {
        Self {
            id: id::new("chl"),
            state: ChallengeState::Waiting,
            expires_at: now_ms + CHALLENGE_MS,
            tries_left: MAX_CHALLENGE_TRIES,
        }
    }

    /// Where it stands now, for this payment.
    pub fn state_at(&self, ledger: &Ledger, now_ms: i64) -> ChallengeState {
        match self.state {
            ChallengeState::Waiting if ledger.state != State::Challenged || now_ms >= self.expires_at => {
                ChallengeState::Expired
            }
            state => state,
        }
    }

    /// Takes an answer. Returns whether it changed anything: one to what is over does not.
    pub fn answer(&mut self, ledger: &mut Ledger, answer: &ChallengeResponse, now_ms: i64) -> bool {
        if self.state_at(ledger, now_ms) != ChallengeState::Waiting {
            return false;
        }
        match answer {
            ChallengeResponse::Code(code) if code == CODE => {
                (self.state, ledger.state) = (ChallengeState::Passed, State::Authorized);
            }
            ChallengeResponse::Code(_) => {
                self.tries_left = self.tries_left.saturating_sub(1);
                if self.tries_left == 0 {
                    (self.state, ledger.state) = (ChallengeState::Failed, State::Declined);
                }
            }
            ChallengeResponse::Refuse => (self.state, ledger.state) = (ChallengeState::Refused, State::Declined),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{CHALLENGE_MS, Challenge, ChallengeResponse, ChallengeState, MAX_CHALLENGE_TRIES};
    use crate::domain::{Ledger, State};

    const NOW: i64 = 1_000;

    fn challenged() -> (Challenge, Ledger) {
        let ledger = Ledger { state: State::Challenged, amount: 100, captured: 0, refunds: Vec::new() };
        (Challenge::new(NOW), ledger)
    }

    fn code(code: &str) -> ChallengeResponse {
        ChallengeResponse::code(code).expect("a code")
    }

    #[test]
    fn the_right_code_holds_the_amount_once() {
        let (mut challenge, mut ledger) = challenged();
        assert!(challenge.answer(&mut ledger, &code("000000"), NOW));
        assert_eq!((challenge.tries_left, ledger.state), (MAX_CHALLENGE_TRIES - 1, State::Challenged));
        assert!(challenge.answer(&mut ledger, &code("123456"), NOW));
        for late in [code("123456"), code("000000"), ChallengeResponse::Refuse] {
            assert!(!challenge.answer(&mut ledger, &late, NOW), "{late:?}");
        }
        assert_eq!((challenge.state_at(&ledger, NOW), ledger.state), (ChallengeState::Passed, State::Authorized));
        assert_eq!(challenge.state_at(&ledger, NOW + CHALLENGE_MS), ChallengeState::Passed);
    }

    #[test]
    fn nothing_is_held_after_a_refusal_too_many_codes_or_too_late() {
        let (mut challenge, mut ledger) = challenged();
        assert!(challenge.answer(&mut ledger, &ChallengeResponse::Refuse, NOW));
        assert!(!challenge.answer(&mut ledger, &code("123456"), NOW));
        assert_eq!((challenge.state_at(&ledger, NOW), ledger.state), (ChallengeState::Refused, State::Declined));

        let (mut challenge, mut ledger) = challenged();
        for _ in 0..MAX_CHALLENGE_TRIES {
            assert!(challenge.answer(&mut ledger, &code("654321"), NOW));
        }
        assert!(!challenge.answer(&mut ledger, &code("123456"), NOW));
        assert_eq!((challenge.state_at(&ledger, NOW), ledger.state), (ChallengeState::Failed, State::Declined));

        let (mut challenge, mut ledger) = challenged();
        assert!(!challenge.answer(&mut ledger, &code("123456"), NOW + CHALLENGE_MS));
        assert_eq!(challenge.state_at(&ledger, NOW + CHALLENGE_MS), ChallengeState::Expired);
        assert!(ledger.capture().is_err());
        assert_eq!((ledger.refund("a", None), ledger.state), (Ok(true), State::Voided));
        assert_eq!(challenge.state_at(&ledger, NOW), ChallengeState::Expired, "the payment is over");
    }

    #[test]
    fn what_cannot_be_a_code_is_no_try_and_is_not_repeated() {
        for typed in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            let problem = ChallengeResponse::code(typed).expect_err(typed);
            assert_eq!((problem.reason, problem.field.as_deref()), ("INVALID_CHALLENGE_CODE", Some("code")));
            assert!(typed.is_empty() || !problem.message.contains(typed), "{problem:?}");
        }
    }
}
