//! What Jaeger changes in a trace before it shows it, unless it is asked for raw spans.
//!
//! Source: jaegertracing/jaeger `cmd/jaeger/internal/extension/jaegerquery/internal/adjuster`. Equal spans are one
//! already when the engine returns a trace; clocks are in [`super::skew`]. Events keep the order that they were sent in:
//! Jaeger's order, by their names, would tell a story backwards.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;

use vitrine_observe_store::Trace;
use vitrine_observe_store::model::conventions::SHARED;
use vitrine_observe_store::model::{Attribute, SpanId, SpanKind, SpanRow, Value};

/// Attributes that some senders put addresses into as one whole number.
const NUMERIC_ADDRESSES: [&str; 2] = ["ip", "peer.ipv4"];
/// Attributes of spans that say of the sender what belongs to its resource.
const OF_LIBRARY: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

/// Changes traces as Jaeger does.
pub(crate) fn adjust(traces: &mut [Trace]) {
    for trace in traces {
        separate_ids(&mut trace.spans);
        for span in &mut trace.spans {
            [&mut span.attributes, &mut span.resource].into_iter().flatten().for_each(spell_address);
            move_library_attributes(span);
        }
    }
}

/// The called sides whose id was another span's.
struct Called {
    /// The id of the first one.
    first: SpanId,
    /// Whether its caller is in the trace.
    is_below_caller: bool,
    /// The first one of each service.
    by_service: HashMap<String, SpanId>,
    /// Services of the spans that keep the shared id.
    keeping: HashSet<String>,
}

/// The spans of one id.
#[derive(Default)]
struct OfId {
    first: usize,
    /// Whether one of them calls, by its kind.
    has_caller: bool,
    /// Whether one of them does not say that it shares its id.
    has_unshared: bool,
}

/// Gives called sides that share the id of their caller ids of their own, and hangs them below the caller. What was
/// below the shared id stays with the caller if it is of the caller's service alone, and goes below the called side
/// otherwise. Of several called sides without a caller all but the first get ids of their own. Other spans of one id
/// are left to [`super::skew`], which warns.
fn separate_ids(spans: &mut [SpanRow]) {
    let mut by_id: HashMap<SpanId, OfId> = HashMap::with_capacity(spans.len());
    for (place, span) in spans.iter().enumerate() {
        let of_id = by_id.entry(span.span_id).or_insert_with(|| OfId { first: place, ..OfId::default() });
        of_id.has_caller |= matches!(span.kind, SpanKind::Client | SpanKind::Producer);
        of_id.has_unshared |= !is_shared(span);
    }
    if by_id.len() == spans.len() {
        return;
    }
    // Whether a place gets another id, and if so, whether it has a caller: by their kinds, or because the sender says so.
    let joins = |place: usize| {
        let (span, others) = (&spans[place], &by_id[&spans[place].span_id]);
        let has_caller = (is_called(span) && others.has_caller) || (is_shared(span) && others.has_unshared);
        let first = &spans[others.first];
        let is_another = is_called(span) && is_called(first) && first.service != span.service;
        (has_caller || is_another).then_some((place, has_caller))
    };
    let joining: BTreeMap<usize, bool> = (0..spans.len()).filter_map(joins).collect();
    let used = spans.iter().flat_map(|span| [Some(span.span_id), span.parent_span_id]).flatten();
    let mut fresh = FreshIds { used: used.collect(), last: 0 };
    let mut called: HashMap<SpanId, Called> = HashMap::new();
    for (place, has_caller) in &joining {
        let span = &mut spans[*place];
        let (shared, id) = (span.span_id, fresh.next());
        let sides = called.entry(shared).or_insert_with(|| Called {
            first: id,
            is_below_caller: *has_caller,
            by_service: HashMap::new(),
            keeping: HashSet::new(),
        });
        sides.by_service.entry(span.service.clone()).or_insert(id);
        span.span_id = id;
        if *has_caller {
            span.parent_span_id = Some(shared);
        }
    }
    let staying: Vec<usize> = (0..spans.len()).filter(|place| !joining.contains_key(place)).collect();
    for place in &staying {
        if let Some(sides) = called.get_mut(&spans[*place].span_id) {
            sides.keeping.insert(spans[*place].service.clone());
        }
    }
    for place in staying {
        let span = &mut spans[place];
        let Some(sides) = span.parent_span_id.and_then(|parent| called.get(&parent)) else { continue };
        let other = (sides.is_below_caller && !sides.keeping.contains(&span.service)).then_some(sides.first);
        if let Some(side) = sides.by_service.get(&span.service).copied().or(other) {
            span.parent_span_id = Some(side);
        }
    }
}

fn is_called(span: &SpanRow) -> bool {
    matches!(span.kind, SpanKind::Server | SpanKind::Consumer)
}

fn is_shared(span: &SpanRow) -> bool {
    span.attributes.iter().any(|attribute| attribute.key == SHARED && attribute.value == Value::Bool(true))
}

/// Ids that a trace does not use, from 1 on as Jaeger has them.
struct FreshIds {
    used: HashSet<SpanId>,
    last: u64,
}

impl FreshIds {
    /// A trace has far fewer spans than there are ids.
    fn next(&mut self) -> SpanId {
        loop {
            self.last += 1;
            let id = SpanId(self.last.to_be_bytes());
            if !self.used.contains(&id) {
                return id;
            }
        }
    }
}

/// Spells an address out that was packed into a number.
fn spell_address(attribute: &mut Attribute) {
    if NUMERIC_ADDRESSES.contains(&attribute.key.as_str()) {
        let bits = match attribute.value {
            Value::Int(number) => number as u32,
            Value::Double(number) => number as u32,
            _ => return,
        };
        attribute.value = Value::String(Ipv4Addr::from_bits(bits).to_string());
    }
}

/// Moves what a span says of its library to its resource, unless the resource says otherwise.
fn move_library_attributes(span: &mut SpanRow) {
    let resource = &mut span.resource;
    span.attributes.retain(|attribute| {
        if !OF_LIBRARY.contains(&attribute.key.as_str()) {
            return true;
        }
        match resource.iter().find(|known| known.key == attribute.key) {
            Some(known) => known.value != attribute.value,
            None => {
                resource.push(attribute.clone());
                false
            }
        }
    });
}
