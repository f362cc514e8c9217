//! Spans handed out in columns, outlines of traces, and whole spans: of rows in memory and in segments alike.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use vitrine_observe_store::model::{SpanId, SpanKind};
use vitrine_observe_store::{
    ColumnEngine, NOT_ASKED, SpanOutline, SpanQuery, SpanVisit, Spans, Tenant, TraceQuery, trace_hash,
};

use crate::queries::everywhere;
use crate::support::{BEGIN_NS, Sent, id, open, options, send};

fn query(query: TraceQuery) -> SpanQuery {
    SpanQuery { all: vec![query], roots: false }
}

fn of_service(service: &str) -> TraceQuery {
    TraceQuery { service: Some(service.to_owned()), ..TraceQuery::default() }
}

/// Visits, and returns the part, the start and the user of each span.
fn visited(engine: &ColumnEngine, parts: Vec<SpanQuery>, halvings: u32) -> BTreeMap<(u8, u64), String> {
    let columns = ["start", "attr.", "attributes"].map(str::to_owned).to_vec();
    let mut found = BTreeMap::new();
    let visit = SpanVisit { parts, columns, halvings };
    let visited = engine.visit_spans(&Tenant::default(), &visit, &mut |chunk| {
        let starts = chunk.columns.ints("start").expect("starts");
        for (row, part) in chunk.parts.iter().enumerate().filter(|(_, part)| **part != NOT_ASKED) {
            let attributes = vitrine_observe_store::model::row_attributes(chunk.columns, row);
            let start = u64::try_from(starts[row]).expect("a time") - BEGIN_NS;
            found.insert((*part, start / 1_000_003), attributes[0].value.text());
        }
        assert_eq!(chunk.parts.len(), chunk.columns.rows);
        assert!(chunk.columns.texts("service").is_none_or(|texts| texts.dictionary.is_empty()), "it was not asked for");
        ControlFlow::Continue(())
    });
    visited.expect("read");
    found
}

fn spans() -> Vec<Sent> {
    (1..=600).map(|span| Sent { parent: span / 2, ..Sent::new((span % 5) as u8, span) }).collect()
}

#[test]
fn a_span_is_of_the_first_part_that_it_meets() {
    let spans = spans();
    everywhere(&spans, |engine| {
        let failed = TraceQuery { tags: vec![("error".into(), "true".into())], ..TraceQuery::default() };
        let late = TraceQuery { start_min_ns: Some(BEGIN_NS + 300 * 1_000_003), ..TraceQuery::default() };
        let both = SpanQuery { all: vec![of_service("service 1"), late], roots: false };
        let found = visited(engine, vec![query(failed), both], 0);
        let expected = spans.iter().filter_map(|span| {
            let is_late = span.span >= 300 && span.service == "service 1";
            let part = if span.failed { 0 } else { 1 };
            (span.failed || is_late).then(|| ((part, span.span), span.user.clone()))
        });
        assert_eq!(found, expected.collect());
        let roots = SpanQuery { all: Vec::new(), roots: true };
        assert_eq!(visited(engine, vec![roots], 0).into_keys().collect::<Vec<_>>(), [(0, 1)]);
        assert!(visited(engine, vec![query(of_service("nobody"))], 0).is_empty());
        let mut pieces = 0;
        let visit = SpanVisit { parts: vec![SpanQuery::default()], ..SpanVisit::default() };
        let broken_off = engine.visit_spans(&Tenant::default(), &visit, &mut |_| {
            pieces += 1;
            ControlFlow::Break(())
        });
        assert_eq!((broken_off, pieces), (Ok(()), 1));
    });
}

#[test]
fn samples_are_of_whole_traces_and_always_the_same() {
    let spans = spans();
    everywhere(&spans, |engine| {
        let halvings = |parts: &[SpanQuery], most| engine.halvings(&Tenant::default(), parts, most).expect("read");
        let all = [SpanQuery::default()];
        assert_eq!([600, 599, 300, 299, 1].map(|most| halvings(&all, most)), [0, 1, 1, 2, 9]);
        assert_eq!(halvings(&[query(of_service("service 1"))], 200), 0);
        for halvings in 0..4 {
            let found = visited(engine, all.to_vec(), halvings);
            let is_sampled =
                |span: &&Sent| trace_hash(u128::from_be_bytes(id(span.trace).0)).leading_zeros() >= halvings;
            let expected: Vec<u64> = spans.iter().filter(is_sampled).map(|span| span.span).collect();
            assert_eq!(found.into_keys().map(|(_, span)| span).collect::<Vec<_>>(), expected);
        }
    });
}

#[test]
fn outlines_are_of_the_first_spans() {
    let spans = spans();
    everywhere(&spans, |engine| {
        let ask = |ids: &[u8], most| {
            let ids: Vec<_> = ids.iter().map(|trace| id(*trace)).collect();
            engine.outlines(&Tenant::default(), &ids, most).expect("read")
        };
        let outlines = ask(&[3, 99, 1], 1_000);
        let found: Vec<_> = outlines.traces.iter().map(|trace| (trace.id, trace.spans.len(), trace.total)).collect();
        assert_eq!(found, [(id(3), 120, 120), (id(1), 120, 120)]);
        let sent: Vec<&Sent> = spans.iter().filter(|span| span.trace == 3).collect();
        for (span, sent) in outlines.traces[0].spans.iter().zip(sent) {
            assert_eq!(u64::from_be_bytes(span.id.0), sent.span);
            assert_eq!(span.parent, SpanId::from_bytes(&sent.parent.to_be_bytes()));
            assert_eq!((span.start_ns, span.duration_ns, span.failed), (sent.start, sent.duration, sent.failed));
            let texts = [span.service, span.name].map(|text| outlines.texts.text(text).to_owned());
            assert_eq!(texts, [sent.service.clone(), sent.name.clone()]);
            assert_eq!((span.kind, span.message), (SpanKind::Server, None));
        }
        let cut = ask(&[3], 7);
        assert_eq!((cut.traces[0].spans.len(), cut.traces[0].total), (7, 120));
        let starts = |spans: &[SpanOutline]| spans.iter().map(|span| span.start_ns).collect::<Vec<_>>();
        assert_eq!(starts(&cut.traces[0].spans), starts(&outlines.traces[0].spans[..7]));
        assert!(ask(&[99], 7).traces.is_empty());
    });
}

#[test]
fn a_span_is_found_by_its_id_and_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = open(options(folder.path()));
    let sent = spans();
    send(&engine, &sent);
    engine.seal().expect("sealed");
    send(&engine, &sent[4..6]);
    let ask = |trace: u8, span: u64| {
        let found = engine.spans(&Tenant::default(), id(trace), SpanId(span.to_be_bytes())).expect("read");
        found.iter().map(Sent::from_row).collect::<Vec<_>>()
    };
    assert_eq!(ask(0, 5), [sent[4].clone()]);
    assert_eq!(ask(3, 8), [sent[7].clone()]);
    assert!(ask(1, 5).is_empty() && ask(99, 1).is_empty());
    let outline = engine.outlines(&Tenant::default(), &[id(0)], 1_000).expect("read");
    assert_eq!((outline.traces[0].spans.len(), outline.traces[0].total), (120, 120), "a copy says nothing new");
}
