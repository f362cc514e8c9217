//! What of a statement the engine is asked for.

use vitrine_observe_store::model::{Table, TraceId};
use vitrine_observe_store::{Scan, TextCondition, TextPart};

use crate::engine::{SECOND, TEN};
use crate::{rows, sql};

async fn scans(statement: &str) -> Vec<Scan> {
    let (sql, seen) = sql();
    rows(&sql, statement).await;
    let scans = seen.scans.lock().expect("no panic").clone();
    scans.into_iter().map(|(_, _, scan)| scan).collect()
}

async fn scan(statement: &str) -> Scan {
    let mut scans = scans(statement).await;
    assert_eq!(scans.len(), 1, "{statement}");
    scans.remove(0)
}

#[tokio::test]
async fn only_needed_columns_are_read() {
    assert_eq!(scan("SELECT name FROM spans WHERE duration_ns > 5").await.columns, Some(vec![1, 6]));
    assert_eq!(scan("SELECT count(*) FROM spans").await.columns, Some(vec![0]));
    let (sql, seen) = sql();
    rows(&sql, "SELECT service, time FROM spans").await;
    assert_eq!(seen.scans.lock().expect("no panic")[0].1, Table::Spans);
}

#[tokio::test]
async fn times_become_a_range() {
    let (ten, end) = (TEN as u64, i64::MAX as u64);
    for (condition, range) in [
        ("time >= '2026-11-21T10:00:00Z'", (ten, end)),
        ("time > '2026-11-21 10:00:00'", (ten + 1, end)),
        ("time < timestamp '2026-11-21 10:00:00'", (0, ten - 1)),
        ("'2026-11-21T10:00:00Z' >= time", (0, ten)),
        ("time = '2026-11-21T10:00:00Z'", (ten, ten)),
        ("time BETWEEN '2026-11-21T10:00:00Z' AND '2026-11-21T10:00:01Z'", (ten, ten + SECOND as u64)),
        (
            "time >= '2026-11-21T10:00:00Z' AND name = 'x' AND time < '2026-11-21T10:00:01Z'",
            (ten, ten + SECOND as u64 - 1),
        ),
        ("time >= timestamp '2026-11-21 11:00:00' - interval '1 hour'", (ten, end)),
    ] {
        assert_eq!(
            scan(&format!("SELECT name FROM spans WHERE {condition}")).await.time_ns,
            Some(range),
            "{condition}"
        );
    }
    let range = scan("SELECT name FROM spans WHERE time > now() - interval '1 hour'").await.time_ns;
    assert!(range.is_some_and(|(first, last)| first > 1_700_000_000_000_000_000 && last == end), "{range:?}");
    for condition in
        ["time > '2026-11-21T10:00:00Z' OR name = 'x'", "time <> '2026-11-21T10:00:00Z'", "duration_ns > 1"]
    {
        assert_eq!(scan(&format!("SELECT name FROM spans WHERE {condition}")).await.time_ns, None, "{condition}");
    }
}

#[tokio::test]
async fn a_trace_id_is_handed_down() {
    let mut id = [0; 16];
    id[15] = 2;
    for condition in ["trace_id = '2'", "trace_id = trace_id('02')", "trace_id = X'00000000000000000000000000000002'"] {
        let found = scan(&format!("SELECT name FROM spans WHERE {condition}")).await;
        assert_eq!(found.trace, Some(TraceId(id)), "{condition}");
    }
    assert_eq!(scan("SELECT name FROM spans WHERE trace_id <> '2'").await.trace, None);
}

#[tokio::test]
async fn what_a_text_holds_is_handed_down() {
    let holds =
        |part: fn(String) -> TextPart, text: &str| TextCondition { column: "body".into(), holds: part(text.into()) };
    for (condition, texts) in [
        ("body LIKE '%declined%'", vec![holds(TextPart::Characters, "declined")]),
        (
            "body LIKE 'card%by_100\\%'",
            vec![
                holds(TextPart::Characters, "card"),
                holds(TextPart::Characters, "by"),
                holds(TextPart::Characters, "100%"),
            ],
        ),
        ("body ~ 'refused|re.et'", vec![holds(TextPart::Pattern, "refused|re.et")]),
        ("body ~* 'refused|re.et'", vec![holds(TextPart::Pattern, "(?i)refused|re.et")]),
        ("has_words(body, 'Card, DECLINED')", vec![holds(TextPart::Word, "card"), holds(TextPart::Word, "declined")]),
        ("body NOT LIKE '%declined%'", vec![]),
        ("body LIKE '%declined%' OR severity > 8", vec![]),
    ] {
        assert_eq!(scan(&format!("SELECT time FROM logs WHERE {condition}")).await.texts, texts, "{condition}");
    }
}

#[tokio::test]
async fn services_are_handed_down() {
    for (condition, services) in [
        ("service = 'cart'", vec!["cart"]),
        ("'cart' = service", vec!["cart"]),
        ("service IN ('stock', 'cart')", vec!["cart", "stock"]),
        ("service IN ('a', 'b', 'c', 'd', 'e')", vec!["a", "b", "c", "d", "e"]),
        ("service = 'cart' OR service = 'stock'", vec!["cart", "stock"]),
        ("service IN ('stock', 'cart') AND service IN ('cart', 'x')", vec!["cart"]),
    ] {
        let found = scan(&format!("SELECT name FROM spans WHERE {condition}")).await.services;
        assert_eq!(found, Some(services.into_iter().map(str::to_owned).collect()), "{condition}");
    }
    for condition in
        ["service <> 'cart'", "service NOT IN ('a', 'b', 'c', 'd')", "service = 'a' OR name = 'b'", "service = name"]
    {
        assert_eq!(scan(&format!("SELECT name FROM spans WHERE {condition}")).await.services, None, "{condition}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_not_read() {
    for condition in [
        "time > '2026-11-21T10:00:00Z' AND time < '2026-11-20T10:00:00Z'",
        "service = 'a' AND service = 'b'",
        "trace_id = '1' AND trace_id = '2'",
        "time < '1960-01-01T00:00:00Z'",
    ] {
        assert_eq!(scans(&format!("SELECT name FROM spans WHERE {condition}")).await, [], "{condition}");
    }
}

#[tokio::test]
async fn conditions_hold_whatever_the_engine_reads() {
    // The engine of the test ignores what it is asked for, as it may.
    let (sql, _) = sql();
    assert_eq!(rows(&sql, "SELECT span_id FROM spans WHERE service = 'stock'").await.len(), 1);
    assert_eq!(rows(&sql, "SELECT span_id FROM spans WHERE time > '2026-11-21T10:00:00Z'").await.len(), 2);
    assert_eq!(rows(&sql, "SELECT span_id FROM spans WHERE trace_id = '1'").await.len(), 2);
}

#[tokio::test]
async fn explain_shows_what_is_read() {
    let (sql, _) = sql();
    let plan = rows(&sql, "EXPLAIN SELECT name FROM spans WHERE service = 'cart' AND trace_id = '2'").await.join("\n");
    assert!(plan.contains("trace_id=00000000000000000000000000000002, services=[cart]"), "{plan}");
}
