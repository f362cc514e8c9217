//! flagd's evaluator scenarios: their steps.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Any, json};
use vitrine_flags_engine::json as source;
use vitrine_flags_engine::{EvaluationError, FlagType, Mode, Reason, Snapshot};
use vitrine_tests_conformance::gherkin::{Case, quoted, scenarios};

use crate::{suite, text};

/// Cases in the scenarios as of testbed 3.9.0.
const CASES: usize = 140;

fn typed(kind: &str, text: &str) -> Any {
    match kind {
        "Boolean" => json!(text == "true"),
        "Integer" => json!(text.parse::<i64>().expect("an integer")),
        "Float" => json!(text.parse::<f64>().expect("a float")),
        "Object" => serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")),
        _ => json!(text),
    }
}

/// What a caller of an SDK would see.
#[derive(Default)]
struct Seen {
    value: Any,
    reason: &'static str,
    error: Option<&'static str>,
    metadata: Map<String, Any>,
}

fn evaluate(flags: &Snapshot, kind: &str, key: &str, default: &Any, context: &Map<String, Any>) -> Seen {
    let context = Any::Object(context.clone()).to_string();
    let context = source::read(&context).expect("JSON");
    let asked = match kind {
        "Boolean" => FlagType::Boolean,
        "Integer" => FlagType::Integer,
        "Float" => FlagType::Float,
        "Object" => FlagType::Object,
        _ => FlagType::String,
    };
    let evaluation = flags.evaluate(key, &context, 1_795_228_166).and_then(|evaluation| evaluation.expect(asked));
    match evaluation {
        Ok(evaluation) => Seen {
            value: match evaluation.variant {
                Some(variant) => serde_json::from_str(&variant.json).expect("JSON"),
                None => default.clone(),
            },
            reason: evaluation.reason.name(),
            error: None,
            metadata: serde_json::from_str(evaluation.metadata).expect("an object"),
        },
        Err(error) => {
            assert!(!matches!(&error, EvaluationError::General(text) if text.is_empty()));
            Seen { value: default.clone(), reason: "ERROR", error: Some(error.code()), metadata: Map::new() }
        }
    }
}

fn equal(a: &Any, b: &Any) -> bool {
    a == b || (a.as_f64().is_some() && a.as_f64() == b.as_f64())
}

fn run(case: &Case, flags: &Snapshot) -> Result<(), String> {
    let mut flag = (String::new(), String::new(), Any::Null);
    let mut context = Map::new();
    let mut seen = Seen::default();
    for (step, table) in &case.steps {
        let ok = if step == "an evaluator" {
            true
        } else if let Some(kind) =
            step.strip_prefix("a ").or(step.strip_prefix("an ")).and_then(|s| s.split_once("-flag with key"))
        {
            let parts = quoted(step, 2);
            flag = (kind.0.to_owned(), parts[0].clone(), typed(kind.0, &parts[1]));
            true
        } else if step.starts_with("a context containing a key") {
            let parts = quoted(step, 3);
            context.insert(parts[0].clone(), typed(&parts[1], &parts[2]));
            true
        } else if step.starts_with("a context containing a targeting key") {
            context.insert("targetingKey".to_owned(), json!(quoted(step, 1)[0]));
            true
        } else if step.starts_with("a context containing a nested property") {
            let parts = quoted(step, 3);
            context.insert(parts[0].clone(), json!({ parts[1].as_str(): parts[2] }));
            true
        } else if step == "the flag was evaluated with details" {
            seen = evaluate(flags, &flag.0, &flag.1, &flag.2, &context);
            true
        } else if step.starts_with("the resolved details value should be") {
            equal(&seen.value, &typed(&flag.0, &quoted(step, 1)[0]))
        } else if step.starts_with("the reason should be") {
            seen.reason == quoted(step, 1)[0]
        } else if step.starts_with("the error-code should be") {
            seen.error == Some(quoted(step, 1)[0].as_str())
        } else if step == "the resolved metadata is empty" {
            seen.metadata.is_empty()
        } else if step == "the resolved metadata should contain" {
            table[1..].iter().all(|row| seen.metadata.get(&row[0]).is_some_and(|v| equal(v, &typed(&row[1], &row[2]))))
        } else {
            panic!("an unknown step: {step}");
        };
        if !ok {
            return Err(format!("{}: {step}: is {} {} {:?}", case.name, seen.value, seen.reason, seen.error));
        }
    }
    Ok(())
}

#[test]
fn scenarios_of_the_evaluator_pass() {
    let Some(folder) = suite("flagd-testbed/evaluator") else { return };
    let definitions = text(&folder.join("flags/testkit-flags.json"));
    let mut by_algorithm = BTreeMap::new();
    for algorithm in ["v1", "v2", "v3"] {
        // The metadata that chooses is ours, so it is put in here; the scenario of empty metadata has flags of the set as it is.
        let chosen = definitions.replacen('{', &format!("{{\"metadata\": {{\"fractional\": \"{algorithm}\"}},"), 1);
        by_algorithm.insert(algorithm, Snapshot::read(&chosen, Mode::Lenient).expect("the testbed's flags").read);
    }
    let plain = Snapshot::read(&definitions, Mode::Lenient).expect("the testbed's flags").read;
    let (mut cases, mut failures) = (0, Vec::new());
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join("gherkin")).expect("scenarios").map(|e| e.expect("a file").path()).collect();
    files.sort();
    for file in files {
        for case in scenarios(&text(&file)) {
            let tagged =
                ["v1", "v2", "v3"].into_iter().find(|version| case.tags.contains(&format!("@fractional-{version}")));
            cases += 1;
            failures.extend(run(&case, tagged.map_or(&plain, |version| &by_algorithm[version])).err());
        }
    }
    println!("flagd-testbed/evaluator: {} of {cases} passed", cases - failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases >= CASES, "{cases} cases");
    assert_eq!(Reason::TargetingMatch.name(), "TARGETING_MATCH");
}
