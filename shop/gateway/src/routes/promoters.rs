//! Promoters' keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use vitrine_contracts::auth::v1::{CreatePromoterKeyRequest, ListPromoterKeysRequest, RevokePromoterKeyRequest};
use vitrine_platform_http::{Json, Reply};

use crate::Gateway;
use crate::dto::{self, List};
use crate::tokens::Caller;

pub(super) async fn keys(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<axum::Json<List<dto::PromoterKey>>, Reply> {
    let request = ListPromoterKeysRequest { promoter_id: caller.id };
    let found = gateway.deps.auth.clone().list_promoter_keys(request).await?.into_inner();
    Ok(axum::Json(List::new(found.keys)))
}

pub(super) async fn create_key(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<dto::NewPromoterKey>,
) -> Result<(StatusCode, axum::Json<dto::PromoterKey>), Reply> {
    let dto::NewPromoterKey { name, origins } = body;
    let request = CreatePromoterKeyRequest { promoter_id: caller.id, name, origins };
    let made = gateway.deps.auth.clone().create_promoter_key(request).await?.into_inner();
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}

pub(super) async fn revoke_key(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(key_id): Path<String>,
) -> Result<StatusCode, Reply> {
    let request = RevokePromoterKeyRequest { key_id, promoter_id: caller.id };
    gateway.deps.auth.clone().revoke_promoter_key(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
