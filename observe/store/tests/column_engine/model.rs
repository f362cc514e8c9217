//! The engine against plain vectors, under random writes, seals, merges, restarts and expiry: whatever is asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use arrow_array::{Array, FixedSizeBinaryArray};
use proptest::prelude::{Just, ProptestConfig, Strategy};
use proptest::{prop_oneof, proptest};
use vitrine_kit::clock::{Clock, Manual};
use vitrine_observe_store::model::{SpanKind, StatusCode, Table};
use vitrine_observe_store::{
    ColumnEngine, Dependency, Logs, Operation, Options, RedQuery, Reports, Scan, Scans, Services, Signal, Tenant,
    TraceQuery, Traces,
};

use crate::support::{BEGIN_MS, SECOND, Sent, all, id, log_request, options, send, write};

/// How long rows are kept.
const RETENTION: Duration = Duration::from_secs(3600);
/// The longest that time goes by at once: less than half of that.
const MAX_WAIT_SECONDS: u32 = 1700;
/// How long the engine may take to finish what it is at.
const PATIENCE: Duration = Duration::from_secs(60);
/// Traces.
const TRACES: u8 = 12;
/// The longest step of figures, in seconds.
const MINUTE: u64 = 60;

/// Whether a span is asked for.
type Expected<'a> = &'a dyn Fn(&Sent) -> bool;

/// Something that is done to the engine.
#[derive(Debug, Clone)]
enum Step {
    /// Spans are written in one request: their traces, and how many seconds they are late.
    Write(Vec<(u8, u32)>),
    /// Log records are written, one by one: their traces.
    Log(Vec<u8>),
    Seal,
    Merge,
    Restart,
    /// Time goes by, and what is too old goes.
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec((0..TRACES, 0u32..5000), 1..40).prop_map(Step::Write),
        2 => proptest::collection::vec(0..TRACES, 1..20).prop_map(Step::Log),
        3 => Just(Step::Seal),
        2 => Just(Step::Merge),
        1 => Just(Step::Restart),
        1 => (1..=MAX_WAIT_SECONDS).prop_map(Step::Wait),
    ]
}

/// A log record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    trace: u8,
    time: u64,
    body: String,
}

/// The engine, and what should be in it.
struct Pair {
    options: Options,
    engine: Option<ColumnEngine>,
    clock: Clock,
    manual: Manual,
    sent: Vec<Sent>,
    lines: Vec<Line>,
    /// When each span arrived, by its number, and each log record, by its time.
    arrived: HashMap<u64, i64>,
    next: u64,
}

impl Pair {
    fn engine(&self) -> &ColumnEngine {
        self.engine.as_ref().expect("open")
    }

    fn now(&self) -> u64 {
        self.clock.now_ms() as u64 * 1_000_000
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(spans) => self.write(spans),
            Step::Log(traces) => self.log(traces),
            Step::Seal => self.engine().seal().expect("sealed"),
            Step::Merge => drop(self.engine().merge().expect("merged")),
            Step::Restart => {
                self.engine = None;
                self.engine = Some(ColumnEngine::open(self.options.clone(), self.clock.clone()).expect("opens again"));
            }
            Step::Wait(seconds) => {
                // What becomes a segment just now does so at a time of now. On a slow disk it could else be listed when it is
                // too old already, and leave between two of the questions of a check.
                self.finish();
                self.manual.advance(Duration::from_secs((*seconds).into()));
                self.engine().expire().expect("expired");
            }
        }
    }

    /// Spans of one trace hang on each other.
    fn write(&mut self, spans: &[(u8, u32)]) {
        let (now, mut last) = (self.now(), HashMap::new());
        let number = |(trace, late): &(u8, u32)| {
            self.next += 1;
            let parent = last.insert(*trace, self.next).unwrap_or(0);
            let start = now - u64::from(*late) * SECOND + self.next;
            Sent { start, parent, ..Sent::new(*trace, self.next) }
        };
        let spans: Vec<Sent> = spans.iter().map(number).collect();
        send(self.engine(), &spans);
        let now_ms = self.clock.now_ms();
        self.arrived.extend(spans.iter().map(|span| (span.span, now_ms)));
        self.sent.extend(spans);
    }

    fn log(&mut self, traces: &[u8]) {
        for trace in traces {
            self.next += 1;
            let line = Line { trace: *trace, time: self.now() + self.next, body: format!("line {}", self.next) };
            let request = log_request("shop", line.trace, line.time, &line.body);
            write(self.engine(), &Tenant::default(), Signal::Logs, request).expect("taken");
            self.arrived.insert(line.time, self.clock.now_ms());
            self.lines.push(line);
        }
    }

    /// Waits until nothing is about to become a segment.
    fn finish(&self) {
        let begun = Instant::now();
        let waiting = |engine: &ColumnEngine| engine.status().traces.waiting + engine.status().logs.waiting;
        while waiting(self.engine()) > 0 {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.engine().status());
            std::thread::yield_now();
        }
    }

    /// All that is here for too short a time to go is there once, however old it says that it is, and nothing else that
    /// was never sent. What went does not come back.
    fn check(&mut self) {
        let oldest = self.clock.now_ms() - RETENTION.as_millis() as i64;
        let found = all(self.engine());
        self.sent.sort();
        self.sent.retain(|span| self.arrived[&span.span] >= oldest || found.binary_search(span).is_ok());
        assert_eq!(found, self.sent);
        let found = self.found_lines();
        self.lines.sort();
        self.lines.retain(|line| self.arrived[&line.time] >= oldest || found.binary_search(line).is_ok());
        assert_eq!(found, self.lines);
        self.check_names();
        self.check_searches();
        self.check_red();
        self.check_calls();
        self.check_scans();
        let status = self.engine().status();
        assert_eq!((status.traces.rows, status.logs.rows), (self.sent.len() as u64, self.lines.len() as u64));
        assert_eq!((status.quarantined, status.troubles), (0, vec![]));
    }

    fn found_lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for trace in 0..TRACES {
            let rows = self.engine().logs_of(&Tenant::default(), id(trace), usize::MAX).expect("read");
            assert!(rows.is_sorted_by_key(|row| row.time_ns));
            lines.extend(rows.iter().map(|row| Line { trace, time: row.time_ns, body: row.body.text() }));
        }
        lines.sort();
        lines
    }

    /// Services, operations, and values of attributes.
    fn check_names(&self) {
        let (engine, tenant) = (self.engine(), Tenant::default());
        let services: BTreeSet<&str> = self.sent.iter().map(|span| span.service.as_str()).collect();
        assert!(engine.services(&tenant).expect("read").iter().eq(&services));
        for service in services.into_iter().chain(["nobody"]) {
            let of_service = self.sent.iter().filter(|span| span.service == service);
            let operations: BTreeSet<Operation> =
                of_service.map(|span| Operation { name: span.name.clone(), kind: SpanKind::Server }).collect();
            assert!(engine.operations(&tenant, service).expect("read").iter().eq(&operations));
        }
        let users: BTreeSet<&str> = self.sent.iter().map(|span| span.user.as_str()).collect();
        assert!(engine.attribute_values(&tenant, "user.id", 100).expect("read").iter().eq(&users));
        let users: Vec<&str> = users.into_iter().take(3).collect();
        assert_eq!(engine.attribute_values(&tenant, "user.id", 3).expect("read"), users);
    }

    fn check_searches(&self) {
        let tag = |key: &str, value: &str| TraceQuery {
            tags: vec![(key.to_owned(), value.to_owned())],
            ..TraceQuery::default()
        };
        let middle = self.sent.get(self.sent.len() / 2).map_or(0, |span| span.start);
        let service = TraceQuery { service: Some("service 1".into()), ..TraceQuery::default() };
        let operation = TraceQuery { operation: Some("operation 2".into()), ..service.clone() };
        let slow = TraceQuery { min_duration_ns: Some(90_000), ..TraceQuery::default() };
        let early = TraceQuery { start_max_ns: Some(middle), ..TraceQuery::default() };
        let late = TraceQuery { start_min_ns: Some(middle), ..TraceQuery::default() };
        self.check_search(&TraceQuery::default(), |_| true);
        for user in ["user 1", "user 2", "user 3"] {
            self.check_search(&tag("user.id", user), |span| span.user == user);
        }
        self.check_search(&tag("error", "true"), |span| span.failed);
        self.check_search(&service, |span| span.service == "service 1");
        self.check_search(&operation, |span| span.service == "service 1" && span.name == "operation 2");
        self.check_search(&slow, |span| span.duration >= 90_000);
        self.check_search(&early, |span| span.start <= middle);
        self.check_search(&late, |span| span.start >= middle);
    }

    /// The newest traces first, and of each all its spans.
    fn check_search(&self, query: &TraceQuery, matches: impl Fn(&Sent) -> bool) {
        let mut matching: Vec<&Sent> = self.sent.iter().filter(|span| matches(span)).collect();
        matching.sort_by_key(|span| std::cmp::Reverse(span.start));
        let mut traces: Vec<u8> = Vec::new();
        for span in matching {
            if !traces.contains(&span.trace) {
                traces.push(span.trace);
            }
        }
        for limit in [1, 3, 100] {
            let query = TraceQuery { limit, ..query.clone() };
            let found = self.engine().search(&Tenant::default(), &query).expect("read");
            let ids: Vec<u8> = found.iter().map(|trace| trace.id.0[15]).collect();
            assert_eq!(ids, traces[..traces.len().min(limit)], "{query:?}");
            for trace in &found {
                let mut spans: Vec<Sent> = trace.spans.iter().map(Sent::from_row).collect();
                spans.sort();
                assert!(spans.iter().eq(self.sent.iter().filter(|span| span.trace == trace.id.0[15])), "{query:?}");
            }
        }
    }

    /// Counts, sums and failures of operations by the minute.
    fn check_red(&self) {
        let step = MINUTE * SECOND;
        let mut expected: BTreeMap<(u64, &str, &str, bool), (u64, u64)> = BTreeMap::new();
        for span in &self.sent {
            let key = (span.start / step * step, span.service.as_str(), span.name.as_str(), span.failed);
            let (count, duration) = expected.entry(key).or_default();
            *count += 1;
            *duration += span.duration;
        }
        let query = RedQuery { service: None, start_ns: 0, end_ns: i64::MAX as u64, step_ns: 1 };
        let rows = self.engine().red(&Tenant::default(), &query).expect("read");
        let found: BTreeMap<_, _> = rows
            .iter()
            .map(|row| {
                let failed = row.status == StatusCode::Error;
                let key = (row.time_ns, row.service.as_str(), row.operation.name.as_str(), failed);
                (key, (row.count, row.duration_ns))
            })
            .collect();
        assert_eq!(rows.len(), found.len());
        assert_eq!(found, expected);
    }

    /// A span of another service than its parent's is a call.
    fn check_calls(&self) {
        let services: HashMap<u64, &str> = self.sent.iter().map(|span| (span.span, span.service.as_str())).collect();
        let mut expected: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        for span in &self.sent {
            if let Some(parent) = services.get(&span.parent).filter(|parent| **parent != span.service) {
                let (calls, errors) = expected.entry((parent, &span.service)).or_default();
                *calls += 1;
                *errors += u64::from(span.failed);
            }
        }
        let expected: Vec<Dependency> = expected
            .into_iter()
            .map(|((parent, child), (calls, errors))| Dependency {
                parent: parent.to_owned(),
                child: child.to_owned(),
                calls,
                errors,
            })
            .collect();
        let found = self.engine().dependencies(&Tenant::default(), 0, i64::MAX as u64).expect("read");
        assert_eq!(found, expected);
    }

    /// Every row that is asked for is read once, and no other twice.
    fn check_scans(&self) {
        let middle = self.sent.get(self.sent.len() / 2).map_or(0, |span| span.start);
        let scan = Scan::default();
        let late = Scan { time_ns: Some((middle, u64::MAX)), ..scan.clone() };
        let one = Scan { trace: Some(id(5)), ..scan.clone() };
        let of_service = Scan { services: Some(vec!["service 1".into()]), ..scan.clone() };
        assert_eq!(self.scanned(&scan), self.sent.iter().map(|span| span.span).collect::<BTreeSet<_>>());
        let cases: [(Scan, Expected); 3] = [
            (late, &|span| span.start >= middle),
            (one, &|span| span.trace == 5),
            (of_service, &|span| span.service == "service 1"),
        ];
        for (scan, wanted) in cases {
            let wanted: BTreeSet<u64> = self.sent.iter().filter(|span| wanted(span)).map(|span| span.span).collect();
            let found = self.scanned(&scan);
            assert!(found.is_superset(&wanted), "{scan:?}: {found:?} without some of {wanted:?}");
        }
        let logs = self.engine().scan(&Tenant::default(), Table::Logs, &Scan::default()).expect("read");
        assert_eq!(logs.map(|batch| batch.expect("a batch").num_rows()).sum::<usize>(), self.lines.len());
    }

    /// Numbers of the spans that a scan reads.
    fn scanned(&self, scan: &Scan) -> BTreeSet<u64> {
        let place = Table::Spans.schema().index_of("span_id").expect("a column");
        let scan = Scan { columns: Some(vec![place]), ..scan.clone() };
        let mut numbers = BTreeSet::new();
        for batch in self.engine().scan(&Tenant::default(), Table::Spans, &scan).expect("read") {
            let batch = batch.expect("a batch");
            let ids = batch.column(0).as_any().downcast_ref::<FixedSizeBinaryArray>().expect("ids");
            for id in ids.iter().flatten() {
                let number = u64::from_be_bytes(id.try_into().expect("eight bytes"));
                assert!(numbers.insert(number), "{number} comes twice");
            }
        }
        numbers
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_like_a_vector(steps in proptest::collection::vec(step(), 1..30)) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            retention: Some(RETENTION),
            max_segment_rows: 300,
            ..options(folder.path())
        };
        let (clock, manual) = Clock::manual(BEGIN_MS);
        let engine = Some(ColumnEngine::open(options.clone(), clock.clone()).expect("opens"));
        let (sent, lines) = (Vec::new(), Vec::new());
        let mut pair = Pair { options, engine, clock, manual, sent, lines, arrived: HashMap::new(), next: 0 };
        for step in &steps {
            pair.step(step);
            pair.check();
        }
    }
}
