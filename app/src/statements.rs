//! `vitrine-observe-sql` as what `/api/sql` asks: neither crate knows the other.

use std::process::Command;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use vitrine_observe_api::{SqlFormat, SqlStream, StatementError, Statements};
use vitrine_observe_sql::{Format, Sql, SqlError};
use vitrine_observe_store::Tenant;

/// How the allocator takes memory in a worker: less at a time, and only what is used counts as taken, because the process
/// has a bound on it.
const ALLOCATOR: [(&str, &str); 3] =
    [("MIMALLOC_ARENA_RESERVE", "64MiB"), ("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("MIMALLOC_EAGER_COMMIT", "0")];

/// This program as a process that runs statements. It gets nothing of the environment, where secrets are.
pub fn worker() -> Command {
    // The program that runs, also after another one has been put in its place.
    let mut command = Command::new(if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().unwrap_or_else(|_| "vitrine".into())
    });
    command.arg("sql-worker").env_clear().envs(ALLOCATOR);
    command
}

/// Statements over the observatory's engine.
pub struct EngineStatements(Arc<Sql>);

impl EngineStatements {
    /// Statements answered by this.
    pub fn new(sql: Arc<Sql>) -> Self {
        Self(sql)
    }
}

impl Statements for EngineStatements {
    fn query(
        &self,
        tenant: Tenant,
        statement: String,
        format: SqlFormat,
    ) -> BoxFuture<'_, Result<SqlStream, StatementError>> {
        let format = match format {
            SqlFormat::Json => Format::Json,
            SqlFormat::Rows => Format::Rows,
            SqlFormat::Csv => Format::Csv,
            SqlFormat::Arrow => Format::Arrow,
            SqlFormat::Table => Format::Table,
        };
        async move {
            let answer = self.0.query(&tenant, &statement, format).await.map_err(refusal)?;
            Ok(answer.map_err(refusal).boxed())
        }
        .boxed()
    }
}

fn refusal(error: SqlError) -> StatementError {
    let text = error.to_string();
    match error {
        SqlError::Statement(_) => StatementError::Statement(text),
        SqlError::Refused { .. } => StatementError::Forbidden(text),
        SqlError::Time { .. } => StatementError::Time(text),
        SqlError::Memory { .. } => StatementError::Memory(text),
        SqlError::Busy { .. } => StatementError::Busy(text),
        SqlError::Failed(_) => StatementError::Failed(text),
        SqlError::Closed => StatementError::Closed,
    }
}
