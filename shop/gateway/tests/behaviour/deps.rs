//! The gateway's clients of all services. The crate's own tests have it, too: `Deps` is what its root calls so.

use vitrine_contracts as c;
use vitrine_platform_host::Host;

use crate::Deps;

/// No process listens there.
pub(crate) const NOWHERE: &str = "127.0.0.1:1";

/// Clients over the ways that a host knows.
pub(crate) fn deps(host: &Host) -> Deps {
    let to = |callee| host.transport("gateway", callee);
    Deps {
        auth: c::auth::v1::auth_service_client::AuthServiceClient::new(to("auth")),
        customers: c::customers::v1::customers_service_client::CustomersServiceClient::new(to("customers")),
        catalog: c::catalog::v1::catalog_service_client::CatalogServiceClient::new(to("catalog")),
        carts: c::carts::v1::carts_service_client::CartsServiceClient::new(to("carts")),
        checkout: c::checkout::v1::checkout_service_client::CheckoutServiceClient::new(to("checkout")),
        orders: c::orders::v1::orders_service_client::OrdersServiceClient::new(to("orders")),
        payments: c::payments::v1::payments_service_client::PaymentsServiceClient::new(to("payments")),
        shipping: c::shipping::v1::shipping_service_client::ShippingServiceClient::new(to("shipping")),
        currency: c::currency::v1::currency_service_client::CurrencyServiceClient::new(to("currency")),
        email: c::email::v1::email_service_client::EmailServiceClient::new(to("email")),
        recommendations: c::recommendations::v1::recommendations_service_client::RecommendationsServiceClient::new(to(
            "recommendations",
        )),
        ads: c::ads::v1::ads_service_client::AdsServiceClient::new(to("ads")),
        accounting: c::accounting::v1::accounting_service_client::AccountingServiceClient::new(to("accounting")),
        fraud: c::fraud::v1::fraud_service_client::FraudServiceClient::new(to("fraud")),
        analytics: c::analytics::v1::analytics_service_client::AnalyticsServiceClient::new(to("analytics")),
    }
}
