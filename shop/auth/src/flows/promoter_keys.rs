//! Promoters' public keys: made, listed, found and revoked. A key says who sells, and which pages may say so; it permits nothing.

use vitrine_contracts::Problem;
use vitrine_contracts::limits::{MAX_KEY_NAME, MAX_PROMOTER_KEYS};
use vitrine_contracts::text::line;
use vitrine_kit::id;
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_store::{Query, Stored, retry_conflicts};

use super::Flows;
use crate::domain::origins;
use crate::store::{AccountDoc, PromoterKeyDoc};
use crate::{PromoterKey, Role};

fn unknown_key() -> Problem {
    Problem::not_found("there is no such key").with_reason("UNKNOWN_KEY")
}

impl Flows {
    /// Makes a key of the settings, or makes it what the settings say.
    pub(super) async fn ensure_promoter_key(&self, key: &PromoterKey) -> Result<(), Failure> {
        let PromoterKey { id, promoter_id, name, origins: typed } = key.clone();
        check_id("pk", &id, "key_id")?;
        let doc = PromoterKeyDoc { id, promoter_id, name, origins: origins(&typed)?, created_at: self.now() };
        let mut tx = self.0.store.begin();
        tx.put(&doc);
        Ok(tx.commit().await?)
    }

    /// A new key of a promoter's.
    pub(crate) async fn create_promoter_key(
        &self,
        promoter_id: &str,
        name: &str,
        typed: &[String],
    ) -> Result<PromoterKeyDoc, Failure> {
        check_id("pro", promoter_id, "promoter_id")?;
        let name = line("name", name, 1..=MAX_KEY_NAME)?;
        let origins = origins(typed)?;
        retry_conflicts(async || {
            let found = self.promoter(promoter_id).await?;
            let promoter = found.ok_or_else(|| Problem::not_found("there is no such promoter"))?;
            if self.promoter_keys(promoter_id).await?.len() >= MAX_PROMOTER_KEYS {
                let message =
                    format!("there are {MAX_PROMOTER_KEYS} keys already: revoke one that no page uses any more");
                return Err(Problem::precondition("TOO_MANY_KEYS", &message).into());
            }
            let (id, created_at) = (id::new("pk"), self.now());
            let (promoter_id, name, origins) = (promoter_id.to_owned(), name.clone(), origins.clone());
            let key = PromoterKeyDoc { id, promoter_id, name, origins, created_at };
            let mut tx = self.0.store.begin();
            // Two at once would both see room for one more: the account's version lets one of them through.
            tx.update(&promoter);
            tx.insert(&key);
            tx.commit().await?;
            tracing::info!(key_id = key.id, promoter_id = key.promoter_id, "a promoter's key was made");
            Ok(key)
        })
        .await
    }

    /// A promoter's keys, newest first.
    pub(crate) async fn list_promoter_keys(&self, promoter_id: &str) -> Result<Vec<PromoterKeyDoc>, Failure> {
        check_id("pro", promoter_id, "promoter_id")?;
        self.promoter_keys(promoter_id).await
    }

    /// A key that is good.
    pub(crate) async fn promoter_key(&self, key_id: &str) -> Result<PromoterKeyDoc, Failure> {
        check_id("pk", key_id, "key_id")?;
        let key = self.0.store.get::<PromoterKeyDoc>(key_id).await?.ok_or_else(unknown_key)?;
        let promoter = self.promoter(&key.promoter_id).await?;
        promoter.filter(|account| !account.locked).ok_or_else(unknown_key)?;
        Ok(key.doc)
    }

    /// Ends a promoter's key. Returns what it was.
    pub(crate) async fn revoke_promoter_key(&self, key_id: &str, promoter_id: &str) -> Result<PromoterKeyDoc, Failure> {
        check_id("pk", key_id, "key_id")?;
        check_id("pro", promoter_id, "promoter_id")?;
        retry_conflicts(async || {
            let found = self.0.store.get::<PromoterKeyDoc>(key_id).await?;
            let key = found.filter(|key| key.promoter_id == promoter_id).ok_or_else(unknown_key)?;
            let mut tx = self.0.store.begin();
            tx.delete_expecting::<PromoterKeyDoc>(key_id, key.version);
            tx.commit().await?;
            tracing::info!(key_id, promoter_id, "a promoter's key was revoked");
            Ok(key.doc)
        })
        .await
    }

    /// All keys of an account's, newest first: ids grow with time.
    pub(super) async fn promoter_keys(&self, account_id: &str) -> Result<Vec<PromoterKeyDoc>, Failure> {
        // Those of the settings come without being counted.
        let most = MAX_PROMOTER_KEYS + self.0.config.promoter_keys.len();
        let query = Query::eq("promoter_id", account_id).descending().limit(most);
        let found = self.0.store.find::<PromoterKeyDoc>(query).await?;
        Ok(found.items.into_iter().map(|stored| stored.doc).collect())
    }

    async fn promoter(&self, promoter_id: &str) -> Result<Option<Stored<AccountDoc>>, Failure> {
        let found = self.0.store.get::<AccountDoc>(promoter_id).await?;
        Ok(found.filter(|account| account.role == Role::Promoter))
    }
}
