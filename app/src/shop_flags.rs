//! The flags that the shop's services read: all of them, by service, and how they are in force before the first request where the flags service is in
//! the same process.

use vitrine_contracts::services::{
    ACCOUNTING, ADS, ANALYTICS, AUTH, CARTS, CATALOG, CHECKOUT, CURRENCY, CUSTOMERS, EMAIL, FRAUD, GATEWAY, ORDERS,
    PAYMENTS, RECOMMENDATIONS, SHIPPING,
};
use vitrine_flags_client::{Declared, Flags};
use vitrine_flags_service::FlagStore;

/// What each service declares.
pub const DECLARED: &[(&str, &[Declared])] = &[
    (ACCOUNTING, vitrine_shop_accounting::flags::FLAGS),
    (ADS, vitrine_shop_ads::flags::FLAGS),
    (ANALYTICS, vitrine_shop_analytics::flags::FLAGS),
    (AUTH, vitrine_shop_auth::flags::FLAGS),
    (CARTS, vitrine_shop_carts::flags::FLAGS),
    (CATALOG, vitrine_shop_catalog::flags::FLAGS),
    (CHECKOUT, vitrine_shop_checkout::flags::FLAGS),
    (CURRENCY, vitrine_shop_currency::flags::FLAGS),
    (CUSTOMERS, vitrine_shop_customers::flags::FLAGS),
    (EMAIL, vitrine_shop_email::flags::FLAGS),
    (FRAUD, vitrine_shop_fraud::flags::FLAGS),
    (GATEWAY, vitrine_shop_gateway::flags::FLAGS),
    (ORDERS, vitrine_shop_orders::flags::FLAGS),
    (PAYMENTS, vitrine_shop_payments::flags::FLAGS),
    (RECOMMENDATIONS, vitrine_shop_recommendations::flags::FLAGS),
    (SHIPPING, vitrine_shop_shipping::flags::FLAGS),
];

/// Tells the store which flags this process reads, puts them into its catalogue if that is to be filled and never held anything, and puts what is in
/// force where the services read it.
pub async fn begin(flags: &Flags, store: &FlagStore, process: &str, fills: bool) -> anyhow::Result<()> {
    store.registrations().received(process, env!("CARGO_PKG_VERSION"), &flags.declared(), &[]).await?;
    if fills {
        store.fill_with_declared().await?;
    }
    let now = store.current();
    Ok(flags.put(now.revision, &now.snapshot.sync_payload())?)
}
