//! `/api/logs/patterns`: messages that are the same but for their values, counted together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use axum::Json;
use serde_json::{Value, json};
use vitrine_kit::clock::rfc3339_ns;
use vitrine_observe_search::people::Level;
use vitrine_observe_store::model::LogField;
use vitrine_observe_store::{LogChunk, LogValue};

use super::mask::mask;
use super::question::{Question, limit};
use crate::error::Error;
use crate::params::Pairs;
use crate::queries::Reader;

/// Patterns that are told.
const USUAL_LIMIT: usize = 50;
/// Most patterns that are told.
const MAX_LIMIT: usize = 1_000;
/// Records whose messages are looked at.
const MAX_VISITED: usize = 500_000;
/// Patterns that are counted apart; what has another one counts as `other`.
const MAX_PATTERNS: usize = 10_000;
/// Bytes of a message that make its pattern.
const MAX_MESSAGE_BYTES: usize = 1_024;
/// Services of a pattern that are told.
const MAX_SERVICES: usize = 10;

/// What is read: the place of each in a chunk.
const READ: [LogField; 3] = [LogField::Body, LogField::Severity, LogField::Service];
const BODY: usize = 0;
const SEVERITY: usize = 1;
const SERVICE: usize = 2;

/// Messages that are the same but for their values.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    /// The message without them.
    pub text: String,
    /// How many records there are.
    pub records: u64,
    /// How many of each level.
    pub levels: BTreeMap<Level, u64>,
    /// Some of the services that sent them.
    pub services: BTreeSet<String>,
    /// The time of the newest, in nanoseconds since 1970.
    pub last_ns: u64,
    /// The message of the newest.
    pub example: String,
}

/// Patterns, and what they were made of.
pub(crate) struct Patterns {
    /// Them, the most frequent first.
    pub patterns: Vec<Pattern>,
    /// Records that have another pattern than those that are counted apart.
    pub other: u64,
    /// Records that were looked at.
    pub visited: usize,
    /// Whether those are all.
    pub is_complete: bool,
}

/// Returns patterns, the most frequent first.
pub(super) fn answer(reader: &Reader, pairs: &Pairs) -> Result<Json<Value>, Error> {
    let question = Question::read(pairs, &["limit"])?;
    let limit = limit(pairs, "limit", USUAL_LIMIT, MAX_LIMIT)?;
    let Patterns { patterns, other, visited, is_complete } = patterns(reader, &question)?;
    let shown = patterns.iter().take(limit).map(|pattern| {
        let levels: serde_json::Map<String, Value> =
            pattern.levels.iter().map(|(level, records)| (level.name().to_owned(), (*records).into())).collect();
        json!({
            "pattern": pattern.text,
            "records": pattern.records,
            "levels": levels,
            "services": pattern.services,
            "last": rfc3339_ns(pattern.last_ns),
            "example": pattern.example,
        })
    });
    Ok(Json(json!({
        "patterns": shown.collect::<Vec<_>>(),
        "distinct": patterns.len(),
        "other": other,
        "visited": visited,
        "complete": is_complete,
    })))
}

/// Counts the patterns of what is asked about.
pub(crate) fn patterns(reader: &Reader, question: &Question) -> Result<Patterns, Error> {
    let mut known: HashMap<String, Pattern> = HashMap::new();
    let (mut other, mut visited, mut is_complete) = (0, 0, true);
    let mut visit = |chunk: &LogChunk<'_>| {
        let rows = chunk.rows().min(MAX_VISITED - visited);
        for row in 0..rows {
            let message = chunk.value(BODY, row).map(|value| value.text()).unwrap_or_default();
            let text = mask(&message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)]);
            if !known.contains_key(&text) && known.len() == MAX_PATTERNS {
                other += 1;
                continue;
            }
            known.entry(text).or_default().add(chunk, row, &message);
        }
        visited += rows;
        is_complete = rows == chunk.rows();
        if is_complete { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    reader.engine.visit_logs(&reader.tenant, &question.all(), &READ, &mut visit)?;
    let mut patterns: Vec<Pattern> = known.into_iter().map(|(text, pattern)| Pattern { text, ..pattern }).collect();
    patterns.sort_unstable_by(|a, b| b.records.cmp(&a.records).then_with(|| a.text.cmp(&b.text)));
    Ok(Patterns { patterns, other, visited, is_complete })
}

impl Pattern {
    fn add(&mut self, chunk: &LogChunk<'_>, row: usize, message: &str) {
        self.records += 1;
        let severity = match chunk.value(SEVERITY, row) {
            Some(LogValue::Int(number)) => u8::try_from(number).unwrap_or(0),
            _ => 0,
        };
        if let Some(level) = Level::of(severity, "") {
            *self.levels.entry(level).or_default() += 1;
        }
        if let Some(LogValue::Text(service)) = chunk.value(SERVICE, row)
            && self.services.len() < MAX_SERVICES
            && !self.services.contains(service)
        {
            self.services.insert(service.to_owned());
        }
        let time_ns = chunk.time_ns(row);
        if time_ns >= self.last_ns {
            self.last_ns = time_ns;
            self.example = message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)].to_owned();
        }
    }
}
