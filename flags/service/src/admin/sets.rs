//! Sets of flags, and how two of them differ.

use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_platform_http::Query;

use super::bodies::definition_value;
use super::{Replied, json_reply, set_of};
use crate::flag_store::{Difference, SetInForce, differences};
use crate::role::Role;
use crate::service::FlagService;

pub(super) async fn list(State(service): State<FlagService>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let sets = now.sets().map(|(name, set)| json!({"name": name, "flags": set.snapshot.flags().len()}));
    Ok(json_reply(&json!({"revision": now.revision, "sets": sets.collect::<Vec<_>>()})))
}

/// Which sets are compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Two {
    from: String,
    to: String,
}

/// A flag that is not the same in both.
#[derive(Debug, Serialize)]
struct DifferenceBody<'d> {
    key: &'d str,
    from: Option<Value>,
    to: Option<Value>,
}

pub(super) async fn compare(State(service): State<FlagService>, Query(two): Query<Two>, headers: HeaderMap) -> Replied {
    service.access.check(&headers, Role::Viewer)?;
    let now = service.flags.current();
    let (from, to) = (set_of(&now, &two.from)?, set_of(&now, &two.to)?);
    let differences = differences(from, to);
    let body = |set: &SetInForce, key: &str| {
        let stored = set.stored(key)?;
        Some(json!({"revision": stored.revision, "definition": definition_value(&stored.definition)}))
    };
    let flags: Vec<DifferenceBody<'_>> = differences
        .iter()
        .map(|Difference { key, .. }| DifferenceBody { key, from: body(from, key), to: body(to, key) })
        .collect();
    let shared = from.shared().0 != to.shared().0;
    Ok(json_reply(&json!({"from": two.from, "to": two.to, "flags": flags, "sharedDiffers": shared})))
}
