//! Quotes, orders and cards.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject, Union};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{CancelOrderRequest, PlaceOrderRequest, QuoteRequest, QuoteResponse};
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::customers::v1::GetCustomerRequest;
use vitrine_contracts::payments::v1 as payments;
use vitrine_contracts::payments::v1::payment_method::Method;
use vitrine_kit::money::Currency;

use super::super::challenge::{self, CompletePaymentChallengeInput, PaymentChallenge, PaymentChallengePayload};
use super::super::customer::{AddressInput, Card};
use super::super::error::{InputError, Refusal, refusable};
use super::super::money::{Money, MoneyInput, amount, as_bought};
use super::super::order::{Order, OrderLine, OrderPayload, lines};
use super::super::scalars::{CurrencyCode, DateTime};
use super::super::session::{Session, session};
use crate::guard::Access;
use crate::input::check_idempotency_key;
use crate::tokens::Caller;

/// Where to: one of both.
#[derive(OneofObject)]
pub(crate) enum DestinationInput {
    Address(AddressInput),
    /// One that the customer keeps.
    SavedAddressId(ID),
}

impl DestinationInput {
    async fn read(self, session: &Session, customer_id: &str) -> Result<common::Address, Status> {
        let id = match self {
            Self::Address(address) => return Ok(address.into()),
            Self::SavedAddressId(id) => id.0,
        };
        let request = GetCustomerRequest { customer_id: customer_id.to_owned() };
        let customer = session.gateway.deps.customers.clone().get_customer(request).await?.into_inner();
        let kept = customer.addresses.into_iter().find(|saved| saved.id == id).and_then(|saved| saved.address);
        let missing = || {
            let expected = "the id of an address that the customer keeps";
            Problem::invalid("destination.saved_address_id", expected, "there is no such address")
                .with_reason("UNKNOWN_ADDRESS")
        };
        Ok(kept.ok_or_else(missing)?)
    }
}

/// What a cart would go where for.
#[derive(InputObject)]
pub(crate) struct QuoteInput {
    destination: DestinationInput,
    /// EUR if none is named.
    currency: Option<CurrencyCode>,
}

/// What the cart would cost, or why it cannot be bought.
#[derive(Union)]
pub(crate) enum QuoteResult {
    Quote(Quote),
    Refusal(Refusal),
}

/// What the cart would cost.
#[derive(SimpleObject)]
pub(crate) struct Quote {
    /// For the order that is to be for no more.
    id: ID,
    expires_at: DateTime,
    lines: Vec<OrderLine>,
    subtotal: Money,
    shipping: Money,
    total: Money,
}

impl Quote {
    fn of(quote: QuoteResponse) -> Result<Self> {
        Ok(Self {
            id: ID(quote.id),
            expires_at: DateTime(quote.expires_at_unix_ms),
            lines: lines(&quote.lines)?,
            subtotal: as_bought(quote.subtotal.as_ref())?,
            shipping: as_bought(quote.shipping.as_ref())?,
            total: as_bought(quote.total.as_ref())?,
        })
    }
}

/// What the caller's cart would cost.
pub(crate) async fn quote(session: &Session, input: QuoteInput) -> Result<QuoteResult> {
    let caller = session.admit(Access::Customer).await?;
    match refusable(quoted(session, caller, input).await)? {
        Ok(quote) => Ok(QuoteResult::Quote(Quote::of(quote)?)),
        Err(refused) => Ok(QuoteResult::Refusal(refused.renamed(within_destination).into())),
    }
}

async fn quoted(session: &Session, caller: &Caller, input: QuoteInput) -> Result<QuoteResponse, Status> {
    let address = input.destination.read(session, &caller.id).await?;
    quoted_to(session, caller, address, input.currency.map_or(Currency::EUR, |code| code.0)).await
}

async fn quoted_to(
    session: &Session,
    caller: &Caller,
    address: common::Address,
    currency: Currency,
) -> Result<QuoteResponse, Status> {
    let (customer_id, currency_code) = (caller.id.clone(), currency.code().to_owned());
    let request = QuoteRequest { customer_id, currency_code, address: Some(address) };
    Ok(session.gateway.deps.checkout.clone().quote(request).await?.into_inner())
}

/// A field of checkout's request as the input has it.
fn within_destination(field: String) -> String {
    if field.starts_with("address") { format!("destination.{field}") } else { field }
}

/// With what: one of both.
#[derive(OneofObject)]
pub(crate) enum PaymentInput {
    Card(CardInput),
    /// Of a card that is kept.
    Token(ID),
}

impl From<PaymentInput> for payments::PaymentMethod {
    fn from(input: PaymentInput) -> Self {
        let method = match input {
            PaymentInput::Card(card) => Method::Card(card.into()),
            PaymentInput::Token(token) => Method::Token(token.0),
        };
        Self { method: Some(method) }
    }
}

/// A card as typed. It is checked and forgotten.
#[derive(InputObject)]
pub(crate) struct CardInput {
    /// Digits; spaces and dashes may stand between them.
    number: String,
    /// From 1 on.
    expiry_month: i32,
    /// Four digits.
    expiry_year: i32,
    cvv: String,
}

impl From<CardInput> for payments::Card {
    fn from(card: CardInput) -> Self {
        let positive = |number: i32| u32::try_from(number).unwrap_or(0);
        let (expiry_month, expiry_year) = (positive(card.expiry_month), positive(card.expiry_year));
        Self { number: card.number, expiry_month, expiry_year, cvv: card.cvv }
    }
}

/// The cart, to be bought.
#[derive(InputObject)]
pub(crate) struct PlaceOrderInput {
    /// Fresh for each purchase, from when its form is opened: a repeat answers as the first time. Visible ASCII characters.
    idempotency_key: String,
    destination: DestinationInput,
    payment: PaymentInput,
    /// What is charged at most, and in which currency: a dearer total is refused.
    max_total: MoneyInput,
    /// Of a quote: only what was quoted is bought, the same cart, destination and currency, and for no more.
    quote_id: Option<ID>,
}

/// What was bought, what has to be done first, or why it was not bought.
#[derive(Union)]
pub(crate) enum PlaceOrderResult {
    Order(Order),
    PaymentChallenge(PaymentChallenge),
    PriceChanged(PriceChanged),
    Refusal(Refusal),
}

/// It would cost more than was agreed. Nothing was charged.
#[derive(SimpleObject)]
pub(crate) struct PriceChanged {
    /// PRICE_CHANGED.
    code: String,
    /// A sentence for people.
    message: String,
    /// What was agreed.
    was: Money,
    /// What it costs now, to be agreed to; null where it cannot be bought any more.
    now: Option<Quote>,
}

/// What becomes of a purchase, and what it was to cost at most.
async fn placed(session: &Session, caller: &Caller, input: PlaceOrderInput) -> Result<PlaceOrderResult> {
    let wanted = match read_order(session, caller, input).await {
        Ok(wanted) => wanted,
        Err(status) => return refusable(Err::<Placed, _>(status))?.map_or_else(refused, bought),
    };
    let (address, max_total) = (wanted.address.clone().unwrap_or_default(), wanted.max_total.clone());
    let error = match refusable(session.gateway.place(wanted).await)? {
        Ok(placed) => return bought(placed),
        Err(error) if error.code != "PRICE_CHANGED" => return refused(error),
        Err(error) => error,
    };
    let was = amount(max_total.as_ref())?;
    let now = refusable(quoted_to(session, caller, address, was.currency).await)?.ok();
    Ok(PlaceOrderResult::PriceChanged(PriceChanged {
        code: error.code,
        message: error.message,
        was: was.into(),
        now: now.map(Quote::of).transpose()?,
    }))
}

fn bought(placed: Placed) -> Result<PlaceOrderResult> {
    Ok(match placed {
        Placed::Order(order) => PlaceOrderResult::Order(Order(order)),
        Placed::Challenge(asked) => PlaceOrderResult::PaymentChallenge(PaymentChallenge::of(asked)?),
    })
}

fn refused(error: InputError) -> Result<PlaceOrderResult> {
    let as_given = |field: String| match field.as_str() {
        "token" => "payment.token".to_owned(),
        card if card.starts_with("card.") => format!("payment.{card}"),
        _ => within_destination(field),
    };
    Ok(PlaceOrderResult::Refusal(error.renamed(as_given).into()))
}

async fn read_order(session: &Session, caller: &Caller, input: PlaceOrderInput) -> Result<PlaceOrderRequest, Status> {
    check_idempotency_key(&input.idempotency_key, "idempotency_key")?;
    let max_total = input.max_total.read("max_total")?;
    Ok(PlaceOrderRequest {
        customer_id: caller.id.clone(),
        email: caller.email.clone(),
        idempotency_key: input.idempotency_key,
        currency_code: max_total.currency.code().to_owned(),
        address: Some(input.destination.read(session, &caller.id).await?),
        payment: Some(input.payment.into()),
        max_total: Some(max_total.into()),
        quote_id: input.quote_id.map(|id| id.0).unwrap_or_default(),
    })
}

/// Buying.
#[derive(Default)]
pub(crate) struct Buying;

/// An order to cancel.
#[derive(InputObject)]
pub(crate) struct CancelOrderInput {
    order_id: ID,
    #[graphql(default)]
    reason: String,
}

/// A card to keep a token for.
#[derive(InputObject)]
pub(crate) struct KeepCardInput {
    card: CardInput,
}

/// A card to forget.
#[derive(InputObject)]
pub(crate) struct ForgetCardInput {
    token: ID,
}

/// What came of a change of the cards that are kept.
#[derive(SimpleObject)]
pub(crate) struct CardPayload {
    /// The card that is kept now, or was; null when the change was refused.
    card: Option<Card>,
    errors: Vec<InputError>,
}

impl CardPayload {
    fn of(changed: Result<payments::SavedCard, InputError>) -> Self {
        match changed {
            Ok(card) => Self { card: Some(card.into()), errors: Vec::new() },
            Err(refused) => Self { card: None, errors: vec![refused] },
        }
    }
}

#[Object]
impl Buying {
    /// Buys the customer's cart. A repeat with the same key answers as the first time, and tells what became of a challenge.
    #[graphql(complexity = "50 + child_complexity")]
    async fn place_order(&self, ctx: &Context<'_>, input: PlaceOrderInput) -> Result<PlaceOrderResult> {
        let session = session(ctx);
        let caller = session.admit(Access::Customer).await?;
        placed(session, caller, input).await
    }

    /// Completes a challenge, by a code or a refusal; its id is the key. Then the order is placed, or nothing is bought.
    #[graphql(complexity = "50 + child_complexity")]
    async fn complete_payment_challenge(
        &self,
        ctx: &Context<'_>,
        input: CompletePaymentChallengeInput,
    ) -> Result<PaymentChallengePayload> {
        challenge::complete(session(ctx), input).await
    }

    /// Cancels an order of the caller's that was not sent yet; its money is given back.
    #[graphql(complexity = "50 + child_complexity")]
    async fn cancel_order(&self, ctx: &Context<'_>, input: CancelOrderInput) -> Result<OrderPayload> {
        let session = session(ctx);
        let customer_id = session.admit(Access::Customer).await?.id.clone();
        let request = CancelOrderRequest { order_id: input.order_id.0, customer_id, reason: input.reason };
        Ok(OrderPayload::of(refusable(session.gateway.cancel(request).await)?))
    }

    /// Keeps a token that stands for a card.
    async fn keep_card(&self, ctx: &Context<'_>, input: KeepCardInput) -> Result<CardPayload> {
        let session = session(ctx);
        let customer_id = session.admit(Access::Customer).await?.id.clone();
        let request = payments::TokenizeCardRequest { card: Some(input.card.into()), customer_id };
        let made = refusable(session.gateway.deps.payments.clone().tokenize_card(request).await)?;
        Ok(CardPayload::of(made.map(|made| {
            let made = made.into_inner();
            payments::SavedCard { token: made.token, scheme: made.scheme, last4: made.last4 }
        })))
    }

    /// Forgets the token of a card.
    async fn forget_card(&self, ctx: &Context<'_>, input: ForgetCardInput) -> Result<CardPayload> {
        let session = session(ctx);
        let customer_id = session.admit(Access::Customer).await?.id.clone();
        let request = payments::ForgetCardRequest { token: input.token.0, customer_id };
        let forgotten = refusable(session.gateway.deps.payments.clone().forget_card(request).await)?;
        Ok(CardPayload::of(forgotten.map(tonic::Response::into_inner)))
    }
}
