//! Expressions and their results, in the language of Prometheus's own tests (`promqltest`).
//!
//! The suite of Prometheus is found by `VITRINE_CONFORMANCE`, else at `../shared/conformance` beside the checkout; it is
//! not part of the repository. Cases of our own, in the same language, stand in `cases`.

mod compare;
mod evaluation;
mod nhcb;
mod script;

use std::path::{Path, PathBuf};

use evaluation::{Report, run};
use vitrine_tests_conformance::suite;

/// Files of the suite as of Prometheus 3.14.
const SUITE_FILES: usize = 21;

/// Files of a folder that end in `.test`, in order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

/// Runs all files and says how many cases of each passed.
fn run_all(files: &[PathBuf]) -> Report {
    let only = std::env::var("VITRINE_CONFORMANCE_ONLY").unwrap_or_default();
    let mut total = Report::default();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let report = run(&std::fs::read_to_string(file).expect("a file that can be read"));
        println!("{name}: {} of {} passed", report.passed, report.passed + report.failures.len());
        total.passed += report.passed;
        total.failures.extend(report.failures.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    println!("all: {} of {} passed", total.passed, total.passed + total.failures.len());
    total
}

fn assert_passed(report: &Report) {
    for failure in &report.failures {
        println!("{failure}");
    }
    assert!(report.failures.is_empty(), "{} cases failed, see above", report.failures.len());
}

#[test]
fn the_suite_of_prometheus_passes() {
    let Some(folder) = suite("promql") else { return };
    let files = files(&folder);
    assert_eq!(files.len(), SUITE_FILES, "files of the suite");
    assert_passed(&run_all(&files));
}

#[test]
fn cases_of_our_own_pass() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases"));
    assert!(!files.is_empty());
    assert_passed(&run_all(&files));
}

#[test]
fn wrong_expectations_are_noticed() {
    let load = "load 1m\n  up{a=\"1\"} 1 2 3\n  up{a=\"2\"} 4 5 6\n\n";
    for case in [
        "eval instant at 1m up\n  up{a=\"1\"} 2\n",
        "eval instant at 1m up\n  up{a=\"1\"} 2\n  up{a=\"2\"} 6\n",
        "eval instant at 1m up\n  up{a=\"1\"} 2\n  up{a=\"2\"} 5\n  up{a=\"3\"} 5\n",
        "eval instant at 1m sort_desc(up)\n  expect ordered\n  up{a=\"1\"} 2\n  up{a=\"2\"} 5\n",
        "eval instant at 1m 1\n  2\n",
        "eval instant at 1m 1\n  expect fail\n",
        "eval instant at 1m \"a\"\n  expect string \"b\"\n",
        "eval instant at 1m up\n  expect warn\n  up{a=\"1\"} 2\n  up{a=\"2\"} 5\n",
        "eval instant at 1m quantile(2, up)\n  expect no_warn\n  {} +Inf\n",
        "eval range from 0 to 2m step 1m up\n  up{a=\"1\"} 1 2 3\n  up{a=\"2\"} 4 5 7\n",
        "eval range from 0 to 2m step 1m up\n  up{a=\"1\"} 1 2 3\n  up{a=\"2\"} 4 5\n",
        "eval instant at 1m up up\n  1\n",
        "evaluate this\n",
        "load 1m\n  up{ 1\n\n",
    ] {
        let report = run(&format!("{load}{case}"));
        assert_eq!(report.failures.len(), 1, "{case}: {:?}", report.failures);
    }
}
