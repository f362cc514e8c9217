//! Blind sets: nothing in what is exported may tell what was done.
//!
//! Ids of traces and spans are [numbered anew](Renumbered), what lies before the first and after the last window is cut, and all bytes are
//! [searched](search) for words that only the cause can have put there. A set with a leak is not exported. A second check asks whether
//! [metadata alone](metadata) tells incidents from controls.

pub mod metadata;

use std::collections::{BTreeMap, HashMap};

use vitrine_platform_faults::demo::DEMO;
use vitrine_platform_faults::mix64;

use crate::plan::Incident;
use crate::record::Record;
use crate::rows::Telemetry;

/// Shortest word that is searched for: shorter ones are in texts by chance.
const MIN_WORD: usize = 6;
/// Most leaks that are told of; all are counted.
pub const MAX_LEAKS: usize = 100;
/// Letters on each side of a leak that are shown.
const AROUND: usize = 24;

/// A word where it must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Which.
    pub word: String,
    /// In which file or column.
    pub place: String,
    /// What stands around it.
    pub around: String,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// How much was searched.
    pub bytes: u64,
    /// How many leaks there are.
    pub hits: u64,
    /// The first of them.
    pub leaks: Vec<Leak>,
}

/// Letters that words are looked up by: those of a text are hashed once, however many words there are.
const PREFIX: usize = 4;

/// Words that only a cause can have put into telemetry.
#[derive(Clone, Debug, Default)]
pub struct LeakWords(HashMap<[u8; PREFIX], Vec<Vec<u8>>>);

impl LeakWords {
    /// The words of a campaign: ids and canaries of its incidents, ids that faults were given, keys of the demo's flags, and our own names.
    pub fn of<'a>(incidents: impl Iterator<Item = &'a Incident>, fault_ids: &[String], campaign: &str) -> Self {
        let own = [
            "vitrine.faults",
            "vitrine.flags.v1.Fault",
            "FollowService",
            "platform/faults",
            "vitrine_platform_faults",
            "fault_id",
        ];
        let mut words: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
        words.extend(DEMO.iter().map(|flag| flag.key.to_owned()));
        words.push(campaign.to_owned());
        words.extend(fault_ids.iter().cloned());
        for incident in incidents {
            words.push(incident.id.clone());
            words.push(incident.canary.clone());
            // Short names of effects are words of any language; as JSON they are a fault's.
            let name = incident.fault.as_ref().map(|fault| fault.what.name());
            words.extend(
                name.iter()
                    .flat_map(|name| [format!("fault.{name}"), format!("fault_{name}"), format!("{{\"{name}\":")]),
            );
        }
        words.sort_unstable();
        words.dedup();
        let mut by_prefix: HashMap<[u8; PREFIX], Vec<Vec<u8>>> = HashMap::new();
        for word in words.iter().filter(|word| word.len() >= MIN_WORD) {
            let word = word.to_lowercase().into_bytes();
            if let Some(prefix) = word.first_chunk() {
                by_prefix.entry(*prefix).or_default().push(word);
            }
        }
        Self(by_prefix)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Searches a text, whatever the case of its letters.
    pub fn search(&self, place: &str, text: &[u8], found: &mut Searched) {
        found.bytes += text.len() as u64;
        let lower = text.to_ascii_lowercase();
        for at in 0..lower.len().saturating_sub(PREFIX - 1) {
            let rest = &lower[at..];
            let Some(words) = rest.first_chunk().and_then(|prefix| self.0.get(prefix)) else { continue };
            for word in words.iter().filter(|word| rest.starts_with(word)) {
                found.hits += 1;
                if found.leaks.len() < MAX_LEAKS {
                    let around = &text[at.saturating_sub(AROUND)..(at + word.len() + AROUND).min(text.len())];
                    found.leaks.push(Leak {
                        word: String::from_utf8_lossy(word).into_owned(),
                        place: place.to_owned(),
                        around: String::from_utf8_lossy(around).into_owned(),
                    });
                }
            }
        }
    }
}

/// Searches all columns of telemetry.
pub fn search(words: &LeakWords, telemetry: &Telemetry) -> Searched {
    let mut found = Searched::default();
    let map = |place: &str, attributes: &BTreeMap<String, String>, found: &mut Searched| {
        for (key, value) in attributes {
            words.search(&format!("{place}.{key}"), key.as_bytes(), found);
            words.search(&format!("{place}.{key}"), value.as_bytes(), found);
        }
    };
    for span in &telemetry.spans {
        for (place, text) in [("spans.service", &span.service), ("spans.name", &span.name), ("spans.kind", &span.kind)]
        {
            words.search(place, text.as_bytes(), &mut found);
        }
        words.search("spans.trace_id", format!("{:032x}", span.trace_id).as_bytes(), &mut found);
        map("spans.attributes", &span.attributes, &mut found);
    }
    for log in &telemetry.logs {
        for (place, text) in [("logs.service", &log.service), ("logs.body", &log.body)] {
            words.search(place, text.as_bytes(), &mut found);
        }
        map("logs.attributes", &log.attributes, &mut found);
    }
    for point in &telemetry.points {
        for (place, text) in [("metrics.service", &point.service), ("metrics.name", &point.metric)] {
            words.search(place, text.as_bytes(), &mut found);
        }
        map("metrics.attributes", &point.attributes, &mut found);
    }
    found
}

/// Numbers ids anew, so that they say nothing of the load's seed, and cannot be looked up in the shop that they came from.
#[derive(Clone, Copy, Debug)]
pub struct Renumbered(u64);

impl Renumbered {
    /// With a secret: nobody should have it besides.
    pub fn new(secret: u64) -> Self {
        Self(secret)
    }

    /// The new id of a span; none stays none.
    pub fn span(self, id: u64) -> u64 {
        if id == 0 { 0 } else { mix64(self.0, id).max(1) }
    }

    /// The new id of a trace.
    pub fn trace(self, id: u128) -> u128 {
        if id == 0 {
            return 0;
        }
        let low = mix64(self.0, id as u64);
        (u128::from(mix64(low, (id >> u64::BITS) as u64)) << u64::BITS) | u128::from(low.max(1))
    }

    /// Numbers the ids of an incident's exemplars anew, as those of its telemetry.
    pub fn apply_to_record(self, record: &mut Record) {
        let exemplars = &mut record.exemplars;
        for exemplar in exemplars.hit.iter_mut().chain(&mut exemplars.passed) {
            // What is no id stands for none.
            let trace = u128::from_str_radix(&exemplar.trace, 16).unwrap_or_default();
            let span = u64::from_str_radix(&exemplar.span, 16).unwrap_or_default();
            exemplar.trace = format!("{:032x}", self.trace(trace));
            exemplar.span = format!("{:016x}", self.span(span));
        }
    }

    /// Numbers all of it anew; what belongs together still does.
    pub fn apply(self, telemetry: &mut Telemetry) {
        for span in &mut telemetry.spans {
            span.trace_id = self.trace(span.trace_id);
            span.span_id = self.span(span.span_id);
            span.parent_span_id = self.span(span.parent_span_id);
            span.link = span.link.map(|(trace, of)| (self.trace(trace), self.span(of)));
        }
        for log in &mut telemetry.logs {
            log.trace_id = self.trace(log.trace_id);
            log.span_id = self.span(log.span_id);
        }
    }
}
