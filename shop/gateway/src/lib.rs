//! REST and GraphQL for the world: `/api/v1`, `/graphql`, the OAuth endpoints, and a page to look at. It translates, guards and keeps nothing.
//!
//! Where to start reading: [`routes`](mod@routes) lists every operation; `api` makes the router and the OpenAPI document of the same list;
//! `guard` lets requests in (rate limits, tokens, roles); `browse` is the
//! catalog as shoppers see it; `acts` is what REST and GraphQL do in the same way; `dto` is the JSON of requests and answers, `schema` what
//! the document says of it. [`graph`] is GraphQL.
//!
//! ```
//! use vitrine_shop_gateway::Config;
//!
//! let config: Config = serde_json::from_str(r#"{"rate_per_s": 50, "cors_origins": ["https://shop.example"]}"#)?;
//! assert_eq!((config.rate_per_s, config.rate_burst), (50, Config::default().rate_burst));
//! assert!(serde_json::from_str::<Config>(r#"{"rate": 50}"#).is_err());
//! # Ok::<(), serde_json::Error>(())
//! ```

mod acts;
mod api;
mod browse;
mod dto;
pub mod flags;
pub mod graph;
mod guard;
mod input;
mod intake;
mod oauth;
mod page;
mod routes;
mod schema;
mod tokens;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::accounting::v1::accounting_service_client::AccountingServiceClient;
use vitrine_contracts::ads::v1::ads_service_client::AdsServiceClient;
use vitrine_contracts::analytics::v1::analytics_service_client::AnalyticsServiceClient;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::checkout::v1::checkout_service_client::CheckoutServiceClient;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_contracts::email::v1::email_service_client::EmailServiceClient;
use vitrine_contracts::fraud::v1::fraud_service_client::FraudServiceClient;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::payments::v1::payments_service_client::PaymentsServiceClient;
use vitrine_contracts::recommendations::v1::recommendations_service_client::RecommendationsServiceClient;
use vitrine_contracts::services::GATEWAY;
use vitrine_contracts::shipping::v1::shipping_service_client::ShippingServiceClient;
use vitrine_flags_client::{Flags, Handle};
use vitrine_kit::clock::Clock;
use vitrine_platform_cache::Cache;
use vitrine_platform_config::BaseUrl;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_mesh::Transport;

/// What clients may ask of the shop, and how much of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The shop's address as its clients see it: who issues the tokens that are let in. The composition root knows it.
    #[serde(skip)]
    pub issuer: String,
    /// Requests a second that one client (an account, or an address without one) may make for long.
    #[schemars(range(min = 1))]
    pub rate_per_s: u32,
    /// Requests that one client may make at once.
    #[schemars(range(min = 1))]
    pub rate_burst: u32,
    /// Requests with messages of analytics that one source may send in a second for long.
    #[schemars(range(min = 1))]
    pub analytics_rate_per_s: u32,
    /// Requests with messages of analytics that one source may send at once.
    #[schemars(range(min = 1))]
    pub analytics_rate_burst: u32,
    /// Largest body of a request, in bytes.
    #[schemars(range(min = 1))]
    pub max_body_bytes: u32,
    /// Web origins whose pages may call; "*" lets all, which is safe because no page of another site can read what rests on a cookie:
    /// `/oauth2/authorize` and the storefront's pages tell browsers nothing that would let them, and credentials are not allowed across origins.
    pub cors_origins: Vec<String>,
    /// Where the page links to for telemetry; empty leaves the link out.
    pub observe_url: BaseUrl,
    /// What GraphQL takes.
    pub graphql: graph::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: "http://127.0.0.1:8080".to_owned(),
            rate_per_s: 1000,
            rate_burst: 2000,
            analytics_rate_per_s: 500,
            analytics_rate_burst: 1000,
            max_body_bytes: 64 * 1024,
            cors_origins: vec!["*".to_owned()],
            observe_url: BaseUrl::default(),
            graphql: graph::Config::default(),
        }
    }
}

/// The services that it calls: all of them.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is named like its service")]
pub struct Deps {
    pub auth: AuthServiceClient<Transport>,
    pub customers: CustomersServiceClient<Transport>,
    pub catalog: CatalogServiceClient<Transport>,
    pub carts: CartsServiceClient<Transport>,
    pub checkout: CheckoutServiceClient<Transport>,
    pub orders: OrdersServiceClient<Transport>,
    pub payments: PaymentsServiceClient<Transport>,
    pub shipping: ShippingServiceClient<Transport>,
    pub currency: CurrencyServiceClient<Transport>,
    pub email: EmailServiceClient<Transport>,
    pub recommendations: RecommendationsServiceClient<Transport>,
    pub ads: AdsServiceClient<Transport>,
    pub accounting: AccountingServiceClient<Transport>,
    pub fraud: FraudServiceClient<Transport>,
    pub analytics: AnalyticsServiceClient<Transport>,
}

/// What every handler sees.
pub(crate) struct Gateway {
    pub(crate) config: Config,
    pub(crate) deps: Deps,
    pub(crate) tokens: tokens::Tokens,
    pub(crate) browse: browse::Browse,
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) openapi: String,
    pub(crate) graph: graph::Graph,
    pub(crate) flags: Handle,
}

/// The service.
pub fn build(config: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    component(&gateway(config, deps, flags, host)?, host)
}

/// What every handler sees, made once.
fn gateway(config: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Arc<Gateway>, Failure> {
    let cache = host.cache(GATEWAY);
    Ok(Arc::new(Gateway {
        tokens: tokens::Tokens::new(deps.auth.clone(), cache.clone(), config.issuer.clone(), host.clock()),
        browse: browse::Browse::new(cache.clone(), deps.catalog.clone(), deps.recommendations.clone()),
        cache,
        clock: host.clock(),
        graph: graph::Graph::new(&config.graphql)?,
        openapi: routes::all().document(&config.issuer).to_string(),
        config,
        deps,
        flags: flags.handle(&host.telemetry(GATEWAY), flags::FLAGS),
    }))
}

/// The handlers, and what goes on beside them.
fn component(gateway: &Arc<Gateway>, host: &Host) -> Result<Component, Failure> {
    let router = guard::around(routes::all().router(gateway), gateway, host)?;
    Ok(graph::follow(Component::new(GATEWAY).http(router), gateway, host))
}
