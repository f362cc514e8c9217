//! Roll-outs as they are kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

use super::number_id;
use crate::rollout::{RollOutPlan, Share};

/// How a roll-out fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RollOutState {
    /// It goes on by itself.
    Running,
    /// Somebody holds it.
    Paused,
    /// A guard tripped, or the flag was changed by somebody else.
    Stopped,
    /// All steps were made.
    Done,
    /// The flag is as it was before.
    Reverted,
}

impl RollOutState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Reverted => "reverted",
        }
    }

    /// Whether it holds its flag: another one cannot begin.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A roll-out that was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollOut {
    /// The number of the change that began it.
    pub id: u64,
    /// The set of flags.
    pub set: String,
    /// The flag.
    pub key: String,
    /// Who began it.
    pub who: String,
    /// The reason that was given.
    pub why: String,
    /// What was asked for.
    pub plan: RollOutPlan,
    /// The shares, one after the other.
    pub shares: Vec<Share>,
    /// How many of them were reached.
    pub reached: usize,
    /// How it fares.
    pub state: RollOutState,
    /// Why it does, if that needs a reason; why it waits, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// When the next step is due, in milliseconds since 1970.
    pub next_ms: i64,
    /// The flag's definition before it began.
    pub before: String,
    /// The flag's revision as the roll-out left it.
    pub revision: u64,
}

impl RollOut {
    /// The index by how they fare.
    pub(crate) const STATE: &'static str = "state";

    /// The share that is reached.
    pub fn share(&self) -> Option<Share> {
        self.reached.checked_sub(1).and_then(|last| self.shares.get(last)).copied()
    }
}

impl Document for RollOut {
    const COLLECTION: &'static str = "rollouts";
    const INDEXES: &'static [Index] = &[Index::ordered(Self::STATE)];
    fn id(&self) -> Cow<'_, str> {
        number_id(self.id).into()
    }
    fn keys(&self, out: &mut Keys) {
        out.put(Self::STATE, self.state.name());
    }
}
