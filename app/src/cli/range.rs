//! `vitrine range`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use vitrine_kit::Secret;

use super::AskArgs;

/// What can be done with the fault range.
#[derive(Clone, Debug, Subcommand)]
pub enum RangeCommand {
    /// Run a campaign against a shop that runs, and write down the truth of each incident beside what was seen
    Run(RangeRunArgs),
    /// Write the incidents of a campaign that was run as files that others read
    Export(RangeExportArgs),
    /// Score diagnoses of a campaign, beside chance and simple rules
    Score(RangeScoreArgs),
    /// Say how far the incidents of a campaign came, and how simple rules rank their causes
    Report(RangeReportArgs),
}

/// Most parts of a campaign.
const MAX_PARTS: usize = 64;

/// Which part of a campaign, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub nth: usize,
    /// Of how many.
    pub of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(nth, of)| Some((nth.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((nth, of)) if (1..=of).contains(&nth) && of <= MAX_PARTS => Ok(Self { nth, of }),
            _ => Err(format!("expected N/M, such as 1/4, with at most {MAX_PARTS} parts")),
        }
    }
}

/// `vitrine range run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
A campaign of one incident:
  echo '{\"version\": 1, \"seed\": 42, \"load\": {\"rps\": 5}, \"list\": [{\"what\": {\"delay\": {\"ms\": 300}},
         \"where\": {\"at\": \"callee\", \"service\": [\"payments\"]}, \"timing\": {\"ttl_s\": 60}}]}' > campaign.json
  vitrine range run campaign.json --out ./campaign")]
pub struct RangeRunArgs {
    /// The campaign, as JSON
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where it is written down; a folder that is not there yet
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    pub out: Option<PathBuf>,
    /// Run one part of the incidents, such as 1/4, while others run the others against shops of their own
    #[arg(long, value_name = "N/M", default_value = "1/1")]
    pub part: Part,
    /// Print the plan and do nothing
    #[arg(long)]
    pub plan: bool,
    /// The shop; without it, the one that runs on the data folder
    #[arg(long, value_name = "URL")]
    pub shop: Option<String>,
    /// The flags service; without it, the one of the data folder
    #[arg(long, value_name = "URL")]
    pub flags: Option<String>,
    /// Bearer token with the right to arm faults; better given as VITRINE_FLAGS_TOKEN
    #[arg(long, value_name = "TOKEN", env = "VITRINE_FLAGS_TOKEN", hide_env_values = true)]
    pub flags_token: Option<Secret>,
    /// The observatory that is asked.
    #[command(flatten)]
    pub observatory: AskArgs,
}

/// A layout.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RangeLayout {
    /// That of OpenRCA 2.0 with the whole truth
    Vitrine,
    /// RCAEval's
    Rcaeval,
    /// OpenRCA's
    Openrca,
    /// OpenRCA 2.0's
    Openrca2,
}

/// `vitrine range export`.
#[derive(Args, Clone, Debug)]
pub struct RangeExportArgs {
    /// The campaign that was run, or all its parts
    #[arg(value_name = "DIR", required = true)]
    pub campaign: Vec<PathBuf>,
    /// The layout
    #[arg(long = "as", value_enum, default_value = "vitrine")]
    pub layout: RangeLayout,
    /// Where to; a folder that is not there yet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What was found: answers apart, ids anew; refused when anything tells what was done. Always so where the campaign says it
    #[arg(long)]
    pub blind: bool,
}

/// `vitrine range score`.
#[derive(Args, Clone, Debug)]
pub struct RangeScoreArgs {
    /// The campaign that was run, or all its parts
    #[arg(value_name = "DIR", required = true)]
    pub campaign: Vec<PathBuf>,
    /// Diagnoses: a JSON list of {id, causes: [{component, kind?, method?, time?, path?, evidence?}]}, the likeliest cause first
    #[arg(long, value_name = "FILE")]
    pub diagnoses: PathBuf,
    /// Print all scores as JSON
    #[arg(long)]
    pub json: bool,
    /// The observatory in which evidence is run again.
    #[command(flatten)]
    pub observatory: AskArgs,
}

/// `vitrine range report`.
#[derive(Args, Clone, Debug)]
pub struct RangeReportArgs {
    /// The campaign that was run, or all its parts
    #[arg(value_name = "DIR", required = true)]
    pub campaign: Vec<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}
