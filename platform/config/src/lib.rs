//! Typed configuration: flags over environment over file over default, with where each value came from, and every
//! mistake at once.
//!
//! A component's settings are one serde struct with defaults. [`load`] lays the sources over the defaults: a TOML file, variables
//! named `VITRINE_<SECTION>__<KEY>`, and flags. Whatever the defaults do not know is a mistake, named with what is probably
//! meant. [`schema`] says what can be set as a JSON Schema, [`reference`] as a page; both come from the doc comments of the structs.
//! [`Time`], [`Size`] and [`BaseUrl`] are read as people write them. [`yaml`] reads files of other systems, with locations; [`glob`] finds them. It knows no component.
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use vitrine_platform_config::{Sources, load};
//!
//! #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
//! struct Settings {
//!     gateway: Gateway,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize, JsonSchema)]
//! struct Gateway {
//!     rate_per_s: u32,
//! }
//!
//! impl Default for Gateway {
//!     fn default() -> Self {
//!         Self { rate_per_s: 50 }
//!     }
//! }
//!
//! let with = |name: &str| Sources { variables: vec![(name.to_owned(), "80".to_owned())], ..Sources::default() };
//! let loaded = load::<Settings>(&with("VITRINE_GATEWAY__RATE_PER_S")).expect("settings without a mistake");
//! assert_eq!(loaded.settings.gateway.rate_per_s, 80);
//!
//! let mistakes = load::<Settings>(&with("VITRINE_GATEWAY__RATE_PER_SECOND")).expect_err("there is no such setting");
//! assert!(mistakes.to_string().contains("gateway.rate_per_s"));
//! ```

mod glob;
mod leaves;
mod schema;
mod suggest;
mod units;
pub mod yaml;

use std::cell::OnceCell;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use leaves::{Leaf, expected, leaves, table};
use schema::settings;

pub use glob::{MAX_FILES, glob};
pub use schema::{reference, schema};
pub use units::{BaseUrl, OrOff, Size, Time, Written, describe, read as read_written};
/// What [`written!`] names.
#[doc(hidden)]
pub use {schemars, serde};

/// What variables begin with.
const PREFIX: &str = "VITRINE_";
/// Largest configuration file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No one said anything else.
    Default,
    /// This file.
    File(PathBuf),
    /// This environment variable.
    Variable(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Every mistake, one on each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// Settings, and where each of them came from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The settings.
    pub settings: T,
    leaves: Vec<Leaf>,
}

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Dotted, for example "gateway.rate_per_s".
    pub key: String,
    /// As TOML.
    pub value: String,
    /// Who said so.
    pub origin: Origin,
}

impl<T> Loaded<T> {
    /// Every value, in the order of the settings' fields.
    pub fn effective(&self) -> impl Iterator<Item = Effective> + '_ {
        self.leaves.iter().map(|l| Effective {
            key: l.key.clone(),
            value: l.value.to_string(),
            origin: l.origin.clone(),
        })
    }
}

/// What is laid over the defaults.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// A TOML file.
    pub file: Option<&'a Path>,
    /// Environment variables; those that do not look like settings are left alone.
    pub variables: Vec<(String, String)>,
    /// Flags that were given: their names, which key each sets, and to what.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Loads settings. Each struct of them has its defaults by `#[serde(default)]`, and its [`JsonSchema`].
pub fn load<T: Serialize + DeserializeOwned + Default + JsonSchema>(
    sources: &Sources<'_>,
) -> Result<Loaded<T>, Mistakes> {
    let known = Known { defaults: leaves(&written(&T::default())?, &Origin::Default), schema: OnceCell::new() };
    let mut mistakes = Vec::new();
    let mut given = Vec::new();
    match sources.file.map(|path| (path, read(path))) {
        Some((path, Ok(table))) => given.extend(leaves(&table, &Origin::File(path.to_owned()))),
        Some((_, Err(mistake))) => mistakes.push(mistake),
        None => {}
    }
    for (name, text) in &sources.variables {
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|n| n.split_once("__")) else { continue };
        let key = format!("{}.{}", section.to_lowercase(), key.to_lowercase().replace("__", "."));
        given.push(known.leaf(key, text, Origin::Variable(name.clone())));
    }
    for (flag, key, text) in &sources.flags {
        given.push(known.leaf((*key).to_owned(), text, Origin::Flag(flag)));
    }
    // Each alone, so that all mistakes are found, and each is that of its source.
    mistakes.extend(given.iter().filter_map(|leaf| known.mistake::<T>(leaf)));
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    let settings = T::deserialize(Value::Table(table(&given))).map_err(|e| Mistakes(vec![first_line(&e)]))?;
    let origin = |key: &str| given.iter().rfind(|leaf| leaf.key == key).map(|leaf| leaf.origin.clone());
    // As they are shown, and not as they were given: a secret knows how.
    let mut effective = leaves(&written(&settings)?, &Origin::Default);
    // A section in which nothing can be set says nothing.
    effective.retain(|leaf| !leaf.value.is_table());
    for leaf in &mut effective {
        leaf.origin = origin(&leaf.key).unwrap_or(Origin::Default);
    }
    Ok(Loaded { settings, leaves: effective })
}

/// Settings as a table.
fn written<T: Serialize>(settings: &T) -> Result<Table, Mistakes> {
    match Value::try_from(settings) {
        Ok(Value::Table(table)) => Ok(table),
        Ok(_) => Err(Mistakes(vec!["the settings are not a table".to_owned()])),
        Err(e) => Err(Mistakes(vec![format!("the settings cannot be written as TOML: {e}")])),
    }
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

fn read(path: &Path) -> Result<Table, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|e| format!("{shown}: the file cannot be read: {e}"))?.len();
    if size > MAX_FILE {
        return Err(format!("{shown}: the file has {size} bytes: expected at most {MAX_FILE}"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: the file cannot be read: {e}"))?;
    text.parse::<Table>().map_err(|e| format!("{shown}: not TOML: {}", e.to_string().trim().replace('\n', " ")))
}

/// What can be set, with its defaults.
struct Known {
    defaults: Vec<Leaf>,
    /// Made only when it is needed: a start with defaults does not wait for it.
    schema: OnceCell<serde_json::Value>,
}

impl Known {
    fn default_of(&self, key: &str) -> Option<&Value> {
        self.defaults.iter().find(|leaf| leaf.key == key).map(|leaf| &leaf.value)
    }

    /// A value that is given as text, which needs no quotes where a text is wanted.
    fn leaf(&self, key: String, text: &str, origin: Origin) -> Leaf {
        let as_text = || Value::String(text.to_owned());
        let value = match self.default_of(&key) {
            None | Some(Value::String(_)) => as_text(),
            Some(_) => {
                let parsed = format!("x = {text}").parse::<Table>().ok();
                parsed.and_then(|mut table| table.remove("x")).unwrap_or_else(as_text)
            }
        };
        Leaf { key, value, origin }
    }

    /// What is wrong with one value.
    fn mistake<T: DeserializeOwned + JsonSchema>(&self, leaf: &Leaf) -> Option<String> {
        let Leaf { key, value, origin } = leaf;
        let is_section = |key: &str| {
            let inside = |known: &Leaf| known.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
            self.defaults.iter().any(inside)
        };
        if value.as_table().is_some_and(Table::is_empty) && is_section(key) {
            return None;
        }
        let Some(default) = self.default_of(key) else {
            if is_section(key) {
                return Some(format!("{origin}: {key}: expected a section, [{key}]"));
            }
            let settings = self.defaults.iter().filter(|known| !known.value.is_table());
            let known: Vec<&str> = settings.map(|known| known.key.as_str()).collect();
            let hint =
                suggest::nearest(key, &known).map_or_else(String::new, |near| format!(": did you mean {near:?}?"));
            return Some(format!("{origin}: there is no setting {key:?}{hint}"));
        };
        let schema = || self.schema.get_or_init(schema::<T>);
        if let (Value::Integer(_), Value::Integer(number)) = (default, value) {
            let refusal = settings(schema()).iter().find(|s| s.key == *key).and_then(|s| s.refusal(*number));
            if let Some(expected) = refusal {
                return Some(format!("{origin}: {key} = {value}: expected {expected}"));
            }
        }
        let error = T::deserialize(Value::Table(table([leaf]))).err()?;
        let wanted = if default.same_type(value) { None } else { expected(default) };
        let why = match wanted {
            Some(wanted) => format!("expected {wanted}"),
            None => first_line(&error),
        };
        let is_secret = settings(schema()).iter().any(|setting| setting.key == *key && setting.is_secret());
        if is_secret {
            // Said without what was given, which serde repeats; the name of a field is none of it.
            let expected = why.rsplit_once("expected ").filter(|_| !why.starts_with("unknown field"));
            let why = expected.map_or_else(|| why.clone(), |(_, wanted)| format!("expected {wanted}"));
            return Some(format!("{origin}: {key}: {why}"));
        }
        let is_clear = why.contains("expected") || matches!(default, Value::String(text) if text.is_empty());
        let such = if is_clear { String::new() } else { format!(": expected something such as {default}") };
        Some(format!("{origin}: {key} = {value}: {why}{such}"))
    }
}
