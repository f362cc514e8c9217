//! Questions of log records against a plain filter over whole records, on random records and filters: in memory, in segments, merged,
//! and after a restart.

mod lines;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::{prop_oneof, proptest};
use vitrine_kit::clock::Clock;
use vitrine_observe_store::model::{
    FoundLog, LogCount, LogCountQuery, LogCursor, LogField, LogFilter, LogKind, LogQuery, LogRow,
};
use vitrine_observe_store::{ColumnEngine, Logs, Options, QueryError, Reports, Signal, Tenant};

use crate::support::{BEGIN_MS, BEGIN_NS, SECOND, options, write};
use lines::{FIELDS, Line, filter, line, rows_of};

/// Rows in memory that become a segment: enough for attributes to get columns.
const SEAL_ROWS: usize = 400;
/// All times of the tests are before this one.
const END_NS: u64 = BEGIN_NS + 3600 * SECOND;

/// Something that is done to the engine.
#[derive(Debug, Clone)]
enum Step {
    /// Records are written, in one request, each so many times.
    Write(Vec<(Line, u8)>),
    Seal,
    Merge,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec((line(), 1u8..4), 1..150).prop_map(Step::Write),
        2 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => Just(Step::Restart),
    ]
}

fn query(filter: &LogFilter, newest_first: bool, limit: usize) -> LogQuery {
    LogQuery { filter: filter.clone(), start_ns: BEGIN_NS + SECOND, end_ns: END_NS, newest_first, after: None, limit }
}

/// What tells records apart.
fn key(row: &LogRow) -> (u64, u64) {
    (row.time_ns, row.content_hash())
}

/// The engine, and what should be in it.
struct Pair {
    options: Options,
    engine: Option<ColumnEngine>,
    clock: Clock,
    rows: Vec<LogRow>,
}

impl Pair {
    fn engine(&self) -> &ColumnEngine {
        self.engine.as_ref().expect("open")
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(lines) => {
                let lines: Vec<Line> =
                    lines.iter().flat_map(|(line, times)| vec![line.clone(); usize::from(*times)]).collect();
                let request = lines::request(&lines);
                self.rows.extend(rows_of(&request));
                write(self.engine(), &Tenant::default(), Signal::Logs, request).expect("taken");
            }
            Step::Seal => self.engine().seal().expect("sealed"),
            Step::Merge => drop(self.engine().merge().expect("merged")),
            Step::Restart => {
                self.engine = None;
                self.engine = Some(ColumnEngine::open(self.options.clone(), self.clock.clone()).expect("opens again"));
            }
        }
    }

    /// The records that meet a filter, in order.
    fn expected(&self, filter: &LogFilter) -> Vec<&LogRow> {
        let within = |row: &&LogRow| (BEGIN_NS + SECOND..END_NS).contains(&row.time_ns) && filter.meets(row);
        let mut rows: Vec<&LogRow> = self.rows.iter().filter(within).collect();
        rows.sort_by_key(|row| key(row));
        rows
    }

    fn check(&self, filter: &LogFilter, step_ns: u64) {
        let expected = self.expected(filter);
        let keys: Vec<(u64, u64)> = expected.iter().map(|row| key(row)).collect();
        let all = self.engine().logs(&Tenant::default(), &query(filter, false, usize::MAX)).expect("read");
        assert_eq!(all.iter().map(|found| key(&found.row)).collect::<Vec<_>>(), keys, "{filter:?}");
        let cursors: Vec<LogCursor> = all.iter().map(|found| found.cursor).collect();
        assert!(cursors.windows(2).all(|pair| pair[0] < pair[1]), "each stands in a place of its own");
        self.check_walks(filter, &all);
        self.check_visit(filter, &expected);
        self.check_counts(filter, step_ns, &[LogField::Service, LogField::Attribute("status".into())], &expected);
        self.check_counts(filter, step_ns, &[LogField::Severity], &expected);
        self.check_counts(filter, 0, &[], &expected);
        assert_eq!(self.engine().status().troubles, [""; 0]);
    }

    /// Whatever is asked for at once, each record comes exactly once.
    fn check_walks(&self, filter: &LogFilter, all: &[FoundLog]) {
        for (newest_first, limit) in [(true, 60), (false, 90), (true, 1000)] {
            let mut walked = Vec::new();
            let mut query = query(filter, newest_first, limit);
            loop {
                let found = self.engine().logs(&Tenant::default(), &query).expect("read");
                assert!(found.len() <= limit);
                let Some(last) = found.last() else { break };
                query.after = Some(last.cursor);
                walked.extend(found.into_iter().map(|found| found.cursor));
            }
            if newest_first {
                walked.reverse();
            }
            assert!(walked.iter().eq(all.iter().map(|found| &found.cursor)), "{filter:?}: {newest_first} {limit}");
        }
    }

    fn check_visit(&self, filter: &LogFilter, expected: &[&LogRow]) {
        let text = |row: &LogRow, field: &LogField| row.value(field).map(|value| value.text());
        let mut wanted: Vec<(u64, Vec<Option<String>>)> =
            expected.iter().map(|row| (row.time_ns, FIELDS.iter().map(|field| text(row, field)).collect())).collect();
        let mut found = Vec::new();
        let query = query(filter, true, 1);
        let visited = self.engine().visit_logs(&Tenant::default(), &query, &FIELDS, &mut |chunk| {
            for row in 0..chunk.rows() {
                let values = (0..FIELDS.len()).map(|field| chunk.value(field, row).map(|value| value.text()));
                found.push((chunk.time_ns(row), values.collect::<Vec<_>>()));
            }
            ControlFlow::Continue(())
        });
        visited.expect("read");
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{filter:?}");
        let mut whole = Vec::new();
        let visited = self.engine().visit_logs(&Tenant::default(), &query, &[], &mut |chunk| {
            whole.extend((0..chunk.rows()).map(|row| key(&chunk.row(row))));
            ControlFlow::Continue(())
        });
        visited.expect("read");
        whole.sort_unstable();
        assert_eq!(whole, expected.iter().map(|row| key(row)).collect::<Vec<_>>());
    }

    fn check_counts(&self, filter: &LogFilter, step_ns: u64, by: &[LogField], expected: &[&LogRow]) {
        let start_ns = BEGIN_NS + SECOND;
        let mut counts: BTreeMap<(u64, Vec<Option<String>>), u64> = BTreeMap::new();
        for row in expected {
            let step = (row.time_ns - start_ns).checked_div(step_ns).map_or(start_ns, |step| start_ns + step * step_ns);
            let by = by.iter().map(|field| row.value(field).map(|value| value.text())).collect();
            *counts.entry((step, by)).or_default() += 1;
        }
        let query = LogCountQuery {
            filter: filter.clone(),
            start_ns,
            end_ns: END_NS,
            step_ns,
            origin_ns: start_ns,
            by: by.to_vec(),
            most: 100_000,
            bytes: true,
        };
        let found = self.engine().log_counts(&Tenant::default(), &query).expect("counted");
        let wanted: Vec<_> = counts.iter().map(|((start_ns, by), records)| (*start_ns, by, *records)).collect();
        let given: Vec<_> = found.iter().map(|count| (count.start_ns, &count.by, count.records)).collect();
        assert_eq!(given, wanted, "{filter:?}");
        let bytes = |count: &LogCount| count.bytes;
        let kept: u64 = expected.iter().map(|row| lines::body_bytes(row)).sum();
        assert_eq!(found.iter().map(bytes).sum::<u64>(), kept, "{filter:?}");
        if counts.len() > 1 {
            let error = self.engine().log_counts(&Tenant::default(), &LogCountQuery { most: 1, ..query });
            assert_eq!(error.expect_err("more than one"), QueryError::TooManyCounts { most: 1 });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_are_like_a_plain_filter(
        steps in proptest::collection::vec(step(), 1..14),
        filters in proptest::collection::vec(filter(), 6),
        step_s in prop_oneof![Just(60u64), Just(600), 1u64..4000],
        is_minute in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { seal_rows: SEAL_ROWS, ..options(folder.path()) };
        let (clock, _) = Clock::manual(BEGIN_MS);
        let engine = Some(ColumnEngine::open(options.clone(), clock.clone()).expect("opens"));
        let mut pair = Pair { options, engine, clock, rows: Vec::new() };
        for step in &steps {
            pair.step(step);
        }
        pair.check(&LogFilter::everything(), if is_minute { 60 * SECOND } else { step_s * SECOND });
        for filter in &filters {
            pair.check(filter, step_s * SECOND);
        }
        // The same again where all is in segments, and in memory again.
        pair.step(&Step::Seal);
        pair.check(&filters[0], step_s * SECOND);
        pair.check(&LogFilter::everything(), step_s * SECOND);
        pair.step(&Step::Merge);
        pair.step(&Step::Restart);
        pair.check(&filters[1], step_s * SECOND);
    }
}

#[test]
fn cursors_are_the_same_whatever_is_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { fan_in: 2, ..options(folder.path()) };
    let (clock, _) = Clock::manual(BEGIN_MS);
    let engine = ColumnEngine::open(options, clock).expect("opens");
    let tenant = Tenant::default();
    // Sixty records of one time, a third of them the same.
    let lines: Vec<Line> = (0..60).map(|number| Line::plain(5, if number % 3 == 0 { 0 } else { number })).collect();
    for lines in lines.chunks(20) {
        write(&engine, &tenant, Signal::Logs, lines::request(lines)).expect("taken");
        engine.seal().expect("sealed");
    }
    let first = query(&LogFilter::everything(), true, 25);
    let before = engine.logs(&tenant, &first).expect("read");
    let next = LogQuery { after: Some(before[24].cursor), limit: 100, ..first };
    let rest = engine.logs(&tenant, &next).expect("read");
    assert_eq!((before.len(), rest.len()), (25, 35));
    // It may have happened by itself already.
    engine.merge().expect("merged");
    assert!(engine.status().logs.segments < 3);
    assert_eq!(engine.logs(&tenant, &next).expect("read"), rest);
}

#[test]
fn fields_are_listed_with_their_kinds_the_most_frequent_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (clock, _) = Clock::manual(BEGIN_MS);
    let engine = ColumnEngine::open(options(folder.path()), clock).expect("opens");
    let tenant = Tenant::default();
    let lines: Vec<Line> = (0..200).map(|number| Line::plain(5, number)).collect();
    write(&engine, &tenant, Signal::Logs, lines::request(&lines)).expect("taken");
    for _ in 0..2 {
        let fields = engine.log_fields(&tenant, &query(&LogFilter::everything(), true, 1), 1000).expect("read");
        let of =
            |field: LogField| fields.iter().find(|info| info.field == field).map(|info| (&*info.kinds, info.records));
        assert_eq!(of(LogField::Body), Some((&[LogKind::Text][..], 200)));
        assert_eq!(of(LogField::Time), Some((&[LogKind::Time][..], 200)));
        assert_eq!(of(LogField::Attribute("number".into())), Some((&[LogKind::Int][..], 200)));
        assert_eq!(of(LogField::Resource("service.name".into())), Some((&[LogKind::Text][..], 200)));
        assert_eq!(of(LogField::Attribute("nothing".into())), None);
        assert!(fields.is_sorted_by_key(|info| std::cmp::Reverse(info.records)));
        engine.seal().expect("sealed");
    }
}
