//! Cards: the one that a purchase is paid with, and those that are kept for the next one. Of a kept card the shop has a token and four digits.

use serde_json::{Value, json};

use crate::Storefront;
use crate::forms::{Sent, variables};
use crate::pages::Form;

const KEEP: &str = "mutation KeepCard($card: CardInput!) { keepCard(input: {card: $card}) { \
     card { token scheme last4 } errors { code } } }";
const KEPT: &str = "query KeptCards { me { cards { token scheme last4 } } }";
pub(crate) const FORGET: &str =
    "mutation ForgetCard($token: ID!) { forgetCard(input: {token: $token}) { errors { code message field } } }";
/// The century of a year that is written with two digits.
const CENTURY: u32 = 2000;

/// What a form pays with, as GraphQL takes it: a kept card, or one that was typed.
pub(crate) fn payment(sent: &Sent) -> Result<Value, Form> {
    match sent.field("token") {
        "" => Ok(json!({"card": typed(sent)?})),
        token => Ok(json!({"token": token})),
    }
}

fn typed(sent: &Sent) -> Result<Value, Form> {
    let Some((month, year)) = expiry(sent.field("expiry")) else {
        let message = "A month and a year, as on the card: 08/29.".to_owned();
        return Err(Form { message, field: Some("expiry".to_owned()), ..Form::default() });
    };
    let (number, cvv) = (sent.field("number"), sent.field("cvv"));
    Ok(json!({"number": number, "expiryMonth": month, "expiryYear": year, "cvv": cvv}))
}

/// Reads `08/29` or `8 / 2029`.
fn expiry(text: &str) -> Option<(u32, u32)> {
    let (month, year) = text.split_once('/')?;
    let (month, year) = (month.trim().parse().ok()?, year.trim().parse::<u32>().ok()?);
    Some((month, if year < 100 { CENTURY + year } else { year }))
}

/// Keeps the card that something was bought with, where that is wished. It takes the place of the same card as it was kept before.
/// What was bought is bought, whatever becomes of this.
pub(crate) async fn keep(storefront: &Storefront, sent: &Sent) {
    if sent.field("keep") != "yes" {
        return;
    }
    let Ok(card) = typed(sent) else { return };
    if let Err(error) = replace(storefront, sent, card).await {
        tracing::warn!(%error, "a card was not kept");
    }
}

async fn replace(storefront: &Storefront, sent: &Sent, card: Value) -> Result<(), crate::graph::Error> {
    let caller = &sent.visitor.caller;
    let kept = storefront.graph.ask(caller, KEEP, variables([("card", card)])).await?;
    let kept = &kept["keepCard"]["card"];
    let all = storefront.graph.ask(caller, KEPT, variables([])).await?;
    let cards = all["me"]["cards"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_older = |card: &&Value| {
        card["token"] != kept["token"] && card["last4"] == kept["last4"] && card["scheme"] == kept["scheme"]
    };
    for card in cards.iter().filter(is_older) {
        storefront.graph.ask(caller, FORGET, variables([("token", card["token"].clone())])).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::expiry;

    #[test]
    fn a_card_is_good_until_a_month() {
        for (text, expected) in [
            ("08/29", Some((8, 2029))),
            ("8 / 2034", Some((8, 2034))),
            (" 12/31 ", Some((12, 2031))),
            ("0829", None),
            ("a/b", None),
            ("", None),
        ] {
            assert_eq!(expiry(text), expected, "{text}");
        }
    }
}
