//! What users of SQL can rely on.

mod bounds;
mod engine;
mod exact;
mod functions;
mod pushdown;
mod refusals;
mod results;
mod series;

use std::process::Command;
use std::sync::Arc;

use futures::StreamExt;
use vitrine_observe_sql::{Format, Sql, SqlError, SqlOptions};
use vitrine_observe_store::Tenant;

use engine::{Seen, TestEngine, three};

/// Statements over three spans, and what the engine sees of them.
fn sql() -> (Sql, Arc<Seen>) {
    over(TestEngine::new(&three()), SqlOptions::default())
}

fn over(engine: TestEngine, options: SqlOptions) -> (Sql, Arc<Seen>) {
    let seen = engine.seen.clone();
    (Sql::new(Arc::new(engine), options, worker).expect("threads"), seen)
}

/// This program again, as the worker that one of its tests is.
fn worker() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test's binary"));
    command.args(["a_worker_is_nothing_for_people", "--exact", "--nocapture"]);
    command
}

/// Where the standard input is a socket, the process is a worker from here on.
#[test]
fn a_worker_is_nothing_for_people() {
    let Err(error) = vitrine_observe_sql::work();
    assert!(error.to_string().contains("no socket"), "{error}");
}

async fn ask(sql: &Sql, statement: &str, format: Format) -> Result<Vec<u8>, SqlError> {
    let mut answer = sql.query(&Tenant::default(), statement, format).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// The rows of an answer, as lines of JSON.
async fn lines(sql: &Sql, statement: &str) -> Result<Vec<String>, SqlError> {
    let text = ask(sql, statement, Format::Json).await?;
    Ok(String::from_utf8(text).expect("UTF-8").lines().map(str::to_owned).collect())
}

/// Rows as JSON lines, of a statement that must succeed.
async fn rows(sql: &Sql, statement: &str) -> Vec<String> {
    lines(sql, statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"))
}

/// The message of a statement that must be wrong.
async fn wrong(sql: &Sql, statement: &str) -> String {
    match lines(sql, statement).await {
        Err(SqlError::Statement(text)) => text,
        other => panic!("{statement}: {other:?}"),
    }
}
