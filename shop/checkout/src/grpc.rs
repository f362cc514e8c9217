//! The contract, translated.

use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};
use vitrine_contracts::checkout::v1::checkout_service_server::CheckoutService;
use vitrine_contracts::checkout::v1::{
    CancelAnyOrderRequest, CancelOrderRequest, CompleteChallengeRequest, CompleteChallengeResponse, PlaceOrderRequest,
    PlaceOrderResponse, QuoteRequest, QuoteResponse, RefundOrderRequest, place_order_response,
};
use vitrine_contracts::limits::{MAX_IDEMPOTENCY_KEY, MAX_REASON};
use vitrine_contracts::orders::v1::{GetOrderRequest, Order, OrderState};
use vitrine_contracts::payments::v1::payment_method::Method;
use vitrine_contracts::payments::v1::{Card, PaymentMethod};
use vitrine_contracts::text::line;
use vitrine_contracts::{EmailAddress, Problem, check_address, money_from_proto};
use vitrine_flags_client::Subject;
use vitrine_kit::money::{Currency, Money};
use vitrine_platform_host::{Failure, check_id};
use vitrine_platform_workflow::Phase;

use crate::Deps;
use crate::buy::{self, Purchase};
use crate::domain::pricing::Most;
use crate::flags::FREE_SHIPPING_FROM;
use crate::journal::SagaDoc;
use crate::quotes::{QuoteId, Quotes, Subject as Quoted};
use crate::reversal::Reversal;
use crate::saga::{Sagas, in_progress, step};
use crate::work::{Reply, Work};

/// How often a purchase starts over when another caller uses its key at the same moment.
const MAX_ROUNDS: usize = 4;

/// Highest subtotal from which shipping may be free, in euro cents: what a flag says must be convertible into any currency.
const MAX_FREE_FROM: i64 = 100_000_000;

pub(crate) struct Service {
    pub(crate) deps: Deps,
    pub(crate) sagas: Sagas,
    pub(crate) quotes: Quotes,
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
    hex::encode(digest)
}

struct PurchaseRequest {
    id: String,
    fingerprint: String,
    currency: Currency,
    max_total: Option<Money>,
    quote_id: Option<QuoteId>,
    request: PlaceOrderRequest,
}

fn check(mut request: PlaceOrderRequest) -> Result<PurchaseRequest, Problem> {
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
    let quote_id = QuoteId::parse(&request.quote_id)?;
    let id = format!("buy/{}/{key}", request.customer_id);
    Ok(PurchaseRequest { id, fingerprint: fingerprint(&request), currency, max_total, quote_id, request })
}

/// Finds the purchase of this key, or begins it, and answers as it ends.
async fn buy(sagas: Sagas, quotes: Quotes, asked: PurchaseRequest) -> Result<Reply, Failure> {
    let method = asked.request.payment.clone();
    for _ in 0..MAX_ROUNDS {
        let known = sagas.journal().get(&asked.id).await?;
        let nothing_happened =
            |s: &SagaDoc| s.phase() == Phase::Undone && s.refusal.as_ref().is_some_and(|r| !r.lasting);
        let version = known.as_ref().map(|saga| saga.version);
        match known {
            Some(saga) if nothing_happened(&saga.doc) => {}
            Some(saga) if saga.doc.fingerprint != asked.fingerprint => {
                let message = "the key was used for another purchase";
                let problem = Problem::invalid("idempotency_key", "a fresh key for each purchase", message);
                return Err(problem.with_reason("IDEMPOTENCY_KEY_REUSED").into());
            }
            Some(saga) => return sagas.reply(saga).await,
            None => {}
        }
        let started = match plan(&sagas, &quotes, &asked).await {
            Ok(purchase) => {
                let work = Work::Buy(Box::new(purchase));
                sagas.begin(asked.id.clone(), asked.fingerprint.clone(), work, version).await?
            }
            // The cart may be taken, or empty, by a purchase of this very key that began meanwhile: its answer is the answer.
            Err(_) if sagas.journal().get(&asked.id).await?.map(|saga| saga.version) != version => None,
            Err(refused) => return Err(refused),
        };
        if let Some((saga, workflow)) = started {
            return sagas.drive(saga, workflow, method).await;
        }
    }
    Err(in_progress().into())
}

/// From what subtotal on this customer pays no shipping; zero for never.
fn free_from(sagas: &Sagas, customer_id: &str, country: &str, currency: Currency) -> Money {
    let subject = Subject::customer(customer_id).in_country(country).paying_in(currency.code());
    Money::new(Currency::EUR, sagas.flags().read(&FREE_SHIPPING_FROM, &subject).clamp(0, MAX_FREE_FROM))
}

async fn plan(sagas: &Sagas, quotes: &Quotes, asked: &PurchaseRequest) -> Result<Purchase, Failure> {
    let (deps, request, now) = (sagas.deps(), &asked.request, sagas.journal().clock.now_ms());
    buy::customer_of(deps, &request.customer_id).await?;
    let cart = sagas.free_cart(&request.customer_id).await?;
    let address = request.address.as_ref().ok_or_else(Problem::internal)?;
    let free_from = free_from(sagas, &request.customer_id, &address.country_code, asked.currency);
    let said = asked.max_total.map(|total| Most { total, field: "max_total" });
    let (customer_id, lines, currency) = (&*request.customer_id, &*cart.lines, asked.currency);
    let most = match asked.quote_id {
        None => said,
        Some(id) => {
            let quoted = quotes.most(id, &Quoted { customer_id, lines, currency, address }, now).await?;
            // The lower of both; one in another currency is refused as such.
            said.filter(|said| said.total.currency != currency || said.total.minor < quoted.total.minor)
                .or(Some(quoted))
        }
    };
    Purchase::plan(deps, lines, request, currency, most, free_from, now).await
}

/// Takes an order back, or goes on with that.
async fn reverse(sagas: Sagas, id: String, work: Work) -> Result<Reply, Failure> {
    let Some((saga, workflow)) = sagas.begin(id.clone(), String::new(), work, None).await? else {
        return match sagas.journal().get(&id).await? {
            Some(saga) => sagas.reply(saga).await,
            // A refused one, forgotten at this moment.
            None => Err(in_progress().into()),
        };
    };
    let ended = sagas.drive(saga, workflow, None).await;
    // A refused one leaves no trace, because it has done nothing: what was too early or too late may be asked again.
    if ended.is_err()
        && let Some(saga) = sagas.journal().get(&id).await?.filter(|s| s.doc.phase() == Phase::Undone)
    {
        sagas.journal().forget(&saga).await?;
    }
    ended
}

impl Service {
    /// Takes an order back in a task that goes on when the caller goes away.
    async fn reversed(&self, work: Work) -> Result<Response<Order>, Status> {
        let id = format!("{}/{}", work.kind(), work.order_id());
        match self.sagas.single_flight(id.clone(), reverse(self.sagas.clone(), id, work)).await? {
            Reply::Order(order) => Ok(Response::new(order)),
            Reply::Challenge(_) => Err(Problem::internal().into()),
        }
    }

    /// Cancels an order that the caller may cancel.
    async fn cancel(&self, order: Order, reason: String) -> Result<Response<Order>, Status> {
        match order.state() {
            OrderState::Refunded => Ok(Response::new(order)),
            OrderState::Paid | OrderState::Placed | OrderState::Cancelled => {
                self.reversed(Work::Cancel(Reversal::new(&order, reason))).await
            }
            state => {
                let message = format!("the order is {} already", state_text(state));
                Err(Problem::precondition("ORDER_STATE", &message).into())
            }
        }
    }
}

fn to_wire(reply: Reply) -> Response<PlaceOrderResponse> {
    let result = match reply {
        Reply::Order(order) => place_order_response::Result::Order(order),
        Reply::Challenge(challenge) => place_order_response::Result::Challenge(challenge),
    };
    Response::new(PlaceOrderResponse { result: Some(result) })
}

/// The reason that was given, or this one.
fn reason_of(given: &str, otherwise: &str) -> Result<String, Problem> {
    let reason = line("reason", given, 0..=MAX_REASON)?;
    Ok(if reason.is_empty() { otherwise.to_owned() } else { reason })
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
        let cart = self.sagas.cart_to_quote(&request.customer_id).await?;
        let now = self.sagas.journal().clock.now_ms();
        let free_from = free_from(&self.sagas, &request.customer_id, &address.country_code, currency);
        let quoted = buy::quote(&self.deps, &cart.lines, currency, &address, None, free_from, now).await?;
        let (customer_id, lines) = (&*request.customer_id, &*cart.lines);
        let subject = Quoted { customer_id, lines, currency, address: &address };
        let (id, expires_at_unix_ms) = self.quotes.id(&subject, quoted.total, now).await?;
        Ok(Response::new(QuoteResponse {
            lines: quoted.lines,
            subtotal: Some(quoted.subtotal.into()),
            shipping: Some(quoted.shipping.into()),
            total: Some(quoted.total.into()),
            id,
            expires_at_unix_ms,
        }))
    }

    async fn place_order(&self, request: Request<PlaceOrderRequest>) -> Result<Response<PlaceOrderResponse>, Status> {
        let asked = check(request.into_inner())?;
        let key = format!("{}#{}", asked.id, asked.fingerprint);
        Ok(to_wire(self.sagas.single_flight(key, buy(self.sagas.clone(), self.quotes.clone(), asked)).await?))
    }

    async fn complete_challenge(
        &self,
        request: Request<CompleteChallengeRequest>,
    ) -> Result<Response<CompleteChallengeResponse>, Status> {
        let request = request.into_inner();
        check_id("chl", &request.challenge_id, "challenge_id")?;
        // The same answer twice at once is one.
        let key = hex::encode(Sha256::digest(request.encode_to_vec()));
        let sagas = self.sagas.clone();
        let (challenge, order) =
            match self.sagas.single_flight(key, async move { sagas.complete(request).await }).await? {
                Reply::Order(order) => (None, Some(order)),
                Reply::Challenge(challenge) => (Some(challenge), None),
            };
        Ok(Response::new(CompleteChallengeResponse { challenge, order }))
    }

    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Result<Response<Order>, Status> {
        let CancelOrderRequest { order_id, customer_id, reason } = request.into_inner();
        let reason = reason_of(&reason, "cancelled by the customer")?;
        let request = GetOrderRequest { order_id, customer_id };
        let order = self.deps.orders.clone().get_order(step(request)).await?.into_inner();
        self.cancel(order, reason).await
    }

    async fn cancel_any_order(&self, request: Request<CancelAnyOrderRequest>) -> Result<Response<Order>, Status> {
        let CancelAnyOrderRequest { order_id, reason } = request.into_inner();
        let reason = reason_of(&reason, "cancelled by the shop")?;
        let order = self.sagas.order(&order_id).await?;
        self.cancel(order, reason).await
    }

    async fn refund_order(&self, request: Request<RefundOrderRequest>) -> Result<Response<Order>, Status> {
        let RefundOrderRequest { order_id, reason } = request.into_inner();
        let reason = reason_of(&reason, "refunded by the shop")?;
        let order = self.sagas.order(&order_id).await?;
        let reversal = Reversal::new(&order, reason);
        match order.state() {
            OrderState::Refunded => Ok(Response::new(order)),
            OrderState::Shipped | OrderState::Delivered => self.reversed(Work::Refund(reversal)).await,
            OrderState::Placed | OrderState::Paid | OrderState::Cancelled | OrderState::Unspecified => {
                self.reversed(Work::Cancel(reversal)).await
            }
        }
    }
}

fn state_text(state: OrderState) -> &'static str {
    match state {
        OrderState::Shipped => "with the carrier",
        OrderState::Delivered => "delivered",
        _ => "not one that can be cancelled",
    }
}
