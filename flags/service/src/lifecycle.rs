//! Where a flag stands in its life, from what was really read of it: pure.
//!
//! declared (code reads it, and nobody has) → live → settled (one variant for long: code could say it) → unread (nobody reads it any more) → archived
//! (deleted, its key reserved for a while).

use serde::{Deserialize, Serialize};
use vitrine_flags_client::Kind;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// For how long nobody reads a flag that is unread.
pub(crate) const UNREAD_AFTER_MS: i64 = 14 * DAY_MS;
/// How long the key of an archived flag is reserved: what still runs with it must not meet another flag of that name.
pub(crate) const RESERVED_MS: i64 = 90 * DAY_MS;
/// The member of a flag's metadata that says after how many days of one variant it is settled; 0 for never.
pub(crate) const SETTLED_AFTER: &str = "settledAfterDays";

/// After how many days of one variant a flag of a kind is settled; 0 for never, as of what people turn while the system runs.
pub(crate) fn settled_after_days(kind: Kind) -> i64 {
    match kind {
        Kind::Release | Kind::Experiment => 14,
        Kind::Operational | Kind::Permission => 0,
    }
}

/// Where a flag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nobody has read it yet.
    Declared,
    /// It is read.
    Live,
    /// All who read it have had one and the same variant for long.
    Settled,
    /// Nobody has read it for long.
    Unread,
    /// It was deleted, and its key is reserved.
    Archived,
}

impl Stage {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Live => "live",
            Self::Settled => "settled",
            Self::Unread => "unread",
            Self::Archived => "archived",
        }
    }

    /// Whether somebody should look whether it is still needed.
    pub fn is_stale(self) -> bool {
        matches!(self, Self::Settled | Self::Unread)
    }
}

/// What was read of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// When last.
    pub(crate) last_ms: i64,
    /// Since when all reads had the same variant.
    pub(crate) same_since_ms: i64,
}

/// Where a flag stands that is in the catalogue since `since_ms`.
pub(crate) fn stage(since_ms: i64, reads: Option<Reads>, settled_after_days: i64, now_ms: i64) -> Stage {
    let Some(reads) = reads else {
        return if now_ms - since_ms >= UNREAD_AFTER_MS { Stage::Unread } else { Stage::Declared };
    };
    if now_ms - reads.last_ms >= UNREAD_AFTER_MS {
        Stage::Unread
    } else if settled_after_days > 0 && now_ms - reads.same_since_ms >= settled_after_days.saturating_mul(DAY_MS) {
        Stage::Settled
    } else {
        Stage::Live
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Kind, Reads, Stage, settled_after_days, stage};

    #[test]
    fn a_flags_life() {
        let now = 1_000 * DAY_MS;
        let reads =
            |last: i64, same: i64| Some(Reads { last_ms: now - last * DAY_MS, same_since_ms: now - same * DAY_MS });
        for (what, since_days, reads, settles, expected) in [
            ("just written", 0, None, 14, Stage::Declared),
            ("written a while ago", 13, None, 14, Stage::Declared),
            ("never read", 14, None, 14, Stage::Unread),
            ("read", 100, reads(0, 1), 14, Stage::Live),
            ("read, one variant nearly for long", 100, reads(0, 13), 14, Stage::Live),
            ("read, one variant for long", 100, reads(1, 14), 14, Stage::Settled),
            ("another threshold", 100, reads(1, 14), 15, Stage::Live),
            ("never settled", 1_000, reads(0, 900), 0, Stage::Live),
            ("not read for long", 100, reads(14, 50), 14, Stage::Unread),
            ("not read for long, and never settled", 100, reads(14, 50), 0, Stage::Unread),
            ("a clock that went back", 0, reads(-3, -3), 14, Stage::Live),
        ] {
            assert_eq!(stage(now - since_days * DAY_MS, reads, settles, now), expected, "{what}");
        }
        assert_eq!(Kind::ALL.map(settled_after_days), [14, 14, 0, 0]);
        assert!(Stage::Settled.is_stale() && Stage::Unread.is_stale() && !Stage::Live.is_stale());
    }
}
