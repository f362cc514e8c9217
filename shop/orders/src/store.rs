//! Orders as they are kept: the contract's message itself is the document's body, because an order is nothing but its
//! record.

use std::borrow::Cow;

use prost::Message;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_contracts::common::v1::Address;
use vitrine_contracts::orders::v1::{Order, OrderEvent, OrderState, StateChange};
use vitrine_kit::clock::Clock;
use vitrine_platform_bus as bus;
use vitrine_platform_host::{Failure, erasure};
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
    /// Reads an order.
    pub(crate) async fn read(&self, id: &str) -> Result<Stored<OrderDoc>, Failure> {
        self.store.get::<OrderDoc>(id).await?.ok_or_else(|| no_such_order().into())
    }

    /// Records an order that was bought; of a customer who was erased meanwhile, without what says who they were. A repeat answers
    /// with what is there.
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
            if !erasure::writing_for(&mut tx, &order.customer_id).await? {
                forget(&mut created);
            }
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
        let stored = tx.get::<OrderDoc>(id).await?.ok_or_else(no_such_order)?;
        let mut order = order_of(&stored)?;
        if domain::step(order.state(), to)? {
            enter(tx, &mut order, to, self.clock.now_ms(), reason);
            if is_forgotten(&order) {
                forget(&mut order);
            }
            order.version = 0;
            tx.update(&Stored { doc: OrderDoc::new(&order), version: stored.version });
            order.version = stored.version + 1;
        }
        Ok(order)
    }
}

impl Orders {
    /// Takes out of a customer's orders, also of those to come, who they were.
    pub(crate) async fn forget_in(&self, tx: &mut Tx, customer_id: &str) -> Result<(), Failure> {
        erasure::erase(tx, customer_id).await?;
        for stored in self.store.find_all::<OrderDoc>(Query::eq("customer_id", customer_id)).await? {
            let mut order = order_of(&stored)?;
            order.version = 0;
            forget(&mut order);
            tx.update(&Stored { doc: OrderDoc::new(&order), version: stored.version });
        }
        Ok(())
    }
}

/// What is told of an order that is not there, or that is not for the caller.
pub(crate) fn no_such_order() -> Problem {
    Problem::not_found("there is no such order")
}

/// Whether it is not known any more who bought an order.
fn is_forgotten(order: &Order) -> bool {
    order.email.is_empty()
}

/// Takes out of an order who the customer was and where they live, but for the country, which taxes depend on; and what they may
/// have written about themselves, as the reason of a cancellation.
fn forget(order: &mut Order) {
    order.email.clear();
    let country_code = order.address.take().map(|a| a.country_code).unwrap_or_default();
    order.address = Some(Address { country_code, ..Address::default() });
    for change in order.history.iter_mut().filter(|c| c.state() == OrderState::Cancelled) {
        change.reason.clear();
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
    let bare = |order: &Order| {
        let mut bare = Order { state: 0, history: Vec::new(), placed_at_unix_ms: 0, version: 0, ..order.clone() };
        // What was forgotten meanwhile cannot be compared.
        if is_forgotten(known) {
            forget(&mut bare);
        }
        bare
    };
    bare(known) == bare(given)
}

#[cfg(test)]
pub(crate) mod tests {
    use vitrine_contracts::common::v1::Address;
    use vitrine_contracts::orders::v1::{Order, OrderState};
    use vitrine_kit::clock::Clock;
    use vitrine_platform_host::erasure::DataSubject;
    use vitrine_platform_store::{Conflicting, Schema, Store};

    use super::{OrderDoc, Orders, is_forgotten};

    /// None yet.
    pub(crate) fn orders() -> Orders {
        let schema = Schema::new().with::<OrderDoc>().with::<DataSubject>();
        Orders { store: Store::temporary("orders", schema).expect("a database"), clock: Clock::manual(1_000).0 }
    }

    /// An order of Ada's.
    pub(crate) fn order(id: &str) -> Order {
        let address = Some(Address {
            recipient: "Ada".to_owned(),
            line1: "Glashüttenweg 4".to_owned(),
            city: "Dresden".to_owned(),
            postal_code: "01067".to_owned(),
            country_code: "DE".to_owned(),
            ..Address::default()
        });
        let (customer_id, email) = ("cus_ada".to_owned(), "ada@example.org".to_owned());
        Order { id: id.to_owned(), customer_id, email, address, payment_id: "pay_1".to_owned(), ..Order::default() }
    }

    fn nothing_personal(order: &Order) {
        let country_only = Address { country_code: "DE".to_owned(), ..Address::default() };
        assert!(is_forgotten(order) && order.address.as_ref() == Some(&country_only), "{order:?}");
        assert!(order.history.iter().all(|c| c.reason != "for my brother"), "{order:?}");
        assert_eq!(
            (order.customer_id.as_str(), order.payment_id.as_str()),
            ("cus_ada", "pay_1"),
            "the books need these"
        );
    }

    #[tokio::test]
    async fn orders_before_and_after_an_erasure_say_nothing_of_the_person() {
        let orders = orders();
        assert_eq!(orders.create(order("ord_1")).await.expect("recorded").email, "ada@example.org");
        orders.create(order("ord_2")).await.expect("recorded");
        orders.transition("ord_2", OrderState::Cancelled, "for my brother").await.expect("cancelled");
        let mut tx = orders.store.begin();
        orders.forget_in(&mut tx, "cus_ada").await.expect("read");
        tx.commit().await.expect("forgotten");

        // A purchase that was under way is recorded all the same, and may be recorded again.
        for _ in 0..2 {
            nothing_personal(&orders.create(order("ord_3")).await.expect("recorded"));
            orders.create(order("ord_1")).await.expect("a repeat of an order that was forgotten");
        }
        orders.transition("ord_3", OrderState::Cancelled, "for my brother").await.expect("cancelled");
        for id in ["ord_1", "ord_2", "ord_3"] {
            nothing_personal(&super::order_of(&orders.read(id).await.expect("there")).expect("readable"));
        }
        let other = Order { payment_id: "pay_2".to_owned(), ..order("ord_1") };
        orders.create(other).await.expect_err("another order under this id");
        let of_bob = Order { customer_id: "cus_bob".to_owned(), ..order("ord_4") };
        assert!(!is_forgotten(&orders.create(of_bob).await.expect("recorded")));
    }

    #[tokio::test]
    async fn an_order_that_comes_while_its_customer_is_erased_is_not_missed() {
        let orders = orders();
        let mut tx = orders.store.begin();
        orders.forget_in(&mut tx, "cus_ada").await.expect("read");
        orders.create(order("ord_1")).await.expect("recorded");
        assert!(tx.commit().await.expect_err("an order came meanwhile").is_conflict());
    }
}
