//! The keys that sign tokens: one current of each algorithm, older ones published until their last token has expired.

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vitrine_contracts::Problem;
use vitrine_kit::clock::Clock;
use vitrine_kit::id;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Store, Stored, retry_conflicts};

use crate::machine::BadKey;
use crate::signing::Signing;
use crate::store::KeyDoc;

/// How much longer than its tokens a key is published, in milliseconds: clocks differ.
const SKEW_MS: i64 = 60_000;

/// All keys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keys {
    store: Store,
    clock: Clock,
    current: Arc<RwLock<HashMap<Signing, Signer>>>,
    /// Held while current keys are read or replaced, so that the last one wins here as in the store.
    changing: Arc<tokio::sync::Mutex<()>>,
}

/// A current key.
struct Signer {
    id: String,
    key: EncodingKey,
}

fn broken(_: BadKey) -> Problem {
    tracing::error!("a signing key cannot be used");
    Problem::internal()
}

/// A new private key, made off the async threads.
async fn generate(signing: Signing) -> Result<String, Problem> {
    let made = tokio::task::spawn_blocking(move || signing.generate());
    made.await.map_err(|_| Problem::unavailable("the process is stopping"))?.map_err(broken)
}

impl Keys {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, current: Arc::default(), changing: Arc::default() }
    }

    async fn all(&self) -> Result<Vec<Stored<KeyDoc>>, Failure> {
        Ok(self.store.find::<KeyDoc>(Query::all()).await?.items)
    }

    /// Reads the current keys of these algorithms; makes those that are missing.
    pub(crate) async fn load(&self, algorithms: &[Signing]) -> Result<(), Failure> {
        let _changing = self.changing.lock().await;
        let all = self.all().await?;
        for &signing in algorithms {
            // Ids grow with time: the last key that does not retire is the current one, also if two replicas made one.
            match all.iter().rfind(|k| k.retires_at.is_none() && k.algorithm == signing) {
                Some(key) => self.signs_with(&key.doc)?,
                None => {
                    self.replace(signing, Some(0)).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the current key of an algorithm: an RSA key takes so long to make that the start does not wait for it.
    pub(crate) async fn ready(&self, signing: Signing) -> Result<(), Failure> {
        let known = self.current.read().contains_key(&signing);
        if known { Ok(()) } else { self.load(&[signing]).await }
    }

    /// New current keys. The others are published as long as tokens that they signed live, or, without such a time, from now on no more.
    /// Returns the id of the one for access tokens.
    pub(crate) async fn rotate(&self, token_ttl_ms: Option<i64>) -> Result<String, Failure> {
        let _changing = self.changing.lock().await;
        self.replace(Signing::Rs256, token_ttl_ms).await?;
        self.replace(Signing::Es256, token_ttl_ms).await
    }

    async fn replace(&self, signing: Signing, token_ttl_ms: Option<i64>) -> Result<String, Failure> {
        let private_pem = generate(signing).await?;
        // Another replica may rotate at the same time.
        retry_conflicts(async || {
            let key =
                KeyDoc { id: id::new("key"), algorithm: signing, private_pem: private_pem.clone(), retires_at: None };
            let now = self.clock.now_ms();
            let retires_at = token_ttl_ms.map_or(now, |ttl| now + ttl + SKEW_MS);
            let mut tx = self.store.begin();
            tx.insert(&key);
            for mut key in self.all().await?.into_iter().filter(|key| key.algorithm == signing) {
                // One that retires already does so no later.
                if key.retires_at.is_none_or(|at| at > retires_at) {
                    key.doc.retires_at = Some(retires_at);
                    tx.update(&key);
                }
            }
            tx.commit().await?;
            self.signs_with(&key)?;
            tracing::info!(key_id = key.id, algorithm = ?signing, "a new signing key");
            Ok(key.id)
        })
        .await
    }

    fn signs_with(&self, doc: &KeyDoc) -> Result<(), Problem> {
        let mut current = self.current.write();
        if current.get(&doc.algorithm).is_none_or(|signer| signer.id != doc.id) {
            let key = doc.algorithm.encoding_key(&doc.private_pem).map_err(broken)?;
            current.insert(doc.algorithm, Signer { id: doc.id.clone(), key });
        }
        Ok(())
    }

    /// Forgets keys whose tokens have expired, and reads the current ones, which another replica may have changed.
    pub(crate) async fn sweep(&self) -> Result<(), Failure> {
        let now = self.clock.now_ms();
        let mut tx = self.store.begin();
        for key in self.all().await?.iter().filter(|k| k.retires_at.is_some_and(|at| at <= now)) {
            tx.delete_expecting::<KeyDoc>(&key.id, key.version);
        }
        tx.commit().await?;
        self.load(&Signing::ALL).await
    }

    /// A JWT of a type, signed with the current key.
    pub(crate) fn sign(&self, signing: Signing, typ: &str, claims: &impl Serialize) -> Result<String, Problem> {
        let current = self.current.read();
        let signer = current.get(&signing).ok_or_else(|| Problem::unavailable("there is no signing key yet"))?;
        let mut header = Header::new(signing.algorithm());
        header.typ = Some(typ.to_owned());
        header.kid = Some(signer.id.clone());
        jsonwebtoken::encode(&header, claims, &signer.key).map_err(|_| broken(BadKey))
    }

    /// What a token says that one of the published keys signed, whenever; none for any other.
    pub(crate) async fn read<T: DeserializeOwned>(&self, signing: Signing, token: &str) -> Result<Option<T>, Failure> {
        let Some(id) = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid) else { return Ok(None) };
        let stored = self.store.get::<KeyDoc>(&id).await?;
        let now = self.clock.now_ms();
        let is_good = |key: &Stored<KeyDoc>| key.algorithm == signing && key.retires_at.is_none_or(|at| at > now);
        let Some(key) = stored.filter(is_good) else { return Ok(None) };
        let jwk = serde_json::from_value(signing.public_jwk(&key.private_pem).map_err(broken)?);
        let key = jwk.ok().and_then(|jwk| DecodingKey::from_jwk(&jwk).ok()).ok_or_else(|| broken(BadKey))?;
        let mut validation = Validation::new(signing.algorithm());
        // Who asks decides what to do with an old one.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Ok(jsonwebtoken::decode::<T>(token, &key, &validation).ok().map(|read| read.claims))
    }

    /// The public halves, as JWKS.
    pub(crate) async fn jwks(&self) -> Result<String, Failure> {
        let mut keys = Vec::new();
        let now = self.clock.now_ms();
        for key in self.all().await?.into_iter().filter(|k| k.retires_at.is_none_or(|at| at > now)) {
            let mut jwk = key.algorithm.public_jwk(&key.private_pem).map_err(broken)?;
            if let Value::Object(fields) = &mut jwk {
                fields.insert("kid".to_owned(), json!(key.id));
                fields.insert("use".to_owned(), json!("sig"));
                fields.insert("alg".to_owned(), json!(key.algorithm));
            }
            keys.push(jwk);
        }
        Ok(json!({ "keys": keys }).to_string())
    }
}
