//! The services that take part in buying, in one process.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use vitrine_contracts::auth::v1::auth_service_client::AuthServiceClient;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::{AddItemRequest, Cart, GetCartRequest};
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::catalog::v1::{ProductChange, UpdateAnyProductRequest};
use vitrine_contracts::checkout::v1::checkout_service_client::CheckoutServiceClient;
use vitrine_contracts::checkout::v1::complete_challenge_request::Answer;
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{
    CompleteChallengeRequest, CompleteChallengeResponse, PlaceOrderRequest, PlaceOrderResponse, PurchaseChallenge,
};
use vitrine_contracts::common::v1::{Address, Line, PageRequest};
use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
use vitrine_contracts::customers::v1::SignUpRequest;
use vitrine_contracts::customers::v1::customers_service_client::CustomersServiceClient;
use vitrine_contracts::orders::v1::Order;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::payments::v1::payment_method::Method;
use vitrine_contracts::payments::v1::payments_service_client::PaymentsServiceClient;
use vitrine_contracts::payments::v1::{Card, ListPaymentsRequest, Payment, PaymentMethod};
use vitrine_contracts::services::{
    AUTH, CARTS, CATALOG, CHECKOUT, CURRENCY, CUSTOMERS, GATEWAY, ORDERS, PAYMENTS, SHIPPING,
};
use vitrine_contracts::shipping::v1::shipping_service_client::ShippingServiceClient;
use vitrine_flags_client::Flags;
use vitrine_kit::clock::{Clock, Skew};
use vitrine_platform_host::{Component, Failure, Host, Running};
use vitrine_platform_mesh::{Limits, Mesh, Transport};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};

/// How long anything may take that happens by itself a little later.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct World {
    pub(crate) carts: CartsServiceClient<Transport>,
    /// The carts as checkout calls them.
    pub(crate) buying: CartsServiceClient<Transport>,
    pub(crate) catalog: CatalogServiceClient<Transport>,
    pub(crate) checkout: CheckoutServiceClient<Transport>,
    pub(crate) customers: CustomersServiceClient<Transport>,
    pub(crate) orders: OrdersServiceClient<Transport>,
    payments: PaymentsServiceClient<Transport>,
    host: Host,
    /// Moves the clock of all of them.
    pub(crate) skew: Skew,
    data: TempDir,
    running: Running,
}

/// Checkout on a host.
pub(crate) fn checkout(host: &Host) -> Component {
    let to = |callee| host.transport(CHECKOUT, callee);
    let deps = vitrine_shop_checkout::Deps {
        customers: CustomersServiceClient::new(to(CUSTOMERS)),
        carts: CartsServiceClient::new(to(CARTS)),
        catalog: CatalogServiceClient::new(to(CATALOG)),
        currency: CurrencyServiceClient::new(to(CURRENCY)),
        shipping: ShippingServiceClient::new(to(SHIPPING)),
        payments: PaymentsServiceClient::new(to(PAYMENTS)),
        orders: OrdersServiceClient::new(to(ORDERS)),
    };
    vitrine_shop_checkout::build(Default::default(), deps, &Flags::of_code(), host).expect("builds")
}

/// A host with its data in a folder, and nothing outside.
pub(crate) fn host_on(data: &Path, mesh: Mesh) -> Host {
    host_at(data, mesh, Clock::system())
}

fn host_at(data: &Path, mesh: Mesh, clock: Clock) -> Host {
    let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
    Host::new(data, clock, 1, telemetry, mesh)
}

/// The services; carts as they are, or another's.
fn components(host: &Host, carts: Option<Component>) -> Vec<Component> {
    let customers = vitrine_shop_customers::Deps { auth: AuthServiceClient::new(host.transport(CUSTOMERS, AUTH)) };
    let built = [
        vitrine_shop_auth::build(Default::default(), &Flags::of_code(), host),
        vitrine_shop_customers::build(Default::default(), customers, &Flags::of_code(), host),
        vitrine_shop_catalog::build(Default::default(), &Flags::of_code(), host),
        carts.map_or_else(|| real_carts(host), Ok),
        vitrine_shop_currency::build(Default::default(), &Flags::of_code(), host),
        vitrine_shop_shipping::build(Default::default(), &Flags::of_code(), host),
        vitrine_shop_payments::build(Default::default(), &Flags::of_code(), host),
        vitrine_shop_orders::build(Default::default(), &Flags::of_code(), host),
        Ok(checkout(host)),
    ];
    built.into_iter().map(|component| component.expect("builds")).collect()
}

fn real_carts(host: &Host) -> Result<Component, Failure> {
    let deps = vitrine_shop_carts::Deps { catalog: CatalogServiceClient::new(host.transport(CARTS, CATALOG)) };
    vitrine_shop_carts::build(Default::default(), deps, &Flags::of_code(), host)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(TempDir::new().expect("a folder"), None).await
    }

    pub(crate) async fn with_carts(carts: Component) -> Self {
        Self::on(TempDir::new().expect("a folder"), Some(carts)).await
    }

    async fn on(data: TempDir, carts: Option<Component>) -> Self {
        let (clock, skew) = Clock::system().skewed();
        let host = host_at(data.path(), Mesh::new(Limits::default()), clock);
        let running = host.start(components(&host, carts)).await.expect("starts");
        let to = |callee| host.transport(GATEWAY, callee);
        Self {
            carts: CartsServiceClient::new(to(CARTS)),
            buying: CartsServiceClient::new(host.transport(CHECKOUT, CARTS)),
            catalog: CatalogServiceClient::new(to(CATALOG)),
            checkout: CheckoutServiceClient::new(to(CHECKOUT)),
            customers: CustomersServiceClient::new(to(CUSTOMERS)),
            orders: OrdersServiceClient::new(to(ORDERS)),
            payments: PaymentsServiceClient::new(to(PAYMENTS)),
            host,
            skew,
            data,
            running,
        }
    }

    /// The way of the gateway to a service.
    pub(crate) fn gateway_to(&self, callee: &str) -> Transport {
        self.host.transport(GATEWAY, callee)
    }

    /// The way of checkout to a service.
    pub(crate) fn way_to(&self, callee: &str) -> Transport {
        self.host.transport(CHECKOUT, callee)
    }

    /// Stops, does something to the data, and starts again.
    pub(crate) async fn restart(self, meanwhile: impl AsyncFnOnce(&Path)) -> Self {
        assert!(self.running.stop().await, "drained");
        meanwhile(self.data.path()).await;
        Self::on(self.data, None).await
    }

    /// Signs someone up; returns their id.
    pub(crate) async fn customer(&self, email: &str) -> String {
        let (password, display_name) = ("correct horse battery".to_owned(), "Ada".to_owned());
        let request = SignUpRequest { email: email.to_owned(), password, display_name, ..SignUpRequest::default() };
        self.customers.clone().sign_up(request).await.expect("signed up").into_inner().id
    }

    pub(crate) async fn try_add(
        &self,
        customer_id: &str,
        product_id: &str,
        quantity: u32,
    ) -> Result<tonic::Response<Cart>, tonic::Status> {
        let line = Some(line(product_id, quantity));
        self.carts.clone().add_item(AddItemRequest { customer_id: customer_id.to_owned(), line }).await
    }

    pub(crate) async fn add(&self, customer_id: &str, product_id: &str, quantity: u32) {
        self.try_add(customer_id, product_id, quantity).await.expect("put into the cart");
    }

    pub(crate) async fn cart(&self, customer_id: &str) -> Cart {
        let request = GetCartRequest { customer_id: customer_id.to_owned() };
        self.carts.clone().get_cart(request).await.expect("a cart").into_inner()
    }

    /// Places an order that is bought at once.
    pub(crate) async fn buy(&self, request: PlaceOrderRequest) -> Result<Order, tonic::Status> {
        self.checkout.clone().place_order(request).await.map(|placed| bought(placed.into_inner()))
    }

    /// Sends an answer to a challenge.
    pub(crate) async fn answer(&self, id: &str, answer: Answer) -> Result<Placed, tonic::Status> {
        Ok(completed(self.checkout.clone().complete_challenge(answering(id, answer)).await?.into_inner()))
    }

    /// All payments.
    pub(crate) async fn payments(&self) -> Vec<Payment> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = Some(PageRequest { size: 0, cursor: cursor.clone() });
            let listed = self.payments.clone().list_payments(ListPaymentsRequest { page }).await;
            let listed = listed.expect("payments").into_inner();
            all.extend(listed.payments);
            cursor = listed.page.unwrap_or_default().next_cursor;
            if cursor.is_empty() {
                return all;
            }
        }
    }

    /// Puts more pieces of a product on the shelf.
    pub(crate) async fn restock(&self, product_id: &str, restock: i32) {
        let product_id = product_id.to_owned();
        let change = Some(ProductChange { product_id, restock, ..ProductChange::default() });
        self.catalog.clone().update_any_product(UpdateAnyProductRequest { change }).await.expect("restocked");
    }
}

pub(crate) fn line(product_id: &str, quantity: u32) -> Line {
    Line { product_id: product_id.to_owned(), quantity }
}

pub(crate) fn address() -> Address {
    Address {
        recipient: "Ada Brenner".to_owned(),
        line1: "Glashüttenweg 4".to_owned(),
        city: "Dresden".to_owned(),
        postal_code: "01067".to_owned(),
        country_code: "DE".to_owned(),
        ..Address::default()
    }
}

pub(crate) fn bought(placed: PlaceOrderResponse) -> Order {
    match placed.result {
        Some(Placed::Order(order)) => order,
        other => panic!("not bought: {other:?}"),
    }
}

pub(crate) fn challenged(placed: PlaceOrderResponse) -> PurchaseChallenge {
    match placed.result {
        Some(Placed::Challenge(asked)) => asked,
        other => panic!("not challenged: {other:?}"),
    }
}

/// What has become of a purchase whose challenge was answered.
pub(crate) fn completed(response: CompleteChallengeResponse) -> Placed {
    match response {
        CompleteChallengeResponse { challenge: None, order: Some(order) } => Placed::Order(order),
        CompleteChallengeResponse { challenge: Some(asked), order: None } => Placed::Challenge(asked),
        other => panic!("neither or both: {other:?}"),
    }
}

pub(crate) fn answering(id: &str, answer: Answer) -> CompleteChallengeRequest {
    CompleteChallengeRequest { challenge_id: id.to_owned(), answer: Some(answer) }
}

pub(crate) fn code(code: &str) -> Answer {
    Answer::Code(code.to_owned())
}

pub(crate) fn order_request(customer_id: &str, key: &str) -> PlaceOrderRequest {
    request_with(customer_id, key, "4242424242424242")
}

/// The same by a card whose bank asks.
pub(crate) fn challenged_request(customer_id: &str, key: &str) -> PlaceOrderRequest {
    request_with(customer_id, key, "4000000000003220")
}

fn request_with(customer_id: &str, key: &str, number: &str) -> PlaceOrderRequest {
    let card = Card { number: number.to_owned(), expiry_month: 12, expiry_year: 2034, cvv: "123".to_owned() };
    PlaceOrderRequest {
        customer_id: customer_id.to_owned(),
        email: "ada@example.org".to_owned(),
        idempotency_key: key.to_owned(),
        currency_code: "EUR".to_owned(),
        address: Some(address()),
        payment: Some(PaymentMethod { method: Some(Method::Card(card)) }),
        max_total: None,
        quote_id: String::new(),
    }
}

/// Looks until it is so, within a bound.
pub(crate) async fn wait_for(what: &str, so: impl AsyncFn() -> bool) {
    let looking = async {
        while !so().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what} did not come about"));
}
