//! A change of stock told to a thousand sockets: how soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vitrine_tests_testkit::storm::restock;
use vitrine_tests_testkit::within;

use super::Served;
use crate::goals::{tell, thousands};

const SOCKETS: usize = 1_000;
/// Sockets that are opened at a time.
const OPENED: usize = 100;
/// Changes whose way to each socket is timed, and the pause between them.
const TIMED: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// How long all may take to be heard.
const PATIENCE: Duration = Duration::from_secs(60);
const FOLLOWED: &str = "prd_everyday-tumbler";

/// A text message of a client (RFC 6455, section 5.2), under a mask that changes nothing.
fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(short @ ..126) => frame.push(0x80 | short),
        // None of these messages is longer than 64 KiB.
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// What a server sends.
struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Socket {
    async fn open(address: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let head = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        let mut socket = Self { stream, buffer: Vec::new() };
        let end = loop {
            if let Some(end) = socket.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break end + 4;
            }
            socket.more().await?;
        };
        ensure!(socket.buffer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&socket.buffer[..end]));
        socket.buffer.drain(..end);
        Ok(socket)
    }

    async fn more(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the socket was closed");
        Ok(())
    }

    async fn say(&mut self, message: &Value) -> Result<()> {
        Ok(self.stream.write_all(&frame(message)).await?)
    }

    /// The next message; what is no text is left out.
    async fn next(&mut self) -> Result<Value> {
        loop {
            let (opcode, start, end) = loop {
                if let Some(&[first, length]) = self.buffer.first_chunk() {
                    let (start, length) = match (length, self.buffer.get(2..4)) {
                        (126, Some(&[high, low])) => (4, usize::from(u16::from_be_bytes([high, low]))),
                        (..126, _) => (2, usize::from(length)),
                        _ => (4, usize::MAX - 4),
                    };
                    if self.buffer.len() >= start + length {
                        break (first & 0x0f, start, start + length);
                    }
                }
                self.more().await?;
            };
            let payload: Vec<u8> = self.buffer.drain(..end).skip(start).collect();
            if opcode == 1 {
                return Ok(serde_json::from_slice(&payload)?);
            }
        }
    }
}

/// How much there is, by each socket.
struct Followers {
    /// Sockets that have heard of any change.
    heard: AtomicUsize,
    /// What they are to hear of at last.
    last: AtomicU64,
}

/// When each amount was heard of first, by one socket.
type Received = Vec<(u64, Instant)>;

async fn follow(mut socket: Socket, followers: Arc<Followers>) -> Result<Received> {
    let query = format!("subscription {{ stockChanged(ids: [\"{FOLLOWED}\"]) {{ resync product {{ available }} }} }}");
    socket.say(&json!({"type": "subscribe", "id": "1", "payload": {"query": query}})).await?;
    let mut heard = Vec::new();
    loop {
        let message = socket.next().await?;
        let change = &message["payload"]["data"]["stockChanged"];
        let available =
            change["product"]["available"].as_u64().with_context(|| format!("what was told is {message}"))?;
        if heard.is_empty() {
            followers.heard.fetch_add(1, Ordering::Relaxed);
        }
        heard.push((available, Instant::now()));
        if available >= followers.last.load(Ordering::Relaxed) {
            return Ok(heard);
        }
    }
}

pub(super) async fn measure(served: &Served) -> Result<()> {
    println!("Web: a change of stock told to {SOCKETS} sockets, {TIMED} times");
    let (admin, anybody) = (served.shop.admin()?, served.shop.anybody()?);
    let followers = Arc::new(Followers { heard: AtomicUsize::new(0), last: AtomicU64::new(u64::MAX) });
    let mut listening = JoinSet::new();
    for _ in 0..SOCKETS / OPENED {
        let mut opening = JoinSet::new();
        for _ in 0..OPENED {
            let address = served.address.clone();
            opening.spawn(async move {
                let mut socket = Socket::open(&address).await?;
                socket.say(&json!({"type": "connection_init"})).await?;
                ensure!(socket.next().await?["type"] == "connection_ack", "a socket was not let in");
                Ok::<_, anyhow::Error>(socket)
            });
        }
        while let Some(socket) = opening.join_next().await {
            listening.spawn(follow(socket??, followers.clone()));
        }
    }
    // One who has only just begun to follow hears nothing of what was before.
    within(PATIENCE, "all sockets", async || {
        restock(&admin, FOLLOWED, 1).await?;
        tokio::time::sleep(PAUSE).await;
        Ok((followers.heard.load(Ordering::Relaxed) == SOCKETS).then_some(()))
    })
    .await?;
    let product = anybody.get(&format!("/api/v1/products/{FOLLOWED}")).await?;
    let before = product["available"].as_u64().context("how much there is")?;
    followers.last.store(before + TIMED as u64, Ordering::Relaxed);
    let (mut changed, mut commits) = (Vec::new(), Histogram::<u64>::new(3)?);
    for _ in 0..TIMED {
        let began = Instant::now();
        restock(&admin, FOLLOWED, 1).await?;
        commits.record(u64::try_from(began.elapsed().as_micros())?)?;
        changed.push((began, Instant::now()));
        tokio::time::sleep(PAUSE).await;
    }
    let all = async {
        let mut heard = Vec::new();
        while let Some(one) = listening.join_next().await {
            heard.push(one??);
        }
        Ok::<_, anyhow::Error>(heard)
    };
    let heard = tokio::time::timeout(PATIENCE, all).await.context("a socket was not told of all changes")??;
    let (mut from_request, mut from_answer) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    for one in &heard {
        for (n, (began, acknowledged)) in changed.iter().enumerate() {
            let amount = before + 1 + n as u64;
            let (_, at) = one.iter().find(|(known, _)| *known >= amount).context("a change was not told")?;
            from_request.record(u64::try_from(at.saturating_duration_since(*began).as_micros())?)?;
            from_answer.record(u64::try_from(at.saturating_duration_since(*acknowledged).as_micros())?)?;
        }
    }
    tell("from a commit to a socket, p99", thousands(&from_answer, 0.99), "ms", 50.0, false);
    println!(
        "  p50 {:.1} ms; from the request of the change {:.1} ms p50, {:.1} ms p99; it is acknowledged after {:.1} ms at p50\n",
        thousands(&from_answer, 0.5),
        thousands(&from_request, 0.5),
        thousands(&from_request, 0.99),
        thousands(&commits, 0.5)
    );
    Ok(())
}
