//! The cart's forms.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::Storefront;
use crate::forms::{Sent, again, refusal, sentence, variables, with_cookies};
use crate::pages::{Error, Form, see_other, wants_json};
use crate::routes::address;

const ADD: &str = "mutation AddToCart($product: ID!, $quantity: Int!) { change: addToCart(input: {productId: $product, quantity: $quantity}) \
     { cart { totalQuantity } guest errors { message field } } }";
const SET: &str = "mutation SetCartQuantity($product: ID!, $quantity: Int!) { \
     change: setCartQuantity(input: {productId: $product, quantity: $quantity}) { cart { totalQuantity } guest errors { message field } } }";

/// Adds to the cart, or with `change=set` says how many there are to be; 0 takes a piece out.
pub(crate) async fn change(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let Ok(quantity) = sent.field("quantity").parse::<u32>() else {
        let message = "How many is a whole number, such as 1.".to_owned();
        return again(&storefront, &sent, "cart", Form { message, ..Form::default() }).await;
    };
    let document = if sent.field("change") == "set" { SET } else { ADD };
    let variables = variables([("product", sent.field("product").into()), ("quantity", quantity.into())]);
    let payload = match storefront.graph.ask(&sent.visitor.caller, document, variables).await {
        Ok(mut data) => data["change"].take(),
        Err(error) => return storefront.sorry(sent.uri.path(), &Error::Graph(error)).await,
    };
    let guest = payload["guest"].as_str().and_then(|guest| storefront.sessions.guest(guest));
    let answer = if wants_json(&sent.headers) {
        cart_change(&payload)
    } else if let Some(form) = refusal(&payload, &[]) {
        again(&storefront, &sent, "cart", form).await
    } else {
        see_other(&address("/cart", &[], sent.currency()))
    };
    with_cookies(answer, [guest])
}

/// How many pieces there are now, and why not more.
fn cart_change(payload: &Value) -> Response {
    let message = payload["errors"].as_array().and_then(|errors| errors.first()).map(sentence);
    let body = json!({"cart": payload["cart"]["totalQuantity"].as_u64().unwrap_or_default(), "message": message});
    ([(header::CACHE_CONTROL, "private, no-store")], axum::Json(body)).into_response()
}
