//! The command line.

mod rules;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use vitrine_kit::Secret;
use vitrine_kit::duration::prometheus;

use crate::folder;
use crate::settings::Flag;
use crate::sql::Style;
pub use rules::{RulesArgs, RulesCheckArgs, RulesCommand, RulesReplayArgs, RulesTestArgs};

mod faults;
mod flags;
mod logs;
mod range;

pub use faults::{
    FaultsCommand, FaultsDemoArgs, FaultsEndArgs, FaultsListArgs, FaultsReasonArgs, FaultsShowArgs, FaultsStartArgs,
};
pub use flags::{
    FlagsActArgs, FlagsApproveArgs, FlagsAskArgs, FlagsCommand, FlagsCompareArgs, FlagsExplainArgs, FlagsGetArgs,
    FlagsHistoryArgs, FlagsListArgs, FlagsPromoteArgs, FlagsRollOutArgs, FlagsSegmentArgs, FlagsServeArgs,
    FlagsSetArgs, FlagsWhenArgs,
};
pub use logs::{Color, LogsArgs};
pub use range::{RangeCommand, RangeExportArgs, RangeLayout, RangeReportArgs, RangeRunArgs, RangeScoreArgs};

/// A shop made of glass: a complete commerce system that anyone can run, break and see through.
#[derive(Debug, Parser)]
#[command(
    name = "vitrine",
    version,
    max_term_width = 100,
    after_help = "\
Start with:  vitrine up
Then open    http://127.0.0.1:8080 (the shop) and http://127.0.0.1:9000 (every order as a trace).
Each command explains itself: vitrine up --help"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring up the whole shop in this process, with the observatory and a load generator that shops in it
    Up(UpArgs),
    /// Run the observatory alone: OTLP, Zipkin and remote writes in; Jaeger, Zipkin, Prometheus, Alertmanager and SQL out
    Observe(ObserveArgs),
    /// Run some of the services in this process; the others are where --place says
    Serve(ServeArgs),
    /// Shop at any base URL, at an arrival rate, and print latencies without coordinated omission
    Load(LoadArgs),
    /// Say whether a shop runs on this data folder, where, and how each service fares
    Status(DataArgs),
    /// Stop the shop that runs on this data folder, letting it drain
    Down(DataArgs),
    /// Print an access token for curl, signing in as a customer (default: the demo customer)
    Token(TokenArgs),
    /// Ask SQL over everything the observatory keeps: a prompt, one statement, or statements from a pipe
    Sql(SqlArgs),
    /// Feature flags: served to OpenFeature's clients, or those of a service that runs listed, written and explained
    #[command(subcommand)]
    Flags(FlagsCommand),
    /// Faults: what goes wrong on purpose in a shop that runs; armed, looked at and ended
    #[command(subcommand)]
    Faults(FaultsCommand),
    /// The fault range: campaigns of incidents whose cause is known, run, exported and scored
    #[command(subcommand)]
    Range(RangeCommand),
    /// Watch a machine: its metrics at /metrics, as the node exporter and cAdvisor have them
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Log records that meet a query, the newest last; with -f also those that come
    Logs(LogsArgs),
    /// Ask PromQL over the observatory's metrics: a table of now, or a chart of the last hours
    Promql(PromqlArgs),
    /// Take metrics elsewhere, or name them anew
    #[command(subcommand)]
    Metrics(MetricsCommand),
    /// Check files of recording and alerting rules, or run their tests: the files that promtool reads
    Rules(RulesArgs),
    /// Print the effective configuration, and where each value came from; or what can be set
    Config(ConfigCommand),
    /// Run statements for the observatory that starts this; nothing for people
    #[command(hide = true)]
    SqlWorker,
}

/// Where data and configuration are.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Folder for all data; made when it is not there
    #[arg(long, value_name = "DIR", default_value = folder::DEFAULT, env = "VITRINE_DATA")]
    pub data: PathBuf,
}

/// Configuration beside the flags.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// TOML file with settings; `vitrine config` prints what can be set
    #[arg(long, value_name = "FILE", env = "VITRINE_CONFIG")]
    pub config: Option<PathBuf>,
}

/// `vitrine config`.
#[derive(Args, Clone, Debug)]
pub struct ConfigCommand {
    /// Configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print the JSON Schema of a configuration file
    #[arg(long, conflicts_with_all = ["config", "reference"])]
    pub schema: bool,
    /// Print every setting with its default and meaning, as Markdown
    #[arg(long, conflicts_with = "config")]
    pub reference: bool,
}

/// What every command takes that runs services.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Servers to stand on, out of nats, postgres, redis; where they are is set by nats.url and so on
    #[arg(long, value_name = "LIST")]
    pub engines: Option<String>,
    /// Products in the catalog: the hand-written ones, and generated ones up to this number
    #[arg(long, value_name = "N")]
    pub products: Option<u64>,
    /// Same seed, same generated products and same load
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where health is answered to probes, apart from all else [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub operations: Option<SocketAddr>,
    /// Make the demo accounts, whose password is published, also where others can reach the shop
    #[arg(long)]
    pub demo: bool,
    /// Print addresses and errors only
    #[arg(long)]
    pub quiet: bool,
}

impl RunArgs {
    /// The settings that its flags stand for.
    pub fn flags(&self) -> Vec<Flag> {
        vec![
            ("--engines", "shop.engines", self.engines.clone()),
            ("--products", "catalog.products", self.products.map(|n| n.to_string())),
            ("--seed", "shop.seed", self.seed.map(|n| n.to_string())),
            ("--operations", "operations.listen", self.operations.map(|a| a.to_string())),
            ("--demo", "shop.demo", self.demo.then(|| "on".to_owned())),
        ]
    }
}

/// `vitrine up`.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// What every such command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// Where the shop answers (REST, sign-in); port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where the observatory answers (pages, Jaeger, Zipkin, Prometheus, Alertmanager and SQL) [default: 127.0.0.1:9000]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub observe: Option<SocketAddr>,
    /// Where feature flags answer (OFREP, pages) [default: 127.0.0.1:8016]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub flags: Option<SocketAddr>,
    /// What the observatory takes here and alone.
    #[command(flatten)]
    pub keep: RetentionArgs,
    /// Journeys a second that the load generator starts; 0 or "off" for none [default: 5]
    #[arg(long, value_name = "RATE|off")]
    pub load: Option<String>,
    /// Write addresses, pid, demo customer and admin token to this file, as JSON, once everything is ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// Where telemetry comes in, and how much of it is kept.
#[derive(Args, Clone, Debug)]
pub struct RetentionArgs {
    /// Where OTLP comes in over gRPC [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub otlp_grpc: Option<SocketAddr>,
    /// Where OTLP comes in over HTTP [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub otlp_http: Option<SocketAddr>,
    /// Serve Jaeger's API on port 16686, Zipkin's on 9411, Prometheus's on 9090, Alertmanager's on 9093, Elasticsearch's on 9200 and Loki's on 3100, too
    #[arg(long)]
    pub standard_ports: bool,
    /// For how long telemetry is kept, or "off" for ever [default: 7d]
    #[arg(long, value_name = "TIME|off")]
    pub retention: Option<String>,
    /// Most telemetry on disk, or "off"; the oldest goes when more comes [default: 50GiB]
    #[arg(long, value_name = "SIZE|off")]
    pub max_bytes: Option<String>,
}

impl RetentionArgs {
    /// The settings that its flags stand for.
    pub fn flags(&self) -> Vec<Flag> {
        vec![
            ("--otlp-grpc", "observatory.otlp_grpc", self.otlp_grpc.map(|a| a.to_string())),
            ("--otlp-http", "observatory.otlp_http", self.otlp_http.map(|a| a.to_string())),
            ("--standard-ports", "observatory.standard_ports", self.standard_ports.then(|| "true".to_owned())),
            ("--retention", "observatory.retention", self.retention.clone()),
            ("--max-bytes", "observatory.max_bytes", self.max_bytes.clone()),
        ]
    }
}

/// `vitrine observe`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Point any OpenTelemetry SDK at it (OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317), then open http://127.0.0.1:9000.
Grafana's Jaeger data source takes http://127.0.0.1:9000/jaeger, its Zipkin data source http://127.0.0.1:9000/zipkin.")]
pub struct ObserveArgs {
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where pages and query APIs answer; port 0 picks a free one [default: 127.0.0.1:9000]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where health is answered to probes, apart from all else [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub operations: Option<SocketAddr>,
    /// What it takes here and within `up`.
    #[command(flatten)]
    pub keep: RetentionArgs,
    /// Print errors only
    #[arg(long)]
    pub quiet: bool,
    /// Write {"observe", "otlp_grpc", "otlp_http", "operations", "pid"} to this file, as JSON, once everything is ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// `vitrine serve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example, two processes:
  vitrine serve currency --listen 127.0.0.1:7001
  vitrine serve carts catalog --listen 127.0.0.1:7002 --place currency=grpc://127.0.0.1:7001
A gateway has customers, and an address for them: vitrine serve gateway --public 0.0.0.0:8080 --place ...")]
pub struct ServeArgs {
    /// The services to run here
    #[arg(required = true, value_name = "NAME")]
    pub services: Vec<String>,
    /// Where one of the others is: grpc://HOST:PORT (several with commas), dns://NAME:PORT, srv://NAME or consul://NAME
    #[arg(long = "place", value_name = "NAME=PLACEMENT")]
    pub places: Vec<String>,
    /// Where these services answer others of the shop, over gRPC [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Where the gateway answers customers, over HTTP, if it is among these [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub public: Option<SocketAddr>,
    /// Believe whatever callers say of themselves: a caller that reaches this process may call every service
    #[arg(long)]
    pub insecure: bool,
    /// What every such command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// Write {"internal", "public", "operations", "services", "pid"} to this file, as JSON, once everything is ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// `vitrine load`.
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// The shop
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Journeys started a second, whether or not earlier ones have ended
    #[arg(long, value_name = "RATE", default_value_t = 10.0, allow_negative_numbers = true)]
    pub rate: f64,
    /// Seconds to go on; without it, until interrupted
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<u64>,
    /// Same seed, same journeys
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print the final table as JSON
    #[arg(long)]
    pub json: bool,
    /// Who keeps the faults: those of the load then act here. The internal address that `vitrine flags serve` prints; or flags=nats
    #[arg(long, value_name = "flags=PLACEMENT")]
    pub place: Option<String>,
    /// Where the key is by which processes of the shop know each other; only with --place.
    #[command(flatten)]
    pub data: DataArgs,
    /// Configuration file; only with --place.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Write {"url", "pid"} to this file, as JSON, once people come
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// `vitrine token`.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// The shop; without it, the one that runs on the data folder
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// For those who run the shop, by the key in the data folder
    #[arg(long)]
    pub admin: bool,
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Whose, by the address that they sign in with
    #[arg(long, default_value = crate::settings::DEMO_EMAIL)]
    pub email: String,
    /// The password [default: that of the demo accounts]; better given as VITRINE_PASSWORD, for command lines can be read by others
    #[arg(long, env = "VITRINE_PASSWORD", hide_env_values = true, default_value = crate::settings::DEMO_PASSWORD, hide_default_value = true)]
    pub password: Secret,
}

/// `vitrine sql`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vitrine sql
  vitrine sql \"SELECT service, spans, errors FROM services\"
  vitrine sql --format csv < statements.sql > rows.csv")]
pub struct SqlArgs {
    /// What to run, one or several with ; between; without it, a prompt, or what the standard input holds
    #[arg(value_name = "STATEMENT")]
    pub statement: Option<String>,
    /// The observatory that is asked.
    #[command(flatten)]
    pub observatory: AskArgs,
    /// How rows are written
    #[arg(long, value_enum, default_value = "table")]
    pub format: Style,
}

/// The observatory that a command asks, and who asks.
#[derive(Args, Clone, Debug)]
pub struct AskArgs {
    /// The observatory; without it, the one of the data folder, or http://127.0.0.1:9000
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Bearer token that may read; better given as VITRINE_OBSERVE_TOKEN, for command lines can be read by others
    #[arg(long, value_name = "TOKEN", env = "VITRINE_OBSERVE_TOKEN", hide_env_values = true)]
    pub token: Option<Secret>,
    /// Whose telemetry; without it, that of the token, or of the default tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// PEM certificates of the authorities that an observatory's certificate may come from; without it, the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM certificate to show to an observatory that wants one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// PEM private key of that certificate
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `vitrine promql`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vitrine promql 'topk(5, sum by (job) (rate(rpc_server_call_duration_seconds_count[5m])))'
  vitrine promql --range 1h 'sum(rate(http_server_request_duration_seconds_count[1m]))'")]
pub struct PromqlArgs {
    /// What is asked
    #[arg(value_name = "EXPRESSION")]
    pub expression: String,
    /// At which time, as RFC 3339 or seconds since 1970; with --range, its end [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Over this time, such as 30m or 6h, as a chart; without it, at one time, as a table
    #[arg(long, value_name = "DURATION")]
    pub range: Option<String>,
    /// Between two points of a range [default: what the terminal can show]
    #[arg(long, value_name = "DURATION", requires = "range")]
    pub step: Option<String>,
    /// Print the answer as it is
    #[arg(long)]
    pub json: bool,
    /// The observatory that is asked.
    #[command(flatten)]
    pub observatory: AskArgs,
}

/// `vitrine metrics`.
#[derive(Debug, Subcommand)]
pub enum MetricsCommand {
    /// Write samples to Parquet files, which DuckDB, pandas and Spark read
    Export(Box<ExportArgs>),
    /// Index files again whose series are called otherwise than observatory.metrics says now; no observatory may run on the folder
    Reindex(ReindexArgs),
}

/// `vitrine metrics export`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vitrine metrics export --parquet day.parquet --start 2026-11-27T00:00:00Z --end 2026-11-28T00:00:00Z
  vitrine metrics export --parquet requests/ --match '{__name__=~\"http_.*\", job=\"gateway\"}'
Rows have metric, time, labels (a map) and value; of histograms count, sum and buckets (JSON).")]
pub struct ExportArgs {
    /// The file; or an existing folder, or a path that ends with /, for a file of each five million samples
    #[arg(long, value_name = "FILE|DIR")]
    pub parquet: PathBuf,
    /// Which series, as PromQL selects them [default: all]
    #[arg(long = "match", value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// From this time on, as RFC 3339 or seconds since 1970 [default: an hour before the end]
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Up to this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub end: Option<String>,
    /// The observatory that is asked.
    #[command(flatten)]
    pub observatory: AskArgs,
}

/// `vitrine metrics reindex`.
#[derive(Args, Clone, Debug)]
pub struct ReindexArgs {
    /// Data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// Configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `vitrine agent`.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Serve /metrics, and push as OTLP: what the kernel says of this host and its containers
    Host(AgentHostArgs),
}

/// `vitrine agent host`.
#[derive(Args, Clone, Debug)]
pub struct AgentHostArgs {
    /// Where /metrics is answered
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100", value_parser = address)]
    pub listen: SocketAddr,
    /// Where the host's root is seen, for an agent in a container: /proc and /sys are looked for below it
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// A folder whose *.prom files are answered, too
    #[arg(long, value_name = "DIR")]
    pub textfiles: Option<PathBuf>,
    /// Leave out cgroups
    #[arg(long)]
    pub no_containers: bool,
    /// The socket of a Docker daemon, which knows containers' names; where nobody listens there, ids are their names
    #[arg(long, value_name = "FILE", default_value = vitrine_observe_host::DOCKER_SOCKET)]
    pub docker: PathBuf,
    /// A label of containers that their metrics get, too, as container_label_NAME; may be repeated
    #[arg(long, value_name = "NAME")]
    pub container_label: Vec<String>,
    /// Push as OTLP to this URL, such as http://127.0.0.1:4318/v1/metrics
    #[arg(long, value_name = "URL")]
    pub push: Option<String>,
    /// Between two pushes
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub push_interval: Duration,
    /// A header of each push; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub push_header: Vec<String>,
    /// Authorities that the place of pushes is to be trusted by, in PEM; the system's by default
    #[arg(long, value_name = "FILE")]
    pub push_ca: Option<PathBuf>,
}

/// A duration as Prometheus writes it, above zero.
fn duration(text: &str) -> Result<Duration, String> {
    let given = prometheus::parse(text).filter(|given| !given.is_zero());
    given.ok_or_else(|| "expected a duration above zero, such as 15s".to_owned())
}

/// An address to listen on.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected IP:PORT, such as 127.0.0.1:8080, or 0.0.0.0:8080 for all of this machine's")
}

/// Where the observatory answers if nothing else is known.
const OBSERVATORY_URL: &str = "http://127.0.0.1:9000";

impl AskArgs {
    /// What to add to an error of asking it.
    pub fn hint(&self) -> String {
        crate::runfile::hint(&self.data.data, self.url.as_deref())
    }

    /// Where the observatory is.
    pub fn url(&self) -> String {
        let known = || crate::runfile::observatory(&self.data.data).unwrap_or_else(|| OBSERVATORY_URL.to_owned());
        self.url.clone().unwrap_or_else(known)
    }
}
