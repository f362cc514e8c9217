//! How each service plugs in: a valid request of each of its methods.

use prost_reflect::prost::Message;
use vitrine_contracts::common::v1::{Line, Money};
use vitrine_contracts::payments::v1::PaymentMethod;
use vitrine_contracts::payments::v1::payment_method::Method as Payment;
use vitrine_contracts::{
    accounting, ads, analytics, auth, carts, catalog, checkout, currency, customers, email, fraud, orders, payments,
    recommendations, shipping,
};

use crate::world::{PROMOTER, World, address, card, page_seen, someone};

/// Methods that are tried elsewhere, and why not here.
pub const APART: &[(&str, &str)] = &[
    (
        "/vitrine.auth.v1.AuthService/CheckAuthorization",
        "its answers are OAuth's: shop/auth, and the gateway's openid tests",
    ),
    ("/vitrine.auth.v1.AuthService/Login", "the same"),
    ("/vitrine.auth.v1.AuthService/IssueToken", "the same"),
    ("/vitrine.auth.v1.AuthService/RevokeToken", "the same"),
    ("/vitrine.auth.v1.AuthService/GetTokenStatus", "the same; it says of any token whether it is active"),
    ("/vitrine.bus.v1.EventLogService/Fetch", "it is addressed by topic and position: platform/bus"),
    ("/vitrine.flags.v1.FollowService/Fetch", "it is a poll of what a process has: flags/service"),
];

/// Ids that are not looked at as ids, and why.
pub const UNCHECKED: &[(&str, &str, &str)] = &[
    (
        "/vitrine.catalog.v1.CatalogService/BatchGetProducts",
        "product_ids",
        "what is not there is left out, whatever it is",
    ),
    ("/vitrine.catalog.v1.CatalogService/CreateProduct", "product.id", "the service chooses it"),
    ("/vitrine.catalog.v1.CatalogService/ListProducts", "promoter_id", "a filter: nobody's products are none"),
    ("/vitrine.catalog.v1.CatalogService/UpdateProduct", "acting_promoter_id", "compared with the owner's"),
    ("/vitrine.catalog.v1.CatalogService/DeleteProduct", "acting_promoter_id", "compared with the owner's"),
    ("/vitrine.catalog.v1.CatalogService/CreateProduct", "product.promoter_id", "the gateway's caller, who is known"),
    ("/vitrine.orders.v1.OrdersService/GetOrder", "customer_id", "compared with the buyer's"),
    ("/vitrine.orders.v1.OrdersService/ListOrders", "customer_id", "a filter: nobody's orders are none"),
    ("/vitrine.checkout.v1.CheckoutService/CancelOrder", "customer_id", "compared with the buyer's"),
    (
        "/vitrine.analytics.v1.AnalyticsService/PutDestination",
        "destination.measurement_id",
        "Google's own, and looked at where it is Google that is told: shop/analytics",
    ),
    ("/vitrine.orders.v1.OrdersService/CreateOrder", "order.payment_id", "checkout chose it"),
    ("/vitrine.orders.v1.OrdersService/CreateOrder", "order.shipment_id", "checkout chose it"),
    ("/vitrine.orders.v1.OrdersService/CreateOrder", "order.reservation_id", "checkout chose it"),
];

/// Methods that change nothing and answer with something new each time, and why.
pub const NEW_EACH_TIME: &[(&str, &str)] =
    &[("/vitrine.checkout.v1.CheckoutService/Quote", "a quote has an id and a time of its own")];

/// A valid request.
#[derive(Clone)]
pub struct Valid {
    pub path: &'static str,
    pub request: Vec<u8>,
    /// The id of what the method is about: without that it is NOT_FOUND.
    pub subject: Option<&'static str>,
}

macro_rules! valid {
    ($($service:literal { $($method:literal $(of $subject:literal)?: $request:expr;)* })*) => {
        vec![$($(Valid {
            path: concat!("/vitrine.", $service, "/", $method),
            request: $request.encode_to_vec(),
            subject: None$(.or(Some($subject)))?,
        },)*)*]
    };
}

pub fn valid(world: &World) -> Vec<Valid> {
    let text = str::to_owned;
    let (me, leaving) = (world.customer.id.clone(), world.leaving.id.clone());
    let [first, .., last] = &*world.orders else { panic!("several orders") };
    let [key, revoked_key] = &world.promoter_keys;
    let euros = || Some(Money { currency_code: text("EUR"), minor_units: 500 });
    let line = || Line { product_id: text("prd_pebble-vase"), quantity: 1 };
    let source = || world.source.id.clone();
    let lines = || Some(analytics::v1::Destination { kind: text("file"), ..Default::default() });
    let by_card = || Some(PaymentMethod { method: Some(Payment::Card(card())) });
    let restock = |id: &str| catalog::v1::ProductChange { product_id: text(id), restock: 1, ..Default::default() };
    let jar = catalog::v1::Product {
        kind: catalog::v1::Kind::Goods.into(),
        name: text("Jar"),
        description: text("A jar."),
        category: text("vases"),
        price: euros(),
        weight_g: 100,
        ..Default::default()
    };
    let kept = world.customer.addresses[0].clone();
    let new_order = orders::v1::Order { id: text("ord_conformance"), ..first.clone() };
    valid! {
        "catalog.v1.CatalogService" {
            "CreateProduct": catalog::v1::CreateProductRequest { product: Some(jar), stock: 1, idempotency_key: text("jar") };
            "UpdateProduct" of "change.product_id": catalog::v1::UpdateProductRequest {
                change: Some(restock("prd_storm-vase")),
                acting_promoter_id: text("pro_demo"),
            };
            "UpdateAnyProduct" of "change.product_id": catalog::v1::UpdateAnyProductRequest { change: Some(restock("prd_storm-vase")) };
            "DeleteProduct" of "product_id": catalog::v1::DeleteProductRequest {
                product_id: text("prd_storm-vase"),
                acting_promoter_id: text("pro_demo"),
                ..Default::default()
            };
            "DeleteAnyProduct" of "product_id": catalog::v1::DeleteAnyProductRequest { product_id: text("prd_storm-vase"), ..Default::default() };
            "GetProduct" of "product_id": catalog::v1::GetProductRequest { product_id: text("prd_tall-vase") };
            "BatchGetProducts": catalog::v1::BatchGetProductsRequest { product_ids: vec![text("prd_tall-vase")] };
            "ListProducts": catalog::v1::ListProductsRequest::default();
            "SearchProducts": catalog::v1::SearchProductsRequest { query: text("vase"), ..Default::default() };
            "ListCategories": catalog::v1::ListCategoriesRequest {};
            "GetPicture" of "product_id": catalog::v1::GetPictureRequest { product_id: text("prd_tall-vase") };
            "Reserve": catalog::v1::ReserveRequest { reservation_id: text("rsv_conformance"), lines: vec![line()], ..Default::default() };
            "ReleaseReservation": catalog::v1::ReleaseReservationRequest { reservation_id: text("rsv_released") };
        }
        "carts.v1.CartsService" {
            "GetCart": carts::v1::GetCartRequest { customer_id: me.clone() };
            "AddItem": carts::v1::AddItemRequest { customer_id: me.clone(), line: Some(line()) };
            "SetItem": carts::v1::SetItemRequest { customer_id: me.clone(), product_id: text("prd_pebble-vase"), quantity: 1 };
            "ClearCart": carts::v1::ClearCartRequest { customer_id: leaving.clone() };
            "MergeCart": carts::v1::MergeCartRequest { guest_id: text("gst_conformance"), customer_id: me.clone() };
            "TakeCart": carts::v1::TakeCartRequest { customer_id: me.clone(), purchase_id: text("ord_taken"), lines: vec![line()] };
            "ReleaseCart": carts::v1::ReleaseCartRequest { customer_id: me.clone(), purchase_id: text("ord_taken") };
            "SettleCart": carts::v1::SettleCartRequest { customer_id: me.clone(), purchase_id: last.id.clone(), lines: vec![line()] };
        }
        "auth.v1.AuthService" {
            "GetJwks": auth::v1::GetJwksRequest {};
            "CreateAccount": auth::v1::CreateAccountRequest {
                account_id: text("pro_conformance"),
                email: text("conformance@test.vitrine.example"),
                password: text("correct horse battery"),
                role: auth::v1::Role::Promoter.into(),
            };
            "DeleteAccount": auth::v1::DeleteAccountRequest { account_id: text("pro_leaving") };
            "SetAccountLock" of "account_id": auth::v1::SetAccountLockRequest { account_id: me.clone(), locked: false };
            "CreatePromoterKey": auth::v1::CreatePromoterKeyRequest {
                promoter_id: text(PROMOTER),
                name: text("A magazine"),
                origins: vec![text("https://magazine.example")],
            };
            "ListPromoterKeys": auth::v1::ListPromoterKeysRequest { promoter_id: text(PROMOTER) };
            "GetPromoterKey" of "key_id": auth::v1::GetPromoterKeyRequest { key_id: key.clone() };
            "RevokePromoterKey" of "key_id": auth::v1::RevokePromoterKeyRequest {
                key_id: revoked_key.clone(),
                promoter_id: text(PROMOTER),
            };
            "RotateKeys": auth::v1::RotateKeysRequest { compromised: false };
        }
        "orders.v1.OrdersService" {
            "CreateOrder": orders::v1::CreateOrderRequest { order: Some(new_order) };
            "GetOrder" of "order_id": orders::v1::GetOrderRequest { order_id: first.id.clone(), customer_id: me.clone() };
            "BatchGetOrders": orders::v1::BatchGetOrdersRequest { order_ids: vec![first.id.clone()], customer_id: me.clone() };
            "GetAnyOrder" of "order_id": orders::v1::GetAnyOrderRequest { order_id: first.id.clone() };
            "ListAllOrders": orders::v1::ListAllOrdersRequest::default();
            "ListOrders": orders::v1::ListOrdersRequest { customer_id: me.clone(), ..Default::default() };
            "Transition" of "order_id": orders::v1::TransitionRequest {
                order_id: first.id.clone(),
                to: orders::v1::OrderState::Shipped.into(),
                reason: text("by an admin"),
            };
        }
        "currency.v1.CurrencyService" {
            "ListCurrencies": currency::v1::ListCurrenciesRequest {};
            "Convert": currency::v1::ConvertRequest { from: euros(), to_code: text("CZK") };
            "BatchConvert": currency::v1::BatchConvertRequest { from: euros().into_iter().collect(), to_code: text("CZK") };
        }
        "customers.v1.CustomersService" {
            "SignUp": customers::v1::SignUpRequest {
                email: text("eva@test.vitrine.example"),
                password: text("correct horse battery"),
                display_name: text("Eva"),
                preferred_currency: String::new(),
            };
            "GetCustomer" of "customer_id": customers::v1::GetCustomerRequest { customer_id: me.clone() };
            "UpdateCustomer" of "customer_id": customers::v1::UpdateCustomerRequest {
                customer_id: me.clone(),
                display_name: Some(text("Ada")),
                ..Default::default()
            };
            "PutAddress" of "customer_id": customers::v1::PutAddressRequest {
                customer_id: me.clone(),
                address: Some(kept.clone()),
                expected_version: None,
            };
            "DeleteAddress" of "customer_id": customers::v1::DeleteAddressRequest {
                customer_id: me.clone(),
                address_id: kept.id,
                expected_version: None,
            };
            "ExportCustomer" of "customer_id": customers::v1::ExportCustomerRequest { customer_id: me.clone() };
            "EraseCustomer": customers::v1::EraseCustomerRequest { customer_id: leaving, expected_version: None };
        }
        "fraud.v1.FraudService" {
            "GetAssessment" of "order_id": fraud::v1::GetAssessmentRequest { order_id: first.id.clone() };
            "ListAssessments": fraud::v1::ListAssessmentsRequest::default();
        }
        "accounting.v1.AccountingService" {
            "GetTrialBalance": accounting::v1::GetTrialBalanceRequest {};
            "ListTransactions": accounting::v1::ListTransactionsRequest::default();
        }
        "checkout.v1.CheckoutService" {
            "Quote": checkout::v1::QuoteRequest { customer_id: me.clone(), currency_code: text("EUR"), address: Some(address()) };
            "PlaceOrder": checkout::v1::PlaceOrderRequest {
                customer_id: me.clone(),
                email: world.customer.email.clone(),
                idempotency_key: text("key-0"),
                currency_code: text("EUR"),
                address: Some(address()),
                payment: by_card(),
                max_total: None,
                quote_id: String::new(),
            };
            "CompleteChallenge" of "challenge_id": checkout::v1::CompleteChallengeRequest {
                challenge_id: text("chl_conformance"),
                answer: Some(checkout::v1::complete_challenge_request::Answer::Code(text("123456"))),
            };
            "CancelOrder" of "order_id": checkout::v1::CancelOrderRequest {
                order_id: last.id.clone(),
                customer_id: me.clone(),
                reason: text("too green"),
            };
            "CancelAnyOrder" of "order_id": checkout::v1::CancelAnyOrderRequest { order_id: last.id.clone(), reason: text("too green") };
            "RefundOrder" of "order_id": checkout::v1::RefundOrderRequest { order_id: last.id.clone(), reason: text("too green") };
        }
        "shipping.v1.ShippingService" {
            "Quote": shipping::v1::QuoteRequest { address: Some(address()), weight_g: 100, parcel_items: 1 };
            "CreateShipment": shipping::v1::CreateShipmentRequest {
                shipment_id: text("shp_conformance"),
                order_id: first.id.clone(),
                address: Some(address()),
                weight_g: 100,
            };
            "CancelShipment": shipping::v1::CancelShipmentRequest { shipment_id: text("shp_cancelled") };
            "BatchGetShipments": shipping::v1::BatchGetShipmentsRequest { shipment_ids: vec![first.shipment_id.clone()] };
            "GetShipment" of "shipment_id": shipping::v1::GetShipmentRequest { shipment_id: first.shipment_id.clone() };
        }
        "email.v1.EmailService" {
            "ListMessages": email::v1::ListMessagesRequest { customer_id: me.clone(), page: None };
            "GetMessage" of "message_id": email::v1::GetMessageRequest { message_id: world.message_id.clone(), customer_id: me.clone() };
        }
        "payments.v1.PaymentsService" {
            "ListCards": payments::v1::ListCardsRequest { customer_id: me.clone() };
            "ForgetCard" of "token": payments::v1::ForgetCardRequest { token: text("tok_conformance"), customer_id: me.clone() };
            "TokenizeCard": payments::v1::TokenizeCardRequest { card: Some(card()), customer_id: me.clone() };
            "Authorize": payments::v1::AuthorizeRequest {
                payment_id: text("pay_conformance"),
                amount: euros(),
                method: by_card(),
                reference: first.id.clone(),
                customer_id: me,
            };
            "Capture" of "payment_id": payments::v1::CaptureRequest { payment_id: first.payment_id.clone() };
            "Refund": payments::v1::RefundRequest { payment_id: text("pay_conformance"), refund_id: text("ref_conformance"), amount: None };
            "GetPayment" of "payment_id": payments::v1::GetPaymentRequest { payment_id: first.payment_id.clone() };
            "GetChallenge" of "challenge_id": payments::v1::GetChallengeRequest { challenge_id: world.challenge_id.clone() };
            "CompleteChallenge" of "challenge_id": payments::v1::CompleteChallengeRequest {
                challenge_id: text("chl_conformance"),
                answer: Some(payments::v1::complete_challenge_request::Answer::Code(text("123456"))),
            };
            "ListPayments": payments::v1::ListPaymentsRequest::default();
        }
        "recommendations.v1.RecommendationsService" {
            "Recommend": recommendations::v1::RecommendRequest { product_ids: vec![text("prd_tall-vase")], limit: 3 };
        }
        "ads.v1.AdsService" {
            "GetAds": ads::v1::GetAdsRequest { context: vec![text("vases")], limit: 1 };
        }
        "analytics.v1.AnalyticsService" {
            "Accept": page_seen(&world.source.write_key, "again");
            "FindSource": analytics::v1::FindSourceRequest { write_key: world.source.write_key.clone() };
            "CreateSource": analytics::v1::CreateSourceRequest { actor: someone(), name: text("Mine"), needs_consent: false };
            "GetSource" of "source_id": analytics::v1::GetSourceRequest { source_id: source(), actor: someone() };
            "ListSources": analytics::v1::ListSourcesRequest { actor: someone(), page: None };
            "DeleteSource" of "source_id": analytics::v1::DeleteSourceRequest { source_id: world.unused_source.id.clone(), actor: someone() };
            "ListMessages" of "source_id": analytics::v1::ListMessagesRequest { source_id: source(), actor: someone(), ..Default::default() };
            "PutDestination" of "source_id": analytics::v1::PutDestinationRequest { source_id: source(), actor: someone(), destination: lines() };
            "DeleteDestination" of "source_id": analytics::v1::DeleteDestinationRequest { source_id: source(), actor: someone(), kind: text("webhook") };
            "ReplayDestination" of "source_id": analytics::v1::ReplayDestinationRequest {
                source_id: source(),
                actor: someone(),
                kind: text("file"),
                since_unix_ms: 0,
            };
            "ListUndelivered" of "source_id": analytics::v1::ListUndeliveredRequest { source_id: source(), actor: someone(), kind: text("file") };
        }
    }
}
