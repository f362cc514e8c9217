//! A double-entry ledger kept from order events.
//!
//! What is booked is in [`domain`]. Each transaction is committed with the balances that it moves and with the consumer's
//! position, so the ledger is exact after any crash. It never asks another service anything.
//!
//! ```
//! use vitrine_kit::money::{Currency, Money};
//! use vitrine_shop_accounting::domain::{CASH, sale};
//!
//! let euros = |minor| Money::new(Currency::EUR, minor);
//! let entries = sale(euros(8900), euros(490))?;
//! assert_eq!(entries[0], (CASH, euros(9390)));
//! assert_eq!(entries.iter().map(|(_, money)| money.minor).sum::<i64>(), 0);
//! # Ok::<(), vitrine_kit::money::MoneyError>(())
//! ```

mod consumer;
pub mod domain;
pub mod flags;
mod grpc;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::accounting::v1::accounting_service_server::AccountingServiceServer;
use vitrine_contracts::services::{ACCOUNTING, ORDERS};
use vitrine_contracts::topics::{ORDER_PAID, ORDER_REFUNDED};
use vitrine_flags_client::Flags;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::Schema;

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The service.
pub fn build(_: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let schema = Schema::new().with::<store::TransactionDoc>().with::<store::BalanceDoc>();
    let store = host.open_store(ACCOUNTING, with_inbox(schema))?;
    let flags = flags.handle(&host.telemetry(ACCOUNTING), flags::FLAGS);
    let follow =
        Consumer::new("accounting-orders", ORDERS, &[ORDER_PAID, ORDER_REFUNDED], store.clone(), consumer::Book);
    Ok(Component::new(ACCOUNTING)
        .grpc(AccountingServiceServer::new(grpc::Service { store: store.clone(), flags }))
        .store(store)
        .consumer(follow))
}
