//! What a service can rely on of its store, whichever engine it has.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof};
use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Keys, NewEvent, Query, Schema, Store, Stored, retry_conflicts};

use crate::commit;
use crate::database::TestDatabase;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    id: String,
    shelf: String,
    weight: i64,
    label: Option<String>,
    text: String,
}

impl Document for Piece {
    const COLLECTION: &'static str = "pieces";
    const INDEXES: &'static [Index] =
        &[Index::ordered("shelf"), Index::ordered("weight"), Index::unique("label"), Index::text("text")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, out: &mut Keys) {
        out.put("shelf", self.shelf.as_str());
        out.put("weight", self.weight);
        if let Some(label) = &self.label {
            out.put("label", label.as_str());
        }
        out.put("text", self.text.as_str());
    }
}

fn piece(n: i64) -> Piece {
    Piece { id: format!("p{n:03}"), shelf: format!("s{}", n % 3), weight: n, label: None, text: String::new() }
}

fn schema() -> Schema {
    Schema::new().with::<Piece>()
}

fn event(n: u64) -> NewEvent {
    NewEvent {
        id: format!("evt_{n}"),
        topic: "test.thing.made".to_owned(),
        key: "k".to_owned(),
        occurred_at_ms: i64::try_from(n).expect("small"),
        payload: vec![1, 2, 3],
        traceparent: String::new(),
        baggage: String::new(),
    }
}

async fn ids(store: &Store, query: Query) -> Vec<String> {
    store.find::<Piece>(query).await.expect("found").items.into_iter().map(|s| s.doc.id).collect()
}

pub async fn versions_keep_writers_apart(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&piece(1))).await.expect("inserted");
    let again = commit(&store, |tx| tx.insert(&piece(1))).await;
    assert!(matches!(again, Err(Error::Exists { collection: "pieces", .. })), "{again:?}");
    let read: Stored<Piece> = store.get("p001").await.expect("read").expect("there");
    assert_eq!(read.version, 1);
    commit(&store, |tx| tx.update(&read)).await.expect("updated");
    let late = commit(&store, |tx| tx.update(&read)).await;
    assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
    let gone = commit(&store, |tx| tx.delete_expecting::<Piece>("p001", 1)).await;
    assert!(matches!(gone, Err(Error::Conflict { .. })), "{gone:?}");
    commit(&store, |tx| tx.delete_expecting::<Piece>("p001", 2)).await.expect("deleted");
    assert!(store.get::<Piece>("p001").await.expect("read").is_none());
}

pub async fn a_batch_is_all_or_nothing_and_harms_no_other(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&piece(1))).await.expect("inserted");
    // Together in one group commit: some fail, the others must not notice.
    let batches = (0..40_i64).map(|n| {
        let store = store.clone();
        async move {
            commit(&store, |tx| {
                tx.insert(&piece(100 + n));
                tx.publish(event(u64::try_from(n).expect("small")));
                if n % 2 == 0 {
                    tx.insert(&piece(1));
                }
            })
            .await
        }
    });
    let results = futures::future::join_all(batches).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 20);
    assert_eq!(store.count::<Piece>(Query::all()).await.expect("counted"), 21);
    let (events, position) = store.read_events(0, &["test.thing.made".to_owned()], 100).await.expect("read");
    assert_eq!(events.len(), 20);
    assert!(events.iter().all(|e| e.event.occurred_at_ms % 2 == 1) && position >= 20);
}

pub async fn unique_keys_are_unique(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let named = |n, label: &str| Piece { label: Some(label.to_owned()), ..piece(n) };
    commit(&store, |tx| tx.insert(&named(1, "a"))).await.expect("inserted");
    let taken = commit(&store, |tx| tx.insert(&named(2, "a"))).await;
    assert!(matches!(&taken, Err(Error::Duplicate { index, .. }) if index == "label"), "{taken:?}");
    commit(&store, |tx| {
        tx.put(&named(1, "b"));
        tx.insert(&named(2, "a"));
    })
    .await
    .expect("the name is free");
    assert_eq!(ids(&store, Query::eq("label", "a")).await, ["p002"]);
}

pub async fn of_many_who_want_one_key_one_has_it_and_the_others_are_told(place: &TestDatabase) {
    let store = place.open(schema()).await;
    for (n, same_id) in [(0, false), (100, true)] {
        let wanted = (n..n + 12).map(|n| Piece { label: Some("best".to_owned()), ..piece(n) });
        let wanted =
            wanted.map(|wanted| if same_id { Piece { label: None, id: "same".to_owned(), ..wanted } } else { wanted });
        let results = futures::future::join_all(wanted.map(|wanted| {
            let store = store.clone();
            async move { commit(&store, |tx| tx.insert(&wanted)).await }
        }))
        .await;
        let told = |result: &Result<(), Error>| match result {
            Err(Error::Duplicate { index, .. }) => !same_id && index == "label",
            Err(Error::Exists { id, .. }) => same_id && id == "same",
            _ => false,
        };
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert_eq!(results.iter().filter(|result| told(result)).count(), 11, "{results:?}");
    }
    assert_eq!(store.count::<Piece>(Query::all()).await.expect("counted"), 2);
}

pub async fn no_change_is_lost_among_many(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Piece { weight: 0, ..piece(1) })).await.expect("inserted");
    let adders = (0..12).map(|_| {
        let store = store.clone();
        async move {
            for _ in 0..5 {
                retry_conflicts(async || {
                    let mut read: Stored<Piece> = store.get("p001").await?.expect("there");
                    read.doc.weight += 1;
                    commit(&store, |tx| tx.update(&read)).await
                })
                .await?;
            }
            Ok::<_, Error>(())
        }
    });
    let done = futures::future::join_all(adders).await.into_iter().filter(Result::is_ok).count();
    let weight = store.get::<Piece>("p001").await.expect("read").expect("there").weight;
    // Those who gave up after sixteen tries left part of their five; no one's was lost or counted twice.
    assert!(weight >= i64::try_from(done * 5).expect("small") && weight <= 60, "{weight} of {done} adders");
    assert!(done > 0);
}

pub async fn pages_lose_nothing_while_rows_come_and_go(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| (0..50).for_each(|n| tx.insert(&piece(n * 2)))).await.expect("inserted");
    for (query, descending) in [(Query::all(), false), (Query::range("weight", 0_i64..=99), true)] {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut page = query.clone().limit(7).cursor(cursor.as_deref());
            if descending {
                page = page.descending();
            }
            let found = store.find::<Piece>(page).await.expect("found");
            seen.extend(found.items.into_iter().map(|s| s.doc.weight).filter(|w| w % 2 == 0));
            commit(&store, |tx| tx.put(&piece(i64::try_from(seen.len()).expect("small") * 2 % 100 + 1)))
                .await
                .expect("put");
            cursor = found.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let mut expected: Vec<i64> = (0..50).map(|n| n * 2).collect();
        if descending {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
    for bad in ["garbage", "!!", "e30", &"a".repeat(5000)] {
        let found = store.find::<Piece>(Query::all().cursor(Some(bad))).await;
        assert!(matches!(found, Err(Error::Cursor)), "{bad}: {found:?}");
    }
}

pub async fn search_finds_words_and_survives_anything_typed(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let with = |n, text: &str| Piece { text: text.to_owned(), ..piece(n) };
    commit(&store, |tx| {
        tx.insert(&with(1, "tall green vase"));
        tx.insert(&with(2, "green bowl, for green apples"));
        tx.insert(&with(3, "Größe und Glanz"));
    })
    .await
    .expect("inserted");
    let find = async |text: &str| -> Vec<String> {
        let page = store.search::<Piece>("text", text, 10, None).await.expect(text);
        page.items.into_iter().map(|s| s.doc.id).collect()
    };
    assert_eq!(find("green").await.len(), 2);
    assert_eq!(find("vase green").await, ["p001"]);
    assert_eq!(find("app").await, ["p002"]);
    assert_eq!(find("GRÖSSE").await.len() + find("größe").await.len(), 1);
    for odd in ["", " ", "\"", "a OR b", "NEAR(", "*", "-", "'; --", "\u{0}", "☃"] {
        find(odd).await;
    }
    commit(&store, |tx| tx.put(&with(1, "short blue vase"))).await.expect("changed");
    assert_eq!(find("green vase").await, Vec::<String>::new());
    assert!(matches!(store.search::<Piece>("shelf", "x", 1, None).await, Err(Error::NoIndex { .. })));
}

pub async fn all_is_there_after_opening_again(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| {
        tx.insert(&piece(1));
        tx.publish(event(1));
    })
    .await
    .expect("committed");
    drop(store);
    let store = place.open(schema()).await;
    assert_eq!(ids(&store, Query::eq("shelf", "s1")).await, ["p001"]);
    assert_eq!(*store.watch_events().borrow(), 1);
    assert_eq!(store.prune_events(2).await.expect("pruned"), 1);
}

pub async fn any_text_comes_back_as_it_was(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let odd = [
        "\0",
        "a\0b",
        "\u{fdd0}",
        "\u{fdd0}0\0",
        "\\u0000",
        "\\\0",
        "\u{ffff}\u{10ffff}",
        "'\"$1;--",
        "\u{1f}\u{7f}\r\n",
        "",
    ];
    for (n, text) in (0..).zip(odd) {
        let doc = Piece {
            id: format!("{text}p"),
            shelf: text.to_owned(),
            weight: i64::MIN + n,
            label: Some(text.to_owned()),
            text: text.to_owned(),
        };
        commit(&store, |tx| {
            tx.insert(&doc);
            tx.publish(NewEvent { key: text.to_owned(), baggage: text.to_owned(), ..event(1) });
        })
        .await
        .expect("inserted");
        let read: Stored<Piece> = store.get(&doc.id).await.expect("read").expect("there");
        assert_eq!((&read.doc, read.version), (&doc, 1));
        assert_eq!(ids(&store, Query::eq("label", text)).await, [doc.id.as_str()], "{text:?}");
        let (events, _) = store.read_events(0, &["test.thing.made".to_owned()], 100).await.expect("read");
        let last = &events.last().expect("published").event;
        assert_eq!((last.key.as_str(), last.baggage.as_str()), (text, text));
    }
    assert!(store.get::<Piece>("\0").await.expect("read").is_none());
    let many = store.get_many::<Piece>(&["\0p", "none", "p", "\0p"]).await.expect("read");
    assert_eq!(many.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["\0p", "p", "\0p"]);
}

#[derive(Clone, Debug)]
enum Op {
    Put(i64, i64),
    Delete(i64),
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0i64..12, 0i64..9).prop_map(|(n, weight)| Op::Put(n, weight)),
        2 => (0i64..12).prop_map(Op::Delete),
        1 => Just(Op::Reopen),
    ]
}

/// Whatever is done to it, it is a sorted map with indexes. Each try has a place of its own.
pub fn it_is_a_sorted_map_with_indexes(place: impl Fn() -> TestDatabase, tries: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let whatever = (proptest::collection::vec(op(), 1..40), 0i64..9, 0i64..3, 1usize..5, any::<bool>());
    let config = proptest::test_runner::Config { cases: tries, ..Default::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&whatever, |(ops, low, shelf, limit, backwards)| {
            runtime.block_on(async {
                let place = place();
                let (mut store, mut model) = (Some(place.open(schema()).await), BTreeMap::new());
                for op in ops {
                    let here = store.as_ref().expect("open");
                    match op {
                        Op::Put(n, weight) => {
                            let doc = Piece { weight, ..piece(n) };
                            commit(here, |tx| tx.put(&doc)).await.expect("put");
                            model.insert(doc.id.clone(), doc);
                        }
                        Op::Delete(n) => {
                            commit(here, |tx| tx.delete::<Piece>(&piece(n).id)).await.expect("deleted");
                            model.remove(&piece(n).id);
                        }
                        Op::Reopen => {
                            drop(store.take());
                            store = Some(place.open(schema()).await);
                        }
                    }
                }
                let store = store.expect("open");
                let sorted = |keep: &dyn Fn(&Piece) -> bool, by_weight: bool| {
                    let mut found: Vec<&Piece> = model.values().filter(|p| keep(p)).collect();
                    if by_weight {
                        found.sort_by(|a, b| a.weight.cmp(&b.weight).then_with(|| a.id.cmp(&b.id)));
                    }
                    if backwards {
                        found.reverse();
                    }
                    found.into_iter().map(|p| p.id.clone()).collect::<Vec<_>>()
                };
                let shelf = format!("s{shelf}");
                for (query, expected) in [
                    (Query::all(), sorted(&|_| true, false)),
                    (Query::eq("shelf", shelf.as_str()), sorted(&|p| p.shelf == shelf, false)),
                    (Query::range("weight", low..=8), sorted(&|p| p.weight >= low, true)),
                    (
                        Query::range("weight", low..=8).and_eq("shelf", shelf.as_str()),
                        sorted(&|p| p.weight >= low && p.shelf == shelf, true),
                    ),
                ] {
                    let query = if backwards { query.descending() } else { query };
                    assert_eq!(store.count::<Piece>(query.clone()).await.expect("counted"), expected.len() as u64);
                    let (mut walked, mut cursor) = (Vec::new(), None::<String>);
                    loop {
                        let page = store
                            .find::<Piece>(query.clone().limit(limit).cursor(cursor.as_deref()))
                            .await
                            .expect("found");
                        walked.extend(page.items.into_iter().map(|s| s.doc.id));
                        cursor = page.next_cursor;
                        if cursor.is_none() {
                            break;
                        }
                    }
                    prop_assert_eq!(walked, expected);
                }
                Ok(())
            })
        })
        .expect("a sorted map");
}
