//! What only a server can do to a store: be shared, refuse, restart, hang and die.

mod log;
mod outages;
mod refusals;
mod sharing;

use std::future::Future;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};
use vitrine_platform_store::PostgresConfig;
use vitrine_tests_engines::Server;

/// How long something may take to come about.
const BOUND: Duration = Duration::from_secs(30);

fn server(settings: &[(&str, &str)]) -> Server {
    vitrine_tests_engines::postgres(settings).expect("PostgreSQL")
}

fn config(server: &Server) -> PostgresConfig {
    PostgresConfig { url: server.url().into(), ..PostgresConfig::default() }
}

/// A connection beside the store's.
async fn raw(server: &Server) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}

/// Waits until something is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < BOUND, "{what}: not within {BOUND:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
