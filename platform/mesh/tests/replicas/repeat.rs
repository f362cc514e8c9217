//! What is repeated on another replica, and what is not: by a server that misbehaves as it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Response};
use tonic::Code;
use vitrine_platform_mesh::Limits;

use crate::{Caller, Replica, eventually};

/// How a call is treated that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// RST_STREAM with REFUSED_STREAM: it says that nothing was done.
    Refuse,
    /// RST_STREAM with INTERNAL_ERROR: who knows.
    Break,
    /// The whole connection is closed.
    Close,
    /// UNAVAILABLE, by a handler.
    Unavailable,
}

/// A server over bare HTTP/2 that counts the calls it treated so. It has no health service.
async fn misbehaving(treatment: Treatment) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, treated) = (listener.local_addr().expect("an address"), Arc::new(AtomicU32::new(0)));
    let count = treated.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    let status = |code: &str| {
                        let head = Response::builder().header("content-type", "application/grpc");
                        head.header("grpc-status", code).body(()).expect("a response")
                    };
                    if request.uri().path().ends_with("/Watch") {
                        answer.send_response(status("12"), true).expect("sent");
                        continue;
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    match treatment {
                        Treatment::Refuse => answer.send_reset(h2::Reason::REFUSED_STREAM),
                        Treatment::Break => answer.send_reset(h2::Reason::INTERNAL_ERROR),
                        Treatment::Close => return,
                        Treatment::Unavailable => {
                            let mut sending = answer.send_response(status("14"), false).expect("sent");
                            sending.send_data(Bytes::new(), false).expect("sent");
                            sending.send_trailers(HeaderMap::new()).expect("sent");
                        }
                    }
                }
            });
        }
    });
    (address, treated)
}

/// Waits until both have been reached, by calls that may fail.
async fn outcomes(treatment: Treatment, safe: bool) -> (Vec<Code>, u32, u32) {
    let ((bad, treated), good) = (misbehaving(treatment).await, Replica::start().await);
    let caller = Caller::at(&[bad, good.address]);
    let mut codes = Vec::new();
    // One after the other: both are idle, so chance alone chooses, and a connection that was closed is there again.
    eventually(async || {
        let outcome = if safe { caller.get("fine").await } else { caller.add("fine").await };
        codes.push(outcome.map_or_else(|status| status.code(), |_| Code::Ok));
        treated.load(Ordering::SeqCst) >= 3 && good.calls() >= 3
    })
    .await;
    (codes, treated.load(Ordering::SeqCst), good.calls())
}

#[tokio::test]
async fn what_was_refused_unread_goes_elsewhere_whatever_the_method() {
    let (codes, _, good) = outcomes(Treatment::Refuse, false).await;
    assert!(codes.iter().all(|code| *code == Code::Ok), "{codes:?}");
    assert_eq!(usize::try_from(good).expect("small"), codes.len(), "each was handled once");
}

#[tokio::test]
async fn a_write_whose_fate_is_not_known_is_not_repeated() {
    for treatment in [Treatment::Break, Treatment::Close, Treatment::Unavailable] {
        let (codes, bad, good) = outcomes(treatment, false).await;
        let failed = codes.iter().filter(|code| **code == Code::Unavailable).count();
        assert_eq!(failed, usize::try_from(bad).expect("small"), "{treatment:?}: each failed where it was: {codes:?}");
        assert_eq!(failed + usize::try_from(good).expect("small"), codes.len(), "{treatment:?}");
    }
}

#[tokio::test]
async fn a_read_is_and_not_where_it_failed() {
    for treatment in [Treatment::Break, Treatment::Close, Treatment::Unavailable] {
        let (codes, _, good) = outcomes(treatment, true).await;
        assert!(codes.iter().all(|code| *code == Code::Ok), "{treatment:?}: {codes:?}");
        assert_eq!(usize::try_from(good).expect("small"), codes.len(), "{treatment:?}");
    }
}

#[tokio::test]
async fn what_a_full_replica_turned_away_goes_elsewhere() {
    let any = "127.0.0.1:0".parse().expect("an address");
    let full = Replica::start_at(any, None, Limits { server_concurrency: 1, ..Limits::default() }).await;
    let other = Replica::start().await;
    let occupant = Caller::at(&[full.address]);
    let occupying = tokio::spawn(async move { occupant.add("hang").await });
    eventually(async || full.calls() == 1).await;
    // To this caller both are idle. It is no more calls than may be repeated at once: they cost the full one something.
    let caller = Caller::at(&[full.address, other.address]);
    for _ in 0..10 {
        caller.add("fine").await.expect("the other one answers");
    }
    assert_eq!((full.calls(), other.calls()), (1, 10));
    full.carts.go.notify_one();
    assert_eq!(occupying.await.expect("no panic").expect("answered"), "hang");
    assert!(join_all((0..3).map(|_| caller.add("fine"))).await.iter().all(Result::is_ok));
}
