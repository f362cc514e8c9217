//! Messages of visitors: how many are taken, and what is left of them when the shop is killed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use http::Method;
use tokio::task::JoinSet;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{BATCH, Options, Placement, Shop, batch, messages_crash, source};

use crate::goals::tell;

/// Senders at a time.
const SENDERS: u64 = 8;
/// Turns; the best of them counts, for the machine is shared.
const TURNS: u64 = 3;
/// Messages a second that are taken.
const GOAL: f64 = 8_000.0;

/// How many messages a second are acknowledged.
pub(crate) async fn throughput(binary: &Path, seconds: u64) -> Result<()> {
    println!("Messages of visitors, acknowledged when they are on disk");
    let mut shop = Shop::start(binary, Placement::Local, &Options::default()).await?;
    let [_, write_key] = source(&shop.admin()?).await?;
    let mut best: f64 = 0.0;
    for turn in 0..TURNS {
        let (began, lasts) = (Instant::now(), Duration::from_secs(seconds));
        let mut sending: JoinSet<Result<u64>> = JoinSet::new();
        for sender in 0..SENDERS {
            let (api, write_key) = (shop.anybody()?, write_key.clone());
            sending.spawn(async move {
                let mut taken = 0;
                for request in 0.. {
                    if began.elapsed() >= lasts {
                        break;
                    }
                    let body = batch(&write_key, turn * SENDERS + sender, request);
                    let answer = api.send(Call::new(Method::POST, "/v1/batch").json(&body)).await?;
                    ensure!(answer.status == 200, "{}", answer.status);
                    taken += BATCH;
                }
                Ok(taken)
            });
        }
        let mut taken = 0;
        while let Some(sent) = sending.join_next().await {
            taken += sent??;
        }
        let rate = taken as f64 / began.elapsed().as_secs_f64();
        println!("  turn {:<56} {rate:>12.0} messages/s", turn + 1);
        best = best.max(rate);
    }
    tell("messages acknowledged", best, "messages/s", GOAL, true);
    println!(
        "  method: {SENDERS} senders over HTTP, requests of {BATCH}, the best of {TURNS} turns of {seconds} s; the shop's own store on SQLite\n"
    );
    shop.process()?.stop()?;
    Ok(())
}

/// What `kill -9` leaves.
pub(crate) async fn crashes(binary: &Path, kills: usize) -> Result<()> {
    let crashes = messages_crash(binary, kills, rand::random()).await?;
    println!("Crash safety of messages (goal: 200 kills, none lost, none twice)");
    println!("  kill -9 under messages                  {:>8} times", crashes.kills);
    println!(
        "  acknowledged between them               {:>8} messages, each handed on exactly once",
        crashes.acknowledged
    );
    println!("  requests sent again, without an answer  {:>8}", crashes.repeated);
    println!("  slowest start after one                 {:>8.0} ms", crashes.slowest_start.as_secs_f64() * 1000.0);
    println!(
        "  method: 4 senders, killed after 1 to 400 ms, counted at a destination; see tests/testkit/src/messages.rs\n"
    );
    Ok(())
}
