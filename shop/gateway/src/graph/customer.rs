//! Who buys: profile, addresses, cards, letters, and signing up and in.

use async_graphql::connection::Connection;
use async_graphql::{Context, Error, ID, InputObject, Object, SimpleObject};
use vitrine_contracts::common::v1 as common;
use vitrine_contracts::customers::v1 as wire;
use vitrine_contracts::email::v1::{GetMessageRequest, ListMessagesRequest, Message};
use vitrine_contracts::orders::v1::{ListOrdersRequest, OrderState as WireState};
use vitrine_contracts::payments::v1::{ListCardsRequest, SavedCard};
use vitrine_kit::money::Currency;

use super::cost::times;
use super::error::{InputError, failure, findable};
use super::order::{Address, Order, OrderState, Orders};
use super::page::Paging;
use super::scalars::{CountryCode, CurrencyCode, DateTime, int};
use super::session::{Session, session};
use crate::guard::Access;

/// Someone who buys.
pub(crate) struct Customer(pub(crate) wire::Customer);

#[Object]
impl Customer {
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// In the one form in which addresses are kept: lower case, the domain as DNS knows it.
    async fn email(&self) -> &str {
        &self.0.email
    }

    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// What prices are shown in.
    async fn preferred_currency(&self) -> CurrencyCode {
        CurrencyCode(Currency::parse(&self.0.preferred_currency).unwrap_or(Currency::EUR))
    }

    async fn addresses(&self) -> Vec<SavedAddress> {
        self.0.addresses.iter().cloned().map(SavedAddress).collect()
    }

    /// Cards that a token is kept for, newest first.
    async fn cards(&self, ctx: &Context<'_>) -> Result<Vec<Card>, Error> {
        let request = ListCardsRequest { customer_id: self.0.id.clone() };
        let found = session(ctx).gateway.deps.payments.clone().list_cards(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner().cards;
        Ok(found.into_iter().map(Card::from).collect())
    }

    /// Newest first.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        state: Option<OrderState>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Orders, Error> {
        let (session, paging) = (session(ctx), Paging::new(first, after)?);
        let state = state.map_or(WireState::Unspecified, WireState::from).into();
        let request = ListOrdersRequest { customer_id: self.0.id.clone(), state, page: paging.request() };
        let found = session.gateway.deps.orders.clone().list_orders(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        found.orders.iter().cloned().for_each(|order| session.know_order(order));
        Ok(paging.connection(found.orders, found.page, Order))
    }

    /// The mailbox, newest first.
    #[graphql(complexity = "times(first, child_complexity)")]
    async fn letters(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<String, Letter>, Error> {
        let paging = Paging::new(first, after)?;
        let request = ListMessagesRequest { customer_id: self.0.id.clone(), page: paging.request() };
        let found = session(ctx).gateway.deps.email.clone().list_messages(request).await;
        let found = found.map_err(|status| failure(&status))?.into_inner();
        Ok(paging.connection(found.messages, found.page, Letter))
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at_unix_ms)
    }

    /// Grows with each change.
    async fn version(&self) -> i32 {
        int(self.0.version)
    }

    /// All that is stored about the customer, as JSON text.
    #[graphql(complexity = "100 + child_complexity")]
    async fn export(&self, ctx: &Context<'_>) -> Result<String, Error> {
        let exported = session(ctx).gateway.export(&self.0.id).await.map_err(|status| failure(&status))?;
        Ok(exported.to_string())
    }
}

/// The customer who calls; nothing of strangers and guests.
pub(crate) async fn me(session: &Session) -> Result<Option<Customer>, Error> {
    if session.identity.presented.is_none() {
        return Ok(None);
    }
    let customer_id = session.admit(Access::Customer).await?.id.clone();
    let found = session.gateway.deps.customers.clone().get_customer(wire::GetCustomerRequest { customer_id }).await;
    Ok(Some(Customer(found.map_err(|status| failure(&status))?.into_inner())))
}

/// An address that a customer keeps.
pub(crate) struct SavedAddress(pub(crate) wire::SavedAddress);

#[Object]
impl SavedAddress {
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn label(&self) -> &str {
        &self.0.label
    }

    async fn address(&self) -> Address {
        self.0.address.clone().unwrap_or_default().into()
    }
}

/// A card that a token is kept for.
#[derive(SimpleObject)]
pub(crate) struct Card {
    /// To pay with, and to forget it by.
    token: ID,
    /// visa, mastercard, amex or discover.
    scheme: String,
    last4: String,
}

impl From<SavedCard> for Card {
    fn from(card: SavedCard) -> Self {
        Self { token: ID(card.token), scheme: card.scheme, last4: card.last4 }
    }
}

/// A letter to a customer.
pub(crate) struct Letter(pub(crate) Message);

#[Object]
impl Letter {
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// receipt, shipped, cancelled or refunded.
    async fn template(&self) -> &str {
        &self.0.template
    }

    async fn order_id(&self) -> ID {
        ID(self.0.order_id.clone())
    }

    /// What it is about.
    async fn order(&self, ctx: &Context<'_>) -> Result<Option<Order>, Error> {
        if self.0.order_id.is_empty() {
            return Ok(None);
        }
        Ok(session(ctx).order(&self.0.order_id).await?.map(Order))
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at_unix_ms)
    }

    /// mailbox or smtp.
    async fn delivered_by(&self) -> &str {
        &self.0.delivered_by
    }

    /// Of a letter that was asked for by itself, with `node`; null in lists.
    async fn text(&self) -> Option<&str> {
        Some(&*self.0.text).filter(|text| !text.is_empty())
    }

    /// As `text`.
    async fn html(&self) -> Option<&str> {
        Some(&*self.0.html).filter(|html| !html.is_empty())
    }
}

/// A letter of the caller's, whole.
pub(crate) async fn letter(session: &Session, message_id: String) -> Result<Option<Letter>, Error> {
    let customer_id = session.admit(Access::Customer).await?.id.clone();
    let request = GetMessageRequest { message_id, customer_id };
    let found = findable(session.gateway.deps.email.clone().get_message(request).await)?;
    Ok(found.map(|found| Letter(found.into_inner())))
}

/// Where something is to be sent.
#[derive(InputObject)]
pub(crate) struct AddressInput {
    recipient: String,
    line1: String,
    #[graphql(default)]
    line2: String,
    city: String,
    postal_code: String,
    country: CountryCode,
}

impl From<AddressInput> for common::Address {
    fn from(input: AddressInput) -> Self {
        let AddressInput { recipient, line1, line2, city, postal_code, country } = input;
        Self { recipient, line1, line2, city, postal_code, country_code: country.0 }
    }
}

/// What came of a change of a customer.
#[derive(SimpleObject)]
pub(crate) struct CustomerPayload {
    /// Null when the change was refused.
    customer: Option<Customer>,
    errors: Vec<InputError>,
}

impl CustomerPayload {
    pub(crate) fn of(changed: Result<wire::Customer, InputError>) -> Self {
        match changed {
            Ok(customer) => Self { customer: Some(Customer(customer)), errors: Vec::new() },
            Err(refused) => Self { customer: None, errors: vec![refused] },
        }
    }
}
