//! What is done with sets, segments, plans and change requests of flags.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FlagsAskArgs, FlagsWhenArgs};

/// `vitrine flags compare`.
#[derive(Args, Clone, Debug)]
pub struct FlagsCompareArgs {
    /// One set; "" is the default set
    pub from: String,
    /// The other one
    pub to: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine flags promote`: into the set that `--set` names.
#[derive(Args, Clone, Debug)]
pub struct FlagsPromoteArgs {
    /// The flags' keys
    #[arg(required = true)]
    pub keys: Vec<String>,
    /// The set from which they are taken; "" is the default set
    #[arg(long, value_name = "NAME")]
    pub from: String,
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

/// `vitrine flags segment`.
#[derive(Args, Clone, Debug)]
pub struct FlagsSegmentArgs {
    /// The segment's name
    pub name: String,
    /// A file with the rule; without it, what the standard input holds
    #[arg(value_name = "FILE", conflicts_with = "delete")]
    pub file: Option<PathBuf>,
    /// Delete it
    #[arg(long)]
    pub delete: bool,
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

/// What is done with one thing that is planned or proposed.
#[derive(Args, Clone, Debug)]
pub struct FlagsActArgs {
    /// Its number
    pub id: u64,
    /// The reason, for the history
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// `vitrine flags approve`.
#[derive(Args, Clone, Debug)]
pub struct FlagsApproveArgs {
    /// Its number
    pub id: u64,
    /// The hash of what is approved, as the list tells it
    pub hash: String,
    /// The reason, for the history
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Whom to ask.
    #[command(flatten)]
    pub at: FlagsAskArgs,
}

/// The language of a guard.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GuardLanguage {
    /// PromQL
    Promql,
    /// SQL
    Sql,
}

impl GuardLanguage {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promql => "promql",
            Self::Sql => "sql",
        }
    }
}

/// `vitrine flags rollout`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
For example: vitrine flags rollout new-checkout --to on --steps 1,5,25,100 --every 1h --why launch \\
               --guard 'shop:errors:ratio5m' --above 0.01 --for 1m --revert")]
pub struct FlagsRollOutArgs {
    /// The flag's key
    pub key: String,
    /// The variant that takes the place of the default one
    #[arg(long, value_name = "VARIANT")]
    pub to: String,
    /// The shares of subjects that get it, one after the other, in percent
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', required = true)]
    pub steps: Vec<f64>,
    /// The time between two steps
    #[arg(long, value_name = "TIME")]
    pub every: String,
    /// A query for one number: where it lies on the wrong side, the roll-out stops
    #[arg(long, value_name = "QUERY")]
    pub guard: Option<String>,
    /// The language of the query
    #[arg(long, value_name = "NAME", default_value = "promql", requires = "guard")]
    pub language: GuardLanguage,
    /// More than this is wrong
    #[arg(long, value_name = "NUMBER", requires = "guard", conflicts_with = "below")]
    pub above: Option<f64>,
    /// Less than this is wrong
    #[arg(long, value_name = "NUMBER", requires = "guard")]
    pub below: Option<f64>,
    /// For how long it must be wrong
    #[arg(long, value_name = "TIME", default_value = "0s", requires = "guard")]
    pub r#for: String,
    /// Put the flag back then, instead of stopping
    #[arg(long, requires = "guard")]
    pub revert: bool,
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
