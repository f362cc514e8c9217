//! Formats of dates: Elasticsearch's names, and Java's patterns.

use chrono::{Datelike, NaiveDate, Timelike};

use super::zone::offset;
use super::{Moment, NANOS_PER_MILLI, NANOS_PER_SECOND, Unit, Zone};
use crate::elastic::error::{SearchError, shown};

/// Longest pattern, in characters.
const MAX_PATTERN: usize = 100;

/// How dates are written. Of several formats each is tried when reading, and the first writes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DateFormat {
    name: String,
    forms: Vec<Form>,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// ISO 8601 of whatever precision, written with milliseconds.
    Optional,
    /// The same, written with nanoseconds.
    OptionalNanos,
    EpochMillis,
    EpochSecond,
    Pattern(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A field of the date, and how many letters it has.
    Field(char, usize),
    Literal(char),
}

/// The fields of a date that is being read.
#[derive(Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    /// Nanoseconds, and how many digits were given.
    fraction: Option<(u32, usize)>,
    zone: Option<Zone>,
}

impl Default for DateFormat {
    fn default() -> Self {
        Self { name: "strict_date_optional_time||epoch_millis".into(), forms: vec![Form::Optional, Form::EpochMillis] }
    }
}

impl DateFormat {
    pub(crate) fn parse(text: &str) -> Result<Self, SearchError> {
        let forms = text.split("||").map(Form::parse).collect::<Result<_, _>>()?;
        Ok(Self { name: text.to_owned(), forms })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn read(&self, text: &str, zone: Zone) -> Option<Moment> {
        self.forms.iter().find_map(|form| form.read(text, zone))
    }

    pub(crate) fn write(&self, ns: i64, zone: Zone) -> String {
        self.forms[0].write(ns, zone)
    }
}

impl Form {
    fn parse(name: &str) -> Result<Self, SearchError> {
        let pattern = match name.strip_prefix("strict_").unwrap_or(name) {
            "date_optional_time" => return Ok(Self::Optional),
            "date_optional_time_nanos" => return Ok(Self::OptionalNanos),
            "epoch_millis" => return Ok(Self::EpochMillis),
            "epoch_second" => return Ok(Self::EpochSecond),
            "basic_date" => "yyyyMMdd",
            "basic_date_time" => "yyyyMMdd'T'HHmmss.SSSX",
            "basic_date_time_no_millis" => "yyyyMMdd'T'HHmmssX",
            "date" | "year_month_day" => "yyyy-MM-dd",
            "date_hour" => "yyyy-MM-dd'T'HH",
            "date_hour_minute" => "yyyy-MM-dd'T'HH:mm",
            "date_hour_minute_second" => "yyyy-MM-dd'T'HH:mm:ss",
            "date_hour_minute_second_millis" | "date_hour_minute_second_fraction" => "yyyy-MM-dd'T'HH:mm:ss.SSS",
            "date_time" => "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "date_time_no_millis" => "yyyy-MM-dd'T'HH:mm:ssXXX",
            "hour_minute" => "HH:mm",
            "hour_minute_second" => "HH:mm:ss",
            "year" => "yyyy",
            "year_month" => "yyyy-MM",
            other => other,
        };
        tokens(pattern).map(Self::Pattern).ok_or_else(|| {
            let expected =
                "expected a name such as strict_date_optional_time or epoch_millis, or a pattern such as yyyy-MM-dd";
            SearchError::illegal(format!("invalid date format [{}]; {expected}", shown(name)))
        })
    }

    fn read(&self, text: &str, zone: Zone) -> Option<Moment> {
        let epoch = |nanos: i64| {
            let start = (text.parse::<f64>().ok().filter(|n| n.is_finite())?.floor() as i64).checked_mul(nanos)?;
            Some(start..start.checked_add(nanos)?)
        };
        match self {
            Self::Optional | Self::OptionalNanos => iso(text)?.moment(zone),
            Self::EpochMillis => epoch(NANOS_PER_MILLI),
            Self::EpochSecond => epoch(NANOS_PER_SECOND),
            Self::Pattern(tokens) => by_pattern(tokens, text)?.moment(zone),
        }
    }

    fn write(&self, ns: i64, zone: Zone) -> String {
        match self {
            Self::Optional => write_pattern(&iso_tokens(3), ns, zone),
            Self::OptionalNanos => write_pattern(&iso_tokens(9), ns, zone),
            Self::EpochMillis => ns.div_euclid(NANOS_PER_MILLI).to_string(),
            Self::EpochSecond => ns.div_euclid(NANOS_PER_SECOND).to_string(),
            Self::Pattern(tokens) => write_pattern(tokens, ns, zone),
        }
    }
}

impl Parts {
    fn moment(&self, zone: Zone) -> Option<Moment> {
        let zone = self.zone.unwrap_or(zone);
        let date = NaiveDate::from_ymd_opt(self.year.unwrap_or(1970), self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let (nanos, digits) = self.fraction.unwrap_or_default();
        let (hour, minute, second) = (self.hour.unwrap_or(0), self.minute.unwrap_or(0), self.second.unwrap_or(0));
        let start = zone.moment(date.and_hms_nano_opt(hour, minute, second, nanos)?)?;
        let unit = if self.fraction.is_some() {
            // As Elasticsearch keeps times to the millisecond, unless more digits are given.
            let step = 10_i64.pow(9_u32.saturating_sub(digits.max(3).try_into().ok()?));
            return Some(start..start.checked_add(step)?);
        } else if self.second.is_some() {
            Unit::Second
        } else if self.minute.is_some() {
            Unit::Minute
        } else if self.hour.is_some() {
            Unit::Hour
        } else if self.day.is_some() {
            Unit::Day
        } else if self.month.is_some() {
            Unit::Month
        } else {
            Unit::Year
        };
        Some(start..zone.add(start, 1, unit)?)
    }
}

/// Reads at most so many digits, and at least so many.
fn digits(text: &str, least: usize, most: usize) -> Option<(&str, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (count >= least).then(|| text.split_at(count))
}

/// Reads a fraction of a second.
fn fraction(text: &str, most: usize) -> Option<((u32, usize), &str)> {
    let (found, rest) = digits(text, 1, most.min(9))?;
    let number: u32 = found.parse().ok()?;
    Some(((number * 10_u32.pow(9 - u32::try_from(found.len()).ok()?), found.len()), rest))
}

/// Reads the rest of a text as a zone.
fn zone_of(text: &str) -> Option<Zone> {
    if text == "Z" || text == "z" { Some(Zone::utc()) } else { offset(text).map(Zone::Fixed) }
}

/// Reads ISO 8601, whatever is left out at its end.
fn iso(text: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    let (year, mut rest) = digits(text, 4, 4)?;
    parts.year = year.parse().ok();
    for field in [&mut parts.month, &mut parts.day] {
        let Some(tail) = rest.strip_prefix('-') else { break };
        let (number, tail) = digits(tail, 1, 2)?;
        (*field, rest) = (number.parse().ok(), tail);
    }
    let Some(mut rest) = rest.strip_prefix(['T', 't', ' ']) else { return rest.is_empty().then_some(parts) };
    for (field, separator) in [(&mut parts.hour, ""), (&mut parts.minute, ":"), (&mut parts.second, ":")] {
        let Some(tail) = rest.strip_prefix(separator) else { break };
        let (number, tail) = digits(tail, 1, 2)?;
        (*field, rest) = (number.parse().ok(), tail);
    }
    if let Some(tail) = rest.strip_prefix(['.', ',']) {
        let (read, tail) = fraction(tail, 9)?;
        (parts.fraction, rest) = (Some(read), tail);
    }
    if !rest.is_empty() {
        parts.zone = Some(zone_of(rest)?);
    }
    Some(parts)
}

/// A pattern taken apart.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let chars: Vec<char> = pattern.chars().take(MAX_PATTERN + 1).collect();
    if chars.is_empty() || chars.len() > MAX_PATTERN {
        return None;
    }
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(&c) = chars.get(at) {
        if c == '\'' {
            let end = at + 1 + chars[at + 1..].iter().position(|c| *c == '\'')?;
            // Two quotes side by side are one.
            let literal = if end == at + 1 { &chars[at..end] } else { &chars[at + 1..end] };
            found.extend(literal.iter().map(|c| Token::Literal(*c)));
            at = end + 1;
        } else if c.is_ascii_alphabetic() {
            if !"yuMdHmsSXxZ".contains(c) {
                return None;
            }
            let count = chars[at..].iter().take_while(|other| **other == c).count();
            found.push(Token::Field(c, count));
            at += count;
        } else {
            found.push(Token::Literal(c));
            at += 1;
        }
    }
    found.iter().any(|token| matches!(token, Token::Field(..))).then_some(found)
}

fn iso_tokens(digits: usize) -> Vec<Token> {
    let mut all = tokens("yyyy-MM-dd'T'HH:mm:ss.").unwrap_or_default();
    all.extend([Token::Field('S', digits), Token::Field('X', 3)]);
    all
}

fn by_pattern(tokens: &[Token], text: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut rest = text;
    for (place, token) in tokens.iter().enumerate() {
        let (field, count) = match token {
            Token::Literal(c) => {
                rest = rest.strip_prefix(*c)?;
                continue;
            }
            Token::Field(field, count) => (*field, *count),
        };
        if field == 'S' {
            let (read, tail) = fraction(rest, count)?;
            (parts.fraction, rest) = (Some(read), tail);
        } else if "XxZ".contains(field) {
            let mut behind = rest.char_indices().skip(1);
            let end = behind.find(|(_, c)| !c.is_ascii_digit() && *c != ':').map_or(rest.len(), |(at, _)| at);
            let (zone, tail) = rest.split_at_checked(end)?;
            (parts.zone, rest) = (Some(zone_of(zone)?), tail);
        } else {
            // A field that another follows at once has as many digits as letters.
            let is_tight = matches!(tokens.get(place + 1), Some(Token::Field(..)));
            let most = if is_tight {
                count
            } else if count >= 3 {
                4
            } else {
                2
            };
            let (number, tail) = digits(rest, count.min(most), most)?;
            rest = tail;
            match field {
                'y' | 'u' => parts.year = number.parse().ok(),
                'M' => parts.month = number.parse().ok(),
                'd' => parts.day = number.parse().ok(),
                'H' => parts.hour = number.parse().ok(),
                'm' => parts.minute = number.parse().ok(),
                _ => parts.second = number.parse().ok(),
            }
        }
    }
    rest.is_empty().then_some(parts)
}

fn write_pattern(tokens: &[Token], ns: i64, zone: Zone) -> String {
    let local = zone.local(ns);
    let mut text = String::new();
    for token in tokens {
        let (field, count) = match token {
            Token::Literal(c) => {
                text.push(*c);
                continue;
            }
            Token::Field(field, count) => (*field, *count),
        };
        let number = match field {
            'y' | 'u' if count == 2 => local.year().rem_euclid(100),
            'y' | 'u' => local.year(),
            'M' => local.month() as i32,
            'd' => local.day() as i32,
            'H' => local.hour() as i32,
            'm' => local.minute() as i32,
            's' => local.second() as i32,
            'S' => {
                text.push_str(&format!("{:09}", local.nanosecond())[..count.min(9)]);
                continue;
            }
            _ => {
                text.push_str(&zone_text(zone.offset_at(ns), field, count));
                continue;
            }
        };
        text.push_str(&format!("{number:0count$}"));
    }
    text
}

fn zone_text(seconds: i32, field: char, count: usize) -> String {
    if seconds == 0 && field == 'X' {
        return "Z".into();
    }
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    let colon = if count >= 3 && field != 'Z' { ":" } else { "" };
    format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::DateFormat;
    use crate::elastic::dates::Zone;

    #[test]
    fn what_is_written_is_read() {
        let ns = 1_786_789_230_123_456_789;
        for (format, written) in [
            ("strict_date_optional_time", "2026-08-15T10:20:30.123Z"),
            ("strict_date_optional_time_nanos", "2026-08-15T10:20:30.123456789Z"),
            ("epoch_millis", "1786789230123"),
            ("epoch_second", "1786789230"),
            ("yyyy-MM-dd HH:mm:ss", "2026-08-15 10:20:30"),
            ("yyyyMMdd", "20260815"),
            ("dd/MM/yyyy'T'HH", "15/08/2026T10"),
            ("date_time", "2026-08-15T10:20:30.123Z"),
            ("yyyy.MM.dd||epoch_second", "2026.08.15"),
        ] {
            let format = DateFormat::parse(format).expect("a format");
            assert_eq!(format.write(ns, Zone::utc()), written);
            let read = format.read(written, Zone::utc()).expect("read");
            assert!(read.contains(&ns), "{written}: {read:?}");
        }
        for wrong in ["", "QQQ", "'T", "::"] {
            assert!(DateFormat::parse(wrong).is_err(), "{wrong}");
        }
    }
}
