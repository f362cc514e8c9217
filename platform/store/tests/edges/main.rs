//! What a store does at its edges: files that are damaged or of another time, long keys, many writers, and a kill.

mod contention;
mod opening;
mod paging;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Keys, NewEvent, Schema, Store, Stored, Tx};

/// A thing with a number of itself in stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    id: String,
    stock: i64,
    text: String,
}

impl Item {
    fn new(id: &str, stock: i64, text: &str) -> Self {
        Self { id: id.to_owned(), stock, text: text.to_owned() }
    }
}

impl Document for Item {
    const COLLECTION: &'static str = "items";
    const INDEXES: &'static [Index] = &[Index::ordered("stock"), Index::ordered("label"), Index::text("text")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("stock", self.stock);
        out.put("label", self.text.as_str());
        out.put("text", self.text.as_str());
    }
}

fn schema() -> Schema {
    Schema::new().with::<Item>()
}

fn temporary() -> Store {
    Store::temporary("test", schema()).expect("a database")
}

async fn commit(store: &Store, fill: impl FnOnce(&mut Tx)) -> Result<(), Error> {
    let mut tx = store.begin();
    fill(&mut tx);
    tx.commit().await
}

async fn read(store: &Store, id: &str) -> Stored<Item> {
    store.get(id).await.expect("read").expect("there")
}

fn event(id: &str, occurred_at_ms: i64) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        topic: "test.item.made".to_owned(),
        key: id.to_owned(),
        occurred_at_ms,
        payload: Vec::new(),
        traceparent: String::new(),
        baggage: String::new(),
    }
}

fn topics() -> [String; 1] {
    ["test.item.made".to_owned()]
}
