//! A purchase: what it needs to know, its steps and how each is compensated.

use parking_lot::Mutex;
use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::carts::v1::{Cart, GetCartRequest, ReleaseCartRequest, SettleCartRequest, TakeCartRequest};
use vitrine_contracts::catalog::v1::{BatchGetProductsRequest, ReleaseReservationRequest, ReserveRequest};
use vitrine_contracts::checkout::v1::{PlaceOrderRequest, PurchaseChallenge};
use vitrine_contracts::common::v1::{Address, Line};
use vitrine_contracts::currency::v1::BatchConvertRequest;
use vitrine_contracts::customers::v1::{Customer, GetCustomerRequest};
use vitrine_contracts::orders::v1::{CreateOrderRequest, GetAnyOrderRequest, Order, OrderLine};
use vitrine_contracts::payments::v1::{
    AuthorizeRequest, CaptureRequest, ChallengeState, GetPaymentRequest, Payment, PaymentMethod, PaymentState,
    RefundRequest,
};
use vitrine_contracts::shipping::v1::{CancelShipmentRequest, CreateShipmentRequest, QuoteRequest};
use vitrine_contracts::{Code, Problem, money_from_proto};
use vitrine_kit::id;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::Failure;
use vitrine_platform_workflow::Outcome;

use crate::Deps;
use crate::definitions::AWAIT_CHALLENGE;
use crate::domain::pricing::{self, Most, Parcel};
use crate::saga::{challenge_waits, outcome_of, step};
use crate::work::no_such_step;

/// All that the steps need, but the card. Ids are chosen before the first step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Purchase {
    pub(crate) order_id: String,
    customer_id: String,
    parcel_g: u32,
    /// The order as it will be on record: `orders.v1.Order`, encoded. Emptied when the purchase has ended.
    #[serde(with = "vitrine_platform_store::bytes")]
    pub(crate) order: Vec<u8>,
}

/// What a cart costs.
pub(crate) struct Quoted {
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) subtotal: Money,
    pub(crate) shipping: Money,
    pub(crate) total: Money,
    parcel: Parcel,
}

/// A customer. One who was erased buys nothing.
pub(crate) async fn customer_of(deps: &Deps, customer_id: &str) -> Result<Customer, Failure> {
    let customer_id = customer_id.to_owned();
    Ok(deps.customers.clone().get_customer(step(GetCustomerRequest { customer_id })).await?.into_inner())
}

/// A customer's cart.
pub(crate) async fn cart_of(deps: &Deps, customer_id: &str) -> Result<Cart, Failure> {
    let customer_id = customer_id.to_owned();
    Ok(deps.carts.clone().get_cart(step(GetCartRequest { customer_id })).await?.into_inner())
}

/// The payment of an order.
pub(crate) async fn payment_of(deps: &Deps, order_id: &str) -> Result<Payment, Status> {
    let payment_id = id::sibling("pay", order_id);
    Ok(deps.payments.clone().get_payment(step(GetPaymentRequest { payment_id })).await?.into_inner())
}

/// The challenge of a payment, as the purchase tells it. None of one that was not challenged.
pub(crate) fn challenge_of(payment: &Payment) -> Option<PurchaseChallenge> {
    let (order_id, amount) = (payment.reference.clone(), payment.amount.clone());
    payment.challenge.clone().map(|challenge| PurchaseChallenge { challenge: Some(challenge), order_id, amount })
}

/// Why nothing is bought after a challenge that is over.
fn not_passed(state: ChallengeState) -> Problem {
    let (reason, why) = match state {
        ChallengeState::Refused => ("CHALLENGE_REFUSED", "the payment was refused when the bank asked"),
        ChallengeState::Failed => ("CHALLENGE_FAILED", "the bank was told a wrong code too often"),
        ChallengeState::Expired => ("CHALLENGE_EXPIRED", "the bank was not answered in time"),
        ChallengeState::Unspecified | ChallengeState::Waiting | ChallengeState::Passed => {
            ("PAYMENT_NOT_AUTHORIZED", "the payment was not authorised")
        }
    };
    Problem::precondition(reason, &format!("{why}: nothing was bought, and the cart is as it was"))
}

/// Prices what is in a cart, shipping included, which costs nothing from a subtotal of `free_from` on (zero: never). What cannot be bought, now and to that address, is refused.
pub(crate) async fn quote(
    deps: &Deps,
    lines: &[Line],
    currency: Currency,
    address: &Address,
    most: Option<Most>,
    free_from: Money,
    now_ms: i64,
) -> Result<Quoted, Failure> {
    let product_ids = lines.iter().map(|l| l.product_id.clone()).collect();
    let products =
        deps.catalog.clone().batch_get_products(step(BatchGetProductsRequest { product_ids })).await?.into_inner();
    let products = pricing::match_products(lines, products.products)?;
    pricing::check_available(lines, &products, now_ms)?;
    let parcel = pricing::parcel(lines, &products)?;

    let mut amounts: Vec<_> = products.iter().filter_map(|p| p.price.clone()).collect();
    if parcel.items > 0 {
        let request =
            QuoteRequest { address: Some(address.clone()), weight_g: parcel.weight_g, parcel_items: parcel.items };
        amounts.extend(deps.shipping.clone().quote(step(request)).await?.into_inner().cost);
    }
    let may_be_free = parcel.items > 0 && free_from.minor > 0;
    if may_be_free {
        amounts.push(free_from.into());
    }
    let request = BatchConvertRequest { from: amounts, to_code: currency.code().to_owned() };
    let converted = deps.currency.clone().batch_convert(step(request)).await?.into_inner().money;
    let mut prices = converted.iter().map(|m| money_from_proto(Some(m), "price")).collect::<Result<Vec<_>, _>>()?;
    let expected = products.len() + usize::from(parcel.items > 0) + usize::from(may_be_free);
    if prices.len() != expected {
        tracing::error!(asked = expected, answered = prices.len(), "the conversion is incomplete");
        return Err(Problem::internal().into());
    }
    let zero = Money::zero(currency);
    let free_from = if may_be_free { prices.pop() } else { None };
    let carriage = if parcel.items > 0 { prices.pop().unwrap_or(zero) } else { zero };
    let (lines, subtotal) = pricing::price(lines, &products, &prices, zero)?;
    let shipping = pricing::shipping(subtotal, carriage, free_from);
    let total = pricing::total(subtotal, shipping, most)?;
    Ok(Quoted { lines, subtotal, shipping, total, parcel })
}

impl Purchase {
    /// Prices the cart and chooses the ids.
    pub(crate) async fn plan(
        deps: &Deps,
        lines: &[Line],
        request: &PlaceOrderRequest,
        currency: Currency,
        most: Option<Most>,
        free_from: Money,
        now_ms: i64,
    ) -> Result<Self, Failure> {
        let address = request.address.clone().unwrap_or_default();
        let quoted = quote(deps, lines, currency, &address, most, free_from, now_ms).await?;
        let order_id = id::new("ord");
        let order = Order {
            id: order_id.clone(),
            customer_id: request.customer_id.clone(),
            email: request.email.clone(),
            lines: quoted.lines,
            subtotal: Some(quoted.subtotal.into()),
            shipping: Some(quoted.shipping.into()),
            total: Some(quoted.total.into()),
            address: Some(address),
            payment_id: id::sibling("pay", &order_id),
            shipment_id: if quoted.parcel.items > 0 { id::sibling("shp", &order_id) } else { String::new() },
            reservation_id: id::sibling("rsv", &order_id),
            ..Order::default()
        };
        Ok(Self {
            customer_id: request.customer_id.clone(),
            parcel_g: quoted.parcel.weight_g,
            order: order.encode_to_vec(),
            order_id,
        })
    }
}

/// A purchase that can be done.
pub(crate) struct Buying {
    purchase: Purchase,
    order: Order,
    deps: Deps,
    /// Given by one who buys, and never journalled: without it nothing is authorised.
    method: Option<PaymentMethod>,
    /// As it was authorised or asked for here.
    payment: Mutex<Option<Payment>>,
    recorded: Mutex<Option<Order>>,
}

impl Buying {
    pub(crate) fn new(purchase: &Purchase, deps: &Deps, method: Option<PaymentMethod>) -> Result<Self, Status> {
        let order = Order::decode(purchase.order.as_slice()).map_err(|e| {
            tracing::error!(order_id = purchase.order_id, error = %e, "a journalled order cannot be read");
            Status::from(Problem::internal())
        })?;
        let (payment, recorded) = (Mutex::default(), Mutex::default());
        Ok(Self { purchase: purchase.clone(), order, deps: deps.clone(), method, payment, recorded })
    }

    /// The challenge that it waits for.
    pub(crate) fn challenge(&self) -> Option<PurchaseChallenge> {
        self.payment.lock().as_ref().and_then(challenge_of)
    }

    pub(crate) fn recorded(&self) -> Option<Order> {
        self.recorded.lock().clone()
    }

    pub(crate) async fn execute(&self, name: &str) -> Result<(), Status> {
        let (order, deps) = (&self.order, &self.deps);
        let purchase_id = order.id.clone();
        match name {
            "take-cart" => {
                let request =
                    TakeCartRequest { customer_id: order.customer_id.clone(), purchase_id, lines: self.lines() };
                deps.carts.clone().take_cart(step(request)).await.map(drop)
            }
            "sell-stock" => {
                let reservation_id = order.reservation_id.clone();
                let request = ReserveRequest { reservation_id, lines: self.lines(), ttl_ms: 0, committed: true };
                deps.catalog.clone().reserve(step(request)).await.map(drop)
            }
            "authorize" => {
                let request = AuthorizeRequest {
                    payment_id: order.payment_id.clone(),
                    amount: order.total.clone(),
                    method: self.method.clone(),
                    reference: purchase_id,
                    customer_id: order.customer_id.clone(),
                };
                let payment = deps.payments.clone().authorize(step(request)).await?.into_inner();
                *self.payment.lock() = Some(payment);
                Ok(())
            }
            AWAIT_CHALLENGE => self.await_challenge().await,
            "capture" => self.capture().await,
            "record" => {
                let request = CreateOrderRequest { order: Some(order.clone()) };
                let recorded = deps.orders.clone().create_order(step(request)).await?.into_inner();
                *self.recorded.lock() = Some(recorded);
                Ok(())
            }
            "send-parcel" => match self.ship().await {
                // The order is on record, so it may be cancelled by now: then nothing is sent.
                Err(status) if Problem::from_status(&status).reason == "SHIPMENT_CANCELLED" => Ok(()),
                shipped => shipped,
            },
            "ship" => self.ship().await,
            "settle-cart" | "settle" => {
                let request =
                    SettleCartRequest { customer_id: order.customer_id.clone(), purchase_id, lines: self.lines() };
                deps.carts.clone().settle_cart(step(request)).await.map(drop)
            }
            other => Err(no_such_step(other)),
        }
    }

    pub(crate) async fn compensate(&self, name: &str) -> Result<(), Status> {
        let (order_id, deps) = (&self.purchase.order_id, &self.deps);
        match name {
            "take-cart" | "take" => {
                let (customer_id, purchase_id) = (self.purchase.customer_id.clone(), order_id.clone());
                deps.carts.clone().release_cart(step(ReleaseCartRequest { customer_id, purchase_id })).await.map(drop)
            }
            "sell-stock" | "reserve" | "sell" => {
                let request = ReleaseReservationRequest { reservation_id: id::sibling("rsv", order_id) };
                deps.catalog.clone().release_reservation(step(request)).await.map(drop)
            }
            "authorize" | "capture" => {
                let (payment_id, refund_id) = (id::sibling("pay", order_id), id::sibling("ref", order_id));
                let request = RefundRequest { payment_id, refund_id, amount: None };
                deps.payments.clone().refund(step(request)).await.map(drop)
            }
            "ship" if self.purchase.parcel_g > 0 => {
                let request = CancelShipmentRequest { shipment_id: id::sibling("shp", order_id) };
                deps.shipping.clone().cancel_shipment(step(request)).await.map(drop)
            }
            // Nothing stays of having waited.
            AWAIT_CHALLENGE | "ship" => Ok(()),
            other => Err(no_such_step(other)),
        }
    }

    fn lines(&self) -> Vec<Line> {
        let line = |l: &OrderLine| Line { product_id: l.product_id.clone(), quantity: l.quantity };
        self.order.lines.iter().map(line).collect()
    }

    /// Is done as soon as the payment is authorised. What the authorisation said holds for the first look; later ones ask.
    async fn await_challenge(&self) -> Result<(), Status> {
        let said = self.payment.lock().take();
        let payment = match said {
            Some(payment) => payment,
            None => payment_of(&self.deps, &self.order.id).await?,
        };
        let challenge = payment.challenge.as_ref().map_or(ChallengeState::Unspecified, |challenge| challenge.state());
        match payment.state() {
            // It may have been captured before a crash, and paid back since: the capture finds out.
            PaymentState::Authorized | PaymentState::Captured | PaymentState::Refunded => Ok(()),
            PaymentState::Challenged if challenge == ChallengeState::Waiting => {
                *self.payment.lock() = Some(payment);
                Err(challenge_waits().into())
            }
            _ => Err(not_passed(challenge).into()),
        }
    }

    async fn capture(&self) -> Result<(), Status> {
        let request = CaptureRequest { payment_id: self.order.payment_id.clone() };
        let Err(refused) = self.deps.payments.clone().capture(step(request)).await else { return Ok(()) };
        if outcome_of(&refused) != Outcome::Refused {
            return Err(refused);
        }
        // A repeat after a crash, while the order was on record and was paid back since: the capture was made.
        let request = GetAnyOrderRequest { order_id: self.order.id.clone() };
        match self.deps.orders.clone().get_any_order(step(request)).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => Err(refused),
            Err(unknown) => Err(unknown),
        }
    }

    async fn ship(&self) -> Result<(), Status> {
        let (weight_g, order) = (self.purchase.parcel_g, &self.order);
        if weight_g == 0 {
            return Ok(());
        }
        let (shipment_id, order_id) = (order.shipment_id.clone(), order.id.clone());
        let request = CreateShipmentRequest { shipment_id, order_id, address: order.address.clone(), weight_g };
        self.deps.shipping.clone().create_shipment(step(request)).await.map(drop)
    }
}
