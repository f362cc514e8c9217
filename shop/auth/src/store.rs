//! What is kept. Secrets are here as digests or hashes; the private signing keys alone are not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use crate::Role;
use crate::domain::Failures;
use crate::signing::Signing;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccountDoc {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) password_hash: String,
    pub(crate) role: Role,
    /// Stands in every grant and token of the account: those with another number have ended. A random one, so that an account that
    /// is made again under an id does not revive what the one before it had. 0 in accounts of before there was such a number.
    #[serde(default)]
    pub(crate) epoch: i64,
    /// No one may sign in.
    #[serde(default)]
    pub(crate) locked: bool,
}

impl Document for AccountDoc {
    const COLLECTION: &'static str = "accounts";
    const INDEXES: &'static [Index] = &[Index::unique("email")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("email", self.email.as_str());
    }
}

/// A promoter's public key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PromoterKeyDoc {
    pub(crate) id: String,
    pub(crate) promoter_id: String,
    pub(crate) name: String,
    pub(crate) origins: Vec<String>,
    pub(crate) created_at: i64,
}

impl Document for PromoterKeyDoc {
    const COLLECTION: &'static str = "promoter_keys";
    const INDEXES: &'static [Index] = &[Index::ordered("promoter_id")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("promoter_id", self.promoter_id.as_str());
    }
}

/// What a code or a refresh token stands for.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) account_id: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) auth_time_s: i64,
    /// The account's at sign-in.
    #[serde(default)]
    pub(crate) epoch: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CodeDoc {
    pub(crate) digest: String,
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) nonce: String,
    /// The family of refresh tokens that it was turned into.
    pub(crate) used_for: Option<String>,
    /// Until when it is good; once it was used, until when that is remembered.
    pub(crate) expires_at: i64,
}

impl Document for CodeDoc {
    const COLLECTION: &'static str = "codes";
    const INDEXES: &'static [Index] = &[Index::ordered("expires_at")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.digest)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("expires_at", self.expires_at);
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RefreshDoc {
    pub(crate) digest: String,
    pub(crate) family: String,
    pub(crate) grant: Grant,
    pub(crate) used: bool,
    pub(crate) expires_at: i64,
}

impl Document for RefreshDoc {
    const COLLECTION: &'static str = "refresh_tokens";
    const INDEXES: &'static [Index] =
        &[Index::ordered("family"), Index::ordered("account_id"), Index::ordered("expires_at")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.digest)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("family", self.family.as_str());
        out.put("account_id", self.grant.account_id.as_str());
        out.put("expires_at", self.expires_at);
    }
}

/// A browser in which someone signed in, by the digest of what its cookie holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SessionDoc {
    pub(crate) digest: String,
    pub(crate) account_id: String,
    pub(crate) auth_time_s: i64,
    /// The account's at sign-in.
    pub(crate) epoch: i64,
    pub(crate) expires_at: i64,
}

impl Document for SessionDoc {
    const COLLECTION: &'static str = "sessions";
    const INDEXES: &'static [Index] = &[Index::ordered("account_id"), Index::ordered("expires_at")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.digest)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("account_id", self.account_id.as_str());
        out.put("expires_at", self.expires_at);
    }
}

/// An assertion that was used.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct UsedDoc {
    pub(crate) id: String,
    pub(crate) expires_at: i64,
}

impl Document for UsedDoc {
    const COLLECTION: &'static str = "used_assertions";
    const INDEXES: &'static [Index] = &[Index::ordered("expires_at")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("expires_at", self.expires_at);
    }
}

/// An access token, or a family with all its access tokens, that was revoked before it expired.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RevokedTokenDoc {
    /// Its `jti`, or the family's id.
    pub(crate) token_id: String,
    /// When it would have expired, or the last of them, Unix milliseconds.
    pub(crate) expires_at: i64,
}

impl Document for RevokedTokenDoc {
    const COLLECTION: &'static str = "revoked_tokens";
    const INDEXES: &'static [Index] = &[Index::ordered("expires_at")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.token_id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("expires_at", self.expires_at);
    }
}

/// Wrong passwords of an e-mail address, by the address's digest: it may be no one's.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LockDoc {
    pub(crate) digest: String,
    pub(crate) count: u32,
    pub(crate) locked_until: i64,
    pub(crate) expires_at: i64,
}

impl LockDoc {
    pub(crate) fn failures(&self) -> Failures {
        Failures { count: self.count, locked_until: self.locked_until }
    }
}

impl Document for LockDoc {
    const COLLECTION: &'static str = "lockouts";
    const INDEXES: &'static [Index] = &[Index::ordered("expires_at")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.digest)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("expires_at", self.expires_at);
    }
}

/// A signing key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeyDoc {
    pub(crate) id: String,
    /// What it signs with. Keys of before there were several are on P-256.
    #[serde(default)]
    pub(crate) algorithm: Signing,
    pub(crate) private_pem: String,
    /// When the last token that it signed has expired; none for the current one.
    pub(crate) retires_at: Option<i64>,
}

impl Document for KeyDoc {
    const COLLECTION: &'static str = "keys";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, _: &mut Keys) {}
}
