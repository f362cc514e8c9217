//! Where databases are: settings of each engine.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vitrine_platform_tls::Files;

/// Where the databases of services are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// A SQLite file for each service in this folder.
    Folder(PathBuf),
    /// A schema for each service on a PostgreSQL server.
    Postgres(PostgresConfig),
    /// A database for each service on a MongoDB replica set.
    #[cfg(feature = "mongodb")]
    MongoDb(MongoDbConfig),
}

/// A PostgreSQL server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresConfig {
    /// Where it is: `postgres://user:password@host:5432/database?sslmode=require`. `sslmode` is `disable`, `prefer` or `require`; when it
    /// is left out, `require` if `tls.ca` is set, and `disable` otherwise.
    pub url: String,
    /// Most connections of one service in one process, beside one that listens for events.
    pub max_connections: u32,
    /// What the names of the schemas begin with: service `orders` has `<prefix>_orders`.
    pub schema_prefix: String,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one statement may take, in milliseconds.
    pub statement_timeout_ms: u64,
    /// Whose certificate the server must show, and what is shown to it.
    pub tls: Files,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            // Twelve services with five connections each fit into the hundred that a server takes when nobody says otherwise.
            max_connections: 4,
            schema_prefix: "vitrine".to_owned(),
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 5_000,
            tls: Files::default(),
        }
    }
}

impl fmt::Debug for PostgresConfig {
    /// Without the URL, for it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig").field("schema_prefix", &self.schema_prefix).finish_non_exhaustive()
    }
}

/// A MongoDB replica set.
#[cfg(feature = "mongodb")]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MongoDbConfig {
    /// Where it is: `mongodb://user:password@host:27017/?replicaSet=rs0`. TLS is asked for here, too: `tls=true&tlsCAFile=...`.
    pub url: String,
    /// Most connections of one service in one process.
    pub max_connections: u32,
    /// What the names of the databases begin with: service `orders` has `<prefix>_orders`.
    pub database_prefix: String,
    /// How long one operation may take, finding a server included, in milliseconds.
    pub timeout_ms: u64,
}

#[cfg(feature = "mongodb")]
impl Default for MongoDbConfig {
    fn default() -> Self {
        Self { url: String::new(), max_connections: 8, database_prefix: "vitrine".to_owned(), timeout_ms: 5_000 }
    }
}

#[cfg(feature = "mongodb")]
impl fmt::Debug for MongoDbConfig {
    /// Without the URL, for it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoDbConfig").field("database_prefix", &self.database_prefix).finish_non_exhaustive()
    }
}
