//! Statements to `/api/sql`, and their rows as they come.

use anyhow::{Result, bail};
use serde_json::Value;
use vitrine_platform_fetch::Request;

use super::output::Printer;
use crate::cli::AskArgs;
use crate::lines::{RemoteObservatory, value};

/// Most rows that are collected.
const MAX_ROWS: usize = 2_000_000;

/// An observatory, and who asks it.
pub(super) struct Client(RemoteObservatory);

impl Client {
    /// The observatory that a command asks.
    pub(super) fn new(args: &AskArgs) -> Result<Self> {
        Ok(Self(RemoteObservatory::new(args)?))
    }

    /// Runs a statement and prints its rows; returns how many there were. Dropping this stops the statement.
    pub(super) async fn run(&self, statement: &str, printer: &mut Printer) -> Result<usize> {
        let mut first = true;
        let mut rows = 0;
        self.each(statement, |line| {
            if std::mem::take(&mut first) {
                printer.start(&line)?;
            } else {
                rows += 1;
                printer.row(line)?;
            }
            Ok(())
        })
        .await?;
        printer.finish()?;
        Ok(rows)
    }

    /// Runs a statement and collects the text of its first columns.
    pub(super) async fn texts(&self, statement: &str) -> Result<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        self.each(statement, |line| {
            let cells = line.as_array().map(Vec::as_slice).unwrap_or_default();
            rows.push(cells.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            Ok(())
        })
        .await?;
        // The first line describes the columns.
        Ok(rows.split_off(1.min(rows.len())))
    }

    /// Runs a statement and collects its rows; more than [`MAX_ROWS`] are refused.
    pub(super) async fn rows(&self, statement: &str) -> Result<Vec<Vec<Value>>> {
        let mut rows: Vec<Vec<Value>> = Vec::new();
        self.each(statement, |line| {
            if rows.len() > MAX_ROWS {
                bail!("the statement has more than {MAX_ROWS} rows: expected fewer, of a shorter time");
            }
            if let Value::Array(cells) = line {
                rows.push(cells);
            }
            Ok(())
        })
        .await?;
        // The first line describes the columns.
        Ok(rows.split_off(1.min(rows.len())))
    }

    async fn each(&self, statement: &str, mut take: impl FnMut(Value) -> Result<()>) -> Result<()> {
        let post = |url: String| Request::post(url, "application/sql", statement.to_owned());
        let mut lines = self.0.ask("/api/sql?format=rows", post).await?;
        while let Some(line) = lines.next().await? {
            take(value(&line)?)?;
        }
        Ok(())
    }
}
