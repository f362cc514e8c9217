//! What is planned: changes that wait for their time.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use super::number_id;
use crate::operation::{Author, Operation};

/// A change that is to be made at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The number of the audit's entry that tells of it.
    pub id: u64,
    /// The set of flags.
    pub set: String,
    /// The change.
    pub operation: Operation,
    /// Who planned it, and why.
    pub author: Author,
    /// When it is to be made, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it was approved by as many as must.
    #[serde(default)]
    pub is_approved: bool,
    /// Why it could not be made when it was time. It waits no longer, and is told of until somebody takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Schedule {
    /// The index of those that wait, by time.
    pub(crate) const DUE: &'static str = "due";
}

impl Document for Schedule {
    const COLLECTION: &'static str = "schedules";
    const INDEXES: &'static [Index] = &[Index::ordered(Self::DUE)];
    fn id(&self) -> Cow<'_, str> {
        number_id(self.id).into()
    }
    fn keys(&self, out: &mut Keys) {
        if self.failed.is_none() {
            out.put(Self::DUE, self.at_ms);
        }
    }
}
