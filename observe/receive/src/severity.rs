//! Severities as OTLP numbers them, out of the words and numbers of others.

/// OTLP's number of a severity, 1 to 24, out of a word in any case (`warn`, `WARNING`), a letter (`W`), or pino's number as a text
/// (`40`); none for anything else.
pub(crate) fn of_text(text: &str) -> Option<u64> {
    /// Longer than any word that is known.
    const MAX_WORD_BYTES: usize = 16;
    let text = text.trim();
    if text.len() > MAX_WORD_BYTES {
        return None;
    }
    Some(match text.to_ascii_lowercase().as_str() {
        "trace" | "verbose" | "finest" | "t" | "v" => 1,
        "debug" | "fine" | "finer" | "dbg" | "d" => 5,
        "info" | "information" | "informational" | "inf" | "i" | "log" => 9,
        "notice" | "n" => 10,
        "warn" | "warning" | "wrn" | "w" => 13,
        "error" | "err" | "e" | "severe" => 17,
        "critical" | "crit" | "c" => 18,
        "alert" | "a" => 19,
        "fatal" | "emerg" | "emergency" | "panic" | "dpanic" | "f" => 21,
        digits => return digits.parse().ok().and_then(of_number),
    })
}

/// The same of pino's and bunyan's numbers, 10 to 60.
pub(crate) fn of_number(number: i64) -> Option<u64> {
    Some(match number {
        10..20 => 1,
        20..30 => 5,
        30..40 => 9,
        40..50 => 13,
        50..60 => 17,
        60 => 21,
        _ => return None,
    })
}

/// The same of syslog's, 0 (emergency) to 7 (debug): RFC 5424, section 6.2.1.
pub(crate) fn of_syslog(number: u8) -> Option<u64> {
    [21, 19, 18, 17, 13, 10, 9, 5].get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::{of_number, of_syslog, of_text};

    #[test]
    fn words_letters_and_numbers_are_severities() {
        for (text, expected) in
            [("WARN", 13), ("Information", 9), ("E", 17), ("40", 13), (" fatal ", 21), ("notice", 10)]
        {
            assert_eq!(of_text(text), Some(expected), "{text}");
        }
        for text in ["", "loud", "7", "99", "informationally speaking"] {
            assert_eq!(of_text(text), None, "{text}");
        }
        assert_eq!((of_number(35), of_number(0), of_number(61)), (Some(9), None, None));
        assert_eq!((of_syslog(0), of_syslog(3), of_syslog(7), of_syslog(8)), (Some(21), Some(17), Some(5), None));
    }
}
