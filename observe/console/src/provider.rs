//! Signing in by an OpenID provider: the code flow with PKCE. What someone is called, and what they are, is what userinfo says, which is asked of the
//! provider itself.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use vitrine_kit::{Secret, percent};
use vitrine_platform_fetch::{Client, Limits, Request, secret_value};
use vitrine_platform_web::{SetCookie, cookie, unguessable};

use crate::config::ProviderConfig;
use crate::role::{Role, texts};
use crate::sessions::Granted;

/// The cookie by which a browser that comes back is the one that was sent.
const STATE: &str = "vitrine_console_sign_in";
/// For how long someone may take to sign in, in seconds.
const SIGNING_IN_S: u32 = 600;
/// Most browsers that are with the provider at once; beyond, the oldest begin again.
const MAX_SIGNING_IN: usize = 1_000;
/// What bounds a request to the provider.
const LIMITS: Limits = Limits { within: Duration::from_secs(10), max_response_bytes: 256 << 10 };
/// A token whose end the provider does not tell is good for so long, in seconds.
const TOKEN_S: i64 = 300;
/// A token that ends within this is changed before it is used, in milliseconds.
const REFRESH_EARLY_MS: i64 = 30_000;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInFailure {
    /// The browser is not one that was sent, or it was away too long.
    #[error("this sign-in is not known any more")]
    Unknown,
    /// The provider knows someone who is nobody here.
    #[error("someone signed in who is neither viewer, operator nor admin by the claim {0}")]
    NoRole(String),
    /// The provider did not answer as it should.
    #[error("{0}")]
    Provider(String),
}

impl SignInFailure {
    /// The error of OAuth that says it, or a word of our own.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "expired",
            Self::NoRole(_) => "access_denied",
            Self::Provider(_) => "server_error",
        }
    }
}

impl From<String> for SignInFailure {
    fn from(problem: String) -> Self {
        Self::Provider(problem)
    }
}

/// What the provider says of itself.
#[derive(Clone, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    #[serde(default)]
    revocation_endpoint: String,
}

/// A browser that is with the provider.
#[derive(Clone)]
struct SigningIn {
    verifier: String,
    back: String,
    began_ms: i64,
}

/// Who came back.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) back: String,
    pub(crate) granted: Granted,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: Secret,
    #[serde(default)]
    refresh_token: Secret,
    #[serde(default)]
    expires_in: Option<i64>,
}

/// A provider by which people sign in.
pub(crate) struct Provider {
    config: ProviderConfig,
    client: Client,
    discovered: OnceCell<Discovered>,
    signing_in: Cache<String, SigningIn>,
}

impl Provider {
    pub(crate) fn new(config: ProviderConfig, client: Client) -> Self {
        Self { config, client, discovered: OnceCell::new(), signing_in: Cache::new(MAX_SIGNING_IN) }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        if self.config.name.is_empty() { &self.config.issuer } else { &self.config.name }
    }

    /// Returns where a browser is sent to, and the state that it has to bring back.
    pub(crate) async fn begin(
        &self,
        redirect_uri: &str,
        back: &str,
        now_ms: i64,
    ) -> Result<(String, String), SignInFailure> {
        let discovered = self.discovered().await?;
        let (state, verifier) = (unguessable(), unguessable());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let query = percent::form([
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &self.config.scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let separator = if discovered.authorization_endpoint.contains('?') { '&' } else { '?' };
        let address = format!("{}{separator}{query}", discovered.authorization_endpoint);
        self.signing_in.insert(state.clone(), SigningIn { verifier, back: back.to_owned(), began_ms: now_ms });
        Ok((address, state))
    }

    /// The cookie that holds the state, sent over TLS only where the console is; of an empty state it is gone.
    pub(crate) fn state_cookie(&self, state: &str, secure: bool) -> HeaderValue {
        let max_age_s = if state.is_empty() { 0 } else { SIGNING_IN_S };
        let cookie = SetCookie { name: STATE, value: state, path: "/console", max_age_s, secure };
        cookie.header().unwrap_or(HeaderValue::from_static(""))
    }

    /// Returns who came back with this code.
    pub(crate) async fn finish(
        &self,
        headers: &HeaderMap,
        state: &str,
        code: &str,
        redirect_uri: &str,
        now_ms: i64,
    ) -> Result<Person, SignInFailure> {
        if state.is_empty() || cookie(headers, STATE) != Some(state) {
            return Err(SignInFailure::Unknown);
        }
        let (_, began) = self.signing_in.remove(state).ok_or(SignInFailure::Unknown)?;
        if began.began_ms + i64::from(SIGNING_IN_S) * 1000 < now_ms {
            return Err(SignInFailure::Unknown);
        }
        let form = percent::form([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("client_id", &self.config.client_id),
            ("code_verifier", &began.verifier),
        ]);
        let granted = self.grant(form, now_ms).await?;
        let claims = self.userinfo(&granted.access_token).await?;
        let role = Role::of_claim(&self.config, &texts(&claims[&self.config.roles_claim]))
            .ok_or_else(|| SignInFailure::NoRole(self.config.roles_claim.clone()))?;
        let names = ["name", "preferred_username", "email", "sub"];
        let name = names.iter().find_map(|claim| claims[*claim].as_str().filter(|name| !name.is_empty()));
        Ok(Person { name: name.unwrap_or("somebody").to_owned(), role, back: began.back, granted })
    }

    /// Has what was granted be good for a while.
    pub(crate) async fn renew(&self, granted: &mut Granted, now_ms: i64) -> Result<(), SignInFailure> {
        if now_ms + REFRESH_EARLY_MS < granted.ends_ms {
            return Ok(());
        }
        let refresh_token = granted.refresh_token.expose();
        if refresh_token.is_empty() {
            return Err(SignInFailure::Unknown);
        }
        let form = percent::form([
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", &self.config.client_id),
        ]);
        let renewed = self.grant(form, now_ms).await?;
        granted.access_token = renewed.access_token;
        granted.ends_ms = renewed.ends_ms;
        if !renewed.refresh_token.is_empty() {
            granted.refresh_token = renewed.refresh_token;
        }
        Ok(())
    }

    /// Ends what was granted, as far as the provider can be told.
    pub(crate) async fn revoke(&self, refresh_token: &Secret) {
        let Ok(discovered) = self.discovered().await else { return };
        if !discovered.revocation_endpoint.is_empty() && !refresh_token.is_empty() {
            let form = percent::form([("token", refresh_token.expose()), ("client_id", &self.config.client_id)]);
            let _ = self.client.send(self.form(&discovered.revocation_endpoint, form), LIMITS).await;
        }
    }

    async fn discovered(&self) -> Result<&Discovered, String> {
        self.discovered
            .get_or_try_init(|| async {
                let issuer = self.config.issuer.trim_end_matches('/');
                let found: Discovered =
                    self.json(Request::get(format!("{issuer}/.well-known/openid-configuration"))).await?;
                match found.issuer.trim_end_matches('/') == issuer {
                    true => Ok(found),
                    false => Err(format!("the provider calls itself {}; expected {issuer}", found.issuer)),
                }
            })
            .await
    }

    async fn grant(&self, form: String, now_ms: i64) -> Result<Granted, String> {
        let endpoint = &self.discovered().await?.token_endpoint;
        let response: TokenResponse = self.json(self.form(endpoint, form)).await?;
        let ends_ms = now_ms + response.expires_in.unwrap_or(TOKEN_S) * 1000;
        Ok(Granted { access_token: response.access_token, refresh_token: response.refresh_token, ends_ms })
    }

    async fn userinfo(&self, token: &Secret) -> Result<Value, String> {
        let value = secret_value(header::AUTHORIZATION, &format!("Bearer {}", token.expose())).map_err(said)?;
        let endpoint = &self.discovered().await?.userinfo_endpoint;
        self.json(Request::get(endpoint).with_header(header::AUTHORIZATION, value)).await
    }

    /// A form that says which client sends it: with a secret, in a Basic header (RFC 6749, section 2.3.1).
    fn form(&self, endpoint: &str, form: String) -> Request {
        let request = Request::post(endpoint, "application/x-www-form-urlencoded", form);
        let (id, secret) = (&self.config.client_id, &self.config.client_secret);
        if secret.is_empty() {
            return request;
        }
        let pair = format!("{}:{}", percent::encode(id), percent::encode(secret.expose()));
        match secret_value(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair))) {
            Ok(value) => request.with_header(header::AUTHORIZATION, value),
            Err(_) => request,
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, request: Request) -> Result<T, String> {
        let response = self.client.send(request, LIMITS).await.map_err(said)?;
        if !response.status.is_success() {
            let error: Value = serde_json::from_slice(&response.body).unwrap_or_default();
            let why = ["error_description", "error", "detail"].iter().find_map(|name| error[*name].as_str());
            let why = why.unwrap_or_default();
            return Err(format!("the provider answered with {}: {why}", response.status.as_u16()));
        }
        serde_json::from_slice(&response.body).map_err(|e| format!("what the provider answered cannot be read: {e}"))
    }
}

fn said(error: vitrine_platform_fetch::Error) -> String {
    format!("the provider cannot be asked: {error}")
}
