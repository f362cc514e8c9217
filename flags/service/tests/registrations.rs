//! What code declares and what is read of flags: kept, told, bounded, and what follows of it for a flag's life.

use std::sync::Arc;

use std::path::Path;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use vitrine_flags_client::{Count, Declaration, DeclaredVariant, Kind};
use vitrine_flags_engine::FlagType;
use vitrine_flags_service::faults::FaultControl;
use vitrine_flags_service::{Access, Author, FlagStore, NoObservatory, NotTaken, error_format, router};
use vitrine_kit::clock::{Clock, Manual};
use vitrine_platform_http::{Router, nowhere};
use vitrine_platform_store::Storage;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const START_MS: i64 = 1_795_228_166_042;

struct Served {
    flags: FlagStore,
    router: Router,
    clock: Manual,
}

impl Served {
    async fn open(folder: &Path) -> Self {
        let (clock, hand) = Clock::manual(START_MS);
        let flags = FlagStore::open(&Storage::Folder(folder.into()), clock).await.expect("opened");
        let access = Access::open(&flags).await.expect("tokens");
        let faults = FaultControl::open(&flags, Clock::system(), Arc::new(NoObservatory)).await.expect("faults");
        let router = nowhere(router(&flags, &access, &faults), error_format);
        Self { flags, router, clock: hand }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()))
    }

    /// The life of a flag, as the list tells it.
    async fn life(&self, key: &str) -> Value {
        let (_, all) = self.ask("GET", "/api/v1/flags", "").await;
        let flag = all["flags"].as_array().and_then(|all| all.iter().find(|flag| flag["key"] == key)).cloned();
        flag.expect(key)["life"].clone()
    }

    async fn keys(&self, query: &str) -> Vec<String> {
        let (status, all) = self.ask("GET", &format!("/api/v1/flags?{query}"), "").await;
        assert_eq!(status, 200, "{all}");
        let keys = all["flags"].as_array().into_iter().flatten().filter_map(|flag| flag["key"].as_str());
        keys.map(str::to_owned).collect()
    }

    async fn read(&self, key: &str, variant: &str) {
        let last_ms = i64::MAX;
        let count =
            Count { key: key.to_owned(), reader: "carts".to_owned(), variant: variant.to_owned(), count: 2, last_ms };
        self.flags.registrations().received("p1", "1.0.0", &[], &[count]).await.expect("taken");
    }
}

fn declaration(key: &str, kind: Kind, values: [Value; 2]) -> Declaration {
    let flag_type = match &values[0] {
        Value::Bool(_) => FlagType::Boolean,
        Value::Number(number) if number.is_f64() => FlagType::Float,
        Value::Number(_) => FlagType::Integer,
        Value::String(_) => FlagType::String,
        _ => FlagType::Object,
    };
    let [first, second] = values;
    Declaration {
        key: key.to_owned(),
        kind,
        owner: "carts".to_owned(),
        purpose: "What it is \"for\".".to_owned(),
        flag_type,
        variants: vec![
            DeclaredVariant { name: "first".to_owned(), value: first },
            DeclaredVariant { name: "second".to_owned(), value: second },
        ],
        until: Some("2027-03-31".to_owned()),
    }
}

fn author() -> Author {
    Author { who: "ada".to_owned(), why: "a test".to_owned() }
}

fn all_types() -> [Declaration; 5] {
    [
        declaration("a", Kind::Release, [true.into(), false.into()]),
        declaration("b", Kind::Operational, [1.into(), 2.into()]),
        declaration("c", Kind::Experiment, [1.5.into(), 2.0.into()]),
        declaration("d", Kind::Permission, ["x".into(), "y".into()]),
        declaration("e/f", Kind::Release, [json!({"n": 1}), json!({"n": 2})]),
    ]
}

#[tokio::test]
async fn what_code_declares_can_be_made_a_flag_and_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::open(folder.path()).await;
    let declared = all_types();
    served.flags.registrations().received("p1", "1.0.0", &declared, &[]).await.expect("taken");
    drop(served);

    let served = Served::open(folder.path()).await;
    let (_, told) = served.ask("GET", "/api/v1/declarations", "").await;
    let told = told["declarations"].as_array().cloned().unwrap_or_default();
    assert_eq!(told.len(), declared.len());
    assert!(told.iter().all(|one| one["drift"] == "unknown to catalogue" && one["version"] == "1.0.0"), "{told:?}");
    let (_, page) = served.ask("GET", "/", "").await;
    let page = page.as_str().unwrap_or_default();
    assert!(page.contains("unknown to the catalogue") && page.contains("/declarations/e%2Ff/create"), "{page}");

    for (key, value) in [("a", json!(true)), ("b", json!(1)), ("c", json!(1.5)), ("d", json!("x"))] {
        let (status, written) = served.ask("POST", &format!("/api/v1/declarations/{key}/create?why=needed"), "").await;
        assert_eq!(status, 200, "{written}");
        let (_, evaluated) = served.ask("POST", &format!("/ofrep/v1/evaluate/flags/{key}"), "{}").await;
        assert_eq!((&evaluated["value"], &evaluated["metadata"]["owner"]), (&value, &json!("carts")), "{evaluated}");
    }
    let (status, _) = served.ask("POST", "/api/v1/declarations/a/create?why=again", "").await;
    assert_eq!(status, 409, "it is there");
    let (status, _) = served.ask("POST", "/api/v1/declarations/none/create?why=what", "").await;
    assert_eq!(status, 404);

    // Code and catalogue differ: another type, and a flag that no code knows.
    let text = r#"{"state": "ENABLED", "variants": {"x": "1"}, "defaultVariant": "x"}"#;
    served.ask("PUT", "/api/v1/flags/b?revision=2&why=wrong", text).await;
    served.ask("PUT", "/api/v1/flags/z?revision=0&why=alone", text).await;
    assert_eq!(served.life("b").await["drift"], json!(["carts reads it as integer, and it is string"]));
    assert_eq!(served.life("z").await["drift"], json!(["unknown to code"]));
    assert_eq!(served.life("a").await["drift"], json!([]));
    let (_, told) = served.ask("GET", "/api/v1/declarations", "").await;
    let drifts: Vec<_> =
        told["declarations"].as_array().into_iter().flatten().map(|one| one["drift"].clone()).collect();
    let expected =
        [json!(null), json!("another type: it is string"), json!(null), json!(null), json!("unknown to catalogue")];
    assert_eq!(drifts, expected);
}

#[tokio::test]
async fn a_catalogue_that_never_held_anything_is_filled_by_one_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::open(folder.path()).await;
    served.flags.fill_with_declared().await.expect("nothing is declared");
    assert_eq!(served.flags.current().revision, 0);
    served.flags.registrations().received("p1", "1.0.0", &all_types(), &[]).await.expect("taken");
    served.flags.fill_with_declared().await.expect("filled");
    let (_, history) = served.ask("GET", "/api/v1/history", "").await;
    let entries = history["entries"].as_array().cloned().unwrap_or_default();
    assert_eq!(
        (entries.len(), &entries[0]["why"], &entries[0]["who"]),
        (1, &json!("declared by services"), &json!("services"))
    );
    assert_eq!(served.flags.current().snapshot.flags().len(), 5);
    // One who deleted all of them wants none.
    for (n, key) in ["a", "b", "c", "d", "e/f"].iter().enumerate() {
        served.flags.delete(author(), key, 1).await.unwrap_or_else(|error| panic!("{n}: {error}"));
    }
    served.flags.fill_with_declared().await.expect("nothing to do");
    assert_eq!(served.flags.current().snapshot.flags().len(), 0);
}

#[tokio::test]
async fn a_flags_life_follows_from_what_is_really_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::open(folder.path()).await;
    served.flags.registrations().received("p1", "1.0.0", &all_types(), &[]).await.expect("taken");
    served.flags.fill_with_declared().await.expect("filled");
    assert_eq!(served.life("a").await["stage"], "declared");
    assert_eq!(served.keys("stage=declared").await.len(), 5);

    // Read by code, and by a client of this service: one flag, and all at once.
    served.read("a", "first").await;
    served.ask("POST", "/ofrep/v1/evaluate/flags/b", "{}").await;
    let life = served.life("a").await;
    let told = ["stage", "reads", "lastReader", "variant", "kind"].map(|member| life[member].clone());
    assert_eq!(told, [json!("live"), json!(2), json!("carts"), json!("first"), json!("release")]);
    assert_eq!(life["lastReadMs"], START_MS, "a reader's clock that is ahead is not believed");
    assert_eq!(served.life("b").await["lastReader"], "clients");
    assert_eq!(served.keys("stage=live").await, ["a", "b"]);
    served.ask("POST", "/ofrep/v1/evaluate/flags", "{}").await;
    assert_eq!(served.keys("stage=live").await.len(), 5);

    served.clock.advance(7 * DAY);
    served.read("c", "second").await;
    served.clock.advance(7 * DAY);
    for key in ["a", "b", "c"] {
        served.read(key, if key == "c" { "second" } else { "first" }).await;
    }
    // One variant for 14 days; operational flags never settle, and one that changed its variant waits.
    assert_eq!(served.keys("stage=settled").await, ["a"]);
    assert_eq!(served.keys("stage=live").await, ["b", "c"]);
    assert_eq!(served.keys("stage=unread").await, ["d", "e/f"]);
    assert_eq!(served.keys("stage=stale").await, ["a", "d", "e/f"]);
    assert_eq!(served.keys("stage=stale&owner=orders").await, Vec::<String>::new());
    served.read("a", "second").await;
    assert_eq!(served.keys("stage=settled").await, Vec::<String>::new());
    // What was told again is known; the rest of the code seems to be gone.
    served.clock.advance(10 * DAY);
    served.flags.registrations().received("p2", "1.0.0", &all_types()[..1], &[]).await.expect("taken");
    served.clock.advance(10 * DAY);
    assert_eq!(
        (served.life("a").await["drift"].clone(), served.life("d").await["drift"].clone()),
        (json!([]), json!(["unknown to code"]))
    );
    for (key, variant) in [("a", "second"), ("b", "first"), ("c", "second")] {
        served.read(key, variant).await;
    }
    let (status, problem) = served.ask("GET", "/api/v1/flags?stage=old", "").await;
    assert_eq!((status, &problem["field"]), (400, &json!("stage")), "{problem}");

    // A flag's own threshold.
    let own = r#"{"state": "ENABLED", "variants": {"first": 1}, "defaultVariant": "first", "metadata": {"settledAfterDays": 3}}"#;
    assert_eq!(served.keys("stage=settled").await, ["a", "c"]);
    served.ask("PUT", "/api/v1/flags/b?revision=1&why=threshold", own).await;
    assert_eq!(served.keys("stage=settled").await, ["a", "b", "c"]);

    // What was read is kept.
    let stop = CancellationToken::new();
    stop.cancel();
    served.flags.registrations().sweep(stop).await;
    let before = served.life("a").await;
    drop(served);
    let served = Served::open(folder.path()).await;
    let after = served.life("a").await;
    assert_eq!(
        (&after["reads"], &after["variant"], &after["sameSinceMs"]),
        (&before["reads"], &before["variant"], &before["sameSinceMs"])
    );
}

#[tokio::test]
async fn an_archived_flag_is_not_served_and_its_key_is_reserved() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::open(folder.path()).await;
    let definition = all_types()[0].definition();
    served.flags.set(author(), "a", &definition, 0).await.expect("written");
    let (status, _) = served.ask("POST", "/api/v1/flags/a/archive?revision=7&why=old", "").await;
    assert_eq!(status, 409, "another revision");
    let (status, _) = served.ask("POST", "/api/v1/flags/none/archive?revision=0&why=old", "").await;
    assert_eq!(status, 404);
    let (status, _) = served.ask("POST", "/api/v1/flags/a/archive?revision=1&why=", "").await;
    assert_eq!(status, 400, "no reason");
    let (status, _) = served.ask("POST", "/api/v1/flags/a/archive?revision=1&why=old", "").await;
    assert_eq!(status, 200);
    let (status, _) = served.ask("POST", "/ofrep/v1/evaluate/flags/a", "{}").await;
    assert_eq!(status, 404);
    assert!(!served.flags.current().snapshot.sync_payload().contains("\"a\""));
    drop(served);

    let served = Served::open(folder.path()).await;
    let (_, archived) = served.ask("GET", "/api/v1/archived", "").await;
    let archived = &archived["archived"][0];
    assert_eq!(
        (&archived["key"], &archived["stage"], &archived["revision"]),
        (&json!("a"), &json!("archived"), &json!(2))
    );
    let (status, problem) = served.ask("PUT", "/api/v1/flags/a?revision=0&why=again", &definition).await;
    assert_eq!((status, &problem["code"]), (409, &json!("IN_USE")), "{problem}");
    let import = format!("{{\"flags\": {{\"a\": {definition}, \"new\": {definition}}}}}");
    let (status, _) = served.ask("POST", "/api/v1/import?why=again", &import).await;
    assert_eq!((status, served.flags.current().revision), (409, 2), "nothing of it is taken");
    // What still runs declares it: that makes it no flag that could be created.
    served.flags.registrations().received("p1", "1.0.0", &all_types()[..1], &[]).await.expect("taken");
    let (_, page) = served.ask("GET", "/", "").await;
    assert!(!page.as_str().unwrap_or_default().contains("/declarations/a/create"));

    let (status, _) = served.ask("POST", "/api/v1/history/2/undo?why=needed", "").await;
    assert_eq!((status, served.flags.current().stored("a").is_some()), (200, true));
    assert_eq!(served.ask("GET", "/api/v1/archived", "").await.1["archived"], json!([]));
    let verified = served.flags.verify().await.expect("read");
    assert_eq!((verified.entries, verified.broken), (3, None), "the audit's chain holds");

    // After 90 days the key is free.
    served.flags.archive(author(), "a", 3).await.expect("archived");
    served.clock.advance(90 * DAY);
    served.flags.set(author(), "a", &definition, 0).await.expect("free");
    assert_eq!(served.ask("GET", "/api/v1/archived", "").await.1["archived"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::open(folder.path()).await;
    let good = declaration("good", Kind::Release, [true.into(), false.into()]);
    let with = |change: &dyn Fn(&mut Declaration)| {
        let mut declaration = declaration("bad", Kind::Release, [true.into(), false.into()]);
        change(&mut declaration);
        declaration
    };
    let bad = [
        with(&|d| d.key = "k".repeat(513)),
        with(&|d| d.key = String::new()),
        with(&|d| d.owner = String::new()),
        with(&|d| d.purpose = "p".repeat(1_001)),
        with(&|d| d.variants.clear()),
        with(&|d| d.variants[1].value = json!("text")),
        with(&|d| d.variants[1].value = json!(null)),
        with(&|d| d.variants[1].name = "first".to_owned()),
        with(&|d| d.flag_type = FlagType::String),
        with(&|d| d.variants[0].value = json!({"long": "x".repeat(70_000)})),
        with(&|d| {
            let variant = |n| DeclaredVariant { name: format!("v{n}"), value: true.into() };
            d.variants = (0..65).map(variant).collect();
        }),
    ];
    for declaration in bad {
        let heard = served.flags.registrations().received("p1", "1", &[good.clone(), declaration.clone()], &[]).await;
        assert!(matches!(heard, Err(NotTaken::Invalid(_))), "{declaration:?}: {heard:?}");
    }
    let many: Vec<_> = (0..2_001).map(|n| with(&|d| d.key = format!("k{n}"))).collect();
    assert!(served.flags.registrations().received("p1", "1", &many, &[]).await.is_err());
    assert!(served.flags.registrations().received("", "1", std::slice::from_ref(&good), &[]).await.is_err());
    assert_eq!(served.ask("GET", "/api/v1/declarations", "").await.1["declarations"], json!([]));
    // Told in parts, they are bounded all the same.
    served.flags.registrations().received("p1", "1", &many[..2_000], &[]).await.expect("room");
    let full = served.flags.registrations().received("p2", "1", &[good], &[]).await.expect_err("full");
    assert!(full.to_string().contains("2000"), "{full}");
}
