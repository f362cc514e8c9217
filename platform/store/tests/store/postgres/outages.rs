//! A server that restarts, hangs or dies under its users.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use vitrine_platform_store::{Error, PostgresConfig, Query, Store};
use vitrine_tests_engines::Server;

use super::{BOUND, config, raw, server, until};
use crate::database::TestDatabase;
use crate::{Item, commit, event, schema, topics};

/// Starts it again; its old processes may need a moment to notice that it died.
fn up(server: &mut Server) {
    let began = Instant::now();
    while let Err(e) = server.up() {
        assert!(began.elapsed() < BOUND, "{e:#}");
    }
}

async fn works(store: &Store) {
    until("it works again", || async {
        let written = commit(store, |tx| {
            tx.put(&Item::new("again", 1, ""));
            tx.publish(event("again", 1));
        });
        written.await.is_ok() && store.get::<Item>("again").await.is_ok_and(|found| found.is_some())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_death_of_the_server() {
    let mut server = server(&[]);
    let place = TestDatabase::postgres(&server);
    let store = place.open(schema()).await;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..3 {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (store, acknowledged) = (store.clone(), acknowledged.clone());
                tokio::spawn(async move {
                    for n in 0_i64.. {
                        let id = format!("r{round}w{writer}-{n}");
                        let done = commit(&store, |tx| {
                            tx.insert(&Item::new(&id, n, "killed"));
                            tx.publish(event(&id, n));
                        });
                        match done.await {
                            Ok(()) => acknowledged.lock().insert(id),
                            Err(Error::Unavailable { .. } | Error::Unknown { .. }) => return,
                            Err(e) => panic!("{e:?}"),
                        };
                    }
                })
            })
            .collect();
        let enough = acknowledged.lock().len() + 60;
        until("some were written", || async { acknowledged.lock().len() >= enough }).await;
        server.kill().expect("killed");
        for writer in writers {
            tokio::time::timeout(BOUND, writer).await.expect("told in time").expect("told that it is gone");
        }
        let began = Instant::now();
        let read = store.get::<Item>("i").await;
        assert!(matches!(read, Err(Error::Unavailable { .. })), "{read:?}");
        let written = commit(&store, |tx| tx.put(&Item::new("i", 1, ""))).await;
        assert!(matches!(written, Err(Error::Unavailable { .. })), "{written:?}");
        assert!(store.read_events(0, &topics(), 1).await.is_err());
        assert!(began.elapsed() < Duration::from_secs(3), "quickly: {:?}", began.elapsed());
        up(&mut server);
        works(&store).await;
        let (events, _) = store.read_events(0, &topics(), 100_000).await.expect("read");
        let published: BTreeSet<String> = events.into_iter().map(|e| e.event.id).collect();
        let acknowledged = acknowledged.lock().clone();
        assert!(published.is_superset(&acknowledged), "all events that were acknowledged");
        for id in &acknowledged {
            assert!(store.get::<Item>(id).await.expect("read").is_some(), "{id} was acknowledged and is gone");
        }
        // Of what was not acknowledged, all is there or nothing is; "again" is one of each.
        let documents = store.count::<Item>(Query::all()).await.expect("counted");
        assert_eq!(u64::try_from(published.len()).expect("small"), documents);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_not_noticed_by_readers_and_heard_of_by_watchers() {
    let mut server = server(&[]);
    let place = TestDatabase::postgres(&server);
    let (store, other) = (place.open(schema()).await, place.open(schema()).await);
    commit(&store, |tx| tx.insert(&Item::new("i", 1, ""))).await.expect("inserted");
    for _ in 0..3 {
        server.stop().expect("stopped");
        up(&mut server);
        // The connections from before are gone; new ones are made without anybody being told.
        assert_eq!(crate::read(&store, "i").await.stock, 1);
        let before = *other.watch_events().borrow();
        let mut latest = other.watch_events();
        commit(&store, |tx| tx.publish(event("e", 1))).await.expect("published");
        tokio::time::timeout(BOUND, latest.wait_for(|last| *last > before)).await.expect("in time").expect("told");
    }
}

/// Stops or continues all processes of the server: each of its connections has one that a signal to the server does not reach.
async fn signal(pids: &[i32], signal: &str) {
    let mut kill = Command::new("kill");
    kill.arg(signal).args(pids.iter().map(ToString::to_string));
    assert!(kill.status().expect("kill").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_server_holds_nobody_up_for_ever() {
    let server = server(&[]);
    let bounds = PostgresConfig { connect_timeout_ms: 500, statement_timeout_ms: 500, ..config(&server) };
    let store = TestDatabase::on(bounds).open(schema()).await;
    works(&store).await;
    let rows = raw(&server).await.query("SELECT pid FROM pg_stat_activity", &[]).await.expect("asked");
    let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    server.pause().expect("paused");
    signal(&pids, "-STOP").await;
    for _ in 0..2 {
        let began = Instant::now();
        let reads = futures::future::join_all((0..20).map(|_| store.get::<Item>("again")));
        let writes = futures::future::join_all((0..20).map(|n| {
            let id = format!("hung{n}");
            let store = store.clone();
            async move { commit(&store, |tx| tx.put(&Item::new(&id, 1, ""))).await }
        }));
        let (reads, writes) = tokio::join!(reads, writes);
        for error in reads.into_iter().map(|r| r.map(drop)).chain(writes).map(Result::unwrap_err) {
            assert!(matches!(error, Error::Unavailable { .. } | Error::Busy), "{error:?}");
        }
        // The time of a statement and a second, for all that a call consists of.
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    signal(&pids, "-CONT").await;
    server.resume().expect("resumed");
    works(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_one_deadline_however_many_statements_it_has() {
    let server = server(&[]);
    let place = TestDatabase::on(PostgresConfig { statement_timeout_ms: 500, ..config(&server) });
    let store = place.open(schema()).await;
    let (raw, table) = (raw(&server).await, format!("{}.c_items", place.schema()));
    // Each statement takes less than one may.
    raw.batch_execute(&format!(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END';
         CREATE TRIGGER slow BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION slow()"
    ))
    .await
    .expect("made");
    let began = Instant::now();
    let late = commit(&store, |tx| (0..40).for_each(|n| tx.insert(&Item::new(&format!("i{n}"), n, "")))).await;
    // Its commit was sent with it.
    assert!(matches!(late, Err(Error::Unknown { .. })), "{late:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // It waits for a caller that has written there, and so until the server has noticed.
    tokio::time::timeout(BOUND, raw.batch_execute(&format!("DROP TRIGGER slow ON {table}")))
        .await
        .expect("nothing is locked for long")
        .expect("dropped");
    assert_eq!(store.count::<Item>(Query::all()).await.expect("counted"), 0, "nothing of it is there");
    works(&store).await;
}

/// A way to a server that is cut when the commit goes through and none of its answers has come back.
async fn cut_at_commit(server: &Server, armed: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let (port, to) = (listener.local_addr().expect("bound").port(), server.port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let armed = armed.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", to)).await?;
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let (cut, is_cut) = oneshot::channel();
                tokio::spawn(async move {
                    tokio::select! {
                        done = tokio::io::copy(&mut from_server, &mut to_client) => done,
                        _ = is_cut => {
                            drop(to_client);
                            tokio::io::copy(&mut from_server, &mut tokio::io::sink()).await
                        }
                    }
                });
                let mut bytes = vec![0; 64 * 1024];
                loop {
                    let n = from_client.read(&mut bytes).await?;
                    let commits = bytes[..n].windows(7).any(|w| w == b"COMMIT\0");
                    if n == 0 || (commits && armed.load(Ordering::Relaxed)) {
                        // The server goes on, and hears that this is the end once it has done all.
                        let _ = cut.send(());
                        return to_server.write_all(&bytes[..n]).await;
                    }
                    to_server.write_all(&bytes[..n]).await?;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_never_called_done() {
    let server = server(&[]);
    let armed = Arc::new(AtomicBool::new(false));
    let port = cut_at_commit(&server, armed.clone()).await;
    let place = TestDatabase::on(PostgresConfig {
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres").into(),
        ..PostgresConfig::default()
    });
    let store = place.open(schema()).await;
    armed.store(true, Ordering::Relaxed);
    let lost = commit(&store, |tx| {
        tx.insert(&Item::new("i", 1, ""));
        tx.publish(event("e", 1));
    })
    .await;
    assert!(matches!(lost, Err(Error::Unknown { .. })), "{lost:?}");
    armed.store(false, Ordering::Relaxed);
    // This time it was made, and then it is all there, in spite of the error.
    until("it is there", || async { store.get::<Item>("i").await.expect("read").is_some() }).await;
    let mut latest = store.watch_events();
    tokio::time::timeout(BOUND, latest.wait_for(|last| *last == 1)).await.expect("in time").expect("told");
    assert_eq!(store.read_events(0, &topics(), 9).await.expect("read").0.len(), 1);
}
