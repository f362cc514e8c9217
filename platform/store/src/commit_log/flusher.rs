//! The thread that writes the log, and syncs the databases when it has grown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use vitrine_platform_log::{Error, Log, Position};

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
    cut: Option<Cut>,
}

/// A cut that waits for the databases. Meanwhile the log goes on: who syncs a file may wait for it.
struct Cut {
    /// Before this everything is on disk once all have been synced.
    end: Position,
    waits_for: Vec<oneshot::Receiver<bool>>,
}

/// What waited, up to which position.
struct Taken {
    records: Vec<Bytes>,
    position: u64,
}

impl Flusher {
    pub(super) fn new(shared: Arc<CommitLogInner>, log: Log, recovered: AllRecovered) -> Self {
        Self { shared, log, recovered, has_gap: false, last_cut: Instant::now(), cut: None }
    }

    /// Works until the log is closed and everything that waits is written.
    pub(super) fn run(mut self) {
        while let Some(Taken { records, position }) = self.take() {
            let written = self.write(records);
            if let Err(error) = &written {
                tracing::error!(error = %error, "the log of commits cannot be written; the databases are synced instead");
            }
            let is_written = written.is_ok() && !self.has_gap;
            let is_durable = is_written || self.make_up();
            self.has_gap = !is_durable;
            self.shared.flushed.tried(position, is_durable);
            self.shared.state.lock().is_made_up_for = self.has_gap;
            self.shared.tried.notify_all();
            self.go_on_cutting();
        }
        // All databases are closed: what was closed well is whole without the log.
        self.cut = None;
        if self.sync_databases() {
            self.truncate(self.log.status().end);
        }
        self.shared.flushed.close();
    }

    /// Waits until somebody waits for a commit, one has waited long, or the log is to be cut: what waits then may be nothing. None when the
    /// log is closed and nothing waits.
    fn take(&self) -> Option<Taken> {
        let mut state = self.shared.state.lock();
        let flushed = self.shared.flushed.position();
        loop {
            let is_wanted = state.wanted > flushed && !state.waiting.is_empty();
            if is_wanted || state.closed || std::mem::take(&mut state.has_synced) {
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

    /// Has the databases' files stand in for the log, which cannot be written. Returns whether all that was committed is in them.
    fn make_up(&self) -> bool {
        self.shared.state.lock().is_made_up_for = true;
        self.shared.tried.notify_all();
        self.sync_databases()
    }

    /// Asks all databases to sync their files; none if one of them cannot.
    fn ask_databases(&self) -> Option<Vec<oneshot::Receiver<bool>>> {
        if !self.recovered.lock().is_empty() {
            return None;
        }
        self.shared.state.lock().databases.iter().map(|(_, ask)| ask()).collect()
    }

    /// Syncs the files of all databases: whatever was committed to one of them is durable then. Returns whether it is.
    fn sync_databases(&self) -> bool {
        {
            let mut state = self.shared.state.lock();
            state.syncing = true;
            self.shared.room.notify_all();
        }
        let asked = self.ask_databases();
        // Each is waited for, whatever the others say.
        let is_synced = |answer: oneshot::Receiver<bool>| answer.blocking_recv() == Ok(true);
        let all_are = asked.is_some_and(|asked| asked.into_iter().map(is_synced).fold(true, |all, one| all & one));
        self.shared.state.lock().syncing = false;
        all_are
    }

    /// Begins to take from the log what the databases have on disk, when it has grown; ends that once all of them have been synced.
    fn go_on_cutting(&mut self) {
        let status = self.log.status();
        let is_due = status.bytes > CUT_BYTES || (status.bytes > 0 && self.last_cut.elapsed() >= CUT_AGE);
        if self.cut.is_none() && is_due && !self.has_gap {
            self.last_cut = Instant::now();
            self.cut = self.ask_databases().map(|waits_for| Cut { end: status.end, waits_for });
        }
        let Some(mut cut) = self.cut.take() else { return };
        let mut is_vain = false;
        cut.waits_for.retain_mut(|answer| match answer.try_recv() {
            Err(TryRecvError::Empty) => true,
            answer => {
                is_vain |= answer != Ok(true);
                false
            }
        });
        match (is_vain, cut.waits_for.is_empty()) {
            (true, _) => {}
            (false, true) => self.truncate(cut.end),
            (false, false) => self.cut = Some(cut),
        }
    }

    fn truncate(&self, end: Position) {
        if let Err(error) = self.log.truncate_before(end).and_then(|answer| answer.wait()) {
            tracing::warn!(error = %error, "the log of commits cannot be cut");
        }
    }
}
