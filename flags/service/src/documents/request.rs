//! Changes that others must approve.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vitrine_platform_store::{Document, Index, Keys};

use super::number_id;
use crate::operation::{Author, Operation};

/// How a change request fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// It waits for approvals.
    Open,
    /// The change was made, or is scheduled.
    Applied,
    /// Somebody turned it down.
    Rejected,
    /// It was approved, and could not be made any more.
    Failed,
}

impl RequestState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// That somebody approves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Whose token it was.
    pub who: String,
    /// The reason that was given.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A change that others must approve before it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRequest {
    /// The number of the audit's entry that tells of it.
    pub id: u64,
    /// The set of flags.
    pub set: String,
    /// The change.
    pub operation: Operation,
    /// When it is to be made, in milliseconds since 1970; none if that is as soon as it is approved.
    pub at_ms: Option<i64>,
    /// Who asks for it, and why.
    pub author: Author,
    /// SHA-256 of the set, the change and its time, in hexadecimal: what is approved.
    pub hash: String,
    /// Who approved what the hash is of.
    pub approvals: Vec<Approval>,
    /// How it fares.
    pub state: RequestState,
    /// Why it does, where that needs a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl ChangeRequest {
    /// The hash that its content has.
    pub(crate) fn content_hash(&self) -> String {
        let content =
            serde_json::to_vec(&(&self.set, &self.operation, self.at_ms)).expect("an operation is always JSON");
        hex::encode(Sha256::digest(content))
    }
}

impl Document for ChangeRequest {
    const COLLECTION: &'static str = "requests";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        number_id(self.id).into()
    }
    fn keys(&self, _: &mut Keys) {}
}
