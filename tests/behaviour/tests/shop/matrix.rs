//! Every scenario under every placement and on every database: the same body, the same results. `make matrix` shows the table.

use std::path::Path;

use anyhow::Result;
use vitrine_tests_testkit::{Engines, Options, Placement, Shop};

use crate::{BINARY, every_scenario, faults};

/// How services reach each other, and what they stand on beside their own files.
const CELLS: &[(&str, Placement, &[&str])] = &[
    ("local, SQLite", Placement::Local, &[]),
    ("local, PostgreSQL", Placement::Local, &["postgres"]),
    ("gRPC, SQLite", Placement::Grpc, &[]),
    ("gRPC, PostgreSQL", Placement::Grpc, &["postgres"]),
    ("NATS, SQLite", Placement::Nats, &["nats"]),
    ("NATS, PostgreSQL, Redis", Placement::Nats, &["nats", "postgres", "redis"]),
];
/// What is tried where each service has a process of its own.
const FAULTS: &str = "a_dead_service_costs_no_more_than_a_deadline";

/// What each scenario came to in one cell.
async fn cell(placement: Placement, kinds: &[&str]) -> Result<Vec<(&'static str, Result<()>)>> {
    let engines = Engines::start(kinds)?;
    let options = Options { variables: engines.variables(), ..Options::default() };
    let mut shop = Shop::start(Path::new(BINARY), placement, &options).await?;
    let mut outcomes = every_scenario(&shop).await;
    if placement != Placement::Local {
        outcomes.push((FAULTS, faults::a_dead_service_costs_no_more_than_a_deadline(&mut shop).await));
    }
    Ok(outcomes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_matrix() {
    let mut columns = Vec::new();
    for (name, placement, kinds) in CELLS {
        columns.push((name, cell(*placement, kinds).await.unwrap_or_else(|e| panic!("{name}: {e:?}"))));
    }
    let names: Vec<&str> = columns[columns.len() - 1].1.iter().map(|(scenario, _)| *scenario).collect();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    println!("\n{:width$}  {}", "", CELLS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join("  "));
    let mut failed = Vec::new();
    for scenario in names {
        print!("{scenario:width$}");
        for (name, outcomes) in &columns {
            let mark = match outcomes.iter().find(|(other, _)| *other == scenario) {
                None => "-",
                Some((_, Ok(()))) => "passed",
                Some((_, Err(e))) => {
                    failed.push(format!("{scenario} under {name}: {e:?}"));
                    "FAILED"
                }
            };
            print!("  {mark:<cell$}", cell = name.len());
        }
        println!();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
