//! `vitrine flags`.

mod plans;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use vitrine_kit::Secret;

use super::{ConfigArgs, DataArgs, address};

pub use plans::{
    FlagsActArgs, FlagsApproveArgs, FlagsCompareArgs, FlagsPromoteArgs, FlagsRollOutArgs, FlagsSegmentArgs,
};

/// What can be done with feature flags.
#[derive(Clone, Debug, Subcommand)]
pub enum FlagsCommand {
    /// Serve flags alone: OFREP for OpenFeature's clients, an API and pages for operators
    Serve(FlagsServeArgs),
    /// List the flags: key, type, state, the variant without a rule
    List(FlagsListArgs),
    /// Print the definition of a flag
    Get(FlagsGetArgs),
    /// Write the definition of a flag, or enable or disable it
    Set(FlagsSetArgs),
    /// Say which value a flag has for a context, and why: the value of each node of its rule, what decided, which bucket was drawn
    Explain(FlagsExplainArgs),
    /// Print who changed what, when and why, the latest first
    History(FlagsHistoryArgs),
    /// List the sets of flags
    Sets(FlagsListArgs),
    /// List the flags that differ between two sets
    Compare(FlagsCompareArgs),
    /// Write flags as they are in another set
    Promote(FlagsPromoteArgs),
    /// List segments and what uses them
    Segments(FlagsListArgs),
    /// Write or delete a segment: a rule with a name
    Segment(FlagsSegmentArgs),
    /// List changes that wait for their time, and roll-outs
    Planned(FlagsListArgs),
    /// Take a change away that waits for its time
    Cancel(FlagsActArgs),
    /// Put one variant of a flag in the place of the default one, share by share
    Rollout(FlagsRollOutArgs),
    /// Hold a roll-out where it is
    Pause(FlagsActArgs),
    /// Let a roll-out go on that was paused or stopped
    Resume(FlagsActArgs),
    /// Put a flag back as it was before its roll-out
    Revert(FlagsActArgs),
    /// List changes that others must approve
    Requests(FlagsListArgs),
    /// Approve a change request
    Approve(FlagsApproveArgs),
    /// Turn a change request down
    Reject(FlagsActArgs),
    /// List the clients that are connected: SDK, protocol, streams, the revision that each was told, and how far it is behind
    Clients(FlagsListArgs),
}

/// `vitrine flags serve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Take in what flagd has:   curl -X POST --data-binary @flags.json 'http://127.0.0.1:8016/api/v1/import?why=first'
Then evaluate:            curl -X POST http://127.0.0.1:8016/ofrep/v1/evaluate/flags/KEY -d '{\"context\": {\"targetingKey\": \"u\"}}'")]
pub struct FlagsServeArgs {
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where the flags answer; port 0 picks a free one [default: 127.0.0.1:8016]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Serve at flagd's ports, too: 8013, 8014, 8015 and 8016 of the same address
    #[arg(long)]
    pub standard_ports: bool,
    /// Where processes of a shop follow flags and faults [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub internal: Option<SocketAddr>,
    /// Where health is answered to probes, apart from all else [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub operations: Option<SocketAddr>,
    /// Print errors only
    #[arg(long)]
    pub quiet: bool,
    /// Write {"flags", "internal", "operations", "pid"} to this file, as JSON, once everything is ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// The flags service that a command asks, and who asks.
#[derive(Args, Clone, Debug)]
pub struct FlagsAskArgs {
    /// The flags service; without it, the one of the data folder, or http://127.0.0.1:8016
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Bearer token; better given as VITRINE_FLAGS_TOKEN, for command lines can be read by others
    #[arg(long, value_name = "TOKEN", env = "VITRINE_FLAGS_TOKEN", hide_env_values = true)]
    pub token: Option<Secret>,
    /// The set of flags; without it, the default set
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub set: String,
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
}

/// When a change is made, and whether others approve it first.
#[derive(Args, Clone, Debug)]
pub struct FlagsWhenArgs {
    /// Make it at this time, such as 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Propose it, so that others can approve it
    #[arg(long)]
    pub propose: bool,
}

/// `vitrine flags list`.
#[derive(Args, Clone, Debug)]
pub struct FlagsListArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine flags get`.
#[derive(Args, Clone, Debug)]
pub struct FlagsGetArgs {
    /// The flag's key
    pub key: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine flags set`.
#[derive(Args, Clone, Debug)]
pub struct FlagsSetArgs {
    /// The flag's key
    pub key: String,
    /// A file with the definition, as flagd has it; without it, what the standard input holds
    #[arg(value_name = "FILE", conflicts_with_all = ["enable", "disable"])]
    pub file: Option<PathBuf>,
    /// Enable the flag, and leave the rest as it is
    #[arg(long, conflicts_with = "disable")]
    pub enable: bool,
    /// Disable the flag, and leave the rest as it is
    #[arg(long)]
    pub disable: bool,
    /// The reason, for the history
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// When.
    #[command(flatten)]
    pub when: FlagsWhenArgs,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine flags explain`.
#[derive(Args, Clone, Debug)]
pub struct FlagsExplainArgs {
    /// The flag's key
    pub key: String,
    /// The context, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub context: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine flags history`.
#[derive(Args, Clone, Debug)]
pub struct FlagsHistoryArgs {
    /// The flag's key; without it, all of them
    pub key: Option<String>,
    /// Most changes
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}
