//! Databases that share a log: what is there after the loss of power, whatever of each file was on disk by then.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::Index;
use vitrine_platform_durability::{deferred, settled};
use vitrine_platform_store::{Error, Event, Folder, Query, Storage, Store};

use crate::{Item, commit, event, schema, topics};

const SERVICES: [&str; 2] = ["orders", "payments"];
/// The files of a database that was not closed, beside its own.
const LOG: &str = "commits";

fn open_at(folder: &Folder, service: &str) -> Result<Store, Error> {
    Store::open(&Storage::Folder(folder.clone()), service, schema())
}

fn shared(path: &Path) -> Folder {
    Folder::shared(path, &SERVICES).expect("opened")
}

/// A database's files as the disk has them at this moment, while nobody writes.
fn copy_database(from: &Path, to: &Path, service: &str) {
    std::fs::create_dir_all(to).expect("made");
    for end in ["db", "db-wal"] {
        let name = format!("{service}.{end}");
        if from.join(&name).exists() {
            std::fs::copy(from.join(&name), to.join(&name)).expect("copied");
        }
    }
}

fn copy_log(from: &Path, to: &Path) {
    let to = to.join(LOG);
    std::fs::create_dir_all(&to).expect("made");
    for file in std::fs::read_dir(from.join(LOG)).expect("a log").map(|e| e.expect("an entry")) {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

/// One commit: a new document, another version of one, one less, and an event.
async fn change(store: &Store, n: i64) {
    commit(store, |tx| {
        tx.put(&Item::new("counter", n, "counted"));
        tx.insert(&Item::new(&format!("i{n}"), n, "shelf"));
        if n > 2 {
            tx.delete::<Item>(&format!("i{}", n - 2));
        }
        tx.publish(event(&format!("e{n}"), n));
    })
    .await
    .expect("committed");
}

/// All that a database holds: documents with their versions, what an index finds, events with their positions.
async fn content(store: &Store) -> (Vec<(Item, u64)>, usize, Vec<Event>) {
    let items = store.find_all::<Item>(Query::range("stock", i64::MIN..=i64::MAX)).await.expect("read");
    let found = store.search::<Item>("text", "shelf", 100, None).await.expect("found").items.len();
    let (events, _) = store.read_events(0, &topics(), 1000).await.expect("read");
    (items.into_iter().map(|stored| (stored.doc, stored.version)).collect(), found, events)
}

/// Makes some changes in turns and copies everything after each. Then takes each database, and the log, from the moments given, and tells what
/// is there. No file is of a later moment than the log: it waits for the log before it is written.
async fn after_power_is_lost(changes: i64, moments: [usize; 2], log: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (live, kept) = (folder.path().join("live"), folder.path().join("kept"));
    std::fs::create_dir(&live).expect("made");
    let at = |n: usize| kept.join(n.to_string());
    let databases = shared(&live);
    let stores = SERVICES.map(|service| open_at(&databases, service).expect("opened"));
    let mut contents = Vec::new();
    for n in 0..=changes {
        if n > 0 {
            let store = &stores[usize::try_from(n).expect("small") % 2];
            settled(change(store, n)).await.expect("on disk");
        }
        let at = at(usize::try_from(n).expect("small"));
        // Searching writes all that was committed to the files: sometimes they are behind, and sometimes they are not.
        if n % 3 == 1 {
            content(&stores[0]).await;
        }
        SERVICES.iter().for_each(|service| copy_database(&live, &at, service));
        copy_log(&live, &at);
        contents.push([content(&stores[0]).await, content(&stores[1]).await]);
    }
    let after = folder.path().join("after");
    for (service, moment) in SERVICES.into_iter().zip(moments) {
        copy_database(&at(moment), &after, service);
    }
    copy_log(&at(log), &after);
    let databases = shared(&after);
    for (place, (service, moment)) in SERVICES.into_iter().zip(moments).enumerate() {
        let store = open_at(&databases, service).expect("opened");
        assert_eq!(content(&store).await, contents[log][place], "{service} of {moment}, log of {log}");
        settled(change(&store, 1000)).await.expect("it goes on");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_on_disk_the_log_makes_it_whole(changes in 1_i64..9, moments in any::<[Index; 2]>(), log in any::<Index>()) {
        let many = usize::try_from(changes).expect("small") + 1;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let log = log.index(many);
        runtime.block_on(after_power_is_lost(changes, moments.map(|moment| moment.index(log + 1)), log));
    }
}

/// Whoever was told of a commit may have made another one that rests on it: that is not there without it, whichever file is written first.
#[tokio::test]
async fn no_file_is_ahead_of_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let (live, after) = (folder.path().join("live"), folder.path().join("after"));
    std::fs::create_dir(&live).expect("made");
    let databases = shared(&live);
    let stores = SERVICES.map(|service| open_at(&databases, service).expect("opened"));
    let committing = async {
        change(&stores[0], 1).await;
        change(&stores[1], 2).await;
        // Searching has it written to the file.
        content(&stores[1]).await.1
    };
    let (found, unflushed) = deferred(committing).await;
    assert_eq!(found, 1);
    // As a process leaves them that is killed.
    SERVICES.iter().for_each(|service| copy_database(&live, &after, service));
    copy_log(&live, &after);
    let databases = shared(&after);
    for (service, store) in SERVICES.iter().zip(&stores) {
        let found = content(&open_at(&databases, service).expect("opened")).await;
        assert_eq!(found, content(store).await, "{service}");
    }
    unflushed.wait().await.expect("on disk");
}

#[tokio::test]
async fn who_defers_goes_on_and_others_wait_for_what_they_see() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = folder.path().join("live");
    std::fs::create_dir(&live).expect("made");
    let databases = shared(&live);
    let store = open_at(&databases, "orders").expect("opened");
    assert!(store.get::<Item>("i1").await.expect("read").is_none());
    // Neither can the log be begun, nor the database be found to be synced: nothing gets on disk any more.
    std::fs::rename(&live, folder.path().join("away")).expect("moved");
    let ((), unflushed) = deferred(change(&store, 1)).await;
    assert!(unflushed.wait().await.is_err(), "nothing is on disk");
    let seen = store.get::<Item>("i1").await;
    assert!(
        matches!(seen, Err(Error::Unknown { .. })),
        "what is not on disk is shown to nobody who does not wait: {seen:?}"
    );
    let within = settled(async { store.get::<Item>("i1").await.map(|found| found.is_some()) }).await;
    assert!(within.is_err(), "{within:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_made_up_for_by_the_databases() {
    let folder = tempfile::tempdir().expect("a folder");
    let databases = shared(folder.path());
    let stores = SERVICES.map(|service| open_at(&databases, service).expect("opened"));
    std::fs::remove_dir_all(folder.path().join(LOG)).expect("removed");
    for n in 1..4 {
        settled(change(&stores[0], n)).await.expect("on disk all the same");
    }
    let after = folder.path().join("after");
    copy_database(folder.path(), &after, "orders");
    let store = open_at(&shared(&after), "orders").expect("opened");
    assert_eq!(content(&store).await, content(&stores[0]).await);
}

#[tokio::test]
async fn commits_that_are_missing_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second, after] = ["first", "second", "after"].map(|name| folder.path().join(name));
    std::fs::create_dir(&first).expect("made");
    let store = open_at(&shared(&first), "orders").expect("opened");
    copy_database(&first, &after, "orders");
    settled(change(&store, 1)).await.expect("on disk");
    // Searching writes it to the file.
    assert_eq!(content(&store).await.1, 1);
    // Another log, which begins where the first one ended.
    copy_database(&first, &second, "orders");
    let other = open_at(&shared(&second), "orders").expect("opened");
    settled(change(&other, 2)).await.expect("on disk");
    copy_log(&second, &after);
    let error = open_at(&shared(&after), "orders").expect_err("a commit is missing").to_string();
    assert!(
        error.contains("orders.db") && error.contains("commits 1 to 1") && error.contains("from a copy"),
        "{error}"
    );
}

#[tokio::test]
async fn services_may_be_run_together_and_apart_in_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    let (live, after) = (folder.path().join("live"), folder.path().join("after"));
    std::fs::create_dir(&live).expect("made");
    let databases = shared(&live);
    let stores = SERVICES.map(|service| open_at(&databases, service).expect("opened"));
    SERVICES.iter().for_each(|service| copy_database(&live, &after, service));
    for store in &stores {
        settled(change(store, 1)).await.expect("on disk");
    }
    copy_log(&live, &after);
    let expected = content(&stores[0]).await;
    // One of them alone, after a crash of both; it has no log.
    let alone = Folder::shared(&after, &["orders"]).expect("opened");
    let store = open_at(&alone, "orders").expect("opened");
    assert_eq!(content(&store).await, expected);
    change(&store, 2).await;
    drop((store, alone));
    // It and a third one: the log has something of the second one that its database has not, and is left alone.
    let others = Folder::shared(&after, &["orders", "carts"]).expect("opened");
    change(&open_at(&others, "orders").expect("opened"), 3).await;
    drop(others);
    let both = shared(&after);
    let [orders, payments] = SERVICES.map(|service| open_at(&both, service).expect("opened"));
    assert_eq!(content(&orders).await.2.len(), 3);
    assert_eq!(content(&payments).await, content(&stores[1]).await);
    settled(change(&orders, 4)).await.expect("on disk");
}

/// Documents of half a megabyte, until the log was cut behind them at least once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_cut_when_the_databases_have_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let databases = shared(folder.path());
    let [store, other] = SERVICES.map(|service| open_at(&databases, service).expect("opened"));
    settled(change(&other, 1)).await.expect("on disk");
    let size = || -> u64 {
        let files = std::fs::read_dir(folder.path().join(LOG)).expect("a log");
        files.filter_map(|e| e.ok()?.metadata().ok()).map(|m| m.len()).sum()
    };
    let (text, was_cut) = ("x".repeat(512 << 10), Arc::new(AtomicBool::new(false)));
    let mut largest = 0;
    for n in 0..100 {
        commit(&store, |tx| tx.put(&Item::new("large", n, &text))).await.expect("committed");
        was_cut.fetch_or(size() < largest, Ordering::Relaxed);
        largest = largest.max(size());
    }
    assert!(was_cut.load(Ordering::Relaxed), "{largest} bytes");
    drop((store, other, databases));
    let databases = shared(folder.path());
    let [store, other] = SERVICES.map(|service| open_at(&databases, service).expect("opened"));
    assert_eq!(store.get::<Item>("large").await.expect("read").map(|found| found.doc.stock), Some(99));
    assert_eq!(content(&other).await.0.len(), 2);
}
