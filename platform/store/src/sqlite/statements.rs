//! The SQL of a collection, put together once: SQLite keeps what it made of a statement by its text.

use crate::document::{Index, IndexKind};
use crate::engine::CollectionSchema;

/// What is said of one collection. Documents are named by their ids, in `?1`; of a statement that writes one, `?2` is the body and, in
/// the order of [`Statements::columns`], the keys follow.
pub(crate) struct Statements {
    /// Its id, version and body.
    pub(crate) get: String,
    /// Its row and version.
    pub(crate) present: String,
    /// A new one; fails when there is one.
    pub(crate) insert: String,
    /// Another body, where it is of the version that is bound last.
    pub(crate) update_version: String,
    /// A new one, or another body.
    pub(crate) put: String,
    pub(crate) delete: String,
    /// Where it is of version `?2`.
    pub(crate) delete_version: String,
}

impl Statements {
    pub(crate) fn of(schema: &CollectionSchema) -> Self {
        let name = schema.name;
        let names: String = Self::columns(schema).map(|i| format!(", k_{}", i.name)).collect();
        let marks: String = Self::columns(schema).zip(3..).map(|(_, n)| format!(", ?{n}")).collect();
        let sets: String = Self::columns(schema).zip(3..).map(|(i, n)| format!(", k_{} = ?{n}", i.name)).collect();
        let last = Self::columns(schema).count() + 3;
        let insert = format!("INSERT INTO c_{name} (id, body, version{names}) VALUES (?1, ?2, 1{marks})");
        let update = format!("UPDATE c_{name} SET body = ?2, version = version + 1{sets} WHERE id = ?1");
        Self {
            get: format!("SELECT id, version, body FROM c_{name} WHERE id = ?1"),
            present: format!("SELECT row, version FROM c_{name} WHERE id = ?1"),
            put: format!("{insert} ON CONFLICT (id) DO UPDATE SET body = ?2, version = version + 1{sets}"),
            update_version: format!("{update} AND version = ?{last}"),
            insert,
            delete: format!("DELETE FROM c_{name} WHERE id = ?1"),
            delete_version: format!("DELETE FROM c_{name} WHERE id = ?1 AND version = ?2"),
        }
    }

    /// The indexes that have a column of their own.
    pub(crate) fn columns(schema: &CollectionSchema) -> impl Iterator<Item = &'static Index> {
        schema.indexes.iter().filter(|index| index.kind != IndexKind::Text)
    }
}
