//! Bounds on memory, time and number; statements no caller waits for.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use vitrine_observe_sql::{Format, ResultStream, Sql, SqlError, SqlOptions};
use vitrine_observe_store::{QueryError, Tenant};

use crate::engine::{TestEngine, three};
use crate::{ask, lines, over, rows, worker};

/// Longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

fn endless() -> TestEngine {
    let spans: Vec<_> = (0..1000).flat_map(|_| three()).collect();
    TestEngine { repeat: usize::MAX, ..TestEngine::new(&spans) }
}

/// Waits for a thing to come about.
async fn until(holds: impl Fn() -> bool) {
    let come = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, come).await.expect("it comes about");
}

async fn open(sql: &Sql, statement: &str) -> ResultStream {
    sql.query(&Tenant::default(), statement, Format::Json).await.expect("an answer begins")
}

#[tokio::test]
async fn an_answer_that_is_dropped_stops_the_scan() {
    let (sql, seen) = over(endless(), SqlOptions { max_queries: 1, ..SqlOptions::default() });
    let mut answer = open(&sql, "SELECT name FROM spans").await;
    answer.next().await.expect("a chunk").expect("bytes");
    drop(answer);
    until(|| seen.ended.load(Ordering::SeqCst) == 1).await;
    // Its place is free again.
    until_free(&sql).await;
}

async fn until_free(sql: &Sql) {
    let free = async {
        while matches!(lines(sql, "SELECT 1").await, Err(SqlError::Busy { .. })) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("a place is free again");
}

#[tokio::test]
async fn an_answer_that_never_began_is_stopped_too() {
    let (sql, seen) = over(endless(), SqlOptions::default());
    let tenant = Tenant::default();
    let mut query = Box::pin(sql.query(&tenant, "SELECT count(*) FROM spans", Format::Json));
    let begun = async {
        while seen.batches.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut query => panic!("it never ends"),
        () = begun => {}
    }
    drop(query);
    until(|| seen.ended.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn nothing_is_read_ahead_of_a_slow_reader() {
    let (sql, seen) = over(endless(), SqlOptions::default());
    let mut answer = open(&sql, "SELECT name FROM spans").await;
    for _ in 0..3 {
        answer.next().await.expect("a chunk").expect("bytes");
    }
    // One batch is three chunks; a few wait in channels of ours and of the plan.
    assert!(seen.batches.load(Ordering::SeqCst) < 50);
}

#[tokio::test]
async fn time_is_limited() {
    let limit = Duration::from_millis(500);
    for statement in [
        "SELECT count(*) FROM spans",
        "SELECT name FROM spans",
        "SELECT count(DISTINCT name) FROM spans",
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value < 0",
        "SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a.value % 2 = b.value % 2",
        "SELECT count(*) FROM generate_series(1, 300000) a LEFT JOIN generate_series(1, 300000) b ON a.value < -b.value",
        "SELECT count(*) FROM generate_series(1, 300000) a JOIN generate_series(1, 300000) b ON a.value % 2 = b.value % 2 AND a.value < -b.value",
        "SELECT max(a.value) OVER (PARTITION BY a.value % 7) FROM generate_series(1, 10000000000) a WHERE a.value < 0",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        // One call of a function, which is made when the statement is planned.
        "SELECT levenshtein(repeat('ab', 1000000), repeat('ba', 1000000))",
        "SELECT levenshtein(repeat(name, 100000), repeat('ba', 1000000)) FROM (SELECT name FROM spans LIMIT 1)",
    ] {
        let options = SqlOptions { time_limit: limit, max_queries: 1, ..SqlOptions::default() };
        let (sql, _) = over(endless(), options);
        let started = std::time::Instant::now();
        let outcome = ask(&sql, statement, Format::Json).await;
        assert_eq!(outcome, Err(SqlError::Time { limit }), "{statement}");
        assert!(started.elapsed() < PATIENCE, "{statement}");
        // And it does not go on behind our back.
        until_free(&sql).await;
    }
}

#[tokio::test]
async fn memory_is_limited() {
    // Each text is put for each letter of one that is as long: ten letters become ten billion.
    const GROWING: &str = "SELECT length(replace(z,'a',z)) FROM (SELECT replace(x,'a',x) AS z FROM (SELECT \
        replace(y,'a',y) AS x FROM (SELECT replace('aaaaaaaaaa','a','aaaaaaaaaa') AS y)))";
    let options = || SqlOptions { memory_bytes: 4 << 20, ..SqlOptions::default() };
    let numbers = "generate_series(1, 10000000)";
    for statement in [
        format!("SELECT value FROM {numbers} ORDER BY -value"),
        format!("SELECT value % 9999991, count(*) FROM {numbers} GROUP BY 1"),
        format!("SELECT count(*) FROM {numbers} a JOIN {numbers} b ON a.value = b.value"),
        format!("SELECT array_agg(value) FROM {numbers}"),
        format!("SELECT sum(value) OVER () FROM {numbers}"),
        format!("SELECT count(DISTINCT -value % 9999991) FROM {numbers}"),
        format!("SELECT string_agg(value::text || 'abcdefghijklmnop', ',') FROM {numbers}"),
        format!("SELECT a.value FROM {numbers} a, {numbers} b ORDER BY 1 - a.value"),
        "SELECT repeat('x', 1000000000)".to_owned(),
        "SELECT rpad(name, 1000000000) FROM spans".to_owned(),
        "SELECT array_repeat('abc', 100000000)".to_owned(),
        "SELECT range(1, 1000000000)".to_owned(),
        "SELECT count(*) FROM (SELECT unnest(range(1, 100000000)) FROM spans)".to_owned(),
        GROWING.to_owned(),
    ] {
        let (sql, _) = over(TestEngine::new(&three()), options());
        match ask(&sql, &statement, Format::Json).await {
            Err(SqlError::Memory { limit, .. }) => assert_eq!(limit, 4 << 20, "{statement}"),
            other => panic!("{statement}: {:?}", other.map(|bytes| bytes.len())),
        }
    }
    // Room is for each statement, and given back.
    let (sql, _) = over(TestEngine::new(&three()), options());
    for _ in 0..3 {
        assert_eq!(rows(&sql, "SELECT count(*) AS n FROM generate_series(1, 1000000)").await, [r#"{"n":1000000}"#]);
    }
}

#[tokio::test]
async fn a_statement_that_dies_harms_no_other() {
    let (sql, _) = over(endless(), SqlOptions::default());
    let mut living = open(&sql, "SELECT name FROM spans").await;
    let dying = lines(&sql, "SELECT repeat('x', 2000000000)").await;
    assert!(matches!(dying, Err(SqlError::Memory { .. })), "{dying:?}");
    for _ in 0..5 {
        living.next().await.expect("a chunk").expect("bytes");
    }
    assert_eq!(rows(&sql, "SELECT 1 AS one").await, [r#"{"one":1}"#]);
}

#[tokio::test]
async fn a_worker_is_kept_until_a_statement_ends_it() {
    let started = Arc::new(AtomicUsize::new(0));
    let counted = started.clone();
    let engine = Arc::new(TestEngine::new(&three()));
    let sql = Sql::new(engine, SqlOptions::default(), move || {
        counted.fetch_add(1, Ordering::SeqCst);
        worker()
    });
    let sql = sql.expect("threads");
    assert_eq!(started.load(Ordering::SeqCst), 0, "none before there is a statement");
    for statement in ["SELECT name FROM spans", "SELECT 1", "SELECT nothing", "SELECT count(*) FROM logs"] {
        let _ = lines(&sql, statement).await;
        assert_eq!(started.load(Ordering::SeqCst), 1, "{statement}");
    }
    // It grows, and dies.
    for (statement, most) in [("SELECT length(repeat('x', 100000000))", 2), ("SELECT repeat('x', 2000000000)", 3)] {
        let _ = lines(&sql, statement).await;
        assert_eq!(rows(&sql, "SELECT 1 AS one").await, [r#"{"one":1}"#]);
        let started = started.load(Ordering::SeqCst);
        assert!(started <= most, "{statement}: {started}");
    }
    assert!(started.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn a_worker_that_cannot_be_is_told() {
    for command in ["/nowhere/at/all", "true"] {
        let engine = Arc::new(TestEngine::new(&three()));
        let sql = Sql::new(engine, SqlOptions::default(), move || Command::new(command)).expect("threads");
        let outcome = lines(&sql, "SELECT 1").await;
        assert!(
            matches!(&outcome, Err(SqlError::Failed(why)) if why.contains("its process")),
            "{command}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn so_many_statements_run_and_no_more() {
    let (sql, _) = over(endless(), SqlOptions { max_queries: 2, ..SqlOptions::default() });
    let first = open(&sql, "SELECT name FROM spans").await;
    let second = open(&sql, "SELECT name FROM spans").await;
    assert_eq!(lines(&sql, "SELECT 1").await, Err(SqlError::Busy { most: 2 }));
    drop(first);
    until_free(&sql).await;
    drop(second);
}

#[tokio::test]
async fn many_scans_in_one_statement_share_the_threads() {
    let (sql, _) = over(TestEngine { repeat: 20, ..TestEngine::new(&three()) }, SqlOptions::default());
    let scans: Vec<String> =
        (0..30).map(|n| format!("(SELECT count(*) AS c FROM spans WHERE duration_ns > {n})")).collect();
    let statement = format!("SELECT sum(c) AS s FROM ({})", scans.join(" UNION ALL "));
    assert_eq!(rows(&sql, &statement).await, [r#"{"s":1800}"#]);
    let joins: Vec<String> =
        (0..8).map(|n| format!("JOIN (SELECT DISTINCT span_id FROM spans) t{n} ON s.span_id = t{n}.span_id")).collect();
    let statement = format!("SELECT count(*) AS n FROM spans s {}", joins.join(" "));
    assert_eq!(rows(&sql, &statement).await, [r#"{"n":60}"#]);
}

#[tokio::test]
async fn what_the_engine_cannot_do_is_told() {
    for (fail, told) in [
        (QueryError::TooMuch { bytes: 77 }, SqlError::Memory { limit: 77, what: "reading what is kept".into() }),
        (QueryError::TooLong { most: Duration::from_secs(9) }, SqlError::Time { limit: Duration::from_secs(9) }),
        (QueryError::Closed, SqlError::Closed),
        (QueryError::Disk("torn".into()), SqlError::Failed("cannot read what is kept: torn".into())),
    ] {
        let (sql, _) = over(TestEngine { fail: Some(fail), ..TestEngine::new(&three()) }, SqlOptions::default());
        assert_eq!(lines(&sql, "SELECT name FROM spans").await, Err(told));
    }
}

#[tokio::test]
async fn tenants_are_kept_apart() {
    let (sql, seen) = over(TestEngine::new(&three()), SqlOptions::default());
    let tenant = Tenant::new("other").expect("a name");
    let mut answer = sql.query(&tenant, "SELECT name FROM spans", Format::Json).await.expect("an answer");
    while answer.next().await.is_some() {}
    assert_eq!(seen.scans.lock().expect("no panic")[0].0, "other");
}
