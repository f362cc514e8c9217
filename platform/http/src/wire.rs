//! The bytes of a connection, as they come and go.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pulse::Pulse;
use crate::rejection;

/// A stream that tells its connection's [`Pulse`] what moves, and gives a body to the answers that hyper makes without us.
pub(crate) struct Wire<S> {
    stream: S,
    pulse: Arc<Pulse>,
    /// What is written in place of an answer of hyper's, and how much of it has gone.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse, instead: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// What came of a write, after the pulse was told.
    fn noted(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => self.pulse.unread(),
            Poll::Ready(Ok(written)) => self.pulse.wrote(written),
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }

    /// Writes what stands in for `data`; nothing is left of either when it is ready.
    fn poll_instead(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.instead.is_none() {
            self.instead = rejection::rewritten(data).map(|text| (text, 0));
        }
        let (text, mut done) = self.instead.take()?;
        while done < text.len() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &text[done..]);
            match self.noted(written) {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(written)) => done += written,
                Poll::Ready(Err(e)) => return Some(Poll::Ready(Err(e))),
                Poll::Pending => {
                    self.instead = Some((text, done));
                    return Some(Poll::Pending);
                }
            }
        }
        Some(Poll::Ready(Ok(data.len())))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(written) = self.poll_instead(cx, data) {
            return written;
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = data.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        if let Some(written) = self.poll_instead(cx, first) {
            return written;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match flushed {
            Poll::Pending => self.pulse.unread(),
            Poll::Ready(_) => self.pulse.flushed(),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
