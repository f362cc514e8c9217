//! `vitrine-observe-sql` as what `/api/sql` asks: neither crate knows the other.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use vitrine_observe_api::{SqlAnswer, SqlFormat, SqlRefusal, Statements};
use vitrine_observe_sql::{Format, Sql, SqlError};
use vitrine_observe_store::Tenant;

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
    ) -> BoxFuture<'_, Result<SqlAnswer, SqlRefusal>> {
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

fn refusal(error: SqlError) -> SqlRefusal {
    let text = error.to_string();
    match error {
        SqlError::Statement(_) => SqlRefusal::Statement(text),
        SqlError::Refused { .. } => SqlRefusal::Forbidden(text),
        SqlError::Time { .. } => SqlRefusal::Time(text),
        SqlError::Memory { .. } => SqlRefusal::Memory(text),
        SqlError::Busy { .. } => SqlRefusal::Busy(text),
        SqlError::Failed(_) => SqlRefusal::Failed(text),
        SqlError::Closed => SqlRefusal::Closed,
    }
}
