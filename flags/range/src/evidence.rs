//! Evidence of a diagnosis, run again: a statement of the observatory's SQL that returns one number for a window, as an oracle's do.
//!
//! The window stands in it as `{from}` and `{to}`, which are times. It is run for the baseline and for the time in which the fault was at
//! work. What it says holds where the number is another one by [`MOVES`] times, or where there is one for only one of both.

use crate::rows::Window;

/// Longest statement, in bytes.
pub const MAX_STATEMENT: usize = 64 * 1024;
/// Most statements of a diagnosis that are run.
pub const MAX_STATEMENTS: usize = 20;
/// How many times as much, or as little, a number is during an incident as before it.
pub const MOVES: f64 = 1.2;

/// Returns the statement for a window; none where it has no place for one, or is too long.
pub fn filled(statement: &str, window: Window) -> Option<String> {
    let is_one = statement.len() <= MAX_STATEMENT && statement.contains("{from}") && statement.contains("{to}");
    let time = |ns: i64| format!("to_timestamp_nanos({ns})");
    is_one.then(|| statement.replace("{from}", &time(window.from_ns)).replace("{to}", &time(window.to_ns)))
}

/// Whether two numbers, before and during, show that something is other than it was.
pub fn holds(before: Option<f64>, during: Option<f64>) -> bool {
    match (before, during) {
        (Some(before), Some(during)) => {
            let (low, high) = (before.abs().min(during.abs()), before.abs().max(during.abs()));
            // From nothing, anything is more.
            high > low * MOVES || before.signum() * during.signum() < 0.0
        }
        (None, None) => false,
        _ => true,
    }
}
