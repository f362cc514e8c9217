//! Files: what is damaged, newer, or no database at all, and a kill among writers.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use vitrine_platform_store::{Error, Query, Storage, Store};

use crate::{Item, commit, event, schema, topics};

fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(&Storage::Folder(folder.into()), "test", schema())
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

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    std::fs::write(&path, vec![7; 4096]).expect("written");
    let error = open(folder.path()).expect_err("no database").to_string();
    assert!(error.contains("test.db"), "{error}");
    assert_eq!(std::fs::read(&path).expect("read"), vec![7; 4096]);
}

/// Eight writers, each a document and its event at a time; each says what was acknowledged.
async fn write_until_killed(folder: &Path) {
    let store = open(folder).expect("opened");
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
            .args(["sqlite::documents_and_events_survive_a_kill_together", "--exact", "--nocapture"])
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
        let store = open(&below).expect("opened");
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
