//! Named stretches of time in which routes are muted or active: times of day, days of the week and month, months and years, in a time zone.
//!
//! Source: Alertmanager's documentation, "Time interval settings". Zones are those of the IANA database that is compiled in, so that a
//! machine without one, or with an old one, does not decide whom to wake.

use chrono::{DateTime, Datelike, NaiveDate, Offset, Timelike, Utc};
use chrono_tz::Tz;
use vitrine_platform_config::yaml::{Fields, Node, Reader};

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;
/// Days of the longest month.
const MONTH_DAYS: i32 = 31;
/// Days of the shortest month: what is certain about days that are counted from the end.
const SHORTEST_MONTH_DAYS: i32 = 28;
/// Where the system says which zone it is in.
const LOCAL_ZONE: &str = "/etc/localtime";

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A stretch of time: what is in all of its parts. A part without ranges holds everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeInterval {
    /// Minutes of the day, the last one not among them.
    times: Vec<(u32, u32)>,
    /// Days of the week from Sunday, 0, on.
    weekdays: Vec<(i32, i32)>,
    /// Days of the month from 1 on, or from its last day, -1, back.
    days_of_month: Vec<(i32, i32)>,
    /// Months from 1 on.
    months: Vec<(i32, i32)>,
    years: Vec<(i32, i32)>,
    zone: Tz,
}

impl TimeInterval {
    /// Reads an interval of a configuration.
    pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let times = fields.list("times").iter().filter_map(|node| time_range(reader, node)).collect();
        let weekdays = ranges(
            reader,
            &mut fields,
            "weekdays",
            "a weekday such as \"monday\", or a range such as \"monday:friday\"",
            |text| WEEKDAYS.iter().position(|day| *day == text).and_then(|place| i32::try_from(place).ok()),
        );
        let days_of_month = ranges(
            reader,
            &mut fields,
            "days_of_month",
            "a day such as \"1\", or \"-1\" for the last one, or a range such as \"1:5\" or \"-3:-1\"",
            |text| text.parse().ok().filter(|day: &i32| *day != 0 && day.abs() <= MONTH_DAYS),
        );
        let months = ranges(
            reader,
            &mut fields,
            "months",
            "a month such as \"may\" or \"5\", or a range such as \"may:august\"",
            |text| {
                let named = MONTHS.iter().position(|month| *month == text).map(|place| place + 1);
                let number = named.or_else(|| text.parse().ok()).filter(|number| (1..=MONTHS.len()).contains(number));
                number.and_then(|number| i32::try_from(number).ok())
            },
        );
        let years =
            ranges(reader, &mut fields, "years", "a year, or a range such as \"2026:2028\"", |text| text.parse().ok());
        let zone = fields.parsed("location", "a time zone such as \"Europe/Berlin\", \"UTC\" or \"Local\"", zone);
        Some(Self { times, weekdays, days_of_month, months, years, zone: zone.unwrap_or(Tz::UTC) })
    }

    /// Whether a time, in milliseconds since 1970, is within it.
    pub fn contains(&self, at_ms: i64) -> bool {
        let Some(utc) = DateTime::<Utc>::from_timestamp_millis(at_ms) else { return false };
        let at = utc.with_timezone(&self.zone);
        let minute = at.hour() * 60 + at.minute();
        let within = |ranges: &[(i32, i32)], value: i32| {
            ranges.is_empty() || ranges.iter().any(|(first, last)| (*first..=*last).contains(&value))
        };
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        (self.times.is_empty() || self.times.iter().any(|(first, end)| (*first..*end).contains(&minute)))
            && self.contains_day(at.year(), at.month(), number(at.day()))
            && within(&self.months, number(at.month()))
            && within(&self.weekdays, number(at.weekday().num_days_from_sunday()))
            && within(&self.years, at.year())
    }

    fn contains_day(&self, year: i32, month: u32, day: i32) -> bool {
        let days = days_of(year, month);
        let from_start = |day: i32| if day < 0 { days + day + 1 } else { day };
        self.days_of_month.is_empty()
            || self.days_of_month.iter().any(|(first, last)| {
                let first = from_start(*first);
                // A range that begins behind the end of a short month holds none of its days.
                first <= days && (first..=from_start(*last).min(days)).contains(&day)
            })
    }
}

fn days_of(year: i32, month: u32) -> i32 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = NaiveDate::from_ymd_opt(next_year, next_month, 1);
    first.and_then(|date| date.pred_opt()).and_then(|last| i32::try_from(last.day()).ok()).unwrap_or(MONTH_DAYS)
}

fn time_range(reader: &Reader, node: &Node) -> Option<(u32, u32)> {
    let mut fields = reader.fields(node)?;
    let expected = "a time of day such as \"09:00\", at most \"24:00\"";
    let start = fields.parsed("start_time", expected, time_of_day);
    let end = fields.parsed("end_time", expected, time_of_day);
    let (start, end) = (fields.required("start_time", start)?, fields.required("end_time", end)?);
    if start >= end {
        reader
            .mistake(fields.location(), "the start time is not before the end time: expected a stretch within one day");
        return None;
    }
    Some((start, end))
}

fn time_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
    };
    let (hours, minutes): (u32, u32) = (two(hours)?, two(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

/// Reads ranges `first:last`, or single values, of a part.
fn ranges(
    reader: &Reader,
    fields: &mut Fields<'_>,
    name: &'static str,
    expected: &str,
    value: impl Fn(&str) -> Option<i32>,
) -> Vec<(i32, i32)> {
    let read = |text: &str| {
        let text = text.to_lowercase();
        match text.split_once(':') {
            Some((first, last)) => Some((value(first)?, value(last)?)),
            None => value(&text).map(|value| (value, value)),
        }
    };
    let mut found = Vec::new();
    for node in fields.list(name) {
        let Some((first, last)) = reader.parsed(name, node, expected, read) else { continue };
        let least = |day: i32| if day < 0 { SHORTEST_MONTH_DAYS + day } else { day };
        let is_backwards =
            if name == "days_of_month" { (first < 0 && last > 0) || least(first) > least(last) } else { first > last };
        if is_backwards {
            reader.mistake(
                node.location,
                format!("{name}: the range ends before it begins: expected the earlier one first"),
            );
        } else {
            found.push((first, last));
        }
    }
    found
}

fn zone(name: &str) -> Option<Tz> {
    match name {
        "" | "UTC" => Some(Tz::UTC),
        "Local" => Some(local_zone()),
        name => name.parse().ok(),
    }
}

/// The system's own zone; UTC where it does not say.
fn local_zone() -> Tz {
    let variable = std::env::var("TZ").ok();
    let link = || std::fs::canonicalize(LOCAL_ZONE).ok().map(|path| path.to_string_lossy().into_owned());
    let text = variable.filter(|zone| !zone.is_empty()).or_else(link).unwrap_or_default();
    let name = text.trim_start_matches(':').rsplit_once("zoneinfo/").map_or(text.as_str(), |(_, name)| name);
    name.parse().unwrap_or(Tz::UTC)
}

/// Returns how many seconds east of Greenwich a zone is at a time in seconds since 1970, and what it is called then; none if there is no such zone.
pub fn zone_offset(name: &str, at_s: i64) -> Option<(i32, String)> {
    let at = DateTime::<Utc>::from_timestamp(at_s, 0)?.with_timezone(&zone(name)?);
    Some((at.offset().fix().local_minus_utc(), at.format("%Z").to_string()))
}

#[cfg(test)]
mod tests {
    use vitrine_kit::clock::parse_rfc3339;
    use vitrine_platform_config::yaml;

    use super::TimeInterval;

    fn interval(text: &str) -> Result<TimeInterval, Vec<String>> {
        yaml::read(text, |root, reader| TimeInterval::read(reader, root))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn times_are_in_or_out() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("{}", &["2026-11-27T17:00:00Z"], &[]),
            (
                "times: [{start_time: '09:00', end_time: '17:00'}]\nweekdays: ['monday:friday']",
                &["2026-11-27T09:00:00Z", "2026-11-27T16:59:59Z"],
                &["2026-11-27T17:00:00Z", "2026-11-27T08:59:59Z", "2026-11-28T10:00:00Z"],
            ),
            (
                "days_of_month: ['-3:-1']",
                &["2026-02-26T00:00:00Z", "2026-02-28T23:59:00Z", "2024-02-29T12:00:00Z"],
                &["2026-02-25T23:59:00Z"],
            ),
            ("days_of_month: ['31']", &["2026-01-31T00:00:00Z"], &["2026-02-28T00:00:00Z", "2026-04-30T00:00:00Z"]),
            ("days_of_month: ['25:31']", &["2026-02-28T00:00:00Z"], &["2026-02-24T00:00:00Z"]),
            (
                "months: ['may:august', December]",
                &["2026-05-01T00:00:00Z", "2026-12-31T00:00:00Z"],
                &["2026-09-01T00:00:00Z"],
            ),
            (
                "years: ['2024:2025', 2027]",
                &["2025-06-01T00:00:00Z", "2027-06-01T00:00:00Z"],
                &["2026-06-01T00:00:00Z"],
            ),
            (
                // Summer time, then winter time.
                "times: [{start_time: '02:30', end_time: '24:00'}]\nlocation: Europe/Berlin",
                &["2026-07-01T00:30:00Z", "2026-12-01T01:30:00Z"],
                &["2026-07-01T22:00:00Z", "2026-12-01T01:29:00Z"],
            ),
            // It is Friday there already.
            ("weekdays: [friday]\nlocation: Australia/Sydney", &["2026-11-26T13:00:00Z"], &["2026-11-26T12:59:00Z"]),
        ];
        for (text, inside, outside) in cases {
            let interval = interval(text).expect(text);
            for (times, expected) in [(inside, true), (outside, false)] {
                for time in *times {
                    assert_eq!(interval.contains(parse_rfc3339(time).expect("a time")), expected, "{text} {time}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_interval_is_told() {
        for (text, told) in [
            ("times: [{start_time: '9:00', end_time: '17:00'}]", "start_time"),
            ("times: [{start_time: '17:00', end_time: '09:00'}]", "not before"),
            ("times: [{start_time: '17:00'}]", "\"end_time\" is missing"),
            ("times: [{start_time: '00:00', end_time: '24:01'}]", "end_time"),
            ("weekdays: [someday]", "weekdays: expected a weekday"),
            ("weekdays: ['friday:monday']", "ends before it begins"),
            ("days_of_month: ['0']", "days_of_month"),
            ("days_of_month: ['-1:5']", "ends before it begins"),
            ("days_of_month: ['31:-29']", "ends before it begins"),
            ("months: [13]", "months"),
            ("years: ['2027:2026']", "ends before it begins"),
            ("location: Middle/Earth", "location: expected a time zone"),
            ("days: [1]", "unknown field"),
        ] {
            let mistakes = interval(text).expect_err(text).join("\n");
            assert!(mistakes.contains(told), "{text}: {mistakes}");
        }
    }
}
