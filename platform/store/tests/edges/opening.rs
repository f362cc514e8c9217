//! Opening: what is damaged, newer, older, or open already.

use std::borrow::Cow;
use std::error::Error as _;
use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Error, Index, Keys, Query, Schema, Store};

use crate::{Item, commit, event, read, schema, topics};

fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(folder, "test", schema())
}

/// A database of some pages, closed and in one file.
async fn filled(folder: &Path) {
    let store = open(folder).expect("opened");
    commit(&store, |tx| {
        for n in 0..300 {
            tx.insert(&Item::new(&format!("i{n:03}"), n, &"words and more words ".repeat(20)));
        }
    })
    .await
    .expect("filled");
    drop(store);
    // The last connection that closes leaves one file behind; the store's own may still be closing.
    let path = folder.join("test.db");
    let connection = Connection::open(path).expect("opened");
    connection.busy_timeout(std::time::Duration::from_secs(20)).expect("set");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("checkpointed");
}

/// The error must name the file and say what to do about it.
fn refused(folder: &Path, advice: &str) {
    let error = open(folder).expect_err("it cannot be used");
    assert!(matches!(&error, Error::Open { path, .. } if *path == folder.join("test.db")), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&folder.join("test.db").display().to_string()) && text.contains(advice), "{text}");
}

#[tokio::test]
async fn damage_is_noticed_wherever_it_is() {
    for (what, damage) in [
        ("its first page", (|bytes| bytes[100..400].fill(0xa5)) as fn(&mut Vec<u8>)),
        ("pages in the middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 16_384].fill(0x5a);
        }),
        ("its end", |bytes| bytes.truncate(bytes.len() / 2)),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        filled(folder.path()).await;
        let path = folder.path().join("test.db");
        let mut bytes = std::fs::read(&path).expect("read");
        assert!(bytes.len() > 64 * 1024, "{what}: {} bytes are too few to damage", bytes.len());
        damage(&mut bytes);
        std::fs::write(&path, &bytes).expect("written");
        refused(folder.path(), "another folder");
    }
}

#[test]
fn a_folder_in_the_files_place_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("test.db")).expect("made");
    refused(folder.path(), "another folder");
}

#[test]
fn a_file_in_the_folders_place_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data");
    std::fs::write(&file, "not a folder").expect("written");
    let error = open(&file).expect_err("no folder");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(error.source().is_some(), "the system's reason is kept: {error:?}");
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    filled(folder.path()).await;
    let connection = Connection::open(folder.path().join("test.db")).expect("opened");
    connection.pragma_update(None, "user_version", 99).expect("set");
    refused(folder.path(), "use a newer vitrine");
    let layout: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("read");
    assert_eq!(layout, 99);
}

#[tokio::test]
async fn two_openings_see_each_other_and_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (open(folder.path()).expect("opened"), open(folder.path()).expect("opened again"));
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
struct Early {
    id: String,
    stock: i64,
    text: String,
}

impl Document for Early {
    const COLLECTION: &'static str = "items";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn keys(&self, _: &mut Keys) {}
}

#[tokio::test]
async fn an_index_that_is_declared_later_is_filled() {
    let folder = tempfile::tempdir().expect("a folder");
    let early = Store::open(folder.path(), "test", Schema::new().with::<Early>()).expect("opened");
    commit(&early, |tx| {
        for (id, stock, text) in [("a", 5, "blue bowl"), ("b", 3, "green bowl")] {
            tx.insert(&Early { id: id.to_owned(), stock, text: text.to_owned() });
        }
    })
    .await
    .expect("inserted");
    drop(early);
    let store = open(folder.path()).expect("opened");
    let found = store.find::<Item>(Query::range("stock", 0_i64..=4)).await.expect("found");
    assert_eq!(found.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let found = store.search::<Item>("text", "blue", 10, None).await.expect("found");
    assert_eq!(found.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(read(&store, "a").await.version, 1, "filling an index is no change of the document");
    drop(store);

    // An older version runs on it for a while, which knows of no index; what it wrote is found afterwards all the same.
    let early = Store::open(folder.path(), "test", Schema::new().with::<Early>()).expect("opened");
    commit(&early, |tx| tx.put(&Early { id: "a".to_owned(), stock: 1, text: "red bowl".to_owned() }))
        .await
        .expect("put");
    drop(early);
    let store = open(folder.path()).expect("opened");
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

#[tokio::test]
async fn an_index_that_changes_its_kind_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    commit(&store, |tx| tx.insert(&Item::new("a", 5, ""))).await.expect("inserted");
    drop(store);
    let distinct = Store::open(folder.path(), "test", Schema::new().with::<Distinct>()).expect("opened");
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

#[tokio::test]
async fn a_document_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), "test", Schema::new().with::<Other>()).expect("opened");
    commit(&store, |tx| tx.insert(&Other { number: 7 })).await.expect("inserted");
    let misread = store.get::<Early>("7").await;
    assert!(matches!(&misread, Err(Error::Decode { collection: "items", id, .. }) if id == "7"), "{misread:?}");
    drop(store);
    let error = open(folder.path()).expect_err("the new indexes cannot be filled");
    assert!(matches!(&error, Error::Decode { collection: "items", id, .. } if id == "7"), "{error:?}");
}

#[tokio::test]
async fn what_is_pruned_is_gone_and_places_are_never_given_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opened");
    for n in 1..=20 {
        commit(&store, |tx| tx.publish(event(&format!("e{n}"), n))).await.expect("published");
        assert_eq!(store.prune_events(n + 1).await.expect("pruned"), 1);
        let (events, _) = store.read_events(0, &topics(), 10).await.expect("read");
        assert!(events.is_empty(), "pruned, and still there: {events:?}");
    }
    drop(store);
    let store = open(folder.path()).expect("opened again");
    assert_eq!(*store.watch_events().borrow(), 20, "the last event's place is known although the event is gone");
    commit(&store, |tx| tx.publish(event("next", 1))).await.expect("published");
    let (events, position) = store.read_events(20, &topics(), 10).await.expect("read");
    assert_eq!((events.len(), events[0].position, position), (1, 21, 21));
    assert_eq!(*store.watch_events().borrow(), 21);
}
