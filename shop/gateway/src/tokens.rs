//! Access tokens: verified here with the keys that auth publishes; whether they are still active, auth alone knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1::Actor;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::auth::v1::{GetJwksRequest, GetTokenStatusRequest};
use vitrine_kit::clock::Clock;
use vitrine_kit::numeric_date::NumericDate;
use vitrine_platform_cache::{Cache, Key};
use vitrine_platform_http::Reply;
use vitrine_platform_mesh::Transport;

/// Who an access token must be for.
const AUDIENCE: &str = "vitrine";
/// What an access token calls itself (RFC 9068, section 2.1).
const ACCESS_TOKEN: [&str; 2] = ["at+jwt", "application/at+jwt"];
/// A gateway does not ask for the keys more often, whatever key a token names. A token that comes sooner waits.
const MIN_REFRESH: Duration = Duration::from_millis(200);
/// How long keys are believed, from when auth was asked for them, the caller: one that is published no more, after a theft perhaps, is
/// then refused by every gateway, and so is each token of it. A token that names another key ends it sooner.
const KEYS_TTL: Duration = Duration::from_secs(60);
/// How long a token waits for its key.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The keys in the cache.
const KEYS: &str = "jwks";
/// Most verified tokens that are remembered.
const MAX_REMEMBERED: usize = 10_000;
/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 4096;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) id: String,
    pub(crate) roles: Vec<String>,
    pub(crate) email: String,
    /// What the client was allowed: words with a space between.
    scope: String,
    token: TokenClaims,
}

/// What auth knows a token by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct TokenClaims {
    jti: String,
    client_id: String,
    epoch: i64,
    family: String,
}

impl Caller {
    pub(crate) fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    /// The promoter as whom someone sells; admins sell for the shop.
    pub(crate) fn acting_as(&self) -> Option<String> {
        (!self.has("admin")).then(|| self.id.clone())
    }

    /// As whom someone has sources of analytics.
    pub(crate) fn actor(&self) -> Actor {
        Actor { owner_id: self.id.clone(), is_admin: self.has("admin") }
    }

    /// Whether the scope has this word.
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|word| word == scope)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    email: String,
    #[serde(default)]
    scope: String,
    #[serde(flatten)]
    token: TokenClaims,
}

#[derive(Default)]
struct KeySet {
    keys: HashMap<String, DecodingKey>,
    /// When auth said that these are they; none if that was too long ago to be told, or when they are known to have changed.
    said_at: Option<Instant>,
    /// When auth was asked whose answer they are; none if another gateway asked.
    answered_at: Option<Instant>,
    /// By digest.
    verified: HashMap<[u8; 32], Verified>,
}

/// A token that was verified: who, until when, and by which key.
struct Verified {
    caller: Caller,
    exp: NumericDate,
    key: String,
}

impl KeySet {
    fn is_fresh(&self) -> bool {
        self.said_at.is_some_and(|at| at.elapsed() < KEYS_TTL)
    }

    /// A key that may be believed.
    fn key(&self, id: &str) -> Option<DecodingKey> {
        self.keys.get(id).filter(|_| self.is_fresh()).cloned()
    }
}

/// Verifies tokens.
pub(crate) struct Tokens {
    auth: AuthServiceClient<Transport>,
    issuer: String,
    clock: Clock,
    cache: Cache,
    known: Mutex<KeySet>,
    /// One asks at a time.
    asking: tokio::sync::Mutex<()>,
    asked_at: Arc<Mutex<Option<Instant>>>,
}

/// What auth said its keys are, and when by the clock of the gateway that asked, Unix milliseconds: as it is in the cache.
#[derive(Deserialize, Serialize)]
struct Said {
    at_ms: i64,
    jwks: JwkSet,
}

impl Said {
    fn to_bytes(&self) -> Result<Bytes, Problem> {
        Ok(serde_json::to_vec(self).map_err(unreadable)?.into())
    }
}

fn unreadable(error: serde_json::Error) -> Problem {
    tracing::error!(%error, "the published keys cannot be read");
    Problem::internal()
}

fn refused(message: &str) -> Reply {
    Reply::from(Problem::unauthenticated("INVALID_TOKEN", message))
        .at("Authorization", "Bearer and an access token from /oauth2/token")
}

fn unknown_key() -> Reply {
    refused("the token is signed with an unknown key")
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// What is wrong with a token that cannot be read. Its claims are shown to whom auth signed them for, and to no one
/// else.
fn misread(error: &jsonwebtoken::errors::Error) -> String {
    match error.kind() {
        ErrorKind::Json(e) => format!("the token's claims cannot be taken: {e}"),
        _ => "the token's signature is wrong".to_owned(),
    }
}

impl Tokens {
    pub(crate) fn new(auth: AuthServiceClient<Transport>, cache: Cache, issuer: String, clock: Clock) -> Self {
        let (known, asking, asked_at) = (Mutex::default(), tokio::sync::Mutex::default(), Arc::default());
        Self { auth, issuer, clock, cache, known, asking, asked_at }
    }

    /// Who a token stands for that was verified before.
    pub(crate) fn remembered(&self, token: &str) -> Option<Caller> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let now = NumericDate::from_ms(self.clock.now_ms());
        let known = self.known.lock();
        let verified = known.verified.get(&digest(token)).filter(|verified| known.is_fresh() && verified.exp > now)?;
        Some(verified.caller.clone())
    }

    /// The same of what an Authorization header says.
    pub(crate) async fn verify_bearer(&self, authorization: &str) -> Result<Caller, Reply> {
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("that is no bearer token"));
        }
        match self.remembered(token.trim()) {
            Some(caller) => Ok(caller),
            None => self.verify(token.trim()).await,
        }
    }

    /// Who the token stands for, by its signature and its times. It may have been revoked: see [`Tokens::check_active`].
    pub(crate) async fn verify(&self, token: &str) -> Result<Caller, Reply> {
        if token.len() > MAX_TOKEN {
            return Err(refused("the token is too long"));
        }
        let now = NumericDate::from_ms(self.clock.now_ms());
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("the token is malformed or not signed"))?;
        if header.alg != Algorithm::ES256 {
            return Err(refused("the token is not signed with ES256"));
        }
        // An ID token, or whatever else auth may sign, is no access token (RFC 9068, section 4; RFC 7515, section 4.1.11).
        if !header.typ.is_some_and(|typ| ACCESS_TOKEN.iter().any(|known| typ.eq_ignore_ascii_case(known))) {
            return Err(refused("the token is not an access token: its typ must be at+jwt"));
        }
        if header.crit.is_some() {
            return Err(refused("crit of the token names extensions, and none is understood"));
        }
        let id = header.kid.unwrap_or_default();
        let key = self.key(&id).await?;
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audience are checked below, by the host's clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        let claims = decoded.map_err(|e| refused(&misread(&e)))?.claims;
        if claims.exp <= now {
            return Err(refused("the token has expired"));
        }
        if claims.nbf.is_some_and(|from| from > now) {
            return Err(refused("nbf of the token lies ahead"));
        }
        if claims.iss != self.issuer || claims.aud != AUDIENCE {
            return Err(refused("the token is from another issuer or for another audience"));
        }
        let Claims { sub, roles, email, scope, token: of_token, .. } = claims;
        let caller = Caller { id: sub, roles, email, scope, token: of_token };
        let mut known = self.known.lock();
        if known.verified.len() >= MAX_REMEMBERED {
            known.verified.clear();
        }
        known.verified.insert(digest(token), Verified { caller: caller.clone(), exp: claims.exp, key: id });
        Ok(caller)
    }

    /// Refuses a token that was revoked, or whose account is locked or gone. Asked each time and kept nowhere: who is erased or locked
    /// is refused from then on, at every gateway.
    pub(crate) async fn check_active(&self, caller: &Caller) -> Result<(), Reply> {
        let TokenClaims { jti, client_id, epoch, family } = caller.token.clone();
        let request = GetTokenStatusRequest { account_id: caller.id.clone(), client_id, token_id: jti, epoch, family };
        if self.auth.clone().get_token_status(request).await?.into_inner().active {
            return Ok(());
        }
        Err(refused("the token was revoked, or its account is locked or gone"))
    }

    async fn key(&self, id: &str) -> Result<DecodingKey, Reply> {
        if let Some(key) = self.known.lock().key(id) {
            return Ok(key);
        }
        let asking = tokio::time::timeout(MAX_WAIT, self.ask(id)).await;
        asking.unwrap_or_else(|_| {
            Err(Problem::unavailable("the key of the token could not be looked for in time").into())
        })
    }

    async fn ask(&self, id: &str) -> Result<DecodingKey, Reply> {
        let came = Instant::now();
        let _one = self.asking.lock().await;
        // A caller that waited looks again first. What auth was asked after this token came answers for it, too: however many
        // tokens name keys that no one has, they wait for one question.
        let is_stale = {
            let known = self.known.lock();
            if let Some(key) = known.key(id) {
                return Ok(key);
            }
            if known.answered_at.is_some_and(|at| at > came) {
                return Err(unknown_key());
            }
            !known.keys.is_empty() && !known.is_fresh()
        };
        if is_stale {
            self.cache.invalidate(&[KEYS]).await;
        }
        let (mut found, asked) = self.learn(id).await?;
        if found.is_none() && !asked {
            // What the cache holds may be older than the key.
            self.cache.invalidate(&[KEYS]).await;
            found = self.learn(id).await?.0;
        }
        found.ok_or_else(unknown_key)
    }

    /// Learns the published keys again. Returns this one, if it is among them, and whether auth itself was asked.
    async fn learn(&self, id: &str) -> Result<(Option<DecodingKey>, bool), Reply> {
        let asked = Arc::new(AtomicBool::new(false));
        let (mut auth, asked_at, asks, clock) =
            (self.auth.clone(), self.asked_at.clone(), asked.clone(), self.clock.clone());
        let load = || async move {
            asks.store(true, Ordering::SeqCst);
            let last = *asked_at.lock();
            if let Some(last) = last {
                tokio::time::sleep_until(last + MIN_REFRESH).await;
            }
            *asked_at.lock() = Some(Instant::now());
            let said_at = clock.now_ms();
            let jwks = auth.get_jwks(GetJwksRequest {}).await?.into_inner().jwks_json;
            Ok(Said { at_ms: said_at, jwks: serde_json::from_str(&jwks).map_err(unreadable)? }.to_bytes()?)
        };
        let key = Key { kind: KEYS, id: b"", tag: KEYS };
        let said = self.cache.get_or_load(key, KEYS_TTL, load).await?;
        let asked = asked.load(Ordering::SeqCst);
        let Said { at_ms, jwks } = match serde_json::from_slice(&said) {
            Ok(said) => said,
            // Another's hand was in the cache.
            Err(_) if !asked => return Ok((None, false)),
            Err(e) => return Err(unreadable(e).into()),
        };
        // Another gateway may have asked, a while ago, and its clock may be ahead.
        let age = Duration::from_millis(u64::try_from(self.clock.now_ms() - at_ms).unwrap_or(0));
        let keys = jwks
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)))
            .collect();
        let mut known = self.known.lock();
        known.keys = keys;
        known.said_at = Instant::now().checked_sub(age);
        known.answered_at = self.asked_at.lock().filter(|_| asked);
        let KeySet { keys, verified, .. } = &mut *known;
        verified.retain(|_, verified| keys.contains_key(&verified.key));
        Ok((known.key(id), asked))
    }

    /// Believes no key any more before auth is asked again: they have changed.
    pub(crate) async fn keys_changed(&self) {
        self.cache.invalidate(&[KEYS]).await;
        self.known.lock().said_at = None;
    }
}

#[cfg(test)]
mod tests;
