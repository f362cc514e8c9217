//! Purchases that a process left under way: of this version, and of the one before purchases took their carts.

use std::borrow::Cow;
use std::path::Path;

use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_contracts::catalog::v1::{GetProductRequest, Product};
use vitrine_contracts::common::v1::Money;
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, Order, OrderLine, OrderState, TransitionRequest};
use vitrine_platform_store::{Document, Index, Keys, Schema, Storage, Store};

use crate::world::{World, address, line, order_request, wait_for};

/// A journalled saga as it stands on disk, with the indexes of before.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Saga(Value);

impl Document for Saga {
    const COLLECTION: &'static str = "sagas";
    const INDEXES: &'static [Index] = &[Index::ordered("open"), Index::ordered("ended")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0["id"].as_str().unwrap_or_default())
    }
    fn keys(&self, out: &mut Keys) {
        out.put("open", self.0["updated_at"].as_i64().unwrap_or_default());
    }
}

#[derive(Serialize)]
struct Purchase {
    order_id: String,
    customer_id: String,
    cart_version: u64,
    parcel_g: u32,
    #[serde(with = "vitrine_platform_store::bytes")]
    order: Vec<u8>,
}

/// An order of two tall vases, as it is journalled.
fn order(id: &str, customer_id: &str) -> Order {
    let money = |minor_units| Some(Money { currency_code: "EUR".to_owned(), minor_units });
    let bought = OrderLine {
        product_id: "prd_tall-vase".to_owned(),
        name: "Tall vase".to_owned(),
        quantity: 2,
        unit_price: money(8900),
        total: money(17_800),
        category: "vases".to_owned(),
    };
    let sibling = |prefix| vitrine_kit::id::sibling(prefix, id);
    Order {
        id: id.to_owned(),
        customer_id: customer_id.to_owned(),
        email: "ada@example.org".to_owned(),
        lines: vec![bought],
        subtotal: money(17_800),
        shipping: money(500),
        total: money(18_300),
        address: Some(address()),
        payment_id: sibling("pay"),
        shipment_id: sibling("shp"),
        reservation_id: sibling("rsv"),
        ..Order::default()
    }
}

/// A purchase of before purchases took their carts, as it is journalled.
fn purchase(customer_id: &str, order_id: &str) -> Value {
    let (order, order_id, customer_id) =
        (order(order_id, customer_id).encode_to_vec(), order_id.to_owned(), customer_id.to_owned());
    json!({"Buy": Purchase { order_id, customer_id, cart_version: 1, parcel_g: 2900, order }})
}

/// Writes a journal: what each saga does, and how far it is, as `position` or `record`.
async fn write(data: &Path, sagas: Vec<(Value, (&str, Value))>) {
    let storage = Storage::Folder(data.into());
    for left in ["checkout.db", "checkout.db-wal", "checkout.db-shm"] {
        // What the shop of this version has made goes: it is not there when the old one ends.
        let _ = std::fs::remove_file(data.join(left));
    }
    let store = Store::open(&storage, "checkout", Schema::new().with::<Saga>()).expect("a database");
    store.ready().await.expect("ready");
    let mut tx = store.begin();
    for (number, (work, (field, how_far))) in sagas.into_iter().enumerate() {
        let mut saga = json!({
            "id": format!("saga-{number}"), "fingerprint": "00", "work": work,
            "refusal": null, "started_at": 1, "updated_at": 1,
        });
        saga[field] = how_far;
        tx.insert(&Saga(saga));
    }
    tx.commit().await.expect("written");
}

async fn is_recorded(world: &World, order_id: &str) -> bool {
    let request = GetAnyOrderRequest { order_id: order_id.to_owned() };
    world.orders.clone().get_any_order(request).await.is_ok()
}

async fn vase(world: &World) -> Product {
    let request = GetProductRequest { product_id: "prd_tall-vase".to_owned() };
    world.catalog.clone().get_product(request).await.expect("a product").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_of_an_old_journal_end_as_they_would_have() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 5).await;
    world.add(&ada, "prd_storm-vase", 1).await;
    // Step 5 of an old purchase with a parcel is the record, 6 empties the cart; step 1 is the authorisation.
    let sagas = [("ord_record", 5), ("ord_clear", 6), ("ord_early", 1)]
        .map(|(order_id, step)| (purchase(&ada, order_id), ("position", json!({"Doing": step}))));
    let world = world.restart(async |data| write(data, sagas.into()).await).await;

    wait_for("the record", async || is_recorded(&world, "ord_record").await).await;
    // Two purchases of two each, and the one vase that is left, is left.
    wait_for("the cart", async || world.cart(&ada).await.lines.first().is_some_and(|l| l.quantity == 1)).await;
    assert_eq!(world.cart(&ada).await.lines, [line("prd_tall-vase", 1), line("prd_storm-vase", 1)]);
    // What had not come to its capture is turned back: an authorisation that comes late would be refused.
    wait_for("the payment to be voided", async || world.payments().await.iter().any(|p| p.id == "pay_early")).await;
    assert!(!is_recorded(&world, "ord_early").await);
    wait_for("nothing to be held", async || vase(&world).await.reserved == 0).await;
    // Nothing is left of it: the cart can be bought.
    let bought = world.buy(order_request(&ada, "afterwards")).await.expect("bought");
    assert_eq!(bought.lines.len(), 2);
    assert!(world.cart(&ada).await.lines.is_empty());
}

/// A parcel that was stopped is not sent, whatever someone marked its order as: what is left to do is to give
/// everything back.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_goes_on_from_behind_its_first_step() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 2).await;
    let order = world.buy(order_request(&ada, "key")).await.expect("bought");
    let request =
        TransitionRequest { order_id: order.id.clone(), to: OrderState::Shipped.into(), reason: "by hand".to_owned() };
    world.orders.clone().transition(request).await.expect("marked");
    let cancellation = json!({"Cancel": {
        "order_id": order.id, "payment_id": order.payment_id, "shipment_id": order.shipment_id,
        "reservation_id": order.reservation_id, "reason": "changed my mind",
    }});
    let world =
        world.restart(async |data| write(data, vec![(cancellation, ("position", json!({"Doing": 1})))]).await).await;

    let request = || GetAnyOrderRequest { order_id: order.id.clone() };
    wait_for("the order to be refunded", async || {
        world
            .orders
            .clone()
            .get_any_order(request())
            .await
            .is_ok_and(|o| o.into_inner().state() == OrderState::Refunded)
    })
    .await;
    let payments = world.payments().await;
    assert!(payments.len() == 1 && payments[0].refunded == order.total, "{payments:?}");
    assert_eq!(vase(&world).await.sold, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_began_is_left_as_it_is_and_the_rest_goes_on() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 5).await;
    let record = |definition: &str, steps: Value| {
        ("record", json!({"definition": definition, "phase": "forward", "steps": steps}))
    };
    let held =
        json!({"take-cart": "done", "sell-stock": "done", "authorize": "done", "capture": "done", "record": "started"});
    let sagas = vec![
        (json!({"Exchange": {"order_id": "ord_later"}}), record("exchange/1", json!({"swap": "started"}))),
        (purchase(&ada, "ord_newer"), record("purchase/9", json!({"wrap": "started"}))),
        (purchase(&ada, "ord_strange"), record("purchase/3", json!({"wrap": "started"}))),
        (purchase(&ada, "ord_broken"), ("position", json!({"Doing": 99}))),
        (purchase(&ada, "ord_ours"), record("purchase/3", held)),
    ];
    let world = world.restart(async |data| write(data, sagas).await).await;
    wait_for("the record", async || is_recorded(&world, "ord_ours").await).await;
    wait_for("the cart", async || world.cart(&ada).await.lines == [line("prd_tall-vase", 3)]).await;
    for order_id in ["ord_newer", "ord_strange", "ord_broken"] {
        assert!(!is_recorded(&world, order_id).await, "{order_id}");
    }
    assert!(world.payments().await.is_empty(), "nothing of theirs was undone");
    world.buy(order_request(&ada, "key")).await.expect("others buy");
}
