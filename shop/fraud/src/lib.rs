//! Rules over order events: every assessment says which rule gave how many points and why.
//!
//! The rules are in [`domain`]. It follows events and blocks nothing: people look at what it finds. Of a customer it keeps the id
//! and when and where to they ordered lately, until they are erased; then assessments stay, of orders whose customer no one knows.
//!
//! ```
//! use vitrine_shop_fraud::domain::{Case, FIRST_ORDER_FROM, assess};
//!
//! let (total_units, max_quantity, at, earlier_orders) = (800, 2, 0, 0);
//! let (currency, country, first_order_from) = ("EUR", "DE", FIRST_ORDER_FROM);
//! let first = Case { total_units, currency, max_quantity, country, at, earlier_orders, recent: &[], first_order_from };
//! let (score, findings) = assess(&first);
//! assert_eq!(score, findings.iter().map(|finding| finding.points).sum::<u32>());
//! assert!(findings.iter().any(|finding| finding.rule == "new_customer_large_order"));
//! ```

mod consumer;
pub mod domain;
pub mod flags;
mod grpc;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::fraud::v1::fraud_service_server::FraudServiceServer;
use vitrine_contracts::services::{CUSTOMERS, FRAUD, ORDERS};
use vitrine_contracts::topics::{CUSTOMER_ERASED, ORDER_PLACED};
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
    let schema = Schema::new().with::<store::AssessmentDoc>().with::<store::HistoryDoc>().with::<DataSubject>();
    let store = host.open_store(FRAUD, with_inbox(schema))?;
    let assess = consumer::Assess {
        assessed: host.telemetry(FRAUD).counter("vitrine.fraud.assessments", "{order}", "Orders assessed, by verdict"),
        flags: flags.handle(&host.telemetry(FRAUD), flags::FLAGS),
    };
    let follow = Consumer::new("fraud-orders", ORDERS, &[ORDER_PLACED], store.clone(), assess);
    let erasures =
        Consumer::new("fraud-erasures", CUSTOMERS, &[CUSTOMER_ERASED], store.clone(), consumer::ErasureHandler);
    Ok(Component::new(FRAUD)
        .grpc(FraudServiceServer::new(grpc::Service(store.clone())))
        .store(store)
        .consumer(follow)
        .consumer(erasures))
}
