//! Rules whose expression is SQL: what stands for the time in a statement, and rows as the vector that rules work with.

use std::time::Duration;

use serde_json::Value;
use vitrine_kit::clock::rfc3339;
use vitrine_observe_promql::{Point, Sample};
use vitrine_observe_series::{Label, Labels, NAME};

/// The least time between evaluations of a group with such rules: each statement is a process's work.
pub const MIN_SQL_INTERVAL: Duration = Duration::from_secs(15);
/// Most rows of an answer: as many alerts as a rule may have.
pub const MAX_SQL_ROWS: usize = 100_000;
/// Most bytes of an answer.
pub const MAX_SQL_BYTES: usize = 16 * 1024 * 1024;
/// The column whose number a row is worth.
const VALUE: &str = "value";
/// What stands for the time of an evaluation, and for the time since the one before.
const TIME: &str = "$time";
const INTERVAL: &str = "$interval";

/// A statement for one evaluation: `$time` is its time, `$interval` the time between two.
pub(crate) fn statement(text: &str, time_ms: i64, interval_ms: i64) -> String {
    text.replace(TIME, &format!("TIMESTAMP '{}'", rfc3339(time_ms)))
        .replace(INTERVAL, &format!("INTERVAL '{interval_ms} milliseconds'"))
}

/// Rows of an answer as samples: the column `value` is the value, 1 where there is none; all others are labels. A row whose value is null is no
/// sample; a label that is null is not there. Returns what cannot be taken as it is.
pub fn vector_of_rows(columns: &[String], rows: &[Vec<Value>], time_ms: i64) -> Result<Vec<Sample>, String> {
    if rows.len() > MAX_SQL_ROWS {
        return Err(format!("the statement has {} rows: a rule takes at most {MAX_SQL_ROWS}", rows.len()));
    }
    if let Some(column) = columns.iter().find(|column| column.is_empty() || *column == NAME) {
        return Err(format!("the column {column:?} cannot be a label: give it another name with AS"));
    }
    let value_at = columns.iter().position(|column| column == VALUE);
    let mut samples = Vec::with_capacity(rows.len());
    for row in rows {
        let value = match value_at.and_then(|at| row.get(at)) {
            None => 1.0,
            Some(Value::Null) => continue,
            Some(value) => {
                number(value).ok_or_else(|| format!("the column {VALUE:?} holds {value}: expected numbers"))?
            }
        };
        let mut labels = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate().filter(|(at, _)| Some(*at) != value_at) {
            let text = match row.get(at).unwrap_or(&Value::Null) {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                _ => return Err(format!("the column {column:?} holds lists or maps, which cannot be labels")),
            };
            labels.push(Label { name: column.as_str().into(), value: text.into() });
        }
        samples.push(Sample { labels: Labels::new(labels), time_ms, value: Point::Float(value) });
    }
    Ok(samples)
}

/// A number, also where it is written as a text because no JSON number is as exact.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{statement, vector_of_rows};

    #[test]
    fn a_statement_has_the_time_of_its_evaluation() {
        assert_eq!(
            statement("SELECT 1 WHERE t > $time - $interval", 1_795_256_100_000, 15_000),
            "SELECT 1 WHERE t > TIMESTAMP '2026-11-21T10:15:00.000Z' - INTERVAL '15000 milliseconds'"
        );
    }

    #[test]
    fn rows_are_a_vector() {
        let check = |columns: &[&str], rows: serde_json::Value, expected: Result<&[&str], &str>| {
            let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
            let rows: Vec<Vec<serde_json::Value>> = serde_json::from_value(rows).expect("rows");
            let made = vector_of_rows(&columns, &rows, 7);
            let shown = made.map(|samples| {
                samples.iter().map(|sample| format!("{} {:?}", sample.labels, sample.value)).collect::<Vec<_>>()
            });
            assert_eq!(
                shown
                    .as_ref()
                    .map(|shown| shown.iter().map(String::as_str).collect::<Vec<_>>())
                    .map_err(String::as_str),
                expected.map(<[&str]>::to_vec)
            );
        };
        check(
            &["service", "value"],
            json!([["a", 2], ["b", null], [null, "1.5"]]),
            Ok(&["{service=\"a\"} Float(2.0)", "{} Float(1.5)"]),
        );
        check(&["service", "code"], json!([["a", 500]]), Ok(&["{code=\"500\", service=\"a\"} Float(1.0)"]));
        check(&["value"], json!([]), Ok(&[]));
        check(&["value"], json!([["NaN"]]), Ok(&["{} Float(NaN)"]));
        check(&["value"], json!([["many"]]), Err("the column \"value\" holds \"many\": expected numbers"));
        check(&["__name__"], json!([]), Err("the column \"__name__\" cannot be a label: give it another name with AS"));
        check(&["a"], json!([[[1]]]), Err("the column \"a\" holds lists or maps, which cannot be labels"));
    }
}
