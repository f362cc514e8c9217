//! The HTTP skin of auth: sign-in page, token endpoint, revocation, keys and discovery.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use vitrine_contracts::auth::v1 as wire;
use vitrine_platform_http::{Reply, Router};

use crate::Gateway;
use crate::page::{escape, frame};

/// A page that is filled in here and nowhere else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub(crate) fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/oauth2/authorize", get(ask).post(sign_in))
        .route("/oauth2/token", post(token))
        .route("/oauth2/revoke", post(revoke))
        .route("/oauth2/jwks", get(jwks))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/oauth-authorization-server", get(discovery))
}

/// The parameters of RFC 6749, section 4.1.1, and RFC 7636. Others are ignored, as the RFC wants it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Authorization {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
    nonce: String,
}

impl From<Authorization> for wire::AuthorizationRequest {
    fn from(a: Authorization) -> Self {
        let Authorization {
            response_type,
            client_id,
            redirect_uri,
            scope,
            state,
            code_challenge,
            code_challenge_method,
            nonce,
        } = a;
        Self { response_type, client_id, redirect_uri, scope, state, code_challenge, code_challenge_method, nonce }
    }
}

#[derive(Deserialize)]
struct SignIn {
    #[serde(flatten)]
    authorization: Authorization,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"))
}

fn sign_in_page(
    status: StatusCode,
    client: &str,
    authorization: &Authorization,
    email: &str,
    message: &str,
) -> Response {
    let a = authorization;
    let hidden: String = [
        ("response_type", &a.response_type),
        ("client_id", &a.client_id),
        ("redirect_uri", &a.redirect_uri),
        ("scope", &a.scope),
        ("state", &a.state),
        ("code_challenge", &a.code_challenge),
        ("code_challenge_method", &a.code_challenge_method),
        ("nonce", &a.nonce),
    ]
    .iter()
    .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
    .collect();
    let message = if message.is_empty() {
        String::new()
    } else {
        format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(message))
    };
    let form = format!(
        "<main class=\"narrow\"><h1>Sign in</h1><p>to go on to {}</p>{message}<form method=\"post\" action=\"/oauth2/authorize\">{hidden}\
         <label>E-mail<input name=\"email\" type=\"email\" autocomplete=\"username\" required value=\"{}\"></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form></main>",
        escape(client),
        escape(email),
    );
    page(status, "Sign in", &form)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(frame(title, "", body))).into_response()
}

/// A request that cannot be trusted to say where to go back to: told here.
fn refused(headers: &HeaderMap, reply: Reply) -> Response {
    if !wants_html(headers) {
        return reply.into_response();
    }
    let body =
        format!("<main class=\"narrow\"><h1>This sign-in cannot go on</h1><p>{}</p></main>", escape(reply.message()));
    page(reply.status(), "Sign in", &body)
}

async fn ask(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Query(authorization): Query<Authorization>,
) -> Response {
    match gateway.deps.auth.clone().check_authorization(wire::AuthorizationRequest::from(authorization.clone())).await {
        Ok(checked) => sign_in_page(StatusCode::OK, &checked.into_inner().client_name, &authorization, "", ""),
        Err(status) => refused(&headers, status.into()),
    }
}

async fn sign_in(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Response {
    let Ok(Form(SignIn { authorization, email, password })) = form else {
        let reply = Reply::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", "the form cannot be read");
        return reply.at("body", "application/x-www-form-urlencoded").into_response();
    };
    let request =
        wire::LoginRequest { authorization: Some(authorization.clone().into()), email: email.clone(), password };
    match gateway.deps.auth.clone().login(request).await {
        Ok(done) => (
            StatusCode::FOUND,
            [(header::LOCATION, done.into_inner().location), (header::CACHE_CONTROL, "no-store".to_owned())],
        )
            .into_response(),
        Err(status) => {
            let reply = Reply::from(status);
            let tries_again = matches!(reply.reason(), "BAD_CREDENTIALS" | "LOCKED_OUT");
            if tries_again && wants_html(&headers) {
                return sign_in_page(reply.status(), "the shop", &authorization, &email, reply.message());
            }
            refused(&headers, reply)
        }
    }
}

/// The parameters of the token endpoint. Others are ignored, as the RFC wants it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenForm {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
    refresh_token: String,
    scope: String,
    client_assertion_type: String,
    client_assertion: String,
}

/// An error as RFC 6749, section 5.2, has it.
fn token_error(status: tonic::Status) -> Response {
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
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        axum::Json(json!({"error": error, "error_description": reply.message()})),
    )
        .into_response()
}

fn unreadable() -> Response {
    let body =
        json!({"error": "invalid_request", "error_description": "the body is not application/x-www-form-urlencoded"});
    (StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

async fn token(State(gateway): State<Arc<Gateway>>, form: Result<Form<TokenForm>, FormRejection>) -> Response {
    let Ok(Form(form)) = form else { return unreadable() };
    let request = wire::IssueTokenRequest {
        grant_type: form.grant_type,
        code: form.code,
        redirect_uri: form.redirect_uri,
        client_id: form.client_id,
        code_verifier: form.code_verifier,
        refresh_token: form.refresh_token,
        scope: form.scope,
        client_assertion_type: form.client_assertion_type,
        client_assertion: form.client_assertion,
        audience: format!("{}/oauth2/token", gateway.config.issuer),
    };
    match gateway.deps.auth.clone().issue_token(request).await {
        Err(status) => token_error(status),
        Ok(issued) => {
            let issued = issued.into_inner();
            let mut body = json!({
                "access_token": issued.access_token, "token_type": "Bearer", "expires_in": issued.expires_in_s, "scope": issued.scope,
            });
            for (name, token) in [("refresh_token", issued.refresh_token), ("id_token", issued.id_token)] {
                if !token.is_empty() {
                    body[name] = Value::String(token);
                }
            }
            ([(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RevokeForm {
    token: String,
    client_id: String,
}

async fn revoke(State(gateway): State<Arc<Gateway>>, form: Result<Form<RevokeForm>, FormRejection>) -> Response {
    let Ok(Form(RevokeForm { token, client_id })) = form else { return unreadable() };
    match gateway.deps.auth.clone().revoke_token(wire::RevokeTokenRequest { token, client_id }).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(status) => token_error(status),
    }
}

async fn jwks(State(gateway): State<Arc<Gateway>>) -> Result<Response, Reply> {
    let keys = gateway.deps.auth.clone().get_jwks(wire::GetJwksRequest {}).await?.into_inner().jwks_json;
    Ok(([(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "public, max-age=60")], keys)
        .into_response())
}

async fn discovery(State(gateway): State<Arc<Gateway>>) -> axum::Json<Value> {
    let issuer = &gateway.config.issuer;
    axum::Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "jwks_uri": format!("{issuer}/oauth2/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "email", "roles"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
    }))
}
