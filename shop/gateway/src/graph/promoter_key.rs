//! Promoters' public keys, which their own pages show the shop's widget by.

use async_graphql::{Error, ID, SimpleObject};
use vitrine_contracts::auth::v1 as wire;
use vitrine_contracts::auth::v1::{GetPromoterKeyRequest, ListPromoterKeysRequest};
use vitrine_kit::id;

use super::error::{InputError, failure, findable};
use super::scalars::DateTime;
use super::session::Session;
use crate::guard::Access;

/// A promoter's public key. It says who sells, and permits nothing.
#[derive(SimpleObject)]
pub(crate) struct PromoterKey {
    id: ID,
    /// Which page it is for.
    name: String,
    /// Whose pages may use it.
    origins: Vec<String>,
    created_at: DateTime,
}

impl From<wire::PromoterKey> for PromoterKey {
    fn from(key: wire::PromoterKey) -> Self {
        let wire::PromoterKey { id, name, origins, created_at_unix_ms, .. } = key;
        Self { id: ID(id), name, origins, created_at: DateTime(created_at_unix_ms) }
    }
}

/// What came of a change of a key.
#[derive(SimpleObject)]
pub(crate) struct PromoterKeyPayload {
    /// The key that is there now, or was; null when the change was refused.
    key: Option<PromoterKey>,
    errors: Vec<InputError>,
}

impl PromoterKeyPayload {
    pub(crate) fn of(changed: Result<wire::PromoterKey, InputError>) -> Self {
        match changed {
            Ok(key) => Self { key: Some(key.into()), errors: Vec::new() },
            Err(refused) => Self { key: None, errors: vec![refused] },
        }
    }
}

/// The keys of the promoter who calls.
pub(crate) async fn list(session: &Session) -> Result<Vec<PromoterKey>, Error> {
    let promoter_id = session.admit(Access::Promoter).await?.id.clone();
    let found = session.gateway.deps.auth.clone().list_promoter_keys(ListPromoterKeysRequest { promoter_id }).await;
    let found = found.map_err(|status| failure(&status))?.into_inner().keys;
    Ok(found.into_iter().map(PromoterKey::from).collect())
}

/// Whose pages may use a key; nothing of a key that is not good.
pub(crate) async fn origins(session: &Session, ID(key_id): ID) -> Result<Option<Vec<String>>, Error> {
    if !id::is_valid("pk", &key_id) {
        return Ok(None);
    }
    let found = findable(session.gateway.deps.auth.clone().get_promoter_key(GetPromoterKeyRequest { key_id }).await)?;
    Ok(found.map(|found| found.into_inner().origins))
}
