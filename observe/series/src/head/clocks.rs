//! Times, kept once for all series that share them.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A series that misses so many times of its clock in a row leaves for another one.
const MAX_GAP: usize = 4;
/// Of the clocks of one key, so many newest ones are tried for a series that needs one.
const CLOCKS_TRIED: usize = 8;
/// What a clock takes beside its times.
const CLOCK_BYTES: usize = size_of::<Clock>() + size_of::<u32>();

/// Times that rise.
#[derive(Debug)]
pub(crate) struct Clock {
    /// What its series have in common.
    pub key: u64,
    /// Which of the clocks with this key it is.
    pub ordinal: u32,
    pub times: Vec<i64>,
}

/// All clocks of a head.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    clocks: Vec<Clock>,
    groups: HashMap<u64, Group, FxBuildHasher>,
}

#[derive(Debug, Default)]
struct Group {
    newest: Vec<u32>,
    count: u32,
}

/// Where a sample's time is, and the memory that it took to keep it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub clock: u32,
    pub index: u32,
    pub bytes: usize,
}

impl Clocks {
    pub(crate) fn times(&self, clock: u32) -> &[i64] {
        &self.clocks[clock as usize].times
    }

    pub(crate) fn all(&self) -> &[Clock] {
        &self.clocks
    }

    /// The place of a time on the clock of a series that comes to it after all places before `next`; none if the series
    /// disagrees with its clock. The time is later than that before `next`.
    pub(crate) fn advance(&mut self, clock: u32, next: u32, time_ms: i64) -> Option<Place> {
        let times = &mut self.clocks[clock as usize].times;
        let ahead = &times[next as usize..];
        let place = |index: u32, bytes| Place { clock, index, bytes };
        if ahead.first() == Some(&time_ms) {
            return Some(place(next, 0));
        }
        if let Some(skipped) = ahead.iter().take(MAX_GAP + 1).position(|time| *time == time_ms) {
            return Some(place(next + skipped as u32, 0));
        }
        let is_later = times.last().is_none_or(|last| *last < time_ms);
        (ahead.len() <= MAX_GAP && is_later).then(|| {
            let index = times.len() as u32;
            place(index, push(times, time_ms))
        })
    }

    /// A place for a series that has no clock, or disagrees with it: then it does not extend others' clocks.
    pub(crate) fn place(&mut self, key: u64, time_ms: i64, disagrees: bool) -> Place {
        let Self { clocks, groups } = self;
        let group = groups.entry(key).or_default();
        for clock in group.newest.iter().rev() {
            if let Ok(index) = clocks[*clock as usize].times.binary_search(&time_ms) {
                return Place { clock: *clock, index: index as u32, bytes: 0 };
            }
        }
        let last = |clock: &&u32| clocks[**clock as usize].times.last().copied();
        let extended = group.newest.iter().filter(|clock| !disagrees && last(clock) < Some(time_ms)).max_by_key(last);
        if let Some(clock) = extended {
            let times = &mut clocks[*clock as usize].times;
            let index = times.len() as u32;
            return Place { clock: *clock, index, bytes: push(times, time_ms) };
        }
        let clock = clocks.len() as u32;
        clocks.push(Clock { key, ordinal: group.count, times: vec![time_ms] });
        group.count += 1;
        if group.newest.len() == CLOCKS_TRIED {
            group.newest.remove(0);
        }
        group.newest.push(clock);
        Place { clock, index: 0, bytes: CLOCK_BYTES + size_of::<i64>() }
    }
}

/// Returns the memory that it took.
fn push(times: &mut Vec<i64>, time_ms: i64) -> usize {
    let before = times.capacity();
    times.push(time_ms);
    (times.capacity() - before) * size_of::<i64>()
}
