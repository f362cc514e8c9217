//! What a user of the configuration sees.

use std::io::Write;

use serde::{Deserialize, Serialize};
use vitrine_platform_config::{Origin, Sources, load};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    up: Up,
    gateway: Gateway,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Up {
    listen: String,
    quiet: bool,
}

impl Default for Up {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned(), quiet: false }
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Gateway {
    rate: u32,
    share: f64,
    origins: Vec<String>,
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

#[test]
fn later_sources_win_and_each_value_says_where_it_is_from() {
    let file = file("[up]\nlisten = \"127.0.0.1:1\"\nquiet = true\n[gateway]\nrate = 5\nshare = 1\n");
    let sources = Sources {
        file: Some(file.path()),
        variables: variables(&[
            ("VITRINE_UP__LISTEN", "127.0.0.1:2"),
            ("VITRINE_GATEWAY__ORIGINS", "[\"a\"]"),
            ("HOME", "/"),
            ("VITRINE_DATA", "x"),
        ]),
        flags: vec![("--listen", "up.listen", "127.0.0.1:3".to_owned())],
    };
    let loaded = load::<Settings>(&sources).expect("all fine");
    assert_eq!(loaded.settings.up, Up { listen: "127.0.0.1:3".to_owned(), quiet: true });
    assert_eq!(loaded.settings.gateway, Gateway { rate: 5, share: 1.0, origins: vec!["a".to_owned()] });
    let origin = |key: &str| loaded.effective().find(|e| e.key == key).map(|e| e.origin).expect("a known key");
    assert_eq!(origin("up.listen"), Origin::Flag("--listen"));
    assert_eq!(origin("up.quiet"), Origin::File(file.path().to_owned()));
    assert_eq!(origin("gateway.origins"), Origin::Variable("VITRINE_GATEWAY__ORIGINS".to_owned()));
    assert_eq!(load::<Settings>(&Sources::default()).expect("defaults").settings, Settings::default());
}

#[test]
fn every_mistake_is_reported_at_once() {
    let file = file("[up]\nlisen = \"x\"\nquiet = \"yes\"\n");
    let sources = Sources {
        file: Some(file.path()),
        variables: variables(&[("VITRINE_GATEWAY__RATE", "many"), ("VITRINE_GATEWAY__COLOUR", "blue")]),
        flags: vec![],
    };
    let mistakes = load::<Settings>(&sources).expect_err("four mistakes");
    let text = mistakes.to_string();
    for part in [
        "\"up.lisen\": did you mean \"up.listen\"?",
        "up.quiet = \"yes\": expected true or false",
        "VITRINE_GATEWAY__RATE: gateway.rate = \"many\": expected a whole number",
        "\"gateway.colour\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(mistakes.0.len(), 4, "{text}");
}

#[test]
fn out_of_range_and_unreadable_sources_are_mistakes() {
    let check = |sources: Sources<'_>, part: &str| {
        let text = load::<Settings>(&sources).expect_err(part).to_string();
        assert!(text.contains(part), "{part} in {text}");
    };
    check(Sources { variables: variables(&[("VITRINE_GATEWAY__RATE", "-1")]), ..Sources::default() }, "rate");
    check(
        Sources { file: Some(std::path::Path::new("/nowhere/vitrine.toml")), ..Sources::default() },
        "cannot be read",
    );
    let broken = file("[up");
    check(Sources { file: Some(broken.path()), ..Sources::default() }, "not TOML");
}
