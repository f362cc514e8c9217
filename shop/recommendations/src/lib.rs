//! What goes with it: products that were bought together, learnt from real orders.
//!
//! The counting and the choosing are in [`domain`]. Where too little is known, the catalog's products of the same category
//! fill up; without the catalog, what is known is answered.
//!
//! ```
//! use vitrine_shop_recommendations::domain::{Partners, choose, learn};
//!
//! let basket = ["prd_tall-vase", "prd_apple-bowl"].map(str::to_owned);
//! let mut partners = Partners::new();
//! learn(&mut partners, "prd_tall-vase", &basket);
//! assert_eq!(choose(&basket[..1], &[partners]), [("prd_apple-bowl".to_owned(), 1)]);
//! ```

mod consumer;
pub mod domain;
pub mod flags;
mod grpc;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::recommendations::v1::recommendations_service_server::RecommendationsServiceServer;
use vitrine_contracts::services::{ORDERS, RECOMMENDATIONS};
use vitrine_contracts::topics::ORDER_PAID;
use vitrine_flags_client::Flags;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::Schema;

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The services that it calls.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Knows which products are still sold, and what is like them.
    pub catalog: CatalogServiceClient<Transport>,
}

/// The service.
pub fn build(_: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let store = host.open_store(RECOMMENDATIONS, with_inbox(Schema::new().with::<store::TogetherDoc>()))?;
    let follow = Consumer::new("recommendations-orders", ORDERS, &[ORDER_PAID], store.clone(), consumer::Learn);
    let service = grpc::Service {
        store: store.clone(),
        catalog: deps.catalog,
        flags: flags.handle(&host.telemetry(RECOMMENDATIONS), flags::FLAGS),
    };
    Ok(Component::new(RECOMMENDATIONS).grpc(RecommendationsServiceServer::new(service)).store(store).consumer(follow))
}
