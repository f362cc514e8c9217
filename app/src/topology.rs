//! Who calls whom. Every arrow of the shop is a line here.

use anyhow::{Context, Result};
use vitrine_contracts::accounting::v1::accounting_service_client::AccountingServiceClient;
use vitrine_contracts::ads::v1::ads_service_client::AdsServiceClient;
use vitrine_contracts::analytics::v1::analytics_service_client::AnalyticsServiceClient;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::checkout::v1::checkout_service_client::CheckoutServiceClient;
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_contracts::email::v1::email_service_client::EmailServiceClient;
use vitrine_contracts::fraud::v1::fraud_service_client::FraudServiceClient;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::payments::v1::payments_service_client::PaymentsServiceClient;
use vitrine_contracts::recommendations::v1::recommendations_service_client::RecommendationsServiceClient;
use vitrine_contracts::services::{
    ACCOUNTING, ADS, ALL, ANALYTICS, AUTH, CARTS, CATALOG, CHECKOUT, CURRENCY, CUSTOMERS, EMAIL, FRAUD, GATEWAY,
    ORDERS, PAYMENTS, RECOMMENDATIONS, SHIPPING,
};
use vitrine_contracts::shipping::v1::shipping_service_client::ShippingServiceClient;
use vitrine_flags_client::Flags;
use vitrine_platform_host::{Component, Host};
use vitrine_shop_accounting as accounting;
use vitrine_shop_ads as ads;
use vitrine_shop_analytics as analytics;
use vitrine_shop_auth as auth;
use vitrine_shop_carts as carts;
use vitrine_shop_catalog as catalog;
use vitrine_shop_checkout as checkout;
use vitrine_shop_currency as currency;
use vitrine_shop_customers as customers;
use vitrine_shop_email as email;
use vitrine_shop_fraud as fraud;
use vitrine_shop_gateway as gateway;
use vitrine_shop_orders as orders;
use vitrine_shop_payments as payments;
use vitrine_shop_recommendations as recommendations;
use vitrine_shop_shipping as shipping;
use vitrine_shop_storefront as storefront;

use crate::Usage;
use crate::settings::Services;

/// Builds one service, with clients for the services that it calls, wherever those are, and with the flags that it reads.
pub fn build(name: &str, config: &Services, flags: &Flags, host: &Host) -> Result<Component> {
    let to = |callee| host.transport(name, callee);
    let built = match name {
        AUTH => auth::build(config.auth.clone(), flags, host)?,
        CUSTOMERS => {
            let deps = customers::Deps { auth: AuthServiceClient::new(to(AUTH)) };
            customers::build(config.customers.clone(), deps, flags, host)?
        }
        CATALOG => catalog::build(config.catalog.clone(), flags, host)?,
        CARTS => {
            let deps = carts::Deps { catalog: CatalogServiceClient::new(to(CATALOG)) };
            carts::build(config.carts.clone(), deps, flags, host)?
        }
        CHECKOUT => {
            let deps = checkout::Deps {
                customers: CustomersServiceClient::new(to(CUSTOMERS)),
                carts: CartsServiceClient::new(to(CARTS)),
                catalog: CatalogServiceClient::new(to(CATALOG)),
                currency: CurrencyServiceClient::new(to(CURRENCY)),
                shipping: ShippingServiceClient::new(to(SHIPPING)),
                payments: PaymentsServiceClient::new(to(PAYMENTS)),
                orders: OrdersServiceClient::new(to(ORDERS)),
            };
            checkout::build(config.checkout.clone(), deps, flags, host)?
        }
        ORDERS => orders::build(config.orders.clone(), flags, host)?,
        PAYMENTS => payments::build(config.payments.clone(), flags, host)?,
        SHIPPING => shipping::build(config.shipping.clone(), flags, host)?,
        CURRENCY => currency::build(config.currency.clone(), flags, host)?,
        EMAIL => {
            let deps = email::Deps { orders: OrdersServiceClient::new(to(ORDERS)) };
            email::build(config.email.clone(), deps, flags, host)?
        }
        RECOMMENDATIONS => {
            let deps = recommendations::Deps { catalog: CatalogServiceClient::new(to(CATALOG)) };
            recommendations::build(config.recommendations.clone(), deps, flags, host)?
        }
        ADS => ads::build(config.ads.clone(), flags, host)?,
        ACCOUNTING => accounting::build(config.accounting.clone(), flags, host)?,
        FRAUD => fraud::build(config.fraud.clone(), flags, host)?,
        ANALYTICS => analytics::build(config.analytics.clone(), flags, host)?,
        GATEWAY => {
            let deps = gateway::Deps {
                auth: AuthServiceClient::new(to(AUTH)),
                customers: CustomersServiceClient::new(to(CUSTOMERS)),
                catalog: CatalogServiceClient::new(to(CATALOG)),
                carts: CartsServiceClient::new(to(CARTS)),
                checkout: CheckoutServiceClient::new(to(CHECKOUT)),
                orders: OrdersServiceClient::new(to(ORDERS)),
                payments: PaymentsServiceClient::new(to(PAYMENTS)),
                shipping: ShippingServiceClient::new(to(SHIPPING)),
                currency: CurrencyServiceClient::new(to(CURRENCY)),
                email: EmailServiceClient::new(to(EMAIL)),
                recommendations: RecommendationsServiceClient::new(to(RECOMMENDATIONS)),
                ads: AdsServiceClient::new(to(ADS)),
                accounting: AccountingServiceClient::new(to(ACCOUNTING)),
                fraud: FraudServiceClient::new(to(FRAUD)),
                analytics: AnalyticsServiceClient::new(to(ANALYTICS)),
            };
            let mut settings = config.gateway.clone();
            settings.graphql.pages = storefront::documents(&config.storefront)?;
            let gateway = gateway::build(settings, deps, flags, host)?;
            storefront::around(&config.storefront, gateway, host)?
        }
        other => return Err(Usage(format!("there is no service {other:?}: expected one of {}", ALL.join(", "))).into()),
    };
    Ok(built)
}

/// Builds several.
pub fn build_all(names: &[&str], config: &Services, flags: &Flags, host: &Host) -> Result<Vec<Component>> {
    names
        .iter()
        .map(|name| build(name, config, flags, host).with_context(|| format!("{name} could not be built")))
        .collect()
}
