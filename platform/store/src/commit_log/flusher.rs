//! The thread that writes the log, and syncs the databases when it has grown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use vitrine_platform_log::{Error, Log};

use super::{AllRecovered, CommitLogInner};

/// When the log has so many bytes the databases are synced, and it is cut.
const CUT_BYTES: u64 = 32 << 20;
/// When it is cut that is smaller: what was deleted from a database must not stay in it for long.
const CUT_AGE: Duration = Duration::from_secs(600);
/// Most bytes of one record of the log, which holds many commits. A commit that is larger has a record of its own.
const GROUP_BYTES: usize = 4 << 20;
/// When that is written which nobody waits for.
const LATE: Duration = Duration::from_millis(100);
/// The kind of the log's records: commits, each with its length before it.
const COMMITS: u8 = 1;

pub(super) struct Flusher {
    shared: Arc<CommitLogInner>,
    log: Log,
    recovered: AllRecovered,
    /// The log lacks commits that no sync has made durable otherwise: nothing may be written behind them before one has.
    has_gap: bool,
    last_cut: Instant,
}

/// What waited, up to which position.
struct Taken {
    records: Vec<Bytes>,
    position: u64,
}

impl Flusher {
    pub(super) fn new(shared: Arc<CommitLogInner>, log: Log, recovered: AllRecovered) -> Self {
        Self { shared, log, recovered, has_gap: false, last_cut: Instant::now() }
    }

    /// Works until the log is closed and everything that waits is written.
    pub(super) fn run(mut self) {
        while let Some(Taken { records, position }) = self.take() {
            let written = self.write(records);
            if let Err(error) = &written {
                tracing::error!(error = %error, "the log of commits cannot be written; the databases are synced instead");
            }
            let is_durable = (written.is_ok() && !self.has_gap) || self.sync_databases();
            self.has_gap = !is_durable;
            self.shared.flushed.tried(position, is_durable);
            let bytes = self.log.status().bytes;
            if bytes > CUT_BYTES || (bytes > 0 && self.last_cut.elapsed() >= CUT_AGE) {
                self.cut();
            }
        }
        // All databases are closed: what was closed well is whole without the log.
        self.cut();
        self.shared.flushed.close();
    }

    /// Waits until somebody waits for a commit, one has waited long, or the log is to be cut: what waits then may be nothing. None when the
    /// log is closed and nothing waits.
    fn take(&self) -> Option<Taken> {
        let mut state = self.shared.state.lock();
        let flushed = self.shared.flushed.position();
        loop {
            let is_wanted = state.wanted > flushed && !state.waiting.is_empty();
            if is_wanted || state.closed {
                break;
            }
            let longest = if state.waiting.is_empty() { CUT_AGE } else { LATE };
            if self.shared.work.wait_for(&mut state, longest).timed_out() {
                break;
            }
        }
        if state.waiting.is_empty() && state.closed {
            return None;
        }
        let (records, position) = (std::mem::take(&mut state.waiting), state.appended);
        state.waiting_bytes = 0;
        self.shared.room.notify_all();
        Some(Taken { records, position })
    }

    /// Writes commits behind all others; not if there is a gap before them.
    fn write(&self, records: Vec<Bytes>) -> Result<(), Error> {
        if self.has_gap || records.is_empty() {
            return Ok(());
        }
        let mut pending = Vec::new();
        let (mut group, mut bytes) = (Vec::new(), 0);
        for record in records {
            let is_full = bytes + record.len() > GROUP_BYTES;
            if is_full && !group.is_empty() {
                pending.push(self.log.append(COMMITS, std::mem::take(&mut group))?);
                bytes = 0;
            }
            bytes += record.len();
            group.push(record);
        }
        pending.push(self.log.append(COMMITS, group)?);
        pending.into_iter().try_for_each(|answer| answer.wait().map(drop))
    }

    /// Syncs the files of all databases: whatever was committed to one of them is durable then. Returns whether it is.
    fn sync_databases(&self) -> bool {
        if !self.recovered.lock().is_empty() {
            return false;
        }
        let asked: Vec<_> = {
            let mut state = self.shared.state.lock();
            state.syncing = true;
            self.shared.room.notify_all();
            state.databases.iter().map(|(_, ask)| ask()).collect()
        };
        let is_synced = |answer: Option<oneshot::Receiver<bool>>| answer.is_some_and(|a| a.blocking_recv() == Ok(true));
        // Each is waited for, whatever the others say.
        let all_are = asked.into_iter().map(is_synced).fold(true, |all, one| all & one);
        self.shared.state.lock().syncing = false;
        all_are
    }

    /// Takes from the log what the databases have on disk.
    fn cut(&mut self) {
        self.last_cut = Instant::now();
        let end = self.log.status().end;
        if !self.sync_databases() {
            return;
        }
        match self.log.truncate_before(end).and_then(|answer| answer.wait()) {
            Ok(_) => {}
            Err(error) => tracing::warn!(error = %error, "the log of commits cannot be cut"),
        }
    }
}
