//! All settings, with their defaults in one place.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde::{Deserialize, Serialize};
use vitrine_platform_config::{Loaded, Sources, load};
use vitrine_platform_host::PostgresConfig;
use vitrine_platform_mesh::Discovery;
use vitrine_shop_auth::{Account, Client, Role};
use vitrine_shop_customers::Profile;

use crate::Usage;

/// The customer whom everybody may play.
pub const DEMO_EMAIL: &str = "demo@vitrine.example";
/// Their password. It is no secret.
pub const DEMO_PASSWORD: &str = "see-through-glass";
/// The customer's account.
const DEMO_CUSTOMER: &str = "cus_demo";
/// A merchant whom everybody may play, with the same password.
pub const DEMO_PROMOTER_EMAIL: &str = "promoter@vitrine.example";
/// The merchant's account.
const DEMO_PROMOTER: &str = "pro_demo";
/// The command line as an OAuth client.
pub const CLI_CLIENT: &str = "vitrine-cli";
/// How long its tokens are good, in seconds: as long as somebody plays with a shop.
const CLI_TOKEN_TTL_S: u32 = 12 * 3600;
/// Most journeys a second of the load that `up` makes: more than any machine shops.
const MAX_JOURNEYS_PER_S: f64 = 10_000.0;

/// Everything that can be set.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// TLS between processes: with any file set, the listener of `serve` and every connection to a placement use it.
    pub tls: vitrine_platform_tls::Files,
    /// How the processes of a shop know each other.
    pub identity: crate::identity::Config,
    /// The observatory.
    pub observatory: Observatory,
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

impl Default for Settings {
    /// Servers are looked for where `make engines` starts them.
    fn default() -> Self {
        let url = |url: &str| url.to_owned();
        Self {
            shop: Shop::default(),
            up: Up::default(),
            serve: Serve::default(),
            http: vitrine_platform_http::Config::default(),
            operations: Operations::default(),
            discovery: Discovery::default(),
            tls: vitrine_platform_tls::Files::default(),
            identity: crate::identity::Config::default(),
            observatory: Observatory::default(),
            postgres: PostgresConfig {
                url: url("postgres://postgres@127.0.0.1:15432/postgres"),
                ..PostgresConfig::default()
            },
            #[cfg(feature = "mongodb")]
            mongodb: vitrine_platform_host::MongoDbConfig {
                url: url("mongodb://127.0.0.1:27017/?replicaSet=rs0"),
                ..vitrine_platform_host::MongoDbConfig::default()
            },
            nats: vitrine_platform_nats::Config {
                url: url("nats://127.0.0.1:14222"),
                ..vitrine_platform_nats::Config::default()
            },
            cache: vitrine_platform_cache::Config {
                url: url("redis://127.0.0.1:16379"),
                ..vitrine_platform_cache::Config::default()
            },
            services: Services::default(),
        }
    }
}

/// The shop as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shop {
    /// The shop's address as its clients see it. Empty: where the gateway of this process listens.
    pub url: String,
    /// Whether there are a demo customer and a demo promoter, whose passwords everybody knows.
    pub demo: bool,
    /// The same seed generates the same products and makes the same load.
    pub seed: i64,
    /// Servers that it stands on, out of nats, postgres, redis, separated by commas.
    pub engines: String,
}

impl Default for Shop {
    fn default() -> Self {
        Self { url: String::new(), demo: true, seed: 1, engines: String::new() }
    }
}

/// `vitrine up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Up {
    /// Where the shop answers.
    pub listen: SocketAddr,
    /// Journeys a second that the load generator starts; 0 or "off" for none.
    pub load: String,
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Default for Up {
    fn default() -> Self {
        Self { listen: local(8080), load: "5".to_owned() }
    }
}

impl Up {
    /// Journeys a second; none if there is to be no load.
    pub fn rate(&self) -> Result<Option<f64>, Usage> {
        match self.load.as_str() {
            "off" => Ok(None),
            text => match text.parse::<f64>() {
                Ok(0.0) => Ok(None),
                Ok(rate) if rate > 0.0 && rate <= MAX_JOURNEYS_PER_S => Ok(Some(rate)),
                _ => Err(Usage(format!(
                    "up.load = {text:?}: expected journeys a second (at most {MAX_JOURNEYS_PER_S}), or 0 or \"off\" for none"
                ))),
            },
        }
    }
}

/// `vitrine serve`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// For how long a stop goes on answering new calls after it has said "not serving".
    pub lame_duck_ms: u32,
    /// Whether the listener speaks TLS when there are files for it. A gateway whose customers have no certificates says false.
    pub tls: bool,
}

impl Default for Serve {
    fn default() -> Self {
        Self { lame_duck_ms: 500, tls: true }
    }
}

/// The listener for operators, of `up`, `serve` and `observe` alike.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operations {
    /// Where health is answered to probes, over plain HTTP; port 0 picks a free one.
    pub listen: SocketAddr,
}

impl Default for Operations {
    fn default() -> Self {
        Self { listen: local(0) }
    }
}

/// The observatory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observatory {
    /// Where pages and query APIs answer, and OTLP and Zipkin come in too.
    pub listen: SocketAddr,
    /// Where OTLP comes in over gRPC.
    pub otlp_grpc: SocketAddr,
    /// Where OTLP comes in over HTTP.
    pub otlp_http: SocketAddr,
    /// Whether Jaeger's API answers on port 16686 and Zipkin's on port 9411, too.
    pub standard_ports: bool,
    /// For how long telemetry is kept, such as 7d, or "off" for ever.
    pub retention: String,
    /// Most bytes of telemetry on disk, such as 50GiB, or "off"; the oldest goes when more comes.
    pub max_bytes: String,
    /// Where segments are, as s3://BUCKET/PREFIX; a folder of the data folder if it is empty.
    pub segments: String,
    /// When the log is synced: "always" before telemetry is acknowledged, "second" once a second, or "never".
    pub fsync: String,
    /// Memory for what is not yet in segments, in MiB; beyond, senders are told to wait.
    pub memory_mib: u32,
    /// Memory that one query may take, in MiB.
    pub query_memory_mib: u32,
    /// For how long a query may run, in seconds.
    pub query_seconds: u32,
    /// Attributes whose values Zipkin's page completes.
    pub autocomplete_keys: Vec<String>,
    /// Who may read and write; without any token, everybody.
    pub tokens: Vec<vitrine_observe_store::Token>,
    /// TLS on all of the observatory's ports, with any file set.
    pub tls: vitrine_platform_tls::Files,
    /// Web pages that may send and ask; without any origin, none.
    pub cors: vitrine_platform_http::Cors,
}

impl Default for Observatory {
    fn default() -> Self {
        Self {
            listen: local(9000),
            otlp_grpc: local(4317),
            otlp_http: local(4318),
            standard_ports: false,
            retention: "7d".to_owned(),
            max_bytes: "50GiB".to_owned(),
            segments: String::new(),
            fsync: "always".to_owned(),
            memory_mib: 96,
            query_memory_mib: 128,
            query_seconds: 30,
            autocomplete_keys: vitrine_observe_api::Options::default().autocomplete_keys,
            tokens: Vec::new(),
            tls: vitrine_platform_tls::Files::default(),
            cors: vitrine_platform_http::Cors::default(),
        }
    }
}

/// Each service, by its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "each is named like its service and documented there")]
pub struct Services {
    pub gateway: vitrine_shop_gateway::Config,
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
}

impl Settings {
    /// Fills in what only the running process knows: the shop's address, the command line's public key, and the demo's people.
    pub fn settle(&mut self, url: &str, cli_key: serde_json::Value) {
        let services = &mut self.services;
        for issuer in [&mut services.gateway.issuer, &mut services.auth.issuer] {
            url.clone_into(issuer);
        }
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
        if !self.shop.demo {
            return;
        }
        let account = |account_id: &str, email: &str, role| {
            let (account_id, email, password) = (account_id.to_owned(), email.to_owned(), DEMO_PASSWORD.to_owned());
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

/// A value as it may be shown: without passwords, tokens and secrets.
fn without_secrets(key: &str, value: &str) -> String {
    let secret = key.rsplit('.').next().is_some_and(|name| matches!(name, "password" | "token"));
    let inside = ["password =", "token =", "secret ="].iter().any(|name| value.contains(name));
    if (secret && value != "\"\"") || inside {
        return "(secret)".to_owned();
    }
    // scheme://user:password@host
    let userinfo = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(userinfo, _)| userinfo);
    match userinfo.and_then(|userinfo| userinfo.split_once(':')) {
        Some((_, password)) if !password.is_empty() => value.replacen(&format!(":{password}@"), ":(secret)@", 1),
        _ => value.to_owned(),
    }
}

/// Prints every setting and where it came from.
pub fn print(file: Option<&Path>) -> anyhow::Result<()> {
    let loaded = read(file, &[])?;
    let mut all: Vec<_> = loaded.effective().collect();
    for setting in &mut all {
        setting.value = without_secrets(&setting.key, &setting.value);
    }
    for setting in all.iter_mut().filter(|s| s.key.ends_with("_token") && s.value != "\"\"") {
        setting.value = "(a secret)".to_owned();
    }
    let width = all.iter().map(|e| e.key.len() + 3 + e.value.len()).filter(|w| *w < 60).max().unwrap_or(0);
    for setting in all {
        let text = format!("{} = {}", setting.key, setting.value);
        println!("{text:<width$}  # {}", setting.origin);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Up, without_secrets};

    #[test]
    fn secrets_are_not_shown() {
        for (key, value, shown) in [
            ("nats.password", "\"hunter2\"", "(secret)"),
            ("nats.token", "\"\"", "\"\""),
            ("postgres.url", "\"postgres://ada:hunter2@db:5432/shop\"", "\"postgres://ada:(secret)@db:5432/shop\""),
            ("postgres.url", "\"postgres://ada@db/shop\"", "\"postgres://ada@db/shop\""),
            ("cache.url", "\"redis://:hunter2@db:6379\"", "\"redis://:(secret)@db:6379\""),
            ("auth.accounts", "[{ email = \"a\", password = \"hunter2\" }]", "(secret)"),
            ("auth.clients", "[{ id = \"web\", secret = \"hunter2\" }]", "(secret)"),
            ("up.listen", "\"127.0.0.1:8080\"", "\"127.0.0.1:8080\""),
        ] {
            assert_eq!(without_secrets(key, value), shown, "{key}");
        }
    }

    #[test]
    fn no_load_is_off_or_nothing() {
        let rate = |load: &str| Up { load: load.to_owned(), ..Up::default() }.rate();
        for (load, rate_per_s) in [
            ("off", None),
            ("0", None),
            ("0.0", None),
            ("-0", None),
            ("5", Some(5.0)),
            ("0.5", Some(0.5)),
            ("10000", Some(1e4)),
        ] {
            assert_eq!(rate(load).expect(load), rate_per_s, "{load}");
        }
        for bad in ["", "-1", "10001", "NaN", "inf", "fast", "5/s", "Off"] {
            let told = rate(bad).expect_err(bad).to_string();
            assert!(told.contains("up.load") && told.contains("journeys a second"), "{told}");
        }
    }
}
