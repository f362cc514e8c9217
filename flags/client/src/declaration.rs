//! What a process tells the flags service: which flags its code declares, and how often each was read with which result.

use serde::{Deserialize, Serialize};
use vitrine_flags_engine::FlagType;
use vitrine_flags_engine::json;

use crate::declared::{Declared, Kind};

/// A flag that a service's code declares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// Its key.
    pub key: String,
    /// What it is for.
    pub kind: Kind,
    /// The service that reads it.
    pub owner: String,
    /// What it switches, for people.
    pub purpose: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub flag_type: FlagType,
    /// The variants that code knows; the first is what holds where nobody says otherwise.
    pub variants: Vec<DeclaredVariant>,
    /// The day from which it should be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// A variant that code knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredVariant {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: serde_json::Value,
}

impl From<&Declared> for Declaration {
    fn from(declared: &Declared) -> Self {
        let variant =
            |(name, value): &(&str, crate::Value)| DeclaredVariant { name: (*name).to_owned(), value: value.to_json() };
        Self {
            key: declared.key.to_owned(),
            kind: declared.kind,
            owner: declared.owner.to_owned(),
            purpose: declared.purpose.to_owned(),
            flag_type: declared.default().flag_type(),
            variants: declared.variants.iter().map(variant).collect(),
            until: declared.until.map(str::to_owned),
        }
    }
}

impl Declaration {
    /// The definition of a flag that does what code does without one.
    pub fn definition(&self) -> String {
        let mut out = String::from("{\n  \"state\": \"ENABLED\",\n  \"variants\": {");
        for (n, variant) in self.variants.iter().enumerate() {
            out.push_str(if n > 0 { ", " } else { "" });
            json::write_text(&variant.name, &mut out);
            out.push_str(": ");
            out.push_str(&variant.value.to_string());
        }
        out.push_str("},\n  \"defaultVariant\": ");
        json::write_text(self.variants.first().map_or("", |variant| &variant.name), &mut out);
        out.push_str(",\n  \"metadata\": {\"owner\": ");
        json::write_text(&self.owner, &mut out);
        out.push_str(", \"kind\": ");
        json::write_text(self.kind.name(), &mut out);
        out.push_str(", \"purpose\": ");
        json::write_text(&self.purpose, &mut out);
        if let Some(until) = &self.until {
            out.push_str(", \"until\": ");
            json::write_text(until, &mut out);
        }
        out.push_str("}\n}");
        out
    }
}

/// How often a flag was read with one result since it was told last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// The flag.
    pub key: String,
    /// The service that read it.
    pub reader: String,
    /// The variant; empty where code's own default was used.
    pub variant: String,
    /// How often.
    pub count: u64,
    /// When last, in milliseconds since 1970.
    pub last_ms: i64,
}
