//! Log records as they are committed.

use tokio::runtime::{Builder, Runtime};
use vitrine_observe_store::model::{LogField, LogFilter};
use vitrine_observe_store::{
    ColumnEngine, LogTail, Logs, MAX_TAIL_BYTES, MAX_TAIL_ROWS, MAX_TAILS, Signal, TailError, Tailed, Tenant,
};

use crate::support::{BEGIN_NS, log_request, open, options, write};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

fn log(engine: &ColumnEngine, tenant: &Tenant, service: &str, body: &str) {
    let request = log_request(service, 1, BEGIN_NS, body);
    write(engine, tenant, Signal::Logs, request).expect("taken");
}

fn bodies(tailed: &Tailed) -> Vec<String> {
    tailed.rows.iter().map(|found| found.row.body.text()).collect()
}

/// Waits until so many records came, or were dropped.
fn take(tail: &mut LogTail, count: usize) -> (Vec<String>, u64) {
    let (mut taken, mut dropped) = (Vec::new(), 0);
    while taken.len() + (dropped as usize) < count {
        let tailed = runtime().block_on(tail.next()).expect("the engine is open");
        dropped += tailed.dropped;
        taken.extend(bodies(&tailed));
    }
    (taken, dropped)
}

#[test]
fn each_record_comes_once_in_the_order_of_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    let (tenant, other) = (Tenant::default(), Tenant::new("other").expect("a name"));
    log(&engine, &tenant, "cart", "before");
    let mut carts = engine.tail(&tenant, LogFilter::equal(LogField::Service, "cart")).expect("followed");
    let mut all = engine.tail(&tenant, LogFilter::everything()).expect("followed");
    let mut expected = Vec::new();
    for number in 0..300 {
        let service = if number % 3 == 0 { "shop" } else { "cart" };
        log(&engine, &tenant, service, &format!("line {number}"));
        log(&engine, &other, "cart", "of someone else");
        expected.push((service, format!("line {number}")));
        if number % 50 == 49 {
            // What becomes a segment has been told before.
            let lines: Vec<String> = expected.iter().map(|(_, body)| body.clone()).collect();
            assert_eq!(take(&mut all, expected.len()), (lines, 0));
            let of_carts = expected.drain(..).filter(|(service, _)| *service == "cart").map(|(_, body)| body);
            let of_carts: Vec<String> = of_carts.collect();
            assert_eq!(take(&mut carts, of_carts.len()), (of_carts, 0));
            engine.seal().expect("sealed");
        }
    }
    drop(engine);
    assert_eq!(runtime().block_on(all.next()), None);
}

#[test]
fn who_never_reads_costs_a_bound_and_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    let tenant = Tenant::default();
    let mut slow = engine.tail(&tenant, LogFilter::everything()).expect("followed");
    // It is told after the other, so that what it has, the other has too.
    let mut probe = engine.tail(&tenant, LogFilter::everything()).expect("followed");
    for number in 0..MAX_TAIL_ROWS + 200 {
        log(&engine, &tenant, "cart", &format!("line {number}"));
        take(&mut probe, 1);
    }
    let tailed = runtime().block_on(slow.next()).expect("open");
    assert_eq!((tailed.rows.len(), tailed.dropped), (MAX_TAIL_ROWS, 200));
    assert_eq!(bodies(&tailed)[0], "line 200");
    for _ in 0..5 {
        log(&engine, &tenant, "cart", &"x".repeat(MAX_TAIL_BYTES / 3));
        take(&mut probe, 1);
    }
    log(&engine, &tenant, "cart", &"y".repeat(2 * MAX_TAIL_BYTES));
    take(&mut probe, 1);
    let tailed = runtime().block_on(slow.next()).expect("open");
    assert_eq!((tailed.rows.len(), tailed.dropped), (1, 5), "the last comes, however long it is");
}

#[test]
fn there_are_at_most_so_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    let tail = || engine.tail(&Tenant::default(), LogFilter::everything());
    let mut tails: Vec<LogTail> = (0..MAX_TAILS).map(|_| tail().expect("followed")).collect();
    assert_eq!(tail().expect_err("too many"), TailError::TooMany { most: MAX_TAILS });
    tails.pop();
    tails.push(tail().expect("there is room again"));
    log(&engine, &Tenant::default(), "cart", "line");
    assert!(tails.iter_mut().all(|tail| take(tail, 1) == (vec!["line".to_owned()], 0)));
}
