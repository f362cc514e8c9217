//! In which order hits come, and where in it an answer ended.

use std::cmp::Ordering;

use serde_json::{Value, json};
use vitrine_observe_model::{FoundLog, LogCursor, LogField, LogRow};

use super::aggs::Key;
use super::dates::{DateFormat, NANOS_PER_MILLI, Zone};
use super::error::{SearchError, shown};
use super::fields::{Mappings, Target};
use super::hit_id;
use super::json::{Object, list};
use super::leaves::moment_of;

/// Bits of a tie within one nanosecond, as the engine makes them; the nanoseconds within a millisecond stand above. JavaScript holds both.
const TIE_BITS: u32 = 33;
/// Most clauses of one sort.
const MAX_CLAUSES: usize = 16;

/// The order of hits.
pub(crate) struct Sort {
    clauses: Vec<Clause>,
}

struct Clause {
    by: By,
    ascending: bool,
    missing_first: bool,
    format: Option<DateFormat>,
}

enum By {
    Time,
    /// The place among those of the same time.
    Tie,
    Field(Target),
}

/// Where an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct After {
    keys: Vec<Key>,
    /// The record itself, if it is known.
    pub(crate) cursor: Option<LogCursor>,
    /// Its time to the millisecond, if only that is known.
    pub(crate) time_ms: Option<i64>,
}

impl Sort {
    /// Reads a sort; the newest first if there is none. What sorts by score sorts by nothing, for there are none.
    pub(crate) fn read(value: Option<&Value>, mappings: &Mappings) -> Result<Self, SearchError> {
        let mut clauses = Vec::new();
        for part in value.map_or(&[][..], list) {
            match part {
                Value::String(name) => {
                    let (name, direction) = name.rsplit_once(':').unwrap_or((name, ""));
                    clauses.extend(clause(name, &json!({ "order": direction }), mappings)?);
                }
                other => {
                    for (name, options) in Object::new("sort", other)?.iter() {
                        clauses.extend(clause(name, options, mappings)?);
                    }
                }
            }
        }
        if clauses.len() > MAX_CLAUSES {
            return Err(SearchError::illegal(format!(
                "{} clauses of [sort]; expected {MAX_CLAUSES} at most",
                clauses.len()
            )));
        }
        let is_needed =
            |clauses: &[Clause]| !matches!(clauses.first().map(|clause| &clause.by), Some(By::Time | By::Field(_)));
        if is_needed(&clauses) && !clauses.iter().any(|clause| matches!(clause.by, By::Tie)) {
            clauses.insert(0, Clause { by: By::Time, ascending: false, missing_first: false, format: None });
        }
        Ok(Self { clauses })
    }

    /// Whether the newest come first, where it is an order of time and nothing else.
    pub(crate) fn newest_first(&self) -> Option<bool> {
        let is_of_time = self.clauses.iter().enumerate().all(|(place, clause)| match clause.by {
            By::Time => place == 0,
            By::Tie => true,
            By::Field(_) => false,
        });
        let first = self.clauses.first()?;
        // The place alone says nothing of an order: the newest come first.
        is_of_time.then_some(!(matches!(first.by, By::Time) && first.ascending))
    }

    fn has_time(&self) -> bool {
        self.clauses.iter().any(|clause| matches!(clause.by, By::Time))
    }

    /// What a record is sorted by.
    pub(crate) fn keys(&self, row: &LogRow) -> Vec<Key> {
        let of = |clause: &Clause| match &clause.by {
            By::Time => Key::Int(i64::try_from(row.time_ns).unwrap_or(i64::MAX).div_euclid(NANOS_PER_MILLI)),
            By::Tie => Key::Null,
            By::Field(target) => target.fields.iter().find_map(|field| row.value(field)).map_or(Key::Null, |value| {
                let value = value.json();
                // Of a list, the first.
                Key::of(list(&value).first().unwrap_or(&Value::Null)).unwrap_or(Key::Null)
            }),
        };
        self.clauses.iter().map(of).collect()
    }

    /// The order of two records.
    pub(crate) fn compare(&self, (a, a_cursor): (&[Key], LogCursor), (b, b_cursor): (&[Key], LogCursor)) -> Ordering {
        self.compare_keys(a, b).then_with(|| b_cursor.cmp(&a_cursor))
    }

    fn compare_keys(&self, a: &[Key], b: &[Key]) -> Ordering {
        for (clause, (a, b)) in self.clauses.iter().zip(a.iter().zip(b)) {
            let order = match (a, b) {
                (Key::Null, Key::Null) => Ordering::Equal,
                (Key::Null, _) => {
                    if clause.missing_first {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (_, Key::Null) => {
                    if clause.missing_first {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                _ => {
                    if clause.ascending {
                        a.cmp(b)
                    } else {
                        b.cmp(a)
                    }
                }
            };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }

    /// Whether a record comes behind the end of an answer.
    pub(crate) fn is_behind(&self, keys: &[Key], cursor: LogCursor, after: &After) -> bool {
        match (self.compare_keys(keys, &after.keys), after.cursor) {
            (Ordering::Equal, Some(last)) => cursor < last,
            (order, _) => order == Ordering::Greater,
        }
    }

    /// The sort values of a hit: one for each clause, and then its place among those of the same time, which tells all apart.
    pub(crate) fn values(&self, found: &FoundLog) -> Value {
        let keys = self.keys(&found.row);
        let tie = || {
            if self.has_time() {
                let nanos = found.cursor.time_ns % NANOS_PER_MILLI as u64;
                Value::from(nanos << TIE_BITS | found.cursor.tie)
            } else {
                Value::from(hit_id::of(found.cursor))
            }
        };
        let mut values: Vec<Value> = self
            .clauses
            .iter()
            .zip(keys)
            .map(|(clause, key)| match (&clause.by, &clause.format) {
                (By::Tie, _) => tie(),
                (By::Time, Some(format)) => {
                    format.write(i64::try_from(found.row.time_ns).unwrap_or(i64::MAX), Zone::utc()).into()
                }
                _ => key.json(),
            })
            .collect();
        if !self.clauses.iter().any(|clause| matches!(clause.by, By::Tie)) {
            values.push(tie());
        }
        values.into()
    }

    /// Reads the sort values of the last hit of an answer.
    pub(crate) fn after(&self, value: &Value) -> Result<After, SearchError> {
        let values = list(value);
        let wrong = |expected: &str| {
            SearchError::illegal(format!("search_after is {}; expected {expected}", shown(&value.to_string())))
        };
        let count = self.clauses.len();
        if values.len() < count || values.len() > count + 1 {
            return Err(wrong(&format!("the {count} values of the last hit's sort")));
        }
        let mut after = After { keys: Vec::new(), cursor: None, time_ms: None };
        let mut tie = values.get(count);
        for (clause, value) in self.clauses.iter().zip(values) {
            let key = match &clause.by {
                By::Time => {
                    let format = clause.format.clone().unwrap_or_default();
                    let ms = moment_of(value, &format, Zone::utc(), 0)?.start.div_euclid(NANOS_PER_MILLI);
                    after.time_ms = Some(ms);
                    Key::Int(ms)
                }
                By::Tie => {
                    tie = Some(value);
                    Key::Null
                }
                By::Field(_) => Key::of(value).ok_or_else(|| wrong("values that are no lists and no objects"))?,
            };
            after.keys.push(key);
        }
        after.cursor = match (tie, after.time_ms) {
            (Some(Value::String(id)), _) => {
                Some(hit_id::read(id).ok_or_else(|| wrong("what the last hit's sort has"))?)
            }
            (Some(tie), Some(ms)) => {
                let tie = tie.as_u64().ok_or_else(|| wrong("a whole number as the last value"))?;
                let ms = u64::try_from(ms).map_err(|_| wrong("a time since 1970"))?;
                let time_ns = ms.saturating_mul(NANOS_PER_MILLI as u64).saturating_add(tie >> TIE_BITS);
                Some(LogCursor { time_ns, tie: tie & ((1 << TIE_BITS) - 1) })
            }
            (Some(_), None) => return Err(wrong("a text as the last value")),
            (None, _) => None,
        };
        Ok(after)
    }
}

fn clause(name: &str, options: &Value, mappings: &Mappings) -> Result<Option<Clause>, SearchError> {
    let direction = options.as_str().or(options["order"].as_str()).unwrap_or_default();
    let ascending = match direction.to_ascii_lowercase().as_str() {
        "asc" => true,
        "desc" => false,
        "" => true,
        _ => {
            return Err(SearchError::illegal(format!(
                "[sort.{}] is {}; expected asc or desc",
                shown(name),
                shown(direction)
            )));
        }
    };
    let by = match name {
        "_score" => return Ok(None),
        "_script" => return Err(SearchError::illegal("[sort] by [_script] is not run; expected the name of a field")),
        "_doc" | "_shard_doc" | "_id" => By::Tie,
        _ => {
            let target = mappings.target(name);
            if target.fields == [LogField::Time] { By::Time } else { By::Field(target) }
        }
    };
    let format = options["format"].as_str().map(DateFormat::parse).transpose()?;
    Ok(Some(Clause { by, ascending, missing_first: options["missing"].as_str() == Some("_first"), format }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitrine_observe_model::LogCursor;

    use super::{Mappings, Sort};

    /// Grafana sends its sort as one object.
    #[test]
    fn an_answer_is_gone_on_with_where_it_ended() {
        let mappings = Mappings::default();
        let grafana =
            json!({ "@timestamp": { "order": "desc", "unmapped_type": "boolean" }, "_doc": { "order": "desc" } });
        let sort = Sort::read(Some(&grafana), &mappings).expect("a sort");
        assert_eq!(sort.newest_first(), Some(true));
        let after = sort.after(&json!([1_786_789_230_400_i64, (456_789_u64 << 33) | 12_345])).expect("an end");
        assert_eq!(after.cursor, Some(LogCursor { time_ns: 1_786_789_230_400_456_789, tie: 12_345 }));
        assert!(sort.after(&json!([1])).is_err());

        for (sort, expected) in [
            (json!([{ "@timestamp": "asc" }]), Some(false)),
            (json!("_doc"), Some(true)),
            (json!(["_score"]), Some(true)),
            (json!(["@timestamp:desc"]), Some(true)),
            (json!([{ "status": "desc" }]), None),
        ] {
            assert_eq!(Sort::read(Some(&sort), &mappings).expect("a sort").newest_first(), expected, "{sort}");
        }
        assert!(Sort::read(Some(&json!([{ "a": "down" }])), &mappings).is_err());
    }
}
