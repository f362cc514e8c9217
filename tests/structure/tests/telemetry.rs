//! `docs/guide/telemetry.md` against the semantic conventions, as data, and against what the sources log. What a shop emits is compared
//! with it in `tests/behaviour`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::MetadataCommand;
use vitrine_tests_structure::{root, sources};

/// What names of ours begin with, where the conventions have none.
const OWN: &[&str] = &["vitrine.", "observatory.", "cache."];
/// Attributes of ours that are in no namespace, from before there was one.
const BARE: &[&str] = &["kind", "operation", "outcome", "reason", "result", "signal", "synthetic_request"];
/// Levels of what is exported.
const LEVELS: &[&str] = &["error", "warn", "info"];

/// The rows of the tables below a heading of the guide, cell by cell.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let guide = std::fs::read_to_string(root().join("docs/guide/telemetry.md")).expect("the guide");
    let section = guide.split("\n## ").find(|section| section.starts_with(heading)).expect(heading);
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let line = line.replace("\\|", "/");
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    table.map(cells).collect()
}

/// What stands between backticks: the names, and which of them are in parentheses.
fn names(cell: &str) -> Vec<(String, bool)> {
    let parts: Vec<&str> = cell.split('`').collect();
    parts
        .iter()
        .enumerate()
        .skip(1)
        .step_by(2)
        .map(|(n, name)| ((*name).to_owned(), parts[n - 1].ends_with('(')))
        .collect()
}

/// A name of the conventions, and what their crate says of it.
#[derive(Debug, Default)]
struct Convention {
    is_deprecated: bool,
    instrument: Option<String>,
    unit: Option<String>,
    required: Vec<String>,
}

/// The machine that this is built for. What only others are built with need not be there.
fn host() -> String {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc");
    let said = String::from_utf8(rustc.stdout).expect("UTF-8");
    said.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned()
}

/// Where the sources of the conventions' crate are.
fn sources_of_conventions() -> PathBuf {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned(), "--filter-platform".to_owned(), host()])
        .exec()
        .expect("cargo metadata");
    let package = metadata.packages.iter().find(|p| p.name.as_str() == "opentelemetry-semantic-conventions");
    package.expect("a dependency").manifest_path.parent().expect("a folder").as_std_path().join("src")
}

/// The names of one file of the conventions' crate, by the names of its constants.
fn conventions(file: &Path) -> BTreeMap<String, (String, Convention)> {
    let text = std::fs::read_to_string(file).expect("its sources");
    let mut all = BTreeMap::new();
    let mut convention = Convention::default();
    // A long name stands on the line behind its constant's.
    for line in text.replace("=\n", "=").lines() {
        if let Some(constant) = line.strip_prefix("pub const ") {
            let name = line.split('"').nth(1).expect("a text").to_owned();
            let constant = constant.split(':').next().expect("a name").to_owned();
            all.insert(constant, (name, std::mem::take(&mut convention)));
        } else if line.starts_with("#[deprecated") {
            convention.is_deprecated = true;
        } else if let Some(value) = line.strip_prefix("/// | Instrument: | `") {
            convention.instrument = value.split('`').next().map(str::to_owned);
        } else if let Some(value) = line.strip_prefix("/// | Unit: | `") {
            convention.unit = value.split('`').next().map(str::to_owned);
        } else if line.starts_with("/// | [`crate::attribute::") && line.trim_end().ends_with("`Required`") {
            convention.required.extend(line.split("::").nth(2).and_then(|l| l.split('`').next()).map(str::to_owned));
        }
    }
    assert!(all.len() > 100, "{} is read: {} names", file.display(), all.len());
    all
}

fn is_own(name: &str) -> bool {
    OWN.iter().any(|prefix| name.starts_with(prefix)) || BARE.contains(&name)
}

#[test]
fn names_are_those_of_the_conventions_or_our_own() {
    let folder = sources_of_conventions();
    let (attributes, metrics) = (conventions(&folder.join("attribute.rs")), conventions(&folder.join("metric.rs")));
    let by_name = |all: &BTreeMap<String, (String, Convention)>, name: &str| {
        let found: Vec<bool> = all.values().filter(|(n, _)| n == name).map(|(_, c)| c.is_deprecated).collect();
        // A name may be there twice, as what it was and as what it is.
        (!found.is_empty()).then(|| found.iter().all(|deprecated| *deprecated))
    };
    let mut wrong = Vec::new();
    let mut check = |all: &BTreeMap<String, (String, Convention)>, name: &str| match by_name(all, name) {
        Some(true) => wrong.push(format!("{name} is deprecated")),
        Some(false) => {}
        None if is_own(name) => {}
        None => wrong.push(format!("{name} is no name of the conventions, and begins with none of {}", OWN.join(", "))),
    };
    let metric_rows = rows("Metrics");
    for row in &metric_rows {
        check(&metrics, row[0].trim_matches('`'));
    }
    let ours: Vec<&str> =
        metric_rows.iter().map(|row| row[0].trim_matches('`')).filter(|n| n.starts_with(OWN[0])).collect();
    for row in rows("Attributes") {
        check(&attributes, row[0].trim_matches('`'));
    }
    for row in &metric_rows {
        let Some((name, convention)) = metrics.values().find(|(n, _)| *n == row[0].trim_matches('`')) else { continue };
        let (instrument, unit) = (convention.instrument.as_deref(), convention.unit.as_deref());
        if (instrument, unit) != (Some(&row[1]), Some(&row[2])) {
            wrong.push(format!("{name} is a {} in {}: the conventions say {instrument:?} in {unit:?}", row[1], row[2]));
        }
        let given = names(&row[3]);
        for required in &convention.required {
            let (required, _) = &attributes[required];
            if !given.contains(&(required.clone(), false)) {
                wrong.push(format!("{name} has no {required}, which the conventions require"));
            }
        }
    }
    // "Names SHOULD NOT coincide with namespaces."
    for name in &ours {
        let below = ours.iter().find(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        wrong.extend(below.map(|other| format!("{name} is also the namespace of {other}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_attribute_of_the_tables_is_explained() {
    let explained: BTreeSet<String> =
        rows("Attributes").iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let (mut used, mut on_spans) = (BTreeSet::new(), BTreeSet::new());
    used.extend(rows("Metrics").iter().flat_map(|row| names(&row[3])).map(|(name, _)| name));
    on_spans.extend(rows("Spans").iter().flat_map(|row| names(&row[2])).map(|(name, _)| name));
    // These stand on all spans, as a sentence says.
    on_spans.extend(["session.id".to_owned(), "synthetic_request".to_owned()]);
    for row in rows("Attributes") {
        let name = row[0].trim_matches('`').to_owned();
        assert_eq!(row[1].contains("metrics"), used.contains(&name), "{name}");
        assert_eq!(row[1].contains("spans"), on_spans.contains(&name), "{name}");
    }
    used.append(&mut on_spans);
    assert_eq!(explained, used);
}

/// What stands in the parentheses that begin at `text`, split at the commas that separate arguments.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut all, mut current) = (0_usize, false, Vec::new(), String::new());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_text => {
                chars.next();
            }
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text && depth == 0 => break,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                all.push(std::mem::take(&mut current).trim().to_owned());
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    all.push(current.trim().to_owned());
    all
}

/// The fields of all that a source logs and that is exported.
fn fields(source: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for level in LEVELS {
        for call in source.split(&format!("{level}!(")).skip(1) {
            for argument in arguments(call) {
                // The message, and what is put into it.
                if argument.starts_with('"') {
                    break;
                }
                let name = argument.split('=').next().unwrap_or_default().trim().trim_start_matches(['%', '?']);
                all.insert(name.rsplit("self.").next().unwrap_or_default().to_owned());
            }
        }
    }
    all
}

#[test]
fn every_field_of_a_log_is_explained() {
    let folders = ["app/", "kit/", "contracts/", "platform/", "shop/", "observe/"];
    let texts = sources().into_iter().filter(|(path, _)| folders.iter().any(|folder| path.starts_with(folder)));
    let logged: BTreeSet<String> = texts.flat_map(|(_, text)| fields(&text)).collect();
    let explained: BTreeSet<String> = rows("Logs").iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let missing: Vec<&String> = logged.difference(&explained).collect();
    let gone: Vec<&String> = explained.difference(&logged).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the guide: {missing:?}; logged by nobody: {gone:?}");
}

#[test]
fn fields_are_found_however_they_are_written() {
    let source = r#"
        tracing::warn!(error = %e, path = %self.path(a, b).display(), "of {}, with a comma, in it", own);
        info!(%order_id, ?at, self.name, left = all.len(), "a \" (quote");
        tracing::debug!(nobody = 1, "not exported");
        tracing::error!("nothing");
    "#;
    let found: Vec<String> = fields(source).into_iter().collect();
    assert_eq!(found, ["at", "error", "left", "name", "order_id", "path"]);
}
