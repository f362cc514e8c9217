//! What promoters change of their keys.

use async_graphql::{Context, ID, InputObject, Object, Result};
use tonic::Response;
use vitrine_contracts::auth::v1::{CreatePromoterKeyRequest, RevokePromoterKeyRequest};

use super::super::error::refusable;
use super::super::promoter_key::PromoterKeyPayload;
use super::super::session::session;
use crate::guard::Access;

/// A key to be.
#[derive(InputObject)]
pub(crate) struct CreatePromoterKeyInput {
    /// Which page it is for.
    name: String,
    /// Whose pages may use it, such as https://magazine.example: exact, https, or http on localhost or 127.0.0.1.
    origins: Vec<String>,
}

/// A key to be ended.
#[derive(InputObject)]
pub(crate) struct RevokePromoterKeyInput {
    id: ID,
}

/// Promoters' keys.
#[derive(Default)]
pub(crate) struct Promoting;

#[Object]
impl Promoting {
    /// Makes a public key for pages of the promoter's. For promoters.
    async fn create_promoter_key(
        &self,
        ctx: &Context<'_>,
        input: CreatePromoterKeyInput,
    ) -> Result<PromoterKeyPayload> {
        let session = session(ctx);
        let promoter_id = session.admit(Access::Promoter).await?.id.clone();
        let CreatePromoterKeyInput { name, origins } = input;
        let request = CreatePromoterKeyRequest { promoter_id, name, origins };
        let made = session.gateway.deps.auth.clone().create_promoter_key(request).await;
        Ok(PromoterKeyPayload::of(refusable(made)?.map(Response::into_inner)))
    }

    /// Ends a key for good: pages that have it show the widget no more. For promoters.
    async fn revoke_promoter_key(
        &self,
        ctx: &Context<'_>,
        input: RevokePromoterKeyInput,
    ) -> Result<PromoterKeyPayload> {
        let session = session(ctx);
        let promoter_id = session.admit(Access::Promoter).await?.id.clone();
        let request = RevokePromoterKeyRequest { key_id: input.id.0, promoter_id };
        let revoked = session.gateway.deps.auth.clone().revoke_promoter_key(request).await;
        Ok(PromoterKeyPayload::of(refusable(revoked)?.map(Response::into_inner)))
    }
}
