//! A table for reading, that fits the terminal.

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for null; text is never written so without quotes.
const NULL: &str = "NULL";
/// Narrowest that a column is made, in places, before rows are written as lists of their columns instead.
const MIN_WIDTH: usize = 8;
/// Widest that a column is where the terminal's width is not known.
const MAX_WIDTH: usize = 120;
/// Places between two columns: a space, a line, a space.
const GAP: usize = 3;

/// Rows of a table, to be written with widths that fit them.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    names: Vec<String>,
    numbers: Vec<bool>,
    cells: Vec<Vec<String>>,
    /// Whether rows were written before; an empty answer shows its columns.
    written: bool,
}

impl Grid {
    /// A table with these columns, each with whether it holds numbers, which stand right.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let (names, numbers) = columns.into_iter().map(|(name, number)| (shown(name), number)).unzip();
        Self { names, numbers, cells: Vec::new(), written: false }
    }

    /// Adds a row: a value for each column.
    pub fn push(&mut self, row: Vec<Value>) {
        let mut cells: Vec<String> = row.iter().map(cell).collect();
        cells.resize(self.names.len(), String::new());
        self.cells.push(cells);
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.cells.len()
    }

    /// Writes the rows and forgets them. Within a width, long values are cut, and what has too many columns for that
    /// is written as one list for each row.
    pub fn take(&mut self, width: Option<usize>) -> String {
        let cells = std::mem::take(&mut self.cells);
        if (cells.is_empty() && self.written) || self.names.is_empty() {
            return String::new();
        }
        self.written = true;
        match self.fit(&cells, width) {
            Some(widths) => self.table(&cells, &widths),
            None => self.lists(&cells),
        }
    }

    /// The width of each column; none if they cannot all stand in a line.
    fn fit(&self, cells: &[Vec<String>], width: Option<usize>) -> Option<Vec<usize>> {
        let natural = |column: usize| {
            let rows = cells.iter().map(|row| row[column].width());
            rows.chain([self.names[column].width()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.names.len()).map(natural).collect();
        let Some(width) = width else { return Some(widths.into_iter().map(|width| width.min(MAX_WIDTH)).collect()) };
        let room = (width + 1).checked_sub(GAP * widths.len())?;
        let least: usize = widths.iter().map(|width| MIN_WIDTH.min(*width)).sum();
        if least > room {
            return None;
        }
        let mut over = widths.iter().sum::<usize>().saturating_sub(room);
        while over > 0 {
            // The widest gives way down to the second widest, or as far as is needed.
            let widest = widths.iter().copied().max()?;
            let next = widths.iter().copied().filter(|width| *width < widest).max().unwrap_or(0).max(MIN_WIDTH);
            let wide = widths.iter().filter(|width| **width == widest).count();
            let cut = (widest - next.min(widest - 1)).min(over.div_ceil(wide)).max(1);
            for width in widths.iter_mut().filter(|width| **width == widest) {
                let cut = cut.min(over);
                *width -= cut;
                over -= cut;
            }
        }
        Some(widths)
    }

    fn table(&self, cells: &[Vec<String>], widths: &[usize]) -> String {
        let mut text = String::new();
        self.line(&mut text, &self.names, widths);
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
        text.push_str(&rules.join("┼"));
        text.push('\n');
        for row in cells {
            self.line(&mut text, row, widths);
        }
        text
    }

    fn line(&self, text: &mut String, cells: &[String], widths: &[usize]) {
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            text.push_str(if column == 0 { " " } else { " │ " });
            let (cell, used) = cut(cell, *width);
            let space = width - used;
            let right = self.numbers[column];
            text.extend(std::iter::repeat_n(' ', if right { space } else { 0 }));
            text.push_str(&cell);
            let last = column + 1 == cells.len();
            text.extend(std::iter::repeat_n(' ', if right || last { 0 } else { space }));
        }
        text.push('\n');
    }

    fn lists(&self, cells: &[Vec<String>]) -> String {
        let wide = self.names.iter().map(|name| name.width()).max().unwrap_or(0);
        let mut text = String::new();
        for (number, row) in cells.iter().enumerate() {
            text.push_str(&format!("─ row {} ─\n", number + 1));
            for (name, cell) in self.names.iter().zip(row) {
                let space = " ".repeat(wide - name.width());
                text.push_str(&format!(" {name}{space} │ {cell}\n"));
            }
        }
        text
    }
}

/// The longest beginning that fits, and its width; what is cut ends in an ellipsis.
fn cut(cell: &str, width: usize) -> (String, usize) {
    let whole = cell.width();
    if whole <= width {
        return (cell.to_owned(), whole);
    }
    let (mut text, mut used) = (String::new(), 0);
    for character in cell.chars() {
        let wide = character.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        text.push(character);
        used += wide;
    }
    if width > 0 {
        text.push('…');
        used += 1;
    }
    (text, used)
}

/// A value as it is shown.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        // Else one could not tell the text from the null.
        Value::String(text) if text == NULL => format!("\"{text}\""),
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    }
}

/// Text without anything that moves the cursor or speaks to the terminal.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('↵'),
            '\t' => shown.push(' '),
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Grid;

    #[test]
    fn numbers_stand_right_and_nulls_are_seen() {
        let mut grid = Grid::new([("service", false), ("n", true)]);
        grid.push(vec![json!("cart"), json!(12)]);
        grid.push(vec![json!(null), json!(7)]);
        grid.push(vec![json!("NULL"), json!(null)]);
        assert_eq!(
            grid.take(None),
            " service │    n\n─────────┼──────\n cart    │   12\n NULL    │    7\n \"NULL\"  │ NULL\n"
        );
        assert_eq!(grid.take(None), "");
    }

    #[test]
    fn a_table_fits_its_width() {
        let mut grid = Grid::new([("a", false), ("b", false)]);
        grid.push(vec![json!("short"), json!("漢字".repeat(30))]);
        let text = grid.take(Some(40));
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= 40, "{line}");
        }
        assert!(text.contains('…'), "{text}");
    }

    #[test]
    fn many_columns_become_lists() {
        let names: Vec<String> = (0..20).map(|n| format!("column_{n}")).collect();
        let mut grid = Grid::new(names.iter().map(|name| (name.as_str(), false)));
        grid.push((0..20).map(|n| json!(n)).collect());
        let text = grid.take(Some(60));
        assert!(text.starts_with("─ row 1 ─\n column_0  │ 0\n"), "{text}");
    }

    #[test]
    fn terminals_are_not_spoken_to() {
        let mut grid = Grid::new([("a", false)]);
        grid.push(vec![json!("\u{1b}[2Jx\ny")]);
        assert_eq!(grid.take(None).lines().nth(2), Some(" \\u{1b}[2Jx↵y"));
    }
}
