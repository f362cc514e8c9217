//! `vitrine`: the command line and the composition root. No business rules live here.
//!
//! [`topology`] wires every service on one screen. [`up`](mod@up) brings all of it up in one process, [`serve`](mod@serve) some of it.

mod agent;
mod alerting;
pub mod cli;
mod console;
mod engines;
mod export;
mod flags;
mod flags_commands;
mod folder;
mod following;
mod identity;
mod lines;
mod load;
mod logs;
mod measurements;
mod observatory;
mod observe;
mod operations;
mod partner;
mod process;
mod prometheus;
mod promql;
mod range_commands;
mod reindex;
mod reloading;
mod remote;
mod replay;
mod rules;
mod runfile;
mod say;
mod serve;
pub mod settings;
mod shippers;
mod shop_console;
pub mod shop_flags;
mod sql;
mod statements;
mod telemetry;
mod token;
pub mod topology;
mod up;
mod watching;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command, MetricsCommand, RulesArgs, RulesCommand};
use say::say;

pub use observatory::Observatory;
pub use runfile::{DemoCustomer, RunFile};
pub use serve::{Plan, Served, serve};
pub use statements::EngineStatements;
pub use up::{Up, up};

/// Requests and spans are made of many small pieces of memory, and a long-lived process must give them back: so version 2, which does
/// so within 10 ms, and no huge pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code for a mistake in flags or configuration (sysexits' EX_USAGE).
const EX_USAGE: u8 = 64;

/// A mistake in what the user gave: printed without a chain, and the exit code is 64.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Printing fails only when no process listens.
            let _ = e.print();
            return if e.use_stderr() { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    if matches!(cli.command, Command::SqlWorker) {
        let Err(e) = vitrine_observe_sql::work();
        eprintln!("vitrine: sql-worker is started by the observatory only: {e}");
        return ExitCode::from(EX_USAGE);
    }
    if let Command::Rules(args) = &cli.command
        && !matches!(args.command, RulesCommand::Replay(_))
    {
        return rules::run(args);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(8).build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("vitrine: the runtime could not be started: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("vitrine: {}", chain(&e));
            ExitCode::from(if e.is::<Usage>() { EX_USAGE } else { 1 })
        }
    }
}

/// An error and its causes on one line.
fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

async fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Observe(args) => observe::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Load(args) => load::run(args).await,
        Command::Status(args) => remote::status(&args.data).await,
        Command::Down(args) => remote::down(&args.data).await,
        Command::Token(args) => {
            say!("{}", token::token(&args).await?);
            Ok(())
        }
        Command::Sql(args) => sql::run(args).await,
        Command::Logs(args) => logs::run(args).await,
        Command::Promql(args) => promql::run(args).await,
        Command::Metrics(MetricsCommand::Export(args)) => export::run(*args).await,
        Command::Metrics(MetricsCommand::Reindex(args)) => reindex::run(args).await,
        Command::Agent(args) => agent::run(args).await,
        Command::Flags(command) => flags_commands::run(command).await,
        Command::Faults(command) => flags_commands::faults(command).await,
        Command::Range(command) => range_commands::run(command).await,
        Command::Config(args) if args.schema => settings::print_schema(),
        Command::Config(args) if args.reference => {
            settings::print_reference();
            Ok(())
        }
        Command::Config(args) => settings::print(args.config.config.as_deref()),
        Command::Rules(RulesArgs { command: RulesCommand::Replay(args) }) => replay::run(&args).await,
        // These end in `run`: they need no runtime, or have one of their own.
        Command::Rules(_) | Command::SqlWorker => Ok(()),
    }
}
