//! What a client may know about who signed in (OpenID Connect Core, section 5.3).

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vitrine_contracts::Problem;
use vitrine_contracts::customers::v1::GetCustomerRequest;
use vitrine_platform_http::Reply;

use super::parameters::{Form, Unreadable};
use crate::Gateway;
use crate::guard::bearer_of;
use crate::tokens::Caller;

/// Asked with the token in the header.
pub(super) async fn by_header(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    answer(&gateway, bearer_of(&headers), String::new()).await
}

/// Asked by form: with the token in the header, or in the form (RFC 6750, section 2.2).
pub(super) async fn by_form(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    form: Result<Form, Unreadable>,
) -> Response {
    let mut in_form = String::new();
    // A body that is no form holds no token.
    if let Ok(Form(mut parameters)) = form {
        in_form = parameters.take("access_token");
        if let Some(fault) = parameters.faults().first() {
            return invalid_request(&fault.sentence());
        }
    }
    answer(&gateway, bearer_of(&headers), in_form).await
}

async fn answer(gateway: &Gateway, in_header: Option<Result<&str, Reply>>, in_form: String) -> Response {
    let token = match in_header.transpose() {
        Err(reply) => return reply.into_response(),
        Ok(Some(_)) if !in_form.is_empty() => {
            return invalid_request("the token is given twice: in the header Authorization and in the form");
        }
        Ok(Some(token)) => token,
        Ok(None) if in_form.is_empty() => {
            return Reply::from(Problem::unauthenticated("TOKEN_REQUIRED", "this needs an access token"))
                .at("Authorization", "Bearer and an access token from /oauth2/token")
                .into_response();
        }
        Ok(None) => &in_form,
    };
    match claims(gateway, token).await {
        Ok(claims) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(claims)).into_response(),
        Err(reply) if reply.reason() == "INSUFFICIENT_SCOPE" => challenged(reply, INSUFFICIENT_SCOPE),
        Err(reply) => reply.into_response(),
    }
}

/// What a client is told that did not ask for openid (RFC 6750, section 3.1).
const INSUFFICIENT_SCOPE: &str = "Bearer realm=\"vitrine\", error=\"insufficient_scope\", scope=\"openid\"";
/// What a client is told that sends a token in two ways.
const INVALID_REQUEST: &str = "Bearer realm=\"vitrine\", error=\"invalid_request\"";

fn challenged(reply: Reply, challenge: &'static str) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

fn invalid_request(message: &str) -> Response {
    let reply = Reply::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message);
    challenged(reply.at("access_token", "one access token"), INVALID_REQUEST)
}

async fn claims(gateway: &Gateway, token: &str) -> Result<Value, Reply> {
    let caller = gateway.tokens.verify(token).await?;
    gateway.tokens.check_active(&caller).await?;
    if !caller.may("openid") {
        let problem = Problem::permission_denied("the token is not good for this: its scope lacks openid");
        return Err(problem.with_reason("INSUFFICIENT_SCOPE").into());
    }
    let mut claims = json!({"sub": caller.id});
    if caller.may("email") && !caller.email.is_empty() {
        claims["email"] = json!(caller.email);
        claims["email_verified"] = json!(false);
    }
    if caller.may("roles") {
        claims["roles"] = json!(caller.roles);
    }
    if caller.may("profile")
        && let Some(name) = name(gateway, &caller).await?
    {
        claims["name"] = json!(name);
    }
    Ok(claims)
}

/// What a customer wants to be called.
async fn name(gateway: &Gateway, caller: &Caller) -> Result<Option<String>, Reply> {
    if !caller.has("customer") {
        return Ok(None);
    }
    let request = GetCustomerRequest { customer_id: caller.id.clone() };
    match gateway.deps.customers.clone().get_customer(request).await {
        Ok(customer) => Ok(Some(customer.into_inner().display_name).filter(|name| !name.is_empty())),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}
