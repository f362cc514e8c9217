//! What is printed for people and pipes.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line. A reader that has gone (`vitrine config | head`) wants no more, and a server goes on without one; neither is an error.
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}

pub(crate) use say;

/// What [`say!`] does.
pub(crate) fn line(text: Arguments<'_>) {
    if let Err(e) = writeln!(std::io::stdout(), "{text}")
        && e.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("vitrine: the standard output cannot be written: {e}");
    }
}
