//! What each saga consists of. A definition that journals may name does not change: another version stands beside it.

use vitrine_platform_workflow::{Definition, Definitions, Malformed, Step};

/// Of before purchases took their carts.
pub(crate) const PURCHASE_1: &str = "purchase/1";
/// Of before stock was sold and the card authorised side by side.
pub(crate) const PURCHASE_2: &str = "purchase/2";
/// Today's.
pub(crate) const PURCHASE: &str = "purchase/4";
/// The step that waits for a challenge, where a card asks for one.
pub(crate) const AWAIT_CHALLENGE: &str = "await-challenge";
/// Of an order with a parcel.
pub(crate) const CANCELLATION: &str = "cancellation/1";
/// Of an order without one.
pub(crate) const DIGITAL_CANCELLATION: &str = "digital-cancellation/1";
/// Of an order that was sent.
pub(crate) const REFUND: &str = "refund/1";

/// All that journals may name.
pub(crate) fn all() -> Result<Definitions, Malformed> {
    Ok(Definitions::new([
        purchase_in_a_row(1)?,
        purchase_in_a_row(2)?,
        purchase_without_challenge()?,
        purchase()?,
        cancellation()?,
        digital_cancellation()?,
        refund()?,
    ]))
}

/// The money moves at the capture: what is before the challenge is turned back when anything goes wrong, what is behind it is brought to
/// its end. Waiting for a challenge outlives a crash. Where there is none it is done at once, and as it is repeatable its end is not
/// written down: it costs no commit and no call. An order on record stands.
fn purchase() -> Result<Definition, Malformed> {
    let steps = [
        Step::tentative("take-cart"),
        Step::tentative("sell-stock").after(["take-cart"]),
        Step::tentative("authorize").after(["take-cart"]),
        Step::firm(AWAIT_CHALLENGE).after(["sell-stock", "authorize"]).refusable().compensable().repeatable(),
        Step::firm("capture").after([AWAIT_CHALLENGE]).refusable().compensable().repeatable(),
        Step::firm("record").after(["capture"]).refusable().repeatable(),
        Step::firm("send-parcel").after(["record"]).repeatable(),
        Step::firm("settle-cart").after(["record"]).repeatable(),
    ];
    Definition::new("purchase", 4, steps)
}

/// Of before a card could ask for a challenge.
fn purchase_without_challenge() -> Result<Definition, Malformed> {
    let steps = [
        Step::tentative("take-cart"),
        Step::tentative("sell-stock").after(["take-cart"]),
        Step::tentative("authorize").after(["take-cart"]),
        Step::firm("capture").after(["sell-stock", "authorize"]).refusable().compensable().repeatable(),
        Step::firm("record").after(["capture"]).refusable().repeatable(),
        Step::firm("send-parcel").after(["record"]).repeatable(),
        Step::firm("settle-cart").after(["record"]).repeatable(),
    ];
    Definition::new("purchase", 3, steps)
}

/// No purchase of these is begun any more, so that what stands before their captures is only ever compensated.
fn purchase_in_a_row(version: u32) -> Result<Definition, Malformed> {
    let mut steps = vec![
        Step::tentative("reserve"),
        Step::tentative("authorize").after(["reserve"]),
        Step::tentative("sell").after(["authorize"]),
        Step::firm("capture").after(["sell"]).refusable().compensable().repeatable(),
        Step::firm("ship").after(["capture"]).refusable().compensable().repeatable(),
        Step::firm("record").after(["ship"]).refusable().repeatable(),
        Step::firm("settle").after(["record"]).repeatable(),
    ];
    if version > 1 {
        steps[0] = Step::tentative("reserve").after(["take"]);
        steps.insert(0, Step::tentative("take"));
    }
    Definition::new("purchase", version, steps)
}

/// The parcel decides, and it alone can be refused: once it is stopped, everything is given back.
fn cancellation() -> Result<Definition, Malformed> {
    let steps = [
        Step::firm("stop-parcel").refusable(),
        Step::firm("mark-cancelled").after(["stop-parcel"]),
        Step::firm("refund").after(["mark-cancelled"]),
        Step::firm("release-stock").after(["mark-cancelled"]),
        Step::firm("mark-refunded").after(["refund", "release-stock"]),
    ];
    Definition::new("cancellation", 1, steps)
}

/// Without a parcel the order's state decides.
fn digital_cancellation() -> Result<Definition, Malformed> {
    let steps = [
        Step::firm("mark-cancelled").refusable(),
        Step::firm("refund").after(["mark-cancelled"]),
        Step::firm("release-stock").after(["mark-cancelled"]),
        Step::firm("mark-refunded").after(["refund", "release-stock"]),
    ];
    Definition::new("digital-cancellation", 1, steps)
}

fn refund() -> Result<Definition, Malformed> {
    let steps = [Step::firm("refund").refusable(), Step::firm("mark-refunded").after(["refund"])];
    Definition::new("refund", 1, steps)
}

#[cfg(test)]
mod tests {
    use super::{CANCELLATION, DIGITAL_CANCELLATION, PURCHASE, PURCHASE_1, PURCHASE_2, REFUND, all};

    #[test]
    fn they_are_well_formed_and_found() {
        let definitions = all().expect("well formed");
        for id in [PURCHASE_1, PURCHASE_2, "purchase/3", PURCHASE, CANCELLATION, DIGITAL_CANCELLATION, REFUND] {
            assert_eq!(definitions.get(id).expect("known").id(), id);
        }
    }
}
