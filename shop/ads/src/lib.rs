//! Advertisements chosen by context words, or by chance where none fits. Keeps nothing.
//!
//! ```
//! let best = vitrine_shop_ads::domain::fitting(&["workshops".to_owned(), "tumblers".to_owned()]);
//! assert_eq!(best[0].0.id, "ad_workshops");
//! ```

pub mod domain;
pub mod flags;
mod grpc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::ads::v1::ads_service_server::AdsServiceServer;
use vitrine_contracts::services::ADS;
use vitrine_flags_client::Flags;
use vitrine_platform_host::{Component, Failure, Host};

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The service.
pub fn build(_: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let served =
        host.telemetry(ADS).counter("vitrine.ads.served", "{ad}", "Advertisements served, by how they were chosen");
    Ok(Component::new(ADS).grpc(AdsServiceServer::new(grpc::Service::new(
        host.seed(),
        served,
        flags.handle(&host.telemetry(ADS), flags::FLAGS),
    ))))
}
