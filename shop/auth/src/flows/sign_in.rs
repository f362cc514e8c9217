//! Signing in with a password, and the lock that keeps people from guessing.

use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::AuthorizationRequest;
use vitrine_kit::percent;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Stored, retry_conflicts};

use super::Flows;
use crate::domain::{self, Failures, digest};
use crate::machine::secret;
use crate::password;
use crate::store::{AccountDoc, CodeDoc, Grant, LockDoc};

/// How long a code is good, in milliseconds.
const CODE_TTL_MS: i64 = 60_000;
/// How long wrong passwords are remembered, in milliseconds.
const FAILURES_TTL_MS: i64 = 24 * 3_600_000;

fn locked_out() -> Problem {
    Problem::exhausted("LOCKED_OUT", "too many wrong passwords: try again in a few minutes")
}

impl Flows {
    /// Checks the password and answers with where to go, code included.
    pub(crate) async fn login(
        &self,
        request: AuthorizationRequest,
        email: &str,
        given: String,
    ) -> Result<String, Failure> {
        domain::check_authorization(self.clients(), &request)?;
        let forms = domain::sign_in_addresses(email);
        let locks = digest(&forms[0]);
        self.unlocked(&locks).await?;
        let found = self.account_of(&forms).await?;
        let hash = found.as_ref().map(|a| a.password_hash.clone());
        let verified = password::verify(given, hash).await?;
        let Some(account) = found.filter(|_| verified) else { return Err(self.note_failure(&locks).await?.into()) };
        // Others may have guessed meanwhile: who is locked out must not learn that a guess was right.
        let failed_before = self.unlocked(&locks).await?;
        let (code, now) = (secret(), self.now());
        let doc = CodeDoc {
            digest: digest(&code),
            grant: Grant {
                account_id: account.doc.id,
                client_id: request.client_id,
                scope: domain::normal_scope(&request.scope)?,
                auth_time_s: now / 1000,
            },
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.code_challenge,
            nonce: request.nonce,
            used_for: None,
            expires_at: now + CODE_TTL_MS,
        };
        let mut tx = self.0.store.begin();
        tx.insert(&doc);
        if failed_before {
            tx.delete::<LockDoc>(&locks);
        }
        tx.commit().await?;
        Ok(self.location(&request.redirect_uri, &code, &request.state))
    }

    /// The account of the first of these addresses that has one.
    async fn account_of(&self, addresses: &[String]) -> Result<Option<Stored<AccountDoc>>, Failure> {
        for address in addresses {
            let found =
                self.0.store.find::<AccountDoc>(Query::eq("email", address.as_str()).limit(1)).await?.items.pop();
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Where the person is sent to: the redirect URI with code, state and issuer (RFC 9207).
    fn location(&self, redirect_uri: &str, code: &str, state: &str) -> String {
        let separator = if redirect_uri.contains('?') { '&' } else { '?' };
        let state = if state.is_empty() { String::new() } else { format!("&state={}", percent::encode(state)) };
        format!("{redirect_uri}{separator}code={code}{state}&iss={}", percent::encode(&self.0.config.issuer))
    }

    /// Refuses an address that is locked. Answers whether there were wrong passwords.
    async fn unlocked(&self, locks: &str) -> Result<bool, Failure> {
        match self.0.store.get::<LockDoc>(locks).await? {
            Some(lock) if lock.failures().is_locked(self.now()) => Err(locked_out().into()),
            known => Ok(known.is_some()),
        }
    }

    /// Counts a wrong password and answers with what to say: guesses beyond the last one that counts learn nothing.
    async fn note_failure(&self, locks: &str) -> Result<Problem, Failure> {
        let (after, for_ms) = (self.0.config.lockout_after, i64::from(self.0.config.lockout_s) * 1000);
        retry_conflicts(async || {
            let now = self.now();
            let known = self.0.store.get::<LockDoc>(locks).await?;
            let before: Failures =
                known.as_ref().filter(|l| l.expires_at > now).map(|l| l.failures()).unwrap_or_default();
            if before.is_locked(now) {
                return Ok(locked_out());
            }
            let Failures { count, locked_until } = before.one_more(now, after, for_ms);
            let expires_at = now.max(locked_until) + FAILURES_TTL_MS;
            let doc = LockDoc { digest: locks.to_owned(), count, locked_until, expires_at };
            let mut tx = self.0.store.begin();
            match known {
                Some(known) => tx.update(&Stored { doc, version: known.version }),
                None => tx.insert(&doc),
            }
            tx.commit().await?;
            Ok::<_, Failure>(Problem::unauthenticated("BAD_CREDENTIALS", "e-mail address or password is wrong"))
        })
        .await
    }
}
