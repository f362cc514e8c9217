//! SQL as strangers ask it over HTTP: statements that want the machine for themselves, the examples of the guide, and exact
//! numbers.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::process::Command;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Observatory, eventually, python, succeed};

const BINARY: &str = env!("CARGO_BIN_EXE_vitrine-under-test");
/// The address space of the process that is asked, in KiB.
const ADDRESS_SPACE_KIB: u32 = 9_000_000;
/// The trace of the guide.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// A whole number that no double is.
const ODD: i64 = 9_007_199_254_740_993;
/// The greatest count of values that histograms tell exactly.
const MANY: i64 = 9_007_199_254_740_991;
/// What contains SQL for the observatory.
const PAGES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../README.md")),
    ("sql.md", include_str!("../../../docs/guide/sql.md")),
    ("queries.md", include_str!("../../../docs/guide/queries.md")),
    ("receiving.md", include_str!("../../../docs/guide/receiving.md")),
    ("running.md", include_str!("../../../docs/guide/running.md")),
    ("trying.md", include_str!("../../../docs/guide/trying.md")),
    ("keeping.md", include_str!("../../../docs/guide/keeping.md")),
];

/// Status and text of an answer.
async fn ask(api: &Api, format: &str, statement: &str) -> Result<(u16, String)> {
    let call = Call::new(Method::POST, &format!("/api/sql?format={format}")).raw(statement);
    let call = call.header(CONTENT_TYPE, "application/sql");
    let answer = api.send(call).await?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_ends_the_process() {
    let check = async {
        let folder = tempfile::tempdir()?;
        let bounded = folder.path().join("bounded");
        std::fs::write(&bounded, format!("#!/bin/sh\nulimit -v {ADDRESS_SPACE_KIB}\nexec {BINARY} \"$@\"\n"))?;
        std::fs::set_permissions(&bounded, std::fs::Permissions::from_mode(0o755))?;
        let mut observatory = Observatory::start(&bounded, &[])?;
        let api = observatory.api()?;
        for (statement, status, told) in [
            (
                "SELECT length(replace(z,'a',z)) FROM (SELECT replace(x,'a',x) AS z FROM (SELECT replace(y,'a',y) AS x \
                 FROM (SELECT replace('aaaaaaaaaa','a','aaaaaaaaaa') AS y)))",
                422,
                "134217728 bytes",
            ),
            // A column of so many bytes of text cannot be.
            ("SELECT string_agg(repeat('x', 1000000), '') FROM generate_series(1, 3000)", 422, "2147483647 bytes"),
            (
                "SELECT string_agg(repeat(value::text, 10000), '') FROM generate_series(1, 30000)",
                422,
                "134217728 bytes",
            ),
            ("SELECT array_agg(repeat(value::text, 10000)) FROM generate_series(1, 30000)", 422, "134217728 bytes"),
            ("SELECT repeat('x', 3000000000)", 422, "134217728 bytes"),
            ("SELECT sum(value) OVER () FROM generate_series(1, 100000000)", 422, "134217728 bytes"),
            ("SELECT a.value FROM generate_series(1, 100000000) a ORDER BY a.value % 7", 422, "134217728 bytes"),
            ("SELECT regexp_replace('a', '(', 'b')", 400, "unclosed group"),
        ] {
            let (found, text) = ask(&api, "json", statement).await?;
            ensure!(found == status && text.contains(told), "{statement}: {found} {text}");
            let health = api.send(Call::new(Method::GET, "/healthz")).await?;
            ensure!(health.status == 200, "{statement}: {}", health.status);
            let (found, text) = ask(&api, "json", "SELECT 1 AS one").await?;
            ensure!((found, text.as_str()) == (200, "{\"one\":1}\n"), "after {statement}: {found} {text}");
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the process lives");
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A shop's call with an error and a log record, now, and one metric point that is a whole number.
async fn send(observatory: &Observatory) -> Result<()> {
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let (now, later) = (now.to_string(), (now + 5_000_000).to_string());
    let resource = |service: &str| json!({"attributes": [attribute("service.name", service)]});
    let span = |service: &str, id: &str, parent: &str, kind: u8, status: u8| {
        json!({"resource": resource(service), "scopeSpans": [{"spans": [{
            "traceId": TRACE, "spanId": id, "parentSpanId": parent, "name": "POST /api/v1/orders", "kind": kind,
            "startTimeUnixNano": now, "endTimeUnixNano": later, "status": {"code": status},
            "attributes": [attribute("http.route", "/api/v1/orders")],
        }]}]})
    };
    let spans = json!({"resourceSpans": [
        span("gateway", "00f067aa0ba902b7", "", 2, 2),
        span("gateway", "00f067aa0ba902b8", "00f067aa0ba902b7", 3, 0),
        span("checkout", "00f067aa0ba902b9", "00f067aa0ba902b8", 2, 0),
    ]});
    let logs = json!({"resourceLogs": [{"resource": resource("gateway"), "scopeLogs": [{"logRecords": [{
        "timeUnixNano": now, "severityNumber": 17, "severityText": "ERROR", "body": {"stringValue": "it broke"},
        "traceId": TRACE, "spanId": "00f067aa0ba902b7",
    }]}]}]});
    let metrics = json!({"resourceMetrics": [{"resource": resource("gateway"), "scopeMetrics": [{"metrics": [
        {"name": "odd", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
            {"timeUnixNano": now, "asInt": ODD.to_string()}]}},
        {"name": "half", "gauge": {"dataPoints": [{"timeUnixNano": now, "asDouble": 0.5}]}},
        {"name": "least", "gauge": {"dataPoints": [{"timeUnixNano": now, "asInt": i64::MIN.to_string()}]}},
        {"name": "spread", "histogram": {"aggregationTemporality": 2, "dataPoints": [{
            "timeUnixNano": now, "count": MANY.to_string(), "bucketCounts": [MANY.to_string(), "0"], "explicitBounds": [1],
            "exemplars": [{"timeUnixNano": now, "asInt": "1", "traceId": TRACE, "spanId": "00f067aa0ba902b7"}]}]}},
    ]}]}]});
    let otlp = Api::new(&observatory.otlp_http, None)?;
    for (path, body) in [("/v1/traces", &spans), ("/v1/logs", &logs), ("/v1/metrics", &metrics)] {
        otlp.expect(200, Method::POST, path, Some(body)).await?;
    }
    Ok(())
}

/// What the prompt's help shows: lines of its source that are statements.
fn help() -> impl Iterator<Item = String> {
    let source = include_str!("../../../app/src/sql/prompt.rs");
    let lines = source.lines().map(str::trim).filter(|line| line.starts_with("SELECT "));
    lines.filter_map(|line| Some(line.split_once(';')?.0.to_owned()))
}

/// The SQL of a page: blocks, what follows the prompt, arguments of commands, and statements within sentences.
fn examples(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        found.extend(block.split(";\n").map(str::to_owned));
    }
    found.extend(page.split("vitrine> ").skip(1).filter_map(|rest| rest.split(";\n").next()).map(str::to_owned));
    for line in page.lines().filter(|line| line.contains("vitrine sql ") || line.contains("/api/sql")) {
        found.extend(line.split('"').skip(1).step_by(2).filter(|text| text.starts_with("SELECT")).map(str::to_owned));
    }
    found.extend(page.split("`SELECT ").skip(1).filter_map(|rest| Some(format!("SELECT {}", rest.split('`').next()?))));
    found.retain(|statement| !statement.trim().is_empty());
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_of_the_guide_finds_something() {
    let check = async {
        let mut observatory = Observatory::start(Path::new(BINARY), &[])?;
        send(&observatory).await?;
        let mut run = 0;
        for (page, text) in PAGES {
            for statement in examples(text) {
                let rows = observatory.sql(&statement).await.with_context(|| page.to_string())?;
                ensure!(!rows.is_empty(), "{page}: {statement} finds nothing");
                run += 1;
            }
        }
        ensure!(run >= 8, "only {run} examples were found");
        let told = succeed(Command::new(BINARY).args(["sql", "--help"])).await?;
        let shown: Vec<String> = examples(&told).into_iter().chain(help()).collect();
        ensure!(shown.len() >= 4, "{shown:?}");
        for statement in shown {
            ensure!(!observatory.sql(&statement).await?.is_empty(), "{statement} finds nothing");
        }
        for (condition, count) in
            [("status = 'error'", 1), ("status = 'unset'", 2), ("kind = 'server'", 2), ("kind = 'client'", 1)]
        {
            let rows = observatory.sql(&format!("SELECT count(*) AS n FROM spans WHERE {condition}")).await?;
            ensure!(rows == [json!({"n": count})], "{condition}: {rows:?}");
        }
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("the guide is right");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_numbers_are_exact() {
    let check = async {
        let mut observatory = Observatory::start(Path::new(BINARY), &[])?;
        send(&observatory).await?;
        let api = observatory.api()?;
        let odd = ODD.to_string();
        eventually("four points", async || {
            let rows = observatory.sql("SELECT count(*) AS n FROM metrics WHERE service = 'gateway'").await?;
            Ok((rows == [json!({"n": 4})]).then_some(()))
        })
        .await?;
        for (statement, wanted) in [
            ("SELECT value_int AS v FROM metrics WHERE name = 'odd'", odd.clone()),
            ("SELECT max(value_int) AS v FROM metrics WHERE name = 'odd'", odd.clone()),
            ("SELECT sum(value_int) AS v FROM metrics WHERE name = 'odd'", odd.clone()),
            ("SELECT value_int AS v FROM metrics WHERE value_int = 9007199254740993", odd.clone()),
            ("SELECT value AS v FROM metrics WHERE name = 'odd'", odd.clone()),
            ("SELECT value AS v FROM metrics WHERE value = 9007199254740993", odd.clone()),
            ("SELECT value AS v FROM metrics WHERE name IN ('odd', 'half') ORDER BY value DESC LIMIT 1", odd.clone()),
            ("SELECT max(value) AS v FROM metrics WHERE service = 'gateway'", odd.clone()),
            ("SELECT sum(value) AS v FROM metrics WHERE name = 'odd' GROUP BY value", odd.clone()),
            ("SELECT count AS v FROM metrics WHERE name = 'spread'", MANY.to_string()),
            ("SELECT bucket_counts[1] AS v FROM metrics WHERE count > 9007199254740990", MANY.to_string()),
            ("SELECT value_int AS v FROM metrics WHERE name = 'least'", i64::MIN.to_string()),
            ("SELECT sum(d) AS v FROM (VALUES (18446744073709551615)) t(d)", u64::MAX.to_string()),
        ] {
            for (format, line) in [
                ("json", format!("{{\"v\":{wanted}}}")),
                ("rows", format!("[{wanted}]")),
                ("csv", wanted.clone()),
                ("table", format!(" {wanted}")),
            ] {
                let (status, text) = ask(&api, format, statement).await?;
                ensure!(status == 200 && text.lines().last() == Some(line.as_str()), "{format} {statement}: {text}");
            }
        }
        for column in ["value", "value_int"] {
            let statement = format!("SELECT name FROM metrics WHERE {column} = 9007199254740992");
            let none = observatory.sql(&statement).await?;
            ensure!(none.is_empty(), "{none:?}");
        }
        let half = observatory.sql("SELECT value, value_int FROM metrics WHERE name = 'half'").await?;
        ensure!(half == [json!({"value": 0.5, "value_int": null})], "{half:?}");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("no digit is lost");
}

/// Reads an exported file as others do: how many rows there are and of what, by Arrow and by DuckDB.
const READ: &str = "
import sys, json, duckdb, pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
rows = duckdb.sql(f\"SELECT metric, labels['job'] AS job, value, count, sum FROM '{sys.argv[1]}' ORDER BY ALL\").fetchall()
assert table.num_rows == len(rows), (table.num_rows, rows)
print(json.dumps([table.column_names, rows]))
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_exported_as_parquet() {
    let check = async {
        let mut observatory = Observatory::start(Path::new(BINARY), &[])?;
        send(&observatory).await?;
        let folder = tempfile::tempdir()?;
        let export = |more: &[&str]| {
            let mut command = Command::new(BINARY);
            command.args(["metrics", "export", "--url", &observatory.observe]).args(more).current_dir(folder.path());
            command
        };
        let selector = r#"{__name__=~"odd.*|half|spread_count", job="gateway"}"#;
        let told = succeed(&mut export(&["--parquet", "some.parquet", "--match", selector])).await?;
        ensure!(told == "3 samples in some.parquet\n", "{told}");
        let packages = ["pyarrow==26.0.1", "duckdb==2.0.0"];
        let python = python(Path::new(env!("CARGO_TARGET_TMPDIR")), "pyarrow-26.0.1-duckdb-2.0.0", &packages).await?;
        let read = succeed(Command::new(&python).args(["-c", READ, "some.parquet"]).current_dir(folder.path())).await?;
        let columns = json!(["metric", "time", "value", "count", "sum", "buckets", "labels"]);
        let rows = json!([
            ["half", "gateway", 0.5, null, null],
            ["odd_total", "gateway", ODD as f64, null, null],
            ["spread_count", "gateway", MANY as f64, null, null],
        ]);
        ensure!(serde_json::from_str::<Value>(&read)? == json!([columns, rows]), "{read}");
        // A folder, and a time in which there is nothing.
        let told = succeed(&mut export(&["--parquet", "all/", "--match", "half"])).await?;
        ensure!(
            told == "1 sample in 1 file of all/\n" && folder.path().join("all/samples-00001.parquet").exists(),
            "{told}"
        );
        let early = ["--parquet", "none.parquet", "--start", "2020-01-01T00:00:00Z", "--end", "2020-01-03T00:00:00Z"];
        let told = succeed(&mut export(&early)).await?;
        ensure!(told == "0 samples in none.parquet\n", "{told}");
        for (arguments, told) in [
            (&["--parquet", "x.parquet", "--match", "sum(up)"][..], "parse error"),
            (&["--parquet", "x.parquet", "--start", "soon"], "--start soon: expected a time"),
            (
                &["--parquet", "x.parquet", "--start", "2030-01-01T00:00:00Z", "--end", "2029-01-01T00:00:00Z"],
                "before --end",
            ),
            (&["--parquet", "nowhere/x.parquet"], "nowhere/x.parquet.partial cannot be written"),
        ] {
            let output = export(arguments).output().await?;
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(!output.status.success() && error.contains(told), "{arguments:?}: {error}");
        }
        ensure!(std::fs::read_dir(folder.path())?.count() == 3, "what is not whole is gone");
        observatory.process().stop()?;
        Ok::<_, anyhow::Error>(())
    };
    check.await.expect("others read it");
}
