//! `vitrine logs` on the command line.

use clap::{Args, ValueEnum};

use super::AskArgs;

/// `vitrine logs`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vitrine logs 'service:checkout level:>=warn'
  vitrine logs --since 6h --limit 1000 '\"card declined\" -path:/health/'
  vitrine logs -f 'service:(checkout OR payments)'
  vitrine logs --json --since 1d 'trace:4bf92f3577b34da6a3ce929d0e0e4736' | jq .message
A query is words, \"phrases\", key:value, key:>5, key:va*, /regex/, OR, -not and (brackets): see the guide, logs.md.")]
pub struct LogsArgs {
    /// What is looked for; without it, everything
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,
    /// Go on with what comes
    #[arg(long, short)]
    pub follow: bool,
    /// From when on: a duration such as 15m or 7d, or a time such as 2026-11-28T21:00:00Z
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub since: String,
    /// Until when, as a time [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub until: Option<String>,
    /// Most records, the newest of all; with --follow, of those that were there [default: 100; with --follow 10]
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<usize>,
    /// Print each record as a JSON object on a line, with all that it has
    #[arg(long)]
    pub json: bool,
    /// Colours and links; auto has them in a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// The observatory that is asked.
    #[command(flatten)]
    pub observatory: AskArgs,
}

/// When there are colours and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// In a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
