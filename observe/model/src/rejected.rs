//! Why a row or a sample is not taken, and how many of each reason.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Why one span, record or point was not taken. It says which field and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; expected {expected}")]
pub struct Rejected {
    /// The field at fault, in OTLP's JSON spelling.
    pub field: &'static str,
    /// What was found.
    pub problem: String,
    /// What would have been taken.
    pub expected: &'static str,
    /// As what it is counted.
    pub refusal: Refusal,
}

/// What refusals are counted by: each limit, odd times, and all that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be.
    Invalid,
    /// More active series than a tenant may have.
    ActiveSeries,
    /// More new series a second than there may be.
    NewSeries,
    /// Memory is full of the names of series.
    NameMemory,
    /// More labels than a series may have.
    LabelCount,
    /// A label's name that is too long.
    NameLength,
    /// A label's value that is too long.
    ValueLength,
    /// A time ahead of the receiver's clock.
    TooFarAhead,
    /// A time before the retention.
    TooOld,
}

impl Refusal {
    /// How many there are.
    const COUNT: usize = 9;
    /// All of them, in the order of their counts.
    const ALL: [Self; Self::COUNT] = [
        Self::Invalid,
        Self::ActiveSeries,
        Self::NewSeries,
        Self::NameMemory,
        Self::LabelCount,
        Self::NameLength,
        Self::ValueLength,
        Self::TooFarAhead,
        Self::TooOld,
    ];

    /// Its name, in counters and the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::ActiveSeries => "active_series",
            Self::NewSeries => "new_series",
            Self::NameMemory => "name_memory",
            Self::LabelCount => "label_count",
            Self::NameLength => "name_length",
            Self::ValueLength => "value_length",
            Self::TooFarAhead => "too_far_ahead",
            Self::TooOld => "too_old",
        }
    }
}

/// How many samples and exemplars were refused, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals([u64; Refusal::COUNT]);

impl Refusals {
    /// So many more are refused for this.
    pub fn count(&mut self, refusal: Refusal, more: u64) {
        self.0[refusal as usize] += more;
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many of each, also where there are none.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().zip(self.0)
    }
}

/// A map from names to counts.
impl Serialize for Refusals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Refusal::COUNT))?;
        for (refusal, count) in self.iter() {
            map.serialize_entry(refusal.name(), &count)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, Refusals};

    #[test]
    fn each_is_counted_under_its_own_name() {
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            let mut counts = Refusals::default();
            counts.count(refusal, 3);
            let found: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
            assert_eq!(found, [(refusal, 3)], "{place}");
            assert_eq!(counts.total(), 3);
        }
    }
}
