//! The flags that the shop's services read: all of them, by service, and how those of this process are fed where the flags service is in it, too.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vitrine_contracts::services::{
    ACCOUNTING, ADS, AUTH, CARTS, CATALOG, CHECKOUT, CURRENCY, CUSTOMERS, EMAIL, FRAUD, GATEWAY, ORDERS, PAYMENTS,
    RECOMMENDATIONS, SHIPPING,
};
use vitrine_flags_client::{Declared, Flags};
use vitrine_flags_service::FlagStore;

/// How often what was read is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What each service declares.
pub const DECLARED: &[(&str, &[Declared])] = &[
    (ACCOUNTING, vitrine_shop_accounting::flags::FLAGS),
    (ADS, vitrine_shop_ads::flags::FLAGS),
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
    store.registrations().heard(process, env!("CARGO_PKG_VERSION"), &flags.declared(), &[]).await?;
    if fills {
        store.fill_with_declared().await?;
    }
    put(flags, store);
    Ok(())
}

/// Puts each change in force, and tells what was read, until stopped.
pub async fn follow(flags: Flags, store: FlagStore, process: String, stop: CancellationToken) {
    let mut changes = store.watch();
    let mut ticks = tokio::time::interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = changes.changed() => match changed {
                Ok(()) => {
                    changes.mark_unchanged();
                    put(&flags, &store);
                }
                Err(_) => break,
            },
            _ = ticks.tick() => tell(&flags, &store, &process).await,
        }
    }
    tell(&flags, &store, &process).await;
}

fn put(flags: &Flags, store: &FlagStore) {
    let now = store.current();
    if let Err(error) = flags.put(now.revision, &now.snapshot.sync_payload()) {
        tracing::error!(error = %error, "flags in force cannot be read; the services go on with those before");
    }
}

async fn tell(flags: &Flags, store: &FlagStore, process: &str) {
    let counts = flags.take_counts();
    if counts.is_empty() {
        return;
    }
    let told = store.registrations().heard(process, env!("CARGO_PKG_VERSION"), &[], &counts).await;
    if let Err(error) = told {
        tracing::warn!(error = %error, "what was read of flags could not be told; it is tried again");
        flags.give_back(&counts);
    }
}
