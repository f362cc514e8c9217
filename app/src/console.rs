//! The live table: rate, errors and latency of each service, and what the load generator does.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use tokio::time::Instant;
use vitrine_contracts::services::GATEWAY;
use vitrine_platform_telemetry::{ServiceStats, Telemetry};
use vitrine_shop_load::{Load, Progress};

/// How often the table is drawn on a terminal.
const REDRAW: Duration = Duration::from_secs(1);
/// How often a line is printed elsewhere.
const LINE: Duration = Duration::from_secs(10);
/// Over how many drawings the figures of a terminal are taken.
const WINDOW: usize = 5;

type Snapshot = (Instant, Vec<(String, ServiceStats)>);

/// Draws until it is dropped. It never ends by itself.
pub async fn draw(telemetry: Telemetry, load: Option<Load>) {
    let terminal = std::io::stdout().is_terminal();
    let mut snapshots: Vec<Snapshot> = vec![(Instant::now(), telemetry.service_stats())];
    let mut ticks = tokio::time::interval(if terminal { REDRAW } else { LINE });
    ticks.tick().await;
    let mut drawn = 0;
    loop {
        ticks.tick().await;
        let now: Snapshot = (Instant::now(), telemetry.service_stats());
        let text = if terminal {
            table(&snapshots[0], &now, load.as_ref().map(Load::progress))
        } else {
            line(&snapshots[0], &now, load.as_ref().map(Load::progress))
        };
        let mut out = String::new();
        if terminal && drawn > 0 {
            // Back to where the table begins, and away with the old one.
            let _ = write!(out, "\x1b[{drawn}A\x1b[J");
        }
        out.push_str(&text);
        drawn = text.lines().count();
        let mut stdout = std::io::stdout().lock();
        if stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            // No one looks any more; the shop goes on.
            return std::future::pending().await;
        }
        snapshots.push(now);
        if snapshots.len() > if terminal { WINDOW } else { 1 } {
            snapshots.remove(0);
        }
    }
}

/// A duration for people: three digits and a unit.
fn short(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(s) if s < 0.001 => format!("{:.0} us", s * 1e6),
        Some(s) if s < 1.0 => format!("{:.1} ms", s * 1e3),
        Some(s) => format!("{s:.2} s"),
    }
}

fn since(before: &Snapshot, now: &Snapshot) -> Vec<(String, ServiceStats)> {
    let earlier = |name: &str| before.1.iter().find(|(n, _)| n == name).map(|(_, f)| f.clone()).unwrap_or_default();
    now.1.iter().filter(|(_, f)| f.count > 0).map(|(name, f)| (name.clone(), f.since(&earlier(name)))).collect()
}

fn table(before: &Snapshot, now: &Snapshot, load: Option<Progress>) -> String {
    let seconds = now.0.duration_since(before.0).as_secs_f64().max(0.001);
    let mut out = format!("\n  {:<18}{:>10}{:>11}{:>11}{:>11}\n", "service", "calls/s", "errors/s", "p50", "p99");
    for (name, f) in since(before, now) {
        let (rate, errors) = (f.count as f64 / seconds, f.errors as f64 / seconds);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  {name:<18}{rate:>10.1}{errors:>11.1}{:>11}{:>11}",
            short(f.quantile(0.5)),
            short(f.quantile(0.99))
        );
    }
    if let Some(p) = load {
        let _ = writeln!(out, "\n  {}", load_line(&p));
    }
    out
}

fn line(before: &Snapshot, now: &Snapshot, load: Option<Progress>) -> String {
    let seconds = now.0.duration_since(before.0).as_secs_f64().max(0.001);
    let all = since(before, now);
    let of_gateway =
        |f: &ServiceStats| format!("gateway {:.1}/s p99 {}; ", f.count as f64 / seconds, short(f.quantile(0.99)));
    // Most processes of a shop have none.
    let gateway = all.iter().find(|(name, _)| name == GATEWAY).map(|(_, f)| of_gateway(f)).unwrap_or_default();
    let calls: u64 = all.iter().map(|(_, f)| f.count).sum();
    let errors: u64 = all.iter().map(|(_, f)| f.errors).sum();
    let mut out =
        format!("{gateway}all services {:.1} calls/s, {:.1} errors/s", calls as f64 / seconds, errors as f64 / seconds);
    if let Some(p) = load {
        let _ = write!(out, "; {}", load_line(&p));
    }
    out.push('\n');
    out
}

/// What the load generator has done so far.
pub fn load_line(p: &Progress) -> String {
    format!(
        "load: {:.0} s, {} journeys ({} failed, {} shed), {} orders, p50 {}, p99 {}",
        p.elapsed.as_secs_f64(),
        p.journeys,
        p.failed,
        p.shed,
        p.orders,
        short(Some(p.p50.as_secs_f64())),
        short(Some(p.p99.as_secs_f64())),
    )
}
