//! Access tokens, verified here with the keys that auth publishes.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::GetJwksRequest;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_kit::clock::Clock;
use vitrine_platform_http::Reply;
use vitrine_platform_mesh::Transport;

/// Who an access token must be for.
const AUDIENCE: &str = "vitrine";
/// The keys are not asked for more often, whatever key a token names, in milliseconds. A token that comes sooner waits.
const MIN_REFRESH_MS: u64 = 200;
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
}

impl Caller {
    pub(crate) fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    email: String,
}

#[derive(Default)]
struct Cache {
    keys: HashMap<String, DecodingKey>,
    /// By digest: who, and until when, Unix seconds.
    verified: HashMap<[u8; 32], (Caller, i64)>,
}

/// Verifies tokens.
pub(crate) struct Tokens {
    auth: AuthServiceClient<Transport>,
    issuer: String,
    clock: Clock,
    cache: Mutex<Cache>,
    asking: tokio::sync::Mutex<Option<Instant>>,
}

fn refused(message: &str) -> Reply {
    Reply::from(Problem::unauthenticated("INVALID_TOKEN", message))
        .at("Authorization", "Bearer and an access token from /oauth2/token")
}

impl Tokens {
    pub(crate) fn new(auth: AuthServiceClient<Transport>, issuer: String, clock: Clock) -> Self {
        Self { auth, issuer, clock, cache: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// Who the token stands for.
    pub(crate) async fn verify(&self, token: &str) -> Result<Caller, Reply> {
        if token.len() > MAX_TOKEN {
            return Err(refused("the token is too long"));
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        let now_s = self.clock.now_ms() / 1000;
        if let Some((caller, exp)) = self.cache.lock().verified.get(&digest)
            && *exp > now_s
        {
            return Ok(caller.clone());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("the token is malformed or not signed"))?;
        if header.alg != Algorithm::ES256 {
            return Err(refused("the token is not signed with ES256"));
        }
        let key = self.key(&header.kid.unwrap_or_default()).await?;
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audience are checked below, by the host's clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        let claims = decoded.map_err(|_| refused("the token's signature or content is wrong"))?.claims;
        if claims.exp <= now_s {
            return Err(refused("the token has expired"));
        }
        if claims.iss != self.issuer || claims.aud != AUDIENCE {
            return Err(refused("the token is from or for somebody else"));
        }
        let caller = Caller { id: claims.sub, roles: claims.roles, email: claims.email };
        let mut cache = self.cache.lock();
        if cache.verified.len() >= MAX_REMEMBERED {
            cache.verified.clear();
        }
        cache.verified.insert(digest, (caller.clone(), claims.exp));
        Ok(caller)
    }

    async fn key(&self, id: &str) -> Result<DecodingKey, Reply> {
        if let Some(key) = self.cache.lock().keys.get(id) {
            return Ok(key.clone());
        }
        // One asks at a time; whoever waited looks again first, for the key may have come.
        let mut asked_at = self.asking.lock().await;
        if let Some(key) = self.cache.lock().keys.get(id) {
            return Ok(key.clone());
        }
        if let Some(last) = *asked_at {
            tokio::time::sleep_until(last + Duration::from_millis(MIN_REFRESH_MS)).await;
        }
        *asked_at = Some(Instant::now());
        let jwks = self.auth.clone().get_jwks(GetJwksRequest {}).await?.into_inner().jwks_json;
        let set: JwkSet = serde_json::from_str(&jwks).map_err(|e| {
            tracing::error!(error = %e, "the published keys cannot be read");
            Reply::from(Problem::internal())
        })?;
        let keys = set
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)))
            .collect();
        let mut cache = self.cache.lock();
        cache.keys = keys;
        cache.keys.get(id).cloned().ok_or_else(|| refused("the token is signed with an unknown key"))
    }
}
