//! What Elasticsearch's clients define before they send: templates, policies, pipelines, data streams, indices. They are kept as they were
//! sent and given back; nothing is done by them, but `mappings` say what a field's texts are to queries.
//!
//! A tenant's are one file of JSON, which is written anew at each change, before the change is seen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, RwLock};
use std::{fs, io};

use serde_json::{Map, Value};
use vitrine_kit::file;
use vitrine_observe_model::elastic::is_like;
use vitrine_observe_store::Tenant;

/// Definitions of one tenant.
const MAX_DEFINITIONS: usize = 1_000;
/// Bytes of one, as JSON.
const MAX_DEFINITION_BYTES: usize = 1 << 20;
/// Bytes of all of a tenant.
const MAX_TENANT_BYTES: usize = 16 << 20;
/// Tenants that have any.
const MAX_TENANTS: usize = 100;
/// Bytes of a name.
const MAX_NAME_BYTES: usize = 255;
/// What a tenant's file ends with.
const FILE_END: &str = ".json";

/// What a definition is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionKind {
    /// `_index_template`.
    IndexTemplate,
    /// `_template`, as before Elasticsearch 7.8.
    Template,
    /// `_component_template`.
    ComponentTemplate,
    /// `_ilm/policy`.
    Policy,
    /// `_ingest/pipeline`.
    Pipeline,
    /// `_logstash/pipeline`.
    LogstashPipeline,
    /// `_data_stream`.
    DataStream,
    /// An index: its `settings`, `mappings` and `aliases`.
    Index,
}

/// Why a definition was not kept.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// There are too many, or it is too large.
    #[error("{what}; expected at most {most}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// It could not be written.
    #[error("the definitions could not be written")]
    Disk(#[from] io::Error),
}

/// A tenant's, by kind and name.
type TenantDefinitions = BTreeMap<String, Map<String, Value>>;

/// The definitions of all tenants. What changes them blocks.
#[derive(Debug)]
pub struct Definitions {
    folder: PathBuf,
    tenants: RwLock<BTreeMap<String, TenantDefinitions>>,
    /// Whoever changes something, for as long as it takes to write it. Others read meanwhile.
    changing: Mutex<()>,
}

impl DefinitionKind {
    /// Its name in the file.
    fn name(self) -> &'static str {
        match self {
            Self::IndexTemplate => "index_template",
            Self::Template => "template",
            Self::ComponentTemplate => "component_template",
            Self::Policy => "ilm_policy",
            Self::Pipeline => "ingest_pipeline",
            Self::LogstashPipeline => "logstash_pipeline",
            Self::DataStream => "data_stream",
            Self::Index => "index",
        }
    }
}

impl Definitions {
    /// Those that are kept in a folder, which is made at the first change.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is none of these.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        let mut tenants = BTreeMap::new();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        for entry in entries.into_iter().flatten() {
            let name = entry?.file_name();
            if let Some(tenant) = name.to_str().and_then(|name| name.strip_suffix(FILE_END)) {
                tenants.insert(tenant.to_owned(), serde_json::from_slice(&fs::read(folder.join(&name))?)?);
            }
        }
        Ok(Self { folder, tenants: RwLock::new(tenants), changing: Mutex::new(()) })
    }

    /// Those of a kind whose names meet a pattern: names with commas between them, `*` for any part of one; all if it is empty.
    pub fn get(&self, tenant: &Tenant, kind: DefinitionKind, pattern: &str) -> Vec<(String, Value)> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let kept = tenants.get(tenant.name()).and_then(|kept| kept.get(kind.name()));
        let found = kept.into_iter().flatten().filter(|(name, _)| meets(pattern, name));
        found.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Keeps what is made of the definition of this name, if there is one, in its place.
    ///
    /// # Errors
    ///
    /// Nothing was made, there is no room for it, or it cannot be written; then all is as before.
    pub fn put<E: From<DefinitionError>>(
        &self,
        tenant: &Tenant,
        kind: DefinitionKind,
        name: &str,
        make: impl FnOnce(Option<&Value>) -> Result<Value, E>,
    ) -> Result<(), E> {
        if name.len() > MAX_NAME_BYTES {
            return Err(DefinitionError::TooMuch { what: "a name is too long, in bytes", most: MAX_NAME_BYTES }.into());
        }
        self.change(tenant, |kept| {
            let of_kind = kept.entry(kind.name().to_owned()).or_default();
            let value = make(of_kind.get(name))?;
            if value.to_string().len() > MAX_DEFINITION_BYTES {
                let what = "a definition is too long, in bytes";
                return Err(DefinitionError::TooMuch { what, most: MAX_DEFINITION_BYTES }.into());
            }
            of_kind.insert(name.to_owned(), value);
            Ok(())
        })
    }

    /// Forgets those whose names meet a pattern, and returns how many.
    ///
    /// # Errors
    ///
    /// It cannot be written; then all is as before.
    pub fn remove(&self, tenant: &Tenant, kind: DefinitionKind, pattern: &str) -> Result<usize, DefinitionError> {
        let names: Vec<String> = self.get(tenant, kind, pattern).into_iter().map(|(name, _)| name).collect();
        if names.is_empty() {
            return Ok(0);
        }
        self.change(tenant, |kept| {
            for name in &names {
                kept.entry(kind.name().to_owned()).or_default().remove(name);
            }
            Ok::<_, DefinitionError>(())
        })?;
        Ok(names.len())
    }

    fn change<E: From<DefinitionError>>(
        &self,
        tenant: &Tenant,
        change: impl FnOnce(&mut TenantDefinitions) -> Result<(), E>,
    ) -> Result<(), E> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut kept, others) = {
            let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
            let others = tenants.keys().filter(|name| *name != tenant.name()).count();
            (tenants.get(tenant.name()).cloned().unwrap_or_default(), others)
        };
        let too_much = |what, most| Err(DefinitionError::TooMuch { what, most }.into());
        if others >= MAX_TENANTS {
            return too_much("there are definitions of too many tenants", MAX_TENANTS);
        }
        change(&mut kept)?;
        if kept.values().map(Map::len).sum::<usize>() > MAX_DEFINITIONS {
            return too_much("there are too many definitions", MAX_DEFINITIONS);
        }
        let text = serde_json::to_vec(&kept).map_err(|error| DefinitionError::Disk(error.into()))?;
        if text.len() > MAX_TENANT_BYTES {
            return too_much("definitions take too many bytes", MAX_TENANT_BYTES);
        }
        self.write(tenant, &text).map_err(DefinitionError::Disk)?;
        self.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.name().to_owned(), kept);
        Ok(())
    }

    /// Whole or not at all.
    fn write(&self, tenant: &Tenant, text: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // No tenant's name begins with a dot.
        let new = self.folder.join(format!(".{}.new", tenant.name()));
        file::write_whole(&self.folder.join(format!("{}{FILE_END}", tenant.name())), &new, text)
    }
}

/// Whether a name is one of those that a pattern names.
fn meets(pattern: &str, name: &str) -> bool {
    pattern.is_empty() || pattern == "_all" || pattern.split(',').any(|one| is_like(one.trim(), name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitrine_observe_store::Tenant;

    use super::{DefinitionError, DefinitionKind, Definitions, MAX_DEFINITION_BYTES};

    #[test]
    fn definitions_are_kept_by_tenant_and_kind() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (Tenant::default(), Tenant::new("other").expect("a name"));
        let definitions = Definitions::open(folder.path().join("elastic")).expect("opened");
        let value = json!({ "index_patterns": ["logs-*"] });
        let put = |kind, name, value| definitions.put(&one, kind, name, |_| Ok::<_, DefinitionError>(value));
        put(DefinitionKind::IndexTemplate, "logs", value.clone()).expect("kept");
        put(DefinitionKind::Pipeline, "logs", json!({})).expect("kept");
        assert!(put(DefinitionKind::Index, "i", json!("x".repeat(MAX_DEFINITION_BYTES))).is_err());

        let again = Definitions::open(folder.path().join("elastic")).expect("opened");
        let found = |tenant, pattern| again.get(tenant, DefinitionKind::IndexTemplate, pattern);
        assert_eq!(found(&one, "lo*"), vec![("logs".to_owned(), value)]);
        assert!(found(&other, "").is_empty() && found(&one, "metrics,x").is_empty());
        assert!(again.get(&one, DefinitionKind::Index, "").is_empty());
        assert_eq!(again.remove(&one, DefinitionKind::IndexTemplate, "*").expect("forgotten"), 1);
        assert_eq!(again.remove(&one, DefinitionKind::IndexTemplate, "*").expect("forgotten"), 0);
        let again = Definitions::open(folder.path().join("elastic")).expect("opened");
        assert!(again.get(&one, DefinitionKind::IndexTemplate, "").is_empty());
        assert_eq!(again.get(&one, DefinitionKind::Pipeline, "").len(), 1);
    }
}
