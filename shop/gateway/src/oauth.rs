//! The HTTP skin of auth: sign-in page, token and revocation endpoints, who signed in, keys and discovery.

mod authorize;
mod parameters;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use vitrine_contracts::auth::v1::GetJwksRequest;
use vitrine_platform_http::{ETag, Reply, Router};

use crate::Gateway;
use crate::guard::AUTHORIZE;

/// How long clients may take a key for published, in seconds, without asking: as long as a gateway does.
const KEYS_AGE_S: u32 = 60;
/// How long they may go by the discovery document, in seconds: it changes with the program.
const DISCOVERY_AGE_S: u32 = 3600;

pub(crate) fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route(AUTHORIZE, get(authorize::by_query).post(authorize::by_form))
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/revoke", post(token::revoke))
        .route("/oauth2/userinfo", get(userinfo::by_header).post(userinfo::by_form))
        .route("/oauth2/jwks", get(jwks))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/oauth-authorization-server", get(discovery))
}

/// An error as RFC 6749, section 5.2, has it, which no cache may keep. The description is of characters that the RFC lets it have.
pub(crate) fn oauth_error(error: &str, description: &str) -> Response {
    let plain = |c| match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    };
    let description: String = description.chars().map(plain).collect();
    no_store(json!({"error": error, "error_description": description}))
}

/// JSON that no cache may keep (RFC 6749, section 5.1).
fn no_store(body: Value) -> Response {
    ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], axum::Json(body)).into_response()
}

/// What everyone may keep for so long, and then ask whether it has changed.
fn kept_by_all(content_type: &'static str, max_age_s: u32, body: String) -> Response {
    let (etag, age) = (ETag::of_content(body.as_bytes()).header(), format!("public, max-age={max_age_s}"));
    ([(header::CONTENT_TYPE, content_type)], [(header::CACHE_CONTROL, age)], [(header::ETAG, etag)], body)
        .into_response()
}

async fn jwks(State(gateway): State<Arc<Gateway>>) -> Result<Response, Reply> {
    let keys = gateway.deps.auth.clone().get_jwks(GetJwksRequest {}).await?.into_inner().jwks_json;
    Ok(kept_by_all("application/jwk-set+json", KEYS_AGE_S, keys))
}

/// What is so, also where it is what a client would suppose: some defaults say that more can be done than can
/// (OpenID Connect Discovery, section 3; RFC 8414, section 2; RFC 9207, section 3).
async fn discovery(State(gateway): State<Arc<Gateway>>) -> Response {
    let issuer = &gateway.config.issuer;
    let authentication = json!(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]);
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "userinfo_endpoint": format!("{issuer}/oauth2/userinfo"),
        "jwks_uri": format!("{issuer}/oauth2/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "roles", "offline_access"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "email", "email_verified", "roles",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page"],
        "ui_locales_supported": ["en"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": authentication,
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "revocation_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
    });
    kept_by_all("application/json", DISCOVERY_AGE_S, document.to_string())
}
