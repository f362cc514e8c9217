//! Access tokens for whoever is asked: OAuth 2.0's client credentials.
//!
//! Source: RFC 6749, sections 2.3.1, 4.4 and 5; Prometheus's documentation, `<oauth2>`.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use vitrine_kit::{Secret, percent};

use crate::request::{Error, Limits, Request, Response, basic, secret_value};
use crate::settings::OAuth2;

/// A request that is being made.
pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;
/// Makes requests to where tokens are from.
pub(crate) type Ask = Box<dyn Fn(Request, Limits) -> Asking + Send + Sync>;

/// How long a token may take to come. What needs it may have less time.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer with a token, in bytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// How long before its end a token is taken for used up, as Go's client does.
const EARLY: Duration = Duration::from_secs(10);
/// Longest part of a server's refusal that is told.
const MAX_REASON_CHARS: usize = 200;

/// A token that was given.
struct Token {
    /// What is sent with requests: its type and itself.
    authorization: Secret,
    /// The client's secret with which it was asked for.
    secret: Secret,
    /// When it is used up; none where it was not said.
    until: Option<Instant>,
}

/// Gives tokens, and keeps each until it is used up.
pub(crate) struct TokenSource {
    oauth2: OAuth2,
    ask: Ask,
    kept: Mutex<Option<Token>>,
    /// Whether the server takes the client's id and secret in the body only.
    wants_body: AtomicBool,
}

/// What a server gives.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Value,
}

/// What it says instead.
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenSource {
    pub fn new(oauth2: &OAuth2, ask: Ask) -> Self {
        Self { oauth2: oauth2.clone(), ask, kept: Mutex::default(), wants_body: AtomicBool::default() }
    }

    /// Returns what is to be sent as `Authorization`. Whoever asks bounds the time: those who wait for one token wait together.
    pub async fn authorization(&self) -> Result<Secret, Error> {
        let secret = match &self.oauth2.client_secret {
            Some(secret) => secret.read().await.map_err(Error::Secret)?,
            None => Secret::default(),
        };
        let mut kept = self.kept.lock().await;
        let is_good = |token: &&Token| token.secret == secret && token.until.is_none_or(|until| Instant::now() < until);
        if let Some(token) = kept.as_ref().filter(is_good) {
            return Ok(token.authorization.clone());
        }
        let token = self.fresh(secret).await?;
        let authorization = token.authorization.clone();
        *kept = Some(token);
        Ok(authorization)
    }

    /// Forgets a token that was refused.
    pub async fn forget(&self, refused: &Secret) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|token| token.authorization == *refused) {
            *kept = None;
        }
    }

    async fn fresh(&self, secret: Secret) -> Result<Token, Error> {
        let in_body = self.wants_body.load(Ordering::Relaxed);
        let mut response = self.respond(&secret, in_body).await?;
        if !in_body && !response.status.is_success() {
            // Some servers know only the other way; which one, no standard lets one ask.
            let other = self.respond(&secret, true).await?;
            if other.status.is_success() {
                self.wants_body.store(true, Ordering::Relaxed);
                response = other;
            }
        }
        if !response.status.is_success() {
            return Err(Error::Token(reason(&response)));
        }
        let given: Given = serde_json::from_slice(&response.body)
            .map_err(|error| Error::Token(format!("the server's answer cannot be read: {error}")))?;
        if given.access_token.is_empty() {
            return Err(Error::Token("the server's answer has no access_token".to_owned()));
        }
        let kind = match given.token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            "mac" => "MAC",
            "basic" => "Basic",
            _ => &given.token_type,
        };
        let seconds = match &given.expires_in {
            Value::Number(number) => number.as_f64(),
            // Some say it as a text.
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let seconds = seconds.filter(|seconds| *seconds > 0.0);
        let lives = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let until = lives.and_then(|lives| Instant::now().checked_add(lives.saturating_sub(EARLY)));
        Ok(Token { authorization: format!("{kind} {}", given.access_token).into(), secret, until })
    }

    async fn respond(&self, secret: &Secret, in_body: bool) -> Result<Response, Error> {
        let oauth2 = &self.oauth2;
        let scopes = oauth2.scopes.join(" ");
        let mut form = vec![("grant_type", "client_credentials")];
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        form.extend(oauth2.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if in_body {
            form.extend([("client_id", oauth2.client_id.as_str()), ("client_secret", secret.expose())]);
        }
        let form_type = "application/x-www-form-urlencoded";
        let mut request = Request::post(&oauth2.token_url, form_type, percent::form(form))
            .with_header(ACCEPT, HeaderValue::from_static("application/json"));
        if !in_body {
            let pair = format!("{}:{}", percent::encode(&oauth2.client_id), percent::encode(secret.expose()));
            request = request.with_header(AUTHORIZATION, secret_value(AUTHORIZATION, &basic(&pair))?);
        }
        let limits = Limits { within: TOKEN_TIMEOUT, max_response_bytes: MAX_TOKEN_BYTES };
        (self.ask)(request, limits).await.map_err(|error| Error::Token(error.to_string()))
    }
}

/// Why a server gave none; nothing that was sent is repeated.
fn reason(response: &Response) -> String {
    let told = serde_json::from_slice::<Refused>(&response.body).map(|refused| {
        let separator = if refused.error_description.is_empty() { "" } else { ": " };
        format!(": {}{separator}{}", refused.error, refused.error_description)
    });
    let told: String = told.unwrap_or_default().chars().take(MAX_REASON_CHARS).collect();
    format!("the server answered {}{told}", response.status)
}
