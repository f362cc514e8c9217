//! Families: all that came of one sign-in, refresh tokens used and unused, and access tokens; and how tokens are revoked.

use serde::Deserialize;
use vitrine_contracts::auth::v1::RevokeTokenRequest;
use vitrine_kit::numeric_date::NumericDate;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Tx, retry_conflicts};

use super::{Flows, grant_error};
use crate::domain::{digest, invalid_request};
use crate::signing::Signing;
use crate::store::{RefreshDoc, RevokedTokenDoc};

/// What says which access token it is.
#[derive(Deserialize)]
struct AccessToken {
    jti: String,
    client_id: String,
    exp: NumericDate,
}

/// RFC 6749, section 5.2.
fn of_another_client() -> Failure {
    grant_error("the token was given to another client").into()
}

impl Flows {
    /// Deletes tokens as they are now: if one is used meanwhile, and so has a successor, the commit is a conflict.
    pub(super) async fn delete_tokens(&self, tx: &mut Tx, query: Query) -> Result<(), Failure> {
        for token in self.0.store.find_all::<RefreshDoc>(query).await? {
            tx.delete_expecting::<RefreshDoc>(&token.digest, token.version);
        }
        Ok(())
    }

    /// Ends a family: no token of it is good from then on.
    pub(super) async fn revoke_family(&self, family: &str) -> Result<(), Failure> {
        retry_conflicts(async || {
            let mut tx = self.0.store.begin();
            let expires_at = self.now() + self.longest_ttl_ms();
            tx.put(&RevokedTokenDoc { token_id: family.to_owned(), expires_at });
            self.delete_tokens(&mut tx, Query::eq("family", family)).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Revokes a refresh token with its family, or an access token alone. An unknown token is not an error (RFC 7009, section 2.2).
    pub(crate) async fn revoke(&self, request: &RevokeTokenRequest) -> Result<(), Failure> {
        let client = self.client(&request.into()).await?;
        if request.token.is_empty() {
            let message = "the parameter token is missing";
            return Err(invalid_request("token", "an access token or a refresh token", message).into());
        }
        match self.0.store.get::<RefreshDoc>(&digest(&request.token)).await? {
            Some(known) if known.grant.client_id == client.id => self.revoke_family(&known.family).await,
            Some(_) => Err(of_another_client()),
            None => self.revoke_access_token(&request.token, &client.id).await,
        }
    }

    async fn revoke_access_token(&self, token: &str, client_id: &str) -> Result<(), Failure> {
        let Some(token) = self.0.keys.read::<AccessToken>(Signing::Es256, token).await? else { return Ok(()) };
        if token.client_id != client_id {
            return Err(of_another_client());
        }
        if token.exp.ms() <= self.now() {
            return Ok(());
        }
        let mut tx = self.0.store.begin();
        tx.put(&RevokedTokenDoc { token_id: token.jti, expires_at: token.exp.ms() });
        Ok(tx.commit().await?)
    }
}
