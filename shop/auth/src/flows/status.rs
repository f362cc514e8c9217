//! Which tokens are active: those of an account that is there, is not locked and has not ended them, and that were not revoked.

use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::GetTokenStatusRequest;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Stored, retry_conflicts};

use super::Flows;
use crate::domain;
use crate::machine::random;
use crate::store::{AccountDoc, RevokedTokenDoc};

/// A number that no account had before.
pub(super) fn new_epoch() -> i64 {
    // 48 bits: every reader of JSON holds them exactly.
    random::<6>().into_iter().fold(0, |epoch, byte| epoch << 8 | i64::from(byte))
}

impl Flows {
    /// The account, if what it was given in this epoch still holds.
    pub(super) async fn living(&self, account_id: &str, epoch: i64) -> Result<Option<AccountDoc>, Failure> {
        let found = self.0.store.get::<AccountDoc>(account_id).await?.map(|stored| stored.doc);
        Ok(found.filter(|account| !account.locked && account.epoch == epoch))
    }

    /// Whether an access token that verifies and has not expired is still active.
    pub(crate) async fn is_active(&self, token: &GetTokenStatusRequest) -> Result<bool, Failure> {
        let ids: Vec<&str> = [&*token.token_id, &*token.family].into_iter().filter(|id| !id.is_empty()).collect();
        if !self.0.store.get_many::<RevokedTokenDoc>(&ids).await?.is_empty() {
            return Ok(false);
        }
        if self.living(&token.account_id, token.epoch).await?.is_some() {
            return Ok(true);
        }
        // A machine may act as someone without an account: then it is as good as its place in the settings.
        let is_machine = |id: &str| {
            let client = self.clients().iter().find(|c| c.id == id && c.is_confidential());
            client.is_some_and(|c| c.account_id == token.account_id)
        };
        Ok(is_machine(&token.client_id) && self.0.store.get::<AccountDoc>(&token.account_id).await?.is_none())
    }

    /// Locks an account, and ends all that it was given; or unlocks it.
    pub(crate) async fn set_lock(&self, account_id: &str, locked: bool) -> Result<(), Failure> {
        domain::check_account_id(account_id)?;
        retry_conflicts(async || {
            let found = self.0.store.get::<AccountDoc>(account_id).await?;
            let Stored { mut doc, version } = found.ok_or_else(|| Problem::not_found("there is no such account"))?;
            if doc.locked == locked {
                return Ok(());
            }
            doc.locked = locked;
            let mut tx = self.0.store.begin();
            if locked {
                doc.epoch = new_epoch();
                self.delete_tokens(&mut tx, Query::eq("account_id", account_id)).await?;
            }
            tx.update(&Stored { doc, version });
            tx.commit().await?;
            tracing::info!(account_id, locked, "an account was locked or unlocked");
            Ok(())
        })
        .await
    }
}
