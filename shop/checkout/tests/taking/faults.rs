//! The real sagas over the real services, with every call of every step failing in turn, and checkout dying before and after each: in
//! the end all of it is done, or nothing is.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use vitrine_contracts::catalog::v1::{GetProductRequest, Product};
use vitrine_contracts::checkout::v1::checkout_service_client::CheckoutServiceClient;
use vitrine_contracts::checkout::v1::complete_challenge_request::Answer;
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{CancelAnyOrderRequest, PurchaseChallenge, RefundOrderRequest};
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, ListOrdersRequest, Order, OrderState, TransitionRequest};
use vitrine_contracts::payments::v1::Payment;
use vitrine_contracts::services::{CARTS, CATALOG, CHECKOUT, CURRENCY, CUSTOMERS, GATEWAY, ORDERS, PAYMENTS, SHIPPING};
use vitrine_contracts::shipping::v1::shipping_service_client::ShippingServiceClient;
use vitrine_contracts::shipping::v1::{GetShipmentRequest, ShipmentState};
use vitrine_platform_host::{Host, Running};
use vitrine_platform_mesh::{Limits, Mesh, Transport};

use crate::world::{
    World, answering, bought, challenged, challenged_request, checkout, code, completed, host_on, line, order_request,
    wait_for,
};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is refused and has had no effect.
    Refused,
    /// It does not arrive.
    LostBefore,
    /// Its answer does not arrive.
    LostAfter,
    /// Checkout dies before it is made.
    DeadBefore,
    /// Checkout dies when the answer is there, before anything is noted.
    DeadAfter,
}

const FAULTS: [Fault; 5] = [Fault::Refused, Fault::LostBefore, Fault::LostAfter, Fault::DeadBefore, Fault::DeadAfter];

impl Fault {
    fn kills(self) -> bool {
        matches!(self, Self::DeadBefore | Self::DeadAfter)
    }
}

/// A call by the end of its path, and how many of the same are let through before it fails, once.
type Call = (&'static str, usize);

/// What happens to the calls of checkout.
#[derive(Default)]
struct Script {
    fault: Mutex<Option<(Call, Fault)>>,
    reached: Notify,
}

impl Script {
    /// Whether something goes wrong with this call, and what.
    fn fault_of(&self, path: &str) -> Option<Fault> {
        let mut fault = self.fault.lock();
        let ((name, left), kind) = (*fault)?;
        if !path.ends_with(name) {
            return None;
        }
        *fault = (left > 0).then_some(((name, left.saturating_sub(1)), kind));
        (left == 0).then_some(kind)
    }

    async fn die<T>(&self) -> T {
        self.reached.notify_one();
        std::future::pending().await
    }
}

/// A service as checkout reaches it.
fn faulty(inner: Transport, script: Arc<Script>) -> Transport {
    Transport::new(service_fn(move |request: http::Request<Body>| {
        let (inner, script) = (inner.clone(), script.clone());
        async move {
            let fault = script.fault_of(request.uri().path());
            match fault {
                Some(Fault::Refused) => return Err(Status::failed_precondition("refused by the test")),
                // A code that the Fence does not repeat, and that opens no breaker.
                Some(Fault::LostBefore) => return Err(Status::aborted("lost by the test")),
                Some(Fault::DeadBefore) => script.die().await,
                Some(Fault::LostAfter | Fault::DeadAfter) | None => {}
            }
            let answer = inner.oneshot(request).await?;
            match fault {
                Some(Fault::LostAfter) => Err(Status::aborted("lost by the test")),
                Some(Fault::DeadAfter) => script.die().await,
                _ => Ok(answer),
            }
        }
    }))
}

/// A checkout that can be killed: on threads of its own, with a journal of its own.
struct Checkout {
    runtime: Runtime,
    host: Host,
    running: Running,
}

impl Checkout {
    async fn start(world: &World, data: &TempDir, script: &Arc<Script>) -> Self {
        let mesh = Mesh::new(Limits::default());
        for callee in [CUSTOMERS, CARTS, CATALOG, CURRENCY, SHIPPING, PAYMENTS, ORDERS] {
            mesh.place(callee, faulty(world.way_to(callee), script.clone())).expect("placed once");
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let host = host_on(data.path(), mesh);
        let starting = host.clone();
        let started = runtime.spawn(async move { starting.start(vec![checkout(&starting)]).await.expect("starts") });
        let running = started.await.expect("started");
        Self { runtime, host, running }
    }

    /// Asks for something on its threads, so that it ends when they do.
    async fn ask<T, F>(&self, call: impl FnOnce(CheckoutServiceClient<Transport>) -> F) -> Option<Result<T, Status>>
    where
        T: Send + 'static,
        F: Future<Output = Result<tonic::Response<T>, Status>> + Send + 'static,
    {
        let client = CheckoutServiceClient::new(self.host.transport(GATEWAY, CHECKOUT));
        let asked = self.runtime.spawn(call(client));
        asked.await.ok().map(|answer| answer.map(tonic::Response::into_inner))
    }

    fn kill(self) {
        self.runtime.shutdown_background();
        drop(self.running);
    }
}

/// One case: a customer with a cart, and a checkout of their own over services that all cases share.
struct Case {
    name: String,
    world: Arc<World>,
    customer: String,
    product: &'static str,
    stock: Product,
    data: TempDir,
    script: Arc<Script>,
    checkout: Option<Checkout>,
}

impl Case {
    async fn new(world: &Arc<World>, name: String, product: &'static str) -> Self {
        let email = format!("{}@example.org", name.to_lowercase().replace(' ', "-"));
        let customer = world.customer(&email).await;
        world.add(&customer, product, 2).await;
        let (data, script) = (TempDir::new().expect("a folder"), Arc::new(Script::default()));
        let checkout = Checkout::start(world, &data, &script).await;
        let stock = stock_of(world, product).await;
        Self { name, world: world.clone(), customer, product, stock, data, script, checkout: Some(checkout) }
    }

    fn checkout(&self) -> &Checkout {
        self.checkout.as_ref().expect("it runs")
    }

    /// Does something while one call fails; if checkout dies of that, starts it again.
    async fn during<T>(
        &mut self,
        call: Call,
        fault: Fault,
        work: impl AsyncFnOnce(&Checkout) -> Option<T>,
    ) -> Option<T> {
        *self.script.fault.lock() = Some((call, fault));
        let checkout = self.checkout.take().expect("it runs");
        if !fault.kills() {
            let done = work(&checkout).await;
            assert!(self.script.fault.lock().is_none(), "{}: the call was not made", self.name);
            self.checkout = Some(checkout);
            return done;
        }
        let reached = tokio::time::timeout(Duration::from_secs(30), self.script.reached.notified());
        tokio::select! {
            _ = work(&checkout) => panic!("{}: it did not die", self.name),
            reached = reached => reached.unwrap_or_else(|_| panic!("{}: the call was not made", self.name)),
        }
        checkout.kill();
        self.checkout = Some(Checkout::start(&self.world, &self.data, &self.script).await);
        None
    }

    async fn buy(&self, key: &str) -> Option<Result<Order, Status>> {
        ask_for_order(self.checkout(), &self.customer, key).await
    }

    async fn orders(&self) -> Vec<Order> {
        let request = ListOrdersRequest { customer_id: self.customer.clone(), ..ListOrdersRequest::default() };
        self.world.orders.clone().list_orders(request).await.expect("orders").into_inner().orders
    }

    async fn order(&self, order_id: &str) -> Order {
        let request = GetAnyOrderRequest { order_id: order_id.to_owned() };
        self.world.orders.clone().get_any_order(request).await.expect("an order").into_inner()
    }

    async fn payment(&self, order: &Order) -> Payment {
        self.world.payments().await.into_iter().find(|p| p.id == order.payment_id).expect("a payment")
    }

    async fn parcel(&self, order: &Order) -> Option<ShipmentState> {
        let request = GetShipmentRequest { shipment_id: order.shipment_id.clone() };
        let client = ShippingServiceClient::new(self.world.gateway_to(SHIPPING));
        client.clone().get_shipment(request).await.ok().map(|parcel| parcel.into_inner().state())
    }

    /// Whether everything is as if no one had bought; what was held is free again.
    async fn is_clean(&self) -> bool {
        let (cart, stock) = (self.world.cart(&self.customer).await, stock_of(&self.world, self.product).await);
        let is_cart_whole = cart.purchase_id.is_empty() && cart.lines == [line(self.product, 2)];
        let is_stock_whole = (stock.available, stock.reserved, stock.sold)
            == (self.stock.available, self.stock.reserved, self.stock.sold);
        is_cart_whole && is_stock_whole && self.orders().await.is_empty()
    }

    /// Whether one order stands, paid, with its stock sold, its parcel there and its cart empty.
    async fn is_bought(&self) -> bool {
        let orders = self.orders().await;
        let [order] = orders.as_slice() else { return false };
        let (cart, stock) = (self.world.cart(&self.customer).await, stock_of(&self.world, self.product).await);
        let is_cart_settled = cart.purchase_id.is_empty() && cart.lines.is_empty();
        let is_sold = (stock.available + 2, stock.reserved, stock.sold)
            == (self.stock.available, self.stock.reserved, self.stock.sold + 2);
        let is_sent = self.parcel(order).await == Some(ShipmentState::Created);
        is_cart_settled && is_sold && is_sent && self.payment(order).await.captured == order.total
    }

    async fn stop(self) {
        if let Some(checkout) = self.checkout {
            checkout.kill();
        }
    }
}

async fn ask_for_order(checkout: &Checkout, customer: &str, key: &str) -> Option<Result<Order, Status>> {
    let request = order_request(customer, key);
    let placed = checkout.ask(|client| async move { client.clone().place_order(request).await }).await;
    placed.map(|placed| placed.map(bought))
}

async fn ask_for_challenge(checkout: &Checkout, customer: &str, key: &str) -> Result<PurchaseChallenge, Status> {
    let request = challenged_request(customer, key);
    let placed = checkout.ask(|client| async move { client.clone().place_order(request).await }).await;
    placed.expect("it runs").map(challenged)
}

async fn answer(checkout: &Checkout, id: &str, answer: Answer) -> Option<Result<Placed, Status>> {
    let request = answering(id, answer);
    let answered = checkout.ask(|client| async move { client.clone().complete_challenge(request).await }).await;
    answered.map(|answered| answered.map(completed))
}

async fn stock_of(world: &World, product: &str) -> Product {
    let request = GetProductRequest { product_id: product.to_owned() };
    world.catalog.clone().get_product(request).await.expect("a product").into_inner()
}

/// Products of one case each, so that stock can be compared: cases that share one run one after the other.
const PRODUCTS: [&str; 4] = ["prd_tall-vase", "prd_apple-bowl", "prd_everyday-tumbler", "prd_storm-vase"];

/// Runs cases side by side, as many as there are products.
async fn run_all<C: Copy>(cases: &[C], run: impl AsyncFn(&Arc<World>, &'static str, C)) {
    let world = Arc::new(World::new().await);
    for product in PRODUCTS {
        world.restock(product, 1000).await;
    }
    let (world, run) = (&world, &run);
    let lanes = PRODUCTS.iter().enumerate().map(async |(lane, product)| {
        for case in cases.iter().skip(lane).step_by(PRODUCTS.len()) {
            run(world, product, *case).await;
        }
    });
    join_all(lanes).await;
    // Whatever was charged is an order's, or was given back.
    for payment in world.payments().await {
        let order = GetAnyOrderRequest { order_id: payment.reference.clone() };
        let stands = payment.captured != payment.refunded;
        assert_eq!(stands, stands && world.orders.clone().get_any_order(order).await.is_ok(), "{payment:?}");
    }
}

/// The steps of a purchase by their calls; and up to which of them a refusal, and anything, turns it back.
const PURCHASE: [&str; 7] =
    ["TakeCart", "Reserve", "Authorize", "Capture", "CreateOrder", "CreateShipment", "SettleCart"];
const REFUSABLE: usize = 5;
const TENTATIVE: usize = 3;

async fn one_purchase(world: &Arc<World>, product: &'static str, (at, fault): (usize, Fault)) {
    let mut case = Case::new(world, format!("{} {fault:?}", PURCHASE[at]), product).await;
    let customer = case.customer.clone();
    let asked = case.during((PURCHASE[at], 0), fault, async |checkout| ask_for_order(checkout, &customer, "key").await);
    let answer = asked.await;
    let turns_back = at < TENTATIVE || (fault == Fault::Refused && at < REFUSABLE);
    let name = &case.name;
    if turns_back {
        wait_for(&format!("{name}: a clean slate"), async || case.is_clean().await).await;
        assert!(answer.is_none_or(|answer| answer.is_err()), "{name}");
    } else {
        wait_for(&format!("{name}: an order"), async || case.is_bought().await).await;
        let order = case.orders().await.remove(0);
        assert!(answer.is_none_or(|answer| answer.is_ok_and(|told| told.id == order.id)), "{name}");
    }
    // The same key, asked again until it is known, is one order, or the refusal of before.
    let again = Mutex::new(None);
    wait_for(&format!("{name}: an answer"), async || {
        let answer = case.buy("key").await.expect("it runs");
        let is_known = answer.as_ref().map_or_else(|status| status.code() != Code::Unavailable, |_| true);
        *again.lock() = Some(answer);
        is_known
    })
    .await;
    match again.into_inner().expect("an answer") {
        Err(refused) => {
            assert_eq!((turns_back, fault), (true, Fault::Refused), "{name}: {refused}");
            case.buy("another").await.expect("it runs").unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        Ok(order) => assert_eq!(case.order(&order.id).await.state(), OrderState::Paid, "{name}"),
    }
    wait_for(&format!("{name}: one order"), async || case.is_bought().await).await;
    case.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_a_purchase_is_made_or_leaves_a_clean_slate() {
    let cases: Vec<(usize, Fault)> = (0..PURCHASE.len()).flat_map(|at| FAULTS.map(|fault| (at, fault))).collect();
    run_all(&cases, one_purchase).await;
}

/// What is called from the answer to a challenge on; and which of them may be refused, so that it turns back.
const ANSWERED: [&str; 6] =
    ["CompleteChallenge", "GetPayment", "Capture", "CreateOrder", "CreateShipment", "SettleCart"];
const ANSWERED_REFUSABLE: std::ops::Range<usize> = 1..4;

async fn one_challenge(world: &Arc<World>, product: &'static str, (at, fault): (usize, Fault)) {
    let mut case = Case::new(world, format!("bank {} {fault:?}", ANSWERED[at]), product).await;
    let customer = case.customer.clone();
    let asked = ask_for_challenge(case.checkout(), &customer, "key").await.expect("asked");
    let id = asked.challenge.clone().expect("a challenge").id;
    case.during((ANSWERED[at], 0), fault, async |checkout| answer(checkout, &id, code("123456")).await).await;
    let name = &case.name;
    let turns_back = fault == Fault::Refused && ANSWERED_REFUSABLE.contains(&at);
    // The same answer, given again until it is known what came of it.
    let last = Mutex::new(None);
    wait_for(&format!("{name}: an answer"), async || {
        let told = answer(case.checkout(), &id, code("123456")).await.expect("it runs");
        let is_known = told.as_ref().map_or_else(|status| status.code() != Code::Unavailable, |_| true);
        *last.lock() = Some(told);
        is_known
    })
    .await;
    let told = last.into_inner().expect("an answer");
    if turns_back {
        assert_eq!(told.expect_err(name).code(), Code::FailedPrecondition, "{name}");
        wait_for(&format!("{name}: a clean slate"), async || case.is_clean().await).await;
    } else {
        let Ok(Placed::Order(order)) = told else { panic!("{name}: {told:?}") };
        assert_eq!(order.id, asked.order_id, "{name}");
        wait_for(&format!("{name}: an order"), async || case.is_bought().await).await;
    }
    case.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_after_a_challenge_the_purchase_is_made_or_leaves_a_clean_slate() {
    let cases: Vec<(usize, Fault)> = (0..ANSWERED.len()).flat_map(|at| FAULTS.map(|fault| (at, fault))).collect();
    run_all(&cases, one_challenge).await;
}

/// Dies while the bank is waited for, and each time the same challenge is told; then it is answered in each way.
async fn one_wait(world: &Arc<World>, product: &'static str, last: &'static str) {
    let mut case = Case::new(world, format!("wait {last}"), product).await;
    let customer = case.customer.clone();
    let asked = ask_for_challenge(case.checkout(), &customer, "key").await.expect("asked");
    let id = asked.challenge.clone().expect("a challenge").id;
    for left in (1..=4).rev() {
        case.checkout.take().expect("it runs").kill();
        case.checkout = Some(Checkout::start(&case.world, &case.data, &case.script).await);
        let told = answer(case.checkout(), &id, code("000000")).await.expect("it runs");
        let Ok(Placed::Challenge(waiting)) = told else { panic!("{told:?}") };
        assert_eq!(waiting.challenge.as_ref().map(|c| c.tries_left), Some(left));
        let same = Mutex::new(None);
        wait_for("the same challenge", async || {
            *same.lock() = ask_for_challenge(case.checkout(), &customer, "key").await.ok();
            same.lock().is_some()
        })
        .await;
        assert_eq!(same.into_inner(), Some(waiting));
    }
    let told = answer(case.checkout(), &id, code(last)).await.expect("it runs");
    if last == "123456" {
        assert!(matches!(&told, Ok(Placed::Order(order)) if order.id == asked.order_id), "{told:?}");
        wait_for("an order", async || case.is_bought().await).await;
    } else {
        assert!(matches!(told, Ok(Placed::Challenge(_))), "{told:?}");
        wait_for("a clean slate", async || case.is_clean().await).await;
        let refused = ask_for_challenge(case.checkout(), &customer, "key").await.expect_err("over");
        assert_eq!(vitrine_contracts::Problem::from_status(&refused).reason, "CHALLENGE_FAILED");
        case.buy("another").await.expect("it runs").expect("by another card");
    }
    case.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_waits_for_a_bank_outlives_its_process() {
    run_all(&["123456", "654321"], one_wait).await;
}

/// The steps of a cancellation and of a refund by their calls.
const CANCELLATION: [Call; 5] =
    [("CancelShipment", 0), ("Transition", 0), ("Refund", 0), ("ReleaseReservation", 0), ("Transition", 1)];
const REFUND: [Call; 2] = [("Refund", 0), ("Transition", 0)];

async fn reverse(checkout: &Checkout, order_id: &str, refunds: bool) -> Option<Result<Order, Status>> {
    let (order_id, reason) = (order_id.to_owned(), "as the test wants".to_owned());
    if refunds {
        let request = RefundOrderRequest { order_id, reason };
        checkout.ask(|client| async move { client.clone().refund_order(request).await }).await
    } else {
        let request = CancelAnyOrderRequest { order_id, reason };
        checkout.ask(|client| async move { client.clone().cancel_any_order(request).await }).await
    }
}

async fn one_reversal(world: &Arc<World>, product: &'static str, (call, fault, refunds): (Call, Fault, bool)) {
    let name = format!("{} {} {fault:?} {refunds}", call.0, call.1);
    let mut case = Case::new(world, name.clone(), product).await;
    let order = case.buy("key").await.expect("it runs").expect("bought");
    wait_for("the purchase's end", async || case.is_bought().await).await;
    if refunds {
        let request =
            TransitionRequest { order_id: order.id.clone(), to: OrderState::Shipped.into(), reason: String::new() };
        world.orders.clone().transition(request).await.expect("marked");
    }
    let answer = case.during(call, fault, async |checkout| reverse(checkout, &order.id, refunds).await).await;
    let is_first = call == if refunds { REFUND[0] } else { CANCELLATION[0] };
    if fault == Fault::Refused && is_first {
        // Nothing was done, nothing is left of it, and it may be asked again.
        let refused = answer.expect("it runs").expect_err("refused");
        assert_eq!(
            (refused.code(), case.payment(&order).await.refunded.map(|m| m.minor_units)),
            (Code::FailedPrecondition, Some(0)),
            "{name}"
        );
        reverse(case.checkout(), &order.id, refunds).await.expect("it runs").unwrap_or_else(|e| panic!("{name}: {e}"));
    } else {
        assert!(answer.is_none_or(|answer| answer.is_ok_and(|told| told.state() == OrderState::Refunded)), "{name}");
    }
    wait_for(&format!("{name}: the refund"), async || case.order(&order.id).await.state() == OrderState::Refunded)
        .await;
    assert_eq!(case.payment(&order).await.refunded, order.total, "{name}");
    let (stock, before) = (stock_of(world, product).await, &case.stock);
    let sold = before.sold + if refunds { 2 } else { 0 };
    assert_eq!((stock.reserved, stock.sold), (before.reserved, sold), "{name}");
    let expected = if refunds { ShipmentState::Created } else { ShipmentState::Cancelled };
    assert_eq!(case.parcel(&order).await, Some(expected), "{name}");
    let again = reverse(case.checkout(), &order.id, refunds).await.expect("it runs").expect("a repeat");
    assert_eq!(again.history.len(), 4, "{name}: each state once: {:?}", again.history);
    case.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_an_order_is_taken_back_whole_or_not_at_all() {
    let of = |calls: &[Call], refunds| -> Vec<_> {
        calls.iter().flat_map(|call| FAULTS.map(|fault| (*call, fault, refunds))).collect()
    };
    run_all(&[of(&CANCELLATION, false), of(&REFUND, true)].concat(), one_reversal).await;
}
