//! Signing in with a password, and the lock that keeps people from guessing.

use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::{LoginRequest, LoginResponse};
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Stored, retry_conflicts};

use super::Flows;
use super::authorize::{SESSION_TTL_S, may_be};
use crate::domain::{self, Failures, digest};
use crate::password;
use crate::store::{AccountDoc, LockDoc};

/// How long wrong passwords are remembered, in milliseconds.
const FAILURES_TTL_MS: i64 = 24 * 3_600_000;

fn locked_out() -> Problem {
    Problem::exhausted("LOCKED_OUT", "too many wrong passwords: try again in a few minutes")
}

impl Flows {
    /// Checks the password. Returns where to go, with a code, or with what is wrong with the request.
    pub(crate) async fn login(&self, given: LoginRequest) -> Result<LoginResponse, Failure> {
        let LoginRequest { authorization, email, password, remember } = given;
        let request = authorization.unwrap_or_default();
        let at_client = |location| LoginResponse { location, ..LoginResponse::default() };
        let asked = match domain::check_authorization(self.clients(), &request) {
            Ok(asked) if asked.is_silent => {
                return Ok(at_client(self.error_location(&request, &domain::login_required())));
            }
            Ok(asked) => asked,
            Err(refusal) => return Ok(at_client(self.refused(&request, refusal)?)),
        };
        let (account, locks) = self.with_password(&email, password).await?;
        if !may_be(&request.id_token_hint, &account.id) {
            return Ok(at_client(self.error_location(&request, &domain::login_required())));
        }
        let now_s = self.now() / 1000;
        let mut tx = self.0.store.begin();
        let mut answer = at_client(self.new_code(&mut tx, &request, &asked, &account, now_s));
        if remember {
            answer.session = self.new_session(&mut tx, &request.session, &account, now_s);
            answer.session_ttl_s = SESSION_TTL_S;
        }
        if let Some(locks) = locks {
            tx.delete::<LockDoc>(&locks);
        }
        tx.commit().await?;
        Ok(answer)
    }

    /// Whose address and password these are; and which wrong passwords are to be forgotten, now that they have the right one.
    async fn with_password(&self, email: &str, given: String) -> Result<(AccountDoc, Option<String>), Failure> {
        let forms = domain::sign_in_addresses(email);
        let locks = digest(&forms[0]);
        self.unlocked(&locks).await?;
        let found = self.account_of(&forms).await?;
        let hash = found.as_ref().map(|a| a.password_hash.clone());
        let verified = password::verify(given, hash).await?;
        let Some(account) = found.filter(|_| verified) else { return Err(self.note_failure(&locks).await?.into()) };
        // Others may have guessed meanwhile: who is locked out must not learn that a guess was right.
        let failed_before = self.unlocked(&locks).await?;
        // Only who has the password is told.
        if account.locked {
            return Err(Problem::permission_denied("the account is locked").with_reason("ACCOUNT_LOCKED").into());
        }
        Ok((account.doc, Some(locks).filter(|_| failed_before)))
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

    /// Refuses an address that is locked. Returns whether there were wrong passwords.
    async fn unlocked(&self, locks: &str) -> Result<bool, Failure> {
        match self.0.store.get::<LockDoc>(locks).await? {
            Some(lock) if lock.failures().is_locked(self.now()) => Err(locked_out().into()),
            known => Ok(known.is_some()),
        }
    }

    /// Counts a wrong password and returns what to say: guesses beyond the last one that counts learn nothing.
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
