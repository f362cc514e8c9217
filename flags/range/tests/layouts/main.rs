//! Sets are files that those read for whom they are.

mod readers;

use std::collections::BTreeMap;
use std::path::Path;

use vitrine_flags_range::blind::{LeakWords, Searched};
use vitrine_flags_range::layouts::{Case, File, Layout, Topology, export};
use vitrine_flags_range::record::{
    Armed, Cause, Edge, Exemplar, HitCounts, Layer, Node, Propagation, Symptom, Times, Via, Windows,
};
use vitrine_flags_range::rows::{LogRow, PointKind, PointRow, SpanRow, Window, kind};
use vitrine_flags_range::{Control, Record, Telemetry};
use vitrine_platform_faults::Fault;

const S: i64 = 1_000_000_000;
/// 2026-11-28 00:00:00 UTC: eight hours later by OpenRCA's clock.
const BEGIN: i64 = 1_795_824_000 * S;
const BASELINE_S: i64 = 60;
const DURING_S: i64 = 60;

/// A minute in which nothing is wrong, and one in which payments is slow and fails.
fn telemetry() -> Telemetry {
    let mut all = Telemetry::default();
    for second in 0..BASELINE_S + DURING_S {
        let is_bad = second >= BASELINE_S;
        for (at, service) in ["gateway", "payments", "carts"].iter().enumerate() {
            let took = if is_bad && at < 2 { 80 } else { 2 + second % 3 };
            let id = (second * 10 + at as i64 + 1) as u64;
            all.spans.push(SpanRow {
                time_ns: BEGIN + second * S,
                duration_ns: took * 1_000_000,
                trace_id: u128::from(second as u64 + 1) << 64 | 7,
                span_id: id,
                parent_span_id: if at == 0 { 0 } else { id - at as u64 },
                service: (*service).to_owned(),
                name: format!("vitrine.{service}.v1.Service/Do, \"it\""),
                kind: kind::SERVER.to_owned(),
                is_error: is_bad && *service == "payments" && second % 2 == 0,
                attributes: BTreeMap::from([("http.response.status_code".to_owned(), "200".to_owned())]),
                link: None,
            });
            let attributes = BTreeMap::from([("state".to_owned(), "idle".to_owned())]);
            for (metric, kind) in [
                ("db.connections", PointKind::Gauge),
                ("cpu_time", PointKind::Sum),
                ("rpc.duration", PointKind::Histogram),
            ] {
                let (time_ns, service, value) = (BEGIN + second * S, (*service).to_owned(), (second + took) as f64);
                all.points.push(PointRow {
                    time_ns,
                    service,
                    metric: metric.to_owned(),
                    kind,
                    value,
                    count: 3.0,
                    attributes: attributes.clone(),
                });
            }
        }
        let body = format!("order, {second}\n\"taken\"");
        all.logs.push(LogRow {
            time_ns: BEGIN + second * S,
            service: "carts".to_owned(),
            severity: 9,
            body,
            ..LogRow::default()
        });
    }
    all
}

fn case(id: &str, control: Control, later_s: i64) -> Case {
    let fault = br#"{"what": {"delay": {"ms": 80}}, "where": {"at": "caller", "service": ["payments"], "from": ["checkout"]}, "timing": {"ttl_s": 60}}"#;
    let is_faulted = control == Control::None;
    let node = |service: &str| Node {
        service: service.to_owned(),
        method: "Do".to_owned(),
        symptom: Symptom::Slow,
        at: BEGIN + 60 * S,
        size: 20.0,
    };
    let edge = Edge { from: "payments".to_owned(), to: "gateway".to_owned(), via: Via::Call, share: 1.0 };
    let (nodes, edges, surface) = (vec![node("payments"), node("gateway")], vec![edge], vec!["gateway".to_owned()]);
    let window = |from: i64, to: i64| Window { from_ns: BEGIN + from * S, to_ns: BEGIN + to * S };
    let cause = Cause { service: "payments".to_owned(), caller: Some("checkout".to_owned()), ..Cause::default() };
    let began = Some(BEGIN + (BASELINE_S + later_s) * S);
    let times_ns = Times {
        armed: vec![Armed { site: "caller".to_owned(), at: BEGIN }],
        first_hit: began,
        effect: began,
        ..Times::default()
    };
    let record = Record {
        id: id.to_owned(),
        campaign: "c".to_owned(),
        seed: 42,
        run: "r".to_owned(),
        ordinal: 0,
        control,
        twin_of: None,
        overlaps: Vec::new(),
        fault: is_faulted.then(|| Fault::from_json(fault).expect("a fault")),
        layer: is_faulted.then_some(Layer::Network),
        kind: is_faulted.then(|| "delay".to_owned()),
        names: BTreeMap::new(),
        root_causes: if is_faulted { vec![cause] } else { Vec::new() },
        accepted: Vec::new(),
        times_ns,
        ended_by: "ttl".to_owned(),
        hits: HitCounts { hit: 60, ..HitCounts::default() },
        exemplars: vitrine_flags_range::record::Exemplars {
            hit: vec![Exemplar { trace: "01".to_owned(), span: "02".to_owned() }],
            passed: Vec::new(),
        },
        propagation: if is_faulted { Propagation { nodes, edges, surface } } else { Propagation::default() },
        unpredicted: Vec::new(),
        oracle: Vec::new(),
        alerts_expected: vec!["Payments: slow".to_owned()],
        alerts_fired: Vec::new(),
        paired: None,
        collateral: 0,
        remedy: Default::default(),
        visible: is_faulted,
        trivial: Default::default(),
        blind: Default::default(),
        environment: Default::default(),
        windows: Windows {
            baseline: window(0, BASELINE_S),
            during: window(BASELINE_S, BASELINE_S + DURING_S),
            after: window(BASELINE_S + DURING_S, 180),
        },
    };
    Case { record, telemetry: telemetry() }
}

fn cases() -> Vec<Case> {
    vec![case("aaaaaaaaaaaaaaaa", Control::None, 0), case("bbbbbbbbbbbbbbbb", Control::Noop, 0)]
}

fn topology() -> Topology {
    Topology { calls: vec![("gateway".to_owned(), "payments".to_owned())], events: Vec::new() }
}

/// Writes a set into a folder.
fn write(folder: &Path, files: &[File]) {
    for file in files {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, &file.bytes).expect("written");
    }
}

fn text<'a>(files: &'a [File], path: &str) -> &'a str {
    let file = files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not there"));
    std::str::from_utf8(&file.bytes).expect("text")
}

#[test]
fn a_layout_has_the_files_that_its_readers_want() {
    let cases = cases();
    let rcaeval = export(Layout::Rcaeval, &cases[..1], &topology(), false).expect("files");
    assert_eq!(text(&rcaeval, "vitrine/payments_delay/1/inject_time.txt"), "1795824060\n");
    assert!(text(&rcaeval, "vitrine/payments_delay/1/metrics.json").contains("\"payments_latency\":[[1795824000,"));

    let openrca = export(Layout::Openrca, &cases, &topology(), false).expect("files");
    assert_eq!(
        text(&openrca, "record.csv"),
        "level,component,timestamp,datetime,reason\nservice,payments,1795824060,2026-11-28 08:01:00,network delay\n"
    );
    assert!(text(&openrca, "query.csv").contains("The only predicted root cause component is payments\n"));
    assert!(text(&openrca, "telemetry/2026_11_28/log/log_service.csv").contains("\"order, 3\n\"\"taken\"\"\""));
    assert_eq!(
        text(&openrca, "telemetry/2026_11_28/metric/metric_service.csv").lines().count(),
        1 + 3 * 2,
        "by minute and service: what both have seen at one time is there once"
    );

    let openrca2 = export(Layout::Openrca2, &cases, &topology(), false).expect("files");
    assert_eq!(
        openrca2
            .iter()
            .filter(|file| file.path.starts_with("aaaaaaaaaaaaaaaa/") && file.path.ends_with(".parquet"))
            .count(),
        12
    );
    assert!(text(&openrca2, "aaaaaaaaaaaaaaaa/causal_graph.json").contains("\"HIGH_LATENCY\""));

    let ours = export(Layout::Vitrine, &cases, &topology(), false).expect("files");
    let record: Record = serde_json::from_str(text(&ours, "aaaaaaaaaaaaaaaa/incident.json")).expect("a record");
    assert_eq!(record, cases[0].record, "it is read as it was written");
    assert!(text(&ours, "aaaaaaaaaaaaaaaa/groundtruth.yaml").contains("root_cause: true"));
    assert!(text(&ours, "bbbbbbbbbbbbbbbb/groundtruth.yaml").contains("fault: []"));
}

#[test]
fn two_failures_of_one_period_are_asked_for_together() {
    let cases = [case("a", Control::None, 0), case("b", Control::None, 30)];
    let files = export(Layout::Openrca, &cases, &topology(), false).expect("files");
    assert!(
        text(&files, "query.csv")
            .contains("The 1-th root cause occurrence time is within 1 minutes (i.e., <=1min) of 2026-11-28 08:01:00")
    );
    assert!(
        text(&files, "query.csv")
            .contains("The 2-th root cause occurrence time is within 1 minutes (i.e., <=1min) of 2026-11-28 08:01:30")
    );
}

#[test]
fn a_blind_set_has_its_answers_apart() {
    let words =
        LeakWords::of(std::iter::empty(), &["payments_delay".to_owned(), "network delay".to_owned()], "root_causes");
    for layout in [Layout::Vitrine, Layout::Openrca, Layout::Openrca2] {
        let files = export(layout, &cases(), &topology(), true).expect("files");
        assert!(files.iter().all(|file| file.path.starts_with(if file.is_answer { "answers/" } else { "tasks/" })));
        assert_eq!(text(&files, "tasks/answers.sha256").trim().len(), 64);
        let mut found = Searched::default();
        for file in files.iter().filter(|file| !file.is_answer) {
            words.search(&file.path, file.path.as_bytes(), &mut found);
            words.search(&file.path, &file.bytes, &mut found);
        }
        assert!(found.hits == 0 && found.bytes > 0, "{}: {:?}", layout.name(), found.leaks);
        let mut answers = Searched::default();
        files.iter().filter(|file| file.is_answer).for_each(|file| words.search(&file.path, &file.bytes, &mut answers));
        assert!(answers.hits > 0, "the answers are somewhere");
    }
    assert!(
        export(Layout::Rcaeval, &cases(), &topology(), true).expect_err("its folders tell").message.contains("rcaeval")
    );
    assert!(export(Layout::Vitrine, &[], &topology(), true).is_err());
}
