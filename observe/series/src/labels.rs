//! Labels: what identifies a series to those who ask.

use std::fmt;
use std::sync::Arc;

/// The label that holds the metric's name.
pub const NAME: &str = "__name__";
/// What ends the names of the series of a classic histogram or a summary.
pub const PART_ENDINGS: [&str; 3] = ["_bucket", "_count", "_sum"];
/// What ends the names of a family's series, and not the family's: those, and a counter's.
pub const FAMILY_ENDINGS: [&str; 4] = ["_bucket", "_count", "_sum", "_total"];

/// A label's name and value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The name: any UTF-8, not empty.
    pub name: Arc<str>,
    /// The value: any UTF-8, not empty.
    pub value: Arc<str>,
}

/// Labels in order of their names, each name once, without empty values. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// Of these labels, in any order. Empty values are left out; of labels with one name the last one counts.
    pub fn new(labels: impl IntoIterator<Item = Label>) -> Self {
        let mut labels: Vec<Label> = labels.into_iter().collect();
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        let mut unique: Vec<Label> = Vec::with_capacity(labels.len());
        for label in labels {
            match unique.last_mut() {
                Some(last) if last.name == label.name => *last = label,
                _ => unique.push(label),
            }
        }
        unique.retain(|label| !label.value.is_empty());
        Self(unique.into())
    }

    /// Of labels that are in order already, each name once, none empty.
    pub(crate) fn from_sorted(labels: Vec<Label>) -> Self {
        debug_assert!(labels.windows(2).all(|pair| pair[0].name < pair[1].name));
        Self(labels.into())
    }

    /// Those of these for which this holds.
    pub fn filtered(&self, which: impl FnMut(&&Label) -> bool) -> Self {
        Self::from_sorted(self.iter().filter(which).cloned().collect())
    }

    /// Of pairs of names and values.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::new(pairs.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() }))
    }

    /// The value of a label; none where there is no such label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.0.binary_search_by(|label| (*label.name).cmp(name)).ok()?;
        Some(&self.0[place].value)
    }

    /// The metric's name; empty where there is none.
    pub fn metric(&self) -> &str {
        self.get(NAME).unwrap_or_default()
    }

    /// All labels in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Labels {
    /// As PromQL writes them: `{__name__="up", job="api"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (place, label) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}={:?}", label.name, label.value)?;
        }
        f.write_str("}")
    }
}
