//! Typed configuration: flags over environment over file over default, with where each value came from, and every
//! mistake at once.
//!
//! A component's settings are one serde struct with defaults. [`load`] lays the sources over the defaults: a TOML file, variables
//! named `VITRINE_<SECTION>__<KEY>`, and flags. Whatever the defaults do not know is a mistake, named with what is probably
//! meant. It knows no component.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use vitrine_platform_config::{Sources, load};
//!
//! #[derive(Debug, Default, Serialize, Deserialize)]
//! struct Settings {
//!     gateway: Gateway,
//! }
//!
//! #[derive(Debug, Serialize, Deserialize)]
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

mod leaves;
mod suggest;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use leaves::{Leaf, expected, leaves, put, same_kind};

/// What variables begin with.
const PREFIX: &str = "VITRINE_";
/// Largest configuration file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
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

/// Loads settings.
pub fn load<T: Serialize + DeserializeOwned + Default>(sources: &Sources<'_>) -> Result<Loaded<T>, Mistakes> {
    let mut all = match Value::try_from(T::default()) {
        Ok(Value::Table(defaults)) => leaves(&defaults, &Origin::Default),
        Ok(_) => return Err(Mistakes(vec!["the defaults are not a table".to_owned()])),
        Err(e) => return Err(Mistakes(vec![format!("the defaults cannot be written as TOML: {e}")])),
    };
    let mut mistakes = Vec::new();
    if let Some(path) = sources.file {
        match read(path) {
            Ok(table) => {
                for leaf in leaves(&table, &Origin::File(path.to_owned())) {
                    lay(&mut all, leaf, &mut mistakes);
                }
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    for (name, value) in &sources.variables {
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|n| n.split_once("__")) else { continue };
        let key = format!("{}.{}", section.to_lowercase(), key.to_lowercase().replace("__", "."));
        lay_text(&mut all, &key, value, Origin::Variable(name.clone()), &mut mistakes);
    }
    for (flag, key, value) in &sources.flags {
        lay_text(&mut all, key, value, Origin::Flag(flag), &mut mistakes);
    }
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes));
    }
    let mut table = Table::new();
    for leaf in &all {
        put(&mut table, &leaf.key, leaf.value.clone());
    }
    let settings =
        T::deserialize(Value::Table(table)).map_err(|e| Mistakes(vec![e.to_string().trim().replace('\n', " ")]))?;
    Ok(Loaded { settings, leaves: all })
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

/// Lays one value over what is there.
fn lay(all: &mut [Leaf], leaf: Leaf, mistakes: &mut Vec<String>) {
    let known: Vec<&str> = all.iter().map(|l| l.key.as_str()).collect();
    let Some(place) = known.iter().position(|key| *key == leaf.key) else {
        let hint =
            suggest::nearest(&leaf.key, &known).map_or_else(String::new, |near| format!(": did you mean {near:?}?"));
        mistakes.push(format!("{}: there is no setting {:?}{hint}", leaf.origin, leaf.key));
        return;
    };
    if same_kind(&all[place].value, &leaf.value) {
        all[place] = leaf;
    } else {
        mistakes.push(format!(
            "{}: {} = {}: expected {}",
            leaf.origin,
            leaf.key,
            leaf.value,
            expected(&all[place].value)
        ));
    }
}

/// The same, for a value that is given as text.
fn lay_text(all: &mut [Leaf], key: &str, text: &str, origin: Origin, mistakes: &mut Vec<String>) {
    let wanted = all.iter().find(|l| l.key == key).map(|l| &l.value);
    let value = match wanted {
        // An unknown key is reported as such; a text needs no quotes.
        None | Some(Value::String(_)) => Value::String(text.to_owned()),
        Some(_) => format!("x = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut t| t.remove("x"))
            .unwrap_or_else(|| Value::String(text.to_owned())),
    };
    lay(all, Leaf { key: key.to_owned(), value, origin }, mistakes);
}
