//! A WebSocket by hand (RFC 6455), as a client has it that does nothing by itself. The crate's own tests have it, too.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vitrine_tests_testkit::PATIENCE;

/// Bytes that are read at a time.
const PART: usize = 4096;
/// What a frame begins with that is the whole of a text.
const TEXT: u8 = 0x81;
/// Of one that closes.
const CLOSE: u8 = 0x88;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    /// It closes, with this code and reason.
    Close(u16, String),
}

/// A socket, or what was to become one.
pub(crate) struct Socket {
    stream: TcpStream,
    /// What was read, and not yet looked at.
    unread: Vec<u8>,
    /// What the server has answered: a head, without its body.
    pub(crate) head: String,
}

impl Socket {
    /// Asks for a socket of GraphQL over a connection, and waits for what is answered.
    pub(crate) async fn ask(stream: TcpStream, protocol: &str) -> Result<Self> {
        let host = stream.peer_addr()?;
        let mut socket = Self { stream, unread: Vec::new(), head: String::new() };
        let head = format!(
            "GET /graphql HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
        );
        socket.stream.write_all(head.as_bytes()).await?;
        const END: &[u8] = b"\r\n\r\n";
        let at = loop {
            if let Some(at) = socket.unread.windows(END.len()).position(|part| part == END) {
                break at + END.len();
            }
            socket.read().await?;
        };
        socket.head = String::from_utf8(socket.unread.drain(..at).collect())?;
        Ok(socket)
    }

    /// Says a text: in a frame of section 5.2, with a mask of zeros, which changes nothing.
    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        let mut frame = vec![TEXT, 0x80 | 126];
        frame.extend(u16::try_from(text.len())?.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        Ok(self.stream.write_all(&frame).await?)
    }

    /// What the server says next.
    pub(crate) async fn next(&mut self) -> Result<Said> {
        let [kind, length] = self.take().await?;
        let length = match length {
            126 => usize::from(u16::from_be_bytes(self.take().await?)),
            short @ ..126 => usize::from(short),
            _ => bail!("a frame is longer than any here"),
        };
        while self.unread.len() < length {
            self.read().await?;
        }
        let payload: Vec<u8> = self.unread.drain(..length).collect();
        match kind {
            TEXT => Ok(Said::Text(String::from_utf8(payload)?)),
            CLOSE => {
                let (code, reason) = payload.split_first_chunk().context("a code")?;
                Ok(Said::Close(u16::from_be_bytes(*code), String::from_utf8(reason.to_vec())?))
            }
            other => bail!("neither a text nor an end: {other:#x}"),
        }
    }

    /// The next two bytes.
    async fn take(&mut self) -> Result<[u8; 2]> {
        while self.unread.len() < 2 {
            self.read().await?;
        }
        let taken = *self.unread.first_chunk().context("two bytes")?;
        self.unread.drain(..taken.len());
        Ok(taken)
    }

    async fn read(&mut self) -> Result<()> {
        let mut part = [0; PART];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut part)).await.context("nothing comes")??;
        ensure!(read > 0, "the server has gone: {:?}", String::from_utf8_lossy(&self.unread));
        self.unread.extend(&part[..read]);
        Ok(())
    }
}
