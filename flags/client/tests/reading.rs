//! What a service reads, what is counted of it, and what its spans tell.

use vitrine_flags_client::{Count, Flags, Handle, Kind, Object, Subject, Text, Value, flags};
use vitrine_kit::clock::Clock;
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_capture::{Capture, value};

flags! {
    /// A boolean.
    OPEN: bool = {
        key: "open", kind: Kind::Operational, owner: "shop", purpose: "Whether it is open.",
        variants: &[("on", Value::Bool(true)), ("off", Value::Bool(false))], until: None,
    };
    /// A whole number.
    LIMIT: i64 = {
        key: "limit", kind: Kind::Operational, owner: "shop", purpose: "How many.",
        variants: &[("few", Value::Integer(3)), ("many", Value::Integer(9_007_199_254_740_991))], until: None,
    };
    /// A number.
    RATIO: f64 = {
        key: "ratio", kind: Kind::Release, owner: "shop", purpose: "How much.",
        variants: &[("half", Value::Float(0.5)), ("all", Value::Float(1.0))], until: Some("2027-03-31"),
    };
    /// A text.
    WORD: Text = {
        key: "word", kind: Kind::Experiment, owner: "shop", purpose: "What \"it\" says.",
        variants: &[("plain", Value::Text("hello")), ("warm", Value::Text("good day"))], until: None,
    };
    /// An object.
    SHAPE: Object = {
        key: "shape", kind: Kind::Permission, owner: "shop", purpose: "How it looks.",
        variants: &[("small", Value::Object(r#"{"edge": 1}"#)), ("large", Value::Object(r#"{"edge": 9}"#))], until: None,
    };
}

fn handle(telemetry: &Telemetry) -> (Flags, Handle) {
    let flags = Flags::new(Clock::manual(1_000).0, "1.2.3");
    let handle = flags.handle(&telemetry.service("shop"), FLAGS);
    (flags, handle)
}

fn silent() -> Telemetry {
    Telemetry::new(Config { disabled: true, ..Config::default() })
}

/// All that is declared, with another variant than the first one in force.
fn second_variants() -> String {
    let flag = |declaration: &vitrine_flags_client::Declaration| {
        let (first, second) = (&declaration.variants[0].name, &declaration.variants[1].name);
        let definition = declaration.definition();
        let switched =
            definition.replace(&format!("\"defaultVariant\": {first:?}"), &format!("\"defaultVariant\": {second:?}"));
        assert_ne!(definition, switched);
        format!("{:?}: {switched}", declaration.key)
    };
    let (flags, _) = handle(&silent());
    format!("{{\"flags\": {{{}}}}}", flags.declared().iter().map(flag).collect::<Vec<_>>().join(", "))
}

fn all(handle: &Handle) -> (bool, i64, f64, String, serde_json::Value) {
    let anyone = &Subject::ANYONE;
    (
        handle.read(&OPEN, anyone),
        handle.read(&LIMIT, anyone),
        handle.read(&RATIO, anyone),
        handle.read(&WORD, anyone),
        handle.read(&SHAPE, anyone)["edge"].clone(),
    )
}

#[test]
fn what_is_declared_can_be_defined_and_what_is_defined_is_read() {
    let (flags, handle) = handle(&silent());
    let in_code = (true, 3, 0.5, "hello".to_owned(), 1.into());
    assert_eq!(all(&handle), in_code, "nothing is known yet");
    flags.put(7, &second_variants()).expect("what declarations say is a definition");
    assert_eq!(all(&handle), (false, 9_007_199_254_740_991, 1.0, "good day".to_owned(), 9.into()));
    assert_eq!(flags.revision(), 7);
    flags.put(8, r#"{"flags": {}}"#).expect("no flags");
    assert_eq!(all(&handle), in_code, "all were deleted");
    let refused = flags.put(9, r#"{"flags": {"open": {}}}"#).expect_err("no flag");
    assert!(refused.to_string().starts_with("line 1"), "{refused}");
    assert_eq!(flags.revision(), 8, "what was in force stays");
}

/// Code's default holds wherever a definition does not say a value of the type that code reads.
#[test]
fn a_definition_that_does_not_fit_leaves_codes_default() {
    let cases = [
        ("disabled", r#"{"state": "DISABLED", "variants": {"few": 5}, "defaultVariant": "few"}"#, 3),
        ("another type", r#"{"state": "ENABLED", "variants": {"few": "5"}, "defaultVariant": "few"}"#, 3),
        ("a boolean", r#"{"state": "ENABLED", "variants": {"few": true}, "defaultVariant": "few"}"#, 3),
        ("a fraction", r#"{"state": "ENABLED", "variants": {"few": 5.5}, "defaultVariant": "few"}"#, 3),
        (
            "a whole number with a point",
            r#"{"state": "ENABLED", "variants": {"few": 5.0}, "defaultVariant": "few"}"#,
            5,
        ),
        ("no default", r#"{"state": "ENABLED", "variants": {"few": 5}, "defaultVariant": null}"#, 3),
        (
            "no such variant",
            r#"{"state": "ENABLED", "variants": {"few": 5}, "defaultVariant": "few", "targeting": {"cat": ["lots"]}}"#,
            3,
        ),
        (
            "a rule",
            r#"{"state": "ENABLED", "variants": {"few": 5, "b": 6}, "defaultVariant": "few", "targeting": {"if": [{"==": [{"var": "service"}, "shop"]}, "b"]}}"#,
            6,
        ),
    ];
    for (what, definition, expected) in cases {
        let (flags, handle) = handle(&silent());
        flags.put(1, &format!(r#"{{"flags": {{"limit": {definition}}}}}"#)).expect(what);
        assert_eq!(handle.read(&LIMIT, &Subject::ANYONE), expected, "{what}");
    }
}

#[test]
fn rules_see_for_whom_it_is() {
    let (flags, handle) = handle(&silent());
    let rule = r#"{"if": [{"and": [
        {"==": [{"var": "targetingKey"}, "cus_1"]}, {"==": [{"var": "country"}, "CH"]},
        {"==": [{"var": "currency"}, "CHF"]}, {"sem_ver": [{"var": "version"}, ">=", "1.2.0"]}]}, "off"]}"#;
    let flag = format!(
        r#"{{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "on", "targeting": {rule}}}"#
    );
    flags.put(1, &format!(r#"{{"flags": {{"open": {flag}}}}}"#)).expect("good");
    let fits = Subject::customer("cus_1").in_country("CH").paying_in("CHF");
    assert!(!handle.read(&OPEN, &fits));
    for other in [
        Subject::ANYONE,
        Subject::customer("cus_2").in_country("CH").paying_in("CHF"),
        fits.in_country("DE"),
        fits.paying_in("EUR"),
    ] {
        assert!(handle.read(&OPEN, &other), "{other:?}");
    }
}

/// Whoever reads, whatever is put in force meanwhile, and however often counts are taken: each reading is counted once.
#[test]
fn counts_are_exact() {
    const READERS: usize = 4;
    const READINGS: usize = 2_000;
    let (flags, handle) = handle(&silent());
    let mut taken: Vec<Count> = Vec::new();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    (0..READINGS).for_each(|_| assert!([true, false].contains(&handle.read(&OPEN, &Subject::ANYONE))))
                })
            })
            .collect();
        while readers.iter().any(|reader| !reader.is_finished()) {
            flags.put(1, &second_variants()).expect("good");
            let counts = flags.take_counts();
            // Not told: given back, and taken again the next time.
            flags.give_back(&counts);
            flags.put(2, r#"{"flags": {}}"#).expect("good");
            taken.extend(flags.take_counts());
        }
    });
    taken.extend(flags.take_counts());
    let all: u64 = taken.iter().map(|count| count.count).sum();
    assert_eq!(all, (READERS * READINGS) as u64);
    assert!(taken.iter().all(|c| c.key == "open" && c.reader == "shop" && ["", "off"].contains(&c.variant.as_str())));
    assert_eq!(flags.take_counts(), [], "taken");
}

#[tokio::test]
async fn a_span_tells_of_each_result_once() {
    let telemetry = Telemetry::new(Config::default());
    let capture = Capture::of(&telemetry, Config::default()).await;
    let (flags, handle) = handle(&telemetry);
    let service = telemetry.service("shop");
    let half = r#"{"flags": {"open": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
        "targeting": {"fractional": [["on", 0], ["off", 1]]}},
        "limit": {"state": "ENABLED", "variants": {"x": "text"}, "defaultVariant": "x"}},
        "metadata": {"flagSetId": "demo"}}"#;
    flags.put(3, half).expect("good");
    let outer = service.root_span("outer");
    let context = outer.context();
    outer
        .run(async {
            let read = || {
                handle.read(&OPEN, &Subject::customer("cus_1"));
                handle.read(&LIMIT, &Subject::ANYONE);
                handle.read(&WORD, &Subject::ANYONE);
            };
            read();
            read();
            vitrine_platform_telemetry::span("inner").run(async { read() }).await;
            service.server_span_below("below", &context).run(async { read() }).await;
        })
        .await;
    // The same in another trace: told there again.
    service.root_span("another").run(async { handle.read(&OPEN, &Subject::ANYONE) }).await;
    let unsampled = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00";
    service.server_span("silent", Some(unsampled), None).run(async { handle.read(&OPEN, &Subject::ANYONE) }).await;

    let seen = capture.end().await;
    let spans = seen.spans();
    let events = |name: &str| {
        let (_, span) = spans.iter().find(|(_, span)| span.name == name).expect(name);
        span.events.iter().filter(|event| event.name == "feature_flag.evaluation").cloned().collect::<Vec<_>>()
    };
    let of_outer = events("outer");
    assert_eq!((of_outer.len(), events("inner").len(), events("below").len(), events("another").len()), (2, 0, 0, 1));
    let said = |n: usize, key: &str| value(&of_outer[n].attributes, key);
    for (key, expected) in [
        ("feature_flag.key", "open"),
        ("feature_flag.result.variant", "off"),
        ("feature_flag.result.reason", "split"),
        ("feature_flag.provider.name", "vitrine"),
        ("feature_flag.context.id", "cus_1"),
        ("feature_flag.version", "3"),
        ("feature_flag.set.id", "demo"),
    ] {
        assert_eq!(said(0, key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!((said(0, "error.type"), said(0, "feature_flag.result.value")), (None, None));
    for (key, expected) in [
        ("feature_flag.key", "limit"),
        ("feature_flag.result.value", "3"),
        ("feature_flag.result.reason", "error"),
        ("error.type", "type_mismatch"),
    ] {
        assert_eq!(said(1, key).as_deref(), Some(expected), "{key}");
    }
    assert!(said(1, "feature_flag.error.message").is_some_and(|message| message.contains("limit")));
    assert_eq!((said(1, "feature_flag.result.variant"), said(1, "feature_flag.context.id")), (None, None));
}
