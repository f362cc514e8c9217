//! Who may read and write, and whose telemetry that is. Knows no transport: callers hand in what their protocol carried,
//! and say a [`Denied`] in its words.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vitrine_kit::Secret;

use crate::engine::{Tenant, TenantError};

/// The header, or the key of gRPC metadata, that names the tenant.
pub const SCOPE_HEADER: &str = "x-scope-orgid";
/// Shortest bearer token, in bytes; shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 8;
/// Longest bearer token, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;
/// Most tokens. All are compared on each call.
const MAX_TOKENS: usize = 1024;

/// What a caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Ask.
    Read,
    /// Send telemetry.
    Write,
    /// See how the whole engine fares, which is all tenants' affair.
    Operate,
}

impl Right {
    /// What it is for, in a sentence.
    fn purpose(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Operate => "the engine's own affairs",
        }
    }
}

/// A bearer token, as the configuration has it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The secret: 8 to 1024 visible ASCII characters.
    pub token: Secret,
    /// What it allows.
    pub rights: Vec<Right>,
    /// The one tenant that it is for; without, it is for every tenant.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// Tokens that cannot be used. Places count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// A token that no header can carry, or that is too easy to guess.
    #[error("tokens[{place}].token: expected {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible ASCII characters")]
    Token {
        /// Which one.
        place: usize,
    },
    /// A token without a right.
    #[error("tokens[{place}].rights: expected one or more of \"read\", \"write\" and \"operate\"")]
    Rights {
        /// Which one.
        place: usize,
    },
    /// A token of a tenant that cannot be.
    #[error("tokens[{place}].tenant: {cause}")]
    Tenant {
        /// Which one.
        place: usize,
        /// What is wrong with the name.
        cause: TenantError,
    },
    /// Two tokens are the same.
    #[error("tokens[{place}].token: the same as tokens[{first}].token; expected each token once")]
    Twice {
        /// The second.
        place: usize,
        /// The first.
        first: usize,
    },
    /// More tokens than can be.
    #[error("{found} tokens: expected at most {MAX_TOKENS}")]
    Many {
        /// How many there are.
        found: usize,
    },
}

/// Why a call is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token, or none that is known. HTTP 401 with `WWW-Authenticate: Bearer`; gRPC `UNAUTHENTICATED`.
    #[error("expected a known token in `Authorization: Bearer TOKEN`")]
    Unauthenticated,
    /// The token does not allow this. HTTP 403; gRPC `PERMISSION_DENIED`.
    #[error("the token is not for {}", .0.purpose())]
    Right(Right),
    /// The token is for another tenant. HTTP 403; gRPC `PERMISSION_DENIED`.
    #[error("the token is not for the tenant {0}")]
    Scope(Tenant),
    /// The tenant that was asked for cannot be. HTTP 400; gRPC `INVALID_ARGUMENT`.
    #[error("X-Scope-OrgID: {0}")]
    Tenant(#[from] TenantError),
}

/// The tokens that are known. Clones share them.
#[derive(Clone, Default)]
pub struct Access(Arc<[KnownToken]>);

struct KnownToken {
    hash: [u8; 32],
    rights: Vec<Right>,
    tenant: Option<Tenant>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({} tokens)", self.0.len())
    }
}

impl Access {
    /// Without tokens: everyone may do everything.
    pub fn open() -> Self {
        Self::default()
    }

    /// With these tokens; [`Access::open`] if there are none.
    pub fn new(tokens: &[Token]) -> Result<Self, AccessError> {
        if tokens.len() > MAX_TOKENS {
            return Err(AccessError::Many { found: tokens.len() });
        }
        let mut known: Vec<KnownToken> = Vec::with_capacity(tokens.len());
        for (place, token) in tokens.iter().enumerate() {
            let fits = (MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.token.expose().len());
            if !fits || !token.token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(AccessError::Token { place });
            }
            if token.rights.is_empty() {
                return Err(AccessError::Rights { place });
            }
            let tenant = token.tenant.as_deref().map(Tenant::new).transpose();
            let entry = KnownToken {
                hash: hash(token.token.expose()),
                rights: token.rights.clone(),
                tenant: tenant.map_err(|cause| AccessError::Tenant { place, cause })?,
            };
            if let Some(first) = known.iter().position(|other| other.hash == entry.hash) {
                return Err(AccessError::Twice { place, first });
            }
            known.push(entry);
        }
        Ok(Self(known.into()))
    }

    /// Whether calls need a token.
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose telemetry a call is about, if it is allowed. `authorization` is the header of that name, `scope` is
    /// `X-Scope-OrgID`; gRPC carries both as metadata. Without a scope it is the token's tenant, else the default one.
    pub fn check(&self, authorization: Option<&str>, scope: Option<&str>, right: Right) -> Result<Tenant, Denied> {
        if self.is_open() {
            return Ok(scope.map(Tenant::new).transpose()?.unwrap_or_default());
        }
        let known = authorization.and_then(bearer).and_then(|token| self.find(token)).ok_or(Denied::Unauthenticated)?;
        if !known.rights.contains(&right) {
            return Err(Denied::Right(right));
        }
        let asked = scope.map(Tenant::new).transpose()?;
        match (asked, &known.tenant) {
            (Some(asked), Some(own)) if asked != *own => Err(Denied::Scope(asked)),
            (_, Some(own)) => Ok(own.clone()),
            (asked, None) => Ok(asked.unwrap_or_default()),
        }
    }

    /// Compares hashes, all of them and to their ends: how long it takes tells nothing about a token.
    fn find(&self, token: &str) -> Option<&KnownToken> {
        let hash = hash(token);
        let mut found = None;
        for known in self.0.iter() {
            if known.hash.ct_eq(&hash).into() {
                found = Some(known);
            }
        }
        found
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessError, Denied, Right, Tenant, Token};

    fn token(token: &str, rights: &[Right], tenant: Option<&str>) -> Token {
        Token { token: token.into(), rights: rights.into(), tenant: tenant.map(Into::into) }
    }

    fn tenant(name: &str) -> Tenant {
        Tenant::new(name).expect("a sound name")
    }

    #[test]
    fn open_access_takes_the_tenant_from_the_scope() {
        let access = Access::open();
        assert_eq!(access.check(None, None, Right::Write), Ok(Tenant::default()));
        assert_eq!(access.check(Some("Bearer whatever"), Some("a"), Right::Read), Ok(tenant("a")));
        assert!(matches!(access.check(None, Some("a|b"), Right::Read), Err(Denied::Tenant(_))));
        assert!(matches!(access.check(None, Some(""), Right::Read), Err(Denied::Tenant(_))));
    }

    #[test]
    fn tokens_give_rights_and_tenants() {
        let access = Access::new(&[
            token("reader-of-a", &[Right::Read], Some("a")),
            token("writer-of-all", &[Right::Write], None),
            token("all-of-everything", &[Right::Read, Right::Write], None),
            token("an-operator", &[Right::Operate], None),
        ])
        .expect("sound tokens");
        let check = |authorization, scope, right| access.check(authorization, scope, right);
        assert_eq!(check(Some("Bearer reader-of-a"), None, Right::Read), Ok(tenant("a")));
        assert_eq!(check(Some("bearer  reader-of-a "), Some("a"), Right::Read), Ok(tenant("a")));
        assert_eq!(check(Some("Bearer reader-of-a"), Some("b"), Right::Read), Err(Denied::Scope(tenant("b"))));
        assert_eq!(check(Some("Bearer reader-of-a"), None, Right::Write), Err(Denied::Right(Right::Write)));
        assert_eq!(check(Some("Bearer writer-of-all"), Some("b"), Right::Write), Ok(tenant("b")));
        assert_eq!(check(Some("Bearer writer-of-all"), None, Right::Write), Ok(Tenant::default()));
        assert_eq!(check(Some("Bearer writer-of-all"), None, Right::Read), Err(Denied::Right(Right::Read)));
        assert_eq!(check(Some("Bearer all-of-everything"), Some("c"), Right::Read), Ok(tenant("c")));
        assert_eq!(check(Some("Bearer an-operator"), None, Right::Operate), Ok(Tenant::default()));
        assert_eq!(check(Some("Bearer an-operator"), None, Right::Read), Err(Denied::Right(Right::Read)));
        assert_eq!(check(Some("Bearer all-of-everything"), None, Right::Operate), Err(Denied::Right(Right::Operate)));
        for unknown in [None, Some(""), Some("Bearer"), Some("Bearer reader-of"), Some("Basic reader-of-a")] {
            assert_eq!(check(unknown, Some("a"), Right::Read), Err(Denied::Unauthenticated), "{unknown:?}");
        }
    }

    #[test]
    fn tokens_that_cannot_be_used_are_named() {
        let refused = |tokens: &[Token]| Access::new(tokens).expect_err("refused").to_string();
        assert_eq!(
            refused(&[token("short", &[Right::Read], None)]),
            "tokens[0].token: expected 8 to 1024 visible ASCII characters"
        );
        assert_eq!(
            refused(&[token("with space", &[Right::Read], None)]),
            "tokens[0].token: expected 8 to 1024 visible ASCII characters"
        );
        assert_eq!(
            refused(&[token("long-enough", &[], None)]),
            "tokens[0].rights: expected one or more of \"read\", \"write\" and \"operate\""
        );
        let same = token("the-same-twice", &[Right::Read], None);
        assert_eq!(Access::new(&[same.clone(), same]).err(), Some(AccessError::Twice { place: 1, first: 0 }));
        assert!(
            refused(&[token("long-enough", &[Right::Read], Some("a/b"))]).starts_with("tokens[0].tenant: malformed")
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let token = token("see-through-glass", &[Right::Read], None);
        let access = Access::new(std::slice::from_ref(&token)).expect("sound tokens");
        assert!(!format!("{token:?}{access:?}").contains("see-through"));
    }
}
