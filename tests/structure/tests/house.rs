//! The house's rules, as ARCHITECTURE.md states them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use vitrine_tests_structure::{code, files, root};

/// Longest source file, in lines.
const MAX_LINES: usize = 600;

/// Who alone may name a crate of another's: the crate, and the folders of ours.
const BORDERS: &[(&str, &[&str])] = &[
    ("async-graphql", &["shop/gateway"]),
    (
        "axum",
        &[
            "benches",
            "flags/service",
            "platform/http",
            "platform/web",
            "shop/gateway",
            "shop/storefront",
            "observe/receive",
            "observe/api",
            "observe/console",
        ],
    ),
    ("rquickjs", &["shop/storefront"]),
    ("rust-embed", &["platform/web"]),
    ("rusqlite", &["platform/store"]),
    ("tokio-postgres", &["platform/store"]),
    ("tokio-postgres-rustls", &["platform/store"]),
    ("mongodb", &["platform/store"]),
    ("redis", &["platform/cache"]),
    ("async-nats", &["platform/nats"]),
    ("rustls", &["platform/tls"]),
    ("rustls-webpki", &["platform/tls"]),
    ("tokio-rustls", &["platform/tls"]),
    ("hickory-resolver", &["platform/fetch"]),
    ("rcgen", &["tests/engines"]),
    ("clap", &["app", "benches"]),
    ("anyhow", &["app", "benches", "tests/engines", "tests/testkit", "tests/behaviour"]),
    ("toml", &["platform/config"]),
    ("granit-parser", &["platform/config"]),
    ("roaring", &["observe/series"]),
    ("snap", &["benches", "observe/model", "observe/receive"]),
    ("tracing-subscriber", &["app", "platform/telemetry"]),
    (
        "opentelemetry-proto",
        &[
            "platform/telemetry",
            "observe/model",
            "observe/store",
            "observe/receive",
            "observe/api",
            "observe/console",
            "observe/host",
            "tests/capture",
        ],
    ),
    ("arrow-array", &["observe/columns", "observe/model", "observe/sql", "observe/store"]),
    ("arrow-schema", &["observe/columns", "observe/model", "observe/sql", "observe/store"]),
    ("parquet", &["observe/columns"]),
    ("datafusion", &["observe/sql"]),
    ("argon2", &["shop/auth"]),
    ("p256", &["shop/auth"]),
    ("rsa", &["shop/auth"]),
    ("jsonwebtoken", &["platform/mesh", "shop/auth", "shop/gateway"]),
    ("lettre", &["observe/alert", "shop/email"]),
    ("chrono-tz", &["observe/receive", "observe/routing", "observe/search"]),
    ("minijinja", &["shop/email"]),
    ("rust_decimal", &["shop/currency"]),
    ("tonic-health", &["platform/host", "platform/mesh"]),
    ("tonic-reflection", &["platform/host"]),
    ("tonic-prost-build", &["contracts"]),
    ("protox", &["contracts"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().expect("cargo metadata")
}

/// A package's folder, from the root.
fn folder(package: &Package) -> String {
    let folder = package.manifest_path.parent().expect("a folder").as_std_path();
    folder.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

/// The floor of a folder; none for tests and benches, which may use everything.
fn floor(folder: &str) -> Option<u8> {
    match folder {
        "kit" => Some(0),
        "contracts" => Some(1),
        "flags/client" | "flags/engine" | "flags/range" | "observe/columns" | "observe/logql" | "observe/model"
        | "observe/promql" | "observe/routing" | "observe/rules" | "observe/search" | "observe/series"
        | "observe/sql" | "observe/store" | "observe/text" | "shop/pictures" => Some(3),
        "app" => Some(PROGRAM),
        _ if folder.starts_with("platform/") => Some(2),
        _ if folder.starts_with("flags/") || folder.starts_with("shop/") || folder.starts_with("observe/") => Some(4),
        _ if folder.starts_with("tests/") || folder == "benches" => None,
        _ => panic!("{folder} stands on no floor: give it one here and in ARCHITECTURE.md"),
    }
}

/// Names of what a package is built with; not of what only its tests use.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.as_str())
}

#[test]
fn nobody_looks_upstairs() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let folders: BTreeMap<&str, String> = packages.iter().map(|p| (p.name.as_str(), folder(p))).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let from = &folders[package.name.as_str()];
        let Some(own) = floor(from) else { continue };
        for to in dependencies(package).filter_map(|name| folders.get(name)) {
            let fine = match floor(to) {
                None => false,
                // Services never use each other; engines and platform crates may use their neighbours.
                Some(other) => other < own || (other == own && matches!(own, 2 | 3)),
            };
            if !fine {
                wrong.push(format!("{from} uses {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn borders_are_kept() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let from = folder(package);
        for name in dependencies(package) {
            if let Some((_, allowed)) = BORDERS.iter().find(|(foreign, _)| *foreign == name)
                && !allowed.contains(&from.as_str())
            {
                wrong.push(format!("{from} names {name}: only {} may", allowed.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_crate_graph_is_the_one_on_record() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let mut lines: Vec<String> = packages
        .iter()
        .map(|package| {
            let mut ours: Vec<&str> =
                dependencies(package).filter(|name| packages.iter().any(|p| p.name.as_str() == *name)).collect();
            ours.sort_unstable();
            format!("{}: {}", package.name, ours.join(" ")).trim_end().to_owned()
        })
        .collect();
    lines.sort();
    let mut graph = String::new();
    for line in lines {
        let _ = writeln!(graph, "{line}");
    }
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&record, &graph).expect("written");
    }
    let known = std::fs::read_to_string(&record).expect("the record");
    assert!(
        known == graph,
        "the crate graph has changed. If that is meant: UPDATE=1 cargo test -p vitrine-tests-structure\n{graph}"
    );
}

#[test]
fn files_are_small_and_plain() {
    let mut wrong = Vec::new();
    for (path, text) in files(&[".rs"]) {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{path} has {lines} lines: at most {MAX_LINES}"));
        }
        if path.ends_with("mod.rs") {
            wrong.push(format!("{path}: foo.rs beside foo/, never mod.rs"));
        }
        if path.starts_with("tests/structure") {
            continue;
        }
        let in_tests = path.contains("/tests/") || path.starts_with("tests/");
        for (word, why) in [
            ("::*;", "globs hide where a name is from"),
            ("#[ignore", "a test is run or it is not there"),
            ("TODO", "what is missing belongs into an issue"),
            ("FIXME", "the same"),
        ] {
            if text.contains(word) {
                wrong.push(format!("{path}: {word}: {why}"));
            }
        }
        if !in_tests && code(&text).contains(".unwrap()") {
            wrong.push(format!("{path}: unwrap says nothing when it fails"));
        }
        if !in_tests
            && code(&text).contains("println!")
            && !["app/", "benches/", "contracts/build.rs", "platform/web/build.rs"].iter().any(|p| path.starts_with(p))
        {
            wrong.push(format!("{path}: only the command line prints"));
        }
        if path.ends_with("lib.rs") && !text.starts_with("//! ") {
            wrong.push(format!("{path}: a front page says what the crate does"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The floor of the program itself, whose example is its command line.
const PROGRAM: u8 = 5;

/// Every crate's front page has an example, which is compiled and run.
#[test]
fn front_pages_show_how_a_crate_is_used() {
    let mut wrong = Vec::new();
    let metadata = metadata();
    let folders = metadata.workspace_packages().into_iter().map(folder);
    for folder in folders.filter(|folder| floor(folder).is_some_and(|floor| floor < PROGRAM)) {
        let text = std::fs::read_to_string(root().join(&folder).join("src/lib.rs")).expect("a front page");
        let fences: Vec<&str> =
            text.lines().take_while(|l| l.starts_with("//!")).filter(|l| l.contains("```")).collect();
        // A fence that says nothing more is Rust that is run.
        if fences.first() != Some(&"//! ```") {
            wrong.push(format!("{folder}/src/lib.rs: an example that is run is missing"));
        }
    }
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("the Makefile");
    assert!(makefile.contains("cargo test --doc"), "nextest does not run examples");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_mesh_opens_channels() {
    let wrong: Vec<String> = files(&[".rs"])
        .into_iter()
        .filter(|(path, _)| !path.starts_with("platform/mesh/") && !path.starts_with("tests/"))
        .filter(|(_, text)| text.contains("connect_lazy(") || text.contains("conn::http2"))
        .map(|(path, _)| path)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_decision_on_record_is_linked() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut records = 0;
    for (path, text) in files(&[".md"]).into_iter().filter(|(path, _)| path.starts_with("docs/adr/")) {
        records += 1;
        assert!(architecture.contains(&path), "{path} is not in ARCHITECTURE.md");
        for part in ["# ", "## Why", "## What it costs"] {
            assert!(text.contains(part), "{path} has no {part:?}");
        }
    }
    assert!(records >= 5, "{records}");
}

#[test]
fn every_crate_of_the_observatory_is_on_the_map() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let metadata = metadata();
    let folders = metadata.workspace_packages().into_iter().map(folder);
    let missing: Vec<String> = folders
        .filter(|folder| matches!(folder.split('/').next(), Some("observe" | "kit" | "contracts" | "app")))
        .filter(|folder| !architecture.contains(&format!("`{folder}`")))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not say on which floor these are: {missing:?}");
}

/// The cells of a row of a table in Markdown.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().replace("\\|", "\u{0}");
    row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn tables_are_whole() {
    let mut wrong = Vec::new();
    for (path, text) in files(&[".md"]) {
        let (mut header, mut rows): (Option<usize>, Vec<Vec<String>>) = (None, Vec::new());
        for (number, line) in text.lines().enumerate() {
            if !line.starts_with('|') {
                (header, rows) = (None, Vec::new());
                continue;
            }
            let row = cells(line);
            let wanted = *header.get_or_insert(row.len());
            if row.len() != wanted {
                wrong.push(format!("{path}:{}: {} cells, where the table has {wanted}", number + 1, row.len()));
            }
            let begins_alike = |other: &Vec<String>| other.iter().take(2).eq(row.iter().take(2));
            if rows.iter().any(begins_alike) {
                wrong.push(format!("{path}:{}: {:?} stands twice", number + 1, row[0]));
            }
            rows.push(row);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for (path, text) in files(&[".md"]) {
        let folder = root().join(&path).parent().expect("a folder").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                wrong.push(format!("{path}: {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
