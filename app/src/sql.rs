//! `vitrine sql`: statements to an observatory; at a prompt, from the command line, or from a pipe.

mod client;
mod completion;
mod output;
mod prompt;
mod text;

use std::io::{IsTerminal, Read as _};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::Usage;
use crate::cli::{AskArgs, SqlArgs};
use client::Client;
use output::Printer;
pub use output::Style;
pub(crate) use prompt::width;

/// Most that is read from a pipe, in bytes.
const MAX_INPUT_BYTES: u64 = 16 * 1024 * 1024;

/// The command.
pub async fn run(args: SqlArgs) -> Result<()> {
    let client = Client::new(&args.observatory)?;
    if let Some(statements) = &args.statement {
        return all(&client, statements, args.format).await;
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return prompt::run(&client, args.format).await;
    }
    let mut input = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut input);
    let bytes = read.context("the standard input cannot be read as text")?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_INPUT_BYTES) {
        bail!("more than {MAX_INPUT_BYTES} bytes on the standard input");
    }
    all(&client, &input, args.format).await
}

/// Runs a statement and returns its rows.
pub(crate) async fn rows(observatory: &AskArgs, statement: &str) -> Result<Vec<Vec<Value>>> {
    Client::new(observatory)?.rows(statement).await
}

/// Runs statements one after the other, up to the first that fails.
async fn all(client: &Client, statements: &str, style: Style) -> Result<()> {
    let (mut statements, rest) = text::split(statements);
    if !text::is_blank(rest) {
        statements.push(rest);
    }
    if statements.is_empty() {
        return Err(Usage("expected a statement, such as vitrine sql \"SELECT count(*) FROM spans\"".to_owned()).into());
    }
    let mut printer = Printer::new(style, prompt::width());
    for statement in statements {
        match client.run(statement, &mut printer).await {
            // The reader has seen enough, as `head` has.
            Err(error) if is_broken_pipe(&error) => return Ok(()),
            outcome => outcome?,
        };
    }
    Ok(())
}

/// Whether whoever reads the output has gone.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
