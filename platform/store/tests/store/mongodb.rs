//! What a MongoDB server, or one that only speaks its protocol, can do to a store: refuse, be in the way, hang and be gone.

mod opening;
mod outages;
mod stand_in;
mod transactions;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys, MongoDbConfig, Schema, Store};

use crate::database::TestDatabase;
use stand_in::StandIn;

/// How long something may take to come about.
const BOUND: Duration = Duration::from_secs(30);
/// What ends at a deadline of a second, or at once, ends within this on a busy machine, too. What it must not wait for takes longer.
const SOON: Duration = Duration::from_secs(10);
/// A time that nothing may take which is told at once.
const FOR_EVER: u64 = 120_000;

/// Someone with an address of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Guest {
    id: String,
    email: String,
}

impl Guest {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), email: format!("{id}@vitrine.example") }
    }
}

impl Document for Guest {
    const COLLECTION: &'static str = "guests";
    const INDEXES: &'static [Index] = &[Index::ordered("name"), Index::unique("email")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("name", self.id.as_str());
        out.put("email", self.email.as_str());
    }
}

fn guests() -> Schema {
    Schema::new().with::<Guest>()
}

/// A store on a server that does as it is told.
async fn store(server: &StandIn, timeout_ms: u64) -> Store {
    TestDatabase::on_mongodb(MongoDbConfig { timeout_ms, ..server.config() }).open(guests()).await
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(BOUND, waiting).await.unwrap_or_else(|_| panic!("{what}: not within {BOUND:?}"));
}
