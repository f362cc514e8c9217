//! Go's times and durations: how they are written, and read.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use time::{Date, Duration, Month, OffsetDateTime, UtcOffset};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant, and the zone in which it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct GoTime {
    /// Nanoseconds since 1970.
    pub unix_nanos: i128,
    /// Seconds east of Greenwich.
    pub offset_s: i32,
    /// What the zone is called: `UTC`, `CEST`.
    pub zone: Arc<str>,
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration {
    /// Nanoseconds.
    pub nanos: i64,
}

impl GoTime {
    /// Milliseconds since 1970, in UTC.
    pub fn of_ms(ms: i64) -> Self {
        Self { unix_nanos: i128::from(ms) * 1_000_000, offset_s: 0, zone: "UTC".into() }
    }

    /// The instant of a date that Go takes for none: January 1 of year 1.
    pub fn zero() -> Self {
        Self { unix_nanos: -62_135_596_800 * i128::from(NANOS_PER_SECOND), offset_s: 0, zone: "UTC".into() }
    }

    /// The calendar of its zone; the first or last day there is where it is too far away.
    pub(super) fn calendar(&self) -> OffsetDateTime {
        let offset = UtcOffset::from_whole_seconds(self.offset_s).unwrap_or(UtcOffset::UTC);
        OffsetDateTime::from_unix_timestamp_nanos(self.unix_nanos)
            .ok()
            .and_then(|time| time.checked_to_offset(offset))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Later by a duration.
    pub fn add(&self, duration: GoDuration) -> Self {
        Self { unix_nanos: self.unix_nanos + i128::from(duration.nanos), ..self.clone() }
    }

    /// As `time.Time.Format` with this layout.
    pub fn format(&self, layout: &str) -> String {
        let at = self.calendar();
        let mut text = String::new();
        let mut rest = layout;
        while !rest.is_empty() {
            let Some((token, len)) = token(rest) else {
                let c = rest.chars().next().unwrap_or_default();
                text.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            };
            self.write(&mut text, &at, token);
            rest = &rest[len..];
        }
        text
    }

    fn write(&self, text: &mut String, at: &OffsetDateTime, token: Token) {
        let hour12 = match at.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let _ = match token {
            Token::Year => write!(text, "{:04}", at.year()),
            Token::Year2 => write!(text, "{:02}", at.year().rem_euclid(100)),
            Token::MonthName => write!(text, "{}", at.month()),
            Token::MonthShort => write!(text, "{}", &at.month().to_string()[..3]),
            Token::Month2 => write!(text, "{:02}", u8::from(at.month())),
            Token::Month => write!(text, "{}", u8::from(at.month())),
            Token::Weekday => write!(text, "{}", at.weekday()),
            Token::WeekdayShort => write!(text, "{}", &at.weekday().to_string()[..3]),
            Token::Day2 => write!(text, "{:02}", at.day()),
            Token::DaySpaced => write!(text, "{:>2}", at.day()),
            Token::Day => write!(text, "{}", at.day()),
            Token::YearDay => write!(text, "{:03}", at.ordinal()),
            Token::YearDaySpaced => write!(text, "{:>3}", at.ordinal()),
            Token::Hour => write!(text, "{:02}", at.hour()),
            Token::Hour12Padded => write!(text, "{hour12:02}"),
            Token::Hour12 => write!(text, "{hour12}"),
            Token::Minute2 => write!(text, "{:02}", at.minute()),
            Token::Minute => write!(text, "{}", at.minute()),
            Token::Second2 => write!(text, "{:02}", at.second()),
            Token::Second => write!(text, "{}", at.second()),
            Token::HalfDay => write!(text, "{}", if at.hour() < 12 { "AM" } else { "PM" }),
            Token::HalfDayLower => write!(text, "{}", if at.hour() < 12 { "am" } else { "pm" }),
            Token::Zone => write!(text, "{}", self.zone),
            Token::Offset { z: true, .. } if self.offset_s == 0 => write!(text, "Z"),
            Token::Offset { colon, minutes, .. } => {
                let sign = if self.offset_s < 0 { '-' } else { '+' };
                let minutes_east = self.offset_s.unsigned_abs() / 60;
                let _ = write!(text, "{sign}{:02}", minutes_east / 60);
                let colon = if colon { ":" } else { "" };
                if minutes { write!(text, "{colon}{:02}", minutes_east % 60) } else { Ok(()) }
            }
            Token::Fraction { separator, digits, trims } => {
                let nanos = format!("{:09}", at.nanosecond());
                let fraction = &nanos[..digits.min(nanos.len())];
                let fraction = if trims { fraction.trim_end_matches('0') } else { fraction };
                if fraction.is_empty() { Ok(()) } else { write!(text, "{separator}{fraction}") }
            }
        };
    }

    /// As `time.ParseInLocation` in UTC; none where the text is not of this layout.
    pub fn parse(layout: &str, text: &str) -> Option<Self> {
        let mut parts = Parts { year: 0, month: 1, day: 1, ..Parts::default() };
        let mut rest = text;
        let mut layout = layout;
        while !layout.is_empty() {
            let Some((token, len)) = token(layout) else {
                let c = layout.chars().next()?;
                rest = rest.strip_prefix(c)?;
                layout = &layout[c.len_utf8()..];
                continue;
            };
            rest = parts.read(token, rest)?;
            layout = &layout[len..];
            // A fraction may follow seconds though the layout has none.
            if matches!(token, Token::Second | Token::Second2) && rest.starts_with('.') && !layout.starts_with('.') {
                rest = parts.read(Token::Fraction { separator: '.', digits: 9, trims: true }, rest)?;
            }
        }
        if !rest.is_empty() {
            return None;
        }
        parts.time()
    }
}

/// What was read of a time.
#[derive(Default)]
struct Parts {
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    is_pm: Option<bool>,
    offset_s: i32,
    zone: Option<String>,
}

/// A number of so many digits, and what follows it.
fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let len = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if len < least {
        return None;
    }
    Some((text[..len].parse().ok()?, &text[len..]))
}

impl Parts {
    fn read<'a>(&mut self, token: Token, text: &'a str) -> Option<&'a str> {
        let small = |least: usize, most: usize| {
            let (number, rest) = digits(text.trim_start_matches(' '), least, most)?;
            Some((u8::try_from(number).ok()?, rest))
        };
        let months = || (1..=12).filter_map(|number| Month::try_from(number).ok());
        let rest;
        match token {
            Token::Year => {
                let (year, tail) = digits(text, 4, 4)?;
                (self.year, rest) = (i32::try_from(year).ok()?, tail);
            }
            Token::Year2 => {
                let (year, tail) = digits(text, 2, 2)?;
                let year = i32::try_from(year).ok()?;
                (self.year, rest) = (if year >= 69 { 1900 + year } else { 2000 + year }, tail);
            }
            Token::MonthName | Token::MonthShort => {
                let name = |month: Month| {
                    if token == Token::MonthName { month.to_string() } else { month.to_string()[..3].to_owned() }
                };
                let month = months().find(|month| text.starts_with(&name(*month)))?;
                self.month = month.into();
                rest = &text[name(month).len()..];
            }
            Token::Month2 => (self.month, rest) = small(2, 2)?,
            Token::Month => (self.month, rest) = small(1, 2)?,
            Token::Day2 => (self.day, rest) = small(2, 2)?,
            Token::Day | Token::DaySpaced => (self.day, rest) = small(1, 2)?,
            Token::Hour => (self.hour, rest) = small(2, 2)?,
            Token::Hour12Padded => (self.hour, rest) = small(2, 2)?,
            Token::Hour12 => (self.hour, rest) = small(1, 2)?,
            Token::Minute2 => (self.minute, rest) = small(2, 2)?,
            Token::Minute => (self.minute, rest) = small(1, 2)?,
            Token::Second2 => (self.second, rest) = small(2, 2)?,
            Token::Second => (self.second, rest) = small(1, 2)?,
            Token::HalfDay | Token::HalfDayLower => {
                let half = text.get(..2)?.to_ascii_lowercase();
                self.is_pm = Some(match half.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                rest = &text[2..];
            }
            Token::Weekday | Token::WeekdayShort | Token::Zone => {
                let len = text.bytes().take_while(u8::is_ascii_alphabetic).count();
                if len == 0 {
                    return None;
                }
                if token == Token::Zone {
                    self.zone = Some(text[..len].to_owned());
                }
                rest = &text[len..];
            }
            Token::Offset { z, colon, minutes } => return self.read_offset(text, z, colon, minutes),
            Token::Fraction { separator, .. } => {
                let Some(tail) = text.strip_prefix(separator) else { return Some(text) };
                let len = tail.bytes().take_while(u8::is_ascii_digit).count();
                self.nanos = format!("{:0<9}", &tail[..len.min(9)]).parse().ok()?;
                rest = &tail[len..];
            }
            Token::YearDay | Token::YearDaySpaced => return None,
        }
        Some(rest)
    }

    fn read_offset<'a>(&mut self, text: &'a str, z: bool, colon: bool, minutes: bool) -> Option<&'a str> {
        if let (true, Some(rest)) = (z, text.strip_prefix('Z')) {
            return Some(rest);
        }
        let sign = match text.bytes().next()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = digits(&text[1..], 2, 2)?;
        let mut east = hours * 60;
        if minutes {
            rest = if colon { rest.strip_prefix(':')? } else { rest };
            let (minutes, tail) = digits(rest, 2, 2)?;
            east += minutes;
            rest = tail;
        }
        self.offset_s = sign * i32::try_from(east * 60).ok()?;
        Some(rest)
    }

    fn time(self) -> Option<GoTime> {
        let hour = match self.is_pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = Date::from_calendar_date(self.year, Month::try_from(self.month).ok()?, self.day).ok()?;
        let time = date.with_hms_nano(hour, self.minute, self.second, self.nanos).ok()?;
        let offset = UtcOffset::from_whole_seconds(self.offset_s).ok()?;
        let unix_nanos = time.assume_offset(offset).unix_timestamp_nanos();
        let zone = self.zone.unwrap_or_else(|| if self.offset_s == 0 { "UTC".to_owned() } else { String::new() });
        Some(GoTime { unix_nanos, offset_s: self.offset_s, zone: zone.into() })
    }
}

/// A part of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Year,
    Year2,
    MonthName,
    MonthShort,
    Month2,
    Month,
    Weekday,
    WeekdayShort,
    Day2,
    DaySpaced,
    Day,
    YearDay,
    YearDaySpaced,
    Hour,
    Hour12Padded,
    Hour12,
    Minute2,
    Minute,
    Second2,
    Second,
    HalfDay,
    HalfDayLower,
    Zone,
    Offset { z: bool, colon: bool, minutes: bool },
    Fraction { separator: char, digits: usize, trims: bool },
}

/// The part that a layout begins with, and its length; longer ones stand before their beginnings.
fn token(layout: &str) -> Option<(Token, usize)> {
    const TOKENS: &[(&str, Token)] = &[
        ("January", Token::MonthName),
        ("Jan", Token::MonthShort),
        ("Monday", Token::Weekday),
        ("Mon", Token::WeekdayShort),
        ("MST", Token::Zone),
        ("2006", Token::Year),
        ("002", Token::YearDay),
        ("__2", Token::YearDaySpaced),
        ("01", Token::Month2),
        ("02", Token::Day2),
        ("03", Token::Hour12Padded),
        ("04", Token::Minute2),
        ("05", Token::Second2),
        ("06", Token::Year2),
        ("15", Token::Hour),
        ("_2", Token::DaySpaced),
        ("PM", Token::HalfDay),
        ("pm", Token::HalfDayLower),
        ("-07:00", Token::Offset { z: false, colon: true, minutes: true }),
        ("-0700", Token::Offset { z: false, colon: false, minutes: true }),
        ("-07", Token::Offset { z: false, colon: false, minutes: false }),
        ("Z07:00", Token::Offset { z: true, colon: true, minutes: true }),
        ("Z0700", Token::Offset { z: true, colon: false, minutes: true }),
        ("Z07", Token::Offset { z: true, colon: false, minutes: false }),
        ("1", Token::Month),
        ("2", Token::Day),
        ("3", Token::Hour12),
        ("4", Token::Minute),
        ("5", Token::Second),
    ];
    if let Some((text, token)) = TOKENS.iter().find(|(text, _)| layout.starts_with(text)) {
        return Some((*token, text.len()));
    }
    let separator = layout.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let tail = &layout[1..];
    let digit = tail.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = tail.bytes().take_while(|c| char::from(*c) == digit).count();
    let ends = !tail[digits..].starts_with(|c: char| c.is_ascii_digit());
    ends.then_some((Token::Fraction { separator, digits, trims: digit == '9' }, 1 + digits))
}

impl fmt::Display for GoTime {
    /// As `time.Time.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

impl fmt::Display for GoDuration {
    /// As `time.Duration.String`: `1h15m30.918s`, `1.5ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0s");
        }
        let sign = if self.nanos < 0 { "-" } else { "" };
        let nanos = self.nanos.unsigned_abs();
        let decimal = |nanos: u64, unit: u64, width: usize| {
            let fraction = format!("{:0width$}", nanos % unit);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{point}{fraction}", nanos / unit)
        };
        match nanos {
            0..1_000 => write!(f, "{sign}{nanos}ns"),
            1_000..1_000_000 => write!(f, "{sign}{}µs", decimal(nanos, 1_000, 3)),
            1_000_000..1_000_000_000 => write!(f, "{sign}{}ms", decimal(nanos, 1_000_000, 6)),
            _ => {
                let second = NANOS_PER_SECOND.unsigned_abs();
                let (hours, minutes) = (nanos / second / 3_600, nanos / second / 60 % 60);
                f.write_str(sign)?;
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                write!(f, "{}s", decimal(nanos % (60 * second), second, 9))
            }
        }
    }
}

impl GoDuration {
    /// Seconds as a double; the longest there is where it does not fit.
    pub fn of_seconds(seconds: f64) -> Self {
        let longest = Duration::nanoseconds(i64::MAX);
        let nanos = (seconds * 1e9).clamp(-longest.as_seconds_f64() * 1e9, longest.as_seconds_f64() * 1e9);
        Self { nanos: nanos as i64 }
    }

    /// Seconds as a double.
    pub fn seconds(self) -> f64 {
        self.nanos as f64 / 1e9
    }
}
