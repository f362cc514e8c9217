//! Segments: listed with their users, written and deleted one by one.

use axum::body::Bytes;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::json;
use vitrine_platform_http::Query;

use super::bodies::definition_value;
use super::writes::{OfRevision, make};
use super::{InSet, Replied, json_reply, set_of, text};
use crate::operation::Operation;
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn list(
    State(service): State<FlagService>,
    Query(asked): Query<InSet>,
    headers: HeaderMap,
) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let set = set_of(&now, &asked.set)?;
    let segments = set.segments().into_iter().map(|segment| {
        let rule = definition_value(&segment.rule);
        json!({"name": segment.name, "rule": rule, "usedBy": {"flags": segment.flags, "segments": segment.segments}})
    });
    Ok(json_reply(&json!({"revision": set.shared().1, "segments": segments.collect::<Vec<_>>()})))
}

pub(super) async fn write(
    State(service): State<FlagService>,
    Path(name): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
    body: Bytes,
) -> Replied {
    let rule = Some(text(&body)?.to_owned());
    let operation = Operation::Segment { name, rule, revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}

pub(super) async fn delete(
    State(service): State<FlagService>,
    Path(name): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
) -> Replied {
    let operation = Operation::Segment { name, rule: None, revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}
