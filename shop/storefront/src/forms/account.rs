//! What customers change of their account: addresses and cards that are kept.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::Storefront;
use crate::forms::checkout::{ADD_ADDRESS, new_address};
use crate::forms::{Sent, again, cards, failed, refusal, variables};
use crate::pages::see_other;
use crate::routes::address;

const FORGET_ADDRESS: &str =
    "mutation DeleteAddress($id: ID!) { deleteAddress(input: {id: $id}) { errors { code message field } } }";

/// Forgets an address or a card; a form that names neither has a new address to keep.
pub(crate) async fn change(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let (card, saved) = (sent.field("forget_card"), sent.field("forget_address"));
    let (typed, input) = new_address(&sent);
    let (document, field, variables, values) = if !card.is_empty() {
        (cards::FORGET, "forgetCard", variables([("token", card.into())]), &[][..])
    } else if !saved.is_empty() {
        (FORGET_ADDRESS, "deleteAddress", variables([("id", saved.into())]), &[][..])
    } else {
        (ADD_ADDRESS, "addAddress", variables([("address", input)]), &typed[..])
    };
    match storefront.graph.ask(&sent.visitor.caller, document, variables).await {
        Ok(data) => match refusal(&data[field], values) {
            Some(form) => again(&storefront, &sent, "account", form).await,
            None => see_other(&address("/account", &[], sent.currency())),
        },
        Err(error) => failed(&storefront, &sent, "account", error).await,
    }
}
