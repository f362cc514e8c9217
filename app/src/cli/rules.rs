//! `vitrine rules` on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{AskArgs, duration};

/// `vitrine rules`.
#[derive(Args, Clone, Debug)]
pub struct RulesArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// What can be done with rule files.
#[derive(Clone, Debug, Subcommand)]
pub enum RulesCommand {
    /// Check rule files; all mistakes are told, with lines. Exit code 1 if there are any, 3 if only duplicates are fatal
    Check(RulesCheckArgs),
    /// Run tests of rules: series are made, rules evaluated over them, alerts and queries compared. Exit code 1 if one fails
    Test(RulesTestArgs),
    /// Record into the past of an observatory what recording rules would have recorded there
    Replay(Box<RulesReplayArgs>),
    /// Print the rules of the shop, over its own metrics: a file that any Prometheus takes
    Shop,
}

/// `vitrine rules check`.
#[derive(Args, Clone, Debug)]
pub struct RulesCheckArgs {
    /// Rule files; without any, what the standard input holds
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Make rules that are there twice fatal
    #[arg(long)]
    pub lint_fatal: bool,
}

/// `vitrine rules replay`.
#[derive(Args, Clone, Debug)]
pub struct RulesReplayArgs {
    /// Rule files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// From when on, as RFC 3339 or seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Until when [default: now]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// How often groups are evaluated that do not say it
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub interval: Duration,
    /// The observatory that is asked, and written to.
    #[command(flatten)]
    pub observatory: AskArgs,
}

/// `vitrine rules test`.
#[derive(Args, Clone, Debug)]
pub struct RulesTestArgs {
    /// Test files; each names its rule files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Run only tests whose names this regular expression finds; can be given several times
    #[arg(long, value_name = "REGEX")]
    pub run: Vec<String>,
}
