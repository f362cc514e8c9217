//! The lives of the flags of the catalogue: what code declares, what was read, and what both mean for each.

use vitrine_flags_client::Kind;

use crate::documents::DeclarationDocument;
use crate::flag_store::{InForce, SetInForce};
use crate::lifecycle::{self, Reads, Stage};
use crate::registrations::Registrations;

/// What is known of a flag's life.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Life {
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    /// The services whose code reads it.
    pub(crate) owners: Vec<String>,
    /// What it switches, as code says.
    pub(crate) purpose: Option<String>,
    /// In what code and catalogue differ.
    pub(crate) drift: Vec<String>,
    pub(crate) reads: u64,
    pub(crate) last_read_ms: Option<i64>,
    pub(crate) last_reader: Option<String>,
    /// The variant that all reads had since `sameSinceMs`; empty for code's own default.
    pub(crate) variant: Option<String>,
    pub(crate) same_since_ms: Option<i64>,
}

impl Registrations {
    /// What is declared and is no flag, by keys; of several services, the first one's.
    pub(crate) fn unknown_to(&self, now: &InForce) -> Vec<DeclarationDocument> {
        let mut all = self.all();
        all.retain(|doc| {
            now.stored(&doc.declaration.key).is_none() && !now.is_reserved(&doc.declaration.key, self.now_ms())
        });
        all.dedup_by(|a, b| a.declaration.key == b.declaration.key);
        all
    }

    /// What is known of the life of a flag of the catalogue.
    pub(crate) fn life(&self, now: &SetInForce, key: &str) -> Option<Life> {
        let (stored, flag) = (now.stored(key)?, now.snapshot.get(key)?);
        let declared = self.of(key);
        let first = declared.first().map(|doc| &doc.declaration);
        let metadata: serde_json::Value =
            now.snapshot.metadata_of(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let said = metadata.get("kind").and_then(|kind| Kind::ALL.into_iter().find(|known| *kind == known.name()));
        let kind = first.map(|declaration| declaration.kind).or(said).unwrap_or_default();
        let days = metadata.get(lifecycle::SETTLED_AFTER).and_then(serde_json::Value::as_i64);
        let mut drift = Vec::new();
        if declared.is_empty() {
            drift.push("unknown to code".to_owned());
        }
        for doc in declared.iter().filter(|doc| !doc.fits(flag.kind())) {
            let reads = doc.declaration.flag_type.name();
            drift.push(format!("{} reads it as {reads}, and it is {}", doc.declaration.owner, flag.kind().name()));
        }
        let used = self.usage(key);
        let reads = used.as_ref().map(|used| Reads { last_ms: used.last_ms, same_since_ms: used.same_since_ms });
        let settled_after = days.unwrap_or_else(|| lifecycle::settled_after_days(kind));
        Some(Life {
            stage: lifecycle::stage(stored.changed_ms, reads, settled_after, self.now_ms()),
            kind,
            owners: declared.iter().map(|doc| doc.declaration.owner.clone()).collect(),
            purpose: first.map(|declaration| declaration.purpose.clone()),
            drift,
            reads: used.as_ref().map_or(0, |used| used.reads),
            last_read_ms: used.as_ref().map(|used| used.last_ms),
            last_reader: used.as_ref().map(|used| used.last_reader.clone()),
            variant: used.as_ref().map(|used| used.variant.clone()),
            same_since_ms: used.as_ref().map(|used| used.same_since_ms),
        })
    }
}
