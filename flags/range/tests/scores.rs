//! Rules rank as those of RCAEval and BARO do; diagnoses are scored as the formulas say.

use vitrine_flags_range::baselines::{Measure, Rule, Series, Table, change_points};
use vitrine_flags_range::record::{
    Armed, Cause, Edge, HitCounts, Layer, Node, Propagation, Symptom, Times, Trivial, Via,
};
use vitrine_flags_range::scores::{Diagnosis, Named, funnel, graded, read_diagnoses, score, score_case};
use vitrine_flags_range::{Control, Record, bootstrap, evidence};

const ROWS: usize = 120;
const CHANGE: usize = 80;

/// The table for which fse-baro 0.2.2 gave what is expected below (numpy 2.5, scipy 1.18, scikit-learn 1.9): numbers of Knuth's generator.
fn table() -> Table {
    let mut state = 12_345_u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let services = ["ads", "carts", "gateway", "payments"];
    let measures = [Measure::Latency, Measure::Error, Measure::Workload];
    let of = |service: &str, measure| Series { service: service.to_owned(), measure, values: Vec::new() };
    let mut series: Vec<Series> =
        services.iter().flat_map(|service| measures.map(|measure| of(service, measure))).collect();
    for row in 0..ROWS {
        let is_bad = row >= CHANGE;
        for (at, service) in services.iter().enumerate() {
            let more = if is_bad && *service == "payments" { 0.05 } else { 0.0 };
            let also = if is_bad && *service == "gateway" { 0.03 } else { 0.0 };
            series[at * 3].values.push(0.01 + 0.002 * unit() + more + also);
            let failed = if unit() < 0.05 { 1.0 } else { 0.0 };
            series[at * 3 + 1].values.push(failed + if is_bad && *service == "payments" { 3.0 } else { 0.0 });
            series[at * 3 + 2].values.push(20.0 + (5.0 * unit()).floor());
        }
    }
    Table { times: (1_000..1_000 + ROWS as i64).collect(), series }
}

#[test]
fn rules_rank_as_baros_own_code_does() {
    let table = table();
    assert_eq!(Rule::Baro.rank(&table, 0), ["payments", "gateway", "ads", "carts"]);
    assert_eq!(Rule::Nsigma.rank(&table, 1_080), ["payments", "gateway", "ads", "carts"]);
    assert_eq!(Rule::MaxLatency.rank(&table, 1_080)[..2], ["payments", "gateway"]);
    assert_eq!(Rule::MostErrors.rank(&table, 1_080)[0], "payments");
    assert_eq!(Rule::MostLogs.rank(&table, 1_080), [""; 0], "nobody logs");
}

#[test]
fn the_change_is_where_baros_own_code_finds_it() {
    let table = table();
    let columns: Vec<Vec<f64>> = table
        .series
        .iter()
        .filter(|series| {
            series.measure != Measure::Workload && series.values.iter().any(|value| *value != series.values[0])
        })
        .map(|series| {
            let least = series.values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = series.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            series.values.iter().map(|value| (value - least) / (most - least)).collect()
        })
        .collect();
    assert_eq!(change_points(&columns), [81, 120]);
    assert_eq!(change_points(&[]), [0_usize; 0]);
}

fn record(id: &str, service: &str) -> Record {
    let node = |service: &str| Node {
        service: service.to_owned(),
        method: String::new(),
        symptom: Symptom::Slow,
        at: 0,
        size: 2.0,
    };
    Record {
        id: id.to_owned(),
        campaign: String::new(),
        seed: 1,
        run: String::new(),
        ordinal: 0,
        control: Control::None,
        twin_of: None,
        overlaps: Vec::new(),
        fault: None,
        layer: Some(Layer::Network),
        kind: Some("delay".to_owned()),
        names: Default::default(),
        root_causes: vec![Cause { service: service.to_owned(), ..Cause::default() }],
        accepted: Vec::new(),
        times_ns: Times {
            armed: vec![Armed { site: String::new(), at: 0 }],
            effect: Some(100_000_000_000),
            ..Times::default()
        },
        ended_by: String::new(),
        hits: HitCounts { hit: 9, ..HitCounts::default() },
        exemplars: Default::default(),
        propagation: Propagation {
            nodes: vec![node(service), node("gateway")],
            edges: vec![Edge { from: service.to_owned(), to: "gateway".to_owned(), via: Via::Call, share: 1.0 }],
            surface: vec!["gateway".to_owned()],
        },
        unpredicted: Vec::new(),
        oracle: Vec::new(),
        alerts_expected: Vec::new(),
        alerts_fired: Vec::new(),
        paired: None,
        collateral: 3,
        remedy: Default::default(),
        visible: true,
        trivial: Trivial::default(),
        blind: Default::default(),
        environment: Default::default(),
        windows: Default::default(),
    }
}

fn named(component: &str, kind: Option<&str>, path: &[&str]) -> Named {
    let path = path.iter().map(|one| (*one).to_owned()).collect();
    Named {
        component: component.to_owned(),
        kind: kind.map(str::to_owned),
        path,
        time: Some(159_000_000_000),
        ..Named::default()
    }
}

fn diagnosis(id: &str, causes: Vec<Named>) -> Diagnosis {
    Diagnosis { id: id.to_owned(), causes, ..Diagnosis::default() }
}

/// Scores by name.
type Expected<'a> = &'a [(&'a str, f64)];

#[test]
fn a_case_is_scored_by_the_formulas() {
    let right = named("payments", Some("delay"), &["payments", "gateway"]);
    let wrong = named("ads", None, &[]);
    let cases: [(Vec<Named>, Expected<'_>); 4] = [
        (
            vec![right.clone()],
            &[
                ("ac@1", 1.0),
                ("avg@5", 1.0),
                ("chance_ac@1", 0.1),
                ("chance_avg@5", 0.3),
                ("lift", 0.7),
                ("kind", 1.0),
                ("kind_ac@1", 1.0),
                ("f1", 1.0),
                ("exact", 1.0),
                ("time", 1.0),
                ("path_node_f1", 1.0),
                ("path_edge_f1", 1.0),
                ("path_reached", 1.0),
            ],
        ),
        (
            vec![wrong.clone(), right],
            &[("ac@1", 0.0), ("ac@3", 1.0), ("avg@5", 0.8), ("precision", 0.5), ("recall", 1.0), ("exact", 0.0)],
        ),
        // The same wrong answer three times takes one place.
        (
            vec![wrong.clone(), wrong.clone(), wrong, named("payments", Some("error"), &["payments", "ads"])],
            &[("ac@3", 1.0), ("kind", 0.0), ("path_reached", 0.0), ("path_edge_f1", 0.0), ("path_node_f1", 0.5)],
        ),
        (Vec::new(), &[("ac@1", 0.0), ("avg@5", 0.0), ("lift", -0.3), ("precision", 0.0), ("f1", 0.0)]),
    ];
    for (causes, wanted) in cases {
        let is_empty = causes.is_empty();
        let scored = score_case(&record("a", "payments"), &[], &diagnosis("a", causes), 10);
        assert_eq!(scored.is_abstained, is_empty);
        for (name, value) in wanted {
            let got = scored.values.get(*name).copied().unwrap_or(f64::NAN);
            assert!((got - value).abs() < 1e-12, "{name}: {got}, not {value}\n{scored:?}");
        }
    }
}

#[test]
fn another_set_that_is_as_right_counts_and_several_causes_count_by_their_share() {
    let mut network = record("a", "payments");
    network.accepted = vec![vec![Cause { service: "checkout".to_owned(), ..Cause::default() }]];
    let scored = score_case(&network, &[], &diagnosis("a", vec![named("checkout", None, &[])]), 10);
    assert_eq!((scored.values["ac@1"], scored.values["exact"]), (1.0, 1.0));
    let mut two = record("a", "payments");
    two.root_causes.push(Cause { service: "ads".to_owned(), ..Cause::default() });
    let scored = score_case(&two, &[], &diagnosis("a", vec![named("ads", None, &[]), named("carts", None, &[])]), 10);
    assert_eq!((scored.values["ac@1"], scored.values["recall"], scored.values["precision"]), (0.5, 0.5, 0.5));
}

#[test]
fn a_report_counts_controls_abstentions_and_what_is_not_there() {
    let noop = |id: &str| Record { control: Control::Noop, root_causes: Vec::new(), visible: false, ..record(id, "x") };
    let unseen = Record { visible: false, ..record("e", "carts") };
    let records = [record("a", "payments"), record("b", "carts"), noop("c"), noop("d"), unseen];
    let said = [
        diagnosis("a", vec![named("payments", None, &[])]),
        diagnosis("c", vec![named("ads", None, &[])]),
        diagnosis("d", Vec::new()),
        diagnosis("z", Vec::new()),
    ];
    let report = score("me", &records, &said, 10, 7);
    assert_eq!((report.all.cases, report.all.abstained, report.controls.mean), (2, 1, 0.5));
    assert_eq!((report.missing, report.unknown), (vec!["b".to_owned()], vec!["z".to_owned()]));
    assert_eq!(report.all.of["ac@1"].mean, 0.5);
    assert_eq!(report.by_layer["network"].cases, 2);
    let came = funnel(&records);
    assert_eq!((came.drawn, came.armed, came.hit, came.visible, came.graded, came.trivial), (3, 3, 3, 2, 2, 0));
    let first = Some(1);
    let trivial = Trivial { max_latency: first, most_errors: None, most_logs: first, nsigma: first, baro: first };
    // Of four that can be graded, one in five may be found by each rule: with four others, one.
    let solved = |id: &str| Record { trivial, ..record(id, "payments") };
    let others = ["a", "b", "c", "d"].map(|id| record(id, "carts"));
    let all: Vec<Record> = [solved("x"), solved("y")].into_iter().chain(others).collect();
    let counted = graded(&all);
    let ids: Vec<&str> = counted.records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!((ids, counted.left_out), (vec!["x", "a", "b", "c", "d"], vec!["y".to_owned()]));
    assert_eq!((funnel(&all).graded, funnel(&all).trivial), (5, 2));
    assert_eq!(score("me", &all, &[], 10, 7).all.cases, 5);
    assert!(graded(&[solved("x")]).records.is_empty(), "alone it would be all of the set");
}

#[test]
fn incidents_that_overlap_are_one_question() {
    let other = Record { kind: Some("error".to_owned()), ..record("b", "ads") };
    let both = vec![named("payments", Some("delay"), &[]), named("ads", Some("error"), &[])];
    let one = vec![named("ads", Some("error"), &[])];
    let of = |causes: Vec<Named>, other: &Record| {
        let scored = score_case(&record("a", "payments"), &[other], &diagnosis("a", causes), 10).values;
        ["ac@1", "ac@3", "kind_ac@3", "precision", "recall", "exact", "kind"].map(|name| scored[name])
    };
    assert_eq!(of(both, &other), [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(of(one, &other), [0.5, 0.5, 0.5, 1.0, 0.5, 0.0, 1.0]);
    // Two faults of one service are two causes.
    let same = Record { kind: Some("error".to_owned()), ..record("b", "payments") };
    let twice = vec![named("payments", Some("delay"), &[]), named("payments", Some("error"), &[])];
    let once = vec![named("payments", Some("delay"), &[])];
    assert_eq!(of(twice, &same), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(of(once, &same), [1.0, 1.0, 0.5, 1.0, 0.5, 0.0, 1.0]);
    // What hit nothing is no cause of anything.
    let nothing = Record { root_causes: Vec::new(), ..other };
    assert_eq!(of(vec![named("payments", Some("delay"), &[])], &nothing)[3..6], [1.0, 1.0, 1.0]);
}

#[test]
fn what_is_done_about_it_is_scored_where_it_ended_it() {
    let mut ended = record("a", "payments");
    (ended.ended_by, ended.times_ns.cleared) = ("operator".to_owned(), Some(130_000_000_000));
    let says = Diagnosis { mitigated: Some(120_000_000_000), evidence_holds: Some(0.5), ..diagnosis("a", Vec::new()) };
    let scored = score_case(&ended, &[], &says, 10).values;
    let of = |name: &str| scored.get(name).copied();
    assert_eq!(["mitigated", "mttm_s", "collateral", "evidence"].map(of), [1.0, 30.0, 3.0, 0.5].map(Some));
    let by_itself = Record { ended_by: "ttl".to_owned(), ..ended };
    let scored = score_case(&by_itself, &[], &says, 10).values;
    assert_eq!((scored.get("mitigated"), scored.get("mttm_s")), (Some(&0.0), None));
}

#[test]
fn evidence_holds_where_a_number_moves() {
    let statement = "SELECT count(*) FROM spans WHERE time >= {from} AND time < {to}";
    let window = vitrine_flags_range::Window { from_ns: 5, to_ns: 9 };
    let sql = "SELECT count(*) FROM spans WHERE time >= to_timestamp_nanos(5) AND time < to_timestamp_nanos(9)";
    assert_eq!(evidence::filled(statement, window).as_deref(), Some(sql));
    assert_eq!(evidence::filled("SELECT 1", window), None, "it is of no window");
    assert_eq!(evidence::filled(&format!("{statement}{}", " ".repeat(evidence::MAX_STATEMENT)), window), None);
    let cases = [
        ((Some(1.0), Some(1.1)), false),
        ((Some(1.0), Some(1.3)), true),
        ((Some(1.3), Some(1.0)), true),
        ((Some(0.0), Some(0.1)), true),
        ((Some(0.0), Some(0.0)), false),
        ((Some(-1.0), Some(1.0)), true),
        ((None, Some(1.0)), true),
        ((None, None), false),
        ((Some(f64::NAN), Some(1.0)), false),
    ];
    for ((before, during), holds) in cases {
        assert_eq!(evidence::holds(before, during), holds, "{before:?} {during:?}");
    }
}

#[test]
fn an_interval_holds_the_mean_and_repeats() {
    let values: Vec<f64> = (0..100).map(|n| f64::from(n % 4 == 0)).collect();
    let once = bootstrap(&values, 3);
    assert_eq!(once, bootstrap(&values, 3));
    assert!(
        once.mean == 0.25 && once.low > 0.15 && once.low < 0.25 && once.high > 0.25 && once.high < 0.35,
        "{once:?}"
    );
    assert_eq!(bootstrap(&[], 3).n, 0);
}

#[test]
fn diagnoses_that_are_wrong_are_refused_with_their_place() {
    let cases = [
        (r#"{}"#, "", "invalid type"),
        (r#"[{"id": "a", "causes": [{"kind": "x"}]}]"#, "[0].causes[0]", "missing field `component`"),
        (r#"[{"id": "a"}, {"id": "a"}]"#, "[1].id", "twice"),
        (r#"[{"id": "a", "cause": []}]"#, "[0].cause", "unknown field"),
    ];
    for (document, place, message) in cases {
        let wrong = read_diagnoses(document.as_bytes()).expect_err(document);
        assert!(wrong.place.starts_with(place) && wrong.message.contains(message), "{document}: {wrong:?}");
    }
}
