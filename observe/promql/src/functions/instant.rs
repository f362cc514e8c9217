//! Functions of one number, of a time, and of a histogram.

use vitrine_observe_series::Histogram;

use crate::quantile::variance_of_histogram;

/// A function of one number.
pub type FloatFunction = fn(f64) -> f64;

/// A function of a histogram.
pub type HistogramFunction = fn(&Histogram) -> f64;

/// The function of this name that takes a number and returns one. Those that need more (`round`, `clamp`) are functions of their own here.
pub fn float_function(name: &str) -> Option<FloatFunction> {
    let function: FloatFunction = match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => |radians| radians * 180.0 / std::f64::consts::PI,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => |degrees| degrees * std::f64::consts::PI / 180.0,
        "sgn" => sign,
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    };
    Some(function)
}

/// The function of this name that takes a histogram and returns a number.
pub fn histogram_function(name: &str) -> Option<HistogramFunction> {
    let function: HistogramFunction = match name {
        "histogram_avg" => |histogram| histogram.sum / histogram.count,
        "histogram_count" => |histogram| histogram.count,
        "histogram_stddev" => |histogram| variance_of_histogram(histogram).sqrt(),
        "histogram_stdvar" => variance_of_histogram,
        "histogram_sum" => |histogram| histogram.sum,
        _ => return None,
    };
    Some(function)
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// `round(v, to)`: halves go up.
pub fn round(value: f64, to: f64) -> f64 {
    // Prometheus multiplies by the inverse, which has fewer rounding errors than dividing.
    let inverse = 1.0 / to;
    (value * inverse + 0.5).floor() / inverse
}

/// `clamp(v, least, greatest)`; none if the bounds are the wrong way round.
pub fn clamp(value: f64, least: f64, greatest: f64) -> Option<f64> {
    if greatest < least { None } else { Some(go_max(least, go_min(greatest, value))) }
}

/// The lesser one. Not a number if one is none, unless the other is negative infinity: Go's `math.Min`.
pub fn go_min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// The greater one. Not a number if one is none, unless the other is infinity: Go's `math.Max`.
pub fn go_max(a: f64, b: f64) -> f64 {
    -go_min(-a, -b)
}

/// A function of a time in seconds since 1970.
pub type DateFunction = fn(i64) -> f64;

/// The function of this name that takes a time and returns a part of its date in UTC.
pub fn date_function(name: &str) -> Option<DateFunction> {
    let function: DateFunction = match name {
        "days_in_month" => |time| of_date(time, |date| days_in_month(date.year, date.month)),
        "day_of_month" => |time| of_date(time, |date| date.day),
        "day_of_week" => |time| of_date(time, |date| date.weekday),
        "day_of_year" => |time| of_date(time, |date| date.day_of_year),
        "hour" => |time| of_date(time, |date| date.second_of_day / 3600),
        "minute" => |time| of_date(time, |date| date.second_of_day / 60 % 60),
        "month" => |time| of_date(time, |date| date.month),
        "year" => |time| of_date(time, |date| date.year),
        _ => return None,
    };
    Some(function)
}

/// A date in the Gregorian calendar, continued in both directions.
struct Date {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
    /// From 1.
    day_of_year: i64,
    /// From Sunday, which is 0.
    weekday: i64,
    second_of_day: i64,
}

/// Seconds of a day.
const DAY: i64 = 86_400;

fn of_date(time: i64, part: impl Fn(&Date) -> i64) -> f64 {
    part(&date(time)) as f64
}

/// The date of a time in seconds since 1970, by counting days from a first of March so that leap days come last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(time: i64) -> Date {
    /// Days from 1 March of year 0 to 1970.
    const BEFORE_1970: i64 = 719_468;
    /// Days of 400 years.
    const ERA: i64 = 146_097;
    let (day, second_of_day) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    let shifted = day + BEFORE_1970;
    let (era, of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let before: i64 = (1..month).map(|month| days_in_month(year, month)).sum();
    // 1 January 1970 was a Thursday.
    let weekday = (day + 4).rem_euclid(7);
    Date { year, month, day: day_of_month, day_of_year: before + day_of_month, weekday, second_of_day }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{clamp, date_function, float_function, round};

    #[test]
    fn dates_have_parts() {
        let names = ["year", "month", "day_of_month", "day_of_year", "day_of_week", "days_in_month", "hour", "minute"];
        let cases = [
            (0, [1970, 1, 1, 1, 4, 31, 0, 0]),
            (1_136_239_445, [2006, 1, 2, 2, 1, 31, 22, 4]),
            (1_230_767_999, [2008, 12, 31, 366, 3, 31, 23, 59]),
            (1_456_790_399, [2016, 2, 29, 60, 1, 29, 23, 59]),
            (951_868_800, [2000, 3, 1, 61, 3, 31, 0, 0]),
            (4_107_456_000, [2100, 2, 28, 59, 0, 28, 0, 0]),
            (-1, [1969, 12, 31, 365, 3, 31, 23, 59]),
            (-62_135_596_800, [1, 1, 1, 1, 1, 31, 0, 0]),
        ];
        for (time, expected) in cases {
            let parts = names.map(|name| date_function(name).unwrap()(time) as i64);
            assert_eq!(parts, expected, "{time}");
        }
        for extreme in [i64::MAX, i64::MIN] {
            assert!(date_function("year").unwrap()(extreme).is_finite());
        }
    }

    #[test]
    fn numbers_are_clamped() {
        let cases = [(5.0, 0.0, 3.0, Some(3.0)), (-5.0, 0.0, 3.0, Some(0.0)), (1.0, 3.0, 0.0, None)];
        for (value, least, greatest, expected) in cases {
            assert_eq!(clamp(value, least, greatest), expected);
        }
        for (value, least, greatest) in [(f64::NAN, 0.0, 3.0), (1.0, f64::NAN, 3.0), (1.0, 0.0, f64::NAN)] {
            assert!(clamp(value, least, greatest).is_some_and(f64::is_nan));
        }
    }

    #[test]
    fn numbers_are_rounded_and_signed() {
        let cases = [(2.5, 1.0, 3.0), (-2.5, 1.0, -2.0), (5.125, 0.25, 5.25), (17.0, 5.0, 15.0), (18.0, 5.0, 20.0)];
        for (value, to, expected) in cases {
            assert!((round(value, to) - expected).abs() < 1e-12, "{value} to {to}");
        }
        let sgn = float_function("sgn").unwrap();
        assert_eq!((sgn(-3.0), sgn(3.0), sgn(-0.0).to_bits()), (-1.0, 1.0, (-0.0_f64).to_bits()));
        assert!(sgn(f64::NAN).is_nan());
        assert!(float_function("round").is_none());
    }
}
