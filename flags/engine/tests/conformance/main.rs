//! The public suites of JsonLogic, of flagd's operators, of flagd's evaluator and of its schemas, unchanged.
//!
//! They are not part of the repository: see `vitrine-tests-conformance`. Cases of our own stand in `cases.rs` beside this folder, and are always run.

mod gherkin;

use std::path::{Path, PathBuf};

use serde_json::Value as Any;
use vitrine_flags_engine::json;
use vitrine_flags_engine::{Algorithm, Logic, Mode, Snapshot};
use vitrine_tests_conformance::suite;

/// Cases in the suites as of 2026-07; fewer mean that something was not read.
const JSON_LOGIC_CASES: usize = 278;
const OPERATOR_CASES: usize = 90;

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Numbers are equal by their value: the suites write 42 and mean 42.0.
fn same(a: &Any, b: &Any) -> bool {
    match (a, b) {
        (Any::Number(a), Any::Number(b)) => a.as_f64() == b.as_f64(),
        (Any::Array(a), Any::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Any::Object(a), Any::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Runs the cases of a file in datalogic-rs's form, and returns how many there are.
fn logic_cases(path: &Path) -> usize {
    let cases: Vec<Any> = serde_json::from_str(&text(path)).expect("JSON");
    let cases: Vec<&Any> = cases.iter().filter(|case| case.is_object()).collect();
    let mut failures = Vec::new();
    for case in &cases {
        let data = case.get("data").unwrap_or(&Any::Null);
        let key = data.pointer("/$flagd/flagKey").and_then(Any::as_str).unwrap_or("");
        let data_text = data.to_string();
        let context = json::read(&data_text).expect("JSON");
        let logic = Logic::read(&case["rule"].to_string(), Mode::Lenient);
        let result = logic
            .map_err(|refused| refused.to_string())
            .and_then(|logic| logic.read.apply(&context, key, 0, Algorithm::V2).map_err(|error| error.to_string()));
        let right =
            result.as_ref().is_ok_and(|result| same(&serde_json::from_str(result).expect("JSON"), &case["result"]));
        if !right {
            failures.push(format!("{case}\n  is {result:?}"));
        }
    }
    let name = path.file_name().expect("a name").to_string_lossy();
    println!("{name}: {} of {} passed", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    cases.len()
}

#[test]
fn json_logic_is_what_its_suite_says() {
    let Some(folder) = suite("jsonlogic") else { return };
    assert!(logic_cases(&folder.join("compatible.json")) >= JSON_LOGIC_CASES);
}

#[test]
fn operators_are_those_of_flagd() {
    let Some(folder) = suite("jsonlogic/flagd") else { return };
    let cases = logic_cases(&folder.join("fractional.json")) + logic_cases(&folder.join("sem_ver.json"));
    assert!(cases >= OPERATOR_CASES, "{cases} cases");
}

/// Files of a folder that are JSON, by their names in order.
fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// A rule by itself as the rule of a flag, and `*`, by which the examples list many, as a list of rules.
fn flag_with(rule: &str) -> String {
    let rule: Any = serde_json::from_str(rule).expect("JSON");
    let rule = match rule.get("*").and_then(Any::as_array) {
        Some(rules) => serde_json::json!({ "merge": rules }),
        None => rule,
    };
    let flag = serde_json::json!({"state": "ENABLED", "variants": {"on": true}, "targeting": rule});
    serde_json::json!({"flags": {"flag": flag}, "$evaluators": {"some-ref": {"==": [1, 1]}}}).to_string()
}

#[test]
fn examples_of_the_schemas_are_taken_and_refused() {
    let Some(folder) = suite("flagd-schemas/test") else { return };
    let mut counts = [0; 2];
    let mut failures = Vec::new();
    for kind in ["flagd", "flags", "targeting"] {
        for (good, name) in [(true, "positive"), (false, "negative")] {
            let folder = folder.join(kind).join(name);
            if !folder.exists() {
                continue;
            }
            for file in json_files(&folder) {
                let shown = format!("{kind}/{name}/{}", file.file_name().expect("a name").to_string_lossy());
                // A list of flags is what clients do not take and flagd does: flagd/positive/with-array-flags.json.
                if shown == "flags/negative/with-array-flags.json" {
                    continue;
                }
                let definition = if kind == "targeting" { flag_with(&text(&file)) } else { text(&file) };
                let read = Snapshot::read(&definition, Mode::Strict);
                match (good, &read) {
                    (true, Ok(_)) | (false, Err(_)) => counts[usize::from(good)] += 1,
                    (true, Err(refused)) => failures.push(format!("{shown}: {refused}")),
                    (false, Ok(_)) => failures.push(format!("{shown} was taken")),
                }
            }
        }
    }
    println!("flagd-schemas: {} taken, {} refused, {} wrong", counts[1], counts[0], failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(counts[0] >= 17 && counts[1] >= 17, "{counts:?}");
}

#[test]
fn files_of_the_testbed_are_read() {
    let Some(folder) = suite("flagd-testbed/flags") else { return };
    let mut flags = 0;
    for file in json_files(&folder) {
        let read = Snapshot::read(&text(&file), Mode::Lenient).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        flags += read.read.flags().len();
    }
    println!("flagd-testbed/flags: {flags} flags read");
    assert!(flags > 70, "{flags} flags");
}
