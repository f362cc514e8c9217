//! Answering what a bank asks whoever pays.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use crate::Storefront;
use crate::forms::{Sent, refusal, variables};
use crate::pages::{Error, see_other};
use crate::routes::{Parameters, address};

const COMPLETE: &str = "mutation CompletePaymentChallenge($input: CompletePaymentChallengeInput!) { \
     completePaymentChallenge(input: $input) { challenge { state } errors { code message field } } }";

/// Where a challenge is asked; from there someone goes on to what they wanted.
pub(crate) fn page(url: &str, next: Option<&str>, currency: &str) -> String {
    let next: Vec<_> = next.map(|next| ("next", next)).into_iter().collect();
    address(url, &next, currency)
}

/// Sends a code, or refuses. Whoever passes goes on; all else is told by the page.
pub(crate) async fn answer(
    State(storefront): State<Arc<Storefront>>,
    Path(parts): Path<Parameters>,
    sent: Sent,
) -> Response {
    let id = parts.get("id").map_or("", String::as_str);
    let answer = if sent.field("refuse").is_empty() {
        ("code", json!(sent.field("code").trim()))
    } else {
        ("refuse", true.into())
    };
    let input = Value::Object(variables([("id", json!(id)), answer]));
    let asked = storefront.graph.ask(&sent.visitor.caller, COMPLETE, variables([("input", input)])).await;
    let payload = match asked {
        Ok(mut data) => data["completePaymentChallenge"].take(),
        Err(error) => return storefront.sorry(sent.uri.path(), &Error::Graph(error)).await,
    };
    let next = sent.next();
    let is_passed = payload["challenge"]["state"] == "PASSED";
    match (refusal(&payload, &[]), next, sent.page(&storefront, "challenge")) {
        (None, Some(next), _) if is_passed => see_other(&next),
        // One that is over by now says so itself.
        (Some(form), _, Some(mut view)) if payload["challenge"]["state"] == "WAITING" => {
            view.parts = parts;
            storefront.show_own(&view, &sent.visitor, Some(&form)).await
        }
        (_, next, _) => see_other(&page(sent.uri.path(), next.as_deref(), sent.currency())),
    }
}
