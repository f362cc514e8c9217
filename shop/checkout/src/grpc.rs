//! The contract, translated.

use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};
use vitrine_contracts::checkout::v1::checkout_service_server::CheckoutService;
use vitrine_contracts::checkout::v1::{CancelOrderRequest, PlaceOrderRequest, QuoteRequest, QuoteResponse};
use vitrine_contracts::limits::{MAX_IDEMPOTENCY_KEY, MAX_REASON};
use vitrine_contracts::orders::v1::{GetOrderRequest, Order, OrderState};
use vitrine_contracts::payments::v1::payment_method::Method;
use vitrine_contracts::payments::v1::{Card, PaymentMethod};
use vitrine_contracts::text::line;
use vitrine_contracts::{EmailAddress, Problem, check_address, money_from_proto};
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_store::Stored;

use crate::Deps;
use crate::buy::{self, Purchase};
use crate::cancel::Cancellation;
use crate::domain::course::Position;
use crate::journal::{SagaDoc, Work};
use crate::saga::{Sagas, in_progress, step};

/// How often a purchase starts over when somebody else uses its key at the same moment.
const MAX_ROUNDS: usize = 4;

pub(crate) struct Service {
    pub(crate) deps: Deps,
    pub(crate) sagas: Sagas,
}

fn currency(code: &str) -> Result<Currency, Problem> {
    Currency::parse(code).map_err(|e| {
        Problem::invalid("currency", "an ISO 4217 code that the shop knows, upper case", &e.to_string())
            .with_reason("UNKNOWN_CURRENCY")
    })
}

/// A digest of what was asked. A card goes into it by its last digits and its expiry only: the digest is stored, and a whole number
/// could be guessed from it.
fn fingerprint(request: &PlaceOrderRequest) -> String {
    let method = request.payment.as_ref().and_then(|p| p.method.as_ref()).map(|method| match method {
        Method::Token(token) => Method::Token(token.clone()),
        Method::Card(card) => {
            let last4: String = card.number.chars().rev().filter(char::is_ascii_digit).take(4).collect();
            Method::Card(Card { number: last4, cvv: String::new(), ..card.clone() })
        }
    });
    let payment = Some(PaymentMethod { method });
    let digest = Sha256::digest(PlaceOrderRequest { payment, ..request.clone() }.encode_to_vec());
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

struct Asked {
    id: String,
    fingerprint: String,
    currency: Currency,
    max_total: Option<Money>,
    request: PlaceOrderRequest,
}

fn check(mut request: PlaceOrderRequest) -> Result<Asked, Problem> {
    check_id("cus", &request.customer_id, "customer_id")?;
    let key = &request.idempotency_key;
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
        let expected = format!("1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters, fresh for each purchase");
        return Err(Problem::invalid("idempotency_key", &expected, "the idempotency key is missing or malformed"));
    }
    request.email = EmailAddress::parse("email", &request.email)?.into_string();
    let currency = currency(&request.currency_code)?;
    request.address = Some(check_address(request.address.as_ref(), "address")?);
    if request.payment.as_ref().is_none_or(|p| p.method.is_none()) {
        return Err(Problem::invalid("payment", "a card or a token", "the payment method is missing"));
    }
    let max_total = match &request.max_total {
        Some(_) => Some(money_from_proto(request.max_total.as_ref(), "max_total")?),
        None => None,
    };
    let id = format!("buy/{}/{key}", request.customer_id);
    Ok(Asked { id, fingerprint: fingerprint(&request), currency, max_total, request })
}

/// Finds the purchase of this key, or begins it, and answers as it ends.
async fn buy(sagas: Sagas, asked: Asked) -> Result<Order, Failure> {
    let method = asked.request.payment.clone();
    for _ in 0..MAX_ROUNDS {
        let known = sagas.journal().get(&asked.id).await?;
        let nothing_happened =
            |s: &SagaDoc| s.position == Position::Undone && s.refusal.as_ref().is_some_and(|r| !r.lasting);
        let version = known.as_ref().map(|saga| saga.version);
        match known {
            Some(saga) if nothing_happened(&saga) => {}
            Some(saga) if saga.fingerprint != asked.fingerprint => {
                let message = "the key was used for another purchase";
                let problem = Problem::invalid("idempotency_key", "a fresh key for each purchase", message);
                return Err(problem.with_reason("IDEMPOTENCY_KEY_REUSED").into());
            }
            Some(saga) => return sagas.end(saga.doc).await,
            None => {}
        }
        let saga = match (plan(&sagas, &asked).await, version) {
            (Ok(doc), None) => sagas.journal().open(doc).await?,
            (Ok(doc), Some(version)) => sagas.journal().note(Stored { doc, version }).await?,
            // The cart may be taken, or empty, by a purchase of this very key that began meanwhile: its answer is the answer.
            (Err(_), version) if sagas.journal().get(&asked.id).await?.map(|saga| saga.version) != version => None,
            (Err(refused), _) => return Err(refused),
        };
        if let Some(saga) = saga {
            return sagas.drive(saga, method).await;
        }
    }
    Err(in_progress().into())
}

async fn plan(sagas: &Sagas, asked: &Asked) -> Result<SagaDoc, Failure> {
    let (deps, request, now) = (sagas.deps(), &asked.request, sagas.journal().clock.now_ms());
    buy::customer_of(deps, &request.customer_id).await?;
    let cart = sagas.free_cart(&request.customer_id).await?;
    let purchase = Purchase::plan(deps, &cart.lines, request, asked.currency, asked.max_total, now).await?;
    Ok(SagaDoc::new(asked.id.clone(), asked.fingerprint.clone(), Work::Buy(Box::new(purchase)), now))
}

/// Cancels an order, or goes on with its cancellation.
async fn cancel(sagas: Sagas, order: Order, reason: String) -> Result<Order, Failure> {
    let id = format!("cancel/{}", order.id);
    let work = Work::Cancel(Cancellation::new(&order, reason));
    let doc = SagaDoc::new(id.clone(), String::new(), work, sagas.journal().clock.now_ms());
    let saga = match sagas.journal().open(doc).await? {
        Some(saga) => saga,
        None => match sagas.journal().get(&id).await? {
            Some(saga) => return sagas.end(saga.doc).await,
            // A refused one, forgotten at this moment.
            None => return Err(in_progress().into()),
        },
    };
    let ended = sagas.drive(saga, None).await;
    // A refused cancellation leaves no trace: what was too early or too late may be asked again.
    if ended.is_err()
        && let Some(saga) = sagas.journal().get(&id).await?.filter(|s| s.position == Position::Undone)
    {
        sagas.journal().forget(&saga).await?;
    }
    ended
}

#[tonic::async_trait]
impl CheckoutService for Service {
    async fn quote(&self, request: Request<QuoteRequest>) -> Result<Response<QuoteResponse>, Status> {
        let request = request.into_inner();
        check_id("cus", &request.customer_id, "customer_id")?;
        let currency = currency(&request.currency_code)?;
        let address = check_address(request.address.as_ref(), "address")?;
        // What an order would be refused for is told now.
        let customer = buy::customer_of(&self.deps, &request.customer_id).await?;
        EmailAddress::parse("email", &customer.email)?;
        let cart = self.sagas.free_cart(&request.customer_id).await?;
        let now = self.sagas.journal().clock.now_ms();
        let quoted = buy::quote(&self.deps, &cart.lines, currency, &address, None, now).await?;
        Ok(Response::new(QuoteResponse {
            lines: quoted.lines,
            subtotal: Some(quoted.subtotal.into()),
            shipping: Some(quoted.shipping.into()),
            total: Some(quoted.total.into()),
        }))
    }

    async fn place_order(&self, request: Request<PlaceOrderRequest>) -> Result<Response<Order>, Status> {
        let asked = check(request.into_inner())?;
        let key = format!("{}#{}", asked.id, asked.fingerprint);
        Ok(Response::new(self.sagas.fly(key, buy(self.sagas.clone(), asked)).await?))
    }

    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Result<Response<Order>, Status> {
        let request = request.into_inner();
        check_id("ord", &request.order_id, "order_id")?;
        let reason = line("reason", &request.reason, 0..=MAX_REASON)?;
        let (order_id, customer_id) = (request.order_id.clone(), request.customer_id);
        let order =
            self.deps.orders.clone().get_order(step(GetOrderRequest { order_id, customer_id })).await?.into_inner();
        match order.state() {
            OrderState::Refunded => return Ok(Response::new(order)),
            OrderState::Paid | OrderState::Placed | OrderState::Cancelled => {}
            state => {
                let message = format!("the order is {} already", state_text(state));
                return Err(Problem::precondition("ORDER_STATE", &message).into());
            }
        }
        let reason = if reason.is_empty() { "cancelled by the customer".to_owned() } else { reason };
        let key = format!("cancel/{}", request.order_id);
        Ok(Response::new(self.sagas.fly(key, cancel(self.sagas.clone(), order, reason)).await?))
    }
}

fn state_text(state: OrderState) -> &'static str {
    match state {
        OrderState::Shipped => "with the carrier",
        OrderState::Delivered => "delivered",
        _ => "not one that can be cancelled",
    }
}
