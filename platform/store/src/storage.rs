//! Where databases are: settings of each engine.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::SecretUrl;
use vitrine_platform_tls::Files;

use crate::commit_log::Folder;

/// How long bringing a database up to date may take: filling an index reads all documents.
const MIGRATION_TIMEOUT_MS: u64 = 600_000;

/// The longest time that may be set, twenty-four days: what PostgreSQL keeps in 32 bits.
pub(crate) const LONGEST: Duration = Duration::from_millis((1 << 31) - 1);

/// A time that was set, within what can be waited for.
pub(crate) fn time(ms: u64) -> Duration {
    Duration::from_millis(ms).clamp(Duration::from_millis(1), LONGEST)
}

/// Where the databases of services are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// A SQLite file for each service in this folder.
    Folder(Folder),
    /// A schema for each service on a PostgreSQL server.
    Postgres(PostgresConfig),
    /// A database for each service on a MongoDB replica set.
    #[cfg(feature = "mongodb")]
    MongoDb(MongoDbConfig),
}

/// A PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresConfig {
    /// Where it is: `postgres://user:password@host:5432/database?sslmode=require`. `sslmode` is `disable`, `prefer` or `require`; when it
    /// is left out, `require` if `tls.ca` is set, and `disable` otherwise.
    pub url: SecretUrl,
    /// Most connections of one service in one process, beside one that listens for events.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// What the names of the schemas begin with: service `orders` has `<prefix>_orders`.
    pub schema_prefix: String,
    /// How long connecting may take, in milliseconds.
    #[schemars(range(min = 1))]
    pub connect_timeout_ms: u64,
    /// How long one statement may take, in milliseconds; a call, whatever it consists of, may take a second longer.
    #[schemars(range(min = 1))]
    pub statement_timeout_ms: u64,
    /// How long making tables and indexes may take at the start, in milliseconds, and waiting for others who do so.
    #[schemars(range(min = 1))]
    pub migration_timeout_ms: u64,
    /// Whose certificate the server must show, and what is shown to it.
    pub tls: Files,
}

impl Default for PostgresConfig {
    /// Where `make engines` starts it.
    fn default() -> Self {
        Self {
            url: "postgres://postgres@127.0.0.1:15432/postgres".into(),
            // Twelve services with five connections each fit into the hundred that a server takes by default.
            max_connections: 4,
            schema_prefix: "vitrine".to_owned(),
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 5_000,
            migration_timeout_ms: MIGRATION_TIMEOUT_MS,
            tls: Files::default(),
        }
    }
}

/// A MongoDB replica set.
#[cfg(feature = "mongodb")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MongoDbConfig {
    /// Where it is: `mongodb://user:password@host:27017/?replicaSet=rs0`. TLS is asked for here, too: `tls=true&tlsCAFile=...`.
    pub url: SecretUrl,
    /// Most connections of one service in one process.
    pub max_connections: u32,
    /// What the names of the databases begin with: service `orders` has `<prefix>_orders`.
    pub database_prefix: String,
    /// How long a call may take, in milliseconds: finding a server, all tries of a transaction and its commit together.
    pub timeout_ms: u64,
    /// How long making collections and indexes may take at the start, in milliseconds.
    pub migration_timeout_ms: u64,
}

#[cfg(feature = "mongodb")]
impl Default for MongoDbConfig {
    fn default() -> Self {
        Self {
            url: "mongodb://127.0.0.1:27017/?replicaSet=rs0".into(),
            max_connections: 8,
            database_prefix: "vitrine".to_owned(),
            timeout_ms: 5_000,
            migration_timeout_ms: MIGRATION_TIMEOUT_MS,
        }
    }
}
