//! The order of events.

use std::collections::{BTreeSet, HashMap};

use vitrine_platform_store::{Event, NewEvent, Store, retry_conflicts};

use super::{BOUND, raw, server, until};
use crate::database::TestDatabase;
use crate::{Item, commit, event, read, schema, topics};

async fn ids_after(store: &Store, after: u64) -> Vec<(u64, String)> {
    let (events, _) = store.read_events(after, &topics(), 100).await.expect("read");
    events.into_iter().map(|e| (e.position, e.event.id)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_late_comes_later_than_what_was_readable() {
    let server = server(&[]);
    let place = TestDatabase::postgres(&server);
    let store = place.open(schema()).await;
    let insert = |id: &str| {
        format!(
            "INSERT INTO \"{}\".outbox (id, topic, key, occurred_at_ms, payload, traceparent, baggage)
             VALUES ('{id}', 'test.item.made', 'k', 1, '', '', '')",
            place.schema()
        )
    };
    // It writes first and commits last, and its process ends before it gives the event a position.
    let slow = raw(&server).await;
    slow.batch_execute(&format!("BEGIN; {}", insert("slow"))).await.expect("written");
    commit(&store, |tx| tx.publish(event("quick", 1))).await.expect("published");
    assert_eq!(ids_after(&store, 0).await, [(1, "quick".to_owned())]);
    slow.batch_execute("COMMIT").await.expect("committed");
    assert_eq!(ids_after(&store, 1).await, [(2, "slow".to_owned())]);
    // What is undone leaves no gap that anybody would wait for.
    slow.batch_execute(&format!("BEGIN; {}; ROLLBACK", insert("undone"))).await.expect("undone");
    commit(&store, |tx| tx.publish(event("next", 1))).await.expect("published");
    assert_eq!(ids_after(&store, 2).await, [(3, "next".to_owned())]);
    // A caller that only watches learns of it, too, though no one told.
    let mut latest = store.watch_events();
    slow.batch_execute(&insert("alone")).await.expect("committed");
    tokio::time::timeout(BOUND, latest.wait_for(|last| *last == 4)).await.expect("in time").expect("told");
}

const WRITERS: u32 = 12;
const EACH: u32 = 40;
const DOCUMENTS: u32 = 5;

/// Changes documents one after the other, with an event of each change and one beside it; returns the names of the changes.
async fn write(store: Store, writer: u32) -> Vec<String> {
    let mut written = Vec::new();
    for n in 0..EACH {
        let id = format!("d{}", (writer * 7 + n) % DOCUMENTS);
        let done = retry_conflicts(async || {
            let mut item = read(&store, &id).await;
            item.doc.stock += 1;
            let stock = item.stock;
            let name = format!("{id}-{stock}");
            let changed = NewEvent { key: id.clone(), occurred_at_ms: stock, ..event(&name, 0) };
            let beside = event(&format!("beside-{writer}-{n}"), 0);
            commit(&store, |tx| {
                tx.publish(changed);
                tx.publish(beside);
                tx.update(&item);
            })
            .await
            .map(|()| name)
        })
        .await;
        // Sixteen tries may be too few among so many.
        written.extend(done);
    }
    written
}

/// Reads events as they come, until one of the name `end`.
async fn follow_to_the_end(reader: Store) -> Vec<Event> {
    let (mut seen, mut after, mut latest) = (Vec::<Event>::new(), 0, reader.watch_events());
    loop {
        let (events, position) = reader.read_events(after, &topics(), 7).await.expect("read");
        assert!(events.iter().all(|e| e.position > after && e.position <= position));
        assert!(events.is_sorted_by(|a, b| a.position < b.position));
        after = position;
        let ended = events.iter().any(|e| e.event.id == "end");
        seen.extend(events);
        if ended {
            return seen;
        }
        if seen.last().is_none_or(|last| last.position <= after) && *latest.borrow_and_update() <= after {
            tokio::time::timeout(BOUND, latest.changed()).await.expect("more within the bound").expect("open");
        }
    }
}

/// Writers of three processes, and a reader in a fourth that follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn followers_miss_nothing_and_see_the_order_of_each_document() {
    let server = server(&[("fsync", "off")]);
    let place = TestDatabase::postgres(&server);
    let reader = place.open(schema()).await;
    commit(&reader, |tx| (0..DOCUMENTS).for_each(|d| tx.insert(&Item::new(&format!("d{d}"), 0, ""))))
        .await
        .expect("inserted");
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let store = if writer % 4 == 0 { place.open(schema()).await } else { reader.clone() };
        writers.push(tokio::spawn(write(store, writer)));
    }
    let follow = tokio::spawn(follow_to_the_end(reader));
    let mut written = BTreeSet::new();
    for writer in writers {
        written.extend(writer.await.expect("no panic"));
    }
    let last = place.open(schema()).await;
    commit(&last, |tx| tx.publish(event("end", 0))).await.expect("published");
    let seen = follow.await.expect("no panic");
    let ids: BTreeSet<String> = seen.iter().map(|e| e.event.id.clone()).collect();
    assert_eq!(ids.len(), seen.len(), "nothing twice");
    assert_eq!(ids.len(), written.len() * 2 + 1, "nothing skipped, nothing that was undone");
    assert!(ids.is_superset(&written) && written.len() > 100, "{} were written", written.len());
    let mut stocks: HashMap<&str, i64> = HashMap::new();
    for changed in seen.iter().filter(|e| e.event.key.starts_with('d')) {
        let before = stocks.insert(&changed.event.key, changed.event.occurred_at_ms).unwrap_or(0);
        assert_eq!(changed.event.occurred_at_ms, before + 1, "{} in the order of its changes", changed.event.key);
    }
    // Read again from the beginning, it is the same.
    let (again, _) = last.read_events(0, &topics(), 10_000).await.expect("read");
    assert_eq!(again, seen);
    until("every event has a position", || async {
        let waiting = format!("SELECT count(*) FROM \"{}\".outbox WHERE position IS NULL", place.schema());
        raw(&server).await.query_one(&waiting, &[]).await.expect("counted").get::<_, i64>(0) == 0
    })
    .await;
}
