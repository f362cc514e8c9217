//! `vitrine flags`: the flags service alone, and questions to one that runs.

mod ask;
mod plans;

use anyhow::Result;
use serde::Serialize;

use crate::cli::{FlagsCommand, FlagsServeArgs};
use crate::flags::{FLAGS, Flags};
use crate::process::Process;
use crate::say::say;
use crate::{runfile, settings};

/// What `--ready-file` says.
#[derive(Serialize)]
struct Ready<'a> {
    flags: &'a str,
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
    }
}

async fn serve_alone(args: FlagsServeArgs) -> Result<()> {
    let began = std::time::Instant::now();
    let flags = [
        ("--listen", "flags.listen", args.listen.map(|address| address.to_string())),
        ("--operations", "operations.listen", args.operations.map(|address| address.to_string())),
    ];
    let settings = settings::read(args.config.config.as_deref(), &flags)?.settings;
    let data = &args.data.data;
    let opened = Process::open(data, &settings, 1, &[FLAGS]).await?;
    let flags = Flags::open(data, &settings.flags).await?;
    let (url, open) = (flags.url()?, flags.open_to_all());
    let mut process = opened.start(None)?;
    process.serve_flags(flags);
    let operations = process.operations().to_owned();
    let ready = Ready { flags: &url, operations: &operations, pid: std::process::id() };
    process.ready(&ready, Some(runfile::flags_path(data)), args.ready_file.as_deref())?;
    if !args.quiet {
        let flag = runfile::data_flag(data);
        say!("The flags are up after {:.2} s, data in {}", began.elapsed().as_secs_f64(), data.display());
        say!("  flags      {url}  (pages, OFREP below /ofrep/v1; vitrine flags list{flag})");
        say!("  operations {operations}  (health, metrics)");
        if let Some(open) = open {
            say!("  open       {open}");
        }
        say!("  stop       Ctrl-C");
    }
    process.until_stopped(None, true).await?;
    process.stop().await
}
