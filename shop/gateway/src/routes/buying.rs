//! Carts, orders and parcels of a customer.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use vitrine_contracts::carts::v1 as carts;
use vitrine_contracts::catalog::v1::BatchGetProductsRequest;
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{CancelOrderRequest, PlaceOrderRequest, QuoteRequest};
use vitrine_contracts::common::v1::Line as WireLine;
use vitrine_contracts::currency::v1::BatchConvertRequest;
use vitrine_contracts::limits::MAX_IDEMPOTENCY_KEY;
use vitrine_contracts::orders::v1::{GetOrderRequest, ListOrdersRequest};
use vitrine_contracts::payments::v1::TokenizeCardRequest;
use vitrine_contracts::shipping::v1::GetShipmentRequest;
use vitrine_contracts::{Problem, money_from_proto};
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_http::{Json, Query, Reply};

use crate::Gateway;
use crate::dto::{self, Cart, Line, Order, Page};
use crate::input::{PageQuery, idempotency_key};
use crate::schema;
use crate::tokens::Caller;

fn currency(code: Option<&str>) -> Result<Currency, Problem> {
    code.map_or(Ok(Currency::EUR), |code| dto::parse_currency(code, "currency"))
}

/// A cart at today's prices. Products that are not sold any more show no line; checkout names them.
async fn priced(gateway: &Gateway, cart: carts::Cart, currency: Currency) -> Result<axum::Json<Cart>, Reply> {
    let zero = Money::zero(currency);
    if cart.lines.is_empty() {
        return Ok(axum::Json(Cart { lines: Vec::new(), subtotal: zero.into(), version: cart.version }));
    }
    let product_ids = cart.lines.iter().map(|l| l.product_id.clone()).collect();
    let products = gateway
        .deps
        .catalog
        .clone()
        .batch_get_products(BatchGetProductsRequest { product_ids })
        .await?
        .into_inner()
        .products;
    let from = products.iter().filter_map(|p| p.price.clone()).collect();
    let request = BatchConvertRequest { from, to_code: currency.code().to_owned() };
    let prices = gateway.deps.currency.clone().batch_convert(request).await?.into_inner().money;
    let (mut lines, mut subtotal) = (Vec::new(), zero);
    for (product, price) in products.into_iter().zip(&prices) {
        let quantity = cart.lines.iter().find(|l| l.product_id == product.id).map_or(0, |l| l.quantity);
        let too_large = |_| Problem::precondition("TOTAL_TOO_LARGE", "the sum is too large");
        let unit = money_from_proto(Some(price), "price")?;
        let total = unit.checked_mul(quantity).map_err(too_large)?;
        subtotal = subtotal.checked_add(total).map_err(too_large)?;
        lines.push(Line {
            product_id: product.id,
            name: product.name,
            quantity,
            unit_price: unit.into(),
            total: total.into(),
        });
    }
    Ok(axum::Json(Cart { lines, subtotal: subtotal.into(), version: cart.version }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CartQuery {
    /// EUR if not said.
    #[serde(default)]
    #[schemars(with = "schema::Currency")]
    currency: Option<String>,
}

pub(super) async fn cart(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(query): Query<CartQuery>,
) -> Result<axum::Json<Cart>, Reply> {
    let currency = currency(query.currency.as_deref())?;
    let cart =
        gateway.deps.carts.clone().get_cart(carts::GetCartRequest { customer_id: caller.id }).await?.into_inner();
    priced(&gateway, cart, currency).await
}

pub(super) async fn clear(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<StatusCode, Reply> {
    gateway.deps.carts.clone().clear_cart(carts::ClearCartRequest { customer_id: caller.id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn add_item(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(item): Json<dto::NewItem>,
) -> Result<axum::Json<Cart>, Reply> {
    let line = Some(WireLine { product_id: item.product_id, quantity: item.quantity });
    let cart =
        gateway.deps.carts.clone().add_item(carts::AddItemRequest { customer_id: caller.id, line }).await?.into_inner();
    priced(&gateway, cart, Currency::EUR).await
}

async fn set(
    gateway: &Gateway,
    customer_id: String,
    product_id: String,
    quantity: u32,
) -> Result<axum::Json<Cart>, Reply> {
    let request = carts::SetItemRequest { customer_id, product_id, quantity };
    let cart = gateway.deps.carts.clone().set_item(request).await?.into_inner();
    priced(gateway, cart, Currency::EUR).await
}

pub(super) async fn set_item(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(product_id): Path<String>,
    Json(body): Json<dto::Quantity>,
) -> Result<axum::Json<Cart>, Reply> {
    set(&gateway, caller.id, product_id, body.quantity).await
}

pub(super) async fn remove_item(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(product_id): Path<String>,
) -> Result<axum::Json<Cart>, Reply> {
    set(&gateway, caller.id, product_id, 0).await
}

pub(super) async fn quote(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<dto::QuoteQuestion>,
) -> Result<axum::Json<dto::Quote>, Reply> {
    let currency_code = currency(body.currency.as_deref())?.code().to_owned();
    let request = QuoteRequest { customer_id: caller.id, currency_code, address: Some(body.address.into()) };
    Ok(axum::Json(gateway.deps.checkout.clone().quote(request).await?.into_inner().into()))
}

pub(super) async fn tokenize(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<dto::NewToken>,
) -> Result<Response, Reply> {
    let request = TokenizeCardRequest { card: Some(body.card.into()), customer_id: caller.id };
    let made = gateway.deps.payments.clone().tokenize_card(request).await?.into_inner();
    let token = dto::PaymentToken { token: made.token, scheme: made.scheme, last4: made.last4 };
    Ok((StatusCode::CREATED, axum::Json(token)).into_response())
}

pub(super) async fn place(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<dto::NewOrder>,
) -> Result<Response, Reply> {
    let missing = || {
        let expected = format!("1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters, fresh for each purchase");
        Problem::invalid("Idempotency-Key", &expected, "the header is missing: without it a repeat could buy twice")
            .with_reason("IDEMPOTENCY_KEY_REQUIRED")
    };
    let idempotency_key = idempotency_key(&headers)?.ok_or_else(missing)?;
    let max_total = body.max_total.as_ref().map(|m| m.parse("max_total")).transpose()?;
    let request = PlaceOrderRequest {
        customer_id: caller.id,
        email: caller.email,
        idempotency_key,
        currency_code: currency(body.currency.as_deref())?.code().to_owned(),
        address: Some(body.address.into()),
        payment: Some(body.payment.parse()?),
        max_total: max_total.map(Into::into),
        quote_id: body.quote_id.unwrap_or_default(),
    };
    let as_sent = |field: String| match field.as_str() {
        "idempotency_key" => "Idempotency-Key".to_owned(),
        "token" => "payment.token".to_owned(),
        card if card.starts_with("card.") => format!("payment.{card}"),
        _ => field,
    };
    match gateway.place(request).await.map_err(|s| Reply::from(s).renamed(as_sent))? {
        Placed::Order(order) => {
            let order = Order::from(order);
            let location = format!("/api/v1/orders/{}", order.id);
            Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(order)).into_response())
        }
        Placed::Challenge(asked) => {
            let challenge = asked.into();
            Ok((StatusCode::ACCEPTED, axum::Json(dto::Challenged { challenge })).into_response())
        }
    }
}

pub(super) async fn challenge(
    State(gateway): State<Arc<Gateway>>,
    Path(challenge_id): Path<String>,
) -> Result<axum::Json<dto::Challenge>, Reply> {
    Ok(axum::Json(gateway.challenge(challenge_id).await?.into()))
}

pub(super) async fn complete_challenge(
    State(gateway): State<Arc<Gateway>>,
    Path(challenge_id): Path<String>,
    Json(answer): Json<dto::ChallengeAnswer>,
) -> Result<axum::Json<dto::Challenge>, Reply> {
    Ok(axum::Json(gateway.complete_challenge(challenge_id, answer.parse()?).await?.into()))
}

pub(super) async fn orders(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Order>>, Reply> {
    let request = ListOrdersRequest { customer_id: caller.id, page: query.request()?, ..ListOrdersRequest::default() };
    let found = gateway.deps.orders.clone().list_orders(request).await?.into_inner();
    Ok(axum::Json(Page::new(found.orders, found.page)))
}

pub(super) async fn order(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(order_id): Path<String>,
) -> Result<axum::Json<Order>, Reply> {
    let request = GetOrderRequest { order_id, customer_id: caller.id };
    Ok(axum::Json(gateway.deps.orders.clone().get_order(request).await?.into_inner().into()))
}

pub(super) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(order_id): Path<String>,
    Json(body): Json<dto::Cancel>,
) -> Result<axum::Json<Order>, Reply> {
    let request = CancelOrderRequest { order_id, customer_id: caller.id, reason: body.reason };
    Ok(axum::Json(gateway.cancel(request).await?.into()))
}

pub(super) async fn shipment(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Path(order_id): Path<String>,
) -> Result<axum::Json<dto::Shipment>, Reply> {
    let request = GetOrderRequest { order_id, customer_id: caller.id };
    let order = gateway.deps.orders.clone().get_order(request).await?.into_inner();
    if order.shipment_id.is_empty() {
        return Err(Problem::not_found("nothing of this order is shipped").with_reason("NOTHING_SHIPPED").into());
    }
    let request = GetShipmentRequest { shipment_id: order.shipment_id };
    Ok(axum::Json(gateway.deps.shipping.clone().get_shipment(request).await?.into_inner().into()))
}
