//! What may be asked: one statement that reads, of bounded size.

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as Sql};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::SqlError;

/// Longest statement in bytes: room for a list of ten thousand trace ids.
pub const MAX_STATEMENT_BYTES: usize = 512 * 1024;
/// Most words and operators in a statement; literals, commas and white space are free. Planning recurses along chains
/// of operators, so this bounds the depth of its stack.
pub const MAX_STATEMENT_WORDS: usize = 2_000;
/// How deep brackets and subqueries may be nested.
pub(crate) const MAX_NESTING: usize = 50;
/// The dialect in which statements are read; DataFusion's settings name it too.
const DIALECT: GenericDialect = GenericDialect {};

/// Refuses a statement that is too long.
pub(crate) fn check_length(text: &str) -> Result<(), SqlError> {
    if text.len() > MAX_STATEMENT_BYTES {
        return Err(SqlError::Statement(format!(
            "{} bytes in the statement: expected at most {MAX_STATEMENT_BYTES}",
            text.len()
        )));
    }
    Ok(())
}

/// Whether a text is one statement that reads; which tables and columns there are is not looked at.
pub fn check(text: &str) -> Result<(), SqlError> {
    check_length(text)?;
    parse(text).map(drop)
}

/// Reads a statement and refuses what does not only read.
pub(crate) fn parse(text: &str) -> Result<Statement, SqlError> {
    let wrong = |error: &dyn std::fmt::Display| SqlError::Statement(error.to_string());
    let tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location().map_err(|error| wrong(&error))?;
    let words = tokens.iter().filter(|token| counts(&token.token)).count();
    if words > MAX_STATEMENT_WORDS {
        return Err(SqlError::Statement(format!(
            "{words} words and operators in the statement: expected at most {MAX_STATEMENT_WORDS}"
        )));
    }
    let mut parser = DFParserBuilder::new(tokens)
        .with_dialect(&DIALECT)
        .with_recursion_limit(MAX_NESTING)
        .build()
        .map_err(|error| wrong(&error.strip_backtrace()))?;
    let mut statements = parser.parse_statements().map_err(|error| match &error {
        DataFusionError::SQL(inner, _) if matches!(**inner, ParserError::RecursionLimitExceeded) => {
            SqlError::Statement(format!(
                "nested too deeply: expected at most {MAX_NESTING} brackets or subqueries in one another"
            ))
        }
        DataFusionError::SQL(inner, _) => wrong(inner),
        _ => wrong(&error.strip_backtrace()),
    })?;
    let statement =
        statements.pop_front().ok_or_else(|| SqlError::Statement("expected a statement, found nothing".to_owned()))?;
    if !statements.is_empty() {
        return Err(SqlError::Statement(format!("expected one statement, found {}", statements.len() + 1)));
    }
    only_reads(&statement)?;
    Ok(statement)
}

/// Whether a token adds to the size of what is planned.
fn counts(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::HexStringLiteral(_)
    )
}

fn only_reads(statement: &Statement) -> Result<(), SqlError> {
    match statement {
        Statement::Statement(inner) => sql_only_reads(inner),
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::CreateExternalTable(_) => refuse("CREATE EXTERNAL TABLE"),
        Statement::CopyTo(_) => refuse("COPY"),
        Statement::Reset(_) => refuse("RESET"),
    }
}

fn sql_only_reads(statement: &Sql) -> Result<(), SqlError> {
    match statement {
        Sql::Query(query) => body_only_reads(&query.body),
        Sql::Explain { statement, .. } => sql_only_reads(statement),
        Sql::ExplainTable { .. }
        | Sql::ShowTables { .. }
        | Sql::ShowColumns { .. }
        | Sql::ShowFunctions { .. }
        | Sql::ShowVariable { .. } => Ok(()),
        other => refuse(&verb(&other.to_string())),
    }
}

/// A query may end in an INSERT, UPDATE or DELETE behind its WITH.
fn body_only_reads(body: &SetExpr) -> Result<(), SqlError> {
    match body {
        SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => Ok(()),
        SetExpr::Query(query) => body_only_reads(&query.body),
        SetExpr::SetOperation { left, right, .. } => {
            body_only_reads(left)?;
            body_only_reads(right)
        }
        other => refuse(&verb(&other.to_string())),
    }
}

fn refuse(what: &str) -> Result<(), SqlError> {
    Err(SqlError::Refused { what: what.to_owned() })
}

/// What a statement does: its leading words in capitals, of which `CREATE` and `DROP` need two.
fn verb(text: &str) -> String {
    let mut words = text.split_whitespace().map(str::to_ascii_uppercase);
    let first = words.next().unwrap_or_default();
    match (first.as_str(), words.next()) {
        ("CREATE" | "DROP" | "ALTER", Some(second)) => format!("{first} {second}"),
        _ => first,
    }
}
