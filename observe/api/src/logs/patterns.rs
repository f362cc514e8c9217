//! `/api/logs/patterns`: messages that are the same but for their values, counted together.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use axum::Json;
use serde_json::{Value, json};
use vitrine_kit::clock::rfc3339_ns;
use vitrine_observe_search::people::Level;
use vitrine_observe_store::model::LogField;
use vitrine_observe_store::{LogChunk, LogValue, Logs, template_messages, visit_templates};
use vitrine_observe_text::template;

use super::question::{Question, limit};
use crate::error::Error;
use crate::params::Pairs;
use crate::queries::Reader;

/// Patterns that are told.
const USUAL_LIMIT: usize = 50;
/// Most patterns that are told.
const MAX_LIMIT: usize = 1_000;
/// Records whose messages are read, because they were written before their templates were.
const MAX_READ: usize = 500_000;
/// Patterns that are counted apart; what has another one counts as `other`.
const MAX_PATTERNS: usize = 10_000;
/// Bytes of a message that are told.
const MAX_MESSAGE_BYTES: usize = 1_024;
/// What stands for a value.
const MASK: &str = "<*>";
/// Services of a pattern that are told.
const MAX_SERVICES: usize = 10;

/// What is read: the place of each in a chunk.
const READ: [LogField; 2] = [LogField::Severity, LogField::Service];
const SEVERITY: usize = 0;
const SERVICE: usize = 1;

/// Messages that are the same but for their values.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    /// The number of the template.
    pub template: i64,
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
    /// The message of one of the newest.
    pub example: String,
}

/// Patterns, and what they were made of.
pub(crate) struct Patterns {
    /// Them, the most frequent first.
    pub patterns: Vec<Pattern>,
    /// How many there are.
    pub distinct: usize,
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
    let Patterns { patterns, distinct, other, visited, is_complete } = patterns(reader, &question, limit)?;
    let shown = patterns.iter().map(|pattern| {
        let levels: serde_json::Map<String, Value> =
            pattern.levels.iter().map(|(level, records)| (level.name().to_owned(), (*records).into())).collect();
        json!({
            "template": pattern.template,
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
        "distinct": distinct,
        "other": other,
        "visited": visited,
        "complete": is_complete,
    })))
}

/// Counts the patterns of what is asked about, and tells at most so many.
pub(crate) fn patterns(reader: &Reader, question: &Question, limit: usize) -> Result<Patterns, Error> {
    let (logs, asked): (&dyn Logs, _) = (&*reader.engine, question.all());
    let mut known: HashMap<i64, Pattern> = HashMap::new();
    let (mut other, mut visited, mut read) = (0, 0, 0);
    visit_templates(logs, &reader.tenant, &asked, &READ, &mut |found| {
        if found.is_read {
            read += 1;
            if read > MAX_READ {
                return ControlFlow::Break(());
            }
        }
        visited += 1;
        let count = known.len();
        match known.entry(found.template) {
            Entry::Vacant(_) if count == MAX_PATTERNS => other += 1,
            entry => entry.or_default().add(found.chunk, found.row),
        }
        ControlFlow::Continue(())
    })?;
    let distinct = known.len();
    let mut patterns: Vec<Pattern> =
        known.into_iter().map(|(template, pattern)| Pattern { template, ..pattern }).collect();
    patterns.sort_unstable_by_key(|pattern| (Reverse(pattern.records), pattern.template));
    patterns.truncate(limit);
    let wanted = patterns.iter().map(|pattern| (pattern.template, pattern.last_ns));
    let mut messages = template_messages(logs, &reader.tenant, &asked, wanted)?;
    for pattern in &mut patterns {
        let message = messages.remove(&pattern.template).unwrap_or_default();
        pattern.text = template(&message, MASK);
        message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)].clone_into(&mut pattern.example);
    }
    Ok(Patterns { patterns, distinct, other, visited, is_complete: read <= MAX_READ })
}

impl Pattern {
    fn add(&mut self, chunk: &LogChunk<'_>, row: usize) {
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
        self.last_ns = self.last_ns.max(chunk.time_ns(row));
    }
}
