//! Opening what is older, or open already.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Keys, Query, Schema};

use crate::database::TestDatabase;
use crate::{Item, commit, event, read, schema, topics};

/// On a server: an embedded database is for one.
pub async fn two_openings_see_each_other_and_lose_nothing(place: &TestDatabase) {
    let (one, other) = (place.open(schema()).await, place.open(schema()).await);
    let writes = (0..40).map(|n| {
        let store = if n % 2 == 0 { &one } else { &other };
        commit(store, move |tx| {
            tx.insert(&Item::new(&format!("i{n}"), n, ""));
            tx.publish(event(&format!("e{n}"), n));
        })
    });
    for result in futures::future::join_all(writes).await {
        result.expect("written");
    }
    for store in [&one, &other] {
        assert_eq!(store.count::<Item>(Query::all()).await.expect("counted"), 40);
        let (events, _) = store.read_events(0, &topics(), 100).await.expect("read");
        assert!(events.is_sorted_by_key(|e| e.position) && events.len() == 40);
    }
    let mut mine = read(&one, "i1").await;
    commit(&other, |tx| tx.put(&Item::new("i1", -1, ""))).await.expect("put");
    mine.doc.stock = 7;
    assert!(matches!(commit(&one, |tx| tx.update(&mine)).await, Err(Error::Conflict { .. })));
}

/// The same documents, before the indexes of [`Item`] were thought of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Early {
    pub id: String,
    pub stock: i64,
    pub text: String,
}

impl Document for Early {
    const COLLECTION: &'static str = "items";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, _: &mut Keys) {}
}

pub async fn an_index_that_is_declared_later_is_filled(place: &TestDatabase) {
    let early = place.open(Schema::new().with::<Early>()).await;
    commit(&early, |tx| {
        for (id, stock, text) in [("a", 5, "blue bowl"), ("b", 3, "green bowl")] {
            tx.insert(&Early { id: id.to_owned(), stock, text: text.to_owned() });
        }
    })
    .await
    .expect("inserted");
    drop(early);
    let store = place.open(schema()).await;
    let found = store.find::<Item>(Query::range("stock", 0_i64..=4)).await.expect("found");
    assert_eq!(found.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let found = store.search::<Item>("text", "blue", 10, None).await.expect("found");
    assert_eq!(found.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(read(&store, "a").await.version, 1, "filling an index is no change of the document");
    drop(store);

    // An older version runs on it for a while, which knows of no index; what it wrote is found afterwards all the same.
    let early = place.open(Schema::new().with::<Early>()).await;
    commit(&early, |tx| tx.put(&Early { id: "a".to_owned(), stock: 1, text: "red bowl".to_owned() }))
        .await
        .expect("put");
    drop(early);
    let store = place.open(schema()).await;
    let found = store.find::<Item>(Query::range("stock", 0_i64..=4)).await.expect("found");
    assert_eq!(found.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(store.search::<Item>("text", "blue", 10, None).await.expect("found").items.is_empty());
}

/// The same documents, and no two with the same stock.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Distinct {
    id: String,
    stock: i64,
    text: String,
}

impl Document for Distinct {
    const COLLECTION: &'static str = "items";
    const INDEXES: &'static [Index] = &[Index::unique("stock")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("stock", self.stock);
    }
}

pub async fn an_index_that_changes_its_kind_is_made_anew(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("a", 5, ""))).await.expect("inserted");
    drop(store);
    let distinct = place.open(Schema::new().with::<Distinct>()).await;
    let same = Distinct { id: "b".to_owned(), stock: 5, text: String::new() };
    let refused = commit(&distinct, |tx| tx.insert(&same)).await;
    assert!(matches!(&refused, Err(Error::Duplicate { index, .. }) if index == "stock"), "{refused:?}");
}

/// Documents under the same name that are something else.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Other {
    number: u32,
}

impl Document for Other {
    const COLLECTION: &'static str = "items";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Owned(self.number.to_string())
    }
    fn keys(&self, _: &mut Keys) {}
}

pub async fn a_document_that_cannot_be_read_is_named(place: &TestDatabase) {
    let store = place.open(Schema::new().with::<Other>()).await;
    commit(&store, |tx| tx.insert(&Other { number: 7 })).await.expect("inserted");
    let misread = store.get::<Early>("7").await;
    assert!(matches!(&misread, Err(Error::Decode { collection: "items", id, .. }) if id == "7"), "{misread:?}");
    drop(store);
    let error = place.try_open(schema()).await.expect_err("the new indexes cannot be filled");
    assert!(matches!(&error, Error::Decode { collection: "items", id, .. } if id == "7"), "{error:?}");
}

pub async fn what_is_pruned_is_gone_and_places_are_never_given_twice(place: &TestDatabase) {
    let store = place.open(schema()).await;
    for n in 1..=20 {
        commit(&store, |tx| tx.publish(event(&format!("e{n}"), n))).await.expect("published");
        assert_eq!(store.prune_events(n + 1).await.expect("pruned"), 1);
        let (events, _) = store.read_events(0, &topics(), 10).await.expect("read");
        assert!(events.is_empty(), "pruned, and still there: {events:?}");
    }
    drop(store);
    let store = place.open(schema()).await;
    assert_eq!(*store.watch_events().borrow(), 20, "the last event's place is known although the event is gone");
    commit(&store, |tx| tx.publish(event("next", 1))).await.expect("published");
    let (events, position) = store.read_events(20, &topics(), 10).await.expect("read");
    assert_eq!((events.len(), events[0].position, position), (1, 21, 21));
    assert_eq!(*store.watch_events().borrow(), 21);
}
