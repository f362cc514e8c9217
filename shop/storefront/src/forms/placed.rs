//! What becomes of a purchase: where a browser goes on, or what its form says.

use serde_json::Value;

use crate::forms::{challenge, refused_form};
use crate::pages::Form;
use crate::routes::address;

/// Where someone goes on who has paid: to the order, perhaps past their bank.
pub(crate) fn next_step(placed: &Value, currency: &str) -> Option<String> {
    let order = |id: &str| address(&format!("/orders/{id}"), &[("placed", "yes")], currency);
    match placed["kind"].as_str()? {
        "Order" => Some(order(placed["id"].as_str()?)),
        "PaymentChallenge" => {
            let next = order(placed["orderId"].as_str()?);
            Some(challenge::page(placed["url"].as_str()?, Some(&next), currency))
        }
        _ => None,
    }
}

/// The form that says why nothing was bought.
pub(crate) fn refused(placed: &Value) -> Form {
    let told = |message: String| Form { message, ..Form::default() };
    match (placed["kind"].as_str(), placed["code"].as_str()) {
        (Some("PriceChanged"), _) => {
            let text = |money: &Value| money["text"].as_str().unwrap_or_default().to_owned();
            let (was, now) = (text(&placed["was"]), text(&placed["now"]["total"]));
            let now = if now.is_empty() { "It has changed".to_owned() } else { format!("It is {now} now") };
            told(format!("The price was {was}. {now}: nothing was charged, please look once more."))
        }
        (_, Some("QUOTE_EXPIRED" | "QUOTE_CHANGED")) => {
            told("Time has passed, or something has changed: nothing was charged, please look once more.".to_owned())
        }
        _ => refused_form(placed, &[]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{next_step, refused};

    #[test]
    fn who_has_paid_goes_on_past_the_bank_or_is_told_why_not() {
        let placed = json!({"kind": "Order", "id": "ord_1"});
        assert_eq!(next_step(&placed, "CZK").as_deref(), Some("/orders/ord_1?placed=yes&currency=CZK"));
        let asked = json!({"kind": "PaymentChallenge", "url": "/challenge/chl_1", "orderId": "ord_1"});
        let page = "/challenge/chl_1?next=%2Forders%2Ford_1%3Fplaced%3Dyes";
        assert_eq!(next_step(&asked, "EUR").as_deref(), Some(page));
        let (was, now) = (json!({"text": "€1"}), json!({"total": {"text": "€2"}}));
        for (placed, expected) in [
            (json!({"kind": "Refusal", "code": "CARD_DECLINED", "message": "no money"}), "No money."),
            (json!({"kind": "Refusal", "code": "QUOTE_EXPIRED", "message": "x"}), "Time has passed"),
            (json!({"kind": "PriceChanged", "was": was, "now": now}), "was €1. It is €2 now"),
            (json!({"kind": "PriceChanged", "was": was, "now": null}), "It has changed"),
        ] {
            assert_eq!(next_step(&placed, "EUR"), None);
            let told = refused(&placed).message;
            assert!(told.contains(expected), "{told}");
        }
    }
}
