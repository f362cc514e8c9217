//! People who buy: their profiles and addresses, and their rights over what is stored of them.
//!
//! The rules are in [`domain`]. Passwords and tokens are the business of `auth`, which this service calls to make and delete
//! accounts. A sign-up and an erasure touch both services: each is noted here first and carried to its end, also after a crash.
//!
//! ```
//! use vitrine_shop_customers::domain::{display_name, preferred_currency};
//!
//! assert_eq!(display_name(" Ada ").as_deref(), Ok("Ada"));
//! assert_eq!(preferred_currency(""), Ok("EUR"));
//! assert_eq!(preferred_currency("shells").expect_err("none").reason, "UNKNOWN_CURRENCY");
//! ```

pub mod domain;
pub mod flags;
mod grpc;
mod store;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::customers::v1::customers_service_server::CustomersServiceServer;
use vitrine_contracts::services::CUSTOMERS;
use vitrine_flags_client::Flags;
use vitrine_platform_host::erasure::DataSubject;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_mesh::Transport;
use vitrine_platform_store::Schema;

/// How often erasures that a crash cut short are looked for.
const TICK: Duration = Duration::from_secs(5);

/// Who is a customer at the first start.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Profiles that are there from the start; their accounts are in the settings of auth.
    pub profiles: Vec<Profile>,
}

/// A profile that is there from the start.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// "cus_…", as in the account.
    pub id: String,
    /// As in the account.
    pub email: String,
    /// How the shop addresses them.
    pub display_name: String,
}

/// The services that it calls.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Makes and deletes accounts.
    pub auth: AuthServiceClient<Transport>,
}

/// The service.
pub fn build(config: Config, deps: Deps, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let schema = Schema::new().with::<store::CustomerDoc>().with::<store::ErasureDoc>().with::<DataSubject>();
    let store = host.open_store(CUSTOMERS, schema)?;
    let customers = store::Customers {
        store: store.clone(),
        clock: host.clock(),
        auth: deps.auth,
        flags: flags.handle(&host.telemetry(CUSTOMERS), flags::FLAGS),
    };
    let (first, erasing) = (customers.clone(), customers.clone());
    Ok(Component::new(CUSTOMERS)
        .grpc(CustomersServiceServer::new(grpc::Service(customers)))
        .store(store)
        .before_ready(async move {
            first.ensure(&config.profiles).await.map_err(|e| {
                tracing::error!(error = %e, "the profiles of the settings could not be stored");
                Problem::internal()
            })
        })
        .task("finish erasures", async move |stop| {
            let mut ticks = tokio::time::interval(TICK);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(e) = erasing.finish_erasures().await {
                    tracing::warn!(error = %e, "an erasure could not be finished; it is tried again");
                }
            }
        }))
}
