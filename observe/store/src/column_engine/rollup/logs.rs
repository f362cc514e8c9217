//! How many log records there are and how long their messages, by the minute, service and severity.
//!
//! Counted when rows become a segment, and written beside it. Most questions of volume ask for no more, and then no row is read but those
//! of the minutes at the ends.

use std::collections::{BTreeSet, HashMap};

use vitrine_observe_columns::{Columns, Data, Dictionary};
use vitrine_observe_model::definitions::logs;
use vitrine_observe_model::{LogCountQuery, LogField, LogFilter, LogRow, ScopeInfo, Value};

use super::encode::{CRC_BYTES, Reader, put, put_signed};
use super::{MAX_ENTRIES, MAX_SERVICES, MINUTE_NS, OTHER, STEPS};

/// What it is, with a version.
const MAGIC: &[u8; 8] = b"vtr-log\x01";
/// When more than one of so many records would have to be read after all, all are.
const FEW: u64 = 4;

/// Records and their messages' bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogTotals {
    pub records: u64,
    pub bytes: u64,
}

/// A service (by number) and a severity in a step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Cell {
    service: u32,
    severity: u8,
    step: i64,
}

/// Totals of a number of log records.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogRollup {
    /// Which of [`STEPS`].
    coarseness: usize,
    services: Dictionary,
    totals: HashMap<Cell, LogTotals>,
}

/// A question that rollups may answer.
pub(crate) struct RollupQuery<'a>(&'a LogCountQuery);

/// What a rollup tells.
pub(crate) struct RollupCounts<'a> {
    /// A time in the step, the service and the severity.
    pub totals: Vec<(u64, &'a str, u8, LogTotals)>,
    /// The first and the last time of what must be read.
    pub unknown: Vec<(i64, i64)>,
}

impl LogTotals {
    pub(crate) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl LogRollup {
    /// The columns that it is made of.
    pub(crate) const COLUMNS: [&str; 4] = ["time", "severity", "service", "body"];

    fn step_ns(&self) -> i64 {
        STEPS[self.coarseness].saturating_mul(MINUTE_NS)
    }

    fn service(&mut self, name: &[u8]) -> u32 {
        let known = self.services.find(name).is_some() || self.services.len() < MAX_SERVICES;
        self.services.intern(if known { name } else { OTHER.as_bytes() })
    }

    fn add(&mut self, service: u32, severity: u8, time: i64, totals: LogTotals) {
        let cell = Cell { service, severity, step: time.div_euclid(self.step_ns()) };
        self.totals.entry(cell).or_default().add(totals);
        while self.totals.len() > MAX_ENTRIES && self.coarseness + 1 < STEPS.len() {
            self.coarsen();
        }
    }

    /// Tells time less exactly.
    fn coarsen(&mut self) {
        let before = self.step_ns();
        self.coarseness += 1;
        let after = self.step_ns();
        for (cell, totals) in std::mem::take(&mut self.totals) {
            let step = cell.step.saturating_mul(before).div_euclid(after);
            self.totals.entry(Cell { step, ..cell }).or_default().add(totals);
        }
    }

    /// Counts all of these rows.
    pub(crate) fn add_rows(&mut self, columns: &Columns) {
        let flat = &columns.flat;
        let (Data::Int(times), Data::Int(severities), Data::Text(services), Data::Text(bodies)) =
            (&flat[logs::TIME].data, &flat[logs::SEVERITY].data, &flat[logs::SERVICE].data, &flat[logs::BODY].data)
        else {
            return;
        };
        let numbers: Vec<u32> = services.dictionary.iter().map(|name| self.service(name)).collect();
        for row in 0..columns.rows {
            let Some(service) = numbers.get(services.codes[row] as usize) else { continue };
            let severity = u8::try_from(severities[row]).unwrap_or(0);
            let bytes = bodies.get(row).map_or(0, str::len) as u64;
            self.add(*service, severity, times[row], LogTotals { records: 1, bytes });
        }
    }

    /// Adds the totals of other records.
    pub(crate) fn unite(&mut self, other: &Self) {
        while self.coarseness < other.coarseness {
            self.coarsen();
        }
        let numbers: Vec<u32> = other.services.iter().map(|name| self.service(name)).collect();
        for (cell, totals) in &other.totals {
            let time = cell.step.saturating_mul(other.step_ns());
            self.add(numbers[cell.service as usize], cell.severity, time, *totals);
        }
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.services.bytes() + self.totals.capacity() * size_of::<(Cell, LogTotals)>()
    }

    /// As bytes: what it is, the coarseness, the services, the totals by service, severity and time, and a checksum. Numbers and texts are
    /// as in the rollup of spans.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, self.coarseness as u64);
        put(&mut bytes, self.services.len() as u64);
        for name in self.services.iter() {
            put(&mut bytes, name.len() as u64);
            bytes.extend_from_slice(name);
        }
        let mut totals: Vec<_> = self.totals.iter().collect();
        totals.sort_unstable_by_key(|(cell, _)| **cell);
        put(&mut bytes, totals.len() as u64);
        let mut before = 0i64;
        for (cell, totals) in totals {
            put(&mut bytes, cell.service.into());
            put(&mut bytes, cell.severity.into());
            put_signed(&mut bytes, cell.step.wrapping_sub(before));
            before = cell.step;
            put(&mut bytes, totals.records);
            put(&mut bytes, totals.bytes);
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// From bytes; none if they are damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<CRC_BYTES>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut reader = Reader(body.strip_prefix(MAGIC)?);
        let coarseness = reader.small().filter(|coarseness| *coarseness < STEPS.len())?;
        let mut rollup = Self { coarseness, ..Self::default() };
        for code in 0..reader.count()? {
            let length = reader.count()?;
            if rollup.services.intern(reader.take(length)?) as usize != code {
                return None;
            }
        }
        let mut before = 0i64;
        for _ in 0..reader.count()? {
            let service = reader.small().filter(|code: &u32| (*code as usize) < rollup.services.len())?;
            let severity = reader.small()?;
            before = before.wrapping_add(reader.signed()?);
            let totals = LogTotals { records: reader.number()?, bytes: reader.number()? };
            rollup.totals.insert(Cell { service, severity, step: before }, totals);
        }
        reader.0.is_empty().then_some(rollup)
    }
}

/// Whether a filter asks for the service and the severity only.
fn is_told(filter: &LogFilter) -> bool {
    match filter {
        LogFilter::All(filters) | LogFilter::Any(filters) => filters.iter().all(is_told),
        LogFilter::Not(filter) => is_told(filter),
        LogFilter::Field(field, _) => matches!(field, LogField::Service | LogField::Severity),
    }
}

/// A record of a service and a severity, and nothing else.
fn record(service: &str, severity: u8) -> LogRow {
    LogRow {
        time_ns: 0,
        observed_time_ns: 0,
        severity,
        severity_text: String::new(),
        service: service.to_owned(),
        trace_id: None,
        span_id: None,
        flags: 0,
        event_name: String::new(),
        body: Value::Empty,
        template: None,
        attributes: Vec::new(),
        dropped_attributes: 0,
        resource: Vec::new(),
        resource_dropped_attributes: 0,
        resource_schema_url: String::new(),
        scope: ScopeInfo::default(),
    }
}

impl<'a> RollupQuery<'a> {
    /// None if rows must be read.
    pub(crate) fn new(query: &'a LogCountQuery) -> Option<Self> {
        let told = query.by.iter().all(|field| matches!(field, LogField::Service | LogField::Severity));
        (told && is_told(&query.filter)).then_some(Self(query))
    }

    /// What the rollup of a segment tells whose first and last record are of these times; none if it is better to read all rows.
    pub(crate) fn ask<'r>(&self, rollup: &'r LogRollup, (min, max): (i64, i64)) -> Option<RollupCounts<'r>> {
        if rollup.services.find(OTHER.as_bytes()).is_some() {
            return None;
        }
        let (start, last) = (time(self.0.start_ns), time(self.0.end_ns.checked_sub(1)?));
        let (mut told, mut unknown) = (RollupCounts { totals: Vec::new(), unknown: Vec::new() }, BTreeSet::new());
        let mut wanted: HashMap<(u32, u8), bool> = HashMap::new();
        let (mut known_records, mut unknown_records) = (0, 0);
        for (cell, totals) in &rollup.totals {
            let first_ns = cell.step.saturating_mul(rollup.step_ns());
            let last_ns = first_ns.saturating_add(rollup.step_ns() - 1).min(max);
            let first_ns = first_ns.max(min);
            if last_ns < start || first_ns > last {
                continue;
            }
            let service = rollup.services.text(cell.service);
            let meets = || self.0.filter.meets(&record(service, cell.severity));
            if !*wanted.entry((cell.service, cell.severity)).or_insert_with(meets) {
                continue;
            }
            if first_ns >= start && last_ns <= last && self.step(first_ns) == self.step(last_ns) {
                let totals = if self.0.bytes { *totals } else { LogTotals { bytes: 0, ..*totals } };
                known_records += totals.records;
                told.totals.push((u64::try_from(first_ns).unwrap_or(0), service, cell.severity, totals));
            } else {
                unknown_records += totals.records;
                unknown.insert((first_ns.max(start), last_ns.min(last)));
            }
        }
        told.unknown.extend(unknown);
        (unknown_records <= known_records / FEW || unknown_records == 0).then_some(told)
    }

    fn step(&self, time_ns: i64) -> u64 {
        let since = u64::try_from(time_ns).unwrap_or(0).saturating_sub(self.0.origin_ns);
        since.checked_div(self.0.step_ns).unwrap_or(0)
    }
}

fn time(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Cell, LogCountQuery, LogField, LogFilter, LogRollup, LogTotals, MAX_ENTRIES, MINUTE_NS, RollupQuery};

    /// Times that cut nothing off.
    const ALL: (i64, i64) = (i64::MIN, i64::MAX);

    fn rollup(minutes: i64) -> LogRollup {
        let mut rollup = LogRollup::default();
        for minute in 0..minutes {
            let service = rollup.service(if minute % 2 == 0 { b"cart" } else { b"shop" });
            rollup.add(service, (minute % 3) as u8, minute * MINUTE_NS + 7, LogTotals { records: 1, bytes: 10 });
        }
        rollup
    }

    #[test]
    fn it_comes_back_from_bytes_and_damage_is_found() {
        let rollup = rollup(100);
        let mut bytes = rollup.encode();
        let again = LogRollup::decode(&bytes).expect("it can be read");
        assert_eq!((again.totals, again.coarseness), (rollup.totals, 0));
        bytes[20] ^= 1;
        assert!(LogRollup::decode(&bytes).is_none());
    }

    #[test]
    fn many_entries_tell_time_less_exactly_and_lose_nothing() {
        let mut rollup = rollup(MAX_ENTRIES as i64 + 1);
        assert_eq!(rollup.coarseness, 1);
        rollup.unite(&self::rollup(60));
        let sum: u64 = rollup.totals.values().map(|totals| totals.records).sum();
        assert_eq!(sum, MAX_ENTRIES as u64 + 61);
        assert!(rollup.totals.contains_key(&Cell { service: 0, severity: 0, step: 0 }));
    }

    #[test]
    fn what_crosses_the_ends_is_read() {
        let (minute, rollup) = (MINUTE_NS as u64, rollup(60));
        let query = |start_ns, end_ns, step_ns| LogCountQuery {
            filter: LogFilter::equal(LogField::Service, "cart"),
            start_ns,
            end_ns,
            step_ns,
            origin_ns: start_ns,
            by: vec![LogField::Severity],
            most: 1000,
            bytes: true,
        };
        let whole = query(0, 60 * minute, 10 * minute);
        let told = RollupQuery::new(&whole).expect("it can").ask(&rollup, ALL).expect("it tells");
        assert_eq!((told.totals.len(), told.unknown.len()), (30, 0));
        let cut = query(30, 50 * minute, 0);
        let told = RollupQuery::new(&cut).expect("it can").ask(&rollup, ALL).expect("it tells");
        assert_eq!((told.totals.len(), told.unknown), (24, vec![(30, MINUTE_NS - 1)]));
        assert!(told.totals.iter().all(|(_, service, ..)| *service == "cart"));
        let told = RollupQuery::new(&cut).expect("it can").ask(&rollup, (40, 50 * MINUTE_NS)).expect("it tells");
        assert_eq!((told.totals.len(), told.unknown.len()), (25, 0), "no record is of the time that is cut off");
        let fine = query(0, 60 * minute, 1000);
        assert!(RollupQuery::new(&fine).expect("it can").ask(&rollup, ALL).is_none());
        let by_body = LogCountQuery { by: vec![LogField::Body], ..whole };
        assert!(RollupQuery::new(&by_body).is_none());
    }
}
