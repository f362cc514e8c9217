//! Where a case has its database: in a folder, or on a server under a name of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use vitrine_platform_store::{Error, Folder, PostgresConfig, Schema, Storage, Store};
use vitrine_tests_engines::Server;

/// A place in which no one else writes.
pub struct TestDatabase {
    storage: Storage,
    /// Goes with the place.
    _folder: Option<tempfile::TempDir>,
}

/// A name that no other case has.
pub fn own_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("case{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl TestDatabase {
    pub fn folder() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { storage: Storage::Folder(folder.path().into()), _folder: Some(folder) }
    }

    /// In a folder whose databases share a log.
    pub fn logged() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shared = Folder::shared(folder.path(), &["test", "other"]).expect("opened");
        Self { storage: Storage::Folder(shared), _folder: Some(folder) }
    }

    pub fn postgres(server: &Server) -> Self {
        Self::on(PostgresConfig { url: server.url().into(), ..PostgresConfig::default() })
    }

    /// On a PostgreSQL server, under a prefix of its own.
    pub fn on(config: PostgresConfig) -> Self {
        Self { storage: Storage::Postgres(PostgresConfig { schema_prefix: own_name(), ..config }), _folder: None }
    }

    /// On MongoDB, under a prefix of its own.
    #[cfg(feature = "mongodb")]
    pub fn on_mongodb(config: vitrine_platform_store::MongoDbConfig) -> Self {
        let config = vitrine_platform_store::MongoDbConfig { database_prefix: own_name(), ..config };
        Self { storage: Storage::MongoDb(config), _folder: None }
    }

    /// On the replica set that someone names, if so.
    #[cfg(feature = "mongodb")]
    pub fn mongodb() -> Option<Self> {
        let url = std::env::var("VITRINE_TEST_MONGODB_URL").ok()?;
        Some(Self::on_mongodb(vitrine_platform_store::MongoDbConfig { url: url.into(), ..Default::default() }))
    }

    /// The database, ready.
    pub async fn open(&self, schema: Schema) -> Store {
        self.try_open(schema).await.expect("opened")
    }

    pub async fn try_open(&self, schema: Schema) -> Result<Store, Error> {
        let store = Store::open(&self.storage, "test", schema)?;
        store.ready().await?;
        Ok(store)
    }

    /// The name of its schema on the server.
    pub fn schema(&self) -> String {
        match &self.storage {
            Storage::Postgres(config) => format!("{}_test", config.schema_prefix),
            _ => "test".to_owned(),
        }
    }
}

/// Runs each case on every engine: one test each on SQLite, where a database costs nothing, and one test for all of them on a server.
macro_rules! on_every_engine {
    ($($module:ident: $($case:ident),+;)+) => {
        mod on_sqlite {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(&crate::database::TestDatabase::folder()).await;
                })+
            })+
        }

        /// All cases, each in a place of its own.
        async fn all_cases(place: impl Fn() -> crate::database::TestDatabase) {
            $($(
                println!("{}::{}", stringify!($module), stringify!($case));
                crate::$module::$case(&place()).await;
            )+)+
        }
    };
}
pub(crate) use on_every_engine;
