//! The prompt.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, DefaultEditor, Editor};

use super::client::Client;
use super::completion::{COMMANDS, Completion};
use super::output::{Printer, Style};
use super::text;
use crate::say::say;

/// Statements that are remembered.
const MAX_HISTORY: usize = 2000;

const TABLES: &str = "SELECT table_name AS \"table\", table_type AS type FROM information_schema.tables \
    WHERE table_schema = 'public' ORDER BY 1";
const COLUMNS: &str = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'";
const FUNCTIONS: &str = "SELECT DISTINCT routine_name AS \"function\" FROM information_schema.routines ORDER BY 1";

/// Places in a line of the terminal; none if the standard output is none.
pub(crate) fn width() -> Option<usize> {
    let (columns, _) = std::io::stdout().is_terminal().then(DefaultEditor::new)?.ok()?.dimensions()?;
    Some(usize::from(columns))
}

/// Asks for statements until there are no more.
pub(super) async fn run(client: &Client, style: Style) -> Result<()> {
    let config = Config::builder()
        .max_history_size(MAX_HISTORY)
        .and_then(|config| config.history_ignore_dups(true))
        .context("the prompt cannot be set up")?
        .completion_type(CompletionType::List)
        .auto_add_history(false)
        .build();
    let mut editor: Editor<Completion, FileHistory> =
        Editor::with_config(config).context("the terminal cannot be used")?;
    // It is known before the first statement whether anybody answers.
    let names = client.texts(COLUMNS).await?.into_iter().flatten().collect();
    let functions = client.texts(FUNCTIONS).await?.into_iter().flatten().collect();
    editor.set_helper(Some(Completion::new(names, functions)));
    let history = history();
    if let Some(path) = &history {
        // There is none at first.
        let _ = editor.load_history(path);
    }
    say!("Statements end in ; and may take several lines. Tab completes, .help helps, Ctrl-D leaves.");
    let mut session = Session { client, style, width: None };
    loop {
        let read = tokio::task::block_in_place(|| editor.readline("vitrine> "));
        session.width = editor.dimensions().map(|(columns, _)| usize::from(columns));
        let input = match read {
            Ok(input) => input,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("the terminal cannot be read"),
        };
        if input.trim().is_empty() {
            continue;
        }
        // What cannot be remembered is run nevertheless.
        let _ = editor.add_history_entry(input.trim());
        if let Some(path) = &history {
            let _ = editor.append_history(path);
        }
        if !session.input(&input).await {
            break;
        }
    }
    Ok(())
}

struct Session<'a> {
    client: &'a Client,
    style: Style,
    width: Option<usize>,
}

impl Session<'_> {
    /// Does what was typed; returns whether to go on.
    async fn input(&mut self, input: &str) -> bool {
        let trimmed = input.trim().trim_end_matches(';').trim_end();
        if matches!(trimmed, "exit" | "quit") {
            return false;
        }
        if trimmed.starts_with(['.', '\\']) {
            return self.command(trimmed).await;
        }
        let (mut statements, rest) = text::split(input);
        if !text::is_blank(rest) {
            statements.push(rest);
        }
        for statement in statements {
            if !self.statement(statement).await {
                break;
            }
        }
        true
    }

    async fn command(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        match (words.next().unwrap_or_default(), words.next()) {
            (".quit" | ".exit" | "\\q", _) => return false,
            (".help" | "\\?" | "\\h", _) => help(),
            (".tables" | "\\d" | "\\dt", None) => drop(self.statement(TABLES).await),
            (".functions" | "\\df", None) => drop(self.statement(FUNCTIONS).await),
            (".describe" | ".schema" | "\\d", Some(table)) if is_name(table) => {
                self.statement(&format!("DESCRIBE {table}")).await;
            }
            (".format", Some(name)) => match Style::from_str(name, true) {
                Ok(style) => self.style = style,
                Err(_) => eprintln!("expected .format table, json or csv"),
            },
            _ => eprintln!("{line}: not a command; .help shows all"),
        }
        true
    }

    /// Runs a statement until its end, or until Ctrl-C; returns whether it went well.
    async fn statement(&self, statement: &str) -> bool {
        let started = Instant::now();
        let mut printer = Printer::new(self.style, self.width);
        let outcome = tokio::select! {
            outcome = self.client.run(statement, &mut printer) => outcome,
            interrupted = tokio::signal::ctrl_c() => {
                drop(printer);
                eprintln!("{}", if interrupted.is_ok() { "stopped" } else { "Ctrl-C cannot be heard" });
                return false;
            }
        };
        // It holds the standard output, and may have rows of a statement that failed later.
        drop(printer);
        match outcome {
            Ok(rows) => {
                say!("({rows} {}, {})\n", if rows == 1 { "row" } else { "rows" }, shown(started.elapsed()));
                true
            }
            Err(error) => {
                eprintln!("{}\n", crate::chain(&error));
                false
            }
        }
    }
}

fn help() {
    for (name, meaning) in COMMANDS {
        say!("  {name:<18} {meaning}");
    }
    say!("  Ctrl-C stops a statement, or forgets what was typed.");
    say!(
        "Examples:\n  \
         SELECT service, name, duration_ms(duration_ns) ms FROM spans ORDER BY ms DESC LIMIT 10;\n  \
         SELECT attr(attributes, 'http.route') route, count(*) FROM spans GROUP BY 1 ORDER BY 2 DESC;\n  \
         SELECT time_bucket('1 minute', time) minute, count(*) FROM logs WHERE severity >= 17 GROUP BY 1;"
    );
}

/// Whether it is the name of a table, perhaps with its schema.
fn is_name(text: &str) -> bool {
    text.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '.'))
}

/// A time as a person reads it.
fn shown(elapsed: Duration) -> String {
    if elapsed < Duration::from_secs(1) {
        format!("{:.1} ms", elapsed.as_secs_f64() * 1000.0)
    } else {
        format!("{:.2} s", elapsed.as_secs_f64())
    }
}

/// Where statements are remembered, in the user's folder for state (XDG base directories); made when it is not there.
fn history() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    let folder = state.join("vitrine");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("sql_history"))
}
