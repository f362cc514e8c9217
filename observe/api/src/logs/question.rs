//! What is asked: a query, a time, an order, and how many records.

use vitrine_kit::clock::{parse_rfc3339_ns, rfc3339_ns};
use vitrine_observe_search::people;
use vitrine_observe_store::model::{LogCursor, LogFilter, LogQuery};

use super::record;
use crate::error::Error;
use crate::params::{self, Pairs};
use crate::time::{NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_SECOND, now_ns};

/// How far back is looked where no time is given, in nanoseconds: an hour.
const DEFAULT_SINCE: u64 = 3_600 * NANOS_PER_SECOND;
/// Parameters that say which records.
const WHICH: [&str; 4] = ["query", "start", "end", "since"];

/// Which records are asked about.
pub(crate) struct Question {
    /// The query, as it was read.
    pub query: people::Query,
    /// From this time on, in nanoseconds since 1970.
    pub start_ns: u64,
    /// Before this time, in nanoseconds since 1970.
    pub end_ns: u64,
}

impl Question {
    /// Reads `query`, `start`, `end` and `since`; a parameter that is neither one of these nor one of `others` is refused.
    pub(crate) fn read(pairs: &Pairs, others: &[&str]) -> Result<Self, Error> {
        only(pairs, &[&WHICH[..], others].concat())?;
        let query = query(pairs)?;
        // What was acknowledged within this millisecond is there.
        let end_ns = time(pairs, "end")?.unwrap_or_else(|| now_ns() + NANOS_PER_MILLI);
        let since = params::duration(pairs, "since")?;
        let start_ns = match (time(pairs, "start")?, since) {
            (Some(_), Some(_)) => {
                return Err(Error::parameter("since", "found beside start; expected one of them"));
            }
            (Some(start), None) => start,
            (None, since) => end_ns.saturating_sub(since.unwrap_or(DEFAULT_SINCE)),
        };
        if start_ns > end_ns {
            let (start, end) = (rfc3339_ns(start_ns), rfc3339_ns(end_ns));
            return Err(Error::parameter("start", format!("{start} found; expected a time before the end, {end}")));
        }
        Ok(Self { query, start_ns, end_ns })
    }

    /// Records of it in order, at most so many.
    pub(crate) fn logs(&self, newest_first: bool, after: Option<LogCursor>, limit: usize) -> LogQuery {
        LogQuery {
            filter: self.query.log_filter().clone(),
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            newest_first,
            after,
            limit,
        }
    }

    /// All records of it, in no order.
    pub(crate) fn all(&self) -> LogQuery {
        self.logs(true, None, usize::MAX)
    }

    /// What they must have.
    pub(crate) fn filter(&self) -> &LogFilter {
        self.query.log_filter()
    }
}

/// Refuses parameters that are not known.
pub(super) fn only(pairs: &Pairs, known: &[&str]) -> Result<(), Error> {
    match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => {
            let name: String = name.chars().take(32).collect();
            Err(Error::Question(format!("unknown parameter '{name}': expected {}", known.join(", "))))
        }
        None => Ok(()),
    }
}

/// Reads `query`; absent, everything is asked for.
pub(super) fn query(pairs: &Pairs) -> Result<people::Query, Error> {
    people::Query::parse(params::get(pairs, "query").unwrap_or_default())
        .map_err(|error| Error::parameter("query", error.to_string()))
}

/// A time as RFC 3339, or as seconds, milliseconds, microseconds or nanoseconds since 1970, whichever its size says.
fn time(pairs: &Pairs, name: &'static str) -> Result<Option<u64>, Error> {
    let malformed = |text: &str| {
        let expected = "expected a time such as 2026-11-28T21:05:00Z, or a whole number of s, ms, µs or ns since 1970";
        Error::parameter(name, format!("{text:?} found; {expected}"))
    };
    params::get(pairs, name).map(|text| time_ns(text).ok_or_else(|| malformed(text))).transpose()
}

/// Reads a time as RFC 3339, or as a whole number of a unit that its size says.
pub(crate) fn time_ns(text: &str) -> Option<u64> {
    /// The year 5138 in seconds; 1973 in milliseconds.
    const SECONDS: u64 = 100_000_000_000;
    let Ok(number) = text.parse::<u64>() else { return u64::try_from(parse_rfc3339_ns(text)?).ok() };
    let unit = match number {
        0..SECONDS => NANOS_PER_SECOND,
        _ if number < SECONDS * 1_000 => NANOS_PER_MILLI,
        _ if number < SECONDS * 1_000_000 => NANOS_PER_MICRO,
        _ => 1,
    };
    number.checked_mul(unit)
}

/// Reads a number from 1 to `most`.
pub(super) fn limit(pairs: &Pairs, name: &'static str, usual: usize, most: usize) -> Result<usize, Error> {
    let expected = format!("a whole number from 1 to {most}");
    let Some(number) = params::number(pairs, name, &expected)? else { return Ok(usual) };
    let fitting = usize::try_from(number).ok().filter(|number| (1..=most).contains(number));
    fitting.ok_or_else(|| Error::parameter(name, format!("{number} found; expected {expected}")))
}

/// Whether the newest come first: `order`, which is `newest` unless it is `oldest`.
pub(super) fn newest_first(pairs: &Pairs) -> Result<bool, Error> {
    match params::get(pairs, "order") {
        None | Some("newest") => Ok(true),
        Some("oldest") => Ok(false),
        Some(other) => Err(Error::parameter("order", format!("{other:?} found; expected newest or oldest"))),
    }
}

/// Reads where a record stands.
pub(crate) fn place(pairs: &Pairs, name: &'static str) -> Result<Option<LogCursor>, Error> {
    let malformed = |text: &str| Error::parameter(name, format!("{text:?} found; expected the cursor of a record"));
    params::get(pairs, name).map(|text| record::cursor(text).ok_or_else(|| malformed(text))).transpose()
}

#[cfg(test)]
mod tests {
    use super::time_ns;

    #[test]
    fn times_are_read_in_whatever_unit() {
        let ns = Some(1_700_000_000_000_000_000);
        for text in ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "2023-11-14T22:13:20Z"] {
            assert_eq!(time_ns(text), ns, "{text}");
        }
        assert_eq!(time_ns("2023-11-14T22:13:20.000000001+00:00"), Some(1_700_000_000_000_000_001));
        for text in ["", "-1", "1.5", "1969-12-31T00:00:00Z", "now"] {
            assert_eq!(time_ns(text), None, "{text}");
        }
    }
}
