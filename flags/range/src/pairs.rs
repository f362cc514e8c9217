//! The effect of an incident as a paired difference: against its twin, the same people in the same order without the fault.
//!
//! Requests are paired by the low half of their traces' ids, which the load makes of who comes and of how many requests they have made. A
//! request that another way was taken to, for what came before it went wrong, has another name and is not paired.

use std::collections::HashMap;

use crate::interval::bootstrap;
use crate::record::{Figure, Paired, PairedFigure, Record};
use crate::rows::{SpanRow, Telemetry, kind};

/// An incident's record, and what was seen of it.
pub type Seen<'a> = (&'a Record, &'a Telemetry);

/// The requests from outside while a fault was at work, or would have been.
fn requests<'a>((record, telemetry): Seen<'a>) -> impl Iterator<Item = ((u64, &'a str), &'a SpanRow)> {
    let during = record.windows.during;
    let is_request =
        move |span: &&SpanRow| span.parent_span_id == 0 && span.kind == kind::SERVER && during.holds(span.time_ns);
    telemetry.spans.iter().filter(is_request).map(|span| ((span.trace_id as u64, span.name.as_str()), span))
}

fn moved(figure: &Figure) -> Option<f64> {
    // What does not come about leaves nothing behind: no errors are zero errors.
    Some(figure.during? - figure.baseline.unwrap_or(0.0))
}

/// Returns what an incident made of the requests that it shares with its twin; the seed is that of the interval.
pub fn paired(incident: Seen<'_>, twin: Seen<'_>, seed: u64) -> Paired {
    let without: HashMap<(u64, &str), &SpanRow> = requests(twin).collect();
    let (mut slower, mut failing) = (Vec::new(), Vec::new());
    for (request, span) in requests(incident) {
        let Some(other) = without.get(&request) else { continue };
        slower.push((span.duration_ns - other.duration_ns) as f64 / 1e6);
        failing.push(f64::from(u8::from(span.is_error)) - f64::from(u8::from(other.is_error)));
    }
    let figure = |own: &Figure| {
        let other = twin.0.oracle.iter().find(|other| other.what == own.what && other.signal == own.signal);
        let (incident, twin) = (moved(own), other.and_then(moved));
        let difference = incident.zip(twin).map(|(with, without)| with - without);
        PairedFigure { what: own.what.clone(), incident, twin, difference }
    };
    Paired {
        twin: twin.0.id.clone(),
        slower_ms: bootstrap(&slower, seed),
        failing: bootstrap(&failing, seed),
        figures: incident.0.oracle.iter().map(figure).collect(),
    }
}
