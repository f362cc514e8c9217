//! `vitrine faults`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FlagsAskArgs;

/// What can be done with faults.
#[derive(Clone, Debug, Subcommand)]
pub enum FaultsCommand {
    /// List the faults that are at work, and the last that ended
    List(FaultsListArgs),
    /// Say where faults can act now, and which
    Sites(FaultsListArgs),
    /// Arm a fault: something goes wrong on purpose, until its time is over
    Start(FaultsStartArgs),
    /// Arm a fault of the OpenTelemetry Demo by its name; without a name, list them
    Demo(FaultsDemoArgs),
    /// Show one fault: its document, where it acted, what it hit, how it ended
    Show(FaultsShowArgs),
    /// End a fault before its time is over
    End(FaultsEndArgs),
    /// End all faults at once; none may begin before they are released
    StopAll(FaultsReasonArgs),
    /// Let faults begin again
    Release(FaultsReasonArgs),
}

/// `vitrine faults list`, `vitrine faults sites`.
#[derive(Args, Clone, Debug)]
pub struct FaultsListArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine faults start`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
One payment in four is slow for two minutes:
  echo '{\"what\": {\"delay\": {\"ms\": 500}}, \"where\": {\"at\": \"callee\", \"service\": [\"payments\"]},
         \"share\": {\"rate\": 0.25}, \"timing\": {\"ttl_s\": 120}}' | vitrine faults start --why drill")]
pub struct FaultsStartArgs {
    /// A file with the fault, as JSON; without it, what the standard input holds
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine faults demo`.
#[derive(Args, Clone, Debug)]
pub struct FaultsDemoArgs {
    /// The flag, such as paymentFailure
    #[arg(requires = "why")]
    pub key: Option<String>,
    /// The variant, such as 50%
    #[arg(default_value = "on")]
    pub variant: String,
    /// How long it lives, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub ttl: u32,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine faults show`.
#[derive(Args, Clone, Debug)]
pub struct FaultsShowArgs {
    /// The fault's number
    pub id: u64,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine faults end`.
#[derive(Args, Clone, Debug)]
pub struct FaultsEndArgs {
    /// The fault's number
    pub id: u64,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine faults stop-all`, `vitrine faults release`.
#[derive(Args, Clone, Debug)]
pub struct FaultsReasonArgs {
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}
