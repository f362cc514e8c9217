//! The token endpoint and the revocation endpoint.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vitrine_contracts::auth::v1 as wire;
use vitrine_kit::percent;
use vitrine_platform_http::Reply;

use super::parameters::{Form, Parameters, Unreadable};
use super::{no_store, oauth_error};
use crate::Gateway;

/// An error as RFC 6749, section 5.2, has it.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl Refused {
    fn invalid_request(description: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request", description }
    }

    fn invalid_client(description: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_client", description: description.to_owned() }
    }
}

impl From<tonic::Status> for Refused {
    fn from(status: tonic::Status) -> Self {
        let reply = Reply::from(status);
        let (status, error) = match reply.reason() {
            "INVALID_CLIENT" => (StatusCode::UNAUTHORIZED, "invalid_client"),
            "INVALID_GRANT" => (StatusCode::BAD_REQUEST, "invalid_grant"),
            "INVALID_SCOPE" => (StatusCode::BAD_REQUEST, "invalid_scope"),
            "UNAUTHORIZED_CLIENT" => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            "UNSUPPORTED_GRANT_TYPE" => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            _ if reply.status().is_server_error() => (reply.status(), "server_error"),
            _ => (StatusCode::BAD_REQUEST, "invalid_request"),
        };
        Self { status, error, description: reply.message().to_owned() }
    }
}

impl From<Unreadable> for Refused {
    fn from(Unreadable { status, message }: Unreadable) -> Self {
        Self { status, error: "invalid_request", description: message.to_owned() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = oauth_error(self.error, &self.description);
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"vitrine\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What a client says of itself.
struct Credentials {
    client_id: String,
    client_secret: String,
    client_assertion_type: String,
    client_assertion: String,
}

/// In the header or in the form, not in both (RFC 6749, section 2.3).
fn credentials(headers: &HeaderMap, parameters: &mut Parameters) -> Result<Credentials, Refused> {
    let mut take = |name| parameters.take(name);
    let mut given = Credentials {
        client_id: take("client_id"),
        client_secret: take("client_secret"),
        client_assertion_type: take("client_assertion_type"),
        client_assertion: take("client_assertion"),
    };
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let Some(authorization) = authorizations.next() else { return Ok(given) };
    if authorizations.next().is_some() {
        return Err(Refused::invalid_request("the header Authorization is given more than once".to_owned()));
    }
    let (id, secret) = authorization.to_str().ok().and_then(basic).ok_or_else(|| {
        let expected = "the header Authorization must be Basic with the client's id and secret, each form-encoded";
        Refused::invalid_client(expected)
    })?;
    if !given.client_secret.is_empty() || !given.client_assertion.is_empty() {
        let message = "the client proves who it is in two ways: by the header Authorization and in the body";
        return Err(Refused::invalid_request(message.to_owned()));
    }
    if !given.client_id.is_empty() && given.client_id != id {
        let message = "the parameter client_id and the header Authorization name two clients";
        return Err(Refused::invalid_request(message.to_owned()));
    }
    (given.client_id, given.client_secret) = (id, secret);
    Ok(given)
}

/// Id and secret of a Basic header, both form-encoded within (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = |part: &str| percent::decode(&part.replace('+', " "));
    Some((decoded(id)?, decoded(secret)?))
}

/// What is wrong with the parameters that were taken.
fn check(parameters: &Parameters) -> Result<(), Refused> {
    parameters.faults().first().map_or(Ok(()), |fault| Err(Refused::invalid_request(fault.sentence())))
}

/// Whom a client's assertion must be for.
fn audience(gateway: &Gateway) -> String {
    format!("{}/oauth2/token", gateway.config.issuer)
}

pub(super) async fn token(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    form: Result<Form, Unreadable>,
) -> Response {
    issued(&gateway, &headers, form).await.unwrap_or_else(IntoResponse::into_response)
}

async fn issued(gateway: &Gateway, headers: &HeaderMap, form: Result<Form, Unreadable>) -> Result<Response, Refused> {
    let Form(mut parameters) = form?;
    let credentials = credentials(headers, &mut parameters)?;
    let mut take = |name| parameters.take(name);
    let request = wire::IssueTokenRequest {
        grant_type: take("grant_type"),
        code: take("code"),
        redirect_uri: take("redirect_uri"),
        code_verifier: take("code_verifier"),
        refresh_token: take("refresh_token"),
        scope: take("scope"),
        client_id: credentials.client_id,
        client_secret: credentials.client_secret,
        client_assertion_type: credentials.client_assertion_type,
        client_assertion: credentials.client_assertion,
        audience: audience(gateway),
    };
    check(&parameters)?;
    let issued = gateway.deps.auth.clone().issue_token(request).await?.into_inner();
    let mut body = json!({
        "access_token": issued.access_token, "token_type": "Bearer", "expires_in": issued.expires_in_s, "scope": issued.scope,
    });
    for (name, token) in [("refresh_token", issued.refresh_token), ("id_token", issued.id_token)] {
        if !token.is_empty() {
            body[name] = Value::String(token);
        }
    }
    Ok(no_store(body))
}

/// `token_type_hint` is not looked at: what a token is can be seen (RFC 7009, section 2.1).
pub(super) async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    form: Result<Form, Unreadable>,
) -> Response {
    revoked(&gateway, &headers, form).await.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

async fn revoked(
    gateway: &Gateway,
    headers: &HeaderMap,
    form: Result<Form, Unreadable>,
) -> Result<StatusCode, Refused> {
    let Form(mut parameters) = form?;
    let credentials = credentials(headers, &mut parameters)?;
    parameters.take("token_type_hint");
    let request = wire::RevokeTokenRequest {
        token: parameters.take("token"),
        client_id: credentials.client_id,
        client_secret: credentials.client_secret,
        client_assertion_type: credentials.client_assertion_type,
        client_assertion: credentials.client_assertion,
        audience: audience(gateway),
    };
    check(&parameters)?;
    gateway.deps.auth.clone().revoke_token(request).await?;
    Ok(StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::basic;

    #[test]
    fn basic_headers_are_form_encoded_within() {
        let read = |text: &str| basic(&format!("basic {}", STANDARD.encode(text)));
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        for (text, expected) in [
            ("web:a secret", pair("web", "a secret")),
            ("web:a+secret", pair("web", "a secret")),
            ("w%3Aeb:%25%C3%BC%2B", pair("w:eb", "%ü+")),
            ("web:", pair("web", "")),
            (":", pair("", "")),
            ("web:a:b", pair("web", "a:b")),
            ("web", None),
            ("web:100%", None),
            ("web:%ff", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for bad in ["", "Basic", "Basic ", "Basic %%", "Bearer d2ViOng=", "Basicd2ViOng="] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
