//! A connection whose client has begun to speak.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How HTTP/2 begins (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream, and what was read of it to see whether it speaks HTTP/2.
pub(crate) struct Rewind<S> {
    head: [u8; HTTP2_PREFACE.len()],
    /// What of the head is still to be given out.
    left: std::ops::Range<usize>,
    stream: S,
}

impl<S: AsyncRead + Unpin> Rewind<S> {
    /// Reads until it is plain whether the client speaks HTTP/2. The end of the stream before that is an error.
    pub(crate) async fn read(mut stream: S) -> io::Result<Self> {
        let mut head = [0; HTTP2_PREFACE.len()];
        let mut seen = 0;
        while seen < head.len() && head[..seen] == HTTP2_PREFACE[..seen] {
            match stream.read(&mut head[seen..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => seen += read,
            }
        }
        Ok(Self { head, left: 0..seen, stream })
    }

    /// Whether the client speaks HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.head == *HTTP2_PREFACE
    }

    /// The stream itself.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewind<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let part = self.left.len().min(buffer.remaining());
        let from = self.left.start;
        buffer.put_slice(&self.head[from..from + part]);
        self.left.start += part;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewind<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
