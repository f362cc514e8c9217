//! HTTP/1.1 over one connection: so little that what is measured is the server.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept open.
pub(crate) struct Wire {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Wire {
    /// Connects to `http://HOST:PORT`.
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").context("an http:// URL")?.trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&host).await.with_context(|| host.clone())?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, buffer: Vec::new() })
    }

    /// Sends protobuf; the status and the body of the answer.
    pub(crate) async fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.post_with(path, &format!("Content-Type: {kind}\r\n"), body).await
    }

    /// Sends a remote write 1.0 that snappy packed.
    pub(crate) async fn post_snappy(&mut self, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        self.post_with(path, headers, body).await
    }

    /// Sends a remote write 2.0 that snappy packed.
    pub(crate) async fn post_snappy_2(&mut self, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let headers = "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n\
                       Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 2.0.0\r\n";
        self.post_with(path, headers, body).await
    }

    async fn post_with(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n", self.host, body.len());
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(body).await?;
        self.answer().await
    }

    /// The status and the body of a GET.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(u16, Vec<u8>)> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.write_all(head.as_bytes()).await?;
        self.answer().await
    }

    async fn more(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "{} hung up", self.host);
        Ok(())
    }

    async fn answer(&mut self) -> Result<(u16, Vec<u8>)> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(|v| v.trim().to_owned()));
        self.buffer.drain(..end);
        if header("transfer-encoding:").is_some_and(|coding| coding == "chunked") {
            return Ok((status, self.chunks().await?));
        }
        let length: usize = header("content-length:").map_or(Ok(0), |length| length.parse())?;
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok((status, std::mem::take(&mut self.buffer)))
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                    break self.buffer.drain(..end + 2).collect::<Vec<u8>>();
                }
                self.more().await?;
            };
            let length = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16)?;
            while self.buffer.len() < length + 2 {
                self.more().await?;
            }
            body.extend(self.buffer.drain(..length + 2).take(length));
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

/// Median of a request that is sent some times, in milliseconds, and what it is answered with. With a body, which is JSON, it is a POST.
pub(crate) async fn median_ms(url: &str, path: &str, body: Option<&Value>, times: usize) -> Result<(f64, Value)> {
    let mut wire = Wire::connect(url).await?;
    let (mut took, mut last) = (Vec::new(), Value::Null);
    for _ in 0..times {
        let began = Instant::now();
        let (status, answered) = match body {
            Some(body) => wire.post(path, "application/json", body.to_string().as_bytes()).await?,
            None => wire.get(path).await?,
        };
        took.push(began.elapsed().as_secs_f64() * 1e3);
        let said = || String::from_utf8_lossy(&answered[..answered.len().min(300)]).into_owned();
        ensure!(status == 200, "{path}: {status} {}", said());
        last = serde_json::from_slice(&answered).with_context(said)?;
    }
    took.sort_by(f64::total_cmp);
    Ok((took[took.len() / 2], last))
}
