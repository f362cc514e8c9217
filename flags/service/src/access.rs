//! Who may do what: random tokens, of which only the SHA-256 is kept.
//!
//! As long as there is no token, everyone may do everything, as with the observatory: a listener on 127.0.0.1 needs no more. The first token is an
//! administrator's, and from then on each request needs one.

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use parking_lot::RwLock;
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vitrine_platform_store::Query;

use crate::documents::TokenDocument;
use crate::flag_store::{Error, FlagStore};
use crate::role::Role;

/// Bytes of chance in a token.
const TOKEN_BYTES: usize = 32;
/// How a token begins, so that one that was lost is known for what it is.
const PREFIX: &str = "vtf_";
/// Most tokens. All are compared for each request.
const MAX_TOKENS: usize = 200;
/// Longest name of a token, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// The cookie in which a browser has its token.
pub(crate) const COOKIE: &str = "vitrine_flags";
/// Who changes something where no token is needed.
const NOBODY: &str = "local";

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token, or none that is known.
    #[error("a known token is expected in Authorization: Bearer TOKEN, or in X-API-Key")]
    Unauthenticated,
    /// The token is not for faults.
    #[error("the token is not for faults: an admin's is, and one that was given with \"faults\": true")]
    Faults,
    /// The token is not for this.
    #[error("the token is of the role {}, and {} is expected", .has.name(), .needs.name())]
    Role {
        /// The token's role.
        has: Role,
        /// The least role that may.
        needs: Role,
    },
}

impl Denied {
    /// The status of HTTP that says so.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Role { .. } | Self::Faults => StatusCode::FORBIDDEN,
        }
    }
}

/// A token that is known.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The set of flags for which alone it is; none if it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Whether faults are seen and armed with it. An admin's may always.
    pub faults: bool,
    /// When it was given, in milliseconds since 1970.
    pub created_ms: i64,
    #[serde(skip)]
    hash: [u8; 32],
}

/// What a token is for beside its role.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// The set of flags for which alone it evaluates; none for all of them.
    pub set: Option<String>,
    /// Whether it is for faults, too.
    pub faults: bool,
}

/// The tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access {
    flags: FlagStore,
    tokens: Arc<RwLock<Vec<Token>>>,
    /// Given and taken back one at a time.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Access {
    /// Reads the tokens that are kept.
    pub async fn open(flags: &FlagStore) -> Result<Self, Error> {
        let mut tokens = Vec::new();
        for found in flags.store().find_all::<TokenDocument>(Query::all()).await? {
            let TokenDocument { name, role, set, faults, hash, created_ms } = found.doc;
            let mut bytes = [0; 32];
            // A hash that cannot be read is no token's: the token is known, and nobody has it.
            let _ = hex::decode_to_slice(&hash, &mut bytes);
            tokens.push(Token { name, role, set, faults, created_ms, hash: bytes });
        }
        Ok(Self { flags: flags.clone(), tokens: Arc::new(RwLock::new(tokens)), changing: Arc::default() })
    }

    /// Whether requests need no token.
    pub fn is_open(&self) -> bool {
        self.tokens.read().is_empty()
    }

    /// Who asks, if he may.
    pub fn check(&self, headers: &HeaderMap, needs: Role) -> Result<String, Denied> {
        self.check_token(token_of(headers), needs)
    }

    /// Who asks, if he may see and arm faults.
    pub(crate) fn check_faults(&self, headers: &HeaderMap) -> Result<String, Denied> {
        self.name_of(token_of(headers), |token| {
            if token.faults || token.role == Role::Admin { Ok(()) } else { Err(Denied::Faults) }
        })
    }

    pub(crate) fn check_token(&self, token: Option<&str>, needs: Role) -> Result<String, Denied> {
        self.name_of(
            token,
            |token| {
                if token.role < needs { Err(Denied::Role { has: token.role, needs }) } else { Ok(()) }
            },
        )
    }

    /// Whose token it is, if the token may.
    fn name_of(&self, token: Option<&str>, may: impl Fn(&Token) -> Result<(), Denied>) -> Result<String, Denied> {
        let tokens = self.tokens.read();
        if tokens.is_empty() {
            return Ok(NOBODY.to_owned());
        }
        let token = known(&tokens, token.ok_or(Denied::Unauthenticated)?).ok_or(Denied::Unauthenticated)?;
        may(token)?;
        Ok(token.name.clone())
    }

    /// The set of flags for which alone the token of a request is; none if it is for all, or is none.
    pub(crate) fn bound_set(&self, headers: &HeaderMap) -> Option<String> {
        let tokens = self.tokens.read();
        // Most are for all: those are not compared once more.
        if tokens.iter().all(|token| token.set.is_none()) {
            return None;
        }
        known(&tokens, token_of(headers)?)?.set.clone()
    }

    /// The tokens, without what they are.
    pub fn tokens(&self) -> Vec<Token> {
        self.tokens.read().clone()
    }

    /// Gives a token for all sets of flags, and not for faults. It is told once, here.
    pub async fn give(&self, name: &str, role: Role) -> Result<String, Error> {
        self.give_with(name, role, Grant::default()).await
    }

    /// Gives a token that is for less, or for more.
    pub async fn give_with(&self, name: &str, role: Role, grant: Grant) -> Result<String, Error> {
        let Grant { set, faults } = grant;
        let _one = self.changing.lock().await;
        let tokens = self.tokens();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Error::Invalid(format!(
                "name: 1 to {MAX_NAME_BYTES} bytes without control characters are expected"
            )));
        }
        if tokens.iter().any(|token| token.name == name) {
            return Err(Error::Invalid(format!("name: there is a token {name:?}; take it back first")));
        }
        if tokens.is_empty() && role != Role::Admin {
            return Err(Error::Invalid(
                "role: the first token is an admin's, since from then on each request needs one".to_owned(),
            ));
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(Error::Invalid(format!("there are {MAX_TOKENS} tokens, which is the most")));
        }
        if set.is_some() && role != Role::Evaluation {
            return Err(Error::Invalid(format!(
                "set: a token of the role {} is for all sets; only one of the role evaluation can be for one",
                role.name()
            )));
        }
        let token = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; TOKEN_BYTES]>()));
        let hash = digest(&token);
        let created_ms = self.flags.now_ms();
        let mut tx = self.flags.store().begin();
        tx.insert(&TokenDocument {
            name: name.to_owned(),
            role,
            set: set.clone(),
            faults,
            hash: hex::encode(hash),
            created_ms,
        });
        tx.commit().await?;
        self.tokens.write().push(Token { name: name.to_owned(), role, set, faults, created_ms, hash });
        Ok(token)
    }

    /// Takes a token back. The last admin's goes last.
    pub async fn take_back(&self, name: &str) -> Result<(), Error> {
        let _one = self.changing.lock().await;
        let tokens = self.tokens();
        let Some(token) = tokens.iter().find(|token| token.name == name) else {
            return Err(Error::NotFound(format!("there is no token {name:?}")));
        };
        let admins = tokens.iter().filter(|token| token.role == Role::Admin).count();
        if token.role == Role::Admin && admins == 1 && tokens.len() > 1 {
            return Err(Error::InUse(format!("{name:?} is the last admin's token: take the others back first")));
        }
        let mut tx = self.flags.store().begin();
        tx.delete::<TokenDocument>(name);
        tx.commit().await?;
        self.tokens.write().retain(|token| token.name != name);
        Ok(())
    }
}

/// The token of a request.
fn token_of(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
    });
    let own = || headers.get("x-api-key").and_then(|value| value.to_str().ok());
    bearer.or_else(own).or_else(|| cookie_of(headers))
}

/// The token that a browser signed in with.
fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token)
}

/// The token that it is. All are compared to their ends: how long it takes tells nothing about a token.
fn known<'t>(tokens: &'t [Token], token: &str) -> Option<&'t Token> {
    let hash = digest(token);
    let mut found = None;
    for token in tokens {
        if token.hash.ct_eq(&hash).into() {
            found = Some(token);
        }
    }
    found
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
