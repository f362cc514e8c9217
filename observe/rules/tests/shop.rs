//! The rules of the shop that ship: they are right, each fires when it should, and they ask for metrics that the shop has.

use std::collections::BTreeSet;
use std::path::PathBuf;

use vitrine_observe_rules::unit_test::TestFile;
use vitrine_observe_rules::{RuleFile, RuleKind};

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shop() -> RuleFile {
    RuleFile::parse(&read("app/src/rules/shop.yml")).expect("no mistakes")
}

#[test]
fn each_rule_fires_when_it_should() {
    let test = TestFile::parse(&read("app/src/rules/shop_test.yml")).expect("no mistakes");
    assert_eq!(test.rule_files, ["shop.yml"]);
    let results = test.run(&[("shop.yml".to_owned(), shop())], &|_| true);
    for result in &results {
        assert_eq!(result.failures, [""; 0], "{}", result.name);
    }
    let tested = read("app/src/rules/shop_test.yml");
    for rule in shop().groups.iter().flat_map(|group| &group.rules) {
        if let RuleKind::Alert { name, .. } = &rule.kind {
            assert!(tested.contains(&format!("alertname: {name}\n")), "no test expects {name}");
        }
    }
}

/// The name that Prometheus gives a metric: of the guide's table, by unit and instrument.
fn names(row: &str) -> Option<Vec<String>> {
    let mut cells = row.strip_prefix("| `")?.split('|').map(str::trim);
    let name = cells.next()?.trim_end_matches('`').replace('.', "_");
    let (instrument, unit) = (cells.next()?, cells.next()?);
    let unit = match unit {
        "s" => "_seconds",
        "By" => "_bytes",
        "1" if instrument == "gauge" => "_ratio",
        _ => "",
    };
    Some(match instrument {
        "histogram" => ["bucket", "count", "sum"].map(|part| format!("{name}{unit}_{part}")).to_vec(),
        "counter" => vec![format!("{name}{unit}_total")],
        _ => vec![format!("{name}{unit}")],
    })
}

#[test]
fn rules_ask_for_metrics_that_the_shop_has() {
    let guide = read("docs/guide/telemetry.md");
    let mut known: BTreeSet<String> = guide.lines().filter_map(names).flatten().collect();
    assert!(known.contains("rpc_server_call_duration_seconds_count"), "the guide has metrics");
    let file = shop();
    assert_eq!(file.duplicates(), [] as [&vitrine_observe_rules::RuleSpec; 0]);
    let rules: Vec<_> = file.groups.iter().flat_map(|group| &group.rules).collect();
    known.extend(
        rules.iter().filter(|rule| matches!(rule.kind, RuleKind::Record(_))).map(|rule| rule.name().to_owned()),
    );
    for rule in rules {
        for selector in rule.query.expr().expect("PromQL").selectors() {
            assert!(known.contains(&selector.name), "{} asks for {}, which nothing tells", rule.name(), selector.name);
        }
    }
}
