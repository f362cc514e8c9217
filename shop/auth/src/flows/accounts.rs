//! Accounts: made, ensured, withdrawn, deleted.

use vitrine_contracts::{EmailAddress, Problem};
use vitrine_flags_client::Subject;
use vitrine_platform_host::{Failure, erasure};
use vitrine_platform_store::{Error, Query, Tx, retry_conflicts};

use super::Flows;
use super::status::new_epoch;
use crate::domain::digest;
use crate::flags::SIGN_UP;
use crate::store::{AccountDoc, LockDoc, PromoterKeyDoc, SessionDoc};
use crate::{Account, Role, domain, password};

fn email_taken() -> Problem {
    Problem::already_exists("this e-mail address has an account").with_reason("EMAIL_TAKEN").with_field("email")
}

/// An account as it is kept, if all of it is well-formed.
async fn checked(account: &Account) -> Result<AccountDoc, Problem> {
    domain::check_account_id(&account.account_id)?;
    let email = EmailAddress::parse("email", &account.email)?.into_string();
    domain::check_password(account.password.expose())?;
    let password_hash = password::hash(account.password.expose().to_owned()).await?;
    let (id, role, epoch) = (account.account_id.clone(), account.role, new_epoch());
    Ok(AccountDoc { id, email, password_hash, role, epoch, locked: false })
}

impl Flows {
    /// Makes an account of the settings, or makes it what the settings say; then what it was given before ends. A lock stays.
    pub(super) async fn ensure_account(&self, account: &Account) -> Result<(), Failure> {
        let told = |problem: Problem| {
            let message = format!("the account {} of the settings: {}", account.account_id, problem.message);
            Problem { message, ..problem }
        };
        retry_conflicts(async || {
            let mut tx = self.0.store.begin();
            if !erasure::writing_for(&mut tx, &account.account_id).await? {
                tracing::info!(account_id = account.account_id, "an account of the settings was erased, and stays so");
                return Ok(());
            }
            let known = self.0.store.get::<AccountDoc>(&account.account_id).await?;
            let locked = known.as_ref().is_some_and(|a| a.locked);
            if let Some(known) = known {
                let same = known.role == account.role
                    && EmailAddress::parse("email", &account.email).is_ok_and(|email| email.as_str() == known.email);
                let hash = known.doc.password_hash;
                if same && password::verify(account.password.expose().to_owned(), Some(hash)).await? {
                    return Ok(());
                }
            }
            tx.put(&AccountDoc { locked, ..checked(account).await.map_err(told)? });
            match tx.commit().await {
                Err(Error::Duplicate { .. }) => Err(told(email_taken()).into()),
                other => Ok(other?),
            }
        })
        .await
    }

    /// Takes an account away that a start made, and all that it was given. No one is erased: a later start may make it again. One that
    /// is locked stays, for the lock keeps it out, and shall go on doing so.
    pub(super) async fn withdraw_account(&self, account_id: &str) -> Result<(), Failure> {
        retry_conflicts(async || {
            let Some(account) = self.0.store.get::<AccountDoc>(account_id).await?.filter(|a| !a.locked) else {
                return Ok(());
            };
            let mut tx = self.0.store.begin();
            tx.delete_expecting::<AccountDoc>(account_id, account.version);
            self.delete_credentials(&mut tx, account_id).await?;
            tx.commit().await?;
            tracing::info!(account_id, "an account that an earlier start had made was taken away");
            Ok(())
        })
        .await
    }

    /// Makes an account, unless it was deleted before. A repeat for the same account and address changes nothing.
    pub(crate) async fn create_account(&self, account: &Account) -> Result<(), Failure> {
        let doc = checked(account).await?;
        retry_conflicts(async || {
            if self.is_made(&doc).await? {
                return Ok(());
            }
            // One that is made already is so when it is asked for again; sellers and those who run the shop do not sign up.
            if doc.role == Role::Customer && !self.0.flags.read(&SIGN_UP, &Subject::customer(&doc.id)) {
                return Err(Problem::precondition("SIGN_UP_CLOSED", "no new customers are taken at the moment").into());
            }
            let mut tx = self.0.store.begin();
            if !erasure::writing_for(&mut tx, &doc.id).await? {
                return Err(Problem::not_found("the account was erased").into());
            }
            tx.insert(&doc);
            match tx.commit().await {
                // Perhaps by this very account, of a moment ago.
                Err(Error::Duplicate { .. }) if self.is_made(&doc).await? => Ok(()),
                Err(Error::Duplicate { .. }) => Err(email_taken().into()),
                other => Ok(other?),
            }
        })
        .await
    }

    /// Whether this account is there. One that has its id and another address or role is refused.
    async fn is_made(&self, doc: &AccountDoc) -> Result<bool, Failure> {
        match self.0.store.get::<AccountDoc>(&doc.id).await? {
            Some(known) if known.email == doc.email && known.role == doc.role => Ok(true),
            Some(_) => {
                let message = "the account has another e-mail address or role";
                Err(Problem::already_exists(message).with_field("account_id").into())
            }
            None => Ok(false),
        }
    }

    /// Deletes an account with its refresh tokens, sessions and keys, and what is known of wrong passwords: the address may be
    /// another's next. Its codes and access tokens are good for nothing without it.
    pub(crate) async fn delete_account(&self, account_id: &str) -> Result<(), Failure> {
        domain::check_account_id(account_id)?;
        retry_conflicts(async || {
            let mut tx = self.0.store.begin();
            erasure::erase(&mut tx, account_id).await?;
            if let Some(account) = self.0.store.get::<AccountDoc>(account_id).await? {
                tx.delete_expecting::<AccountDoc>(account_id, account.version);
                tx.delete::<LockDoc>(&digest(&account.email));
            }
            self.delete_credentials(&mut tx, account_id).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Deletes what an account was given: refresh tokens, sessions, and a promoter's keys.
    async fn delete_credentials(&self, tx: &mut Tx, account_id: &str) -> Result<(), Failure> {
        self.delete_tokens(tx, Query::eq("account_id", account_id)).await?;
        for session in self.0.store.find_all::<SessionDoc>(Query::eq("account_id", account_id)).await? {
            tx.delete::<SessionDoc>(&session.digest);
        }
        for key in self.promoter_keys(account_id).await? {
            tx.delete::<PromoterKeyDoc>(&key.id);
        }
        Ok(())
    }
}
