//! Kills an observatory at random moments while samples and spans come in, rules are evaluated and receivers are told, and looks whether
//! anybody could have noticed.
//!
//! Four alerts: one that fires all the time, one that has to wait for longer than any life of the process, one that begins and ends
//! with a series that is switched on and off, and one that is kept firing.

mod audit;
mod senders;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vitrine_tests_testkit::{Observatory, Sink};

use audit::{Notifications, audit, received};
use senders::{Acknowledged, Load, switch};

/// The longest that the observatory lives in a round, in milliseconds.
const MAX_LIFE_MS: u64 = 1_500;
/// After so many kills everything is looked at.
const AUDIT_EVERY: usize = 20;
/// How long the alert waits that waits longest, in seconds: longer than any life.
const WAIT_S: u64 = 20;
/// How long what the rules lead to may take when nobody is killed any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Groups wait for hardly anything, so that news come as often as the process dies.
const ALERTMANAGER: &str = r"
route: {receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 500ms, repeat_interval: 24h}
receivers: [{name: hook, webhook_configs: [{url: 'URL'}]}]
";
const RULES: &str = r"
groups:
- name: crash
  interval: 250ms
  rules:
  - {record: 'crash:sent:max', expr: max(crash_sent)}
  - {alert: Always, expr: vector(1)}
  - {alert: Waits, expr: vector(1), for: WAITs}
  - {alert: Switched, expr: crash_switch == 1, for: 500ms}
  - {alert: Kept, expr: crash_switch == 1, keep_firing_for: 2s}
";

/// Kills it so often.
pub(super) async fn measure(binary: &Path, kills: usize) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(rand::random());
    let (folder, hook) = (tempfile::tempdir()?, Sink::start().await?);
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("alertmanager.yml"), ALERTMANAGER.replace("URL", &hook.url))?;
    std::fs::write(file("rules.yml"), RULES.replace("WAIT", &WAIT_S.to_string()))?;
    let config = format!(
        "[observatory.alertmanager]\nconfig = {:?}\n[observatory.rules]\nfiles = [{:?}]\n",
        file("alertmanager.yml"),
        file("rules.yml")
    );
    std::fs::write(file("vitrine.toml"), config)?;
    let mut observatory = Observatory::start(binary, &["--quiet", "--config", &file("vitrine.toml")])?;
    let (mut all, mut lived, mut slowest) = (Acknowledged::default(), Duration::ZERO, Duration::ZERO);
    // When the switch was turned to which side, and whether the receiver was told.
    let mut is_on = false;
    let mut turns = 0;
    let mut waited_for = None;
    for round in 1..=kills {
        let began = Instant::now();
        let load = Load::start(&observatory, round as u64)?;
        let life = Duration::from_millis(rng.random_range(1..MAX_LIFE_MS));
        // What was told of the last turn may be turned again.
        let told_now = received(&hook.taken())?;
        if told_now.switched_turns() == turns && switch(&observatory.observe, !is_on).await.is_ok() {
            (is_on, turns) = (!is_on, turns + 1);
        }
        tokio::time::sleep(life).await;
        observatory.process().kill()?;
        all.extend(load.stop().await?);
        lived += began.elapsed();
        if waited_for.is_none() && received(&hook.taken())?.fired("Waits") > 0 {
            waited_for = Some(lived);
        }
        observatory.kill_and_restart()?;
        slowest = slowest.max(observatory.process().started_in);
        if round % AUDIT_EVERY == 0 || round == kills {
            let began = Instant::now();
            let is_last = round == kills;
            audit(&observatory, &all, is_last).await.with_context(|| format!("after {round} kills"))?;
            lived += began.elapsed();
        }
    }
    let told = settled(&observatory, &hook, &mut turns, is_on).await?;
    told.check(turns, WAIT_S)?;
    let [samples, spans] = all.counts();
    println!("Metrics' crash safety");
    println!(
        "  kill -9 under ingest with rules         {kills:>8} times, {samples} samples and {spans} spans acknowledged"
    );
    println!("  slowest start after one                 {:>8.0} ms", slowest.as_secs_f64() * 1_000.0);
    println!(
        "  turns of the switch that were told      {turns:>8}, each as one beginning or end; {} notifications",
        told.news()
    );
    println!("  of them the same again, with the same key  {:>5}", told.repeated());
    match waited_for {
        Some(lived) => println!("  an alert that waits {WAIT_S} s fired after {:.1} s of life", lived.as_secs_f64()),
        None => println!("  an alert that waits {WAIT_S} s fired at the end"),
    }
    println!("  lost or there twice: no sample, no span in its series; no alert lost, ended or begun by a kill");
    println!(
        "  method: killed after 1 to {MAX_LIFE_MS} ms, audited after every {AUDIT_EVERY}th; see benches/src/metrics/crash/audit.rs\n"
    );
    observatory.process().stop()?;
    Ok(())
}

/// Switches off, and waits until all has been told.
async fn settled(observatory: &Observatory, hook: &Sink, turns: &mut usize, is_on: bool) -> Result<Notifications> {
    let until = Instant::now() + PATIENCE;
    let mut is_on = is_on;
    loop {
        let found = received(&hook.taken())?;
        let is_even = found.switched_turns() == *turns;
        if is_even && is_on {
            switch(&observatory.observe, false).await?;
            (is_on, *turns) = (false, *turns + 1);
        } else if is_even && found.fired("Waits") > 0 && found.kept_is_over() || Instant::now() > until {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
