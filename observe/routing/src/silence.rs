//! Silences: what is muted for a time by a person.

use serde::{Deserialize, Serialize};

use crate::labels::LabelSet;
use crate::matcher::{Matcher, all_match};

/// How long a silence is kept after it has ended, in milliseconds: five days, as Alertmanager does.
pub const RETENTION_MS: i64 = 5 * 24 * 3600 * 1000;
/// Most silences, with those that have ended.
pub const MAX_SILENCES: usize = 10_000;
/// Most bytes of all texts of a silence.
pub const MAX_SILENCE_BYTES: usize = 64 * 1024;

/// A silence. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// A UUID.
    pub id: String,
    /// Sets of matchers: it mutes an alert that meets all matchers of any set.
    pub matcher_sets: Vec<Vec<Matcher>>,
    /// Since when.
    pub starts_at: i64,
    /// Until when.
    pub ends_at: i64,
    /// When it was changed last.
    pub updated_at: i64,
    /// By whom.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else is said about it.
    #[serde(default)]
    pub annotations: LabelSet,
}

/// Where a silence is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// It mutes.
    Active,
    /// It will.
    Pending,
    /// It did.
    Expired,
}

impl SilenceState {
    /// As API v2 calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// A silence that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// There is none with this id.
    #[error("silence not found")]
    NotFound,
    /// It says something that cannot be meant.
    #[error("{0}")]
    Invalid(String),
}

impl Silence {
    /// Where it is in its life at a time.
    pub fn state(&self, now: i64) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now > self.ends_at {
            SilenceState::Expired
        } else {
            SilenceState::Active
        }
    }

    /// Whether it is about an alert with these labels.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.matcher_sets.iter().any(|set| all_match(set, labels))
    }

    /// Whether it is forgotten at a time.
    pub(crate) fn is_forgotten(&self, now: i64) -> bool {
        self.ends_at.saturating_add(RETENTION_MS) <= now
    }

    /// Ends it now.
    pub(crate) fn expire(&mut self, now: i64) {
        match self.state(now) {
            SilenceState::Expired => return,
            // The state asks for a time after the end.
            SilenceState::Active => self.ends_at = now - 1,
            SilenceState::Pending => (self.starts_at, self.ends_at) = (now - 1, now - 1),
        }
        self.updated_at = now;
    }

    /// Says what is wrong with it.
    pub(crate) fn validate(&self, now: i64) -> Result<(), SilenceError> {
        let wrong = |message: String| Err(SilenceError::Invalid(message));
        if self.starts_at >= self.ends_at {
            return wrong("Failed to create silence: start time must be before end time".to_owned());
        }
        if self.ends_at < now {
            return wrong("Failed to create silence: end time can't be in the past".to_owned());
        }
        if self.matcher_sets.is_empty() {
            return wrong("invalid silence: at least one matcher set required".to_owned());
        }
        for (place, set) in self.matcher_sets.iter().enumerate() {
            if set.is_empty() {
                return wrong(format!("invalid silence: matcher set {place} is empty"));
            }
            if let Some((at, _)) = set.iter().enumerate().find(|(_, matcher)| matcher.name.is_empty()) {
                return wrong(format!(
                    "invalid silence: invalid label matcher {at} in set {place}: invalid label name \"\""
                ));
            }
            if set.iter().all(|matcher| matcher.is_equal() && matcher.matches_empty()) {
                return wrong(format!(
                    "invalid silence: matcher set {place}: at least one matcher must not match the empty string"
                ));
            }
        }
        let matchers = self.matcher_sets.iter().flatten().map(|matcher| matcher.name.len() + matcher.value.len());
        let annotations = self.annotations.iter().map(|(name, value)| name.len() + value.len());
        let bytes = self.comment.len() + self.created_by.len() + matchers.chain(annotations).sum::<usize>();
        if bytes > MAX_SILENCE_BYTES {
            return wrong(format!("invalid silence: {bytes} bytes: at most {MAX_SILENCE_BYTES} are kept"));
        }
        Ok(())
    }

    /// Whether it can become another one without changing what was silenced in the past.
    pub(crate) fn can_become(&self, new: &Self, now: i64) -> bool {
        const SECOND_MS: i64 = 1000;
        if self.matcher_sets != new.matcher_sets {
            return false;
        }
        match self.state(now) {
            SilenceState::Active => {
                self.starts_at.div_euclid(SECOND_MS) == new.starts_at.div_euclid(SECOND_MS) && new.ends_at >= now
            }
            SilenceState::Pending => new.starts_at >= now,
            SilenceState::Expired => false,
        }
    }
}
