//! Declarations and reads as they are kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_flags_client::{Count, Declaration};
use vitrine_flags_engine::FlagType;
use vitrine_platform_store::{Document, Index, Keys};

/// Most variants of a flag whose reads are told apart.
const MAX_VARIANTS: usize = 128;

/// What a service's code says of a flag, and who told it last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeclarationDocument {
    #[serde(flatten)]
    pub(crate) declaration: Declaration,
    pub(crate) process: String,
    pub(crate) version: String,
    pub(crate) seen_ms: i64,
}

/// Whether code that reads flags of one type can read those of another, as the engine has it.
pub(crate) fn fits(reads: FlagType, is: FlagType) -> bool {
    reads == is || (reads == FlagType::Float && is == FlagType::Integer)
}

impl DeclarationDocument {
    pub(crate) fn place(&self) -> (String, String) {
        (self.declaration.key.clone(), self.declaration.owner.clone())
    }

    pub(crate) fn fits(&self, is: FlagType) -> bool {
        fits(self.declaration.flag_type, is)
    }
}

impl Document for DeclarationDocument {
    const COLLECTION: &'static str = "declarations";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        // A service's name holds no line break, whatever a key holds.
        format!("{}\n{}", self.declaration.owner, self.declaration.key).into()
    }
    fn keys(&self, _: &mut Keys) {}
}

/// What was read of a flag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsageDocument {
    pub(crate) key: String,
    pub(crate) reads: u64,
    pub(crate) last_ms: i64,
    pub(crate) last_reader: String,
    /// The variant that all reads had since `same_since_ms`; empty for code's own default.
    pub(crate) variant: String,
    pub(crate) same_since_ms: i64,
    pub(crate) by_variant: BTreeMap<String, u64>,
}

impl UsageDocument {
    pub(crate) fn new(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    /// Adds reads of one variant.
    pub(crate) fn add(&mut self, count: &Count, at_ms: i64) {
        if self.reads == 0 || self.variant != count.variant {
            self.variant.clone_from(&count.variant);
            self.same_since_ms = at_ms;
        }
        self.reads = self.reads.saturating_add(count.count);
        if at_ms >= self.last_ms {
            self.last_ms = at_ms;
            self.last_reader.clone_from(&count.reader);
        }
        if self.by_variant.len() < MAX_VARIANTS || self.by_variant.contains_key(&count.variant) {
            let known = self.by_variant.entry(count.variant.clone()).or_default();
            *known = known.saturating_add(count.count);
        }
    }
}

impl Document for UsageDocument {
    const COLLECTION: &'static str = "usages";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}
