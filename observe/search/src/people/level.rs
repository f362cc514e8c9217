//! Levels of log records.

use std::ops::RangeInclusive;

/// How grave a log record is, as OTLP's severity numbers are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 1 to 4.
    Trace,
    /// 5 to 8.
    Debug,
    /// 9 to 12.
    Info,
    /// 13 to 16.
    Warn,
    /// 17 to 20.
    Error,
    /// 21 to 24.
    Fatal,
}

impl Level {
    /// All, the least grave first.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        self.words()[0]
    }

    /// What senders call it, its name first.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Trace => &["trace"],
            Self::Debug => &["debug"],
            Self::Info => &["info", "information", "informational", "notice"],
            Self::Warn => &["warn", "warning"],
            Self::Error => &["error", "err"],
            Self::Fatal => &["fatal", "critical", "crit", "alert", "emerg", "emergency", "panic"],
        }
    }

    /// Reads a name, in whatever case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.words().iter().any(|word| word.eq_ignore_ascii_case(text)))
    }

    /// Returns OTLP's severity numbers that belong to it.
    pub fn severities(self) -> RangeInclusive<u8> {
        let first = self as u8 * 4 + 1;
        first..=first + 3
    }

    /// Returns the level of a severity number, or else of the sender's words.
    pub fn of(severity: u8, text: &str) -> Option<Self> {
        let by_number = Self::ALL.into_iter().find(|level| level.severities().contains(&severity));
        by_number.or_else(|| Self::parse(text))
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn levels_are_known_by_number_and_by_name() {
        assert_eq!(Level::Warn.severities(), 13..=16);
        assert_eq!(Level::of(24, "info"), Some(Level::Fatal));
        assert_eq!(Level::of(0, "WARNING"), Some(Level::Warn));
        assert_eq!(Level::of(0, "odd"), None);
        assert_eq!(Level::ALL.map(Level::name), ["trace", "debug", "info", "warn", "error", "fatal"]);
    }
}
