//! Connections: TCP, TLS, through a proxy, or to a Unix socket.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::proxies::{Proxies, userinfo};
use crate::request::basic;
use crate::tls::{Stream, Tls};

/// How long making a connection may take, with all handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a proxy's answer, in bytes.
const MAX_PROXY_HEAD: usize = 8 * 1024;

/// A connection, of whatever kind.
pub(crate) struct Link {
    io: TokioIo<Box<dyn Stream>>,
    is_proxied: bool,
    is_http2: bool,
}

/// How connections are made.
pub(crate) struct Way {
    pub(crate) tls: Tls,
    pub(crate) proxies: Proxies,
    pub(crate) unix_socket: Option<PathBuf>,
}

impl Way {
    /// Connects to where a URL points.
    pub(crate) async fn connect(&self, to: &Uri) -> io::Result<Link> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {CONNECT_TIMEOUT:?}"));
        tokio::time::timeout(CONNECT_TIMEOUT, self.connected(to)).await.map_err(|_| late())?
    }

    async fn connected(&self, to: &Uri) -> io::Result<Link> {
        let is_tls = to.scheme_str() == Some("https");
        let mut is_proxied = false;
        let stream: Box<dyn Stream> = if let Some(path) = &self.unix_socket {
            Box::new(UnixStream::connect(path).await?)
        } else if let Some(proxy) = self.proxies.of(to) {
            let mut stream = tcp(proxy).await?;
            if is_tls {
                self.tunnel(&mut stream, proxy, to).await?;
            } else {
                is_proxied = true;
            }
            Box::new(stream)
        } else {
            Box::new(tcp(to).await?)
        };
        let (stream, is_http2) =
            if is_tls { self.tls.negotiate(to.host().unwrap_or_default(), stream).await? } else { (stream, false) };
        Ok(Link { io: TokioIo::new(stream), is_proxied, is_http2 })
    }

    /// Asks a proxy for a way to a server.
    async fn tunnel(&self, stream: &mut TcpStream, proxy: &Uri, to: &Uri) -> io::Result<()> {
        let (host, port) = authority(to);
        let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(userinfo) = userinfo(proxy) {
            head.push_str(&format!("Proxy-Authorization: {}\r\n", basic(&userinfo)));
        }
        for (name, value) in &self.proxies.connect_headers {
            head.push_str(&format!("{name}: {}\r\n", value.expose()));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut head = Vec::new();
        // One byte at a time: what follows the head is the server's.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == MAX_PROXY_HEAD {
                return Err(io::Error::other("the proxy's answer does not end"));
            }
            head.push(stream.read_u8().await?);
        }
        let line = String::from_utf8_lossy(&head);
        let status = line.split_whitespace().nth(1).unwrap_or_default();
        if status == "200" {
            Ok(())
        } else {
            Err(io::Error::other(format!("the proxy answered {status} when asked for {host}:{port}")))
        }
    }
}

/// Host and port of a URL, the port by its scheme where none is said.
fn authority(uri: &Uri) -> (&str, u16) {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    (uri.host().unwrap_or_default(), port)
}

async fn tcp(to: &Uri) -> io::Result<TcpStream> {
    let (host, port) = authority(to);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_proxied);
        if self.is_http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
