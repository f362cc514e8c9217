//! What faults do to events on their way: to a consumer, and from an outbox to a broker.

use tonic::Status;
use vitrine_contracts::bus::v1::Event;
use vitrine_platform_faults::{Call, Effect, Ruling, Site};
use vitrine_platform_mesh::failed;
use vitrine_platform_telemetry::Context;

/// Where the trace's id stands in a `traceparent`.
const TRACE: std::ops::Range<usize> = 3..35;

/// Decides what happens to an event that a consumer is given. Its subject is the trace that published it: the consumer's own is another one
/// at each try.
pub(crate) fn decide(site: &Site, event: &Event, own: &Context) -> Option<Box<Ruling>> {
    let trace_id = event.traceparent.get(TRACE).and_then(|hex| u128::from_str_radix(hex, 16).ok()).unwrap_or(0);
    let span_id = own.ids().1;
    site.decide(&Call { trace_id, span_id, key: &event.topic, ..Call::default() })
}

/// What a call that a handler makes fails with, if it is to fail.
pub(crate) fn failure(ruling: &Ruling, event: &Event) -> Option<Status> {
    match ruling.ending()? {
        Effect::Error { code, reason, .. } => Some(failed(code, reason.as_deref(), &event.topic)),
        _ => None,
    }
}

/// Whether what was done of an event is to be thrown away, as by a crash before the commit.
pub(crate) fn is_crash(ruling: &Ruling) -> bool {
    matches!(ruling.ending(), Some(Effect::Redeliver))
}

/// Lets a relay wait, if it is to.
pub(crate) async fn relay(site: &Site) {
    let ruling = site.decide(&Call::default());
    if let Some(ruling) = ruling {
        ruling.wait().await;
    }
}
