//! Every service in one process, with someone who has bought three times, reached over gRPC as each caller that a
//! contract names.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use prost_reflect::prost::Message;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;
use vitrine_contracts::accounting::v1::{ListTransactionsRequest, ListTransactionsResponse};
use vitrine_contracts::analytics::v1::{AcceptRequest, AcceptResponse, Actor, CreateSourceRequest, Source};
use vitrine_contracts::auth::v1::{
    CreateAccountRequest, CreateAccountResponse, CreatePromoterKeyRequest, PromoterKey, Role,
};
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{PlaceOrderRequest, PlaceOrderResponse};
use vitrine_contracts::common::v1::{Address, Line, Money};
use vitrine_contracts::customers::v1::{Customer, PutAddressRequest, SavedAddress, SignUpRequest};
use vitrine_contracts::email::v1::{ListMessagesRequest, ListMessagesResponse};
use vitrine_contracts::fraud::v1::{ListAssessmentsRequest, ListAssessmentsResponse};
use vitrine_contracts::orders::v1::Order;
use vitrine_contracts::payments::v1::payment_method::Method as Payment;
use vitrine_contracts::payments::v1::{self as payments, AuthorizeRequest, Card, PaymentMethod};
use vitrine_contracts::{Method, carts, method};
use vitrine_kit::clock::Clock;
use vitrine_platform_mesh::{Identity, Limits, Mesh};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_testkit::eventually;

use crate::services::{Services, area};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who sells, and has keys.
pub const PROMOTER: &str = "pro_seller";
/// How often someone buys: lists have several pages then.
const ORDERS: usize = 3;
/// What a gRPC frame begins with, in bytes: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// All services, and what is there.
pub struct World {
    services: Services,
    /// Who has bought, and has an address.
    pub customer: Customer,
    /// Who has signed up, and will be erased.
    pub leaving: Customer,
    /// What was bought, in the order in which it was.
    pub orders: Vec<Order>,
    /// What a bank asks before it pays.
    pub challenge_id: String,
    /// A letter to who has bought.
    pub message_id: String,
    /// A key of a promoter's, and one that will be revoked.
    pub promoter_keys: [String; 2],
    /// Some messages came of it.
    pub source: Source,
    pub unused_source: Source,
}

pub fn address() -> Address {
    let text = str::to_owned;
    Address {
        recipient: text("Ada Brenner"),
        line1: text("Glashüttenweg 4"),
        line2: String::new(),
        city: text("Dresden"),
        postal_code: text("01067"),
        country_code: text("DE"),
    }
}

pub fn card() -> Card {
    Card { number: "4242424242424242".to_owned(), expiry_month: 12, expiry_year: 2034, cvv: "123".to_owned() }
}

/// Who may see all sources.
pub fn someone() -> Option<Actor> {
    Some(Actor { owner_id: "adm_conformance".to_owned(), is_admin: true })
}

/// That a page was seen, as a source tells it.
pub fn page_seen(write_key: &str, message_id: &str) -> AcceptRequest {
    let body = format!("{{\"userId\": \"u\", \"messageId\": \"{message_id}\"}}").into_bytes();
    AcceptRequest { call: "page".to_owned(), body, write_key: write_key.to_owned(), ..AcceptRequest::default() }
}

impl World {
    pub async fn start() -> Self {
        let mut world = Self {
            services: Services::start().await,
            customer: Customer::default(),
            leaving: Customer::default(),
            orders: Vec::new(),
            challenge_id: String::new(),
            message_id: String::new(),
            promoter_keys: Default::default(),
            source: Source::default(),
            unused_source: Source::default(),
        };
        world.furnish().await;
        world
    }

    pub async fn stop(self) {
        self.services.stop().await;
    }

    /// A call as the first caller that the method's contract names.
    pub async fn call(&self, method: &Method, request: &[u8]) -> Result<Vec<u8>, Status> {
        self.call_within(method, request, None).await
    }

    /// The same with a `grpc-timeout`.
    pub async fn call_within(&self, method: &Method, request: &[u8], timeout: Option<&str>) -> Result<Vec<u8>, Status> {
        let area = area(method);
        let identity = Identity::new(Clock::system()).with_secret(&self.services.secret).expect("long enough");
        let mesh = Mesh::new(Limits::default()).with_identity(identity);
        let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
        mesh.place_outside(area, self.services.way(area).clone()).expect("placed");
        let way = mesh.transport(telemetry.service(method.callers[0]), area);
        let length = u32::try_from(request.len()).expect("small").to_be_bytes();
        let frame = [&[0], &length[..], request].concat();
        let mut call =
            http::Request::post(method.path).header("content-type", "application/grpc").header("te", "trailers");
        if let Some(timeout) = timeout {
            call = call.header("grpc-timeout", timeout);
        }
        let body = Body::new(Full::new(Bytes::from(frame)).map_err(|never| match never {}));
        let answer = tokio::time::timeout(PATIENCE, way.oneshot(call.body(body).expect("a request"))).await;
        let answer = answer.expect("in time")?;
        let in_headers = Status::from_header_map(answer.headers());
        let body = answer.into_body().collect().await?;
        let status = in_headers.or_else(|| body.trailers().and_then(Status::from_header_map)).expect("a status");
        if status.code() == tonic::Code::Ok { Ok(body.to_bytes()[PREFIX..].to_vec()) } else { Err(status) }
    }

    /// The same with messages.
    pub async fn ask<A: Message + Default>(&self, path: &str, request: &impl Message) -> A {
        let method = method(path).expect("a method of the contracts");
        let answer =
            self.call(method, &request.encode_to_vec()).await.unwrap_or_else(|status| panic!("{path}: {status:?}"));
        A::decode(&*answer).expect("its message")
    }

    async fn sign_up(&self, name: &str) -> Customer {
        let request = SignUpRequest {
            email: format!("{name}@test.vitrine.example"),
            password: "correct horse battery".to_owned(),
            display_name: name.to_owned(),
            preferred_currency: String::new(),
        };
        self.ask("/vitrine.customers.v1.CustomersService/SignUp", &request).await
    }

    async fn new_source(&self, name: &str) -> Source {
        let request = CreateSourceRequest { actor: someone(), name: name.to_owned(), needs_consent: false };
        self.ask("/vitrine.analytics.v1.AnalyticsService/CreateSource", &request).await
    }

    /// Leaves something in the cart.
    async fn fill(&self) {
        let line = Some(Line { product_id: "prd_pebble-vase".to_owned(), quantity: 1 });
        let add = carts::v1::AddItemRequest { customer_id: self.customer.id.clone(), line };
        let _: carts::v1::Cart = self.ask("/vitrine.carts.v1.CartsService/AddItem", &add).await;
    }

    async fn buy(&self, key: usize) -> Order {
        let customer_id = self.customer.id.clone();
        let line = Some(Line { product_id: "prd_tall-vase".to_owned(), quantity: 1 });
        let add = carts::v1::AddItemRequest { customer_id: customer_id.clone(), line };
        let _: carts::v1::Cart = self.ask("/vitrine.carts.v1.CartsService/AddItem", &add).await;
        let request = PlaceOrderRequest {
            customer_id,
            email: self.customer.email.clone(),
            idempotency_key: format!("key-{key}"),
            currency_code: "EUR".to_owned(),
            address: Some(address()),
            payment: Some(PaymentMethod { method: Some(Payment::Card(card())) }),
            max_total: None,
            quote_id: String::new(),
        };
        let placed: PlaceOrderResponse = self.ask("/vitrine.checkout.v1.CheckoutService/PlaceOrder", &request).await;
        match placed.result {
            Some(Placed::Order(order)) => order,
            other => panic!("not bought: {other:?}"),
        }
    }

    async fn promoter_key(&self) -> String {
        let request = CreatePromoterKeyRequest {
            promoter_id: PROMOTER.to_owned(),
            name: "A magazine".to_owned(),
            origins: vec!["https://magazine.example".to_owned()],
        };
        let key: PromoterKey = self.ask("/vitrine.auth.v1.AuthService/CreatePromoterKey", &request).await;
        key.id
    }

    /// A payment whose bank asks first.
    async fn challenge(&self) -> String {
        let card = Card { number: "4000000000003220".to_owned(), ..card() };
        let request = AuthorizeRequest {
            payment_id: "pay_challenged".to_owned(),
            amount: Some(Money { currency_code: "EUR".to_owned(), minor_units: 500 }),
            method: Some(PaymentMethod { method: Some(Payment::Card(card)) }),
            reference: "challenged".to_owned(),
            customer_id: self.customer.id.clone(),
        };
        let payment: payments::Payment = self.ask("/vitrine.payments.v1.PaymentsService/Authorize", &request).await;
        payment.challenge.expect("the bank asks").id
    }

    /// Lets someone sign up and buy, and waits until everyone has heard of it.
    async fn furnish(&mut self) {
        self.customer = self.sign_up("ada").await;
        self.leaving = self.sign_up("leo").await;
        let address = Some(SavedAddress { id: String::new(), label: "Home".to_owned(), address: Some(address()) });
        let put = PutAddressRequest { customer_id: self.customer.id.clone(), address, expected_version: None };
        self.customer = self.ask("/vitrine.customers.v1.CustomersService/PutAddress", &put).await;
        for key in 0..ORDERS {
            let order = self.buy(key).await;
            self.orders.push(order);
        }
        self.challenge_id = self.challenge().await;
        self.fill().await;
        let selling = CreateAccountRequest {
            account_id: PROMOTER.to_owned(),
            email: "seller@test.vitrine.example".to_owned(),
            password: "correct horse battery".to_owned(),
            role: Role::Promoter.into(),
        };
        let _: CreateAccountResponse = self.ask("/vitrine.auth.v1.AuthService/CreateAccount", &selling).await;
        self.promoter_keys = [self.promoter_key().await, self.promoter_key().await];
        self.source = self.new_source("Pages").await;
        self.unused_source = self.new_source("No pages").await;
        for key in 0..ORDERS {
            let seen = page_seen(&self.source.write_key, &key.to_string());
            let _: AcceptResponse = self.ask("/vitrine.analytics.v1.AnalyticsService/Accept", &seen).await;
        }
        let letters = ListMessagesRequest { customer_id: self.customer.id.clone(), page: None };
        self.message_id = eventually("letters, bookings and assessments", async || {
            let sent: ListMessagesResponse = self.ask("/vitrine.email.v1.EmailService/ListMessages", &letters).await;
            let booked: ListTransactionsResponse = self
                .ask("/vitrine.accounting.v1.AccountingService/ListTransactions", &ListTransactionsRequest::default())
                .await;
            let assessed: ListAssessmentsResponse =
                self.ask("/vitrine.fraud.v1.FraudService/ListAssessments", &ListAssessmentsRequest::default()).await;
            let all = [sent.messages.len(), booked.transactions.len(), assessed.assessments.len()];
            Ok(sent.messages.first().filter(|_| all.iter().all(|n| *n >= ORDERS)).map(|letter| letter.id.clone()))
        })
        .await
        .expect("they come");
    }
}
