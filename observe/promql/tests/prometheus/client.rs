//! Prometheus's HTTP API, as far as it is asked here.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use vitrine_observe_promql::Range;

use crate::compare::Response;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    port: u16,
}

/// All but letters and digits as `%XX`.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    /// The status and the body of an answer.
    fn post(&self, path: &str, headers: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head =
            format!("POST {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").context("an answer with a head")?;
        let status = std::str::from_utf8(&answer[..end])?.split(' ').nth(1).context("a status")?.parse()?;
        Ok((status, answer.split_off(end + 4)))
    }

    /// Writes samples: a request of remote write 1.0.
    pub(crate) fn write(&self, request: &[u8]) -> Result<()> {
        let headers = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
                       X-Prometheus-Remote-Write-Version: 0.1.0\r\n";
        let (status, body) = self.post("/api/v1/write", headers, request)?;
        ensure!(status == 204, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    fn ask(&self, path: &str, form: &str) -> Result<Response> {
        let (_, body) = self.post(path, "Content-Type: application/x-www-form-urlencoded\r\n", form.as_bytes())?;
        Response::theirs(&serde_json::from_slice(&body)?)
    }

    pub(crate) fn instant(&self, query: &str, at_ms: i64) -> Result<Response> {
        self.ask("/api/v1/query", &format!("query={}&time={}", escaped(query), seconds(at_ms)))
    }

    pub(crate) fn range(&self, query: &str, range: Range) -> Result<Response> {
        let form = format!(
            "query={}&start={}&end={}&step={}",
            escaped(query),
            seconds(range.start_ms),
            seconds(range.end_ms),
            seconds(range.step_ms)
        );
        self.ask("/api/v1/query_range", &form)
    }
}
