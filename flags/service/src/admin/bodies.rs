//! How flags and changes are told.

use serde::Serialize;
use serde_json::Value;
use vitrine_flags_engine::FlagType;

use crate::audit::{Action, Entry};
use crate::flag_store::SetInForce;

/// A definition as a JSON value. One that is no JSON is never kept; a number is told as a double where it must be.
pub(crate) fn definition_value(definition: &str) -> Value {
    serde_json::from_str(definition).unwrap_or_else(|_| Value::String(definition.to_owned()))
}

/// A flag.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlagBody {
    key: String,
    revision: u64,
    changed_ms: i64,
    r#type: FlagType,
    enabled: bool,
    targeted: bool,
    /// Why the rule cannot be evaluated, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
    default_variant: Option<String>,
    definition: Value,
}

impl FlagBody {
    pub(crate) fn of(now: &SetInForce, key: &str) -> Option<Self> {
        let (stored, flag) = (now.stored(key)?, now.snapshot.get(key)?);
        Some(Self {
            key: key.to_owned(),
            revision: stored.revision,
            changed_ms: stored.changed_ms,
            r#type: flag.kind(),
            enabled: flag.is_enabled(),
            targeted: flag.is_targeted(),
            broken: flag.broken().map(str::to_owned),
            default_variant: flag.default_variant().map(|variant| variant.name.to_string()),
            definition: definition_value(&stored.definition),
        })
    }
}

/// A change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryBody {
    revision: u64,
    at_ms: i64,
    who: String,
    why: String,
    action: Action,
    #[serde(skip_serializing_if = "String::is_empty")]
    set: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    changes: Vec<ChangedBody>,
    previous: String,
    hash: String,
}

#[derive(Debug, Serialize)]
struct ChangedBody {
    key: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        let changes = entry.changes.into_iter().map(|changed| ChangedBody {
            key: changed.key,
            before: changed.before.as_deref().map(definition_value),
            after: changed.after.as_deref().map(definition_value),
        });
        Self {
            revision: entry.revision,
            at_ms: entry.at_ms,
            who: entry.who,
            why: entry.why,
            action: entry.action,
            set: entry.set,
            about: entry.about,
            changes: changes.collect(),
            previous: entry.previous,
            hash: entry.hash,
        }
    }
}
