//! The states of an order, and the way from one to another.

use vitrine_contracts::Problem;
use vitrine_contracts::orders::v1::OrderState as State;
use vitrine_contracts::topics;

/// Every allowed step.
pub const EDGES: &[(State, State)] = &[
    (State::Placed, State::Paid),
    (State::Placed, State::Cancelled),
    (State::Paid, State::Shipped),
    (State::Paid, State::Cancelled),
    (State::Paid, State::Refunded),
    (State::Shipped, State::Delivered),
    (State::Shipped, State::Refunded),
    (State::Delivered, State::Refunded),
    (State::Cancelled, State::Refunded),
];

/// The state's name, as the world sees it.
pub fn name(state: State) -> &'static str {
    match state {
        State::Unspecified => "unspecified",
        State::Placed => "placed",
        State::Paid => "paid",
        State::Shipped => "shipped",
        State::Delivered => "delivered",
        State::Cancelled => "cancelled",
        State::Refunded => "refunded",
    }
}

/// What is published when an order gets into a state.
pub fn topic(state: State) -> &'static str {
    match state {
        State::Unspecified | State::Placed => topics::ORDER_PLACED,
        State::Paid => topics::ORDER_PAID,
        State::Shipped => topics::ORDER_SHIPPED,
        State::Delivered => topics::ORDER_DELIVERED,
        State::Cancelled => topics::ORDER_CANCELLED,
        State::Refunded => topics::ORDER_REFUNDED,
    }
}

/// Whether the step changes anything: false where the order is in that state already.
pub fn step(from: State, to: State) -> Result<bool, Problem> {
    if from == to {
        Ok(false)
    } else if EDGES.contains(&(from, to)) {
        Ok(true)
    } else {
        let message = format!("an order that is {} cannot become {}", name(from), name(to));
        Err(Problem::precondition("ORDER_STATE", &message))
    }
}

#[cfg(test)]
mod tests {
    use super::{EDGES, State, step};
    use proptest::prelude::{prop_assert, proptest};

    const ALL: [State; 6] =
        [State::Placed, State::Paid, State::Shipped, State::Delivered, State::Cancelled, State::Refunded];

    #[test]
    fn refunded_is_the_end_and_shipped_is_not_cancelled() {
        assert!(EDGES.iter().all(|(from, _)| *from != State::Refunded));
        assert_eq!(step(State::Shipped, State::Cancelled).expect_err("too late").reason, "ORDER_STATE");
        assert!(!step(State::Paid, State::Paid).expect("a repeat"));
    }

    proptest! {
        #[test]
        fn no_way_leads_back(steps in proptest::collection::vec(0usize..6, 0..40)) {
            let mut state = State::Placed;
            let mut seen = vec![state];
            for to in steps {
                if step(state, ALL[to]) == Ok(true) {
                    state = ALL[to];
                    prop_assert!(!seen.contains(&state), "{:?} was there before", state);
                    seen.push(state);
                }
            }
        }
    }
}
