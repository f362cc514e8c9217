//! Functions for telemetry.

use crate::{rows, sql, wrong};

#[tokio::test]
async fn attributes_are_found_by_key() {
    let (sql, _) = sql();
    let found =
        rows(&sql, "SELECT attr(attributes, 'http.route') AS r, attr(resource, 'n') AS n FROM spans ORDER BY time")
            .await;
    assert_eq!(found, [r#"{"r":"/cart","n":null}"#, r#"{"r":null,"n":null}"#, r#"{"r":null,"n":null}"#]);
    assert_eq!(rows(&sql, "SELECT count(*) AS c FROM spans WHERE attr(attributes, 'n') = '1'").await, [r#"{"c":1}"#]);
    assert_eq!(rows(&sql, "SELECT count(attr(attributes, name)) AS c FROM spans").await, [r#"{"c":0}"#]);
    let told = wrong(&sql, "SELECT attr(name, 'x') FROM spans").await;
    assert!(told.contains("attr(attributes, 'http.route')"), "{told}");
}

#[tokio::test]
async fn words_are_looked_for_in_texts() {
    let (sql, _) = sql();
    let statement = "SELECT has_words('Card declined: insufficient_funds', 'DECLINED card') AS a, has_words('declined', 'decline') AS b, \
                     has_words(NULL, 'x') AS c, has_words('any', '') AS d";
    assert_eq!(rows(&sql, statement).await, [r#"{"a":true,"b":false,"c":null,"d":true}"#]);
    let statement = "SELECT count(*) AS c FROM spans WHERE has_words(service, service)";
    assert_eq!(rows(&sql, statement).await, [r#"{"c":3}"#]);
    let told = wrong(&sql, "SELECT has_words(1, 'x')").await;
    assert!(told.contains("has_words(body, 'card declined')"), "{told}");
}

#[tokio::test]
async fn ids_are_text_and_back() {
    let (sql, _) = sql();
    let found = rows(
        &sql,
        "SELECT trace_id_hex(trace_id) AS t, span_id_hex(parent_span_id) AS p FROM spans ORDER BY time LIMIT 2",
    )
    .await;
    assert_eq!(
        found,
        [
            r#"{"t":"00000000000000000000000000000001","p":null}"#,
            r#"{"t":"00000000000000000000000000000001","p":"0000000000000001"}"#,
        ]
    );
    for condition in [
        "trace_id = '00000000000000000000000000000002'",
        "'2' = trace_id",
        "trace_id = trace_id('2')",
        "trace_id IN ('2', '7')",
        "trace_id <> '1'",
        "trace_id_hex(trace_id) = '00000000000000000000000000000002'",
        "span_id = '3' AND trace_id = '2'",
        "trace_id IN (SELECT trace_id FROM spans WHERE span_id = '3')",
    ] {
        let found = rows(&sql, &format!("SELECT span_id_hex(span_id) AS s FROM spans WHERE {condition}")).await;
        assert_eq!(found, [r#"{"s":"0000000000000003"}"#], "{condition}");
    }
    let told = wrong(&sql, "SELECT 1 FROM spans WHERE trace_id = 'xyz'").await;
    assert!(told.contains("hexadecimal digits"), "{told}");
    let told = wrong(&sql, "SELECT trace_id_hex(1)").await;
    assert!(told.contains("bytes of an id"), "{told}");
    let told = wrong(&sql, "SELECT trace_id('')").await;
    assert!(told.contains("hexadecimal digits"), "{told}");
}

#[tokio::test]
async fn durations_and_steps() {
    let (sql, _) = sql();
    let found = rows(&sql, "SELECT time_bucket('1 minute', time) AS t, count(*) AS n, max(duration_ms(duration_ns)) AS ms FROM spans GROUP BY 1 ORDER BY 1").await;
    assert_eq!(
        found,
        [r#"{"t":"2026-11-21T10:00:00Z","n":2,"ms":1.5}"#, r#"{"t":"2026-11-21T10:01:00Z","n":1,"ms":1.5}"#]
    );
    let found = rows(&sql, "SELECT DISTINCT time_bucket(interval '1 hour', time) AS t FROM spans").await;
    assert_eq!(found, [r#"{"t":"2026-11-21T10:00:00Z"}"#]);
    let found = rows(&sql, "SELECT time_bucket('15 minutes', '2026-11-21T10:44:00Z') AS t").await;
    assert_eq!(found, [r#"{"t":"2026-11-21T10:30:00Z"}"#]);
    for (statement, part) in [
        ("SELECT time_bucket('1 month', time) FROM spans", "no fixed length"),
        ("SELECT time_bucket('0 s', time) FROM spans", "above zero"),
        ("SELECT time_bucket(5, time) FROM spans", "time_bucket('1 minute', time)"),
        ("SELECT time_bucket(name, time) FROM spans", "constant width"),
        ("SELECT duration_ms('x', 2)", "number of nanoseconds"),
        ("SELECT duration_ms(name) FROM spans", "number of nanoseconds"),
    ] {
        let told = wrong(&sql, statement).await;
        assert!(told.contains(part), "{statement}: {told}");
    }
}

#[tokio::test]
async fn sums_of_whole_numbers_are_exact_or_refused() {
    let (sql, _) = sql();
    let most = "9223372036854775807";
    for (statement, found) in [
        ("SELECT sum(v) AS s FROM (VALUES (9223372036854775806), (1)) t(v)", most),
        // Beyond on the way, and back.
        (&format!("SELECT sum(v) AS s FROM (VALUES ({most}), (9), (-9)) t(v)"), most),
        (&format!("SELECT max(s) AS s FROM (SELECT sum(v) OVER () AS s FROM (VALUES ({most}), (9), (-9)) t(v))"), most),
        (&format!("SELECT sum(DISTINCT v) AS s FROM (VALUES ({most}), (9), (-9), (9)) t(v)"), most),
        (
            &format!(
                "SELECT max(s) AS s FROM (SELECT k, sum(v) AS s FROM (VALUES (1, {most}), (2, 1)) t(k, v) GROUP BY k)"
            ),
            most,
        ),
        (
            "SELECT sum(v) AS s FROM (VALUES (18446744073709551614), (18446744073709551615), (NULL)) t(v) HAVING false",
            "",
        ),
        ("SELECT sum(duration_ns) AS s FROM spans", "4500000"),
        ("SELECT sum(duration_ns) AS s FROM spans WHERE false", "null"),
        ("SELECT sum(v::decimal(38, 0)) AS s FROM (VALUES (18446744073709551615), (1)) t(v)", "18446744073709551616"),
        ("SELECT sum(v) AS s FROM (VALUES (0.5), (1)) t(v)", "1.5"),
    ] {
        let wanted: Vec<String> = (!found.is_empty()).then(|| format!("{{\"s\":{found}}}")).into_iter().collect();
        assert_eq!(rows(&sql, statement).await, wanted, "{statement}");
    }
    for statement in [
        format!("SELECT sum(v) FROM (VALUES ({most}), (1)) t(v)"),
        "SELECT sum(arrow_cast(v, 'UInt64')) FROM (VALUES (18446744073709551615), (1)) t(v)".to_owned(),
        format!("SELECT k, sum(v) FROM (VALUES (1, {most}), (1, 1)) t(k, v) GROUP BY k"),
        format!(
            "SELECT sum(v) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES (1, {most}), (2, 1)) t(k, v)"
        ),
    ] {
        let told = wrong(&sql, &statement).await;
        assert!(told.contains("decimal(38, 0)"), "{statement}: {told}");
    }
}
