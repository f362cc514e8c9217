//! Where a piece of work stands: its trace, its baggage, its service and its deadline.
//!
//! The current context is a task-local that only the Fence, spans and consumers set, always around one future. Code that
//! moves work to another task takes [`Context::current`] with it and runs the work in [`Context::scope`].

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use vitrine_kit::percent::{self, AsciiSet};

use crate::pipeline::Service;
use crate::span::event;
use crate::time::now_unix_nano;
use crate::trace_events::TraceEvents;
use crate::value::Value;

/// Most baggage that is taken from outside, in bytes (W3C: at least 8192 must be carried on).
const MAX_BAGGAGE_BYTES: usize = 8192;
/// Most baggage entries.
const MAX_BAGGAGE_ENTRIES: usize = 64;
/// What a value of baggage must not hold as it is (W3C Baggage, 3.3.1.3).
const IN_BAGGAGE: &AsciiSet = &percent::IN_HEADER.add(b'"').add(b',').add(b';').add(b'\\');

tokio::task_local! {
    static CURRENT: Context;
}

/// Who calls, in which trace, with what baggage and until when.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub(crate) service: Option<Service>,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) sampled: bool,
    pub(crate) baggage: Arc<Baggage>,
    pub(crate) deadline: Option<Instant>,
    /// What the spans of a sampled trace share in this process.
    pub(crate) events: Option<Arc<TraceEvents>>,
}

impl Context {
    /// The context of the running task; an empty one outside of any.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Looks at the current context without cloning it.
    pub(crate) fn with_current<T>(look: impl FnOnce(&Context) -> T) -> Option<T> {
        CURRENT.try_with(look).ok()
    }

    /// Runs a future with this as its current context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs a closure with this as its current context.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// The trace id as 32 hex digits; none outside of a trace.
    pub fn trace_id(&self) -> Option<String> {
        (self.trace_id != 0).then(|| format!("{:032x}", self.trace_id))
    }

    /// The trace's id and the current span's; 0 outside of a trace.
    pub fn ids(&self) -> (u128, u64) {
        (self.trace_id, self.span_id)
    }

    /// The W3C `traceparent` header; none outside of a trace.
    pub fn traceparent(&self) -> Option<String> {
        (self.trace_id != 0)
            .then(|| format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled)))
    }

    /// The W3C `baggage` header; empty when there is none.
    pub fn baggage_header(&self) -> String {
        self.baggage.to_header()
    }

    /// What travels along.
    pub fn baggage(&self) -> &Baggage {
        &self.baggage
    }

    /// When the caller stops waiting.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same with another deadline.
    pub fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Adds an event to the current span, unless one of the same identity was added in this trace by this process. Where the trace is
    /// not sampled, nothing happens, and the attributes are not made.
    pub fn event_once<const N: usize>(
        &self,
        name: &str,
        identity: u64,
        attributes: impl FnOnce() -> [Option<(&'static str, Value)>; N],
    ) {
        if let Some(events) = self.events.as_ref().filter(|_| self.sampled) {
            let write = || event(now_unix_nano(), name, attributes().into_iter().flatten());
            events.add_once(self.span_id, identity, write);
        }
    }

    /// The service whose work this is.
    pub fn service(&self) -> Option<&Service> {
        self.service.as_ref()
    }
}

/// Reads a `traceparent` header: trace id, span id, sampled. Anything malformed starts a new trace, as W3C says.
pub(crate) fn parse_traceparent(header: &str) -> Option<(u128, u64, bool)> {
    let mut parts = header.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower_hex =
        |s: &str, len: usize| s.len() == len && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !lower_hex(version, 2) || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    if !lower_hex(trace, 32) || !lower_hex(span, 16) || !lower_hex(flags, 2) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok()?;
    let span = u64::from_str_radix(span, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    (trace != 0 && span != 0).then_some((trace, span, flags & 1 == 1))
}

/// W3C baggage: names and values that travel with a request through every service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baggage(Vec<(String, String)>);

impl Baggage {
    /// Reads a `baggage` header; entries that cannot be read or do not fit are left out.
    pub fn parse(header: &str) -> Self {
        let mut entries: Vec<(String, String)> = Vec::new();
        if header.len() > MAX_BAGGAGE_BYTES {
            return Self::default();
        }
        for member in header.split(',').take(MAX_BAGGAGE_ENTRIES) {
            let member = member.split(';').next().unwrap_or_default();
            let Some((key, value)) = member.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            let Some(value) = percent::decode(value) else { continue };
            if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) {
                entries.push((key.to_owned(), value));
            }
        }
        Self(entries)
    }

    /// The value of a name.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Whether nothing travels along.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a header.
    pub fn to_header(&self) -> String {
        let mut out = String::new();
        for (key, value) in &self.0 {
            if !out.is_empty() {
                out.push(',');
            }
            out.push_str(key);
            out.push('=');
            out.push_str(&percent::encode_set(value, IN_BAGGAGE));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{Baggage, parse_traceparent};

    #[test]
    fn traceparents() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            parse_traceparent(good),
            Some((0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true))
        );
        for bad in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn baggage_survives_a_round_trip() {
        let baggage = Baggage::parse("session.id=a%20b,synthetic_request=true;meta=1,broken,=x,bad=%zz");
        assert_eq!(baggage.get("session.id"), Some("a b"));
        assert_eq!(baggage.get("synthetic_request"), Some("true"));
        assert_eq!(baggage.get("bad"), None);
        assert_eq!(Baggage::parse(&baggage.to_header()), baggage);
        assert!(Baggage::parse(&"a=b,".repeat(4000)).is_empty());
    }
}
