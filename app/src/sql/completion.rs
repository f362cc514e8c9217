//! Help while typing: completion, hints from the history, colours, and when a statement is complete.

use std::borrow::Cow;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::text;

/// What begins a command to the prompt.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    (".tables", "list tables (also \\d)"),
    (".describe TABLE", "show the columns of a table (also \\d TABLE)"),
    (".functions", "list functions (also \\df)"),
    (".format FORMAT", "write rows as table, json or csv"),
    (".help", "show this (also \\?)"),
    (".quit", "leave (also \\q, Ctrl-D)"),
];

const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RECURSIVE",
    "RIGHT",
    "SELECT",
    "SHOW",
    "TABLES",
    "THEN",
    "TRUE",
    "UNION",
    "UNNEST",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// What the observatory knows, for completion.
#[derive(Default)]
pub(super) struct Completion {
    names: Vec<String>,
    hinter: HistoryHinter,
}

impl Completion {
    /// With names of tables and columns, and of functions, which get a bracket.
    pub(super) fn new(mut names: Vec<String>, functions: Vec<String>) -> Self {
        names.extend(functions.into_iter().map(|name| format!("{name}(")));
        names.sort_unstable();
        names.dedup();
        Self { names, hinter: HistoryHinter::new() }
    }

    /// What a word may become.
    fn candidates(&self, word: &str) -> Vec<String> {
        let lower = word.to_lowercase();
        let small = word.chars().any(char::is_lowercase);
        let names = self.names.iter().filter(|name| name.to_lowercase().starts_with(&lower)).cloned();
        let keywords = KEYWORDS.iter().filter(|keyword| keyword.to_lowercase().starts_with(&lower));
        let keywords = keywords.map(|keyword| if small { keyword.to_lowercase() } else { (*keyword).to_owned() });
        names.chain(keywords).collect()
    }
}

fn is_command(line: &str) -> bool {
    line.trim_start().starts_with(['.', '\\'])
}

/// Where the word before the cursor begins.
fn word_start(line: &str) -> usize {
    let part_of_word = |character: char| character.is_alphanumeric() || character == '_';
    line.char_indices()
        .rev()
        .find(|(_, character)| !part_of_word(*character))
        .map_or(0, |(place, character)| place + character.len_utf8())
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..pos).unwrap_or(line);
        if is_command(before) && !before.trim_start().contains(' ') {
            let word = before.trim_start();
            let names = COMMANDS.iter().filter_map(|(name, _)| name.split(' ').next());
            let found = names.filter(|name| name.starts_with(word));
            let pairs = found.map(|name| Pair { display: name.to_owned(), replacement: name.to_owned() });
            return Ok((before.len() - word.len(), pairs.collect()));
        }
        let start = word_start(before);
        let word = &before[start..];
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        let pairs = self.candidates(word).into_iter();
        Ok((start, pairs.map(|name| Pair { display: name.clone(), replacement: name }).collect()))
    }
}

impl Hinter for Completion {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        if line.is_empty() { None } else { self.hinter.hint(line, pos, context) }
    }
}

impl Highlighter for Completion {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(format!("\x1b[36m{prompt}\x1b[0m"))
    }
}

impl Validator for Completion {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let (statements, rest) = text::split(input);
        let leaving = matches!(input.trim(), "exit" | "quit");
        let whole = is_command(input)
            || leaving
            || (text::is_blank(rest) && (!statements.is_empty() || input.trim().is_empty()));
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::{Completion, word_start};

    #[test]
    fn words_complete_to_names_and_keywords_in_the_case_that_was_typed() {
        let words = Completion::new(vec!["spans".into(), "service".into()], vec!["span_id_hex".into()]);
        assert_eq!(words.candidates("spa"), ["span_id_hex(", "spans"]);
        assert_eq!(words.candidates("sel"), ["select"]);
        assert_eq!(words.candidates("SEL"), ["SELECT"]);
    }

    #[test]
    fn the_word_before_the_cursor_is_completed() {
        assert_eq!(word_start("SELECT a.tra"), 9);
        assert_eq!(word_start("spans"), 0);
        assert_eq!(word_start("SELECT é("), "SELECT é(".len());
    }
}
