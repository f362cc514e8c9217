//! `vitrine flags`: the flags service alone, and questions to one that runs.

mod ask;
mod faults;
mod plans;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use vitrine_contracts::services::FLAGS;
use vitrine_platform_http::{Listener, bind};
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_tls as tls;

use crate::cli::{FlagsCommand, FlagsServeArgs};
use crate::flags::Flags;
use crate::process::{Process, World};
use crate::say::say;
use crate::serve::ANYWHERE;
use crate::{engines, identity, runfile, settings};

pub use faults::run as faults;

/// What `--ready-file` says.
#[derive(Serialize)]
struct Ready<'a> {
    flags: &'a str,
    internal: &'a str,
    operations: &'a str,
    pid: u32,
}

/// The command.
pub async fn run(command: FlagsCommand) -> Result<()> {
    match command {
        FlagsCommand::Serve(args) => serve_alone(args).await,
        FlagsCommand::List(args) => ask::list(&args.at).await,
        FlagsCommand::Get(args) => ask::get(&args.at, &args.key).await,
        FlagsCommand::Set(args) => ask::set(&args).await,
        FlagsCommand::Explain(args) => ask::explain(&args).await,
        FlagsCommand::History(args) => ask::history(&args).await,
        FlagsCommand::Sets(args) => plans::sets(&args.at).await,
        FlagsCommand::Compare(args) => plans::compare(&args).await,
        FlagsCommand::Promote(args) => plans::promote(&args).await,
        FlagsCommand::Segments(args) => plans::segments(&args.at).await,
        FlagsCommand::Segment(args) => plans::segment(&args).await,
        FlagsCommand::Planned(args) => plans::planned(&args.at).await,
        FlagsCommand::Cancel(args) => plans::cancel(&args).await,
        FlagsCommand::Rollout(args) => plans::roll_out(&args).await,
        FlagsCommand::Pause(args) => plans::act(&args, "rollouts", "pause").await,
        FlagsCommand::Resume(args) => plans::act(&args, "rollouts", "resume").await,
        FlagsCommand::Revert(args) => plans::act(&args, "rollouts", "revert").await,
        FlagsCommand::Requests(args) => plans::requests(&args.at).await,
        FlagsCommand::Approve(args) => plans::approve(&args).await,
        FlagsCommand::Reject(args) => plans::act(&args, "requests", "reject").await,
        FlagsCommand::Clients(args) => ask::clients(&args.at).await,
    }
}

async fn serve_alone(args: FlagsServeArgs) -> Result<()> {
    let began = std::time::Instant::now();
    let flags = [
        ("--standard-ports", "flags.standard_ports", args.standard_ports.then(|| "true".to_owned())),
        ("--listen", "flags.listen", args.listen.map(|address| address.to_string())),
        ("--operations", "operations.listen", args.operations.map(|address| address.to_string())),
    ];
    let settings = settings::read(args.config.config.as_deref(), &flags)?.settings;
    let data = &args.data.data;
    let opened = Process::open(data, &settings, 1 + Flags::listeners(&settings.flags), &[FLAGS]).await?;
    let flags = Flags::open(data, &settings.flags).await?;
    let (url, open) = (flags.url()?, flags.open_to_all());
    let acceptor = Some(&settings.tls).filter(|files| files.is_set()).map(tls::Server::new).transpose()?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let internal = bind(args.internal.unwrap_or(ANYWHERE)).await?;
    let address = internal.local_addr()?;
    let mut process = opened.start(None)?;
    let mesh = Mesh::new(Limits::default()).with_identity(identity::identity(data, &settings, Some(address))?);
    let (host, _) = engines::host(data, &[], &settings, process.telemetry(), mesh).await?;
    let listeners = vec![(World::Internal, Listener::from(internal).with_tls(acceptor))];
    process.run(&host, vec![flags.component()], Duration::ZERO, listeners).await?;
    process.serve_flags(flags);
    let (operations, internal) = (process.operations().to_owned(), format!("{scheme}://{address}"));
    let ready = Ready { flags: &url, internal: &internal, operations: &operations, pid: std::process::id() };
    process.ready(&ready, Some(runfile::flags_path(data)), args.ready_file.as_deref())?;
    if !args.quiet {
        let flag = runfile::data_flag(data);
        say!("The flags are up after {:.2} s, data in {}", began.elapsed().as_secs_f64(), data.display());
        say!("  flags      {url}  (pages, OFREP below /ofrep/v1; vitrine flags list{flag})");
        say!("  internal   {internal}  (vitrine serve SERVICE… --place flags=grpc://{address} follows)");
        say!("  operations {operations}  (health, metrics)");
        if let Some(open) = open {
            say!("  open       {open}");
        }
        say!("  stop       Ctrl-C");
    }
    process.until_stopped(None, true).await?;
    process.stop().await
}
