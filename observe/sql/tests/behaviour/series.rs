//! Metrics as rows and as PromQL has them, over an engine that keeps series.

use std::sync::Arc;

use vitrine_kit::clock::Clock;
use vitrine_observe_sql::{Format, Sql, SqlError, SqlOptions};
use vitrine_observe_store::model::metrics::{RemoteWrite, SeriesWrite};
use vitrine_observe_store::series::{Bucket, Exemplar, Histogram, Labels, MetricType, Value};
use vitrine_observe_store::{ColumnEngine, Fsync, Options, SeriesIngest, Tenant};

use crate::{ask, rows, worker, wrong};

/// 2027-01-15T08:00:00Z in milliseconds since 1970.
const EIGHT_MS: i64 = 1_800_000_000_000;
/// Samples of each series, a quarter of a minute apart.
const SAMPLES: i64 = 21;
const STEP_MS: i64 = 15_000;

fn written(name: &str, job: &str, kind: MetricType, value: impl Fn(i64) -> Value) -> SeriesWrite {
    SeriesWrite {
        labels: Labels::of([("__name__", name), ("job", job)]),
        kind,
        help: format!("what {name} means"),
        unit: String::new(),
        samples: (0..SAMPLES).map(|step| (EIGHT_MS + step * STEP_MS, 0, value(step))).collect(),
        exemplars: Vec::new(),
    }
}

/// Two counters, a gauge and a histogram of one tenant, and a gauge of another.
async fn engine(folder: &std::path::Path) -> Arc<ColumnEngine> {
    let (clock, _) = Clock::manual(EIGHT_MS + SAMPLES * STEP_MS);
    let options = Options { fsync: Fsync::Never, ..Options::new(folder) };
    let engine = Arc::new(ColumnEngine::open(options, clock).expect("it opens"));
    let float = |value: f64| Value::Float(value.to_bits());
    let histogram = |step: i64| {
        let positive = vec![Bucket { index: 1, count: step as f64 }];
        let (count, sum) = (step as f64, 0.5 * step as f64);
        Value::Histogram(Arc::new(Histogram { schema: 0, count, sum, positive, ..Histogram::default() }))
    };
    let mut requests = written("requests_total", "shop/cart", MetricType::Counter, |step| float(step as f64 * 7.0));
    let labels =
        Labels::of([("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), ("span_id", "00f067aa0ba902b7"), ("k", "v")]);
    requests.exemplars = vec![Exemplar { labels, value: 0.25, time_ms: EIGHT_MS }];
    let all = [
        requests,
        written("requests_total", "stock", MetricType::Counter, |step| float(step as f64 * 0.5)),
        written("heat", "stock", MetricType::Gauge, |step| float(if step == 3 { f64::NAN } else { -step as f64 })),
        written("latency", "stock", MetricType::Histogram, histogram),
    ];
    engine.remote_write(&Tenant::default(), RemoteWrite::of(&all)).await.expect("taken");
    let other = [written("secret", "other", MetricType::Gauge, |_| float(1.0))];
    engine.remote_write(&Tenant::new("other").expect("a name"), RemoteWrite::of(&other)).await.expect("taken");
    engine
}

async fn sql(folder: &std::path::Path) -> Sql {
    Sql::new(engine(folder).await, SqlOptions::default(), worker).expect("threads")
}

#[tokio::test]
async fn rows_are_what_promql_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let sql = sql(folder.path()).await;
    let range = "'2027-01-15T08:00:00Z', '2027-01-15T08:05:00Z'";
    for (metrics, promql) in [
        (
            "SELECT attr(attributes, 'job') AS job, time, value FROM metrics WHERE name = 'requests_total'".to_owned(),
            format!("SELECT attr(labels, 'job') AS job, time, value FROM promql('requests_total', {range}, '15s')"),
        ),
        (
            "SELECT attr(attributes, 'job') AS job, time, value FROM metrics \
             WHERE name = 'requests_total' AND service = 'cart' AND time > '2027-01-15T08:01:00Z'"
                .to_owned(),
            format!(
                "SELECT attr(labels, 'job') AS job, time, value \
                 FROM promql('requests_total{{job=\"shop/cart\"}}', {range}, interval '15 seconds') \
                 WHERE time > '2027-01-15T08:01:00Z'"
            ),
        ),
        (
            "SELECT 'x' AS job, max(time) AS time, sum(value) AS value FROM metrics WHERE name = 'requests_total'"
                .to_owned(),
            "SELECT 'x' AS job, time, value FROM promql('sum(sum_over_time(requests_total[1h]))', '2027-01-15T08:05:00Z')"
                .to_owned(),
        ),
        (
            "SELECT kind AS job, time, count::double AS value FROM metrics WHERE name = 'latency' AND count > 0".to_owned(),
            format!(
                "SELECT 'exponential_histogram' AS job, time, count AS value FROM promql('latency', {range}, 15) WHERE count > 0"
            ),
        ),
    ] {
        assert!(!rows(&sql, &metrics).await.is_empty(), "{metrics}");
        for (one, other) in [(&metrics, &promql), (&promql, &metrics)] {
            let only = format!("SELECT job, time, value::double FROM ({one}) EXCEPT SELECT job, time, value::double FROM ({other})");
            assert_eq!(rows(&sql, &only).await, [""; 0], "{only}");
        }
    }
    assert_eq!(rows(&sql, "SELECT count(*) AS n FROM metrics").await, ["{\"n\":84}"]);
    assert_eq!(rows(&sql, "SELECT value FROM metrics WHERE isnan(value)").await.len(), 1);
}

#[tokio::test]
async fn series_and_exemplars_are_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let sql = sql(folder.path()).await;
    let series =
        "SELECT name, kind, help, attr(labels, 'job') AS job, samples, first_time FROM series ORDER BY name, job";
    let eight = "2027-01-15T08:00:00Z";
    let line = |name: &str, kind: &str, job: &str| {
        format!(
            "{{\"name\":\"{name}\",\"kind\":\"{kind}\",\"help\":\"what {name} means\",\"job\":\"{job}\",\"samples\":21,\"first_time\":\"{eight}\"}}"
        )
    };
    let expected = [
        line("heat", "gauge", "stock"),
        line("latency", "histogram", "stock"),
        line("requests_total", "sum", "shop/cart"),
        line("requests_total", "sum", "stock"),
    ];
    assert_eq!(rows(&sql, series).await, expected);
    let one = "SELECT name FROM series WHERE attr(labels, 'job') = 'shop/cart'";
    assert_eq!(rows(&sql, one).await, ["{\"name\":\"requests_total\"}"]);
    let plan = rows(&sql, &format!("EXPLAIN {one}")).await.join("\n");
    assert!(plan.contains("labels[job]=shop/cart"), "{plan}");
    let plan = rows(&sql, "EXPLAIN SELECT value FROM metrics WHERE name IN ('a', 'b')").await.join("\n");
    assert!(plan.contains("names=[a, b]"), "{plan}");
    let joined = "SELECT e.name, e.value, e.attributes, m.value AS total FROM exemplars e JOIN metrics m \
                  ON e.series = m.series AND e.time = m.time WHERE e.trace_id = '4bf92f3577b34da6a3ce929d0e0e4736'";
    let found = rows(&sql, joined).await;
    assert_eq!(found, ["{\"name\":\"requests_total\",\"value\":0.25,\"attributes\":{\"k\":\"v\"},\"total\":0.0}"]);
    let counted = "SELECT s.name, count(*) AS n FROM series s JOIN metrics m ON m.series = s.id GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&sql, counted).await.len(), 3);
}

#[tokio::test]
async fn promql_tells_what_is_wrong_and_what_is_odd() {
    let folder = tempfile::tempdir().expect("a folder");
    let sql = sql(folder.path()).await;
    let at = "'2027-01-15T08:05:00Z'";
    for (statement, told) in [
        ("SELECT * FROM promql('sum(up')".to_owned(), "promql: 1:7: parse error: unclosed left parenthesis"),
        ("SELECT * FROM promql('sum(1)')".to_owned(), "promql: 1:5: parse error"),
        ("SELECT * FROM promql()".to_owned(), "0 arguments; expected promql('expression')"),
        (format!("SELECT * FROM promql('up', {at}, {at})"), "3 arguments"),
        (format!("SELECT * FROM promql('up', {at}, {at}, '0s')"), "expected a length of time above 0"),
        (format!("SELECT * FROM promql('up', {at}, {at}, interval '1 month')"), "expected a length of time above 0"),
        (format!("SELECT * FROM promql('up', {at}, '2027-01-15T08:00:00Z', 15)"), "the end is before the start"),
        (
            "SELECT * FROM promql('up', '2027-01-01T00:00:00Z', '2027-01-15T08:00:00Z', 1)".to_owned(),
            "more than 11000 steps",
        ),
        ("SELECT * FROM promql('up', 'soon')".to_owned(), "takes times"),
        ("SELECT * FROM promql(7)".to_owned(), "takes an expression as text"),
        (format!("SELECT * FROM promql('up[5m]', {at}, {at}, 15)"), "promql"),
        (format!("SELECT * FROM promql('heat * on() requests_total', {at})"), "promql"),
    ] {
        let found = wrong(&sql, &statement).await;
        assert!(found.contains(told), "{statement}: {found}");
    }
    let noted = rows(&sql, &format!("SELECT annotations FROM promql('rate(heat[5m])', {at})")).await;
    assert!(noted.len() == 1 && noted[0].contains("PromQL info: metric might not be a counter"), "{noted:?}");
    let histogram = rows(&sql, &format!("SELECT count, sum, text FROM promql('latency', {at})")).await;
    assert!(histogram[0].starts_with("{\"count\":20.0,\"sum\":10.0,\"text\":\"{count:20"), "{histogram:?}");
    for (expression, row) in [("1 + 1", "{\"value\":2.0,\"text\":null}"), ("\"a\"", "{\"value\":null,\"text\":\"a\"}")]
    {
        assert_eq!(rows(&sql, &format!("SELECT value, text FROM promql('{expression}', {at})")).await, [row]);
    }
    // A range of samples at one time is all of them.
    assert_eq!(rows(&sql, &format!("SELECT time FROM promql('heat[1m]', {at})")).await.len(), 4);
    assert_eq!(rows(&sql, "SELECT * FROM promql('heat')").await, [""; 0], "now is another year");
}

#[tokio::test]
async fn tenants_do_not_see_each_other_and_bounds_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let sql = sql(folder.path()).await;
    let at = "'2027-01-15T08:05:00Z'";
    for statement in [
        "SELECT * FROM metrics WHERE name = 'secret'".to_owned(),
        "SELECT * FROM series WHERE name = 'secret'".to_owned(),
        format!("SELECT * FROM promql('secret', {at})"),
    ] {
        assert_eq!(rows(&sql, &statement).await, [""; 0], "{statement}");
        let other = Tenant::new("other").expect("a name");
        let mut answer = sql.query(&other, &statement, Format::Json).await.expect("an answer");
        assert!(futures::StreamExt::next(&mut answer).await.is_some(), "{statement}");
    }
}

#[tokio::test]
async fn promql_stays_within_a_statements_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let memory_bytes = 64 << 10;
    let options = SqlOptions { memory_bytes, ..SqlOptions::default() };
    let sql = Sql::new(engine(folder.path()).await, options, worker).expect("threads");
    let range = "'2027-01-15T08:00:00Z', '2027-01-15T08:05:00Z'";
    assert_eq!(rows(&sql, &format!("SELECT count(*) AS n FROM promql('heat', {range}, 15)")).await, ["{\"n\":21}"]);
    let much = format!("SELECT count(*) FROM promql('requests_total', {range}, '30ms')");
    let found = ask(&sql, &much, Format::Json).await;
    assert!(matches!(&found, Err(SqlError::Memory { limit, .. }) if *limit == memory_bytes), "{found:?}");
}
