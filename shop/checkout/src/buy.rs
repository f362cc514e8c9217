//! A purchase: what it needs to know, its steps and how each is undone.

use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::Status;
use vitrine_contracts::carts::v1::{Cart, GetCartRequest, ReleaseCartRequest, SettleCartRequest, TakeCartRequest};
use vitrine_contracts::catalog::v1::{
    BatchGetProductsRequest, CommitReservationRequest, ReleaseReservationRequest, ReserveRequest,
};
use vitrine_contracts::checkout::v1::PlaceOrderRequest;
use vitrine_contracts::common::v1::{Address, Line};
use vitrine_contracts::currency::v1::BatchConvertRequest;
use vitrine_contracts::customers::v1::{Customer, GetCustomerRequest};
use vitrine_contracts::orders::v1::{CreateOrderRequest, Order, OrderLine};
use vitrine_contracts::payments::v1::{AuthorizeRequest, CaptureRequest, PaymentMethod, RefundRequest};
use vitrine_contracts::shipping::v1::{CancelShipmentRequest, CreateShipmentRequest, QuoteRequest};
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_kit::id;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::Failure;

use crate::Deps;
use crate::domain::course::{Course, Position};
use crate::domain::pricing::{self, Parcel};
use crate::saga::step;

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The cart is this purchase's: others of the same cart are refused.
    Take,
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
    /// What was bought is subtracted from the cart, which is free again.
    Settle,
}

const WITH_PARCEL: &[Step] =
    &[Step::Take, Step::Reserve, Step::Authorize, Step::Sell, Step::Capture, Step::Ship, Step::Record, Step::Settle];
const WITHOUT_PARCEL: &[Step] =
    &[Step::Take, Step::Reserve, Step::Authorize, Step::Sell, Step::Capture, Step::Record, Step::Settle];

/// Which steps a journalled purchase counts: a position in the journal is the number of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Definition {
    /// Of before purchases took their carts, and before definitions were noted: without the first step.
    #[default]
    V1,
    /// All steps.
    V2,
}

/// All that the steps need, but the card. Ids are chosen before the first step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Purchase {
    pub(crate) order_id: String,
    customer_id: String,
    parcel_g: u32,
    #[serde(default)]
    definition: Definition,
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

/// Prices what is in a cart, shipping included. What cannot be bought, now and to that address, is refused.
pub(crate) async fn quote(
    deps: &Deps,
    lines: &[Line],
    currency: Currency,
    address: &Address,
    max_total: Option<Money>,
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
    let (lines, subtotal) = pricing::price(lines, &products, &prices, zero)?;
    let total = pricing::total(subtotal, shipping, max_total)?;
    Ok(Quoted { lines, subtotal, shipping, total, parcel })
}

impl Purchase {
    /// Prices the cart and chooses the ids.
    pub(crate) async fn plan(
        deps: &Deps,
        lines: &[Line],
        request: &PlaceOrderRequest,
        currency: Currency,
        max_total: Option<Money>,
        now_ms: i64,
    ) -> Result<Self, Failure> {
        let address = request.address.clone().unwrap_or_default();
        let quoted = quote(deps, lines, currency, &address, max_total, now_ms).await?;
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
            definition: Definition::V2,
            order: order.encode_to_vec(),
            order_id,
        })
    }

    fn steps(&self) -> &'static [Step] {
        let all = if self.parcel_g > 0 { WITH_PARCEL } else { WITHOUT_PARCEL };
        match self.definition {
            Definition::V1 => &all[1..],
            Definition::V2 => all,
        }
    }

    fn step(&self, at: usize) -> Step {
        self.steps()[at]
    }

    pub(crate) fn course(&self) -> Course {
        let steps = self.steps();
        let place = |step| steps.iter().position(|s| *s == step).unwrap_or(0);
        // An order on record stands: what is left to do is done, however often it is asked for.
        Course { steps: steps.len(), pivot: place(Step::Capture), refusable: place(Step::Settle) }
    }

    /// Whether the order is on record and the customer can be told, though something is left to do.
    pub(crate) fn is_recorded(&self, at: Position) -> bool {
        matches!(at, Position::Doing(step) if self.step(step) == Step::Settle)
    }

    fn order(&self) -> Result<Order, Status> {
        Order::decode(self.order.as_slice()).map_err(|e| {
            tracing::error!(order_id = self.order_id, error = %e, "a journalled order cannot be read");
            Problem::internal().into()
        })
    }

    pub(crate) async fn act(&self, at: usize, deps: &Deps, method: Option<&PaymentMethod>) -> Result<(), Status> {
        let order = self.order()?;
        let (payment_id, purchase_id) = (order.payment_id.clone(), order.id.clone());
        let line = |l: &OrderLine| Line { product_id: l.product_id.clone(), quantity: l.quantity };
        let lines = order.lines.iter().map(line).collect();
        match self.step(at) {
            Step::Take => {
                let request = TakeCartRequest { customer_id: order.customer_id, purchase_id, lines };
                deps.carts.clone().take_cart(step(request)).await.map(drop)
            }
            Step::Reserve => {
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
            Step::Settle => {
                let request = SettleCartRequest { customer_id: order.customer_id, purchase_id, lines };
                deps.carts.clone().settle_cart(step(request)).await.map(drop)
            }
        }
    }

    pub(crate) async fn undo(&self, at: usize, deps: &Deps) -> Result<(), Status> {
        match self.step(at) {
            Step::Take => {
                let (customer_id, purchase_id) = (self.customer_id.clone(), self.order_id.clone());
                deps.carts.clone().release_cart(step(ReleaseCartRequest { customer_id, purchase_id })).await.map(drop)
            }
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
            // It comes after the pivot, where only a refusal turns back: it was never done. From behind it there is no way back.
            Step::Record | Step::Settle => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Definition, Purchase, Step};
    use crate::domain::course::{Course, Position};
    use crate::journal::{SagaDoc, Work};

    /// A purchase as it was journalled before there were definitions.
    fn old(position: &serde_json::Value, parcel_g: u32) -> (Purchase, Position) {
        let doc = json!({
            "id": "buy/cus_1/key", "fingerprint": "00", "position": position, "refusal": null, "started_at": 1, "updated_at": 2,
            "work": {"Buy": {"order_id": "ord_1", "customer_id": "cus_1", "cart_version": 3, "parcel_g": parcel_g, "order": ""}},
        });
        let SagaDoc { work, position, .. } = serde_json::from_value(doc).expect("it is still read");
        let Work::Buy(purchase) = work else { panic!("a purchase") };
        (*purchase, position)
    }

    #[test]
    fn old_journals_mean_what_they_meant() {
        let (with_parcel, without) = (
            [Step::Reserve, Step::Authorize, Step::Sell, Step::Capture, Step::Ship, Step::Record, Step::Settle]
                .as_slice(),
            [Step::Reserve, Step::Authorize, Step::Sell, Step::Capture, Step::Record, Step::Settle].as_slice(),
        );
        for (parcel_g, steps) in [(900, with_parcel), (0, without)] {
            for (number, step) in steps.iter().enumerate() {
                let (purchase, position) = old(&json!({"Doing": number}), parcel_g);
                assert_eq!((position, purchase.step(number)), (Position::Doing(number), *step));
                assert_eq!(purchase.is_recorded(position), *step == Step::Settle);
                let (purchase, position) = old(&json!({"Undoing": number}), parcel_g);
                assert_eq!((position, purchase.step(number)), (Position::Undoing(number), *step));
            }
            let (purchase, _) = old(&json!("Done"), parcel_g);
            let refusable = steps.len() - 1;
            assert_eq!(purchase.course(), Course { steps: steps.len(), pivot: 3, refusable });
        }
    }

    #[test]
    fn new_purchases_take_the_cart_first() {
        for parcel_g in [900, 0] {
            let (old, _) = old(&json!("Done"), parcel_g);
            let purchase = Purchase { definition: Definition::V2, ..old.clone() };
            assert_eq!(purchase.step(0), Step::Take);
            assert_eq!(&purchase.steps()[1..], old.steps());
            let json = serde_json::to_value(&purchase).expect("written");
            assert_eq!(serde_json::from_value::<Purchase>(json).expect("read").definition, Definition::V2);
        }
    }
}
