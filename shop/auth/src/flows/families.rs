//! Families of refresh tokens: all that came of one sign-in, used and unused.

use vitrine_contracts::auth::v1::RevokeTokenRequest;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Tx, retry_conflicts};

use super::{Flows, grant_error};
use crate::domain::{digest, invalid_request};
use crate::store::RefreshDoc;

impl Flows {
    /// Deletes tokens as they are now: if one is used meanwhile, and so has a successor, the commit is a conflict.
    pub(super) async fn delete_tokens(&self, tx: &mut Tx, query: Query) -> Result<(), Failure> {
        for token in self.0.store.find_all::<RefreshDoc>(query).await? {
            tx.delete_expecting::<RefreshDoc>(&token.digest, token.version);
        }
        Ok(())
    }

    pub(super) async fn revoke_family(&self, family: &str) -> Result<(), Failure> {
        retry_conflicts(async || {
            let mut tx = self.0.store.begin();
            self.delete_tokens(&mut tx, Query::eq("family", family)).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Revokes a refresh token with its family. An unknown token is not an error (RFC 7009, section 2.2).
    pub(crate) async fn revoke(&self, request: &RevokeTokenRequest) -> Result<(), Failure> {
        let client = self.client(&request.into()).await?;
        if request.token.is_empty() {
            let message = "the parameter token is missing";
            return Err(invalid_request("token", "an access token or a refresh token", message).into());
        }
        match self.0.store.get::<RefreshDoc>(&digest(&request.token)).await? {
            Some(known) if known.grant.client_id == client.id => self.revoke_family(&known.family).await,
            Some(_) => Err(grant_error("the token was given to another client").into()),
            None => Ok(()),
        }
    }
}
