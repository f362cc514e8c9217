//! What is sold: glassware with stock, workshops with seats, and the reservations that hold some of either for a while.
//!
//! The rules of products, stock and reservations are in [`domain`]; `content` holds the sixty hand-written pieces, `generate` makes any
//! number more, and the crate `vitrine_shop_pictures` draws them. A product's description and its stock are two documents, so that a sale does not change
//! what browsers have cached. It knows nothing of orders or money other than its own prices.
//!
//! ```
//! use vitrine_shop_catalog::domain::name;
//!
//! assert_eq!(name("  Tall vase ").as_deref(), Ok("Tall vase"));
//! assert_eq!(name(" ").expect_err("no name").field.as_deref(), Some("name"));
//! ```

mod content;
pub mod domain;
mod find;
pub mod flags;
mod generate;
mod grpc;
mod reserve;
mod seed;
mod store;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::catalog::v1::catalog_service_server::CatalogServiceServer;
use vitrine_contracts::services::CATALOG;
use vitrine_flags_client::Flags;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::Schema;

/// How often expired reservations are looked for.
const TICK: Duration = Duration::from_secs(1);

/// What is for sale at the first start.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Products to start with: the hand-written ones first, generated ones up to this number.
    pub products: u64,
    /// The account that sells the hand-written workshops; empty lets the shop sell them.
    pub promoter_id: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { products: 60, promoter_id: String::new() }
    }
}

/// The service.
pub fn build(config: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let schema = Schema::new()
        .with::<store::ProductDoc>()
        .with::<store::StockDoc>()
        .with::<store::ReservationDoc>()
        .with::<store::CreatedDoc>()
        .with::<store::SeededDoc>();
    let store = host.open_store(CATALOG, schema)?;
    let products = store::Products { store: store.clone(), clock: host.clock() };
    let reservations = reserve::Reservations::new(products.clone());
    let (seeding, seed) = (products.clone(), host.seed());
    let flags = flags.handle(&host.telemetry(CATALOG), flags::FLAGS);
    let expiring = reservations.clone();
    Ok(Component::new(CATALOG)
        .grpc(CatalogServiceServer::new(grpc::Service { products, reservations, flags }))
        .store(store)
        .before_ready(async move { seed::seed(&seeding, &config, seed).await })
        .task("expire reservations", async move |stop| {
            let mut ticks = tokio::time::interval(TICK);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(e) = expiring.expire_due().await {
                    tracing::warn!(error = %e, "expired reservations could not be released; they are tried again");
                }
            }
        }))
}
