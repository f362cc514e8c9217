//! Values of metrics, of which no digit is lost.

use arrow_array::Float64Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_ipc::reader::StreamReader;
use vitrine_observe_sql::{Format, Sql, SqlOptions};

use crate::engine::{Measured, TestEngine, points, three};
use crate::{ask, over, rows};

/// A whole number that no double is, beside those that are next to it.
const ODD: i64 = 9_007_199_254_740_993;
const POINTS: &[Measured] = &[
    ("odd", Some(ODD), None),
    ("even", Some(ODD - 1), None),
    ("half", None, Some(0.5)),
    ("same", None, Some(9_007_199_254_740_992.0)),
    ("most", Some(i64::MAX), None),
    ("least", Some(i64::MIN), Some(i64::MIN as f64)),
    ("two", Some(2), None),
    ("two", None, Some(2.0)),
    ("none", None, None),
    ("endless", None, Some(f64::INFINITY)),
];

fn sql(measured: &[Measured]) -> Sql {
    let engine = TestEngine { points: Some(points(measured)), ..TestEngine::new(&three()) };
    over(engine, SqlOptions::default()).0
}

#[tokio::test]
async fn values_are_exact_wherever_they_are_handed_on() {
    let sql = sql(POINTS);
    let odd = [ODD.to_string()];
    let finite = "value < '+inf'::double";
    for (statement, wanted) in [
        ("SELECT value AS v FROM metrics WHERE name = 'odd'", &odd[..]),
        ("SELECT m.value AS v FROM metrics m WHERE m.name = 'odd'", &odd),
        ("SELECT value AS v FROM metrics WHERE value = 9007199254740993", &odd),
        ("SELECT value AS v FROM metrics WHERE 9007199254740993 = value", &odd),
        ("SELECT value AS v FROM metrics WHERE value IN (9007199254740993, 7)", &odd),
        ("SELECT value AS v FROM metrics WHERE value BETWEEN 9007199254740993 AND 9007199254740994", &odd),
        ("SELECT value AS v FROM metrics WHERE value > 9007199254740992 AND value < 9007199254740994", &odd),
        ("SELECT value AS v FROM metrics WHERE value = value_int AND name = 'odd'", &odd),
        (
            "SELECT value AS v FROM metrics WHERE value = (SELECT max(value_int) - 9214364837600034814 FROM metrics)",
            &odd,
        ),
        ("SELECT v FROM (SELECT name, value AS v FROM metrics) WHERE name = 'odd'", &odd),
        ("WITH big AS (SELECT value FROM metrics WHERE name IN ('odd', 'even')) SELECT max(value) AS v FROM big", &odd),
        ("SELECT max(value) AS v FROM metrics WHERE value < 9223372036854775807", &odd),
        ("SELECT max(value) FILTER (WHERE name = 'odd') AS v FROM metrics", &odd),
        ("SELECT sum(value) AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT sum(value) OVER (ORDER BY time) AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT first_value(value) OVER (ORDER BY value DESC) AS v FROM metrics WHERE name = 'odd'", &odd),
        (
            "SELECT lag(value, 1, 7) OVER (ORDER BY value) AS v FROM metrics WHERE name IN ('odd', 'most') ORDER BY v DESC LIMIT 1",
            &odd,
        ),
        ("SELECT value AS v FROM metrics WHERE name = 'odd' GROUP BY value", &odd),
        ("SELECT DISTINCT value AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT value AS v FROM metrics WHERE name IN ('odd', 'even', 'same') ORDER BY value DESC LIMIT 1", &odd),
        ("SELECT coalesce(value, 0) AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT CASE WHEN value > 5 THEN value ELSE 0 END AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT value::bigint AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT value::decimal(38, 0) AS v FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT value AS v FROM metrics WHERE name = 'odd' UNION SELECT value FROM metrics WHERE name = 'odd'", &odd),
        ("SELECT a.value AS v FROM metrics a JOIN metrics b ON a.value = b.value WHERE b.name = 'odd'", &odd),
        ("SELECT value AS v FROM metrics WHERE value IN (SELECT value FROM metrics WHERE name = 'odd')", &odd),
        ("SELECT value AS v FROM metrics WHERE value IN (SELECT 9007199254740993)", &odd),
        ("SELECT (SELECT max(value) FROM metrics WHERE name = 'odd') AS v", &odd),
        ("SELECT max(value) AS v FROM metrics GROUP BY name HAVING max(value) = 9007199254740993", &odd),
        ("SELECT min(value) AS v FROM metrics", &[i64::MIN.to_string()]),
        ("SELECT value AS v FROM metrics WHERE name = 'most'", &[i64::MAX.to_string()]),
        ("SELECT sum(value) AS v FROM metrics WHERE name IN ('odd', 'half')", &["9007199254740992".to_owned()]),
        ("SELECT sum(value) AS v FROM metrics WHERE name IN ('most', 'even')", &["9232379236109516799".to_owned()]),
        ("SELECT sum(value) + 0 AS v FROM metrics WHERE name = 'two'", &["4.0".to_owned()]),
        (
            "SELECT count(DISTINCT value) AS v FROM metrics WHERE value BETWEEN 2 AND 9007199254740993",
            &["3".to_owned()],
        ),
        (
            "SELECT value AS v FROM metrics WHERE value = 9007199254740992 ORDER BY name LIMIT 1",
            &["9007199254740992".to_owned()],
        ),
        ("SELECT count(*) AS v FROM metrics WHERE value = 9007199254740992", &["2".to_owned()]),
        ("SELECT count(*) AS v FROM metrics WHERE value = 2 AND value = 2.0", &["2".to_owned()]),
        ("SELECT count(*) AS v FROM metrics WHERE value IS NULL", &["1".to_owned()]),
    ] {
        let found = rows(&sql, statement).await;
        let wanted: Vec<String> = wanted.iter().map(|number| format!("{{\"v\":{number}}}")).collect();
        assert_eq!(found, wanted, "{statement}");
    }
    let order = "SELECT name FROM metrics WHERE value IS NOT NULL ORDER BY value, name";
    let names: Vec<String> = rows(&sql, order).await;
    let sorted = ["least", "half", "two", "two", "even", "same", "odd", "most", "endless"];
    assert_eq!(names, sorted.map(|name| format!("{{\"name\":\"{name}\"}}")));
    assert_eq!(rows(&sql, &format!("SELECT count(*) AS n FROM metrics WHERE {finite}")).await, ["{\"n\":8}"]);
}

/// What knows no such number gets the nearest double, as the column's type says.
#[tokio::test]
async fn every_function_takes_a_value() {
    let sql = sql(&POINTS[..3]);
    for (statement, wanted) in [
        ("SELECT round(value * 2, 1) AS v FROM metrics WHERE name = 'half'", "1.0"),
        ("SELECT value + 1 AS v FROM metrics WHERE name = 'half'", "1.5"),
        ("SELECT -value AS v FROM metrics WHERE name = 'half'", "-0.5"),
        ("SELECT avg(value) AS v FROM metrics WHERE name = 'half'", "0.5"),
        ("SELECT stddev_pop(value) AS v FROM metrics WHERE name = 'half'", "0.0"),
        ("SELECT approx_percentile_cont(value, 0.5) AS v FROM metrics WHERE name = 'half'", "0.5"),
        (
            "SELECT approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS v FROM metrics WHERE name = 'half'",
            "0.5",
        ),
        ("SELECT array_agg(value) AS v FROM metrics WHERE name = 'half'", "[0.5]"),
        ("SELECT sum(DISTINCT value) AS v FROM metrics WHERE name = 'half'", "0.5"),
        (
            "SELECT sum(value) OVER (ORDER BY value RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS v FROM metrics WHERE name = 'half'",
            "0.5",
        ),
        (
            "SELECT sum(value) OVER (ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS v FROM metrics ORDER BY time DESC LIMIT 1",
            "9007199254740992",
        ),
        ("SELECT value::int AS v FROM metrics WHERE name = 'half'", "0"),
        ("SELECT value::text AS v FROM metrics WHERE name = 'half'", "\"0.5\""),
        ("SELECT concat('x', value::text) AS v FROM metrics WHERE name = 'odd'", "\"x9007199254740993\""),
        ("SELECT value::decimal(10, 2) AS v FROM metrics WHERE name = 'half'", "0.50"),
        ("SELECT arrow_typeof(value) AS v FROM metrics WHERE name = 'half'", "\"Float64\""),
        ("SELECT nullif(value, 0.5) AS v FROM metrics WHERE name = 'half'", "null"),
        ("SELECT CASE value WHEN 0.5 THEN 'half' ELSE 'other' END AS v FROM metrics WHERE name = 'half'", "\"half\""),
        (
            "SELECT CASE WHEN name = 'half' THEN value::text ELSE name END AS v FROM metrics WHERE name = 'half'",
            "\"0.5\"",
        ),
        ("SELECT value AS v FROM metrics WHERE name = 'half' UNION ALL SELECT 1.5 WHERE false", "0.5"),
        ("SELECT count(*) AS v FROM metrics a WHERE EXISTS (SELECT 1 FROM metrics b WHERE b.value > a.value)", "1"),
        ("SELECT count(*) AS v FROM metrics WHERE value = '0.5'", "1"),
        ("SELECT count(*) AS v FROM metrics a WHERE a.value >= ALL (SELECT b.value FROM metrics b)", "2"),
        ("SELECT count(*) AS v FROM metrics a, LATERAL (SELECT b.value FROM metrics b WHERE b.value < a.value) l", "2"),
        (
            "SELECT count(*) AS v FROM metrics a WHERE a.value = (SELECT max(b.value) FROM metrics b WHERE b.name = a.name)",
            "3",
        ),
        (
            "SELECT m.value AS v FROM metrics m LEFT JOIN spans s ON s.duration_ns = m.value WHERE m.name = 'half'",
            "0.5",
        ),
        (
            "WITH RECURSIVE r AS (SELECT value AS v FROM metrics WHERE name = 'half' UNION ALL SELECT v + 1 FROM r WHERE v < 1) SELECT max(v) AS v FROM r",
            "1.5",
        ),
        ("SELECT unnest([value]) AS v FROM metrics WHERE name = 'half'", "0.5"),
    ] {
        assert_eq!(rows(&sql, statement).await, [format!("{{\"v\":{wanted}}}")], "{statement}");
    }
    assert!(!rows(&sql, "EXPLAIN SELECT value FROM metrics WHERE value > 1").await.is_empty());
    assert!(rows(&sql, "DESCRIBE metrics").await.join("\n").contains("\"value\",\"data_type\":\"Float64\""));
}

#[tokio::test]
async fn each_format_has_all_digits() {
    let sql = sql(&POINTS[..5]);
    let statement = "SELECT value AS v, name FROM metrics ORDER BY time";
    let text = async |format| String::from_utf8(ask(&sql, statement, format).await.expect("an answer")).expect("UTF-8");
    let digits = ["9007199254740993", "9007199254740992", "0.5", "9007199254740992", "9223372036854775807"];
    let names = ["odd", "even", "half", "same", "most"];
    let all = |write: &dyn Fn(&str, &str) -> String| -> String {
        digits.iter().zip(names).map(|(digits, name)| write(digits, name)).collect()
    };
    assert_eq!(text(Format::Json).await, all(&|digits, name| format!("{{\"v\":{digits},\"name\":\"{name}\"}}\n")));
    let head = "[{\"name\":\"v\",\"number\":true,\"type\":\"Float64\"},";
    let found = text(Format::Rows).await;
    let (first, rest) = found.split_once('\n').expect("a head");
    assert!(first.starts_with(head), "{first}");
    assert_eq!(rest, all(&|digits, name| format!("[{digits},\"{name}\"]\n")));
    assert_eq!(text(Format::Csv).await, format!("v,name\n{}", all(&|digits, name| format!("{digits},{name}\n"))));
    let table = text(Format::Table).await;
    for (line, digits) in table.lines().skip(2).zip(digits) {
        assert!(line.trim_start().starts_with(digits), "{table}");
    }
    // Arrow has no type for such numbers: there it is the column that it is said to be.
    let bytes = ask(&sql, statement, Format::Arrow).await.expect("an answer");
    let batches: Vec<_> =
        StreamReader::try_new(bytes.as_slice(), None).expect("a stream").collect::<Result<_, _>>().expect("batches");
    let values: &Float64Array = batches[0].column(0).as_primitive::<Float64Type>();
    assert_eq!(values.values()[..], [ODD as f64, ODD as f64, 0.5, ODD as f64, i64::MAX as f64]);
}
