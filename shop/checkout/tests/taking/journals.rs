//! Purchases that a process left under way: of this version, and of the one before purchases took their carts.

use std::borrow::Cow;
use std::path::Path;

use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vitrine_contracts::catalog::v1::GetProductRequest;
use vitrine_contracts::common::v1::Money;
use vitrine_contracts::orders::v1::{GetOrderRequest, Order, OrderLine};
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

/// Writes an old journal: of each purchase its order's id and its position.
async fn write(data: &Path, customer_id: &str, purchases: &[(&str, Value)]) {
    let storage = Storage::Folder(data.to_owned());
    for left in ["checkout.db", "checkout.db-wal", "checkout.db-shm"] {
        // What the shop of this version has made goes: it is not there when the old one ends.
        let _ = std::fs::remove_file(data.join(left));
    }
    let store = Store::open(&storage, "checkout", Schema::new().with::<Saga>()).expect("a database");
    store.ready().await.expect("ready");
    let mut tx = store.begin();
    for (order_id, position) in purchases {
        let (order, order_id) = (order(order_id, customer_id).encode_to_vec(), (*order_id).to_owned());
        let purchase = Purchase {
            order_id: order_id.clone(),
            customer_id: customer_id.to_owned(),
            cart_version: 1,
            parcel_g: 2900,
            order,
        };
        tx.insert(&Saga(json!({
            "id": format!("buy/{customer_id}/{order_id}"), "fingerprint": "00", "work": {"Buy": purchase},
            "position": position, "refusal": null, "started_at": 1, "updated_at": 1,
        })));
    }
    tx.commit().await.expect("written");
}

async fn is_recorded(world: &World, order_id: &str) -> bool {
    let request = GetOrderRequest { order_id: order_id.to_owned(), customer_id: String::new() };
    world.orders.clone().get_order(request).await.is_ok()
}

async fn reserved(world: &World) -> u32 {
    let request = GetProductRequest { product_id: "prd_tall-vase".to_owned() };
    world.catalog.clone().get_product(request).await.expect("a product").into_inner().reserved
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_of_an_old_journal_end_as_they_would_have() {
    let world = World::new().await;
    let ada = world.customer("ada@example.org").await;
    world.add(&ada, "prd_tall-vase", 5).await;
    world.add(&ada, "prd_storm-vase", 1).await;
    // Step 5 of an old purchase with a parcel is the record, 6 empties the cart; step 1 is the authorisation.
    let purchases =
        [("ord_record", json!({"Doing": 5})), ("ord_clear", json!({"Doing": 6})), ("ord_early", json!({"Doing": 1}))];
    let world = world.restart(async |data| write(data, &ada, &purchases).await).await;

    wait_for("the record", async || is_recorded(&world, "ord_record").await).await;
    // Two purchases of two each, and the one vase that is left, is left.
    wait_for("the cart", async || world.cart(&ada).await.lines.first().is_some_and(|l| l.quantity == 1)).await;
    assert_eq!(world.cart(&ada).await.lines, [line("prd_tall-vase", 1), line("prd_storm-vase", 1)]);
    // What had not come to its capture is turned back: an authorisation that comes late would be refused.
    wait_for("the payment to be voided", async || world.payments().await.iter().any(|p| p.id == "pay_early")).await;
    assert!(!is_recorded(&world, "ord_early").await);
    wait_for("nothing to be held", async || reserved(&world).await == 0).await;
    // Nothing is left of it: the cart can be bought.
    let bought = world.checkout.clone().place_order(order_request(&ada, "afterwards")).await.expect("bought");
    assert_eq!(bought.into_inner().lines.len(), 2);
    assert!(world.cart(&ada).await.lines.is_empty());
}
