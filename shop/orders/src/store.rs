//! Orders as they are kept: the contract's message itself is the document's body, for an order is nothing but its record.

use std::borrow::Cow;

use prost::Message;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::Address;
use vitrine_contracts::orders::v1::{Order, OrderEvent, OrderState, StateChange};
use vitrine_kit::clock::Clock;
use vitrine_platform_bus as bus;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Document, Index, Keys, Query, Store, Stored, Tx, retry_conflicts};

use crate::domain;

/// An order: what is searched for as fields, all of it as the contract's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OrderDoc {
    pub(crate) id: String,
    pub(crate) customer_id: String,
    pub(crate) state: i32,
    pub(crate) placed_at: i64,
    /// `orders.v1.Order`, encoded; its version field is empty.
    #[serde(with = "vitrine_platform_store::bytes")]
    order: Vec<u8>,
}

impl Document for OrderDoc {
    const COLLECTION: &'static str = "orders";
    const INDEXES: &'static [Index] = &[Index::ordered("customer_id"), Index::ordered("state")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("customer_id", self.customer_id.as_str());
        out.put("state", self.state);
    }
}

impl OrderDoc {
    fn new(order: &Order) -> Self {
        Self {
            id: order.id.clone(),
            customer_id: order.customer_id.clone(),
            state: order.state,
            placed_at: order.placed_at_unix_ms,
            order: order.encode_to_vec(),
        }
    }
}

/// The order of a document.
pub(crate) fn order_of(stored: &Stored<OrderDoc>) -> Result<Order, Failure> {
    let mut order = Order::decode(stored.doc.order.as_slice()).map_err(|e| {
        tracing::error!(order_id = stored.doc.id, error = %e, "a stored order cannot be read");
        Problem::internal()
    })?;
    order.version = stored.version;
    Ok(order)
}

/// All orders. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Orders {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Orders {
    /// Reads an order; of this customer, when one is named.
    pub(crate) async fn read(&self, id: &str, customer_id: &str) -> Result<Stored<OrderDoc>, Failure> {
        let found = self.store.get::<OrderDoc>(id).await?;
        let visible = found.filter(|s| customer_id.is_empty() || s.customer_id == customer_id);
        visible.ok_or_else(|| Problem::not_found("there is no such order").into())
    }

    /// Records an order that was bought. A repeat answers with what is there.
    pub(crate) async fn create(&self, order: Order) -> Result<Order, Failure> {
        retry_conflicts(async || {
            if let Some(stored) = self.store.get::<OrderDoc>(&order.id).await? {
                let known = order_of(&stored)?;
                return if same_content(&known, &order) {
                    Ok(known)
                } else {
                    Err(Problem::already_exists("another order has this id").into())
                };
            }
            let now = self.clock.now_ms();
            let mut created = order.clone();
            created.placed_at_unix_ms = now;
            created.version = 0;
            created.history.clear();
            let mut tx = self.store.begin();
            for state in [OrderState::Placed, OrderState::Paid] {
                enter(&mut tx, &mut created, state, now, "bought");
            }
            tx.insert(&OrderDoc::new(&created));
            tx.commit().await?;
            tracing::info!(order_id = created.id, "order placed");
            Ok(Order { version: 1, ..created })
        })
        .await
    }

    /// Moves an order along. A repeat answers with what is there.
    pub(crate) async fn transition(&self, id: &str, to: OrderState, reason: &str) -> Result<Order, Failure> {
        retry_conflicts(async || {
            let mut tx = self.store.begin();
            let order = self.transition_in(&mut tx, id, to, reason).await?;
            tx.commit().await?;
            Ok(order)
        })
        .await
    }

    /// The same, as a part of a batch.
    pub(crate) async fn transition_in(
        &self,
        tx: &mut Tx,
        id: &str,
        to: OrderState,
        reason: &str,
    ) -> Result<Order, Failure> {
        let stored = self.read(id, "").await?;
        let mut order = order_of(&stored)?;
        if domain::step(order.state(), to)? {
            enter(tx, &mut order, to, self.clock.now_ms(), reason);
            order.version = 0;
            tx.update(&Stored { doc: OrderDoc::new(&order), version: stored.version });
            order.version = stored.version + 1;
        }
        Ok(order)
    }
}

impl Orders {
    /// Takes out of a customer's orders who they were and where they live, but for the country, which taxes depend on.
    pub(crate) async fn forget_in(&self, tx: &mut Tx, customer_id: &str) -> Result<(), Failure> {
        for stored in self.store.find_all::<OrderDoc>(Query::eq("customer_id", customer_id)).await? {
            let mut order = order_of(&stored)?;
            order.version = 0;
            order.email.clear();
            let country_code = order.address.take().map(|a| a.country_code).unwrap_or_default();
            order.address = Some(Address { country_code, ..Address::default() });
            tx.update(&Stored { doc: OrderDoc::new(&order), version: stored.version });
        }
        Ok(())
    }
}

/// Puts the order into a state, with history and event.
fn enter(tx: &mut Tx, order: &mut Order, state: OrderState, now: i64, reason: &str) {
    order.set_state(state);
    order.history.push(StateChange { state: state.into(), at_unix_ms: now, reason: reason.to_owned() });
    let event = OrderEvent {
        order_id: order.id.clone(),
        customer_id: order.customer_id.clone(),
        state: state.into(),
        lines: order.lines.clone(),
        subtotal: order.subtotal.clone(),
        shipping: order.shipping.clone(),
        total: order.total.clone(),
        country_code: order.address.as_ref().map(|a| a.country_code.clone()).unwrap_or_default(),
        at_unix_ms: now,
    };
    bus::publish(tx, domain::topic(state), &order.id, now, &event);
}

/// Whether two orders say the same, apart from what this service sets.
fn same_content(known: &Order, given: &Order) -> bool {
    let bare =
        |order: &Order| Order { state: 0, history: Vec::new(), placed_at_unix_ms: 0, version: 0, ..order.clone() };
    bare(known) == bare(given)
}
