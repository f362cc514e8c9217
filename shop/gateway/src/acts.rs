//! What REST and GraphQL do in the same way: calls with what has to follow them.

use serde_json::{Value, json};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::auth::v1::RotateKeysRequest;
use vitrine_contracts::catalog::v1 as catalog;
use vitrine_contracts::checkout::v1::complete_challenge_request::Answer;
use vitrine_contracts::checkout::v1::place_order_response::Result as Placed;
use vitrine_contracts::checkout::v1::{
    CancelAnyOrderRequest, CancelOrderRequest, CompleteChallengeRequest, PlaceOrderRequest, PurchaseChallenge,
    RefundOrderRequest,
};
use vitrine_contracts::common::v1::{Money, PageRequest};
use vitrine_contracts::currency::v1::ConvertRequest;
use vitrine_contracts::customers::v1::ExportCustomerRequest;
use vitrine_contracts::email::v1::ListMessagesRequest;
use vitrine_contracts::limits::{MAX_PAGE, MAX_REASON};
use vitrine_contracts::orders::v1::{ListOrdersRequest, Order, OrderState, TransitionRequest};
use vitrine_contracts::payments::v1::{ChallengeState, GetChallengeRequest};
use vitrine_contracts::text::line;
use vitrine_kit::money::Currency;

use crate::{Gateway, dto};

impl Gateway {
    /// Buys a cart, unless the card asks for a challenge.
    pub(crate) async fn place(&self, request: PlaceOrderRequest) -> Result<Placed, Status> {
        match self.deps.checkout.clone().place_order(request).await?.into_inner().result {
            Some(Placed::Order(order)) => Ok(Placed::Order(self.moved(order).await?)),
            Some(challenge) => Ok(challenge),
            None => Err(Problem::internal().into()),
        }
    }

    /// A challenge, for one who knows its id.
    pub(crate) async fn challenge(&self, challenge_id: String) -> Result<PurchaseChallenge, Status> {
        let request = GetChallengeRequest { challenge_id };
        let payment = self.deps.payments.clone().get_challenge(request).await?.into_inner();
        Ok(PurchaseChallenge { challenge: payment.challenge, order_id: payment.reference, amount: payment.amount })
    }

    /// Takes an answer to a challenge. A wrong code that can be tried again is refused.
    pub(crate) async fn complete_challenge(
        &self,
        challenge_id: String,
        answer: Answer,
    ) -> Result<PurchaseChallenge, Status> {
        let request = CompleteChallengeRequest { challenge_id: challenge_id.clone(), answer: Some(answer) };
        let completed = self.deps.checkout.clone().complete_challenge(request).await?.into_inner();
        if let Some(order) = completed.order {
            // What was bought is told to customers, not to whoever knows a challenge.
            self.moved(order).await?;
            return self.challenge(challenge_id).await;
        }
        let asked = completed.challenge.ok_or_else(Problem::internal)?;
        match &asked.challenge {
            Some(challenge) if challenge.state() == ChallengeState::Waiting => {
                let expected = format!("the code that the bank has sent; tries left: {}", challenge.tries_left);
                let problem = Problem::invalid("code", &expected, "that is not the code");
                Err(problem.with_reason("WRONG_CHALLENGE_CODE").into())
            }
            _ => Ok(asked),
        }
    }

    /// Cancels an order of a customer's; its stock is there again.
    pub(crate) async fn cancel(&self, request: CancelOrderRequest) -> Result<Order, Status> {
        self.moved(self.deps.checkout.clone().cancel_order(request).await?.into_inner()).await
    }

    /// Moves an order along, for those who run the shop. Cancelling and refunding go through checkout, which brings what goes back, money
    /// and stock, to its end.
    pub(crate) async fn transition(&self, order_id: String, to: OrderState, reason: &str) -> Result<Order, Status> {
        let reason = line("reason", reason, 0..=MAX_REASON)?;
        let reason = if reason.is_empty() { "by an admin".to_owned() } else { reason };
        let mut checkout = self.deps.checkout.clone();
        match to {
            OrderState::Shipped | OrderState::Delivered => {
                let request = TransitionRequest { order_id, to: to.into(), reason };
                Ok(self.deps.orders.clone().transition(request).await?.into_inner())
            }
            OrderState::Cancelled => {
                let request = CancelAnyOrderRequest { order_id, reason };
                self.moved(checkout.cancel_any_order(request).await?.into_inner()).await
            }
            // If it was not sent, its stock is there again.
            OrderState::Refunded => {
                let request = RefundOrderRequest { order_id, reason };
                self.moved(checkout.refund_order(request).await?.into_inner()).await
            }
            OrderState::Placed | OrderState::Paid | OrderState::Unspecified => {
                let expected = "shipped, delivered, cancelled or refunded";
                Err(Problem::invalid("to", expected, "only checkout places and charges").into())
            }
        }
    }

    async fn moved(&self, order: Order) -> Result<Order, Status> {
        self.browse.moved(&order).await;
        Ok(order)
    }

    /// Sells something new.
    pub(crate) async fn create_product(
        &self,
        mut request: catalog::CreateProductRequest,
    ) -> Result<catalog::Product, Status> {
        if let Some(product) = &mut request.product {
            product.comparable_price = self.comparable(product.price.as_ref()).await?;
        }
        let created = self.deps.catalog.clone().create_product(request).await;
        self.browse.listed().await;
        Ok(created?.into_inner())
    }

    /// Changes a product: a promoter's own, or any where no promoter acts.
    pub(crate) async fn update_product(
        &self,
        mut change: catalog::ProductChange,
        acting_as: Option<String>,
    ) -> Result<catalog::Product, Status> {
        change.comparable_price = self.comparable(change.price.as_ref()).await?;
        let (mut catalog, product_id) = (self.deps.catalog.clone(), change.product_id.clone());
        let change = Some(change);
        let updated = match acting_as {
            Some(acting_promoter_id) => {
                catalog.update_product(catalog::UpdateProductRequest { change, acting_promoter_id }).await
            }
            None => catalog.update_any_product(catalog::UpdateAnyProductRequest { change }).await,
        };
        self.browse.changed(&product_id).await;
        Ok(updated?.into_inner())
    }

    /// Sells a product no more: a promoter's own, or any where no promoter acts.
    pub(crate) async fn delete_product(
        &self,
        product_id: String,
        acting_as: Option<String>,
        expected: Option<catalog::ProductState>,
    ) -> Result<(), Status> {
        let (mut catalog, id) = (self.deps.catalog.clone(), product_id.clone());
        let deleted = match acting_as {
            Some(acting_promoter_id) => {
                let request = catalog::DeleteProductRequest { product_id, acting_promoter_id, expected };
                catalog.delete_product(request).await
            }
            None => catalog.delete_any_product(catalog::DeleteAnyProductRequest { product_id, expected }).await,
        };
        self.browse.changed(&id).await;
        deleted.map(drop)
    }

    /// What a price in another currency than EUR is in EUR: the catalog compares by it.
    async fn comparable(&self, price: Option<&Money>) -> Result<Option<Money>, Status> {
        let euro = Currency::EUR.code();
        let Some(price) = price.filter(|price| price.currency_code != euro) else { return Ok(None) };
        let request = ConvertRequest { from: Some(price.clone()), to_code: euro.to_owned() };
        Ok(self.deps.currency.clone().convert(request).await?.into_inner().money)
    }

    /// Signs with a new key from now on. Returns its id.
    pub(crate) async fn rotate_keys(&self, request: RotateKeysRequest) -> Result<String, Status> {
        let rotated = self.deps.auth.clone().rotate_keys(request).await?.into_inner();
        self.tokens.keys_changed().await;
        Ok(rotated.key_id)
    }

    /// What every service that keeps something about a customer has, in one document.
    pub(crate) async fn export(&self, customer_id: &str) -> Result<Value, Status> {
        let request = ExportCustomerRequest { customer_id: customer_id.to_owned() };
        let exported = self.deps.customers.clone().export_customer(request).await?.into_inner().json;
        let customer: Value = serde_json::from_str(&exported).map_err(|_| Problem::internal())?;
        let (mut orders, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = Some(PageRequest { size: MAX_PAGE, cursor });
            let request =
                ListOrdersRequest { customer_id: customer_id.to_owned(), page, ..ListOrdersRequest::default() };
            let found = self.deps.orders.clone().list_orders(request).await?.into_inner();
            orders.extend(found.orders.into_iter().map(dto::Order::from));
            cursor = found.page.map(|p| p.next_cursor).unwrap_or_default();
            if cursor.is_empty() {
                break;
            }
        }
        let (mut letters, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = Some(PageRequest { size: MAX_PAGE, cursor });
            let request = ListMessagesRequest { customer_id: customer_id.to_owned(), page };
            let found = self.deps.email.clone().list_messages(request).await?.into_inner();
            letters.extend(found.messages.into_iter().map(dto::Letter::from));
            cursor = found.page.map(|p| p.next_cursor).unwrap_or_default();
            if cursor.is_empty() {
                break;
            }
        }
        Ok(json!({ "customer": customer, "orders": orders, "letters": letters }))
    }
}
