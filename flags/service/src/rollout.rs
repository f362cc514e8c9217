//! Roll-outs as they are asked for: one variant takes the place of another, share by share.

use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use vitrine_kit::duration;

/// What all subjects are, in parts: shares are told in percent with two digits after the point.
pub(crate) const WHOLE: u32 = 10_000;
/// Most steps of a roll-out.
pub const MAX_STEPS: usize = 100;
/// Shortest and longest time between two steps.
const STEP_TIMES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(365 * 86_400));
/// Longest query of a guard, in bytes.
const MAX_QUERY_BYTES: usize = 10_000;

/// How one variant takes the place of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollOutPlan {
    /// The variant whose place is taken, which is the flag's default variant.
    pub from: String,
    /// The variant that takes it.
    pub to: String,
    /// The shares of the subjects that get it, one after the other, in percent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Share>,
    /// Instead of steps: so many equal ones up to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<u32>,
    /// The time between two steps.
    pub every: Span,
    /// What must not come about meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

/// A share of all subjects, in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(pub(crate) u32);

impl TryFrom<f64> for Share {
    type Error = String;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was checked to be within 0 and the whole"
    )]
    fn try_from(percent: f64) -> Result<Self, String> {
        let parts = percent * f64::from(WHOLE) / 100.0;
        let is_exact = (parts - parts.round()).abs() < 1e-6;
        if is_exact && parts.round() >= 1.0 && parts.round() <= f64::from(WHOLE) {
            return Ok(Self(parts.round() as u32));
        }
        Err(format!(
            "a share is a percentage above zero, at most that of all, with at most two digits after the point, and not {percent}"
        ))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        Self::from(share.0) * 100.0 / Self::from(WHOLE)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", f64::from(*self))
    }
}

/// A span of time, told as `90s`, `1h30m` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub(crate) Duration);

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let span = duration::parse(&text).filter(|span| *span <= STEP_TIMES.1);
        let longest = STEP_TIMES.1.as_secs() / 86_400;
        span.map(Self)
            .ok_or_else(|| format!("a time such as 30s, 1h30m or 7d is expected, {longest}d at most, and not {text:?}"))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        format!("{}ms", span.0.as_millis())
    }
}

impl Span {
    pub(crate) fn ms(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A question about what the system does, and which answer ends a roll-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// In which language it is asked.
    pub language: Language,
    /// The question; what is compared is the first number of the answer.
    pub query: String,
    /// On which side of the value the answer must not lie.
    pub is: Side,
    /// The value.
    pub value: f64,
    /// For how long it must lie there.
    #[serde(default)]
    pub r#for: Span,
    /// What is done then.
    #[serde(default)]
    pub then: Then,
}

/// The language of a guard's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// SQL over traces, logs and metrics.
    Sql,
    /// PromQL.
    Promql,
}

/// A side of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// More than it.
    Above,
    /// Less than it.
    Below,
}

/// What a guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// The share stays as it is.
    #[default]
    Stop,
    /// The flag is as it was before the roll-out.
    Revert,
}

impl Guard {
    /// Whether the answer lies where it must not. No answer lies nowhere.
    pub(crate) fn is_beyond(&self, answer: Option<f64>) -> bool {
        answer.is_some_and(|answer| match self.is {
            Side::Above => answer > self.value,
            Side::Below => answer < self.value,
        })
    }
}

/// Who answers guards' questions: whoever composes the process gives one.
pub trait Measurements: Send + Sync {
    /// The first number of the answer; none where the answer is empty.
    fn ask<'m>(&'m self, language: Language, query: &'m str) -> BoxFuture<'m, Result<Option<f64>, String>>;
}

/// Nobody: whatever is asked, there is no one who could answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObservatory;

impl Measurements for NoObservatory {
    fn ask<'m>(&'m self, _: Language, _: &'m str) -> BoxFuture<'m, Result<Option<f64>, String>> {
        Box::pin(async { Err("no observatory is known here: set flags.observatory".to_owned()) })
    }
}

impl RollOutPlan {
    /// The shares, one after the other; what is wrong with the plan if something is.
    pub(crate) fn shares(&self) -> Result<Vec<Share>, String> {
        if self.every.0 < STEP_TIMES.0 {
            return Err(format!("every: {} s at least is expected", STEP_TIMES.0.as_secs()));
        }
        if let Some(guard) = &self.guard {
            if guard.query.trim().is_empty() || guard.query.len() > MAX_QUERY_BYTES {
                return Err(format!("guard.query: a query of 1 to {MAX_QUERY_BYTES} bytes is expected"));
            }
            if !guard.value.is_finite() {
                return Err("guard.value: a finite number is expected".to_owned());
            }
        }
        let many = |count: usize| format!("1 to {MAX_STEPS} steps are expected, and not {count}");
        match self.linear {
            Some(_) if !self.steps.is_empty() => {
                Err("linear: it stands instead of steps, and both are here".to_owned())
            }
            Some(count) if count == 0 || count as usize > MAX_STEPS => Err(format!("linear: {}", many(count as usize))),
            Some(count) => Ok((1..=count).map(|n| Share(WHOLE * n / count)).collect()),
            None if self.steps.is_empty() || self.steps.len() > MAX_STEPS => {
                Err(format!("steps: {}", many(self.steps.len())))
            }
            None if self.steps.windows(2).any(|pair| pair[0] >= pair[1]) => {
                Err("steps: each is expected to be more than the one before".to_owned())
            }
            None => Ok(self.steps.clone()),
        }
    }
}
