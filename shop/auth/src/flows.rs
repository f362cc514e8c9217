//! What auth does, in parts: accounts, authorizing, signing in, grants, families of refresh tokens, which tokens are active, promoters'
//! public keys, and who the clients are.

mod accounts;
mod authorize;
mod clients;
mod families;
mod grants;
mod promoter_keys;
mod sign_in;
mod status;

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use vitrine_contracts::Problem;
use vitrine_flags_client::Handle;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Document, Query, Store, retry_conflicts};

use crate::keys::Keys;
use crate::signing::Signing;
use crate::store::{CodeDoc, LockDoc, RefreshDoc, RevokedTokenDoc, SessionDoc, UsedDoc};
use crate::{Client, Config};

/// Most expired documents of a kind that are forgotten in one commit.
const BATCH: usize = 500;

/// All of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Flows(Arc<FlowsInner>);

struct FlowsInner {
    config: Config,
    /// The public keys of machines, by the client's id.
    machines: HashMap<String, DecodingKey>,
    store: Store,
    clock: Clock,
    keys: Keys,
    flags: Handle,
}

fn grant_error(message: &str) -> Problem {
    Problem::precondition("INVALID_GRANT", message)
}

fn client_error(message: &str) -> Problem {
    Problem::unauthenticated("INVALID_CLIENT", message)
}

impl Flows {
    /// Refuses settings with a key that cannot be used.
    pub(crate) fn new(config: Config, store: Store, clock: Clock, keys: Keys, flags: Handle) -> Result<Self, Problem> {
        let machines = clients::checked(&config.clients)?;
        Ok(Self(Arc::new(FlowsInner { config, machines, store, clock, keys, flags })))
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn clients(&self) -> &[Client] {
        &self.0.config.clients
    }

    fn now(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// How long an access token of this client is good, in seconds.
    fn ttl_s(&self, client_id: &str) -> u32 {
        let own = self.clients().iter().find(|c| c.id == client_id).map(|c| c.token_ttl_s);
        own.filter(|s| *s > 0).unwrap_or(self.0.config.access_token_ttl_s)
    }

    /// Makes the first key of access tokens, the accounts and the promoters' keys of the settings, and takes away those that the settings have no more.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        self.0.keys.load(&[Signing::Es256]).await?;
        let is_wanted = |id: &str| self.0.config.accounts.iter().any(|account| account.account_id == id);
        for account_id in self.0.config.withdrawn.iter().filter(|id| !is_wanted(id)) {
            self.withdraw_account(account_id).await?;
        }
        for account in &self.0.config.accounts {
            self.ensure_account(account).await?;
        }
        for key in &self.0.config.promoter_keys {
            self.ensure_promoter_key(key).await?;
        }
        Ok(())
    }

    /// The longest that an access token is good, in milliseconds.
    fn longest_ttl_ms(&self) -> i64 {
        let of_clients = self.clients().iter().map(|c| c.token_ttl_s);
        i64::from(of_clients.fold(self.0.config.access_token_ttl_s, u32::max)) * 1000
    }

    /// New keys. The older ones are good for the tokens that there are, unless they are compromised.
    pub(crate) async fn rotate_keys(&self, compromised: bool) -> Result<String, Failure> {
        self.0.keys.rotate(if compromised { None } else { Some(self.longest_ttl_ms()) }).await
    }

    /// Forgets what has expired.
    pub(crate) async fn sweep(&self) -> Result<(), Failure> {
        self.forget_expired::<CodeDoc>().await?;
        self.forget_expired::<RefreshDoc>().await?;
        self.forget_expired::<SessionDoc>().await?;
        self.forget_expired::<UsedDoc>().await?;
        self.forget_expired::<RevokedTokenDoc>().await?;
        self.forget_expired::<LockDoc>().await?;
        self.0.keys.sweep().await
    }

    async fn forget_expired<T: Document>(&self) -> Result<(), Failure> {
        let batch = async || {
            let query = Query::range("expires_at", 0..=self.now()).limit(BATCH);
            let expired = self.0.store.find::<T>(query).await?.items;
            let mut tx = self.0.store.begin();
            for doc in &expired {
                // What is changed meanwhile may be good for longer now.
                tx.delete_expecting::<T>(&doc.id(), doc.version);
            }
            tx.commit().await?;
            Ok::<_, Failure>(expired.len())
        };
        while retry_conflicts(batch).await? == BATCH {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vitrine_contracts::auth::v1::RevokeTokenRequest;
    use vitrine_flags_client::Flags;
    use vitrine_kit::clock::{Clock, Manual};
    use vitrine_platform_store::{Query, Schema, Store};
    use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};

    use super::{BATCH, Flows};
    use crate::keys::Keys;
    use crate::signing::Signing;
    use crate::store::{Grant, KeyDoc, LockDoc, RefreshDoc};
    use crate::{Client, Config};

    fn flows() -> (Flows, Store, Manual) {
        let (clock, hand) = Clock::manual(1_000);
        let schema = crate::schema(Schema::new());
        let store = Store::temporary("auth", schema).expect("a database");
        let keys = Keys::new(store.clone(), clock.clone());
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let flags = Flags::of_code().handle(&telemetry.service("auth"), crate::flags::FLAGS);
        (Flows::new(Config::default(), store.clone(), clock, keys, flags).expect("good settings"), store, hand)
    }

    fn token(n: usize, expires_at: i64) -> RefreshDoc {
        let grant = Grant {
            account_id: "cus_ada".to_owned(),
            client_id: Client::storefront().id,
            scope: String::new(),
            auth_time_s: 1,
            epoch: 0,
        };
        let digest = crate::domain::digest(&n.to_string());
        RefreshDoc { digest, family: "fam_1".to_owned(), grant, used: n > 0, expires_at }
    }

    /// More than a page of the store holds.
    const MANY: usize = 2_100;

    #[tokio::test]
    async fn families_end_whole_however_long_they_are() {
        for ends_with_account in [false, true] {
            let (flows, store, _) = flows();
            let mut tx = store.begin();
            (0..MANY).for_each(|n| tx.insert(&token(n, i64::MAX)));
            tx.commit().await.expect("stored");
            if ends_with_account {
                flows.delete_account("cus_ada").await.expect("deleted");
            } else {
                let (token, client_id) = ("0".to_owned(), Client::storefront().id);
                let request = RevokeTokenRequest { token, client_id, ..RevokeTokenRequest::default() };
                flows.revoke(&request).await.expect("revoked");
            }
            assert_eq!(store.count::<RefreshDoc>(Query::all()).await.expect("counted"), 0);
        }
    }

    #[tokio::test]
    async fn all_that_has_expired_is_forgotten_and_nothing_else() {
        let (flows, store, hand) = flows();
        flows.prepare().await.expect("a key");
        let mut tx = store.begin();
        (0..BATCH * 2 + 1).for_each(|n| tx.insert(&token(n, 2_000)));
        tx.insert(&token(MANY, 2_001));
        tx.insert(&LockDoc { digest: "x".to_owned(), count: 1, locked_until: 0, expires_at: 2_000 });
        tx.commit().await.expect("stored");
        flows.sweep().await.expect("nothing to do yet");
        assert_eq!(store.count::<LockDoc>(Query::all()).await.expect("counted"), 1);
        hand.advance(Duration::from_secs(1));
        flows.sweep().await.expect("forgotten");
        assert_eq!(store.count::<RefreshDoc>(Query::all()).await.expect("counted"), 1);
        assert_eq!(store.count::<LockDoc>(Query::all()).await.expect("counted"), 0);
        assert_eq!(store.count::<KeyDoc>(Query::all()).await.expect("counted"), Signing::ALL.len() as u64);
    }
}
