//! Who makes a call: shown by the caller, proven to the callee.
//!
//! A call within a process carries its caller from the slot that made it. A call from outside must prove its caller, in one of
//! two ways, the same over gRPC and NATS:
//!
//! - a token in the header [`TOKEN`], signed with the secret that the processes of a deployment share. It is a JSON Web Token
//!   (RFC 7519, HS256, `typ` [`TYPE`]): `iss` is the caller, `aud` the method's path, `iat` and `exp` are at most
//!   [`LIFETIME_S`] apart, `jti` is taken once;
//! - a certificate of the connection that bears the caller's name, and the header [`CALLER`] that says which of its names.
//!
//! Whether a caller may call is said by the method's contract ([`vitrine_contracts::method`]), and decided in [`admit`].

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tonic::Status;
use tonic::body::Body;
use tower::{ServiceExt, service_fn};
use vitrine_contracts::{Method, Problem};
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_durability as durability;
use vitrine_platform_tls::PeerNames;

use crate::Transport;
use crate::hop::Hop;

/// The header that names the caller where a certificate proves the name.
pub const CALLER: &str = "vitrine-caller";
/// The header with the caller's token.
pub const TOKEN: &str = "vitrine-caller-token";
/// The `typ` of callers' tokens: no other token of the shop can be taken for one.
pub const TYPE: &str = "vitrine-call+jwt";
/// Shortest secret, in bytes: as long as what HS256 makes of it (RFC 7518 section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// The reason of a refusal of who does not prove its name.
pub const CALLER_UNKNOWN: &str = "CALLER_UNKNOWN";
/// The reason of a refusal of who may not call.
pub const CALLER_NOT_ADMITTED: &str = "CALLER_NOT_ADMITTED";
/// How long a token is good for, in seconds.
pub const LIFETIME_S: i64 = 10;
/// How far the clocks of two processes may be apart, in seconds.
pub const MAX_SKEW_S: i64 = 10;
/// Most tokens that are remembered of each half of the time for which one could come again; more calls than that are refused.
const MAX_SEEN: usize = 1 << 20;

/// A caller's name, in the extensions of a request that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub Arc<str>);

/// What cannot be a secret.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a secret of {0} bytes is too short: at least {MIN_SECRET_BYTES} random bytes expected")]
pub struct ShortSecret(usize);

/// The secret that the processes of one deployment share, ready for use.
#[derive(Clone)]
struct Key {
    signs: EncodingKey,
    verifies: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
}

/// How callers from other processes are known, and how this process makes itself known. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity {
    key: Option<Key>,
    insecure: bool,
    clock: Clock,
    seen: Arc<Mutex<ReplayCache>>,
}

/// The tokens that have come, by hashes of their ids, in two halves of the time for which one of them could come again.
#[derive(Debug, Default)]
struct ReplayCache {
    turned_at_s: i64,
    current: HashSet<u64>,
    previous: HashSet<u64>,
}

impl ReplayCache {
    /// Returns whether it comes for the first time; none when no more can be remembered.
    fn first(&mut self, id: u64, now_s: i64) -> Option<bool> {
        // Also when the clock was set back: otherwise nothing would be forgotten until it has caught up, and then no
        // one be admitted.
        if now_s.saturating_sub(self.turned_at_s).saturating_abs() > LIFETIME_S + 2 * MAX_SKEW_S {
            self.previous = std::mem::take(&mut self.current);
            self.turned_at_s = now_s;
        }
        if self.current.len() >= MAX_SEEN {
            return None;
        }
        Some(!self.previous.contains(&id) && self.current.insert(id))
    }
}

impl Identity {
    /// By certificates alone, until a key is added.
    pub fn new(clock: Clock) -> Self {
        Self { key: None, insecure: false, clock, seen: Arc::default() }
    }

    /// By tokens as well, signed with the secret that the processes of a deployment share.
    pub fn with_secret(self, secret: &[u8]) -> Result<Self, ShortSecret> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ShortSecret(secret.len()));
        }
        let key = Key { signs: EncodingKey::from_secret(secret), verifies: DecodingKey::from_secret(secret) };
        Ok(Self { key: Some(key), ..self })
    }

    /// Believes whatever name a call says of itself, and lets calls that say none call everything.
    pub fn insecure(self) -> Self {
        Self { insecure: true, ..self }
    }

    /// Writes down, for each call that goes this way out of the process, what the other side is to know: who calls, in which trace, and
    /// how long it may take.
    pub(crate) fn shown(&self, outside: Transport) -> Transport {
        let identity = self.clone();
        Transport::new(service_fn(move |mut request: Request<Body>| {
            let (identity, outside) = (identity.clone(), outside.clone());
            async move {
                if let Some(hop) = request.extensions_mut().remove::<Hop>() {
                    hop.write(request.headers_mut());
                    identity.show(&hop.caller, &mut request)?;
                    request.extensions_mut().insert(hop.tried);
                }
                // Over there what this process has written is as good as done: it must not be lost here.
                durability::settle().await?;
                outside.oneshot(request).await
            }
        }))
    }

    fn show(&self, Caller(name): &Caller, request: &mut Request<Body>) -> Result<(), Status> {
        let unsayable = |_| Status::from(Problem::internal());
        // Beside a token as well: the other side may know certificates alone.
        request.headers_mut().insert(CALLER, HeaderValue::from_str(name).map_err(unsayable)?);
        let Some(key) = &self.key else { return Ok(()) };
        let iat = self.now_s();
        let (iss, aud) = (name.to_string(), request.uri().path().to_owned());
        let claims = Claims { iss, aud, iat, exp: iat + LIFETIME_S, jti: id::new("call") };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &key.signs).map_err(|e| {
            tracing::error!(error = %e, "a caller's token cannot be signed");
            Status::from(Problem::internal())
        })?;
        request.headers_mut().insert(TOKEN, HeaderValue::try_from(token).map_err(unsayable)?);
        Ok(())
    }

    /// Who makes a call from another process; none only where no one has to prove anything. Takes what proved it off
    /// the request.
    fn prove(&self, request: &mut Request<Body>) -> Result<Option<Caller>, Problem> {
        let names = request.extensions_mut().remove::<PeerNames>();
        let path = request.uri().path().to_owned();
        let headers = request.headers_mut();
        let (said, token) = (text(headers, CALLER), text(headers, TOKEN));
        match (token, &self.key, names, said) {
            (Some(token), Some(key), ..) => self.verify(&token, key, &path).map(Some),
            (_, _, Some(PeerNames(names)), Some(said)) if names.contains(&said) => Ok(Some(Caller(said.into()))),
            (_, _, _, said) if self.insecure => Ok(said.map(|name| Caller(name.into()))),
            (Some(_), None, ..) => {
                Err(unknown("the caller shows a token, and this process has no key to verify it with"))
            }
            (None, _, Some(PeerNames(names)), Some(said)) => Err(unknown(&format!(
                "the certificate is not {said}'s: it bears {}",
                if names.is_empty() { "no name".to_owned() } else { names.join(", ") }
            ))),
            _ => Err(unknown("the call does not prove who makes it")),
        }
    }

    fn verify(&self, token: &str, key: &Key, path: &str) -> Result<Caller, Problem> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Times and audience are checked below, by the clock that was handed in, with words that say what is wrong.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Claims>(token, &key.verifies, &validation).map_err(|_| {
            unknown(
                "the caller's token is malformed or signed with another key: all processes of a deployment share one",
            )
        })?;
        let (header, claims, now) = (token.header, token.claims, self.now_s());
        if header.typ.as_deref() != Some(TYPE) {
            return Err(unknown(&format!("the token is no caller's token: typ {TYPE} expected")));
        }
        if claims.aud != path {
            return Err(unknown(&format!("the caller's token is for {}", claims.aud)));
        }
        // Numbers that another caller wrote: they may be as far apart as they like.
        let ahead = claims.iat.saturating_sub(now);
        if ahead > MAX_SKEW_S {
            return Err(unknown(&format!(
                "the caller's token is from {ahead} s in the future: the clocks of the two machines differ, set them"
            )));
        }
        // Not by what the token says of its end alone: one who signs is not to make it last.
        let end = claims.exp.min(claims.iat.saturating_add(LIFETIME_S));
        let late = now.saturating_sub(end);
        if late > MAX_SKEW_S {
            let iss = &claims.iss;
            return Err(unknown(&format!(
                "{iss}'s token has expired {late} s ago: it was kept, or the clocks of the two machines differ"
            )));
        }
        match self.seen.lock().first(id::hash(&format!("{}\0{}", claims.iss, claims.jti)), now) {
            Some(true) => Ok(Caller(claims.iss.into())),
            Some(false) => Err(unknown("the caller's token has come before: each is good for one call")),
            None => Err(Problem::unavailable("more calls came than can be told from repeated ones")),
        }
    }

    fn now_s(&self) -> i64 {
        self.clock.now_ms() / 1000
    }
}

/// Proves a request's caller, unless it is of this process and so is known, and lets it pass if the method's contract names that caller.
/// Leaves the [`Caller`] in the request's extensions, and nothing else.
pub(crate) fn admit(
    identity: &Identity,
    method: Option<&Method>,
    local: Option<Caller>,
    request: &mut Request<Body>,
) -> Result<(), Problem> {
    let caller = if local.is_some() { local } else { identity.prove(request)? };
    request.extensions_mut().clear();
    let Some(caller) = caller else { return Ok(()) };
    // A path that no contract has is answered for by a caller that serves it, as unimplemented.
    if let Some(method) = method.filter(|method| !method.callers.contains(&&*caller.0)) {
        let message = format!(
            "{} may not call {}: {} may",
            caller.0,
            method.path.trim_start_matches('/'),
            if method.callers.is_empty() { "nobody".to_owned() } else { method.callers.join(", ") }
        );
        return Err(Problem::permission_denied(&message).with_reason(CALLER_NOT_ADMITTED));
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

fn unknown(message: &str) -> Problem {
    let expected = "a caller's token of the deployment's key, or a certificate that bears the caller's name";
    Problem {
        expected: Some(expected.to_owned()),
        ..Problem::unauthenticated(CALLER_UNKNOWN, message).with_field(TOKEN)
    }
}

/// Takes a header off.
fn text(headers: &mut HeaderMap, name: &str) -> Option<String> {
    headers.remove(name)?.to_str().ok().map(str::to_owned)
}

/// Returns a new secret, as text: 32 random bytes in hexadecimal digits.
pub fn new_secret() -> String {
    hex::encode(rand::random::<[u8; MIN_SECRET_BYTES]>())
}

#[cfg(test)]
mod tests {
    use super::ReplayCache;

    #[test]
    fn what_came_is_forgotten_after_a_while_also_by_a_clock_that_was_set_back() {
        let mut seen = ReplayCache::default();
        assert_eq!((seen.first(1, 10_000), seen.first(1, 10_001)), (Some(true), Some(false)));
        // Not at once, however the clock goes.
        assert_eq!((seen.first(1, 10_031), seen.first(2, 0)), (Some(false), Some(true)));
        assert_eq!((seen.first(2, 31), seen.first(2, 62), seen.first(1, 62)), (Some(false), Some(true), Some(true)));
    }
}
