//! Alerts as they come, are merged and kept.

use serde::{Deserialize, Serialize};

use crate::labels::{ALERT_NAME, Fingerprint, LabelSet};

/// An alert as a sender tells it. Times are in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostedAlert {
    /// What identifies it.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: LabelSet,
    /// Since when; none means now.
    pub starts_at: Option<i64>,
    /// Until when; none means until the resolve timeout, unless it is told again.
    pub ends_at: Option<i64>,
    /// Where it comes from, for a person.
    pub generator_url: String,
}

/// An alert as it is kept. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What identifies it.
    pub labels: LabelSet,
    /// What is said about it.
    pub annotations: LabelSet,
    /// Since when.
    pub starts_at: i64,
    /// From when on it is resolved.
    pub ends_at: i64,
    /// When it was told last.
    pub updated_at: i64,
    /// Whether the end is only the resolve timeout.
    pub is_timeout: bool,
    /// Where it comes from, for a person.
    pub generator_url: String,
}

impl Alert {
    /// Takes what a sender tells. An error says what is wrong with it.
    pub(crate) fn take(posted: PostedAlert, now: i64, resolve_timeout_ms: i64) -> Result<Self, String> {
        let PostedAlert { mut labels, annotations, starts_at, ends_at, generator_url } = posted;
        labels.retain(|_, value| !value.is_empty());
        let starts_at = starts_at.unwrap_or_else(|| ends_at.unwrap_or(now));
        let (ends_at, is_timeout) = ends_at.map_or((now.saturating_add(resolve_timeout_ms), true), |at| (at, false));
        if ends_at < starts_at {
            return Err("start time must be before end time".to_owned());
        }
        if labels.is_empty() {
            return Err("at least one label pair required".to_owned());
        }
        for (set, of) in [("label set", &labels), ("annotations", &annotations)] {
            if of.contains_key("") {
                return Err(format!("invalid {set}: invalid name \"\""));
            }
        }
        Ok(Self { labels, annotations, starts_at, ends_at, updated_at: now, is_timeout, generator_url })
    }

    /// What identifies it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }

    /// The alert's name; empty where it has none.
    pub fn name(&self) -> &str {
        self.labels.get(ALERT_NAME).map_or("", String::as_str)
    }

    /// Whether it is over at a time.
    pub fn is_resolved_at(&self, at: i64) -> bool {
        self.ends_at <= at
    }

    /// What is known when a sender tells it again. Where the two overlap, the earlier start counts, and an end that was said counts more than a timeout.
    pub(crate) fn followed_by(&self, new: Self, now: i64) -> Self {
        let overlaps = (new.ends_at > self.starts_at && new.ends_at < self.ends_at)
            || (new.starts_at > self.starts_at && new.starts_at < self.ends_at);
        if !overlaps {
            return new;
        }
        // The younger one counts; of two of one time the one that came later.
        let (old, mut young) = if new.updated_at < self.updated_at { (new, self.clone()) } else { (self.clone(), new) };
        young.starts_at = young.starts_at.min(old.starts_at);
        let counts = if young.is_resolved_at(now) { old.is_resolved_at(now) } else { !old.is_timeout };
        if counts && old.ends_at > young.ends_at {
            young.ends_at = old.ends_at;
        }
        young
    }

    /// Whether nothing but its times of being told differs from another.
    pub(crate) fn says_the_same_as(&self, other: &Self, now: i64) -> bool {
        self.annotations == other.annotations
            && self.starts_at == other.starts_at
            && self.generator_url == other.generator_url
            && self.is_resolved_at(now) == other.is_resolved_at(now)
    }

    /// By what alerts of a notification are ordered: job, instance, then all labels.
    pub(crate) fn order(&self) -> impl Ord + '_ {
        let first = |name: &str| self.labels.get(name).map(|value| (false, value.as_str())).unwrap_or((true, ""));
        (first("job"), first("instance"), &self.labels)
    }
}
