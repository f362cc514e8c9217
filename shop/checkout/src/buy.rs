//! A purchase: what it needs to know, its steps and how each is undone.

use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::carts::v1::{Cart, ClearCartRequest, GetCartRequest};
use vitrine_contracts::catalog::v1::{
    BatchGetProductsRequest, CommitReservationRequest, ReleaseReservationRequest, ReserveRequest,
};
use vitrine_contracts::checkout::v1::PlaceOrderRequest;
use vitrine_contracts::common::v1::{Address, Line};
use vitrine_contracts::currency::v1::BatchConvertRequest;
use vitrine_contracts::orders::v1::{CreateOrderRequest, Order, OrderLine};
use vitrine_contracts::payments::v1::{AuthorizeRequest, CaptureRequest, PaymentMethod, RefundRequest};
use vitrine_contracts::shipping::v1::{CancelShipmentRequest, CreateShipmentRequest, QuoteRequest};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_kit::id;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::Failure;

use crate::Deps;
use crate::domain::course::Course;
use crate::domain::pricing::{self, Parcel};
use crate::saga::step;

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Stock is held.
    Reserve,
    /// The amount is held.
    Authorize,
    /// The stock is sold.
    Sell,
    /// The money is taken. From here on the purchase is finished, unless it is refused.
    Capture,
    /// A parcel is on its way.
    Ship,
    /// The order is on record, and published.
    Record,
    /// The cart is emptied.
    Clear,
}

const WITH_PARCEL: &[Step] =
    &[Step::Reserve, Step::Authorize, Step::Sell, Step::Capture, Step::Ship, Step::Record, Step::Clear];
const WITHOUT_PARCEL: &[Step] = &[Step::Reserve, Step::Authorize, Step::Sell, Step::Capture, Step::Record, Step::Clear];

/// All that the steps need, but the card. Ids are chosen before the first step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Purchase {
    pub(crate) order_id: String,
    customer_id: String,
    cart_version: u64,
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
    cart_version: u64,
}

/// Prices a customer's cart, shipping included.
pub(crate) async fn quote(
    deps: &Deps,
    customer_id: &str,
    currency: Currency,
    address: &Address,
    max_total: Option<Money>,
) -> Result<Quoted, Failure> {
    let customer_id = customer_id.to_owned();
    let Cart { lines, version, .. } =
        deps.carts.clone().get_cart(step(GetCartRequest { customer_id })).await?.into_inner();
    let product_ids = lines.iter().map(|l| l.product_id.clone()).collect();
    let products =
        deps.catalog.clone().batch_get_products(step(BatchGetProductsRequest { product_ids })).await?.into_inner();
    let products = pricing::match_products(&lines, products.products)?;
    let parcel = pricing::parcel(&lines, &products)?;

    let mut amounts: Vec<_> = products.iter().filter_map(|p| p.price.clone()).collect();
    if parcel.items > 0 {
        let request =
            QuoteRequest { address: Some(address.clone()), weight_g: parcel.weight_g, parcel_items: parcel.items };
        amounts.extend(deps.shipping.clone().quote(step(request)).await?.into_inner().cost);
    }
    let request = BatchConvertRequest { from: amounts, to_code: currency.code().to_owned() };
    let converted = deps.currency.clone().batch_convert(step(request)).await?.into_inner().money;
    let mut prices = converted.iter().map(|m| money_from_proto(Some(m), "price")).collect::<Result<Vec<_>, _>>()?;
    let expected = products.len() + usize::from(parcel.items > 0);
    if prices.len() != expected {
        tracing::error!(asked = expected, answered = prices.len(), "the conversion is incomplete");
        return Err(Problem::internal().into());
    }
    let zero = Money::zero(currency);
    let shipping = if parcel.items > 0 { prices.pop().unwrap_or(zero) } else { zero };
    let (lines, subtotal) = pricing::price(&lines, &products, &prices, zero)?;
    let total = pricing::total(subtotal, shipping, max_total)?;
    Ok(Quoted { lines, subtotal, shipping, total, parcel, cart_version: version })
}

impl Purchase {
    /// Prices the cart and chooses the ids.
    pub(crate) async fn plan(
        deps: &Deps,
        request: &PlaceOrderRequest,
        currency: Currency,
        max_total: Option<Money>,
    ) -> Result<Self, Failure> {
        let address = request.address.clone().unwrap_or_default();
        let quoted = quote(deps, &request.customer_id, currency, &address, max_total).await?;
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
            cart_version: quoted.cart_version,
            parcel_g: quoted.parcel.weight_g,
            order: order.encode_to_vec(),
            order_id,
        })
    }

    fn steps(&self) -> &'static [Step] {
        if self.parcel_g > 0 { WITH_PARCEL } else { WITHOUT_PARCEL }
    }

    pub(crate) fn course(&self) -> Course {
        let steps = self.steps();
        Course { steps: steps.len(), pivot: steps.iter().position(|s| *s == Step::Capture).unwrap_or(0) }
    }

    fn order(&self) -> Result<Order, Status> {
        Order::decode(self.order.as_slice()).map_err(|e| {
            tracing::error!(order_id = self.order_id, error = %e, "a journalled order cannot be read");
            Problem::internal().into()
        })
    }

    pub(crate) async fn act(&self, at: usize, deps: &Deps, method: Option<&PaymentMethod>) -> Result<(), Status> {
        let order = self.order()?;
        let payment_id = order.payment_id.clone();
        match self.steps()[at] {
            Step::Reserve => {
                let line = |l: &OrderLine| Line { product_id: l.product_id.clone(), quantity: l.quantity };
                let lines = order.lines.iter().map(line).collect();
                let request = ReserveRequest { reservation_id: order.reservation_id, lines, ttl_ms: 0 };
                deps.catalog.clone().reserve(step(request)).await.map(drop)
            }
            Step::Authorize => {
                let request = AuthorizeRequest {
                    payment_id,
                    amount: order.total,
                    method: method.cloned(),
                    reference: order.id,
                    customer_id: order.customer_id,
                };
                deps.payments.clone().authorize(step(request)).await.map(drop)
            }
            Step::Sell => {
                let request = CommitReservationRequest { reservation_id: order.reservation_id };
                deps.catalog.clone().commit_reservation(step(request)).await.map(drop)
            }
            Step::Capture => deps.payments.clone().capture(step(CaptureRequest { payment_id })).await.map(drop),
            Step::Ship => {
                let (shipment_id, order_id, address) = (order.shipment_id, order.id, order.address);
                let request = CreateShipmentRequest { shipment_id, order_id, address, weight_g: self.parcel_g };
                deps.shipping.clone().create_shipment(step(request)).await.map(drop)
            }
            Step::Record => {
                deps.orders.clone().create_order(step(CreateOrderRequest { order: Some(order) })).await.map(drop)
            }
            Step::Clear => {
                let (customer_id, expected_version) = (self.customer_id.clone(), Some(self.cart_version));
                let cleared =
                    deps.carts.clone().clear_cart(step(ClearCartRequest { customer_id, expected_version })).await;
                // The order is on record: a cart that stays full is a smaller evil than a customer who waits.
                if let Err(status) = cleared {
                    tracing::warn!(
                        order_id = self.order_id,
                        reason = status.message(),
                        "the cart could not be emptied"
                    );
                }
                Ok(())
            }
        }
    }

    pub(crate) async fn undo(&self, at: usize, deps: &Deps) -> Result<(), Status> {
        match self.steps()[at] {
            Step::Reserve | Step::Sell => {
                let request = ReleaseReservationRequest { reservation_id: id::sibling("rsv", &self.order_id) };
                deps.catalog.clone().release_reservation(step(request)).await.map(drop)
            }
            Step::Authorize | Step::Capture => {
                let (payment_id, refund_id) = (id::sibling("pay", &self.order_id), id::sibling("ref", &self.order_id));
                deps.payments
                    .clone()
                    .refund(step(RefundRequest { payment_id, refund_id, amount: None }))
                    .await
                    .map(drop)
            }
            Step::Ship => {
                let shipment_id = id::sibling("shp", &self.order_id);
                deps.shipping.clone().cancel_shipment(step(CancelShipmentRequest { shipment_id })).await.map(drop)
            }
            // They come after the pivot, where only a refusal turns back: they were never done.
            Step::Record | Step::Clear => Ok(()),
        }
    }
}
