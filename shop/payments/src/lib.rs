//! Charges cards: checks, tokens, authorisation, capture and refund, each idempotent under an id that the caller chose.
//!
//! The checks are in [`card`], the life of a payment in [`domain`], what a bank asks whoever pays in [`challenge`]. Card numbers are looked at and forgotten: what is kept is a
//! scheme, four digits and whether the built-in acquirer will decline or ask. There is no outside acquirer.
//!
//! ```
//! use vitrine_contracts::payments::v1::Card;
//! use vitrine_shop_payments::card::check;
//!
//! let card = Card { number: "4242 4242 4242 4242".to_owned(), expiry_month: 12, expiry_year: 2034, cvv: "123".to_owned() };
//! let checked = check(&card, 1_795_219_200_000)?;
//! assert_eq!((&*checked.scheme, &*checked.last4, checked.declines), ("visa", "4242", false));
//! # Ok::<(), vitrine_contracts::Problem>(())
//! ```

pub mod card;
pub mod challenge;
mod consumer;
pub mod domain;
pub mod flags;
mod grpc;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::payments::v1::payments_service_server::PaymentsServiceServer;
use vitrine_contracts::services::{CUSTOMERS, PAYMENTS};
use vitrine_contracts::topics::CUSTOMER_ERASED;
use vitrine_flags_client::Flags;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_host::erasure::DataSubject;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::Schema;

/// Nothing can be set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The service.
pub fn build(_: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let schema = Schema::new().with::<store::PaymentDoc>().with::<store::TokenDoc>().with::<DataSubject>();
    let store = host.open_store(PAYMENTS, with_inbox(schema))?;
    let erasures = Consumer::new(
        "payments-erasures",
        CUSTOMERS,
        &[CUSTOMER_ERASED],
        store.clone(),
        consumer::ErasureHandler(store.clone()),
    );
    let service = grpc::Service {
        store: store.clone(),
        clock: host.clock(),
        flags: flags.handle(&host.telemetry(PAYMENTS), flags::FLAGS),
    };
    Ok(Component::new(PAYMENTS).grpc(PaymentsServiceServer::new(service)).store(store).consumer(erasures))
}
