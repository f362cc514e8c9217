//! `vitrine load`: people come to a shop that runs elsewhere. Told who keeps the faults, it follows like any process of a shop, and those of the
//! load act on it.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;
use vitrine_contracts::services::FLAGS;
use vitrine_platform_host::Host;
use vitrine_platform_mesh::Placement;
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_load::{Config, LOAD, Load, Weights};

use crate::cli::LoadArgs;
use crate::following::Follower;
use crate::process::StopSignals;
use crate::say::say;
use crate::{Usage, console, engines, folder, serve, settings};

/// The command.
pub async fn run(args: LoadArgs) -> Result<()> {
    let duration = args.duration.map(Duration::from_secs);
    let config =
        Config { base_url: args.url.clone(), rate: args.rate, seed: args.seed, duration, weights: Weights::default() };
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let host = match &args.place {
        Some(place) => Some(following(place, &args, stop).await?),
        None => None,
    };
    let made =
        host.as_ref().map_or_else(|| Load::new(config.clone()), |h| Load::with_faults(config.clone(), h.faults()));
    let load = made.map_err(|e| Usage(e.to_string()))?;
    let mut signals = StopSignals::listen()?;
    if let Some(path) = &args.ready_file {
        let ready = serde_json::json!({"url": args.url, "pid": std::process::id()});
        folder::write_private(path, &serde_json::to_string_pretty(&ready)?)?;
    }
    let progress = async {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.tick().await;
        loop {
            ticks.tick().await;
            eprint!("\r\x1b[K{}", console::load_line(&load.progress()));
        }
    };
    let report = tokio::select! {
        report = load.run(signals.received()) => report,
        () = progress => return Ok(()),
    };
    eprintln!("\r\x1b[K");
    if args.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say!("{}", report.to_string().trim_end());
    }
    if report.all_requests.count == 0 || report.all_requests.errors == report.all_requests.count {
        bail!("no request succeeded");
    }
    Ok(())
}

/// A host without services, whose faults are those that the flags service says, until `stop`. It proves who it is as a process of the shop does.
async fn following(place: &str, args: &LoadArgs, stop: CancellationToken) -> Result<Host> {
    let (name, placement) = serve::parse_place(place)?;
    if name != FLAGS || placement == Placement::Local {
        return Err(
            Usage(format!("--place {place}: it follows the flags alone: expected {FLAGS}=grpc://HOST:PORT")).into()
        );
    }
    let data = &args.data.data;
    let mut settings = settings::read(args.config.config.as_deref(), &[])?.settings;
    // It tells nothing: what it sees, it reports.
    let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
    let mesh = serve::mesh(data, &mut settings, None)?;
    let (host, nats) = engines::host(data, &[], &settings, &telemetry, mesh).await?;
    serve::place(vec![(name, placement)], &host, nats.as_ref())?;
    let flags = vitrine_flags_client::Flags::new(host.clock(), env!("CARGO_PKG_VERSION"));
    tokio::spawn(host.faults().clone().run(stop.clone()));
    if let Some(follower) = Follower::new(&host, &flags, &[LOAD]) {
        tokio::spawn(follower.run(stop));
    }
    Ok(host)
}
