//! Rate, errors and duration of operations, and who calls whom, by the minute: small enough to be read as a whole.
//!
//! Rows in memory are counted as they come; when they become a segment, the figures stand beside it, so that they go when
//! the segment goes. Calls are counted when rows become a segment ([`graph`](crate::column_engine::graph)): who is called may come
//! before who calls. Those of rows in memory are counted when they are asked for.

mod encode;
pub(crate) mod logs;
mod segment;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vitrine_observe_columns::Dictionary;
use vitrine_observe_model::{SpanKind, StatusCode};

use crate::column_engine::graph::difference::{Count, Difference};
use crate::engine::{RedQuery, RedRow};
use crate::{Dependency, Operation};

pub(crate) use segment::SegmentRollup;

/// Buckets of durations: two for each doubling.
pub(crate) const BUCKETS: usize = 80;
/// Durations below two to this power, in nanoseconds, are in the first bucket.
const FIRST_BUCKET_BITS: u32 = 10;
/// The square root of two, times 2^63.
const ROOT_OF_TWO: u64 = 0xB504_F333_F9DE_6484;
/// A minute in nanoseconds.
pub(crate) const MINUTE_NS: i64 = 60_000_000_000;
/// Steps of time in minutes, the next when there are too many entries: a minute, an hour, a day, a month, and for ever.
const STEPS: [i64; 5] = [1, 60, 1440, 43_200, i64::MAX / MINUTE_NS];
/// Most entries before time is told less exactly: some MiB.
const MAX_ENTRIES: usize = 64 << 10;
/// Most services; what comes later counts as [`OTHER`].
const MAX_SERVICES: usize = 4096;
/// Most names in one rollup beyond which a caller that is only called, or only calls, counts as [`OTHER`]: senders choose
/// these names freely, and they must not displace services.
const MAX_PEERS: usize = MAX_SERVICES / 2;
/// Most operations of a service; what comes later counts as [`OTHER`].
const MAX_OPERATIONS: usize = 1000;
/// What operations and services are called that are too many.
const OTHER: &str = "…other";

/// A service's operation; texts by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    service: u32,
    name: u32,
    kind: u8,
}

/// An operation (by number) with a status, in a step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct RollupKey {
    operation: u32,
    status: u8,
    step: i64,
}

/// What happened there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct RedTotals {
    count: u64,
    duration_ns: u64,
    /// Buckets that are not empty, in order.
    buckets: Vec<(u8, u32)>,
}

/// Calls of a service by another in a step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Call {
    parent: u32,
    child: u32,
    step: i64,
}

/// Totals of a number of spans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rollup {
    /// Which of [`STEPS`].
    coarseness: usize,
    texts: Dictionary,
    operations: Vec<Name>,
    numbers: HashMap<Name, u32>,
    /// How many operations a service has.
    services: HashMap<u32, usize>,
    totals: HashMap<RollupKey, RedTotals>,
    calls: HashMap<Call, Count>,
}

/// Which bucket a duration is in.
fn bucket(duration_ns: u64) -> u8 {
    let bits = duration_ns.max(1).ilog2();
    if bits < FIRST_BUCKET_BITS {
        return 0;
    }
    let upper = duration_ns << (63 - bits) >= ROOT_OF_TWO;
    (2 * (bits - FIRST_BUCKET_BITS) + u32::from(upper)).min(BUCKETS as u32 - 1) as u8
}

impl RedTotals {
    fn add(&mut self, duration_ns: u64) {
        self.count += 1;
        self.duration_ns = self.duration_ns.saturating_add(duration_ns);
        self.add_to(bucket(duration_ns), 1);
    }

    fn add_to(&mut self, bucket: u8, count: u32) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(cell) => self.buckets[cell].1 = self.buckets[cell].1.saturating_add(count),
            Err(cell) => self.buckets.insert(cell, (bucket, count)),
        }
    }

    fn unite(&mut self, other: &Self) {
        self.count += other.count;
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
        other.buckets.iter().for_each(|(bucket, count)| self.add_to(*bucket, *count));
    }
}

impl Rollup {
    fn step_ns(&self) -> i64 {
        STEPS[self.coarseness] * MINUTE_NS
    }

    /// The number of a service.
    fn service(&mut self, name: &[u8]) -> u32 {
        let known = self.texts.find(name).is_some_and(|code| self.services.contains_key(&code));
        let name = if known || self.services.len() < MAX_SERVICES { name } else { OTHER.as_bytes() };
        let code = self.texts.intern(name);
        self.services.entry(code).or_default();
        code
    }

    /// The number of one end of a call.
    fn end(&mut self, name: &[u8]) -> u32 {
        let known = self.texts.find(name).is_some_and(|code| self.services.contains_key(&code));
        self.service(if known || self.services.len() < MAX_PEERS { name } else { OTHER.as_bytes() })
    }

    /// The number of an operation.
    pub(crate) fn operation(&mut self, service: &[u8], name: &[u8], kind: u8) -> u32 {
        let service = self.service(service);
        let wanted = self.texts.find(name).map(|name| Name { service, name, kind });
        if let Some(number) = wanted.and_then(|wanted| self.numbers.get(&wanted)) {
            return *number;
        }
        let many = self.services.get(&service).is_some_and(|count| *count >= MAX_OPERATIONS);
        let name = self.texts.intern(if many { OTHER.as_bytes() } else { name });
        let wanted = Name { service, name, kind };
        if let Some(number) = self.numbers.get(&wanted) {
            return *number;
        }
        let number = self.operations.len() as u32;
        self.operations.push(wanted);
        self.numbers.insert(wanted, number);
        *self.services.entry(service).or_default() += 1;
        number
    }

    /// Counts a span of an operation.
    pub(crate) fn add(&mut self, operation: u32, status: u8, time: i64, duration_ns: u64) {
        let cell = RollupKey { operation, status, step: time.div_euclid(self.step_ns()) };
        self.totals.entry(cell).or_default().add(duration_ns);
        if self.totals.len() > MAX_ENTRIES {
            self.coarsen();
        }
    }

    /// Counts calls between two services.
    fn call(&mut self, parent: &[u8], child: &[u8], time: i64, count: Count) {
        let (parent, child) = (self.end(parent), self.end(child));
        let step = time.div_euclid(self.step_ns());
        self.calls.entry(Call { parent, child, step }).or_default().add(count);
        if self.calls.len() > MAX_ENTRIES {
            self.coarsen();
        }
    }

    /// Counts what spans add to the service graph.
    pub(crate) fn add_calls(&mut self, difference: &Difference) {
        for (parent, child, start, count) in difference.counts() {
            self.call(parent, child, start, count);
        }
    }

    /// Tells time less exactly.
    fn coarsen(&mut self) {
        if self.coarseness + 1 == STEPS.len() {
            return;
        }
        let before = self.step_ns();
        self.coarseness += 1;
        let after = self.step_ns();
        let coarser = |step: i64| step.saturating_mul(before).div_euclid(after);
        let totals = std::mem::take(&mut self.totals);
        for (cell, totals) in totals {
            self.totals.entry(RollupKey { step: coarser(cell.step), ..cell }).or_default().unite(&totals);
        }
        for (call, count) in std::mem::take(&mut self.calls) {
            self.calls.entry(Call { step: coarser(call.step), ..call }).or_default().add(count);
        }
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let buckets = self.totals.values().map(|totals| totals.buckets.capacity() * size_of::<(u8, u32)>());
        self.texts.bytes()
            + self.operations.capacity() * size_of::<Name>()
            + self.numbers.capacity() * size_of::<(Name, u32)>()
            + self.services.capacity() * size_of::<(u32, usize)>()
            + self.totals.capacity() * size_of::<(RollupKey, RedTotals)>()
            + self.calls.capacity() * size_of::<(Call, Count)>()
            + buckets.sum::<usize>()
    }

    /// Adds the totals of other spans.
    pub(crate) fn unite(&mut self, other: &Self) {
        while self.coarseness < other.coarseness {
            self.coarsen();
        }
        let numbers: Vec<u32> = other
            .operations
            .iter()
            .map(|name| self.operation(other.texts.get(name.service), other.texts.get(name.name), name.kind))
            .collect();
        for (cell, totals) in &other.totals {
            let time = cell.step.saturating_mul(other.step_ns());
            let step = time.div_euclid(self.step_ns());
            let operation = numbers[cell.operation as usize];
            self.totals.entry(RollupKey { operation, step, ..*cell }).or_default().unite(totals);
            if self.totals.len() > MAX_ENTRIES {
                self.coarsen();
            }
        }
        for (call, count) in &other.calls {
            let (parent, child) = (other.texts.get(call.parent), other.texts.get(call.child));
            self.call(parent, child, call.step.saturating_mul(other.step_ns()), *count);
        }
    }

    /// The services that spans are from.
    pub(crate) fn services(&self, into: &mut BTreeSet<String>) {
        let services: BTreeSet<u32> = self.operations.iter().map(|name| name.service).collect();
        into.extend(services.into_iter().map(|code| self.texts.text(code).to_owned()));
    }

    /// The operations of a service.
    pub(crate) fn operations(&self, service: &str, into: &mut BTreeSet<Operation>) {
        let Some(service) = self.texts.find(service.as_bytes()) else { return };
        let operations = self.operations.iter().filter(|name| name.service == service);
        into.extend(operations.map(|name| self.operation_of(name)));
    }

    fn operation_of(&self, name: &Name) -> Operation {
        Operation { name: self.texts.text(name.name).to_owned(), kind: SpanKind::from_number(name.kind) }
    }

    /// Adds up what is asked for.
    pub(crate) fn red(&self, query: &RedQuery, into: &mut Red) {
        let service = query.service.as_ref().map(|name| self.texts.find(name.as_bytes()));
        if service == Some(None) {
            return;
        }
        let step_ns = self.step_ns();
        for (cell, totals) in &self.totals {
            let name = &self.operations[cell.operation as usize];
            let time = u64::try_from(cell.step.saturating_mul(step_ns)).unwrap_or(0);
            if service.flatten().is_some_and(|service| name.service != service) || !into.holds(time) {
                continue;
            }
            let (service, operation) = (self.texts.text(name.service), self.operation_of(name));
            into.add(time, service, operation, cell.status, totals);
        }
    }

    /// Adds up the calls in this time.
    pub(crate) fn calls(&self, min_ns: i64, max_ns: i64, into: &mut Calls) {
        let step_ns = self.step_ns();
        for (call, count) in &self.calls {
            let begin = call.step.saturating_mul(step_ns);
            if begin <= max_ns && begin.saturating_add(step_ns) > min_ns {
                into.add(self.texts.text(call.parent), self.texts.text(call.child), *count);
            }
        }
    }
}

/// Totals added up over rollups.
pub(crate) struct Red {
    start_ns: u64,
    end_ns: u64,
    step_ns: u64,
    rows: BTreeMap<(u64, String, Operation, u8), RedTotals>,
}

impl Red {
    /// Nothing yet.
    pub(crate) fn new(query: &RedQuery) -> Self {
        let minute = MINUTE_NS as u64;
        Self {
            start_ns: query.start_ns / minute * minute,
            end_ns: query.end_ns,
            step_ns: query.step_ns.max(1).div_ceil(minute).saturating_mul(minute),
            rows: BTreeMap::new(),
        }
    }

    /// Times of spans that may count.
    pub(crate) fn range(&self) -> (i64, i64) {
        let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        (time(self.start_ns), time(self.end_ns))
    }

    fn holds(&self, time_ns: u64) -> bool {
        (self.start_ns..self.end_ns).contains(&time_ns)
    }

    fn add(&mut self, time_ns: u64, service: &str, operation: Operation, status: u8, totals: &RedTotals) {
        let key = (time_ns / self.step_ns * self.step_ns, service.to_owned(), operation, status);
        self.rows.entry(key).or_default().unite(totals);
    }

    /// What was added up.
    pub(crate) fn rows(self) -> Vec<RedRow> {
        let operation_of =
            |((time_ns, service, operation, status), totals): ((u64, String, Operation, u8), RedTotals)| {
                let mut buckets = vec![0; BUCKETS];
                totals.buckets.iter().for_each(|(bucket, count)| buckets[usize::from(*bucket)] = *count);
                RedRow {
                    time_ns,
                    service,
                    operation,
                    status: StatusCode::from_number(status),
                    count: totals.count,
                    duration_ns: totals.duration_ns,
                    buckets,
                }
            };
        self.rows.into_iter().map(operation_of).collect()
    }
}

/// Calls added up over rollups.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<(String, String), Count>);

impl Calls {
    /// Adds calls of one service by another.
    pub(crate) fn add(&mut self, parent: &str, child: &str, count: Count) {
        self.0.entry((parent.to_owned(), child.to_owned())).or_default().add(count);
    }

    /// What was added up. Less than nothing may be left of calls that were taken back when the segment that counted them
    /// was gone already.
    pub(crate) fn dependencies(self) -> Vec<Dependency> {
        let operation_of = |((parent, child), count): ((String, String), Count)| {
            let calls = u64::try_from(count.calls).ok().filter(|calls| *calls > 0)?;
            let errors = u64::try_from(count.errors).unwrap_or(0).min(calls);
            Some(Dependency { parent, child, calls, errors })
        };
        self.0.into_iter().filter_map(operation_of).collect()
    }
}
