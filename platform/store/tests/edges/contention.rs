//! Many writers, and a kill among them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use vitrine_platform_store::{Error, Query, Store, retry_conflicts};

use crate::{Item, commit, event, read, schema, temporary, topics};

#[tokio::test]
async fn a_change_that_always_conflicts_is_given_up() {
    let tries = Cell::new(0);
    let conflict = || Error::Conflict { collection: "items", id: "i".to_owned() };
    let outcome: Result<(), Error> = retry_conflicts(async || {
        tries.set(tries.get() + 1);
        Err(conflict())
    })
    .await;
    assert!(matches!(outcome, Err(Error::Conflict { .. })));
    assert_eq!(tries.get(), 16);
    // What no repetition mends is not repeated.
    tries.set(0);
    let outcome: Result<(), Error> = retry_conflicts(async || {
        tries.set(tries.get() + 1);
        Err(Error::Duplicate { collection: "items", index: "label".to_owned() })
    })
    .await;
    assert!(matches!(outcome, Err(Error::Duplicate { .. })) && tries.get() == 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_pieces_are_sold_once() {
    const BUYERS: i64 = 64;
    const STOCK: i64 = 40;
    let store = temporary();
    commit(&store, |tx| tx.insert(&Item::new("i", STOCK, ""))).await.expect("inserted");
    let buyers = (0..BUYERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let bought = retry_conflicts(async || {
                    let mut item = store.get::<Item>("i").await?.expect("there");
                    if item.stock == 0 {
                        return Ok(false);
                    }
                    item.doc.stock -= 1;
                    commit(&store, |tx| tx.update(&item)).await.map(|()| true)
                })
                .await;
                match bought {
                    // Sixteen tries were not enough among so many; a caller may ask again.
                    Err(Error::Conflict { .. }) => {}
                    other => return other.expect("bought or sold out"),
                }
            }
        })
    });
    let bought = futures::future::join_all(buyers).await.into_iter().filter(|b| *b.as_ref().expect("no panic")).count();
    let left = read(&store, "i").await;
    assert_eq!((bought, left.stock), (40, 0));
    assert_eq!(left.version, 41, "one version for each that was sold");
}

#[tokio::test]
async fn a_failed_batch_leaves_nothing_of_it_in_any_index() {
    let store = temporary();
    commit(&store, |tx| tx.insert(&Item::new("taken", 1, "old words"))).await.expect("inserted");
    let failed = commit(&store, |tx| {
        tx.put(&Item::new("taken", 2, "new words"));
        tx.put(&Item::new("fresh", 3, "new words"));
        tx.publish(event("e", 1));
        tx.insert(&Item::new("taken", 4, "new words"));
    })
    .await;
    assert!(matches!(failed, Err(Error::Exists { .. })), "{failed:?}");
    let item = read(&store, "taken").await;
    assert_eq!((item.stock, item.version), (1, 1));
    for words in ["new", "fresh"] {
        assert!(store.search::<Item>("text", words, 9, None).await.expect("found").items.is_empty());
    }
    assert_eq!(store.search::<Item>("text", "old", 9, None).await.expect("found").items.len(), 1);
    assert_eq!(store.count::<Item>(Query::range("stock", 2_i64..=9)).await.expect("counted"), 0);
    assert!(store.read_events(0, &topics(), 9).await.expect("read").0.is_empty());
    assert_eq!(*store.watch_events().borrow(), 0);
}

#[tokio::test]
async fn whoever_is_told_of_an_event_can_read_it() {
    let store = temporary();
    let mut latest = store.watch_events();
    for n in 1..=50 {
        let publish = commit(&store, move |tx| tx.publish(event(&format!("e{n}"), n)));
        let (published, changed) = tokio::join!(publish, latest.changed());
        published.expect("published");
        changed.expect("told");
        let position = *latest.borrow_and_update();
        let (events, looked) = store.read_events(position - 1, &topics(), 9).await.expect("read");
        assert_eq!((events.len(), looked), (1, position));
    }
}

/// Eight writers, each a document and its event at a time; each says what was acknowledged.
async fn write_until_killed(folder: &Path) {
    let store = Store::open(folder, "test", schema()).expect("opened");
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        async move {
            for n in 0_i64.. {
                let id = format!("w{writer}-{n}");
                commit(&store, |tx| {
                    tx.insert(&Item::new(&id, n, "killed"));
                    tx.publish(event(&id, n));
                })
                .await
                .expect("inserted");
                let mut out = std::io::stdout().lock();
                writeln!(out, "\nacknowledged {id}").and_then(|()| out.flush()).expect("told");
            }
        }
    });
    futures::future::join_all(writers).await;
}

#[tokio::test]
async fn documents_and_events_survive_a_kill_together() {
    // This test starts itself as the process that it kills.
    if let Some(folder) = std::env::var_os("VITRINE_TEST_WRITERS") {
        return write_until_killed(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Killed in the midst of other groups each time, and opened again in between.
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let below = folder.path().join(round.to_string());
        let mut writer = Command::new(std::env::current_exe().expect("this test"))
            .args(["contention::documents_and_events_survive_a_kill_together", "--exact", "--nocapture"])
            .env("VITRINE_TEST_WRITERS", &below)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let enough = 20 + usize::try_from(std::process::id()).expect("small") % 37 + round * 31;
        acknowledged.clear();
        for line in BufReader::new(writer.stdout.take().expect("its output")).lines() {
            let line = line.expect("a line");
            acknowledged.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
            if acknowledged.len() == enough {
                writer.kill().expect("killed");
            }
        }
        writer.wait().expect("ended");
        let store = Store::open(&below, "test", schema()).expect("opened");
        assert!(acknowledged.len() >= enough);
        for id in &acknowledged {
            assert!(store.get::<Item>(id).await.expect("read").is_some(), "{id} was acknowledged and is gone");
        }
        // Of what was not acknowledged, all is there or nothing is.
        let (events, _) = store.read_events(0, &topics(), 100_000).await.expect("read");
        let published: BTreeSet<String> = events.into_iter().map(|e| e.event.id).collect();
        let documents = store.count::<Item>(Query::all()).await.expect("counted");
        assert_eq!(u64::try_from(published.len()).expect("small"), documents);
        assert!(published.is_superset(&acknowledged));
        let found = store.search::<Item>("text", "killed", 1000, None).await.expect("found").items.len();
        assert_eq!(u64::try_from(found).expect("small"), documents.min(1000));
    }
}
