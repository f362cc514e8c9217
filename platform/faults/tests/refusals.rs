//! What may not be, with the place of it and what was expected.

use std::time::Duration;

use vitrine_platform_faults::{
    At, Fault, Faults, MAX_ACTIVE, Monotonic, NotApplied, Plan, SiteInfo, SiteName, check, check_sites,
};

/// A fault that may be, with one part of it replaced.
fn document(what: &str, target: &str, more: &str) -> String {
    format!(r#"{{"what": {what}, "where": {target}, "timing": {{"ttl_s": 60}}{more}}}"#)
}

const DELAY: &str = r#"{"delay": {"ms": 5}}"#;
const CARTS: &str = r#"{"at": "callee", "service": ["carts"]}"#;

/// All that is said of a document, one line each.
fn said(document: &str) -> String {
    let refusals = match Fault::from_json(document.as_bytes()) {
        Ok(fault) => check(&fault),
        Err(refusal) => vec![refusal],
    };
    refusals.iter().map(|refusal| format!("{refusal}\n")).collect()
}

#[test]
fn bent_faults_are_refused_with_their_place() {
    let at = |at: &str, rest: &str| format!(r#"{{"at": "{at}", "service": ["carts"]{rest}}}"#);
    let cases = [
        (document(DELAY, CARTS, "").replace(r#""ttl_s": 60"#, ""), "timing.ttl_s: no ttl: expected 1 to 3600 seconds"),
        (document(DELAY, CARTS, "").replace("60", "3601"), "timing.ttl_s: 3601 is out of range: expected 1 to 3600"),
        (
            document(DELAY, CARTS, "").replace(r#""ttl_s": 60"#, r#""ttl_s": 9, "after_s": 9"#),
            "timing.after_s: it would end before",
        ),
        (document(DELAY, CARTS, "").replace(r#", "timing": {"ttl_s": 60}"#, ""), "missing field `timing`"),
        (document(DELAY, CARTS, r#", "more": 1"#), "more: unknown field `more`"),
        (document(r#"{"delay": {"ms": "5"}}"#, CARTS, ""), "what.delay.ms: invalid type: string"),
        (document(r#"{"delay": {"ms": 5, "mss": 1}}"#, CARTS, ""), "unknown field `mss`"),
        (document(r#"{"dealy": {"ms": 5}}"#, CARTS, ""), "unknown variant `dealy`"),
        (
            document(r#"{"delay": {"ms": 5, "jitter_ms": 2}}"#, CARTS, ""),
            "what.delay.dist: jitter_ms and dist do not fit",
        ),
        (
            document(r#"{"delay": {"ms": 60001}}"#, CARTS, ""),
            "what.delay.ms: 60001 is out of range: expected 0 to 60000",
        ),
        (document(r#"{"delay": {"ms": 5, "op": "read"}}"#, CARTS, ""), "what.delay.op: only a store"),
        (
            document(r#"{"error": {"code": "OOPS"}}"#, CARTS, ""),
            "what.error.code: unknown code \"OOPS\": expected one of CANCELLED",
        ),
        (document(r#"{"error": {"code": "INTERNAL"}}"#, &at("store", ""), ""), "expected one of UNAVAILABLE, ABORTED"),
        (
            document(r#""refuse""#, CARTS, ""),
            "what: \"refuse\" cannot be had at \"callee\": expected one of delay, hang",
        ),
        (document(r#"{"surge": {"factor": 2}}"#, CARTS, ""), "what: \"surge\" cannot be had"),
        (
            document(DELAY, r#"{"at": "callee", "service": ["cart"]}"#, ""),
            "where.service[0]: unknown service \"cart\": expected one of gateway, auth",
        ),
        (document(DELAY, r#"{"at": "callee", "service": []}"#, ""), "where.service: no service is named"),
        (
            document(DELAY, &at("callee", r#", "method": ["Steal"]"#), ""),
            "where.method[0]: unknown method \"Steal\": expected one of GetCart, AddItem",
        ),
        (document(DELAY, &at("callee", r#", "from": ["gateway"]"#), ""), "where.from: it cannot be told at \"callee\""),
        (
            document(DELAY, &at("caller", r#", "instance": ["a"]"#), ""),
            "where.instance: it cannot be told at \"caller\"",
        ),
        (document(DELAY, &at("callee", r#", "topic": "orders.order.paid""#), ""), "where.topic: it cannot be told"),
        (document(DELAY, &at("consumer", r#", "topic": "orders"#), ""), "at line 1 column"),
        (document(DELAY, &at("consumer", r#", "topic": "orders""#), ""), "where.topic: unknown topic \"orders\""),
        (document(DELAY, &at("callee", r#", "version": "newest""#), ""), "where.version: "),
        (
            document(DELAY, &at("callee", r#", "request": [{"field": "user", "in": ["a"]}]"#), ""),
            "where.request[0].field: unknown field \"user\"",
        ),
        (
            document(DELAY, &at("callee", r#", "request": [{"field": "quantity", "in": ["many"]}]"#), ""),
            "where.request[0]: \"many\" is no value",
        ),
        (
            document(DELAY, &at("callee", r#", "request": [{"field": "customer_id"}]"#), ""),
            "there must be just one of \"in\" and \"not_in\"",
        ),
        (
            document(
                DELAY,
                &at(
                    "callee",
                    r#", "request": [{"field": "quantity", "in": ["1"]}, {"field": "line.quantity", "in": ["1"]}]"#,
                ),
                "",
            ),
            "where.request: no method has all",
        ),
        (
            document(DELAY, r#"{"at": "callee", "service": ["ads"]}"#, r#", "share": {"of": "users"}"#),
            "share.of: no request there has the field customer_id",
        ),
        (document(DELAY, CARTS, r#", "share": {"rate": 0}"#), "share.rate: 0 is out of range: expected above 0"),
        (document(DELAY, CARTS, r#", "share": {"rate": 1.01}"#), "share.rate"),
        (document(DELAY, CARTS, r#", "scope": "process""#), "scope: only a process"),
        (
            document(r#"{"value": {"field": "version"}}"#, CARTS, ""),
            "what.value: 0 changes are said: expected just one",
        ),
        (document(r#"{"value": {"field": "versions", "clear": true}}"#, CARTS, ""), "what.value.field: unknown field"),
        (
            document(r#"{"value": {"field": "customer_id", "scale": 2}}"#, CARTS, ""),
            "what.value.scale: customer_id is no number",
        ),
        (document(r#"{"limits": {}}"#, &at("caller", ""), ""), "what.limits: no bound is said"),
        (document(r#"{"memory": {"cap_mib": 5}}"#, &at("process", ""), ""), "what.memory: there must be just one of"),
        (document(r#"{"hold": {"ms": 50, "every_ms": 10}}"#, CARTS, ""), "what.hold.ms: 50 ms in each 10 ms"),
        (document(r#"{"cpu": {"cores": 1e9}}"#, &at("process", ""), ""), "what.cpu.cores: 1000000000 is out of range"),
        (
            document(DELAY, CARTS, r#", "guards": [{"if": {"error_ratio": "carts"}, "above": 1, "for_s": 1}]"#),
            "guards[0].for_s: 1 is out of range",
        ),
        (
            document(DELAY, CARTS, r#", "guards": [{"if": {"error_ratio": "carts"}, "for_s": 5}]"#),
            "guards[0]: there must be just one of",
        ),
        (document(DELAY, CARTS, "") + "x", "trailing characters"),
        ("[]".to_owned(), "expected a fault as docs/guide/faults.md has it"),
        (format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)), "expected a fault"),
        ("x".repeat(100_000), "the document has 100000 bytes: expected at most 65536"),
    ];
    for (document, expected) in &cases {
        let said = said(document);
        assert!(
            said.contains(expected),
            "{}\nsaid {said:?}\nexpected {expected:?}",
            &document[..document.len().min(300)]
        );
    }
    assert_eq!(said(&document(DELAY, CARTS, "")), "");
    assert_eq!(said(&document(DELAY, r#"{"at": "callee", "service": ["*"], "method": ["Get*"]}"#, "")), "");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let bent = document(
        r#"{"error": {"code": "OOPS"}}"#,
        r#"{"at": "callee", "service": ["cart"]}"#,
        r#", "share": {"rate": 2}"#,
    );
    assert_eq!(said(&bent).lines().count(), 3, "{}", said(&bent));
}

fn fault(document: &str) -> Fault {
    let fault = Fault::from_json(document.as_bytes()).expect("a fault");
    assert_eq!(check(&fault), [], "{document}");
    fault
}

fn site(name: SiteName, instance: &str) -> SiteInfo {
    SiteInfo { name, instance: instance.into(), version: "1.4.0".into() }
}

#[test]
fn a_fault_needs_a_live_site_that_can_suffer_alone() {
    let alone = [site(SiteName::new(At::Process, "ads"), "a"), site(SiteName::new(At::Process, "carts"), "b")];
    let together = [site(SiteName::new(At::Process, "ads"), "a"), site(SiteName::new(At::Process, "carts"), "a")];
    let callees = [site(SiteName::new(At::Callee, "ads"), "a"), site(SiteName::call("checkout", "carts"), "a")];
    let cpu = document(r#"{"cpu": {"cores": 1}}"#, r#"{"at": "process", "service": ["ads"]}"#, "");
    let whole = cpu.replace(r#""timing""#, r#""scope": "process", "timing""#);
    for (document, sites, active, expected) in [
        (cpu.as_str(), &alone[..], 0, ""),
        (&cpu, &together, 0, "scope: ads shares its process with others: ads, carts: expected \"process\""),
        (&whole, &together, 0, ""),
        (&whole, &together, MAX_ACTIVE, "16 faults are at work already: expected at most 16"),
        (&document(DELAY, CARTS, ""), &callees, 0, "where: no live site at \"callee\" is meant: expected one of ads"),
        (
            &document(DELAY, r#"{"at": "caller", "service": ["carts"], "from": ["gateway"]}"#, ""),
            &callees,
            0,
            "expected one of checkout to carts",
        ),
        (&document(DELAY, r#"{"at": "caller", "service": ["carts"], "from": ["check*"]}"#, ""), &callees, 0, ""),
        (&document(DELAY, r#"{"at": "callee", "service": ["ads"], "version": ">=1.2, <2"}"#, ""), &callees, 0, ""),
        (&document(DELAY, r#"{"at": "callee", "service": ["ads"], "version": "2"}"#, ""), &callees, 0, "no live site"),
        (
            &document(DELAY, r#"{"at": "callee", "service": ["ads"], "instance": ["b"]}"#, ""),
            &callees,
            0,
            "no live site",
        ),
        (
            &document(
                r#"{"partition": {"both": true}}"#,
                r#"{"at": "caller", "service": ["checkout"], "from": ["carts"]}"#,
                "",
            ),
            &callees,
            0,
            "",
        ),
    ] {
        let said: String = check_sites(&fault(document), sites, active).iter().map(ToString::to_string).collect();
        assert!(if expected.is_empty() { said.is_empty() } else { said.contains(expected) }, "{document}\n{said}");
    }
}

#[test]
fn plans_that_may_not_be_change_nothing() {
    let faults = Faults::new(Monotonic::default(), "a", "1.0.0");
    let plan = |id| Plan { id, fault: fault(&document(DELAY, CARTS, "")), age: Duration::ZERO };
    faults.apply(&[plan(1)], 3).expect("it may be");
    let mut bent = plan(2);
    bent.fault.timing.ttl_s = 0;
    let many: Vec<Plan> = (0..17).map(plan).collect();
    assert!(matches!(faults.apply(&[plan(1), bent], 3), Err(NotApplied::Refused { plan: 2, .. })));
    assert_eq!(faults.apply(&many, 3), Err(NotApplied::TooMany(17)));
    assert_eq!(faults.apply(&[], 2), Err(NotApplied::Outdated { of: 2, known: 3 }));
    let reports = faults.reports();
    assert!(reports.len() == 1 && reports[0].ended.is_none(), "{reports:?}");
}
