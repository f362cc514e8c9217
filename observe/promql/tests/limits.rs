//! What a query may take, and queries that ask for more or make no sense.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::testing::MemorySeries;
use vitrine_observe_promql::{Engine, EvalError, Options, Outcome, Range, Value};
use vitrine_observe_series::{
    Budget, ExemplarSeries, Filter, Labels, MetadataEntry, MetricType, QueryError, Queryable, Select, Selection,
    SeriesInfo, SeriesSamples, Stats, Temporality, Value as SampleValue,
};

fn budget(bytes: usize) -> Arc<Budget> {
    Budget::new(bytes, 1_000_000, Duration::from_secs(60))
}

/// Series `m{i="…"}` in two jobs, which are never to be read.
struct Unread {
    infos: Vec<SeriesInfo>,
    reads: Arc<AtomicUsize>,
}

impl Unread {
    fn new(count: usize) -> Self {
        let info = |i: usize| SeriesInfo {
            labels: Labels::of([
                ("__name__", "m"),
                ("i", &*i.to_string()),
                ("job", if i.is_multiple_of(2) { "a" } else { "b" }),
            ]),
            kind: MetricType::Unknown,
            temporality: Temporality::Cumulative,
        };
        Self { infos: (0..count).map(info).collect(), reads: Arc::default() }
    }
}

struct Opened {
    infos: Vec<SeriesInfo>,
    reads: Arc<AtomicUsize>,
}

impl Selection for Opened {
    fn series(&self) -> &[SeriesInfo] {
        &self.infos
    }

    fn next_block(&mut self) -> Result<Option<Vec<SeriesSamples>>, QueryError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(None)
    }
}

impl Queryable for Unread {
    fn select(&self, _: &Select, _: &Arc<Budget>) -> Result<Box<dyn Selection>, QueryError> {
        Ok(Box::new(Opened { infos: self.infos.clone(), reads: self.reads.clone() }))
    }

    fn label_names(&self, _: &Filter, _: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &Filter, _: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn exemplars(&self, _: &Filter, _: &Arc<Budget>) -> Result<Vec<ExemplarSeries>, QueryError> {
        Ok(Vec::new())
    }

    fn metadata(&self, _: Option<&str>) -> Result<Vec<MetadataEntry>, QueryError> {
        Ok(Vec::new())
    }

    fn stats(&self, _: usize) -> Result<Stats, QueryError> {
        Ok(Stats::default())
    }
}

fn range(source: &dyn Queryable, query: &str, steps: i64, budget: &Arc<Budget>) -> Result<Outcome, EvalError> {
    let range = Range { start_ms: 0, end_ms: (steps - 1) * 1000, step_ms: 1000 };
    Engine::default().range(source, &parse_expr(query).expect("a query"), range, budget)
}

fn one_series() -> MemorySeries {
    let mut memory = MemorySeries::default();
    for (name, value) in [("m", 1.0_f64), ("n", 2.0)] {
        for time in 0..10 {
            let labels = Labels::of([("__name__", name), ("job", "a")]);
            memory.append(&labels, time * 1000, 0, SampleValue::Float((value * time as f64).to_bits()));
        }
    }
    memory
}

#[test]
fn what_cannot_be_kept_is_refused_before_a_sample_is_read() {
    for (query, refused) in [
        ("m", true),
        ("rate(m[5m])", true),
        ("-m * 2", true),
        ("sum by (i) (m)", true),
        ("sum by (i) (rate(m[5m]))", true),
        ("sum by (job) (rate(m[5m]))", false),
        ("sum(m)", false),
        ("m > 10", false),
        ("topk(3, m)", false),
    ] {
        let source = Unread::new(1000);
        let outcome = range(&source, query, 1000, &budget(1 << 20));
        let expected = refused.then_some(EvalError::Query(QueryError::TooManyBytes { most: 1 << 20 }));
        assert_eq!(outcome.err(), expected, "{query}");
        assert_eq!(source.reads.load(Ordering::Relaxed) == 0, refused, "{query}");
    }
}

#[test]
fn too_many_steps_are_refused() {
    let memory = one_series();
    let at = |query: &str| Engine::default().instant(&memory, &parse_expr(query).unwrap(), 9000, &budget(1 << 20));
    for query in [
        "sum_over_time(m[100y:1ms])",
        "vector(1)[100y:1ms]",
        "max_over_time(vector(time())[100y:1ms])",
        "sum_over_time(sum_over_time(m[1d:1s])[100y:1ms])",
    ] {
        assert!(matches!(at(query), Err(EvalError::Query(QueryError::TooManyBytes { .. }))), "{query}");
    }
    let endless = Range { start_ms: i64::MIN, end_ms: i64::MAX, step_ms: 1 };
    for query in ["m", "1", "time()", "sum(m)", "rate(m[5m])", "absent(m)", "m and n", "m + on (job) n"] {
        let outcome = Engine::default().range(&memory, &parse_expr(query).unwrap(), endless, &budget(1 << 20));
        assert!(matches!(outcome, Err(EvalError::Query(QueryError::TooManyBytes { .. }))), "{query}");
    }
}

#[test]
fn memory_is_given_back() {
    let (memory, budget) = (one_series(), budget(1 << 20));
    for query in ["m + on (job) n", "topk(1, m)", "quantile(0.5, m)", "sum_over_time(m[5s:1s])", "m or n"] {
        range(&memory, query, 10, &budget).unwrap();
    }
    assert!(budget.peak_bytes() > 0);
    budget.fits(1 << 20).unwrap();
}

#[test]
fn nobody_works_for_a_query_that_was_canceled_or_takes_too_long() {
    let memory = one_series();
    let canceled = budget(1 << 20);
    canceled.cancel();
    assert_eq!(range(&memory, "sum(m)", 10, &canceled).err(), Some(EvalError::Query(QueryError::Canceled)));
    let late = Budget::new(1 << 20, 1_000_000, Duration::ZERO);
    let expected = EvalError::Query(QueryError::TooLong { most: Duration::ZERO });
    assert_eq!(range(&memory, "sum(m)", 10, &late).err(), Some(expected));
}

#[test]
fn deep_queries_do_not_take_the_thread_down() {
    let memory = one_series();
    // The parser says where it ends; the evaluator must follow as far.
    for (open, close) in [("abs(", ")"), ("-(", ")"), ("sum(", ")"), ("1 + (", ")"), ("max_over_time(", "[5s:1s])")] {
        let mut deepest = 0;
        for depth in [10, 50, 100, 200, 400, 800] {
            let query = format!("{}m{}", open.repeat(depth), close.repeat(depth));
            let Ok(expr) = parse_expr(&query) else { break };
            deepest = depth;
            let budget = Budget::new(1 << 24, 1_000_000, Duration::from_millis(200));
            // A result or a clear refusal; anything but an end of the process.
            let _ = Engine::default().instant(&memory, &expr, 9000, &budget);
        }
        assert!(deepest >= 50, "{open}: {deepest}");
    }
}

#[test]
fn the_ends_of_time_are_times() {
    let memory = one_series();
    let queries = [
        "m",
        "rate(m[5m])",
        "m offset 292y",
        "m offset -292y",
        "m @ 1e15",
        "sum_over_time(m[5m:1s])",
        "increase(m[292y])",
        "timestamp(m)",
        "hour()",
        "predict_linear(m[5m], 1e18)",
        "rate(m[5m] anchored)",
        "rate(m[5m] smoothed)",
        "m smoothed",
        "last_over_time(m[5m:1h] offset -200y)",
        "info(m)",
        "year(vector(-1e300))",
        "absent_over_time(m[1h])",
        "m[5m] smoothed",
        "deriv(m[1h])",
    ];
    for query in queries {
        let expr = parse_expr(query).unwrap();
        for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            let _ = Engine::default().instant(&memory, &expr, time, &budget(1 << 20));
            let few = Range { start_ms: time, end_ms: time.saturating_add(5), step_ms: i64::MAX };
            let _ = Engine::default().range(&memory, &expr, few, &budget(1 << 20));
        }
    }
}

#[test]
fn ranges_are_of_scalars_and_vectors_and_move_on() {
    let memory = one_series();
    for (query, step_ms, error) in [
        ("m[5s]", 1, "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"),
        ("\"a\"", 1, "invalid expression type \"string\" for range query, must be Scalar or instant Vector"),
        ("m", 0, "zero or negative query resolution step widths are not accepted"),
        ("m", -5, "zero or negative query resolution step widths are not accepted"),
    ] {
        let range = Range { start_ms: 0, end_ms: 10, step_ms };
        let outcome = Engine::default().range(&memory, &parse_expr(query).unwrap(), range, &budget(1 << 20));
        assert_eq!(outcome.err(), Some(EvalError::Invalid(error.to_owned())), "{query}");
    }
    let backwards = Range { start_ms: 10, end_ms: 0, step_ms: 1 };
    let outcome = Engine::default().range(&memory, &parse_expr("m").unwrap(), backwards, &budget(1 << 20)).unwrap();
    assert_eq!(outcome.value, Value::Matrix(Vec::new()));
}

#[test]
fn odd_options_do_not_stop_the_clock() {
    let memory = one_series();
    for (lookback_ms, subquery_step_ms) in [(0, 0), (-1, -1), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
        let engine = Engine { options: Options { lookback_ms, subquery_step_ms, ..Options::default() } };
        for query in ["m", "sum_over_time(m[5s:])", "rate(m[5s] smoothed)", "m smoothed"] {
            let _ = engine.instant(&memory, &parse_expr(query).unwrap(), 9000, &budget(1 << 20));
        }
    }
}
