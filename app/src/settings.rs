//! All settings, with their defaults in one place.

mod choices;
mod metrics;
mod prometheus;
mod shippers;
mod spans;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_platform_config::{BaseUrl, Loaded, OrOff, Size, Sources, Time, load, reference, schema};
use vitrine_platform_host::PostgresConfig;
use vitrine_platform_mesh::Discovery;
use vitrine_shop_auth::{Account, Client, Role};
use vitrine_shop_customers::Profile;

use crate::Usage;
use crate::engines::Engines;
use crate::say::say;

pub use choices::{Bucket, Demo, HostNames, Rate, SpanNames, Sync};
pub use metrics::Metrics;
pub use prometheus::{Ha, PrometheusApi};
pub use shippers::{Address, Forward, Syslog, listeners as shipper_listeners};
pub use spans::SpanSeries;

/// The customer whom everyone may play.
pub const DEMO_EMAIL: &str = "demo@vitrine.example";
/// Their password. It is no secret.
pub const DEMO_PASSWORD: &str = "see-through-glass";
/// The customer's account.
const DEMO_CUSTOMER: &str = "cus_demo";
/// A merchant whom everyone may play, with the same password.
pub const DEMO_PROMOTER_EMAIL: &str = "promoter@vitrine.example";
/// The merchant's account.
pub const DEMO_PROMOTER: &str = "pro_demo";
/// The command line as an OAuth client.
pub const CLI_CLIENT: &str = "vitrine-cli";
/// Journeys a second by default.
const DEFAULT_RATE: f64 = 5.0;
/// For how long telemetry is kept by default.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most telemetry on disk by default, in bytes.
const MAX_BYTES: u64 = 50 << 30;
/// The least memory for telemetry, in MiB: below, requests would wait for segments all the time.
const MIN_MEMORY_MIB: u32 = 16;
/// Between two readings of the host by default: the node exporter's users scrape as often.
const HOST_INTERVAL: Duration = Duration::from_secs(15);
/// How often rules are evaluated by default: as often as Prometheus does.
const RULE_INTERVAL: Duration = Duration::from_secs(60);
/// How long its tokens are good, in seconds: as long as someone plays with a shop.
const CLI_TOKEN_TTL_S: u32 = 12 * 3600;

/// Everything that can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// The shop as a whole.
    pub shop: Shop,
    /// `vitrine up`.
    pub up: Up,
    /// `vitrine serve`.
    pub serve: Serve,
    /// What one client may hold of a listener that is not for operators.
    pub http: vitrine_platform_http::Config,
    /// The listener for operators.
    pub operations: Operations,
    /// How the replicas of other processes' services are found, and this process is.
    pub discovery: Discovery,
    /// TLS between services: with any file set, the internal listener of `serve` and every connection to a placement use it.
    pub tls: vitrine_platform_tls::Files,
    /// How the processes of a shop know each other.
    pub identity: crate::identity::Config,
    /// The observatory.
    pub observatory: Observatory,
    /// The flags service.
    pub flags: crate::flags::Config,
    /// The PostgreSQL server, where `shop.engines` names it.
    pub postgres: PostgresConfig,
    /// The MongoDB servers, where `shop.engines` names them.
    #[cfg(feature = "mongodb")]
    pub mongodb: vitrine_platform_host::MongoDbConfig,
    /// The NATS server, where `shop.engines` names it.
    pub nats: vitrine_platform_nats::Config,
    /// What is cached, and the Redis server, where `shop.engines` names it.
    pub cache: vitrine_platform_cache::Config,
    /// Each service.
    #[serde(flatten)]
    pub services: Services,
}

/// The shop as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shop {
    /// The shop's address as its clients see it. Empty: where the gateway of this process listens.
    pub url: BaseUrl,
    /// Whether there are a demo customer and a demo promoter, whose password everyone knows: "auto" in `vitrine up` as long as only
    /// this machine reaches the shop, "on" always, "off" never.
    pub demo: Demo,
    /// The same seed generates the same products and makes the same load.
    pub seed: i64,
    /// Servers that it stands on, out of nats, postgres, redis, separated by commas.
    pub engines: Engines,
}

impl Default for Shop {
    fn default() -> Self {
        Self { url: BaseUrl::default(), demo: Demo::Auto, seed: 1, engines: Engines::default() }
    }
}

/// `vitrine up`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Up {
    /// Where the shop answers.
    pub listen: SocketAddr,
    /// Journeys a second that the load generator starts; 0 or "off" for none.
    pub load: Rate,
    /// Where the page of another site answers that a demo shows the widget on; with port 0 wherever there is room.
    pub partner: SocketAddr,
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Default for Up {
    fn default() -> Self {
        Self { listen: local(8080), load: Rate(Some(DEFAULT_RATE)), partner: local(0) }
    }
}

/// `vitrine serve`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// For how long a stop goes on answering new calls after it has said "not serving".
    pub lame_duck_ms: u32,
}

impl Default for Serve {
    fn default() -> Self {
        Self { lame_duck_ms: 500 }
    }
}

/// The listener for operators, of `up`, `serve` and `observe` alike.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Operations {
    /// Where health is answered to probes and metrics to scrapers, over plain HTTP; port 0 picks a free one.
    pub listen: SocketAddr,
}

impl Default for Operations {
    fn default() -> Self {
        Self { listen: local(0) }
    }
}

/// The observatory.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Observatory {
    /// Where pages and query APIs answer, and OTLP, Zipkin and remote writes come in too.
    pub listen: SocketAddr,
    /// Where OTLP comes in over gRPC.
    pub otlp_grpc: SocketAddr,
    /// Where OTLP comes in over HTTP.
    pub otlp_http: SocketAddr,
    /// Whether Jaeger's API answers on port 16686, Zipkin's on 9411, Prometheus's on 9090, Alertmanager's on 9093, Elasticsearch's on 9200 and Loki's on 3100, too.
    pub standard_ports: bool,
    /// For how long telemetry is kept, such as 7d, or "off" for ever.
    pub retention: OrOff<Time>,
    /// Most bytes of telemetry on disk, such as 50GiB, or "off"; the oldest goes when more comes.
    pub max_bytes: OrOff<Size>,
    /// Where segments are, as s3://BUCKET/PREFIX; a folder of the data folder if it is empty.
    pub segments: Bucket,
    /// When the log is synced: "always" before telemetry is acknowledged, "second" once a second, or "never".
    pub fsync: Sync,
    /// What series that are made of spans are called: as Grafana "tempo" or OpenTelemetry's "connector" does, "both", or "off" for none.
    pub span_metrics: SpanNames,
    /// What series that are made of spans have besides.
    pub span_series: SpanSeries,
    /// Memory for what is not yet in segments, in MiB; beyond, senders are told to wait.
    #[schemars(range(min = MIN_MEMORY_MIB))]
    pub memory_mib: u32,
    /// Memory that one query may take, in MiB.
    #[schemars(range(min = 1))]
    pub query_memory_mib: u32,
    /// For how long a query may run, in seconds.
    #[schemars(range(min = 1))]
    pub query_seconds: u32,
    /// Metrics as series, for PromQL.
    pub metrics: Metrics,
    /// What Prometheus's API does beside answering.
    pub prometheus: PrometheusApi,
    /// Senders that send the same.
    pub ha: Ha,
    /// Attributes whose values Zipkin's page completes.
    pub autocomplete_keys: Vec<String>,
    /// The version of Elasticsearch that its clients are told; some compare it with their own.
    pub elasticsearch_version: String,
    /// Who may read and write; without any token, everyone.
    pub tokens: Vec<vitrine_observe_store::Token>,
    /// TLS on all of the observatory's ports, with any file set; syslog and Forward have ports of their own for it.
    pub tls: vitrine_platform_tls::Files,
    /// Names under which the observatory is asked, besides localhost and addresses, such as observe.example or *.example.com; "*" lets all.
    pub hosts: Vec<String>,
    /// Web pages that may send and ask; without any origin, none.
    pub cors: vitrine_platform_http::Cors,
    /// Its console.
    pub console: vitrine_observe_console::Config,
    /// Where syslog comes in.
    pub syslog: Syslog,
    /// Where Fluentd's Forward protocol comes in.
    pub forward: Forward,
    /// What it scrapes.
    pub scrape: Scrape,
    /// Whom it tells of alerts.
    pub alertmanager: Alerting,
    /// Rules that it evaluates.
    pub rules: Rules,
    /// What is promised: each objective becomes rules that tell how fast its error budget burns.
    pub slo: Vec<Objective>,
    /// How it watches its own host.
    pub host: HostMetrics,
}

/// Rules that the observatory evaluates.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Rule files as Prometheus has them, such as rules/*.yml. They are read again on SIGHUP.
    pub files: Vec<String>,
    /// How often groups are evaluated that do not say it.
    pub interval: Time,
    /// How much earlier than now queries of groups look that do not say it.
    pub query_offset: Time,
    /// Whether `vitrine up` evaluates the shop's own rules, too, which `vitrine rules shop` prints.
    pub shop: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { files: Vec::new(), interval: Time(RULE_INTERVAL), query_offset: Time(Duration::ZERO), shop: true }
    }
}

/// What is promised.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Its name: the label slo.
    pub name: String,
    /// Events that were as promised: a counter, or an expression in which $window stands for the range.
    pub good: String,
    /// All events, likewise.
    pub total: String,
    /// Which part of all events is promised, such as 0.999.
    pub objective: f64,
    /// Over which time, such as 30d.
    pub window: Time,
}

impl Objective {
    /// As rules are made of it.
    pub fn to_slo(&self) -> vitrine_observe_rules::Slo {
        let Self { name, good, total, objective, window } = self.clone();
        vitrine_observe_rules::Slo { name, good, total, objective, window: window.0 }
    }
}

/// What the observatory scrapes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scrape {
    /// A configuration file as Prometheus has it, of which scraping is taken; `""` scrapes nothing. It is read again on SIGHUP.
    pub config: PathBuf,
    /// The name server that `dns_sd_configs` ask, `IP:PORT`; `""` asks the system's.
    pub name_server: String,
}

/// Whom the observatory tells of alerts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Alerting {
    /// A configuration file as Alertmanager has it; `""` keeps and shows alerts, and tells no one. It is read again on SIGHUP, and
    /// by `POST /alertmanager/-/reload`.
    pub config: PathBuf,
}

/// How the observatory watches its own host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostMetrics {
    /// Whose names its metrics have: `node_exporter`'s (and cAdvisor's, for cgroups), those of OpenTelemetry (`otel`), or `off`; `auto` is
    /// `node_exporter` in `vitrine up`, and `off` elsewhere.
    pub names: HostNames,
    /// Between two readings.
    pub interval: Time,
    /// A folder whose `*.prom` files are taken, too; `""` takes none.
    pub textfiles: PathBuf,
    /// The socket of a Docker daemon, which knows containers' names and images; `""` asks none.
    pub docker: PathBuf,
    /// Labels of containers that their metrics get, too, as container_label_NAME.
    pub container_labels: Vec<String>,
}

impl Default for HostMetrics {
    fn default() -> Self {
        Self {
            names: HostNames::Auto,
            interval: Time(HOST_INTERVAL),
            textfiles: PathBuf::new(),
            docker: vitrine_observe_host::DOCKER_SOCKET.into(),
            container_labels: Vec::new(),
        }
    }
}

impl Default for Observatory {
    fn default() -> Self {
        Self {
            listen: local(9000),
            otlp_grpc: local(4317),
            otlp_http: local(4318),
            standard_ports: false,
            retention: OrOff::At(Time(RETENTION)),
            max_bytes: OrOff::At(Size(MAX_BYTES)),
            segments: Bucket::default(),
            fsync: Sync::Always,
            span_metrics: SpanNames::Tempo,
            span_series: SpanSeries::default(),
            memory_mib: 96,
            query_memory_mib: 128,
            query_seconds: 30,
            metrics: Metrics::default(),
            prometheus: PrometheusApi::default(),
            ha: Ha::default(),
            autocomplete_keys: vitrine_observe_api::Options::default().autocomplete_keys,
            elasticsearch_version: vitrine_observe_receive::ELASTIC_VERSION.to_owned(),
            tokens: Vec::new(),
            tls: vitrine_platform_tls::Files::default(),
            hosts: Vec::new(),
            cors: vitrine_platform_http::Cors::default(),
            console: vitrine_observe_console::Config::default(),
            syslog: Syslog::default(),
            forward: Forward::default(),
            scrape: Scrape::default(),
            alertmanager: Alerting::default(),
            rules: Rules::default(),
            slo: Vec::new(),
            host: HostMetrics::default(),
        }
    }
}

impl Observatory {
    /// What lets in everyone who reaches it, in words.
    pub fn open(&self) -> &'static str {
        match (self.tokens.is_empty(), self.standard_ports) {
            (true, false) => {
                "observe, OTLP: all telemetry, to read and to write (observatory.tokens names who may); operations: health, metrics"
            }
            (true, true) => {
                "observe, OTLP, ports 16686, 9411, 9090 and 9093: all telemetry, to read and to write (observatory.tokens names who may); \
                 operations: health, metrics"
            }
            (false, _) => "operations: health, metrics",
        }
    }
}

/// Each service, by its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "each is named like its service and documented there")]
pub struct Services {
    pub gateway: vitrine_shop_gateway::Config,
    pub storefront: vitrine_shop_storefront::Config,
    pub auth: vitrine_shop_auth::Config,
    pub customers: vitrine_shop_customers::Config,
    pub catalog: vitrine_shop_catalog::Config,
    pub carts: vitrine_shop_carts::Config,
    pub checkout: vitrine_shop_checkout::Config,
    pub orders: vitrine_shop_orders::Config,
    pub payments: vitrine_shop_payments::Config,
    pub shipping: vitrine_shop_shipping::Config,
    pub currency: vitrine_shop_currency::Config,
    pub email: vitrine_shop_email::Config,
    pub recommendations: vitrine_shop_recommendations::Config,
    pub ads: vitrine_shop_ads::Config,
    pub accounting: vitrine_shop_accounting::Config,
    pub fraud: vitrine_shop_fraud::Config,
    pub analytics: vitrine_shop_analytics::Config,
}

impl Settings {
    /// Fills in what only the running process knows: the shop's address, the command line's public key, and the demo's people.
    ///
    /// Without the demo its people are not let in, also where an earlier start made them.
    pub fn settle(&mut self, url: &str, cli_key: serde_json::Value, demo: bool) {
        let services = &mut self.services;
        for known in [&mut services.gateway.issuer, &mut services.auth.issuer, &mut services.storefront.url] {
            url.clone_into(known);
        }
        services.storefront.write_key.clone_from(&services.analytics.shop_key);
        services.auth.clients.retain(|c| c.id != CLI_CLIENT);
        services.auth.clients.push(Client {
            id: CLI_CLIENT.to_owned(),
            name: "vitrine on the command line".to_owned(),
            public_jwk: Some(cli_key),
            account_id: "adm_cli".to_owned(),
            roles: vec![Role::Admin],
            token_ttl_s: CLI_TOKEN_TTL_S,
            ..Client::default()
        });
        services.gateway.graphql.introspection = demo;
        if !demo {
            services.auth.withdrawn = vec![DEMO_CUSTOMER.to_owned(), DEMO_PROMOTER.to_owned()];
            return;
        }
        let account = |account_id: &str, email: &str, role| {
            let (account_id, email, password) = (account_id.to_owned(), email.to_owned(), DEMO_PASSWORD.into());
            Account { account_id, email, password, role }
        };
        services.auth.accounts.push(account(DEMO_CUSTOMER, DEMO_EMAIL, Role::Customer));
        services.auth.accounts.push(account(DEMO_PROMOTER, DEMO_PROMOTER_EMAIL, Role::Promoter));
        let (id, email, display_name) = (DEMO_CUSTOMER.to_owned(), DEMO_EMAIL.to_owned(), "Demo".to_owned());
        services.customers.profiles.push(Profile { id, email, display_name });
        if services.catalog.promoter_id.is_empty() {
            DEMO_PROMOTER.clone_into(&mut services.catalog.promoter_id);
        }
    }
}

/// A flag, the setting that it stands for, and its value if it was given.
pub type Flag = (&'static str, &'static str, Option<String>);

/// Loads the settings, with these flags over all else.
pub fn read(file: Option<&Path>, flags: &[Flag]) -> Result<Loaded<Settings>, Usage> {
    // What the command line's own variables say is clap's business; they have no section.
    let variables = std::env::vars().collect();
    let given = |(flag, key, value): &Flag| value.clone().map(|value| (*flag, *key, value));
    load(&Sources { file, variables, flags: flags.iter().filter_map(given).collect() })
        .map_err(|mistakes| Usage(format!("the configuration has mistakes:\n{mistakes}")))
}

/// Prints every setting and where it came from.
pub fn print(file: Option<&Path>) -> anyhow::Result<()> {
    let loaded = read(file, &[])?;
    let all: Vec<_> = loaded.effective().collect();
    let width = all.iter().map(|e| e.key.len() + 3 + e.value.len()).filter(|w| *w < 60).max().unwrap_or(0);
    for setting in all {
        let text = format!("{} = {}", setting.key, setting.value);
        say!("{text:<width$}  # {}", setting.origin);
    }
    Ok(())
}

/// Prints what can be set, as a JSON Schema of the file.
pub fn print_schema() -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(&schema::<Settings>())?);
    Ok(())
}

/// Prints what can be set, as a page of the guide.
pub fn print_reference() {
    say!("{REFERENCE}{}", reference(&schema::<Settings>()).trim_end());
}

/// What stands before the tables.
const REFERENCE: &str = "\
# Every setting

Made by `vitrine config --reference` from the program itself; `vitrine config --schema` prints the same as a JSON Schema, for editors and charts.

`section.key` is `key` in `[section]` of the file that `--config` names, or the variable `VITRINE_SECTION__KEY`, with `__` for each dot. What a
variable holds needs no quotes. Nothing that is unknown, or of another kind, is taken: all mistakes are told at once, and the exit code is 64.
Times are written like `7d`, `12h`, `30m`, `90s` or `500ms`, sizes like `50GiB`, `500MB` or a number of bytes. Secrets are never printed.
";
