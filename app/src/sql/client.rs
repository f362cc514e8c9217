//! Statements to `/api/sql`, and their rows as they come.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http::Uri;
use serde_json::Value;
use vitrine_platform_fetch::{Client as Fetch, Error, Request, Settings};

use super::output::Printer;
use crate::Usage;
use crate::cli::AskArgs;
use crate::promql::{authorized, tls_files};

/// How long an observatory may say nothing: much longer than it lets statements run, which it bounds itself.
const SILENCE: Duration = Duration::from_secs(3_600);
/// Longest row that is read, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Most rows that are collected.
const MAX_ROWS: usize = 2_000_000;
/// Longest message about an error that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// An observatory, and who asks it.
pub(super) struct Client {
    fetch: Fetch,
    uri: Uri,
    /// What is sent with each statement as its body.
    request: Request,
    /// What to add when it cannot be reached.
    hint: String,
}

impl Client {
    /// The observatory at "http://HOST:PORT" or "https://HOST:PORT".
    pub(super) fn new(url: &str, args: &AskArgs) -> Result<Self> {
        let expected = || Usage(format!("--url {url}: expected http://HOST:PORT or https://HOST:PORT"));
        let uri: Uri = format!("{}/api/sql?format=rows", url.trim_end_matches('/')).parse().map_err(|_| expected())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(expected().into());
        }
        let request = authorized(Request::post(uri.to_string(), "application/sql", ""), args)?;
        // A statement that nobody waits for any more ends with its connection.
        let settings = Settings { tls: tls_files(args), refuses_http2: true, ..Settings::default() };
        Ok(Self { fetch: Fetch::new(&settings)?, uri, request, hint: args.hint() })
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
        let request = Request { body: statement.to_owned().into(), ..self.request.clone() };
        let authority = self.uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut answer = self.fetch.open(request, SILENCE).await.map_err(|error| {
            let reason = reason(error);
            let is_unknown = reason.contains("certificate");
            let hint = if is_unknown { " (--ca FILE names the authorities to trust)" } else { &self.hint };
            anyhow!("{authority} cannot be reached: {reason}{hint}")
        })?;
        if !answer.status.is_success() {
            let mut text = Vec::new();
            while let Ok(Some(part)) = answer.next(SILENCE).await
                && text.len() < MAX_ERROR_BYTES
            {
                text.extend_from_slice(&part);
            }
            match serde_json::from_slice::<Value>(&text).ok().as_ref().and_then(|error| error["error"].as_str()) {
                Some(error) => bail!("{error}"),
                None => bail!("{authority} answered {}", answer.status),
            }
        }
        let mut waiting: Vec<u8> = Vec::new();
        loop {
            let part =
                answer.next(SILENCE).await.map_err(|error| anyhow!("the answer broke off: {}", reason(error)))?;
            let Some(part) = part else { return Ok(()) };
            let mut rest: &[u8] = &part;
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                waiting.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                take(line(&waiting)?)?;
                waiting.clear();
            }
            if waiting.len() + rest.len() > MAX_LINE_BYTES {
                bail!("a row is longer than {MAX_LINE_BYTES} bytes");
            }
            waiting.extend_from_slice(rest);
        }
    }
}

/// A line of the answer; the last of one that breaks off says why.
fn line(bytes: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(bytes).context("the answer is not one of an observatory")?;
    match value.get("error").and_then(Value::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(value),
    }
}

/// The cause alone, where there is one.
fn reason(error: Error) -> String {
    match error {
        Error::Unreachable(cause) => cause,
        error => error.to_string(),
    }
}
