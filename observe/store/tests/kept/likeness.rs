//! The engine against a plain vector, under random writes, seals, merges, restarts and expiry.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::{Just, ProptestConfig, Strategy};
use proptest::{prop_oneof, proptest};
use vitrine_kit::clock::{Clock, Manual};
use vitrine_observe_store::{Engine, Kept, Options, Tenant, TraceQuery};

use crate::support::{BEGIN_MS, SECOND, Sent, all, options, send};

/// How long rows are kept.
const RETENTION: Duration = Duration::from_secs(3600);

/// Something that is done to the engine.
#[derive(Debug, Clone)]
enum Step {
    /// Spans are written in one request: their traces, and how many seconds they are late.
    Write(Vec<(u8, u32)>),
    Seal,
    Merge,
    Restart,
    /// Time goes by, and what is too old goes.
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec((0u8..12, 0u32..5000), 1..40).prop_map(Step::Write),
        3 => Just(Step::Seal),
        2 => Just(Step::Merge),
        1 => Just(Step::Restart),
        1 => (1u32..2000).prop_map(Step::Wait),
    ]
}

/// The engine, and what should be in it.
struct Pair {
    options: Options,
    kept: Option<Kept>,
    clock: Clock,
    manual: Manual,
    sent: Vec<Sent>,
    /// When each span arrived, by its number.
    arrived: HashMap<u64, i64>,
    next: u64,
}

impl Pair {
    fn kept(&self) -> &Kept {
        self.kept.as_ref().expect("open")
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(spans) => {
                let now_ms = self.clock.now_ms();
                let now = now_ms as u64 * 1_000_000;
                let spans: Vec<Sent> = spans
                    .iter()
                    .map(|(trace, late)| {
                        self.next += 1;
                        Sent { start: now - u64::from(*late) * SECOND + self.next, ..Sent::new(*trace, self.next) }
                    })
                    .collect();
                send(self.kept(), &spans);
                self.arrived.extend(spans.iter().map(|span| (span.span, now_ms)));
                self.sent.extend(spans);
            }
            Step::Seal => self.kept().seal().expect("sealed"),
            Step::Merge => drop(self.kept().merge().expect("merged")),
            Step::Restart => {
                self.kept = None;
                self.kept = Some(Kept::open(self.options.clone(), self.clock.clone()).expect("opens again"));
            }
            Step::Wait(seconds) => {
                self.manual.advance(Duration::from_secs((*seconds).into()));
                self.kept().expire().expect("expired");
            }
        }
    }

    /// All that is here for too short a time to go is there once, however old it says that it is, and nothing else that
    /// was never sent. What went does not come back.
    fn check(&mut self) {
        let found = all(self.kept());
        let oldest = self.clock.now_ms() - RETENTION.as_millis() as i64;
        self.sent.sort();
        let kept: Vec<Sent> = self
            .sent
            .iter()
            .filter(|span| self.arrived[&span.span] >= oldest || found.binary_search(span).is_ok())
            .cloned()
            .collect();
        assert_eq!(found, kept);
        self.sent = kept;
        let kept = self.kept();
        let mut services: Vec<String> = self.sent.iter().map(|span| span.service.clone()).collect();
        services.sort();
        services.dedup();
        assert_eq!(kept.services(&Tenant::default()).expect("read"), services);
        for (limit, user) in [(1, 1), (3, 2), (100, 3)] {
            let user = format!("user {user}");
            let tags = vec![("user.id".to_owned(), user.clone())];
            let query = TraceQuery { tags, limit, ..TraceQuery::default() };
            let found = kept.search(&Tenant::default(), &query).expect("read");
            let mut matching: Vec<&Sent> = self.sent.iter().filter(|span| span.user == user).collect();
            matching.sort_by_key(|span| std::cmp::Reverse(span.start));
            let mut traces: Vec<u8> = Vec::new();
            matching.iter().for_each(|span| {
                if !traces.contains(&span.trace) {
                    traces.push(span.trace);
                }
            });
            traces.truncate(limit);
            assert_eq!(found.iter().map(|trace| trace.id.0[15]).collect::<Vec<_>>(), traces);
        }
        let status = kept.status();
        assert_eq!(status.traces.rows, self.sent.len() as u64);
        assert_eq!((status.quarantined, status.troubles), (0, vec![]));
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
        let kept = Some(Kept::open(options.clone(), clock.clone()).expect("opens"));
        let mut pair = Pair { options, kept, clock, manual, sent: Vec::new(), arrived: HashMap::new(), next: 0 };
        for step in &steps {
            pair.step(step);
            pair.check();
        }
    }
}
