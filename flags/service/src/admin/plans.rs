//! What is planned: listed, and taken away.

use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::json;
use vitrine_platform_http::Query;

use super::{Replied, Why, author, json_reply};
use crate::flag_store::RollOutAct;
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn schedules(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    Ok(json_reply(&json!({"schedules": service.flags.schedules().await?})))
}

pub(super) async fn cancel_schedule(
    State(service): State<FlagService>,
    Path(id): Path<u64>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, why.why)?;
    Ok(json_reply(&service.flags.cancel_schedule(author, id).await?))
}

pub(super) async fn roll_outs(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    Ok(json_reply(&json!({"rollouts": service.flags.roll_outs().await?})))
}

pub(super) async fn act_on_roll_out(
    State(service): State<FlagService>,
    Path((id, act)): Path<(u64, RollOutAct)>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Replied {
    let author = author(&service, &headers, why.why)?;
    Ok(json_reply(&service.flags.act_on_roll_out(author, id, act).await?))
}

/// How the file of definitions fares; null where there is none.
pub(super) async fn file(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    Ok(json_reply(&service.flags.file_status()))
}
