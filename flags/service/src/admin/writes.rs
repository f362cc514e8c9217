//! Changes that operators ask for.
//!
//! A change says which revision of the flag its author read (`revision`, 0 for one that is new) and why (`why`). The body of a write is the
//! definition itself, so that the line and column of a mistake are those of what was sent. With a time (`at`) it is made then, and with
//! `propose` when others approved it.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use vitrine_platform_http::{Json, Query};

use super::{Replied, json_reply, text};
use crate::flag_store::time_of;
use crate::operation::{Author, Import, Operation, Promoted};
use crate::role::Role;
use crate::rollout::RollOutPlan;
use crate::service::FlagService;

/// What every change says of itself.
pub(super) struct About {
    why: String,
    set: String,
    at: Option<String>,
    propose: bool,
}

/// Makes a change, keeps it for the time that was given, or proposes it.
pub(super) async fn make(service: &FlagService, headers: &HeaderMap, about: About, operation: Operation) -> Replied {
    let author = Author { who: service.access.check(headers, Role::Operator)?, why: about.why };
    let at_ms = about.at.as_deref().map(time_of).transpose()?;
    if about.propose {
        let proposed = service.flags.propose(author, &about.set, operation, at_ms).await?;
        return Ok((StatusCode::ACCEPTED, json_reply(&proposed)).into_response());
    }
    if let Some(at_ms) = at_ms {
        let planned = service.flags.schedule(author, &about.set, operation, at_ms).await?;
        return Ok((StatusCode::ACCEPTED, json_reply(&planned)).into_response());
    }
    Ok(json_reply(&service.flags.make(author, &about.set, &operation).await?))
}

/// What a change says that is of a flag's revision, or of that of what flags share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfRevision {
    pub(super) revision: u64,
    why: String,
    #[serde(default)]
    set: String,
    /// When it is to be made; without it, at once.
    at: Option<String>,
    /// Whether others are to approve it first.
    #[serde(default)]
    propose: bool,
}

impl OfRevision {
    pub(super) fn about(self) -> About {
        About { why: self.why, set: self.set, at: self.at, propose: self.propose }
    }
}

pub(super) async fn write(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
    body: Bytes,
) -> Replied {
    let operation = Operation::Write { key, definition: text(&body)?.to_owned(), revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}

pub(super) async fn delete(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
) -> Replied {
    let operation = Operation::Delete { key, revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}

pub(super) async fn archive(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
) -> Replied {
    let operation = Operation::Archive { key, revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}

/// A state that is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    enabled: bool,
}

pub(super) async fn switch(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
    Json(switch): Json<Switch>,
) -> Replied {
    let operation = Operation::Switch { key, enabled: switch.enabled, revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}

pub(super) async fn share(
    State(service): State<FlagService>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
    body: Bytes,
) -> Replied {
    let operation = Operation::Share { definition: text(&body)?.to_owned(), revision: asked.revision };
    make(&service, &headers, asked.about(), operation).await
}

/// What a change says that is of no one revision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfSet {
    why: String,
    #[serde(default)]
    set: String,
    /// When it is to be made; without it, at once.
    at: Option<String>,
    /// Whether others are to approve it first.
    #[serde(default)]
    propose: bool,
}

impl OfSet {
    fn about(self) -> About {
        About { why: self.why, set: self.set, at: self.at, propose: self.propose }
    }
}

pub(super) async fn undo(
    State(service): State<FlagService>,
    Path(revision): Path<u64>,
    Query(asked): Query<OfSet>,
    headers: HeaderMap,
) -> Replied {
    service.access.check(&headers, Role::Operator)?;
    let set = service.flags.entry(revision).await?.set;
    make(&service, &headers, OfSet { set, ..asked }.about(), Operation::Undo { entry: revision }).await
}

/// How a definition is taken in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taking {
    why: String,
    #[serde(default)]
    set: String,
    at: Option<String>,
    #[serde(default)]
    propose: bool,
    /// Flags that it does not name are deleted.
    #[serde(default)]
    replace: bool,
    /// What flagd takes though it cannot work is taken, too.
    #[serde(default)]
    lenient: bool,
}

pub(super) async fn import(
    State(service): State<FlagService>,
    Query(taking): Query<Taking>,
    headers: HeaderMap,
    body: Bytes,
) -> Replied {
    let import = if taking.replace { Import::Replace } else { Import::Merge };
    let operation = Operation::Import { definition: text(&body)?.to_owned(), import, lenient: taking.lenient };
    make(
        &service,
        &headers,
        About { why: taking.why, set: taking.set, at: taking.at, propose: taking.propose },
        operation,
    )
    .await
}

/// Which flags go from one set to another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promotion {
    /// The set from which they are taken.
    from: String,
    flags: Vec<Promoted>,
}

pub(super) async fn promote(
    State(service): State<FlagService>,
    Query(asked): Query<OfSet>,
    headers: HeaderMap,
    Json(promotion): Json<Promotion>,
) -> Replied {
    let operation = Operation::Promote { from: promotion.from, flags: promotion.flags };
    make(&service, &headers, asked.about(), operation).await
}

pub(super) async fn roll_out(
    State(service): State<FlagService>,
    Path(key): Path<String>,
    Query(asked): Query<OfRevision>,
    headers: HeaderMap,
    Json(plan): Json<RollOutPlan>,
) -> Replied {
    let operation = Operation::RollOut { key, revision: asked.revision, plan };
    make(&service, &headers, asked.about(), operation).await
}
