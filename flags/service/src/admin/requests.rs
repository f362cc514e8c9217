//! Change requests: listed, changed by their authors, approved and turned down by others.

use axum::extract::{Path, State};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use vitrine_platform_http::{Json, Query};

use super::{Replied, Why, author, json_reply};
use crate::flag_store::time_of;
use crate::operation::Operation;
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn list(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    Ok(json_reply(&json!({"requests": service.flags.requests().await?})))
}

/// What is asked for instead: a change as the list tells it, and its time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instead {
    operation: Operation,
    at: Option<String>,
}

pub(super) async fn amend(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    Query(why): Query<Why>,
    headers: HeaderMap,
    Json(instead): Json<Instead>,
) -> Replied {
    let author = author(&service, &headers, why.why)?;
    let at_ms = instead.at.as_deref().map(time_of).transpose()?;
    Ok(json_reply(&service.flags.amend_request(author, id, instead.operation, at_ms).await?))
}

/// What is approved, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approving {
    hash: String,
    why: String,
}

pub(super) async fn approve(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    Query(Approving { hash, why }): Query<Approving>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, why)?;
    Ok(json_reply(&service.flags.approve(author, id, &hash).await?))
}

pub(super) async fn reject(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, why.why)?;
    Ok(json_reply(&service.flags.reject(author, id).await?))
}
