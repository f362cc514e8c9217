//! Signing up, in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize as _;
use serde_json::Map;

use crate::Storefront;
use crate::forms::{Sent, again, form_values, refusal, variables, with_cookies};
use crate::graph::{Caller, Error as GraphError};
use crate::pages::{Error, Form, see_other};
use crate::session::Tokens;

const SIGN_UP: &str = "mutation SignUp($email: String!, $password: String!, $name: String!) { \
     signUp(input: {email: $email, password: $password, displayName: $name}) { errors { code message field } } }";
const SIGN_IN: &str = "mutation SignIn($email: String!, $password: String!) { signIn(input: {email: $email, password: $password}) { \
     session { accessToken refreshToken expiresInS } errors { code message field } } }";
const SIGN_OUT: &str = "mutation SignOut($token: String!) { signOut(input: {refreshToken: $token}) { signedOut } }";
const MERGE: &str = "mutation MergeCart($guest: ID!) { mergeCart(input: {guest: $guest}) { errors { code } } }";
const NAME: &str = "query Name { me { displayName } }";
/// Where someone is who has signed in and was not going anywhere.
const HOME: &str = "/account";

pub(crate) async fn sign_in(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    enter(&storefront, &sent, "sign-in").await
}

pub(crate) async fn sign_up(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let variables = variables([
        ("email", sent.field("email").into()),
        ("password", sent.field("password").into()),
        ("name", sent.field("displayName").into()),
    ]);
    match storefront.graph.ask(&sent.visitor.caller, SIGN_UP, variables).await {
        Ok(data) => match refusal(&data["signUp"], &values(&sent)) {
            Some(form) => again(&storefront, &sent, "sign-up", form).await,
            None => enter(&storefront, &sent, "sign-up").await,
        },
        Err(error) => failed(&storefront, &sent, "sign-up", error).await,
    }
}

pub(crate) async fn sign_out(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let (token, cookie) = storefront.sessions.end(&sent.headers).await;
    if let Some(token) = token {
        let ended = storefront.graph.ask(&sent.visitor.caller, SIGN_OUT, variables([("token", token.into())])).await;
        if let Err(error) = ended {
            tracing::warn!(%error, "a sign-in was forgotten here and could not be ended");
        }
    }
    with_cookies(see_other("/"), [cookie])
}

/// What is typed again is not a password.
fn values(sent: &Sent) -> [(&'static str, &str); 3] {
    ["email", "displayName", "next"].map(|name| (name, sent.field(name)))
}

/// Signs in with the form's address and password. What a guest had in the cart comes along.
async fn enter(storefront: &Storefront, sent: &Sent, page: &str) -> Response {
    let variables = variables([("email", sent.field("email").into()), ("password", sent.field("password").into())]);
    let anyone = Caller { token: None, ..sent.visitor.caller.clone() };
    let mut payload = match storefront.graph.ask(&anyone, SIGN_IN, variables).await {
        Ok(mut data) => data["signIn"].take(),
        Err(error) => return failed(storefront, sent, page, error).await,
    };
    let Ok(tokens) = Tokens::deserialize(payload["session"].take()) else {
        let other = Form { message: "That did not work: try again.".to_owned(), ..Form::default() };
        let form = refusal(&payload, &values(sent)).unwrap_or(other);
        return again(storefront, sent, page, form).await;
    };
    let customer = Caller { token: Some(tokens.access_token.clone()), ..anyone };
    let (name, ()) = tokio::join!(name(storefront, &customer), merge(storefront, &customer));
    with_cookies(see_other(sent.next_or(HOME)), storefront.sessions.begin(tokens, name))
}

async fn name(storefront: &Storefront, customer: &Caller) -> String {
    let data = storefront.graph.ask(customer, NAME, Map::new()).await.unwrap_or_default();
    data["me"]["displayName"].as_str().unwrap_or("Your account").to_owned()
}

async fn merge(storefront: &Storefront, customer: &Caller) {
    let Some(guest) = customer.guest.clone() else { return };
    if let Err(error) = storefront.graph.ask(customer, MERGE, variables([("guest", guest.into())])).await {
        tracing::warn!(%error, "a guest's cart did not come along");
    }
}

async fn failed(storefront: &Storefront, sent: &Sent, page: &str, error: GraphError) -> Response {
    match error {
        GraphError::NotSignedIn => {
            let message = "The e-mail address or the password is not right.".to_owned();
            again(storefront, sent, page, Form { message, values: form_values(&values(sent)), ..Form::default() }).await
        }
        error => storefront.sorry(sent.uri.path(), &Error::Graph(error)).await,
    }
}
