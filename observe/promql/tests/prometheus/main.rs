//! Queries with the same results as a real Prometheus: values to 1e-9, annotations and errors to the letter.
//!
//! The same seeded data is written into a Prometheus 3.5 and into memory. What came into PromQL later is not asked here: Prometheus's
//! own suite has it (`conformance`).

mod client;
mod compare;
mod data;
mod queries;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::testing::MemorySeries;
use vitrine_observe_promql::{Engine, EvalError, Outcome, Range};
use vitrine_observe_series::Budget;
use vitrine_tests_engines::prometheus;

use client::Client;
use compare::Response;
use data::{END_MS, START_MS};

/// Queries that must be asked, so that none are lost by mistake.
const AT_LEAST: usize = 600;

/// Instants at which each query is asked, in milliseconds behind the start of the data.
const INSTANTS: [i64; 3] = [0, 1_807_000, 5_400_000];

/// Steps of ranges over which each query is asked, in milliseconds.
const STEPS: [i64; 2] = [60_000, 437_000];

fn budget() -> Arc<Budget> {
    Budget::new(256 << 20, 50_000_000, Duration::from_secs(60))
}

fn ours(memory: &MemorySeries, query: &str, range: Option<Range>, at_ms: i64) -> Response {
    let outcome = || -> Result<Outcome, EvalError> {
        let expr = parse_expr(query).map_err(|error| EvalError::Invalid(error.to_string()))?;
        let engine = Engine::default();
        match range {
            None => engine.instant(memory, &expr, at_ms, &budget()),
            Some(range) => engine.range(memory, &expr, range, &budget()),
        }
    };
    Response::ours(query, outcome())
}

#[test]
fn results_are_those_of_prometheus() -> Result<()> {
    let server = prometheus(&[])?;
    let client = Client::new(server.port());
    let data = data::series();
    for request in wire::requests(&data) {
        client.write(&request)?;
    }
    let memory = data::in_memory(&data);
    let queries = queries::all();
    ensure!(queries.len() >= AT_LEAST, "only {} queries", queries.len());
    let mut wrong = Vec::new();
    let mut asked = 0;
    for query in &queries {
        for at in INSTANTS {
            let theirs = client.instant(query, START_MS + at).with_context(|| query.clone())?;
            let difference = ours(&memory, query, None, START_MS + at).difference(&theirs);
            wrong.extend(difference.map(|difference| format!("{query} at {at}: {difference}")));
            asked += 1;
        }
        for step_ms in STEPS.into_iter().filter(|_| !queries::at_instants_only(query)) {
            let range = Range { start_ms: START_MS - step_ms, end_ms: END_MS + 400_000, step_ms };
            let theirs = client.range(query, range).with_context(|| query.clone())?;
            let difference = ours(&memory, query, Some(range), 0).difference(&theirs);
            wrong.extend(difference.map(|difference| format!("{query} each {step_ms}: {difference}")));
            asked += 1;
        }
    }
    for query in queries::ORDERED {
        let (mine, theirs) =
            (ours(&memory, query, None, START_MS + 5_400_000), client.instant(query, START_MS + 5_400_000)?);
        if mine.order() != theirs.order() {
            wrong.push(format!("{query}: {:?} instead of {:?}", mine.order(), theirs.order()));
        }
    }
    println!("{} queries, asked {asked} times: {} differ", queries.len(), wrong.len());
    for difference in &wrong {
        println!("{difference}");
    }
    assert!(wrong.is_empty(), "{} of {asked} results differ, see above", wrong.len());
    Ok(())
}
