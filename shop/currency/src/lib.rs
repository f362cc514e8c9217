//! Converts money by a dated table of rates against the euro. Keeps no state and calls no one.
//!
//! The rules are in [`domain`], the table in [`rates`]; [`build`] is where a service begins.
//!
//! ```
//! use vitrine_kit::money::{Currency, Money};
//! use vitrine_shop_currency::domain::convert;
//!
//! let price = Money::new(Currency::EUR, 8900);
//! let yen = convert(price, Currency::parse("JPY").expect("a currency"))?;
//! // Hundreds of yen are a euro, and a yen has no hundredths.
//! assert!(yen.minor > price.minor && yen.currency.exponent() == 0);
//! # Ok::<(), vitrine_contracts::Problem>(())
//! ```

pub mod domain;
pub mod flags;
mod grpc;
pub mod rates;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::currency::v1::currency_service_server::CurrencyServiceServer;
use vitrine_contracts::services::CURRENCY;
use vitrine_flags_client::Flags;
use vitrine_platform_host::{Component, Failure, Host};

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The service.
pub fn build(_: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let flags = flags.handle(&host.telemetry(CURRENCY), flags::FLAGS);
    Ok(Component::new(CURRENCY).grpc(CurrencyServiceServer::new(grpc::Service { flags })))
}
