//! The keys that sign tokens: one current, older ones published until their last token has expired.

use std::sync::Arc;

use parking_lot::RwLock;
use serde::Serialize;
use serde_json::{Value, json};
use vitrine_contracts::Problem;
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Store, Stored, retry_conflicts};

use crate::machine::{BadKey, KeyPair};
use crate::store::KeyDoc;

/// How much longer than its tokens a key is published, in milliseconds: clocks differ.
const SKEW_MS: i64 = 60_000;

/// All keys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keys {
    store: Store,
    clock: Clock,
    current: Arc<RwLock<Option<(String, KeyPair)>>>,
    /// Held while the current key is read or replaced, so that the last one wins here as in the store.
    changing: Arc<tokio::sync::Mutex<()>>,
}

fn broken(_: BadKey) -> Problem {
    tracing::error!("a signing key cannot be used");
    Problem::internal()
}

impl Keys {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, current: Arc::default(), changing: Arc::default() }
    }

    async fn all(&self) -> Result<Vec<Stored<KeyDoc>>, Failure> {
        Ok(self.store.find::<KeyDoc>(Query::all()).await?.items)
    }

    /// Reads the current key; makes the first one.
    pub(crate) async fn load(&self) -> Result<(), Failure> {
        let _changing = self.changing.lock().await;
        // Ids grow with time: the last key that does not retire is the current one, also if two replicas made one.
        match self.all().await?.into_iter().rfind(|k| k.retires_at.is_none()) {
            Some(key) => {
                let pair = KeyPair::from_pem(&key.private_pem).map_err(broken)?;
                *self.current.write() = Some((key.doc.id, pair));
            }
            None => {
                self.replace(0).await?;
            }
        }
        Ok(())
    }

    /// A new current key. The others are published as long as tokens that they signed live.
    pub(crate) async fn rotate(&self, token_ttl_ms: i64) -> Result<String, Failure> {
        let _changing = self.changing.lock().await;
        // Another replica may rotate at the same time.
        retry_conflicts(async || self.replace(token_ttl_ms).await).await
    }

    async fn replace(&self, token_ttl_ms: i64) -> Result<String, Failure> {
        let pair = KeyPair::generate();
        let id = id::new("key");
        let retires_at = Some(self.clock.now_ms() + token_ttl_ms + SKEW_MS);
        let mut tx = self.store.begin();
        tx.insert(&KeyDoc { id: id.clone(), private_pem: pair.to_pem().map_err(broken)?, retires_at: None });
        for mut key in self.all().await?.into_iter().filter(|k| k.retires_at.is_none()) {
            key.doc.retires_at = retires_at;
            tx.update(&key);
        }
        tx.commit().await?;
        *self.current.write() = Some((id.clone(), pair));
        tracing::info!(key_id = id, "a new signing key");
        Ok(id)
    }

    /// Forgets keys whose tokens have expired, and reads the current one, which another replica may have changed.
    pub(crate) async fn tend(&self) -> Result<(), Failure> {
        let now = self.clock.now_ms();
        let mut tx = self.store.begin();
        for key in self.all().await?.iter().filter(|k| k.retires_at.is_some_and(|at| at <= now)) {
            tx.delete_expecting::<KeyDoc>(&key.id, key.version);
        }
        tx.commit().await?;
        self.load().await
    }

    /// Signs with the current key.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Problem> {
        let current = self.current.read();
        let (id, pair) = current.as_ref().ok_or_else(|| Problem::unavailable("there is no signing key yet"))?;
        pair.sign(Some(id), typ, claims).map_err(broken)
    }

    /// The public halves, as JWKS.
    pub(crate) async fn jwks(&self) -> Result<String, Failure> {
        let mut keys = Vec::new();
        let now = self.clock.now_ms();
        for key in self.all().await?.into_iter().filter(|k| k.retires_at.is_none_or(|at| at > now)) {
            let mut jwk = KeyPair::from_pem(&key.private_pem).map_err(broken)?.public_jwk();
            if let Value::Object(fields) = &mut jwk {
                fields.insert("kid".to_owned(), json!(key.id));
                fields.insert("use".to_owned(), json!("sig"));
                fields.insert("alg".to_owned(), json!("ES256"));
            }
            keys.push(jwk);
        }
        Ok(json!({ "keys": keys }).to_string())
    }
}
