//! The shape of the code: functions that fit a screen, files without circles, bounds that have names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vitrine_tests_structure::sources;

/// Longest function outside tests, in lines.
const MAX_FUNCTION: usize = 70;

/// What takes a bound, and is given a constant's name.
const TAKES_A_BOUND: &[&str] = &[
    ".limit(",
    ".buffer_unordered(",
    ".buffered(",
    "max_concurrent_streams(",
    "Semaphore::new(",
    "mpsc::channel(",
    "broadcast::channel(",
];

/// Texts that name a bound in digits, which is of the thing itself and not of ours: a file, and a part of the text.
const OF_THE_THING: &[(&str, &str)] = &[
    ("shop/payments/src/card.rs", "1 to 12"),
    ("observe/receive/src/json.rs", "0 to 4294967295"),
    ("observe/receive/src/zipkin/parts.rs", "at most 65535"),
    ("observe/api/src/jaeger/red.rs", "a number from 0 to 1"),
    ("platform/telemetry/src/config.rs", "a number from 0 to 1"),
    ("platform/nats/src/config.rs", "1 to 5"),
];

/// The functions of a file, each with the number of its lines. Code is as rustfmt has it: a function ends with a brace that stands as far
/// to the right as its first line.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let begin = line.trim_start();
        if begin.starts_with("//") {
            continue;
        }
        let indent = &line[..line.len() - begin.len()];
        let words = begin.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty());
        let mut after = words.skip_while(|word| {
            matches!(*word, "pub" | "crate" | "super" | "const" | "async" | "unsafe" | "extern" | "C")
        });
        let (Some("fn"), Some(name)) = (after.next(), after.next()) else { continue };
        let end = format!("{indent}}}");
        let ends = |line: &&str| **line == end || (line.starts_with(&end) && !line.starts_with(&format!("{end} ")));
        let rest = &lines[at..];
        // What a trait declares has no body, and its signature ends with a semicolon.
        let signature = rest.iter().position(|line| line.ends_with(['{', '}', ';'])).unwrap_or(0);
        let has_body = rest[signature].ends_with('{');
        let length = if has_body { rest.iter().position(ends).map_or(1, |n| n + 1) } else { signature + 1 };
        found.push((name.to_owned(), length));
    }
    found
}

#[test]
fn functions_fit_a_screen() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (name, length) in functions(&text) {
            if length > MAX_FUNCTION {
                wrong.push(format!("{path}: {name} has {length} lines: at most {MAX_FUNCTION}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_are_measured() {
    let long = format!("fn long(\n    a: u8,\n) -> u8 {{\n{}}}\n", "    a;\n".repeat(80));
    let text = format!(
        "pub(crate) fn short() {{}}\nimpl A {{\n    pub async fn mid(&self) {{\n        a();\n    }}\n}}\n{long}"
    );
    let of = |name: &str, length| (name.to_owned(), length);
    assert_eq!(functions(&text), [of("short", 1), of("mid", 3), of("long", 84)]);
}

/// A module, by the names on the way to it; none of a crate's root.
type Module = Vec<String>;

/// The paths that begin here, groups taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`. Returns them with what follows.
fn paths<'a>(text: &'a str, before: &[String], found: &mut Vec<Module>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            rest = group;
            loop {
                rest = paths(rest, &path, found).trim_start();
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => return rest.strip_prefix('}').unwrap_or(rest),
                }
            }
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        path.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) => rest = more,
            None => break,
        }
    }
    found.push(path);
    let renamed = rest
        .trim_start()
        .strip_prefix("as ")
        .map(|name| name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
    renamed.unwrap_or(rest)
}

/// The modules of its crate that a file names.
fn named(of: &Module, text: &str) -> Vec<Module> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect();
    let mut found = Vec::new();
    for (head, base) in [("crate::", Vec::new()), ("super::", of[..of.len().saturating_sub(1)].to_vec())] {
        for (at, _) in code.match_indices(head) {
            let alone = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
            if alone {
                let (mut base, mut rest) = (base.clone(), &code[at + head.len()..]);
                while let Some(more) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = more;
                }
                paths(rest, &base, &mut found);
            }
        }
    }
    found
}

/// All that can be reached.
fn reached<'a>(graph: &'a BTreeMap<Module, BTreeSet<Module>>, from: &'a Module) -> BTreeSet<&'a Module> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(next) = left.pop() {
        for to in graph.get(next).into_iter().flatten() {
            if seen.insert(to) {
                left.push(to);
            }
        }
    }
    seen
}

/// The circles of each crate: files that name each other, though it be through others. A module and those within it are one thing.
fn circles() -> Vec<String> {
    let mut crates: BTreeMap<String, BTreeMap<Module, String>> = BTreeMap::new();
    for (path, text) in sources() {
        let Some((package, file)) = path.split_once("/src/") else { continue };
        let file = file.trim_end_matches(".rs");
        let module =
            if matches!(file, "lib" | "main") { Vec::new() } else { file.split('/').map(str::to_owned).collect() };
        crates.entry(package.to_owned()).or_default().insert(module, text);
    }
    let mut found = BTreeSet::new();
    for (package, files) in &crates {
        let mut graph: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (module, text) in files {
            let known = named(module, text).into_iter().filter_map(|mut path| {
                while !path.is_empty() && !files.contains_key(&path) {
                    path.pop();
                }
                let apart = !path.starts_with(module) && !module.starts_with(&path);
                (!path.is_empty() && apart).then_some(path)
            });
            graph.insert(module.clone(), known.collect());
        }
        for module in files.keys() {
            let circle: BTreeSet<&Module> =
                reached(&graph, module).into_iter().filter(|other| reached(&graph, other).contains(module)).collect();
            if circle.len() > 1 {
                let names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
                found.insert(format!("{package}: {}", names.join(" ")));
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn no_circle_is_added() {
    let found = circles();
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("circles.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&record, found.join("\n") + "\n").expect("written");
    }
    let known = std::fs::read_to_string(&record).expect("the record");
    let parts = |line: &str| -> BTreeSet<String> {
        line.split([':', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let known: Vec<BTreeSet<String>> = known.lines().map(parts).collect();
    let wrong: Vec<&String> =
        found.iter().filter(|circle| !known.iter().any(|known| parts(circle).is_subset(known))).collect();
    assert!(
        wrong.is_empty(),
        "files that name each other: let the lower one not know the upper one. If it is meant, or a file has moved: \
         UPDATE=1 cargo test -p vitrine-tests-structure\n{wrong:#?}"
    );
}

/// Whether a text names a bound in digits: "at most 64", "1 to 500".
fn names_a_bound(text: &str) -> bool {
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .windows(3)
        .any(|w| (w[0] == "at" && w[1] == "most" && digit(w[2])) || (digit(w[0]) && w[1] == "to" && digit(w[2])))
        || words.windows(3).any(|w| w[0] == "longer" && w[1] == "than" && digit(w[2]))
}

#[test]
fn bounds_have_names() {
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.starts_with("benches/")) {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let place = format!("{path}:{}", number + 1);
            for call in TAKES_A_BOUND {
                // One is not a bound: it is the one that there is.
                let bound = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.starts_with("1)");
                let given = line.split(call).skip(1).any(bound);
                if given {
                    wrong.push(format!(
                        "{place}: {call}…) is given a number: give the bound a name, and say why it is so much"
                    ));
                }
            }
            let texts = line.split('"').skip(1).step_by(2).filter(|text| names_a_bound(text));
            let ours =
                texts.filter(|text| !OF_THE_THING.iter().any(|(file, part)| *file == path && text.contains(part)));
            wrong.extend(ours.map(|text| format!("{place}: {text:?} repeats a bound: make it of the constant")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
