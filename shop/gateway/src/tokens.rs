//! Access tokens: verified here with the keys that auth publishes; whether they are still active, auth alone knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use vitrine_contracts::Problem;
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
/// How long the keys that one gateway asked for are good for all of them. A token that names another key ends it.
const KEYS_TTL: Duration = Duration::from_secs(60);
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
struct Known {
    keys: HashMap<String, DecodingKey>,
    /// By digest: who, and until when.
    verified: HashMap<[u8; 32], (Caller, NumericDate)>,
}

/// Verifies tokens.
pub(crate) struct Tokens {
    auth: AuthServiceClient<Transport>,
    issuer: String,
    clock: Clock,
    cache: Cache,
    known: Mutex<Known>,
    /// One asks at a time.
    asking: tokio::sync::Mutex<()>,
    asked_at: Arc<Mutex<Option<Instant>>>,
}

fn refused(message: &str) -> Reply {
    Reply::from(Problem::unauthenticated("INVALID_TOKEN", message))
        .at("Authorization", "Bearer and an access token from /oauth2/token")
}

/// What is wrong with a token that cannot be read. Its claims are shown to whom auth signed them for, and to nobody else.
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

    /// Who the token stands for, by its signature and its times. It may have been revoked: see [`Tokens::check_active`].
    pub(crate) async fn verify(&self, token: &str) -> Result<Caller, Reply> {
        if token.len() > MAX_TOKEN {
            return Err(refused("the token is too long"));
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        let now = NumericDate::from_ms(self.clock.now_ms());
        if let Some((caller, exp)) = self.known.lock().verified.get(&digest)
            && *exp > now
        {
            return Ok(caller.clone());
        }
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
        let key = self.key(&header.kid.unwrap_or_default()).await?;
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
            return Err(refused("the token is from or for somebody else"));
        }
        let Claims { sub: id, roles, email, scope, token, .. } = claims;
        let caller = Caller { id, roles, email, scope, token };
        let mut known = self.known.lock();
        if known.verified.len() >= MAX_REMEMBERED {
            known.verified.clear();
        }
        known.verified.insert(digest, (caller.clone(), claims.exp));
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
        if let Some(key) = self.known.lock().keys.get(id) {
            return Ok(key.clone());
        }
        // Whoever waited looks again first, for the key may have come.
        let _one = self.asking.lock().await;
        if let Some(key) = self.known.lock().keys.get(id) {
            return Ok(key.clone());
        }
        let (mut found, asked) = self.learn(id).await?;
        if found.is_none() && !asked {
            // What the cache holds may be older than the key.
            self.cache.invalidate(&[KEYS]).await;
            found = self.learn(id).await?.0;
        }
        found.ok_or_else(|| refused("the token is signed with an unknown key"))
    }

    /// Learns the published keys anew. Answers this one, if it is among them, and whether auth itself was asked.
    async fn learn(&self, id: &str) -> Result<(Option<DecodingKey>, bool), Reply> {
        let asked = Arc::new(AtomicBool::new(false));
        let (mut auth, asked_at, asks) = (self.auth.clone(), self.asked_at.clone(), asked.clone());
        let load = || async move {
            asks.store(true, Ordering::SeqCst);
            let last = *asked_at.lock();
            if let Some(last) = last {
                tokio::time::sleep_until(last + MIN_REFRESH).await;
            }
            *asked_at.lock() = Some(Instant::now());
            Ok(auth.get_jwks(GetJwksRequest {}).await?.into_inner().jwks_json.into())
        };
        let key = Key { kind: KEYS, id: b"", tag: KEYS };
        let jwks = self.cache.get_or_load(key, KEYS_TTL, load).await?;
        let asked = asked.load(Ordering::SeqCst);
        let set: JwkSet = match serde_json::from_slice(&jwks) {
            Ok(set) => set,
            // Somebody else's hand was in the cache.
            Err(_) if !asked => return Ok((None, false)),
            Err(e) => {
                tracing::error!(error = %e, "the published keys cannot be read");
                return Err(Problem::internal().into());
            }
        };
        let keys = set
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)))
            .collect();
        let mut known = self.known.lock();
        known.keys = keys;
        Ok((known.keys.get(id).cloned(), asked))
    }
}
