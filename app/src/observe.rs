//! `vitrine observe`: the observatory alone.

use anyhow::Result;
use serde::Serialize;

use crate::cli::ObserveArgs;
use crate::observatory::{Addresses, Observatory};
use crate::process::Process;
use crate::say::say;
use crate::shippers::ShipperAddresses;
use crate::{runfile, settings};

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
    let data = &args.data.data;
    let listeners = Observatory::listeners(&settings.observatory);
    let opened = Process::open(data, &settings, listeners, &[runfile::OBSERVATORY]).await?;
    let observatory = Observatory::open(data, &settings.observatory, false).await?;
    let addresses = observatory.addresses()?;
    let mut process = opened.start(Some(observatory))?;
    let operations = process.operations().to_owned();
    let ready = Ready { addresses: &addresses, operations: &operations, pid: std::process::id() };
    process.ready(&ready, Some(runfile::alone_path(data)), args.ready_file.as_deref())?;
    if !args.quiet {
        let Addresses { observe, otlp_grpc, otlp_http, shippers } = &addresses;
        let flag = runfile::data_flag(data);
        say!("The observatory is up after {:.2} s, data in {}", began.elapsed().as_secs_f64(), data.display());
        say!(
            "  console    {observe}  (APIs below /jaeger, /zipkin, /prometheus, /alertmanager, /elastic, /loki; vitrine sql{flag}, vitrine promql{flag}, vitrine logs{flag})"
        );
        say!("  OTLP       {otlp_grpc} (gRPC), {otlp_http} (HTTP)");
        if *shippers != ShipperAddresses::default() {
            say!("  shippers   {shippers}");
        }
        say!("  operations {operations}  (health, metrics)");
        say!("  open       {}", settings.observatory.open());
        say!("  stop       Ctrl-C");
    }
    process.until_stopped(None, true).await?;
    process.stop().await
}
