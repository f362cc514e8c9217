//! Lines in a terminal, of Braille dots: two by four in each character.

use std::fmt;

use vitrine_kit::clock;

/// Rows of characters.
const ROWS: usize = 12;
/// Characters of the axis on the left.
const AXIS: usize = 11;
/// Narrowest chart, in characters.
const MIN_COLUMNS: usize = 20;
/// Colours of lines: cyan, yellow, magenta, green, red, blue, white, grey.
const COLOURS: [u8; 8] = [36, 33, 35, 32, 31, 34, 37, 90];
/// Dots of a character, by column and row, as Unicode numbers them.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// A series to be drawn.
pub(super) struct Line {
    /// What it is called.
    pub name: String,
    /// Seconds since 1970 and values.
    pub points: Vec<(f64, f64)>,
}

/// Lines over one time.
pub(super) struct Chart<'a> {
    /// At least one.
    pub lines: &'a [Line],
    /// Characters of the terminal.
    pub width: usize,
    /// Whether lines have colours.
    pub colours: bool,
}

/// What is drawn in one character: dots, and the line that was there last.
#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    line: usize,
}

impl Chart<'_> {
    fn finite(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.lines.iter().flat_map(|line| line.points.iter().copied()).filter(|(_, value)| value.is_finite())
    }

    fn cells(&self, columns: usize, times: (f64, f64), values: (f64, f64)) -> Vec<Vec<Cell>> {
        let mut cells = vec![vec![Cell::default(); columns]; ROWS];
        let (wide, high) = ((columns * 2 - 1) as f64, (ROWS * 4 - 1) as f64);
        let share = |value: f64, (low, high): (f64, f64)| if high > low { (value - low) / (high - low) } else { 0.5 };
        for (number, line) in self.lines.iter().enumerate() {
            let mut before: Option<(usize, usize)> = None;
            for (time, value) in &line.points {
                if !value.is_finite() {
                    before = None;
                    continue;
                }
                let x = (share(*time, times).clamp(0.0, 1.0) * wide).round() as usize;
                let y = ((1.0 - share(*value, values).clamp(0.0, 1.0)) * high).round() as usize;
                // The way from the point before, so that a line is one.
                let (from_x, from_y) = before.unwrap_or((x, y));
                let steps = x.abs_diff(from_x).max(y.abs_diff(from_y)).max(1);
                for step in 0..=steps {
                    let between = |from: usize, to: usize| {
                        let part = step as f64 / steps as f64;
                        (from as f64 + (to as f64 - from as f64) * part).round() as usize
                    };
                    let (x, y) = (between(from_x, x), between(from_y, y));
                    let cell = &mut cells[y / 4][x / 2];
                    cell.dots |= DOTS[x % 2][y % 4];
                    cell.line = number;
                }
                before = Some((x, y));
            }
        }
        cells
    }

    fn paint(&self, f: &mut fmt::Formatter<'_>, line: usize, text: &str) -> fmt::Result {
        if self.colours { write!(f, "\x1b[{}m{text}\x1b[0m", COLOURS[line % COLOURS.len()]) } else { f.write_str(text) }
    }
}

impl fmt::Display for Chart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.width.saturating_sub(AXIS + 3).max(MIN_COLUMNS);
        let widen = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        let times = self.finite().map(|(time, _)| time).fold(nothing, widen);
        let values = self.finite().map(|(_, value)| value).fold(nothing, widen);
        if times.0 > times.1 {
            return writeln!(f, "no numbers to draw");
        }
        for (row, cells) in self.cells(columns, times, values).into_iter().enumerate() {
            let part = 1.0 - row as f64 / (ROWS - 1) as f64;
            let is_told = row % 4 == 0 || row == ROWS - 1;
            let told = if is_told { short_number(values.0 + (values.1 - values.0) * part) } else { String::new() };
            write!(f, "{told:>AXIS$} │")?;
            for Cell { dots, line } in cells {
                match char::from_u32(0x2800 + u32::from(dots)).filter(|_| dots > 0) {
                    Some(dots) => self.paint(f, line, &dots.to_string())?,
                    None => f.write_str(" ")?,
                }
            }
            writeln!(f)?;
        }
        let time = |seconds: f64| clock::rfc3339((seconds * 1_000.0) as i64).replace(".000Z", "Z");
        let (from, to) = (time(times.0), time(times.1));
        writeln!(f, "{:AXIS$} └{}", "", "─".repeat(columns))?;
        let gap = columns.saturating_sub(from.len() + to.len()).max(1);
        writeln!(f, "{:AXIS$}  {from}{}{to}", "", " ".repeat(gap))?;
        for (number, line) in self.lines.iter().enumerate() {
            let last = line.points.last().map_or_else(String::new, |(_, value)| short_number(*value));
            self.paint(f, number, "●")?;
            writeln!(f, " {}  {last}", line.name)?;
        }
        Ok(())
    }
}

/// A number of about four digits.
fn short_number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value == 0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Chart, Line, short_number};

    #[test]
    fn numbers_have_about_four_digits() {
        assert_eq!([0.0, 12.345, 1234.5, 1e9, 0.5].map(short_number), ["0", "12.35", "1234", "1.00e9", "0.5000"]);
    }

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right() {
        let points = (0..=60).map(|n| (f64::from(n) * 60.0, f64::from(n))).collect();
        let lines = [Line { name: "a{x=\"1\"}".to_owned(), points }];
        let text = Chart { lines: &lines, width: 60, colours: false }.to_string();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 12 + 2 + 1);
        let column = |row: &str| row.chars().position(|c| ('\u{2801}'..='\u{28ff}').contains(&c)).expect("dots");
        assert!(column(rows[0]) > column(rows[6]) && column(rows[6]) > column(rows[11]), "{text}");
        assert!(rows[0].contains("60.00 │") && rows[11].contains("0 │"), "{text}");
        assert!(rows[13].contains("1970-01-01T00:00:00Z") && rows[13].ends_with("1970-01-01T01:00:00Z"), "{text}");
        assert_eq!(rows[14], "● a{x=\"1\"}  60.00");
    }

    #[test]
    fn odd_lines_are_drawn_all_the_same() {
        for points in
            [vec![], vec![(0.0, 1.0)], vec![(0.0, f64::NAN), (1.0, f64::INFINITY)], vec![(0.0, -1e300), (1e12, 1e300)]]
        {
            let lines = [Line { name: String::new(), points }];
            let text = Chart { lines: &lines, width: 1, colours: true }.to_string();
            assert!(!text.is_empty());
        }
    }
}
