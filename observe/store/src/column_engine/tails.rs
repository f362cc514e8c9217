//! Who follows log records, and what was committed since.
//!
//! A commit leaves its rows' place here before it is acknowledged, and a thread of its own matches them. A place does not hold its
//! memtable: when that has become a segment before the thread came to it, the rows count as dropped.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Weak};

use vitrine_observe_model::{FoundLog, LogCursor, LogFilter, LogRow};

use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::memtable::MemTable;
use crate::column_engine::notify::Notify;
use crate::column_engine::read::logs::of_columns;
use crate::column_engine::{Context, TICK};
use crate::engine::Tenant;
use crate::tail::{LogTail, MAX_TAILS, TailError, TailQueue};

/// Commits that wait to be matched; of more, the rows of the oldest count as dropped.
const MAX_COMMITS: usize = 4096;
/// Rows that are matched while no others are added.
const BLOCK_ROWS: usize = 1024;

/// Follows log records.
#[derive(Debug)]
pub(crate) struct Tails {
    state: Mutex<State>,
    due: Notify,
}

#[derive(Debug, Default)]
struct State {
    subscriptions: Vec<Subscription>,
    commits: VecDeque<Committed>,
    /// How many commits there were.
    count: u64,
    is_closed: bool,
}

/// What is followed, matched once for all who follow it.
#[derive(Debug)]
struct Subscription {
    tenant: Tenant,
    filter: Arc<LogFilter>,
    followers: Vec<Follower>,
}

/// Who follows.
#[derive(Debug)]
struct Follower {
    /// The number of the first commit that counts.
    first: u64,
    queue: Weak<TailQueue>,
}

/// Who follows some rows: what is asked of them, and where those go that meet it.
#[derive(Debug)]
struct Following {
    filter: Arc<LogFilter>,
    queues: Vec<Arc<TailQueue>>,
}

/// Rows that may be seen now.
#[derive(Debug)]
struct Committed {
    tenant: Tenant,
    memtable: Weak<MemTable>,
    rows: Range<usize>,
    number: u64,
}

impl Default for Tails {
    fn default() -> Self {
        Self { state: Mutex::new(Rank::Tails, State::default()), due: Notify::default() }
    }
}

impl State {
    /// Forgets who has gone. Returns how many are left.
    fn retain(&mut self) -> usize {
        for subscription in &mut self.subscriptions {
            subscription.followers.retain(|follower| follower.queue.strong_count() > 0);
        }
        self.subscriptions.retain(|subscription| !subscription.followers.is_empty());
        self.subscriptions.iter().map(|subscription| subscription.followers.len()).sum()
    }

    /// Who follows these rows.
    fn following(&self, commit: &Committed) -> Vec<Following> {
        let of_tenant = self.subscriptions.iter().filter(|subscription| subscription.tenant == commit.tenant);
        let following = of_tenant.map(|subscription| {
            let followers = subscription.followers.iter().filter(|follower| follower.first <= commit.number);
            let queues = followers.filter_map(|follower| follower.queue.upgrade()).collect();
            Following { filter: subscription.filter.clone(), queues }
        });
        following.filter(|following| !following.queues.is_empty()).collect()
    }
}

impl Tails {
    /// Follows records from now on.
    pub(crate) fn follow(&self, tenant: &Tenant, filter: LogFilter) -> Result<LogTail, TailError> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(TailError::Closed);
        }
        if state.retain() >= MAX_TAILS {
            return Err(TailError::TooMany { most: MAX_TAILS });
        }
        let queue = Arc::new(TailQueue::default());
        let follower = Follower { first: state.count, queue: Arc::downgrade(&queue) };
        let is_same = |known: &&mut Subscription| known.tenant == *tenant && *known.filter == filter;
        match state.subscriptions.iter_mut().find(is_same) {
            Some(known) => known.followers.push(follower),
            None => {
                let (tenant, filter) = (tenant.clone(), Arc::new(filter));
                state.subscriptions.push(Subscription { tenant, filter, followers: vec![follower] });
            }
        }
        Ok(LogTail(queue))
    }

    /// These rows may be seen now. Before they are acknowledged.
    pub(crate) fn committed(&self, tenant: &Tenant, memtable: &Arc<MemTable>, rows: Range<usize>) {
        let mut state = self.state.lock();
        let followers = state.retain();
        let number = state.count;
        state.count += 1;
        if followers == 0 {
            state.commits.clear();
            return;
        }
        if state.commits.len() >= MAX_COMMITS
            && let Some(lost) = state.commits.pop_front()
        {
            miss(&state.following(&lost), lost.rows.len());
        }
        let memtable = Arc::downgrade(memtable);
        state.commits.push_back(Committed { tenant: tenant.clone(), memtable, rows, number });
        drop(state);
        self.due.notify();
    }

    /// Matches rows until the engine is closed.
    pub(crate) fn run(&self, context: &Context) {
        while !context.is_closed() {
            self.due.wait(TICK);
            while let Some((commit, following)) = self.next() {
                self.match_rows(&commit, &following);
            }
        }
        let mut state = self.state.lock();
        state.is_closed = true;
        let followers = state.subscriptions.drain(..).flat_map(|subscription| subscription.followers);
        followers.filter_map(|follower| follower.queue.upgrade()).for_each(|queue| queue.close());
    }

    /// No one waits for this thread any more.
    pub(crate) fn notify(&self) {
        self.due.notify();
    }

    fn next(&self) -> Option<(Committed, Vec<Following>)> {
        let mut state = self.state.lock();
        let commit = state.commits.pop_front()?;
        let following = state.following(&commit);
        Some((commit, following))
    }

    fn match_rows(&self, commit: &Committed, following: &[Following]) {
        for start in commit.rows.clone().step_by(BLOCK_ROWS) {
            let block = start..commit.rows.end.min(start + BLOCK_ROWS);
            let Some(memtable) = commit.memtable.upgrade() else {
                return miss(following, commit.rows.end - start);
            };
            for Following { filter, queues } in following {
                let found = matching(&memtable, block.clone(), filter);
                queues.iter().for_each(|queue| queue.add(&found));
            }
        }
    }
}

fn matching(memtable: &MemTable, block: Range<usize>, filter: &LogFilter) -> Vec<Arc<FoundLog>> {
    let rows = memtable.read();
    let found = rows.columns().matching(&of_columns(filter, rows.columns()), block).into_iter().map(|row| {
        let row = LogRow::from_columns(rows.columns(), row as usize);
        let cursor = LogCursor::new(row.time_ns, row.content_hash(), 0);
        Arc::new(FoundLog { row, cursor })
    });
    found.collect()
}

fn miss(following: &[Following], rows: usize) {
    following.iter().flat_map(|following| &following.queues).for_each(|queue| queue.miss(rows));
}

#[cfg(test)]
mod tests {
    use vitrine_observe_model::LogFilter;

    use super::{MAX_COMMITS, MemTable, Tails, Tenant};
    use crate::Signal;
    use crate::column_engine::budget::Budget;

    #[test]
    fn rows_that_were_not_looked_at_count_as_dropped() {
        let (tails, tenant) = (Tails::default(), Tenant::default());
        let mut tail = tails.follow(&tenant, LogFilter::everything()).expect("followed");
        let memtable = MemTable::empty(Signal::Logs, Budget::new(0));
        tails.committed(&tenant, &memtable, 0..5);
        drop(memtable);
        let (commit, following) = tails.next().expect("a commit");
        tails.match_rows(&commit, &following);
        let memtable = MemTable::empty(Signal::Logs, Budget::new(0));
        (0..MAX_COMMITS + 2).for_each(|_| tails.committed(&tenant, &memtable, 0..1));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let tailed = runtime.block_on(tail.next()).expect("open");
        assert_eq!((tailed.rows.len(), tailed.dropped), (0, 7));
    }
}
