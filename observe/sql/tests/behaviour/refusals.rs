//! What is not done.

use vitrine_observe_sql::{MAX_STATEMENT_BYTES, SqlError};

use crate::{lines, rows, sql, wrong};

#[tokio::test]
async fn only_reading_is_possible() {
    let (sql, _) = sql();
    for (statement, what) in [
        ("CREATE TABLE t (a INT)", "CREATE TABLE"),
        ("CREATE TABLE t AS SELECT * FROM spans", "CREATE TABLE"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "CREATE EXTERNAL TABLE"),
        ("CREATE FUNCTION f() RETURNS INT RETURN 1", "CREATE FUNCTION"),
        ("COPY spans TO '/tmp/x.csv'", "COPY"),
        ("COPY (SELECT 1) TO '/tmp/x.csv' STORED AS CSV", "COPY"),
        ("INSERT INTO spans VALUES (1)", "INSERT"),
        ("WITH a AS (SELECT 1) INSERT INTO spans SELECT * FROM a", "INSERT"),
        ("UPDATE spans SET name = 'x'", "UPDATE"),
        ("DELETE FROM spans", "DELETE"),
        ("TRUNCATE TABLE spans", "TRUNCATE"),
        ("DROP TABLE spans", "DROP TABLE"),
        ("ALTER TABLE spans ADD COLUMN a INT", "ALTER TABLE"),
        ("SET datafusion.execution.batch_size = 1", "SET"),
        ("RESET datafusion.execution.batch_size", "RESET"),
        ("BEGIN", "BEGIN"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("EXPLAIN INSERT INTO spans VALUES (1)", "INSERT"),
        ("EXPLAIN ANALYZE DELETE FROM spans", "DELETE"),
    ] {
        match lines(&sql, statement).await {
            Err(error @ SqlError::Refused { .. }) => {
                assert!(error.to_string().starts_with(what), "{statement}: {error}");
            }
            other => panic!("{statement}: {other:?}"),
        }
    }
    assert!(lines(&sql, "SELECT * INTO t FROM spans").await.is_err());
}

#[tokio::test]
async fn files_are_not_read() {
    let (sql, _) = sql();
    for statement in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd.csv\"",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM 'file:///etc/passwd.csv'",
    ] {
        wrong(&sql, statement).await;
    }
}

#[tokio::test]
async fn mistakes_are_explained() {
    let (sql, _) = sql();
    for (statement, part) in [
        ("", "expected a statement"),
        ("-- nothing", "expected a statement"),
        ("SELECT 1; SELECT 2", "expected one statement, found 2"),
        ("SELEC 1", "SELEC"),
        ("SELECT nme FROM spans", "nme"),
        ("SELECT * FROM span", "span"),
        ("SELECT repeet('x', 3)", "repeet"),
        ("SELECT regexp_replace('a', '(', 'b')", "unclosed group"),
        ("SELECT array_resize([1, 2], -1)", "array_resize"),
        ("SELECT nth_value(duration_ns, 0) FROM spans", "invalid index"),
        ("SELECT max(attributes) FROM spans", "Map"),
        ("SELECT map_entries(attributes) FROM spans", "panicked"),
        ("SELECT 'open", "Unterminated"),
        ("SELECT 1 / 0", "ivide by zero"),
        ("SELECT * FROM services(1)", "takes two times"),
        ("SELECT * FROM services('x', 'y')", "takes times, such as"),
        // Words of memory that the user wrote.
        ("SELECT allocations FROM metrics", "allocations"),
        ("SELECT 'allocate'::int", "allocate"),
        ("SELECT \"offset overflow\" FROM spans", "offset overflow"),
        ("SELECT trace_id('failed to allocate')", "failed to allocate"),
    ] {
        let told = wrong(&sql, statement).await;
        assert!(told.contains(part), "{statement}: {told}");
    }
    assert_eq!(rows(&sql, "SELECT 1 AS one;").await, [r#"{"one":1}"#]);
    let long = wrong(&sql, "SELECT repeat('x', 4000000)::int").await;
    assert!(long.contains("xxx") && long.chars().count() < 2000, "{}", long.len());
}

#[tokio::test]
async fn monstrous_statements_are_refused() {
    let (sql, _) = sql();
    let told = wrong(&sql, &format!("SELECT '{}'", "x".repeat(MAX_STATEMENT_BYTES))).await;
    assert!(told.contains("bytes in the statement"), "{told}");
    let told = wrong(&sql, &format!("SELECT 1{}", "+1".repeat(100_000))).await;
    assert!(told.contains("words and operators"), "{told}");
    let told = wrong(&sql, &format!("SELECT {}1{}", "(".repeat(900), ")".repeat(900))).await;
    assert!(told.contains("nested too deeply"), "{told}");
    let told = wrong(&sql, &format!("SELECT {}1", "- ".repeat(1_500))).await;
    assert!(told.contains("nested too deeply"), "{told}");
}

#[tokio::test]
async fn the_largest_statements_are_planned_without_harm() {
    let (sql, _) = sql();
    let ids: Vec<String> = (1..=10_000).map(|id| format!("'{id:032x}'")).collect();
    let found = rows(&sql, &format!("SELECT name FROM spans WHERE trace_id IN ({})", ids.join(","))).await;
    assert_eq!(found.len(), 3);
    for (first, part) in [
        ("SELECT duration_ns", " + duration_ns"),
        ("SELECT name FROM spans WHERE name = 'x'", " OR name = 'x'"),
        ("SELECT name", " || name"),
        ("SELECT 1", " UNION ALL SELECT 1"),
        ("SELECT duration_ns", "::BIGINT"),
    ] {
        let words = part.split_whitespace().count().max(2);
        let mut statement = format!("{first}{}", part.repeat(1_900 / words));
        if !statement.contains("FROM") && !statement.contains("UNION") {
            statement.push_str(" FROM spans");
        }
        let outcome = lines(&sql, &statement).await;
        assert!(
            outcome.is_ok(),
            "{part}: {:?}",
            outcome.err().map(|error| error.to_string().chars().take(300).collect::<String>())
        );
    }
}
