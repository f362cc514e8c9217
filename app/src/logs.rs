//! `vitrine logs`: log records of an observatory, the newest last; and those that come, as they come.

mod print;

use std::collections::HashSet;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use vitrine_kit::{duration, percent};
use vitrine_platform_fetch::Request;

use crate::Usage;
use crate::cli::{Color, LogsArgs};
use crate::lines::{Lines, RemoteObservatory, value};
use crate::sql::is_broken_pipe;
use print::Printer;

/// Records that are printed.
const USUAL_LIMIT: usize = 100;
/// Records that are printed before those that come.
const FOLLOWED_LIMIT: usize = 10;
/// Most records that are printed: they are kept until the newest of them has come, which is the first. `/api/logs/export` has any number.
const MAX_LIMIT: usize = 100_000;
/// How long nothing may come while records are followed: there need not be any.
const QUIET: Duration = Duration::from_secs(365 * 86_400);

/// The command.
pub async fn run(args: LogsArgs) -> Result<()> {
    match show(&args).await {
        // The reader has seen enough, as `head` has.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        outcome => outcome,
    }
}

async fn show(args: &LogsArgs) -> Result<()> {
    let limit = args.limit.unwrap_or(if args.follow { FOLLOWED_LIMIT } else { USUAL_LIMIT });
    if limit > MAX_LIMIT {
        let more = "/api/logs/export has any number";
        return Err(Usage(format!("--limit {limit}: expected {MAX_LIMIT} or fewer; {more}")).into());
    }
    let observatory = RemoteObservatory::new(&args.observatory)?;
    let mut out = Output::new(args, observatory.url());
    let query = args.query.as_deref().unwrap_or_default();
    // It is followed before what is there is asked for, so that nothing is left out in between.
    let tail = if args.follow {
        let path = format!("/api/logs/tail?query={}", percent::encode(query));
        Some(observatory.ask(&path, Request::get).await?.with_silence(QUIET))
    } else {
        None
    };
    let found = newest(&observatory, args, query, limit, out.printer.has_colours).await?;
    if found.is_empty() && !args.follow {
        eprintln!("no records since {}: --since looks further back", args.since);
    }
    for line in found.iter().rev() {
        out.line(line)?;
    }
    out.flush()?;
    match tail {
        Some(tail) => follow(tail, &found, &mut out).await,
        None => Ok(()),
    }
}

/// The newest records, the newest first.
async fn newest(
    observatory: &RemoteObservatory,
    args: &LogsArgs,
    query: &str,
    limit: usize,
    is_marked: bool,
) -> Result<Vec<Vec<u8>>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let start = if duration::parse(&args.since).is_some() { "since" } else { "start" };
    let limit_text = limit.to_string();
    let mut pairs = vec![("query", query), (start, args.since.as_str()), ("limit", limit_text.as_str())];
    pairs.extend(args.until.as_deref().map(|until| ("end", until)));
    pairs.extend(is_marked.then_some(("highlight", "true")));
    let mut lines = observatory.ask(&format!("/api/logs/export?{}", percent::form(pairs)), Request::get).await?;
    let mut found = Vec::new();
    while let Some(line) = lines.next().await? {
        // The last one of an answer that breaks off says why.
        if line.starts_with(b"{\"error\"") {
            value(&line)?;
        }
        found.push(line);
    }
    Ok(found)
}

/// Prints what comes, but for what has been printed.
async fn follow(mut tail: Lines, printed: &[Vec<u8>], out: &mut Output) -> Result<()> {
    let cursor = |line: &[u8]| value(line).map(|record| record["cursor"].as_str().map(str::to_owned));
    let mut known = HashSet::new();
    for line in printed {
        known.extend(cursor(line)?);
    }
    while let Some(line) = tail.next().await? {
        let record = value(&line)?;
        if let Some(dropped) = record["dropped"].as_u64() {
            out.flush()?;
            eprintln!(
                "{dropped} records were left out: they came faster than they were taken; a narrower query has all"
            );
            continue;
        }
        let is_known = record["cursor"].as_str().is_some_and(|cursor| known.remove(cursor));
        if !is_known {
            out.line(&line)?;
        }
        if !tail.has_more() {
            out.flush()?;
        }
    }
    Err(anyhow!("the observatory has ended it: it is stopping"))
}

/// Where records are printed.
struct Output {
    out: BufWriter<StdoutLock<'static>>,
    is_json: bool,
    printer: Printer,
}

impl Output {
    fn new(args: &LogsArgs, url: &str) -> Self {
        let stdout = std::io::stdout();
        let has_colours = match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let printer = Printer { has_colours: has_colours && !args.json, url: url.to_owned() };
        Self { out: BufWriter::new(stdout.lock()), is_json: args.json, printer }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        if self.is_json {
            self.out.write_all(line)?;
            self.out.write_all(b"\n")?;
            return Ok(());
        }
        let record: Value = value(line)?;
        if !record.is_object() {
            bail!("the answer is not one of an observatory");
        }
        Ok(self.out.write_all(self.printer.text(&record).as_bytes())?)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
