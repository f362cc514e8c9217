//! A whole shop in this process, and what its clients send.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::payments::v1::payments_service_client::PaymentsServiceClient;
use vitrine_contracts::services::{
    AUTH, CARTS, CATALOG, CHECKOUT, CURRENCY, CUSTOMERS, EMAIL, ORDERS, PAYMENTS, RECOMMENDATIONS, SHIPPING,
};
use vitrine_contracts::shipping::v1::shipping_service_client::ShippingServiceClient;
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Component, Failure, Host, Running};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_shop_auth::{Account, Role};
use vitrine_shop_gateway::Config;
use vitrine_shop_load::http::{Call, Client, Response};

use crate::analytics::world::Receiver;
use crate::deps;

pub(super) const ISSUER: &str = "http://shop.example";
pub(super) const PROMOTER: &str = "promoter@vitrine.example";
pub(super) const OTHER_PROMOTER: &str = "other@vitrine.example";
pub(super) const ADMIN: &str = "admin@vitrine.example";
pub(super) const PASSWORD: &str = "see-through-glass";

/// A shop that runs.
pub(super) struct World {
    pub(super) url: String,
    pub(super) anybody: Caller,
    host: Host,
    _data: TempDir,
    _running: Running,
}

/// Someone who sends operations.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client,
    pub(super) token: Option<String>,
    pub(super) guest: Option<String>,
}

/// A gateway in a demo.
pub(super) fn demo() -> Config {
    let mut config = Config { issuer: ISSUER.to_owned(), ..Config::default() };
    config.graphql.introspection = true;
    config
}

fn services(host: &Host, analytics: vitrine_shop_analytics::Config) -> Result<Vec<Component>, Failure> {
    let (flags, way) = (Flags::of_code(), |from: &str, to: &str| host.transport(from, to));
    let catalog = |from| CatalogServiceClient::new(way(from, CATALOG));
    let orders = |from| OrdersServiceClient::new(way(from, ORDERS));
    let account = |id: &str, email: &str, role| Account {
        account_id: id.to_owned(),
        email: email.to_owned(),
        password: PASSWORD.into(),
        role,
    };
    let auth = vitrine_shop_auth::Config {
        issuer: ISSUER.to_owned(),
        accounts: vec![
            account("pro_demo", PROMOTER, Role::Promoter),
            account("pro_other", OTHER_PROMOTER, Role::Promoter),
            account("adm_demo", ADMIN, Role::Admin),
        ],
        ..vitrine_shop_auth::Config::default()
    };
    let selling = vitrine_shop_catalog::Config { promoter_id: "pro_demo".to_owned(), ..Default::default() };
    let checkout = vitrine_shop_checkout::Deps {
        customers: CustomersServiceClient::new(way(CHECKOUT, CUSTOMERS)),
        carts: CartsServiceClient::new(way(CHECKOUT, CARTS)),
        catalog: catalog(CHECKOUT),
        currency: CurrencyServiceClient::new(way(CHECKOUT, CURRENCY)),
        shipping: ShippingServiceClient::new(way(CHECKOUT, SHIPPING)),
        payments: PaymentsServiceClient::new(way(CHECKOUT, PAYMENTS)),
        orders: orders(CHECKOUT),
    };
    let customers = vitrine_shop_customers::Deps { auth: AuthServiceClient::new(way(CUSTOMERS, AUTH)) };
    let recommending = vitrine_shop_recommendations::Deps { catalog: catalog(RECOMMENDATIONS) };
    Ok(vec![
        vitrine_shop_auth::build(auth, &flags, host)?,
        vitrine_shop_customers::build(Default::default(), customers, &flags, host)?,
        vitrine_shop_catalog::build(selling, &flags, host)?,
        vitrine_shop_carts::build(
            Default::default(),
            vitrine_shop_carts::Deps { catalog: catalog(CARTS) },
            &flags,
            host,
        )?,
        vitrine_shop_checkout::build(Default::default(), checkout, &flags, host)?,
        vitrine_shop_orders::build(Default::default(), &flags, host)?,
        vitrine_shop_payments::build(Default::default(), &flags, host)?,
        vitrine_shop_shipping::build(Default::default(), &flags, host)?,
        vitrine_shop_currency::build(Default::default(), &flags, host)?,
        vitrine_shop_email::build(
            Default::default(),
            vitrine_shop_email::Deps { orders: orders(EMAIL) },
            &flags,
            host,
        )?,
        vitrine_shop_recommendations::build(Default::default(), recommending, &flags, host)?,
        vitrine_shop_ads::build(Default::default(), &flags, host)?,
        vitrine_shop_accounting::build(Default::default(), &flags, host)?,
        vitrine_shop_fraud::build(Default::default(), &flags, host)?,
        vitrine_shop_analytics::build(analytics, &flags, host)?,
    ])
}

impl World {
    pub(super) async fn start() -> Result<Self> {
        Self::with(demo()).await
    }

    pub(super) async fn with(config: Config) -> Result<Self> {
        Self::of(config, vitrine_shop_analytics::Config::default()).await
    }

    /// One that may send messages of analytics to this receiver.
    pub(super) async fn sending_to(receiver: &Receiver) -> Result<Self> {
        let allowed_hosts = vec![receiver.address.clone()];
        Self::of(demo(), vitrine_shop_analytics::Config { allowed_hosts, ..Default::default() }).await
    }

    async fn of(config: Config, analytics: vitrine_shop_analytics::Config) -> Result<Self> {
        let data = TempDir::new()?;
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let host = Host::new(data.path(), Clock::system(), 1, telemetry, Mesh::new(Limits::default()));
        let mut components = services(&host, analytics)?;
        components.push(vitrine_shop_gateway::build(config, deps(&host), &Flags::of_code(), &host)?);
        let running = host.start(components).await?;
        let listener = bind("127.0.0.1:0".parse()?).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, running.http(), running.stop_token(), Duration::ZERO));
        let anybody = Caller { client: Client::new(&url)?, token: None, guest: None };
        Ok(Self { url, anybody, host, _data: data, _running: running })
    }

    /// Calls that services have answered, those to auth about tokens left out: they are the guard's.
    pub(super) fn calls(&self) -> u64 {
        let stats = self.host.pipeline().service_stats();
        stats.iter().filter(|(name, _)| name != AUTH).map(|(_, stats)| stats.count).sum()
    }
}

impl Caller {
    /// The same with a token.
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same as a guest.
    pub(super) fn with_guest(&self, guest: &str) -> Self {
        Self { guest: Some(guest.to_owned()), ..self.clone() }
    }

    pub(super) async fn send(&self, mut call: Call) -> Result<Response> {
        if let Some(token) = &self.token {
            call = call.header(AUTHORIZATION, &format!("Bearer {token}"));
        }
        if let Some(guest) = &self.guest {
            call = call.header(HeaderName::from_static("vitrine-guest"), guest);
        }
        Ok(self.client.send(call).await?)
    }

    /// Posts a request, and returns the status and the answer.
    pub(super) async fn post(&self, request: &Value) -> Result<(u16, Value)> {
        let call = Call::new(Method::POST, "/graphql").json(request);
        let response = self.send(call.header(ACCEPT, "application/graphql-response+json")).await?;
        Ok((response.status, response.json()))
    }

    /// What an operation brings, which must have no error.
    pub(super) async fn run(&self, query: &str, variables: Value) -> Result<Value> {
        let (status, answer) = self.post(&json!({ "query": query, "variables": variables })).await?;
        ensure!(status == 200 && answer["errors"].is_null(), "{query}: {status} {answer}");
        Ok(answer["data"].clone())
    }

    /// The code of the first error that an operation brings.
    pub(super) async fn refused(&self, query: &str, variables: Value) -> Result<String> {
        let (_, answer) = self.post(&json!({ "query": query, "variables": variables })).await?;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        Ok(code.with_context(|| format!("{query}: an error with a code: {answer}"))?.to_owned())
    }

    /// Signs someone in.
    pub(super) async fn sign_in(&self, email: &str, password: &str) -> Result<Self> {
        let query =
            "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code } } }";
        let told = self.run(query, json!({ "input": { "email": email, "password": password } })).await?;
        let token = told["signIn"]["session"]["accessToken"].as_str();
        Ok(self.with_token(token.with_context(|| format!("a token: {told}"))?))
    }

    /// Signs someone up and in.
    pub(super) async fn sign_up(&self, email: &str) -> Result<Self> {
        let query = "mutation($input: SignUpInput!) { signUp(input: $input) { customer { id } errors { code } } }";
        let input = json!({ "email": email, "password": PASSWORD, "displayName": "Ada" });
        let told = self.run(query, json!({ "input": input })).await?;
        ensure!(told["signUp"]["customer"]["id"].is_string(), "{told}");
        self.sign_in(email, PASSWORD).await
    }
}

pub(super) fn address() -> Value {
    json!({
        "recipient": "Ada Brenner", "line1": "Glashüttenweg 4", "city": "Dresden", "postalCode": "01067", "country": "DE",
    })
}

pub(super) fn card(number: &str) -> Value {
    json!({ "number": number, "expiryMonth": 12, "expiryYear": 2034, "cvv": "123" })
}
