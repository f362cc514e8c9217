//! Takes whatever is sent to it over HTTP, and keeps the bytes: what a process tells others about itself.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Most bytes that are read at a time.
const CHUNK: usize = 64 * 1024;
/// The answer to every request: an OTLP response without content says that all was taken.
const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// A receiver, until it is dropped.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens.
    pub url: String,
    taken: Arc<Mutex<Vec<u8>>>,
    _stop: DropGuard,
}

impl Sink {
    /// Listens on a port of its own.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (taken, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let (keep, stopped) = (taken.clone(), stop.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, keep.clone()));
            }
        }));
        Ok(Self { url, taken, _stop: stop.drop_guard() })
    }

    /// All that came up to now.
    pub fn taken(&self) -> Vec<u8> {
        self.taken.lock().map(|taken| taken.clone()).unwrap_or_default()
    }
}

/// One connection: requests with a `content-length`, one after the other. What is no such request ends it.
async fn receive(mut stream: TcpStream, taken: Arc<Mutex<Vec<u8>>>) -> Option<()> {
    let mut pending = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = stream.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        pending.extend_from_slice(&chunk[..n]);
        while let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end]).to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
            let whole = end + 4 + length;
            if pending.len() < whole {
                break;
            }
            taken.lock().ok()?.extend(pending.drain(..whole));
            stream.write_all(TAKEN).await.ok()?;
        }
    }
}
