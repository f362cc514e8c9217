//! Time zones and the units of the calendar.

use chrono::{
    DateTime, Datelike, Duration, FixedOffset, LocalResult, Months, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;

use super::NANOS_PER_SECOND;
use crate::elastic::error::{SearchError, shown};

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Zone {
    Fixed(FixedOffset),
    Named(Tz),
}

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// The unit of date math's letter.
    pub(crate) fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            's' => Self::Second,
            'm' => Self::Minute,
            'h' | 'H' => Self::Hour,
            'd' => Self::Day,
            'w' => Self::Week,
            'M' => Self::Month,
            'y' => Self::Year,
            _ => return None,
        })
    }

    /// The unit of a calendar interval.
    pub(crate) fn of_interval(text: &str) -> Option<Self> {
        Some(match text {
            "second" | "1s" => Self::Second,
            "minute" | "1m" => Self::Minute,
            "hour" | "1h" => Self::Hour,
            "day" | "1d" => Self::Day,
            "week" | "1w" => Self::Week,
            "month" | "1M" => Self::Month,
            "quarter" | "1q" => Self::Quarter,
            "year" | "1y" => Self::Year,
            _ => return None,
        })
    }

    /// Seconds of a unit that always has as many; days and longer ones do not.
    pub(crate) fn seconds(self) -> Option<i64> {
        match self {
            Self::Second => Some(1),
            Self::Minute => Some(60),
            Self::Hour => Some(3600),
            _ => None,
        }
    }
}

impl Zone {
    pub(crate) fn utc() -> Self {
        Self::Fixed(Utc.fix())
    }

    /// Reads `UTC`, `Z`, an offset such as `+01:00`, or a name such as `Europe/Berlin`.
    pub(crate) fn parse(text: &str) -> Result<Self, SearchError> {
        let wrong = || {
            let expected = "expected UTC, an offset such as +01:00, or a name such as Europe/Berlin";
            SearchError::illegal(format!("unknown time zone [{}]; {expected}", shown(text)))
        };
        match text {
            "Z" | "UTC" | "utc" | "GMT" => Ok(Self::utc()),
            _ if text.starts_with(['+', '-']) => offset(text).map(Self::Fixed).ok_or_else(wrong),
            _ => text.parse().map(Self::Named).map_err(|_| wrong()),
        }
    }

    /// A moment as clocks of the zone show it.
    pub(crate) fn local(self, ns: i64) -> NaiveDateTime {
        let utc = DateTime::from_timestamp_nanos(ns);
        match self {
            Self::Fixed(offset) => utc.with_timezone(&offset).naive_local(),
            Self::Named(zone) => utc.with_timezone(&zone).naive_local(),
        }
    }

    /// Seconds that the zone is before UTC at a moment.
    pub(crate) fn offset_at(self, ns: i64) -> i32 {
        let utc = DateTime::from_timestamp_nanos(ns).naive_utc();
        match self {
            Self::Fixed(offset) => offset.local_minus_utc(),
            Self::Named(zone) => zone.offset_from_utc_datetime(&utc).fix().local_minus_utc(),
        }
    }

    /// The moment when clocks of the zone show this: the first, if they do twice; if they never do, when they are put forward past it.
    pub(crate) fn moment(self, local: NaiveDateTime) -> Option<i64> {
        let found = |local: NaiveDateTime| match self {
            Self::Fixed(offset) => offset.from_local_datetime(&local).map(|time| time.timestamp_nanos_opt()),
            Self::Named(zone) => zone.from_local_datetime(&local).map(|time| time.timestamp_nanos_opt()),
        };
        match found(local) {
            LocalResult::Single(ns) | LocalResult::Ambiguous(ns, _) => ns,
            LocalResult::None => found(local.checked_add_signed(Duration::hours(1))?).earliest().flatten(),
        }
    }

    /// So many units later, or earlier.
    pub(crate) fn add(self, ns: i64, number: i64, unit: Unit) -> Option<i64> {
        if let Some(seconds) = unit.seconds() {
            return ns.checked_add(number.checked_mul(seconds)?.checked_mul(NANOS_PER_SECOND)?);
        }
        let local = self.local(ns);
        let months = |number: i64| {
            let size = Months::new(u32::try_from(number.unsigned_abs()).ok()?);
            if number < 0 { local.checked_sub_months(size) } else { local.checked_add_months(size) }
        };
        let moved = match unit {
            Unit::Day => local.checked_add_signed(Duration::try_days(number)?)?,
            Unit::Week => local.checked_add_signed(Duration::try_weeks(number)?)?,
            Unit::Month => months(number)?,
            Unit::Quarter => months(number.checked_mul(3)?)?,
            _ => months(number.checked_mul(12)?)?,
        };
        self.moment(moved)
    }

    /// The beginning of the unit that a moment is in.
    pub(crate) fn floor(self, ns: i64, unit: Unit) -> Option<i64> {
        if let Some(seconds) = unit.seconds() {
            let step = seconds * NANOS_PER_SECOND;
            let offset = i64::from(self.offset_at(ns)) * NANOS_PER_SECOND;
            let local = ns.checked_add(offset)?;
            return Some(local.div_euclid(step) * step - offset);
        }
        let date = self.local(ns).date();
        let start = match unit {
            Unit::Week => date.checked_sub_signed(Duration::days(date.weekday().num_days_from_monday().into()))?,
            Unit::Month => date.with_day(1)?,
            Unit::Quarter => NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1)?,
            Unit::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1)?,
            _ => date,
        };
        self.moment(start.and_hms_opt(0, 0, 0)?)
    }
}

/// An offset such as `+01:00`, `+0100` or `-5`.
pub(super) fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let all_digits = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(hours) || !all_digits(minutes) {
        return None;
    }
    FixedOffset::east_opt(sign * (hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60))
}
