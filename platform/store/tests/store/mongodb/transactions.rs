//! A batch on a server that refuses it, in whatever words, is in its way, or does not answer.

use std::time::{Duration, Instant};

use ::mongodb::bson::doc;
use vitrine_platform_store::{Error, Store, Stored, Tx};

use super::stand_in::{Reply, StandIn, not_written, refused};
use super::{FOR_EVER, Guest, SOON, store, until};
use crate::{commit, event};

const TRANSIENT: &str = "TransientTransactionError";

/// A batch that has one of each kind, so that whatever fails, something was written before.
fn everything(tx: &mut Tx) {
    tx.insert(&Guest::new("new"));
    tx.put(&Guest::new("any"));
    tx.update(&Stored { doc: Guest::new("known"), version: 3 });
    tx.delete_expecting::<Guest>("gone", 4);
    tx.publish(event("e", 1));
}

/// How it ended, in a word.
fn ended(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "done".to_owned(),
        Err(Error::Duplicate { index, .. }) => format!("duplicate {index}"),
        Err(Error::Exists { id, .. }) => format!("{id} exists"),
        Err(Error::Conflict { id, .. }) => format!("{id} conflicts"),
        Err(Error::Busy) => "busy".to_owned(),
        Err(Error::Unavailable { .. }) => "unavailable".to_owned(),
        Err(Error::Unknown { .. }) => "unknown".to_owned(),
        Err(Error::Engine(_)) => "failed".to_owned(),
        Err(e) => panic!("{e:?}"),
    }
}

/// How the transactions ended that the server has heard of.
fn ends(server: &StandIn) -> Vec<String> {
    server.transactions().into_iter().filter_map(|mut commands| commands.pop()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_is_aborted_before_anybody_is_told() {
    let none = Reply::With(doc! { "ok": 1.0, "n": 0 });
    let email = "E11000 duplicate key error collection: d.c_guests index: i_email dup key: { keys.email: \"2a\" }";
    let id = "E11000 duplicate key error collection: d.c_guests index: _id_ dup key: { _id: \"new\" }";
    let unnamed = "E11000 duplicate key error collection: d.c_guests. Failed _id or unique index constraint.";
    let other = |index: &str| format!("Duplicate key violation on the requested collection: Index '{index}'");
    for (command, reply, expected) in [
        ("insert", not_written(11_000, email), "duplicate email"),
        ("insert", not_written(11_000, id), "new exists"),
        ("insert", not_written(11_000, unnamed), "new exists"),
        ("insert", not_written(11_000, &other("i_email")), "duplicate email"),
        ("insert", not_written(11_000, &other("_id_")), "new exists"),
        ("insert", refused(11_000, &other("i_email"), &[]), "duplicate email"),
        ("insert", not_written(11_001, "duplicate key, index: d.c_guests.$i_email  dup key"), "duplicate email"),
        ("insert", not_written(13, "not allowed"), "failed"),
        ("insert", refused(50, "it took too long", &[]), "busy"),
        ("insert", refused(10_107, "not primary", &[TRANSIENT]), "unavailable"),
        ("insert", not_written(112, "write conflict"), "busy"),
        ("update", not_written(11_000, email), "duplicate email"),
        ("update", not_written(11_000, &other("i_email")), "duplicate email"),
        ("update", not_written(11_000, unnamed), "duplicate email"),
        // A caller that puts a document does not mind that it exists: another has put it this moment, each time.
        ("update", not_written(11_000, &other("_id_")), "busy"),
        ("update", refused(8_000, "no", &[]), "failed"),
        ("delete", none.clone(), "gone conflicts"),
        ("findAndModify", refused(112, "write conflict", &[]), "busy"),
        ("findAndModify", refused(112, "write conflict", &[TRANSIENT]), "busy"),
        ("findAndModify", refused(13, "not allowed", &[]), "failed"),
    ] {
        let server = StandIn::start().await;
        let store = store(&server, FOR_EVER).await;
        server.answer(command, usize::MAX, reply);
        let ended = ended(commit(&store, everything).await);
        // Looked at before anything else happens: the abort was answered by now.
        let ends = ends(&server);
        assert_eq!(ended, expected, "{command}");
        assert!(!ends.is_empty() && ends.iter().all(|end| end == "abortTransaction"), "{command} {expected}: {ends:?}");
        assert_eq!(server.received("commitTransaction"), 0, "{command} {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_way_is_made_way_for_whatever_server_says_so() {
    let other = "Duplicate key violation on the requested collection: Index '_id_'";
    for (command, reply) in [
        ("insert", not_written(112, "write conflict")),
        ("insert", refused(112, "write conflict", &[])),
        ("insert", refused(112, "write conflict", &[TRANSIENT])),
        ("insert", refused(251, "no such transaction", &[])),
        ("insert", refused(246, "snapshot unavailable", &[])),
        ("insert", refused(999, "whatever", &[TRANSIENT])),
        ("insert", refused(11_602, "interrupted: the primary steps down", &[TRANSIENT])),
        ("insert", refused(189, "the primary steps down", &[])),
        ("insert", Reply::Cut),
        ("update", not_written(112, "write conflict")),
        ("update", not_written(11_000, other)),
        ("delete", refused(112, "write conflict", &[])),
        ("findAndModify", refused(112, "write conflict", &[])),
        ("commitTransaction", refused(112, "write conflict", &[])),
        ("commitTransaction", refused(251, "it was aborted", &[TRANSIENT])),
    ] {
        let server = StandIn::start().await;
        let store = store(&server, FOR_EVER).await;
        server.answer(command, 1, reply);
        assert_eq!(ended(commit(&store, everything).await), "done", "{command}");
        let ends = ends(&server);
        // What a server has refused to commit is no more, and cannot be aborted.
        let first = if command == "commitTransaction" { command } else { "abortTransaction" };
        assert_eq!(ends, [first, "commitTransaction"], "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_is_asked_for_again_and_never_made_twice() {
    let unknown = "UnknownTransactionCommitResult";
    for (reply, times, expected) in [
        (Reply::Cut, 1, "done"),
        (Reply::Cut, 3, "done"),
        (refused(64, "not on most servers in time", &[unknown]), 2, "done"),
        (refused(64, "not on most servers in time", &[unknown]), usize::MAX, "unknown"),
        (refused(91, "the server stops", &["RetryableWriteError"]), 2, "done"),
        // It may be that one which was committed is not known any more.
        (refused(251, "no such transaction", &[]), usize::MAX, "unknown"),
        (refused(262, "it took too long", &[]), usize::MAX, "unknown"),
        (refused(13, "not allowed", &[]), usize::MAX, "failed"),
    ] {
        let server = StandIn::start().await;
        let store = store(&server, FOR_EVER).await;
        server.answer("commitTransaction", times, reply);
        assert_eq!(ended(commit(&store, everything).await), expected);
        assert_eq!(server.transactions().len(), 1, "{expected}: the batch was written once");
        assert_eq!(server.received("abortTransaction"), 0, "{expected}");
    }
    // Lost first, and then refused: what became of the first is not known.
    let server = StandIn::start().await;
    let store = store(&server, FOR_EVER).await;
    server.answer("commitTransaction", 2, Reply::Cut);
    server.answer("commitTransaction", 1, refused(251, "no such transaction", &[]));
    assert_eq!(ended(commit(&store, everything).await), "unknown");
    assert_eq!(server.transactions().len(), 1);
}

/// What a batch comes to when commands of this name are not answered, and how long that takes.
async fn outcome_of(command: &'static str, before: Option<Reply>) -> (String, Duration) {
    let server = StandIn::start().await;
    let store = store(&server, 1_000).await;
    let _gate = server.hold(command);
    if let Some(reply) = before {
        server.answer("insert", usize::MAX, reply);
    }
    let began = Instant::now();
    (ended(commit(&store, everything).await), began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_one_deadline_whatever_does_not_answer() {
    let conflict = || Some(refused(112, "write conflict", &[TRANSIENT]));
    let (insert, publish, commit, abort, again) = tokio::join!(
        outcome_of("insert", None),
        outcome_of("findAndModify", None),
        outcome_of("commitTransaction", None),
        outcome_of("abortTransaction", Some(not_written(13, "not allowed"))),
        outcome_of("abortTransaction", conflict()),
    );
    for (what, (ended, took), expected) in [
        ("insert", insert, "unavailable"),
        ("publish", publish, "unavailable"),
        ("commit", commit, "unknown"),
        ("abort", abort, "unavailable"),
        ("abort of the first try", again, "unavailable"),
    ] {
        assert_eq!(ended, expected, "{what}");
        let second = Duration::from_secs(1);
        assert!(took >= second && took < SOON, "{what}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_behind_a_batch_has_a_deadline_too() {
    let server = StandIn::start().await;
    let store = store(&server, 1_000).await;
    let _gate = server.hold("findAndModify");
    let began = Instant::now();
    let publish = |n: usize| {
        let store = store.clone();
        async move { ended(commit(&store, |tx| tx.publish(event(&format!("e{n}"), 1))).await) }
    };
    let all = futures::future::join_all((0..20).map(publish)).await;
    assert!(all.iter().all(|ended| ["unavailable", "busy"].contains(&ended.as_str())), "{all:?}");
    // One after the other they would take twenty seconds.
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

/// That a batch whose caller does not wait any more is aborted when the server answers again.
async fn given_up(store: &Store, server: &StandIn, command: &'static str) {
    let gate = server.hold(command);
    let before = (server.transactions().len(), server.received("abortTransaction"));
    assert_eq!(ended(commit(store, everything).await), "unavailable");
    assert_eq!(server.transactions().len(), before.0 + 1);
    gate.send_replace(true);
    until("it is aborted", || server.received("abortTransaction") > before.1).await;
    assert_eq!(server.received("commitTransaction"), 0, "{command}: nothing was committed behind anybody's back");
    server.behave();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_aborted_when_the_server_answers_again() {
    let server = StandIn::start().await;
    let store = store(&server, 300).await;
    // The first command of a transaction, which the driver does not count before it is answered; and a later one.
    given_up(&store, &server, "insert").await;
    given_up(&store, &server, "findAndModify").await;
    assert_eq!(ended(commit(&store, everything).await), "done");
}
