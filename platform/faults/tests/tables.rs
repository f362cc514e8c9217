//! The tables of faults by others' names: each is a fault that may be, and the guide has them as they are.

use std::collections::HashSet;
use std::path::Path;

use vitrine_platform_faults::demo::{DEMO, DemoFlag, DemoValue};
use vitrine_platform_faults::field::{KINDS, Ours};
use vitrine_platform_faults::{At, Fault, check};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/faults.md");
const BEGIN: &str = "<!-- what follows is written by the tests of platform/faults: UPDATE=1 -->\n";

#[test]
fn every_variant_of_the_demo_is_faults_that_may_be() {
    for flag in DEMO {
        assert!(flag.variants.iter().any(|(name, _)| *name == flag.default), "{}", flag.key);
        for (variant, value) in flag.variants {
            let faults = flag.faults(variant, 60).expect("a variant");
            for fault in &faults {
                assert_eq!(check(fault), [], "{} {variant}", flag.key);
                assert!(fault.timing.ttl_s == 60 && !fault.remedy.is_empty());
                // What is written down is what is read.
                let document = serde_json::to_vec(fault).expect("a document");
                assert_eq!(Fault::from_json(&document).as_ref(), Ok(fault), "{}", String::from_utf8_lossy(&document));
            }
            let is_default = *variant == flag.default;
            assert!(!is_default || faults.is_empty(), "{} does something unasked", flag.key);
            let is_on = !matches!(value, DemoValue::Bool(false)) && !is_default;
            assert_eq!(!faults.is_empty(), is_on && flag.key != "loadGeneratorBrowserVUs", "{} {variant}", flag.key);
        }
        assert_eq!(flag.faults("nosuch", 60), None);
    }
}

#[test]
fn the_demos_values_are_its_own() {
    let value = |key: &str, variant: &str| {
        let flag = DemoFlag::of(key).unwrap_or_else(|| panic!("{key} is not there"));
        flag.variants.iter().find(|(name, _)| *name == variant).map(|(_, value)| *value)
    };
    for (key, variant, expected) in [
        ("paymentFailure", "90%", DemoValue::Number(0.95)),
        ("cartFailure", "90%", DemoValue::Number(0.9)),
        ("emailMemoryLeak", "10000x", DemoValue::Number(10_000.0)),
        ("imageSlowLoad", "5sec", DemoValue::Number(5_000.0)),
        ("intlShippingSlowdown", "5sec", DemoValue::Number(5.0)),
        ("kafkaQueueProblems", "on", DemoValue::Number(100.0)),
        ("adFailure", "on", DemoValue::Bool(true)),
    ] {
        assert_eq!(value(key, variant), Some(expected), "{key} {variant}");
    }
    let rate =
        |key: &str, variant: &str| DemoFlag::of(key).and_then(|f| f.faults(variant, 9)).expect("there")[0].share.rate;
    assert!((rate("paymentFailure", "90%") - 0.95).abs() < 1e-9);
    assert!((rate("adFailure", "on") - 0.1).abs() < 1e-9);
    assert_eq!(DEMO.len(), 17, "sixteen of the demo's and one that is asked of it");
}

#[test]
fn every_kind_of_the_field_is_ours_or_refused_with_a_reason() {
    let mut names = HashSet::new();
    for kind in KINDS {
        assert!(names.insert((kind.benchmark, kind.name)), "{} twice", kind.name);
        match kind.ours {
            Ours::Fault { .. } => {
                let document = kind.document(60).expect("a document");
                let fault = Fault::from_json(document.as_bytes()).unwrap_or_else(|e| panic!("{document}: {e}"));
                assert_eq!(check(&fault), [], "{document}");
            }
            Ours::Demo(key) => assert!(DemoFlag::of(key).is_some(), "{key}"),
            Ours::Refused(reason) => assert!(reason.len() > 20, "{}: {reason}", kind.name),
        }
    }
    for benchmark in ["RCAEval", "AIOpsLab", "ITBench"] {
        assert!(KINDS.iter().any(|kind| kind.benchmark == benchmark), "{benchmark}");
    }
}

/// The tables of the guide.
fn tables() -> String {
    let mut out = BEGIN.to_owned();
    out.push_str("\n## What can be had where\n\n| place | effects |\n|---|---|\n");
    for at in At::ALL {
        let effects: Vec<String> = at.carries().iter().map(|effect| format!("`{effect}`")).collect();
        out.push_str(&format!("| `{}` | {} |\n", at.name(), effects.join(" ")));
    }
    out.push_str("\n## The OpenTelemetry Demo's faults\n\n| flag | variants | what it does here |\n|---|---|---|\n");
    for flag in DEMO {
        let variants: Vec<String> = flag.variants.iter().map(|(name, _)| format!("`{name}`")).collect();
        out.push_str(&format!("| `{}` | {} | {} |\n", flag.key, variants.join(" "), flag.does));
    }
    out.push_str("\n## Other benchmarks' kinds\n\n| benchmark | kind | here |\n|---|---|---|\n");
    for kind in KINDS {
        let ours = match kind.ours {
            Ours::Fault { what, target, how } => {
                let how = if how.is_empty() { String::new() } else { format!(": {how}") };
                format!("`{what}` where `{target}`{how}")
            }
            Ours::Demo(key) => format!("the demo's `{key}`"),
            Ours::Refused(reason) => format!("refused: {reason}"),
        };
        out.push_str(&format!("| {} | `{}` | {ours} |\n", kind.benchmark, kind.name));
    }
    out
}

#[test]
fn the_guide_has_the_tables() {
    let path = Path::new(GUIDE);
    let page = std::fs::read_to_string(path).expect("the guide");
    let prose = page.split(BEGIN).next().unwrap_or(&page).trim_end();
    let expected = format!("{prose}\n\n{}", tables());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &expected).expect("written");
    } else {
        assert!(
            page == expected,
            "docs/guide/faults.md differs: UPDATE=1 cargo test -p vitrine-platform-faults --test tables"
        );
    }
}
