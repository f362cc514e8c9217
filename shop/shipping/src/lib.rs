//! Getting goods to people: what it costs, and where each parcel is.
//!
//! Prices and the way of a parcel are tables in [`domain`]. A task moves parcels along as time passes and publishes every step;
//! orders follow these events. It knows nothing of orders but their id.
//!
//! ```
//! use vitrine_shop_shipping::domain::{Padding, quote};
//!
//! let (near, far) = (quote("DE", 2900, 2, Padding::Charged)?, quote("JP", 2900, 2, Padding::Charged)?);
//! assert!(near.cost.minor < far.cost.minor && near.days.1 < far.days.1);
//! assert_eq!(quote("AQ", 2900, 2, Padding::Charged).expect_err("no carrier").reason, "COUNTRY_NOT_SERVED");
//! # Ok::<(), vitrine_contracts::Problem>(())
//! ```

pub mod domain;
pub mod flags;
mod grpc;
mod store;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::services::SHIPPING;
use vitrine_contracts::shipping::v1::shipping_service_server::ShippingServiceServer;
use vitrine_flags_client::Flags;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::Schema;

/// How often parcels are looked at.
const TICK: Duration = Duration::from_secs(1);

/// How long parcels take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds until a parcel is handed to the carrier; until then its order can be cancelled.
    pub dispatch_after_s: u32,
    /// Seconds from there until it is under way.
    pub transit_after_s: u32,
    /// Seconds from there until it is delivered.
    pub delivery_after_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { dispatch_after_s: 120, transit_after_s: 60, delivery_after_s: 120 }
    }
}

/// The service.
pub fn build(config: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let store = host.open_store(SHIPPING, Schema::new().with::<store::ShipmentDoc>())?;
    let shipments = store::Shipments { store: store.clone(), clock: host.clock(), config };
    let flags = flags.handle(&host.telemetry(SHIPPING), flags::FLAGS);
    let moving = shipments.clone();
    Ok(Component::new(SHIPPING).grpc(ShippingServiceServer::new(grpc::Service { shipments, flags })).store(store).task(
        "move parcels",
        async move |stop| {
            let mut ticks = tokio::time::interval(TICK);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(e) = moving.advance_due().await {
                    tracing::warn!(error = %e, "parcels could not be moved; they are tried again");
                }
            }
        },
    ))
}
