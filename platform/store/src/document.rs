//! What can be stored: documents, their keys, and the schema of a database.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::CollectionSchema;
use crate::error::Error;

/// Something that is stored whole, as JSON.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The collection's name: lower-case letters and underscores.
    const COLLECTION: &'static str;
    /// By what it can be found beside its id. An index that is added, or becomes another kind, is
    /// filled when the database is opened next; one that is no longer here is dropped.
    const INDEXES: &'static [Index];
    /// What names it.
    fn id(&self) -> Cow<'_, str>;
    /// Its keys. One that is not put is absent from that index.
    fn keys(&self, out: &mut Keys);
}

/// A declared index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Lower-case letters and underscores.
    pub name: &'static str,
    /// What it can do.
    pub kind: IndexKind,
}

/// What an index can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// Find by equality; no two documents share a key.
    Unique,
    /// Find by equality and range, in order.
    Ordered,
    /// Find by words.
    Text,
}

impl IndexKind {
    /// As it is recorded in a database: it never changes.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unique => "unique",
            Self::Ordered => "ordered",
            Self::Text => "text",
        }
    }
}

impl Index {
    /// No two documents share a key.
    pub const fn unique(name: &'static str) -> Self {
        Self { name, kind: IndexKind::Unique }
    }
    /// By equality and range.
    pub const fn ordered(name: &'static str) -> Self {
        Self { name, kind: IndexKind::Ordered }
    }
    /// By words.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: IndexKind::Text }
    }
}

/// A key: text or a whole number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A whole number.
    Int(i64),
    /// Text.
    Str(String),
}

impl From<&str> for Key {
    fn from(v: &str) -> Self {
        Self::Str(v.to_owned())
    }
}
impl From<&String> for Key {
    fn from(v: &String) -> Self {
        Self::Str(v.clone())
    }
}
impl From<String> for Key {
    fn from(v: String) -> Self {
        Self::Str(v)
    }
}
impl From<i64> for Key {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}
impl From<u32> for Key {
    fn from(v: u32) -> Self {
        Self::Int(i64::from(v))
    }
}
impl From<i32> for Key {
    fn from(v: i32) -> Self {
        Self::Int(i64::from(v))
    }
}
impl From<bool> for Key {
    fn from(v: bool) -> Self {
        Self::Int(i64::from(v))
    }
}

/// The keys of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub(crate) Vec<(&'static str, Key)>);

impl Keys {
    /// Puts a key into an index.
    pub fn put(&mut self, index: &'static str, key: impl Into<Key>) {
        self.0.push((index, key.into()));
    }

    /// The key that was put into an index.
    pub(crate) fn of(&self, index: &str) -> Option<&Key> {
        self.0.iter().find(|(name, _)| *name == index).map(|(_, key)| key)
    }
}

/// The collections of a database.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(crate) collections: Vec<CollectionSchema>,
}

impl Schema {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a collection of these documents.
    pub fn with<T: Document>(mut self) -> Self {
        self.collections.push(CollectionSchema {
            name: T::COLLECTION,
            indexes: T::INDEXES,
            keys_of: |body| {
                let doc: T = serde_json::from_slice(body)?;
                let mut keys = Keys::default();
                doc.keys(&mut keys);
                Ok(keys)
            },
        });
        self
    }

    /// The collection of this name.
    pub(crate) fn collection(&self, name: &str) -> Result<&CollectionSchema, Error> {
        Ok(&self.collections[self.place(name)?])
    }

    /// Where it stands among them.
    pub(crate) fn place(&self, name: &str) -> Result<usize, Error> {
        let found = self.collections.iter().position(|c| c.name == name);
        found.ok_or_else(|| Error::NoIndex {
            collection: name.to_owned(),
            index: "id (it is not in the schema)".to_owned(),
        })
    }
}
