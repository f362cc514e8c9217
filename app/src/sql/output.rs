//! Rows on the standard output.

use std::io::{BufWriter, StdoutLock, Write};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;
use vitrine_observe_sql::Grid;

/// Rows that are looked at to choose the widths of a table.
const TABLE_ROWS: usize = 1000;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// A table that fits the terminal
    #[default]
    Table,
    /// One JSON object on a line for each row
    Json,
    /// CSV with a header
    Csv,
}

/// Writes the rows of one statement after the other.
pub(super) struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    style: Style,
    width: Option<usize>,
    names: Vec<String>,
    grid: Grid,
}

impl Printer {
    /// In a style; tables within so many places.
    pub(super) fn new(style: Style, width: Option<usize>) -> Self {
        let out = BufWriter::new(std::io::stdout().lock());
        Self { out, style, width, names: Vec::new(), grid: Grid::default() }
    }

    /// Takes the description of the columns.
    pub(super) fn start(&mut self, columns: &Value) -> Result<()> {
        let columns = columns.as_array().context("the answer is not one of an observatory")?;
        let name = |column: &Value| column["name"].as_str().unwrap_or_default().to_owned();
        self.names = columns.iter().map(name).collect();
        let numbers = columns.iter().map(|column| column["number"].as_bool().unwrap_or(false));
        self.grid = Grid::new(self.names.iter().map(String::as_str).zip(numbers));
        if self.style == Style::Csv {
            let header: Vec<String> = self.names.iter().map(|name| quoted(name)).collect();
            writeln!(self.out, "{}", header.join(","))?;
        }
        Ok(())
    }

    /// Writes a row.
    pub(super) fn row(&mut self, row: Value) -> Result<()> {
        let Value::Array(cells) = row else { anyhow::bail!("the answer is not one of an observatory") };
        match self.style {
            Style::Table => {
                self.grid.push(cells);
                if self.grid.rows() >= TABLE_ROWS {
                    self.table()?;
                }
            }
            Style::Json => {
                let fields: Vec<String> = self
                    .names
                    .iter()
                    .zip(&cells)
                    .map(|(name, cell)| format!("{}:{cell}", Value::from(name.as_str())))
                    .collect();
                writeln!(self.out, "{{{}}}", fields.join(","))?;
            }
            Style::Csv => {
                let fields: Vec<String> = cells.iter().map(field).collect();
                writeln!(self.out, "{}", fields.join(","))?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.style == Style::Table {
            self.table()?;
        }
        Ok(self.out.flush()?)
    }

    fn table(&mut self) -> Result<()> {
        let text = self.grid.take(self.width);
        Ok(self.out.write_all(text.as_bytes())?)
    }
}

/// A field of CSV: nothing for null, quotes for the empty text.
fn field(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

/// Text with quotes around it where CSV needs them (RFC 4180).
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::field;

    #[test]
    fn csv_tells_nulls_from_empty_text() {
        assert_eq!(field(&json!(null)), "");
        assert_eq!(field(&json!("")), "\"\"");
        assert_eq!(field(&json!("a,\"b\"")), "\"a,\"\"b\"\"\"");
        assert_eq!(field(&json!({"k": "v"})), "\"{\"\"k\"\":\"\"v\"\"}\"");
        assert_eq!(field(&json!(1.5)), "1.5");
    }
}
