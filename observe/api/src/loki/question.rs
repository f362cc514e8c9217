//! What is asked: parameters of the address and of a form, as Loki reads them.

use http::HeaderMap;
use serde_json::Value;
use vitrine_kit::clock::{self, Clock};
use vitrine_kit::percent;
use vitrine_observe_logql::ast::LogExpr;
use vitrine_observe_logql::{self as logql, Steps, TimeRange, parse_log, parse_matchers};
use vitrine_observe_promql::EvalError;
use vitrine_observe_store::QueryError;
use vitrine_observe_store::series::{Matcher, QueryError as BudgetError};

use crate::error::Error;

/// Lines returned where nobody says how many.
const LIMIT: usize = 100;
/// Most lines, values and volumes that one answer has.
const MAX_LIMIT: usize = 10_000;
/// Most steps of a query for numbers: Prometheus's limit.
const MAX_STEPS: u64 = 11_000;
/// Steps of a query that does not say how long one is.
const USUAL_STEPS: u64 = 250;
const SECOND_NS: u64 = 1_000_000_000;
/// How far back a query looks that does not say it.
const LINES_SINCE_NS: u64 = 3_600 * SECOND_NS;
/// How far back labels are looked for where nobody says it.
const LABELS_SINCE_NS: u64 = 6 * 3_600 * SECOND_NS;
/// By this header clients say how they want to be answered.
const FLAGS: &str = "x-loki-response-encoding-flags";
/// The flag of those who want labels told apart by where they come from.
const CATEGORIZE: &str = "categorize-labels";

/// What an answer is made of.
pub(super) type LokiResult = Result<Value, Error>;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pairs: Vec<(String, String)>,
    /// What is named in the path.
    pub(super) name: String,
    /// Whether labels are told apart by where they come from.
    pub(super) categorizes: bool,
    /// Nanoseconds since 1970.
    pub(super) now_ns: u64,
}

/// Parameters of the form before those of the address, as in Go.
pub(super) fn pairs(query: &str, form: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let form = std::str::from_utf8(form).map_err(|_| Error::Question("the form is not UTF-8".to_owned()))?;
    let decoded = |part: &str| {
        let wrong = || Error::Question(format!("invalid URL escape in {part:?}"));
        percent::decode(&part.replace('+', " ")).ok_or_else(wrong)
    };
    let all = form.split('&').chain(query.split('&')).filter(|pair| !pair.is_empty());
    all.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name)?, decoded(value)?))
    })
    .collect()
}

/// An error of a query as this crate says it.
pub(super) fn asking(error: logql::Error) -> Error {
    match error {
        logql::Error::Query(error) => Error::Query(error),
        logql::Error::Evaluate(EvalError::Query(error)) => match error {
            BudgetError::TooManyBytes { most } => Error::Query(QueryError::TooMuch { bytes: most }),
            BudgetError::TooLong { most } => Error::Query(QueryError::TooLong { most }),
            BudgetError::Storage(why) => Error::Query(QueryError::Disk(why)),
            BudgetError::Canceled => Error::Stopped,
            error @ BudgetError::TooManySamples { .. } => Error::Question(error.to_string()),
        },
        error => Error::Question(error.to_string()),
    }
}

/// A time in nanoseconds since 1970: a whole number of seconds or nanoseconds, a decimal number of seconds, or RFC 3339.
fn time_ns(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse::<u64>() {
        return if text.len() <= 10 { number.checked_mul(SECOND_NS) } else { Some(number) };
    }
    if let Ok(seconds) = text.parse::<f64>() {
        // To the microsecond: a double has no more.
        return (0.0..1e10).contains(&seconds).then(|| (seconds * 1e6).round() as u64 * 1_000);
    }
    u64::try_from(clock::parse_rfc3339_ns(text)?).ok()
}

/// A duration in nanoseconds: seconds, or with units.
fn length_ns(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (0.0..1e10).contains(&seconds).then(|| (seconds * 1e9).round() as u64);
    }
    u64::try_from(logql::duration_ns(text)?).ok()
}

impl Question {
    pub(super) fn new(pairs: Vec<(String, String)>, name: String, headers: &HeaderMap) -> Self {
        let flags = headers.get(FLAGS).and_then(|flags| flags.to_str().ok()).unwrap_or_default();
        let categorizes = flags.split(',').any(|flag| flag.trim() == CATEGORIZE);
        let now_ns = u64::try_from(Clock::system().now_ms()).unwrap_or(0).saturating_mul(1_000_000);
        Self { pairs, name, categorizes, now_ns }
    }

    /// The first value of a parameter; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter, also where it is written with brackets.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let is = |key: &str| key == name || key.strip_suffix("[]") == Some(name);
        self.pairs.iter().filter(|(key, _)| is(key)).map(|(_, value)| value.as_str()).collect()
    }

    /// The query; an error if there is none.
    pub(super) fn query(&self) -> Result<&str, Error> {
        match self.get("query") {
            "" => Err(Error::Required("query")),
            query => Ok(query),
        }
    }

    /// The query as one for lines.
    pub(super) fn log(&self) -> Result<LogExpr, Error> {
        parse_log(self.query()?).map_err(|error| Error::Question(error.to_string()))
    }

    /// The query as a selector, or none if there is no query or it selects everything.
    pub(super) fn matchers(&self) -> Result<Vec<Matcher>, Error> {
        match self.get("query") {
            "" => Ok(Vec::new()),
            query => parse_matchers(query).map_err(|error| Error::Question(error.to_string())),
        }
    }

    pub(super) fn time_or(&self, name: &'static str, default: u64) -> Result<u64, Error> {
        match self.get(name) {
            "" => Ok(default),
            text => time_ns(text).ok_or_else(|| {
                let expected = "expected nanoseconds or seconds since 1970, or RFC 3339";
                Error::parameter(name, format!("{text:?} found; {expected}"))
            }),
        }
    }

    fn length(&self, name: &'static str) -> Result<Option<u64>, Error> {
        match self.get(name) {
            "" => Ok(None),
            text => match length_ns(text).filter(|length| *length > 0) {
                Some(length) => Ok(Some(length)),
                None => Err(Error::parameter(
                    name,
                    format!("{text:?} found; expected seconds above 0, or a duration such as 5m"),
                )),
            },
        }
    }

    fn range_since(&self, since_ns: u64) -> Result<TimeRange, Error> {
        let end_ns = self.time_or("end", self.now_ns)?;
        let since_ns = self.length("since")?.unwrap_or(since_ns);
        let start_ns = self.time_or("start", end_ns.min(self.now_ns).saturating_sub(since_ns))?;
        if end_ns < start_ns {
            return Err(Error::parameter("end", "end timestamp must not be before or equal to start time"));
        }
        Ok(TimeRange { start_ns, end_ns })
    }

    /// From when to when lines are asked for.
    pub(super) fn range(&self) -> Result<TimeRange, Error> {
        self.range_since(LINES_SINCE_NS)
    }

    /// From when to when streams are asked for.
    pub(super) fn streams_range(&self) -> Result<TimeRange, Error> {
        self.range_since(LABELS_SINCE_NS)
    }

    /// How long a step is, in nanoseconds.
    pub(super) fn step_ns(&self, range: TimeRange) -> Result<u64, Error> {
        let usual = (range.end_ns - range.start_ns) / SECOND_NS / USUAL_STEPS;
        Ok(self.length("step")?.unwrap_or(usual.max(1) * SECOND_NS))
    }

    /// When a query for numbers is evaluated.
    pub(super) fn steps(&self) -> Result<Steps, Error> {
        let range = self.range()?;
        let step_ns = self.step_ns(range)?;
        let more = (range.end_ns - range.start_ns) / step_ns;
        if more > MAX_STEPS {
            let why = "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter";
            return Err(Error::Question(why.to_owned()));
        }
        Ok(Steps { start_ns: range.start_ns, step_ns, count: more as usize + 1 })
    }

    /// How many are wanted.
    pub(super) fn limit(&self) -> Result<usize, Error> {
        self.number("limit", LIMIT)
    }

    /// A number of something, which may not be more than an answer has.
    pub(super) fn number(&self, name: &'static str, default: usize) -> Result<usize, Error> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(default);
        }
        let number: usize = text
            .parse()
            .map_err(|_| Error::parameter(name, format!("{text:?} found; expected a whole number above 0")))?;
        match number {
            0 => Err(Error::parameter(name, "must be a positive value")),
            1..=MAX_LIMIT => Ok(number),
            _ => Err(Error::Question(format!(
                "max entries limit per query exceeded, {name} > max_entries_limit ({number} > {MAX_LIMIT})"
            ))),
        }
    }

    /// Whether the newest lines come first.
    pub(super) fn is_backward(&self) -> Result<bool, Error> {
        match self.get("direction").to_ascii_lowercase().as_str() {
            "" | "backward" => Ok(true),
            "forward" => Ok(false),
            other => Err(Error::parameter("direction", format!("{other:?} found; expected forward or backward"))),
        }
    }
}
