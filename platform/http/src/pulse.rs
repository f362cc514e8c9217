//! What a connection waits for, and until when.
//!
//! While the server works on a request, a connection may take as long as the work does, which has bounds of its own. In between it waits
//! for its client: for a request, for the rest of a head, or for the client to take an answer. [`Pulse`] knows which, and since when;
//! [`overdue`] ends when that has lasted too long.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep_until};

use crate::body::PIECE_BYTES;
use crate::bounds::Bounds;

/// What a client did not do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// It sent no request.
    Request,
    /// It began a head and did not end it.
    Head,
    /// It took too little of an answer.
    ResponseBody,
}

/// The state of one connection, shared by its stream, its requests and a caller that watches it.
#[derive(Debug)]
pub(crate) struct Pulse {
    state: Mutex<State>,
    /// Told when the last request of an HTTP/2 connection ends: that happens in another task than the connection's.
    quiet: Notify,
}

#[derive(Debug)]
struct State {
    is_http2: bool,
    /// Requests whose answers are not handed out to their end.
    open: usize,
    /// Since when there are none.
    idle_since: Instant,
    /// When the first byte of a head came that is not complete. HTTP/2's frames do not tell.
    head_since: Option<Instant>,
    /// Since when bytes wait for the client to take some.
    unread_since: Option<Instant>,
    /// What it has taken since, in bytes.
    taken: usize,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            is_http2: false,
            open: 0,
            idle_since: Instant::now(),
            head_since: None,
            unread_since: None,
            taken: 0,
        };
        Arc::new(Self { state: Mutex::new(state), quiet: Notify::new() })
    }

    /// From here on it speaks HTTP/2.
    pub(crate) fn speaks_http2(&self) {
        let mut state = self.state.lock();
        (state.is_http2, state.head_since, state.idle_since) = (true, None, Instant::now());
    }

    /// Bytes came.
    pub(crate) fn read(&self) {
        let mut state = self.state.lock();
        if !state.is_http2 && state.open == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// So many bytes went. A few of them win a client no time: who takes one now and then would hold its connection for ever.
    pub(crate) fn wrote(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.taken = state.taken.saturating_add(bytes);
        if state.taken >= PIECE_BYTES {
            state.unread_since = None;
        }
        // The end of an answer may still be on its way when its request is done. HTTP/2 writes for other reasons, too.
        if !state.is_http2 && state.open == 0 {
            state.idle_since = Instant::now();
        }
    }

    /// Nothing waits to go any more; that nothing waited is no news.
    pub(crate) fn flushed(&self) {
        let mut state = self.state.lock();
        if state.unread_since.take().is_some() && !state.is_http2 && state.open == 0 {
            state.idle_since = Instant::now();
        }
    }

    /// Bytes could not go, for the client takes none.
    pub(crate) fn unread(&self) {
        let mut state = self.state.lock();
        if state.unread_since.is_none() {
            (state.unread_since, state.taken) = (Some(Instant::now()), 0);
        }
    }

    /// A head has come whole. The request is open until the guard is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        let mut state = self.state.lock();
        state.open += 1;
        state.head_since = None;
        Open(self.clone())
    }

    /// Since when there is no request; none while there is one, or the beginning of one.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.open == 0 && state.head_since.is_none()).then_some(state.idle_since)
    }

    /// Comes back when the last request of an HTTP/2 connection has ended.
    pub(crate) async fn quiet(&self) {
        self.quiet.notified().await;
    }

    /// Until when the client has time, and for what; none while it is the server's turn.
    pub(crate) fn due(&self, bounds: &Bounds) -> Option<(Instant, Overdue)> {
        let state = self.state.lock();
        let unread = state.unread_since.map(|since| (since + bounds.unread, Overdue::ResponseBody));
        let request = match (state.open, state.head_since) {
            (0, Some(since)) => Some((since + bounds.head, Overdue::Head)),
            (0, None) => Some((state.idle_since + bounds.idle, Overdue::Request)),
            _ => None,
        };
        unread.into_iter().chain(request).min_by_key(|(at, _)| *at)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Open(Arc<Pulse>);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.open -= 1;
        if state.open == 0 {
            state.idle_since = Instant::now();
            if state.is_http2 {
                self.0.quiet.notify_one();
            }
        }
    }
}

/// Whether the client of an HTTP/2 stream takes its answer. The stream's task asks for more when it has room for it, so what counts is
/// the time between handing something out and being asked again.
#[derive(Debug, Default)]
pub(crate) struct Taking(Mutex<Option<Instant>>);

impl Taking {
    /// Something was handed out.
    pub(crate) fn handed_out(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// More is asked for.
    pub(crate) fn asked(&self) {
        *self.0.lock() = None;
    }

    /// Until when the client has time to take what was handed out.
    pub(crate) fn due(&self, unread: Duration) -> Option<(Instant, Overdue)> {
        self.0.lock().map(|since| (since + unread, Overdue::ResponseBody))
    }
}

/// Ends when what `due` tells has come. It asks again whenever it is polled, so it must be polled after whatever may change the answer;
/// the timer is set again only when it must ring earlier than it would.
pub(crate) async fn overdue(due: impl Fn() -> Option<(Instant, Overdue)>) -> Overdue {
    let mut alarm = pin!(sleep_until(Instant::now()));
    poll_fn(|cx| {
        loop {
            let Some((at, what)) = due() else { return Poll::Pending };
            if at <= Instant::now() {
                return Poll::Ready(what);
            }
            if alarm.is_elapsed() || at < alarm.deadline() {
                alarm.as_mut().reset(at);
            }
            ready!(alarm.as_mut().poll(cx));
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Duration, Instant, Overdue, PIECE_BYTES, Pulse, overdue};

    /// What a connection is closed for, and after how many seconds.
    async fn closed(pulse: &Pulse) -> (Overdue, u64) {
        let (began, bounds) = (Instant::now(), Bounds::default());
        let what = overdue(|| pulse.due(&bounds)).await;
        (what, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_known_whose_turn_it_is() {
        // Longer than balancers pool.
        assert_eq!(closed(&Pulse::new()).await, (Overdue::Request, 75));
        let pulse = Pulse::new();
        tokio::time::advance(Duration::from_secs(60)).await;
        pulse.read();
        assert_eq!(closed(&pulse).await, (Overdue::Head, 10), "from its first byte");
        let open = pulse.open();
        assert_eq!(pulse.due(&Bounds::default()), None, "it is the server's turn");
        pulse.unread();
        tokio::time::advance(Duration::from_secs(29)).await;
        pulse.wrote(PIECE_BYTES);
        pulse.unread();
        assert_eq!(closed(&pulse).await, (Overdue::ResponseBody, 30), "from the last piece that was taken");
        pulse.flushed();
        drop(open);
        tokio::time::advance(Duration::from_secs(50)).await;
        pulse.wrote(1);
        assert_eq!(closed(&pulse).await, (Overdue::Request, 75), "the end of an answer was still on its way");
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_wins_no_time() {
        let pulse = Pulse::new();
        let _open = pulse.open();
        pulse.unread();
        for _ in 0..29 {
            tokio::time::advance(Duration::from_secs(1)).await;
            pulse.wrote(1);
            pulse.unread();
        }
        assert_eq!(closed(&pulse).await, (Overdue::ResponseBody, 1));
        pulse.flushed();
        assert_eq!(pulse.due(&Bounds::default()), None, "it has taken all there was");
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_http2_are_no_requests() {
        let pulse = Pulse::new();
        pulse.read();
        pulse.speaks_http2();
        tokio::time::advance(Duration::from_secs(30)).await;
        pulse.read();
        pulse.wrote(1);
        assert_eq!(closed(&pulse).await, (Overdue::Request, 45));
        let (one, two) = (pulse.open(), pulse.open());
        drop(one);
        assert_eq!(pulse.due(&Bounds::default()), None);
        drop(two);
        pulse.quiet().await;
        assert_eq!(closed(&pulse).await, (Overdue::Request, 75));
    }
}
