//! A promoter's keys: made and revoked.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::Storefront;
use crate::forms::{Sent, again, refusal, variables};
use crate::graph::Error as GraphError;
use crate::pages::{Error, KEYS, see_other, to_sign_in};

const PAGE: &str = "promoter-keys";

const CREATE: &str = "mutation CreatePromoterKey($name: String!, $origins: [String!]!) { \
     change: createPromoterKey(input: {name: $name, origins: $origins}) { errors { message field } } }";
const REVOKE: &str =
    "mutation RevokePromoterKey($id: ID!) { change: revokePromoterKey(input: {id: $id}) { errors { message field } } }";

/// Revokes the key that `revoke` names; without one, makes a key. Origins stand on lines of their own.
pub(crate) async fn change(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let (name, origins) = (sent.field("name"), sent.field("origins"));
    let lines: Vec<&str> = origins.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (document, variables, typed) = match sent.field("revoke") {
        "" => (
            CREATE,
            variables([("name", name.into()), ("origins", lines.into())]),
            vec![("name", name), ("origins", origins)],
        ),
        id => (REVOKE, variables([("id", id.into())]), Vec::new()),
    };
    match storefront.graph.ask(&sent.visitor.caller, document, variables).await {
        Ok(data) => match refusal(&data["change"], &typed) {
            None => see_other(KEYS),
            Some(mut form) => {
                // `origins[1]` is a line of the field `origins`.
                form.field = form.field.map(|field| field.split('[').next().unwrap_or_default().to_owned());
                again(&storefront, &sent, PAGE, form).await
            }
        },
        Err(GraphError::NotSignedIn) => match sent.page(&storefront, PAGE) {
            Some(view) => to_sign_in(&view),
            None => see_other(KEYS),
        },
        Err(error) => storefront.sorry(sent.uri.path(), &Error::Graph(error)).await,
    }
}
