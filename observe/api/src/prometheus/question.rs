//! What is asked: parameters of the address and of a form, as Go reads them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use vitrine_kit::{clock, percent};
use vitrine_observe_promql::go_quote;
use vitrine_observe_promql::parse::{parse_duration_ms, parse_selector};
use vitrine_observe_rules::status::GroupStatus;
use vitrine_observe_store::Tenant;
use vitrine_observe_store::series::{Budget, Filter, Matcher, Queryable};

use super::Settings;
use super::answer::{ApiData, Failed};

/// What stands for no beginning and no end, in milliseconds: Prometheus's `MinTime` and `MaxTime`.
const MIN_TIME: (i64, &str) = (-9_223_372_036_854_775 * 1000 + 62_135_596_801_000, "-292273086-05-16T16:47:06Z");
const MAX_TIME: (i64, &str) =
    (9_223_372_036_854_775 * 1000 - 62_135_596_801_000 + 999, "292277025-08-18T07:12:54.999999999Z");

/// A warning where not all is told.
pub(super) const TRUNCATED: &str = "results truncated due to limit";

/// One request.
pub(super) struct Question {
    pub(super) pairs: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) tenant: Tenant,
    pub(super) settings: Arc<Settings>,
    pub(super) series: Arc<dyn Queryable>,
    pub(super) budget: Arc<Budget>,
    pub(super) now_ms: i64,
}

/// Parameters of a query string or a form; what cannot be decoded is an error.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Failed> {
    let decoded = |part: &str| {
        percent::decode(&part.replace('+', " ")).ok_or_else(|| {
            Failed::BadData(format!("error parsing form values: invalid URL escape in {}", go_quote(part)))
        })
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

impl Question {
    /// Groups of rules as they are now.
    pub(super) fn rule_groups(&self) -> Vec<GroupStatus> {
        self.settings.parts.rules.as_ref().map(|rules| rules.groups()).unwrap_or_default()
    }

    /// The first value of a parameter; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How many are wanted; none is all.
    pub(super) fn limit(&self) -> Result<Option<usize>, Failed> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(None);
        }
        let limit: i64 = text.parse().map_err(|_| {
            Failed::parameter("limit", format!("strconv.Atoi: parsing {}: invalid syntax", go_quote(text)))
        })?;
        match usize::try_from(limit) {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(Failed::parameter("limit", "limit must be non-negative")),
        }
    }

    /// A time in milliseconds that must be there.
    pub(super) fn time(&self, name: &str) -> Result<i64, Failed> {
        time(self.get(name)).map_err(|why| Failed::parameter(name, why))
    }

    /// A time in milliseconds.
    pub(super) fn time_or(&self, name: &str, default: i64) -> Result<i64, Failed> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(default);
        }
        time(text).map_err(|why| Failed::parameter(name, format!("invalid time value for '{name}': {why}")))
    }

    /// The same, where the original does not say which parameter it is.
    pub(super) fn plain_time_or(&self, name: &str, default: i64) -> Result<i64, Failed> {
        match self.get(name) {
            "" => Ok(default),
            text => time(text).map_err(|why| Failed::BadData(format!("invalid time value for '{name}': {why}"))),
        }
    }

    /// What Go's `ParseBool` takes for yes or no; none for anything else.
    pub(super) fn flag(&self, name: &str, default: bool) -> Option<bool> {
        match self.get(name) {
            "" => Some(default),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        }
    }

    /// A length of time in milliseconds that must be there, rounded down.
    pub(super) fn duration(&self, name: &str) -> Result<i64, Failed> {
        duration(self.get(name)).map_err(|why| Failed::parameter(name, why))
    }

    /// How far back series are looked for where the question says so.
    pub(super) fn lookback(&self) -> Result<Option<i64>, Failed> {
        let text = self.get("lookback_delta");
        if text.is_empty() {
            return Ok(None);
        }
        let ms =
            duration(text).map_err(|why| Failed::BadData(format!("error parsing lookback delta duration: {why}")))?;
        Ok((ms > 0).then_some(ms))
    }

    /// The series that the question is about.
    pub(super) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, String> {
        self.all("match[]")
            .map(|text| {
                let matchers = parse_selector(text).map_err(|error| error.to_string())?;
                if matchers.iter().all(|matcher| matcher.matches("")) {
                    return Err("match[] must contain at least one non-empty matcher".to_owned());
                }
                Ok(matchers)
            })
            .collect()
    }

    /// The time that the question is about, in milliseconds: all of it if it does not say.
    pub(super) fn times(&self) -> Result<(i64, i64), Failed> {
        Ok((self.time_or("start", MIN_TIME.0)?, self.time_or("end", MAX_TIME.0)?))
    }

    /// The series and the time that the question is about.
    pub(super) fn filter(&self) -> Result<Filter, Failed> {
        let (start_ms, end_ms) = self.times()?;
        Ok(Filter { matchers: self.matchers().map_err(Failed::BadData)?, start_ms, end_ms })
    }

    /// Items as JSON, as many as are wanted.
    pub(super) fn limited<T>(
        &self,
        mut items: Vec<T>,
        limit: Option<usize>,
        write: impl FnOnce(&mut String, Vec<T>),
    ) -> ApiData {
        let mut answer = ApiData::default();
        if let Some(limit) = limit.filter(|limit| items.len() > *limit) {
            items.truncate(limit);
            answer.warnings.push(TRUNCATED.to_owned());
        }
        let mut data = String::new();
        write(&mut data, items);
        answer.data = Some(data);
        answer
    }
}

/// How long a query may take that asks for less than the limit.
pub(super) fn time_limit(pairs: &[(String, String)], limit: Duration) -> Result<Duration, Failed> {
    let asked = pairs.iter().find(|(name, value)| name == "timeout" && !value.is_empty());
    let Some((_, text)) = asked else { return Ok(limit) };
    let ms = duration(text).map_err(|why| Failed::parameter("timeout", why))?;
    Ok(Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(limit))
}

/// Seconds since 1970 or a date, in milliseconds.
fn time(text: &str) -> Result<i64, String> {
    if let Some(seconds) = float(text) {
        // Saturates: who sends milliseconds where seconds belong is told of all times.
        return Ok((seconds * 1000.0).round() as i64);
    }
    if let Some(ms) = clock::parse_rfc3339(text) {
        return Ok(ms);
    }
    let bound = [MIN_TIME, MAX_TIME].into_iter().find(|(_, shown)| *shown == text);
    bound.map(|(ms, _)| ms).ok_or_else(|| format!("cannot parse {} to a valid timestamp", go_quote(text)))
}

/// A number as Go's `ParseFloat` takes one.
fn float(text: &str) -> Option<f64> {
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || ["inf", "infinity", "nan"].contains(&plain.to_ascii_lowercase().as_str());
    let number = if is_number { text.parse::<f64>().ok()? } else { return None };
    // What is too large for a number is none in Go.
    let says_infinity = plain.starts_with(['i', 'I']);
    (number.is_finite() || number.is_nan() || says_infinity).then_some(number)
}

/// Seconds or a duration, in milliseconds.
fn duration(text: &str) -> Result<i64, String> {
    if let Some(seconds) = float(text) {
        let nanoseconds = seconds * 1e9;
        if nanoseconds.is_nan() || nanoseconds.abs() > i64::MAX as f64 {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", go_quote(text)));
        }
        return Ok(nanoseconds as i64 / 1_000_000);
    }
    parse_duration_ms(text).map_err(|_| format!("cannot parse {} to a valid duration", go_quote(text)))
}
