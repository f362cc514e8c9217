//! Bodies under a deadline: requests must come, and answers must be taken.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Duration, Instant, Sleep, sleep_until};

use crate::pulse::{Open, Taking};

/// What a client must take of an answer in [`Bounds::unread`](crate::Bounds::unread), in bytes. An HTTP/2 stream is given as much at a
/// time: how far its client is can be seen when it asks for more, and a client that opens a window of one byte makes the server keep
/// no more than this; a frame holds as much by default.
pub(crate) const PIECE_BYTES: usize = 16 << 10;

/// Whether a request's body has come, among the request's extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrival(Arc<AtomicBool>);

impl Arrival {
    /// Whether a caller waited for the rest of the body when its time was over.
    pub(crate) fn is_late(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The body did not come in time.
#[derive(Debug)]
struct BodyTimeout;

impl fmt::Display for BodyTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body did not come in time")
    }
}

impl std::error::Error for BodyTimeout {}

/// A request's body, until its time is over; then an error, and [`Arrival`] says so.
pub(crate) struct TimedBody {
    body: Incoming,
    until: Instant,
    /// Made when the body is waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    arrival: Arrival,
}

impl TimedBody {
    pub(crate) fn new(body: Incoming, time: Duration, arrival: Arrival) -> Self {
        Self { body, until: Instant::now() + time, alarm: None, arrival }
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(this.until)));
        ready!(alarm.as_mut().poll(cx));
        this.arrival.0.store(true, Ordering::Release);
        Poll::Ready(Some(Err(axum::Error::new(BodyTimeout))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body. Its request is open as long as it lives.
pub(crate) struct ResponseBody {
    body: Body,
    /// What was taken out of the body and not yet handed out.
    rest: Bytes,
    /// Of an HTTP/2 stream: whether its client takes what is handed out.
    taking: Option<Arc<Taking>>,
    _open: Open,
}

impl ResponseBody {
    pub(crate) fn new(body: Body, taking: Option<Arc<Taking>>, open: Open) -> Self {
        Self { body, rest: Bytes::new(), taking, _open: open }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(taking) = &this.taking else { return Pin::new(&mut this.body).poll_frame(cx) };
        taking.asked();
        if this.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else { return Poll::Ready(None) };
            match frame?.into_data() {
                Ok(data) => this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        taking.handed_out();
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
