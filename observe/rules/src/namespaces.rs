//! Rules that are given while a process runs, and its configuration, read again: what APIs ask of whoever evaluates rules.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use vitrine_platform_config::yaml::Mistake;

use crate::file::GroupSpec;

/// Largest text of a group, in bytes.
pub const MAX_GROUP_BYTES: usize = 1024 * 1024;
/// Most namespaces.
pub const MAX_NAMESPACES: usize = 1_000;
/// Most groups of a namespace.
pub const MAX_NAMESPACE_GROUPS: usize = 1_000;
/// Most bytes of a namespace's name.
pub const MAX_NAMESPACE_NAME: usize = 256;

/// A group that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenGroup {
    /// What was given: YAML.
    pub text: Arc<str>,
    /// What it says.
    pub spec: Arc<GroupSpec>,
}

/// Groups by their names, by their namespaces.
pub type Namespaces = BTreeMap<String, BTreeMap<String, GivenGroup>>;

/// Why rules stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// What was given has mistakes: all of them, with where they stand.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Mistakes(Vec<Mistake>),
    /// It does not go together with what is there, or is too much.
    #[error("{0}")]
    Refused(String),
    /// It could not be written down.
    #[error("the rules could not be written down: {0}")]
    NotKept(String),
}

/// A change that ends when it is written down, and evaluated.
pub type Changing<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChangeError>> + Send + 'a>>;

/// Groups of rules that are given at run time, in namespaces. They survive restarts. What Mimir's ruler API is made of; in what is told of groups, the
/// namespace stands where a file's name does.
pub trait RuleNamespaces: Send + Sync {
    /// All of them.
    fn namespaces(&self) -> Namespaces;
    /// Puts a group, as YAML, into a namespace, in the place of one of that name.
    fn put_group(&self, namespace: String, text: String) -> Changing<'_, ()>;
    /// Removes a group; whether there was one.
    fn delete_group(&self, namespace: String, group: String) -> Changing<'_, bool>;
    /// Removes a namespace; whether there was one.
    fn delete_namespace(&self, namespace: String) -> Changing<'_, bool>;
}

/// When the configuration was last read, and how that went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigurationStatus {
    /// Whether it could be used when it was last read.
    pub is_good: bool,
    /// When the one that is used was read, in milliseconds since 1970.
    pub read_at_ms: i64,
}

/// Reads of the configuration end with nothing, or with everything that is wrong, each with file, line and column.
pub type Reloading<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// All files that a process is configured by, and that it can read again while it runs: rules, what is scraped, who is told.
pub trait Configuration: Send + Sync {
    /// Reads all of it again. If anything is wrong, all stays as it is.
    fn reload(&self) -> Reloading<'_>;
    /// How that went last.
    fn status(&self) -> ConfigurationStatus;
}
