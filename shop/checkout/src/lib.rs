//! Buying: a saga over carts, catalog, currency, shipping, payments and orders. A cart is bought by one purchase at a time.
//!
//! Where to start reading: `definitions` says of which steps each saga consists, and what comes after what; `buy` and `reversal` say what
//! each step does; `saga` drives one through its journal, by `platform/workflow`; [`domain::pricing`] computes what is to be paid.
//!
//! A saga runs in a task of its own: a caller who goes away or runs out of time does not stop it, and asking again with the
//! same idempotency key waits for the same saga. After a crash the journal says how far each one was. All ids (order,
//! payment, reservation, shipment) are chosen before the first step and every step may be repeated, so whatever was under
//! way is either finished or compensated, and the card is charged at most once. Card numbers are never in the journal.
//! A purchase whose card asks for a challenge is left, in the journal, until that is answered or its time is over; no task waits for it.
//!
//! ```
//! use vitrine_contracts::catalog::v1::{Kind, Product};
//! use vitrine_contracts::common::v1::Line;
//! use vitrine_shop_checkout::domain::pricing::parcel;
//!
//! let vase = Product { kind: Kind::Goods.into(), weight_g: 1450, ..Product::default() };
//! let line = Line { product_id: "prd_tall-vase".to_owned(), quantity: 2 };
//! let packed = parcel(&[line], &[vase])?;
//! assert_eq!((packed.weight_g, packed.items), (2900, 2));
//! # Ok::<(), vitrine_contracts::Problem>(())
//! ```

mod buy;
mod definitions;
pub mod domain;
mod figures;
pub mod flags;
mod grpc;
mod journal;
mod positions;
mod quotes;
mod reversal;
mod saga;
mod started;
mod telemetry;
mod work;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::checkout::v1::checkout_service_server::CheckoutServiceServer;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::payments::v1::payments_service_client::PaymentsServiceClient;
use vitrine_contracts::services::CHECKOUT;
use vitrine_contracts::shipping::v1::shipping_service_client::ShippingServiceClient;
use vitrine_flags_client::Flags;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::Schema;
use vitrine_platform_workflow::Driver;

/// How often sagas are looked for that no process drives, and old ones are forgotten.
const TICK: Duration = Duration::from_secs(2);

/// How long purchases are remembered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Hours that an idempotency key is remembered after its purchase ended.
    #[schemars(range(min = 1))]
    pub remember_keys_h: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { remember_keys_h: 72 }
    }
}

/// The services that it calls.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Who buys: not someone who was erased.
    pub customers: CustomersServiceClient<Transport>,
    /// What is bought.
    pub carts: CartsServiceClient<Transport>,
    /// Prices and reservations.
    pub catalog: CatalogServiceClient<Transport>,
    /// Conversion.
    pub currency: CurrencyServiceClient<Transport>,
    /// Quotes and parcels.
    pub shipping: ShippingServiceClient<Transport>,
    /// Charging.
    pub payments: PaymentsServiceClient<Transport>,
    /// The record.
    pub orders: OrdersServiceClient<Transport>,
}

/// The service.
pub fn build(config: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let store = host.open_store(CHECKOUT, Schema::new().with::<journal::Entry>().with::<quotes::KeyDoc>())?;
    let metrics = telemetry::Metrics::new(&host.telemetry(CHECKOUT));
    let definitions = definitions::all().map_err(|e| {
        tracing::error!(error = %e, "a saga's definition is malformed");
        Problem::internal()
    })?;
    let flags = flags.handle(&host.telemetry(CHECKOUT), flags::FLAGS);
    let journal = journal::Journal { store: store.clone(), clock: host.clock() };
    let driver = Driver::new(store.clone());
    let sagas = saga::Sagas::new(journal, definitions, driver, deps.clone(), metrics, flags);
    let (recovering, tending) = (sagas.clone(), sagas.clone());
    // Alone, what is unfinished now was left by a process before; a replica may be at work on it.
    let owner = if host.is_shared() { saga::Owner::Abandoned } else { saga::Owner::Everyone };
    let remember_ms = i64::from(config.remember_keys_h) * 3_600_000;
    let (counted, telemetry, clock) = (store.clone(), host.telemetry(CHECKOUT), host.clock());
    Ok(Component::new(CHECKOUT)
        .task("count sagas", async move |stop| figures::watch(counted, telemetry, clock, stop).await)
        .grpc(CheckoutServiceServer::new(grpc::Service { deps, sagas, quotes: quotes::Quotes::new(store.clone()) }))
        .store(store)
        .before_ready(async move {
            recovering.recover(owner).await.map_err(|e| {
                tracing::error!(error = %e, "unfinished purchases could not be read");
                Problem::internal()
            })
        })
        .task("tend sagas", async move |stop| {
            let mut ticks = tokio::time::interval(TICK);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(e) = tending.sweep(remember_ms).await {
                    tracing::warn!(error = %e, "unfinished purchases could not be looked at; they are tried again");
                }
            }
            tending.drain().await;
        }))
}
