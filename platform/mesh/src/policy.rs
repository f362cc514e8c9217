//! What a method's contract says of its calls, as the Fence needs it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use vitrine_contracts::Method;

use crate::fence::Limits;

/// What a method's contract says, with what holds for one that no contract has.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) method: Option<&'static Method>,
    pub(crate) observed: bool,
    pub(crate) repeatable: bool,
    pub(crate) attempts: Option<u32>,
    deadline: Option<Duration>,
}

impl Policy {
    pub(crate) fn of(path: &str) -> Self {
        let method = vitrine_contracts::method(path);
        let positive = |of: fn(&Method) -> u32| method.map(of).filter(|n| *n > 0);
        Self {
            method,
            observed: method.is_none_or(|m| m.observed),
            repeatable: method.is_some_and(|m| m.repeatable),
            attempts: positive(|m| m.attempts),
            deadline: positive(|m| m.deadline_ms).map(|ms| Duration::from_millis(ms.into())),
        }
    }

    /// Returns the method's name as telemetry has it, `package.Service/Method`: without a copy where a contract has it.
    pub(crate) fn name(&self, path: &str) -> Cow<'static, str> {
        match self.method {
            Some(method) => Cow::Borrowed(method.path.trim_start_matches('/')),
            None => Cow::Owned(path.trim_start_matches('/').to_owned()),
        }
    }

    /// Returns when a call that begins now is late: by what was said of it, or else its contract, but never later than its caller's own
    /// deadline or than any call may be.
    pub(crate) fn deadline(
        &self,
        limits: &Limits,
        now: Instant,
        of_caller: Option<Instant>,
        said: Option<Duration>,
    ) -> Instant {
        let own = said.or(self.deadline).unwrap_or(limits.default_deadline).min(limits.max_deadline);
        of_caller.map_or(now + own, |callers| callers.min(now + own))
    }
}
