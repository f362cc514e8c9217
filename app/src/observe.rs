//! `vitrine observe`: the observatory alone.

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_platform_telemetry::Telemetry;

use crate::cli::ObserveArgs;
use crate::observatory::{Addresses, Observatory, health};
use crate::operations::Door;
use crate::{folder, process, runfile, settings};

/// What `--ready-file` says.
#[derive(Serialize)]
struct Ready<'a> {
    #[serde(flatten)]
    addresses: &'a Addresses,
    operations: &'a str,
    pid: u32,
}

/// The command.
pub async fn run(args: ObserveArgs) -> Result<()> {
    let began = std::time::Instant::now();
    let mut flags = args.keep.flags();
    flags.push(("--listen", "observatory.listen", args.listen.map(|address| address.to_string())));
    flags.push(("--operations", "operations.listen", args.operations.map(|address| address.to_string())));
    let settings = settings::read(args.config.config.as_deref(), &flags)?.settings;
    let bounds = process::bounds(&settings.http, Observatory::listeners(&settings.observatory))?;
    let data = &args.data.data;
    folder::make(data)?;
    let _lock = folder::lock(data, &[runfile::OBSERVATORY])?;
    let telemetry_config = process::telemetry_config()?;
    let door = Door::open(settings.operations.listen).await?;
    let observatory = Observatory::open(data, &settings.observatory).await?;
    let exporter = process::exporter(&telemetry_config, Some(observatory.engine()))?;
    let telemetry = Telemetry::new(telemetry_config);
    process::log_to(&telemetry);
    let addresses = observatory.addresses()?;
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let engine = observatory.serve(&bounds, &telemetry, &stop, &tracker)?;
    let url = door.url.clone();
    let operations = door.serve(health(&stop));
    if let Some(exporter) = exporter {
        let (pipeline, stop) = (telemetry.clone(), stop.clone());
        tracker.spawn(async move { pipeline.run(exporter, stop).await });
    }
    let text =
        serde_json::to_string_pretty(&Ready { addresses: &addresses, operations: &url, pid: std::process::id() })?;
    let alone = runfile::alone_path(data);
    for path in [Some(&alone), args.ready_file.as_ref()].into_iter().flatten() {
        folder::write_private(path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if !args.quiet {
        let Addresses { observe, otlp_grpc, otlp_http } = &addresses;
        println!("The observatory is up after {:.2} s, data in {}", began.elapsed().as_secs_f64(), data.display());
        println!("  observe    {observe}  (Jaeger below /jaeger, Zipkin below /zipkin, SQL: vitrine sql)");
        println!("  OTLP       {otlp_grpc} (gRPC), {otlp_http} (HTTP)");
        println!("  operations {url}  (health)");
        if settings.observatory.tokens.is_empty() {
            println!("  open       without tokens, everybody who reaches these addresses may read and write");
        }
        println!("  stop with Ctrl-C");
    }
    process::stopped().await?;
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    // What waits is written before the process ends.
    tokio::task::spawn_blocking(move || drop(engine)).await?;
    // Gone already is as good.
    let _ = std::fs::remove_file(alone);
    operations.stop().await;
    Ok(())
}
