//! Buying: where to, with what; and taking an order back.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::Storefront;
use crate::forms::{Sent, again, cards, failed, placed, refusal, variables};
use crate::pages::see_other;
use crate::routes::{Parameters, address};

pub(crate) const ADD_ADDRESS: &str = "mutation AddAddress($address: AddressInput!) { addAddress(input: {address: $address}) { \
     customer { addresses { id } } errors { code message field } } }";
const PLACE: &str = "mutation PlaceOrder($input: PlaceOrderInput!) { placeOrder(input: $input) { kind: __typename \
     ... on Order { id } ... on PaymentChallenge { url orderId } ... on PriceChanged { was { text } now { total { text } } } \
     ... on Refusal { code message field } } }";
const CANCEL: &str =
    "mutation CancelOrder($id: ID!) { cancelOrder(input: {orderId: $id}) { errors { code message field } } }";
/// Of a new address; nothing of a card is ever shown again.
const ADDRESS: [&str; 6] = ["recipient", "line1", "line2", "city", "postalCode", "country"];

/// The fields of a new address as they were typed, and the address itself.
pub(crate) fn new_address(sent: &Sent) -> ([(&'static str, &str); 6], Value) {
    let values = ADDRESS.map(|name| (name, sent.field(name)));
    let input: Map<String, Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), json!(value.trim()))).collect();
    (values, input.into())
}

/// Goes on with a kept address, or keeps a new one first.
pub(crate) async fn destination(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let chosen = sent.field("saved");
    if !chosen.is_empty() {
        return see_other(&address("/checkout/pay", &[("address", chosen)], sent.currency()));
    }
    let (values, input) = new_address(&sent);
    match storefront.graph.ask(&sent.visitor.caller, ADD_ADDRESS, variables([("address", input)])).await {
        Ok(data) => {
            let payload = &data["addAddress"];
            // The newest stands last.
            let kept = payload["customer"]["addresses"].as_array().and_then(|all| all.last()?["id"].as_str());
            match (kept, refusal(payload, &values)) {
                (Some(kept), None) => see_other(&address("/checkout/pay", &[("address", kept)], sent.currency())),
                (_, form) => again(&storefront, &sent, "checkout", form.unwrap_or_default()).await,
            }
        }
        Err(error) => failed(&storefront, &sent, "checkout", error).await,
    }
}

/// Buys what is in the cart. The form's key makes one order of what is sent twice.
pub(crate) async fn pay(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let payment = match cards::payment(&sent) {
        Ok(payment) => payment,
        Err(form) => return again(&storefront, &sent, "pay", form).await,
    };
    let Some(destination) = sent.page(&storefront, "pay").and_then(|mut view| view.query.remove("address")) else {
        return see_other(&address("/checkout", &[], sent.currency()));
    };
    let input = json!({
        "idempotencyKey": sent.field("idempotencyKey"),
        "destination": {"savedAddressId": destination},
        "payment": payment,
        "maxTotal": {"amount": sent.field("maxAmount"), "currency": sent.field("maxCurrency")},
        "quoteId": Some(sent.field("quoteId")).filter(|id| !id.is_empty()),
    });
    match storefront.graph.ask(&sent.visitor.caller, PLACE, variables([("input", input)])).await {
        Ok(data) => match placed::next_step(&data["placeOrder"], sent.currency()) {
            Some(next) => {
                cards::keep(&storefront, &sent).await;
                see_other(&next)
            }
            // The page is drawn with a quote of now.
            None => again(&storefront, &sent, "pay", placed::refused(&data["placeOrder"])).await,
        },
        Err(error) => failed(&storefront, &sent, "pay", error).await,
    }
}

/// Takes an order back.
pub(crate) async fn cancel(
    State(storefront): State<Arc<Storefront>>,
    Path(parts): Path<Parameters>,
    sent: Sent,
) -> Response {
    let id = parts.get("id").cloned().unwrap_or_default();
    match storefront.graph.ask(&sent.visitor.caller, CANCEL, variables([("id", id.as_str().into())])).await {
        Ok(data) => match (refusal(&data["cancelOrder"], &[]), sent.page(&storefront, "order")) {
            (Some(form), Some(mut view)) => {
                view.parts = parts;
                storefront.show_own(&view, &sent.visitor, Some(&form)).await
            }
            _ => see_other(&address(&format!("/orders/{id}"), &[], sent.currency())),
        },
        Err(error) => failed(&storefront, &sent, "order", error).await,
    }
}
