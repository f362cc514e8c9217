//! What a customer is about to buy: products and quantities, never prices. Asks the catalog whether a product exists.
//!
//! The rules are in [`domain`]; a cart is one document, which says also which purchase has it.
//!
//! ```
//! use vitrine_shop_carts::domain::{MAX_QUANTITY, add};
//!
//! let mut lines = Vec::new();
//! add(&mut lines, "prd_tall-vase", 2)?;
//! add(&mut lines, "prd_tall-vase", 1)?;
//! assert_eq!((lines.len(), lines[0].quantity), (1, 3));
//! assert_eq!(add(&mut lines, "prd_tall-vase", MAX_QUANTITY).expect_err("too many").reason, "TOO_MANY_OF_ONE");
//! # Ok::<(), vitrine_contracts::Problem>(())
//! ```

mod consumer;
pub mod domain;
pub mod flags;
mod grpc;
mod store;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::carts::v1::carts_service_server::CartsServiceServer;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::limits::GUEST_CART_DAYS;
use vitrine_contracts::services::{CARTS, CUSTOMERS};
use vitrine_contracts::topics::CUSTOMER_ERASED;
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::{Query, Schema, Store};

/// How often guests' carts that are over are looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// Most guests' carts that one look deletes.
const SWEPT: usize = 500;
/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The services that it calls.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Knows the products.
    pub catalog: CatalogServiceClient<Transport>,
}

/// The service.
pub fn build(_: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let store = host.open_store(CARTS, with_inbox(Schema::new().with::<store::CartDoc>()))?;
    let erasures =
        Consumer::new("carts-erasures", CUSTOMERS, &[CUSTOMER_ERASED], store.clone(), consumer::ErasureHandler);
    let service = grpc::Service {
        store: store.clone(),
        catalog: deps.catalog,
        flags: flags.handle(&host.telemetry(CARTS), flags::FLAGS),
        clock: host.clock(),
    };
    let (guests, clock) = (store.clone(), host.clock());
    Ok(Component::new(CARTS).grpc(CartsServiceServer::new(service)).store(store).consumer(erasures).task(
        "forget guests' carts",
        async move |stop| {
            let mut ticks = tokio::time::interval(SWEEP);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(e) = sweep(&guests, &clock).await {
                    tracing::warn!(error = %e, "guests' carts could not be forgotten; they are tried again");
                }
            }
        },
    ))
}

/// Forgets guests' carts that no one has changed for long.
async fn sweep(store: &Store, clock: &Clock) -> Result<(), Failure> {
    let until = clock.now_ms() - i64::from(GUEST_CART_DAYS) * DAY_MS;
    let over = store.find::<store::CartDoc>(Query::range(store::GUEST_AT, 0..=until).limit(SWEPT)).await?;
    let mut tx = store.begin();
    for cart in over.items {
        tx.delete_expecting::<store::CartDoc>(&cart.doc.customer_id, cart.version);
    }
    Ok(tx.commit().await?)
}
