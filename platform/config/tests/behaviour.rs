//! What a user of the configuration sees.

use std::io::Write;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::{Secret, SecretUrl};
use vitrine_platform_config::{BaseUrl, Loaded, OrOff, Origin, Size, Sources, Time, load, reference, schema};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Settings {
    up: Up,
    gateway: Gateway,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Gateway {
    #[schemars(range(min = 1))]
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
    for (rate, expected) in
        [("-1", "at least 1"), ("0", "at least 1"), ("4294967296", "at most 4294967295"), ("9e9", "a whole number")]
    {
        let told = format!("VITRINE_GATEWAY__RATE: gateway.rate = {rate}: expected {expected}");
        let given = variables(&[("VITRINE_GATEWAY__RATE", rate)]);
        let text = load::<Settings>(&Sources { variables: given, ..Sources::default() }).expect_err(rate).to_string();
        assert!(text == told || rate == "9e9" && text.ends_with(expected), "{text}");
    }
    check(
        Sources { file: Some(std::path::Path::new("/nowhere/vitrine.toml")), ..Sources::default() },
        "cannot be read",
    );
    let broken = file("[up");
    check(Sources { file: Some(broken.path()), ..Sources::default() }, "not TOML");
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Stored {
    /// What is kept.
    store: Store,
}

/// Where things are
/// kept.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Store {
    /// Where it is.
    url: SecretUrl,
    /// Its password.
    password: Secret,
    /// Who else may | come in.
    people: Vec<Person>,
    /// For how long things are kept.
    keep: OrOff<Time>,
    /// How much.
    most: Size,
    /// Where people find it.
    shown_at: BaseUrl,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    token: Secret,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: SecretUrl::from("db://ada@here/x"),
            password: Secret::default(),
            people: Vec::new(),
            keep: OrOff::At(Time(Duration::from_secs(86_400))),
            most: Size(1 << 20),
            shown_at: BaseUrl::default(),
        }
    }
}

fn stored(variables: &[(&str, &str)]) -> Result<Loaded<Stored>, String> {
    let variables =
        variables.iter().map(|(key, value)| (format!("VITRINE_STORE__{key}"), (*value).to_owned())).collect();
    load::<Stored>(&Sources { variables, ..Sources::default() }).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn secrets_are_read_and_never_shown() {
    let people = "[{ name = \"ada\", token = \"hunter2\" }]";
    let loaded =
        stored(&[("URL", "db://ada:hunter2@there"), ("PASSWORD", "hunter2"), ("PEOPLE", people)]).expect("all fine");
    let store = &loaded.settings.store;
    assert_eq!((store.url.expose(), store.password.expose()), ("db://ada:hunter2@there", "hunter2"));
    assert_eq!(store.people[0].token.expose(), "hunter2");
    let shown: Vec<String> = loaded.effective().map(|e| format!("{} = {} # {}", e.key, e.value, e.origin)).collect();
    for part in [
        "store.url = \"db://ada:(secret)@there\" # VITRINE_STORE__URL",
        "store.password = \"(secret)\"",
        "token = \"(secret)\"",
        "store.most = \"1MiB\" # default",
    ] {
        assert!(shown.iter().any(|line| line.contains(part)), "{part} in {shown:?}");
    }
    assert!(!format!("{shown:?} {:?}", loaded.settings).contains("hunter2"));
}

#[test]
fn mistakes_tell_no_secret() {
    let file = file("[store]\npassword = [\"hunter2\"]\nurl = { password = \"hunter2\" }\npeople = \"hunter2\"\n");
    let told =
        load::<Stored>(&Sources { file: Some(file.path()), ..Sources::default() }).expect_err("mistakes").to_string();
    assert!(told.contains("store.password") && told.contains("store.people: expected a list"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    for people in [
        "[{ name = \"ada\", token = 4242424242 }]",
        "[{ name = \"ada\", tokn = \"hunter2\" }]",
        "[{ name = 4242424242, token = \"hunter2\" }]",
        "[\"hunter2\"]",
        "[{ name = \"ada\", token = \"hunter2\" }, \"hunter2, expected hunter2\"]",
    ] {
        let told = stored(&[("PEOPLE", people)]).expect_err(people);
        assert!(told.starts_with("VITRINE_STORE__PEOPLE: store.people: "), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn values_are_what_their_type_expects() {
    for (key, value, told) in [
        ("KEEP", "forever", "store.keep = \"forever\": expected a time such as 7d, 12h, 30m or 90s, or off"),
        ("MOST", "off", "store.most = \"off\": expected a size such as 50GiB"),
        ("SHOWN_AT", "shop.example", "store.shown_at = \"shop.example\": expected http://HOST:PORT"),
        ("MOST", "-1", "expected a size"),
    ] {
        let mistake = stored(&[(key, value)]).expect_err(value);
        assert!(mistake.contains(told), "{mistake}");
    }
    let loaded = stored(&[("KEEP", "off"), ("MOST", "4096"), ("SHOWN_AT", "https://shop.example/")]).expect("all fine");
    let Store { keep, most, shown_at, .. } = loaded.settings.store;
    assert_eq!((keep, most, shown_at.as_str()), (OrOff::Off, Size(4096), "https://shop.example"));
    // A number of bytes needs no quotes in a file, either.
    let file = file("[store]\nmost = 4096\n");
    let loaded = load::<Stored>(&Sources { file: Some(file.path()), ..Sources::default() }).expect("all fine");
    assert_eq!(loaded.settings.store.most, Size(4096));
}

#[test]
fn sections_that_nobody_knows_are_mistakes_also_when_they_are_empty() {
    let wrong = self::file("store = 5\n");
    let told = load::<Stored>(&Sources { file: Some(wrong.path()), ..Sources::default() }).expect_err("a mistake");
    assert!(told.to_string().ends_with("store: expected a section, [store]"), "{told}");
    let file = file("[stoer]\n[store]\n[store.people]\n");
    let told =
        load::<Stored>(&Sources { file: Some(file.path()), ..Sources::default() }).expect_err("mistakes").to_string();
    assert!(told.contains("there is no setting \"stoer\"") && told.contains("store.people: expected a list"), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn the_schema_and_the_page_say_what_can_be_set() {
    let schema = schema::<Stored>();
    let store = &schema["properties"]["store"];
    assert_eq!(store["additionalProperties"], false, "{schema}");
    assert_eq!(store["properties"]["password"]["writeOnly"], true, "{schema}");
    assert_eq!(store["properties"]["keep"]["default"], "1d", "{schema}");
    let page = reference(&schema);
    for line in [
        "## store",
        "| `store.url` | URL, its password secret | `\"db://ada@here/x\"` | Where it is. |",
        "| `store.password` | text, secret | `\"\"` | Its password. |",
        "| `store.people` | list | `[]` | Who else may \\| come in. |",
        "| `store.keep` | text, such as `\"7d\"`, `\"12h\"`, `\"90s\"`, `\"off\"` | `\"1d\"` | For how long things are kept. |",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
}
