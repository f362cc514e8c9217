//! A file of definitions beside the store, with one writer.

use std::path::PathBuf;

use serde_json::{Value, json};
use vitrine_flags_service::{Action, Error, Operation, Writer};

use crate::served::{Served, author, flag};

/// A served store with a file in its folder.
struct WithFile {
    served: Served,
    path: PathBuf,
    writer: Writer,
}

impl WithFile {
    async fn new(writer: Writer, text: &str) -> Self {
        let served = Served::empty().await;
        let path = served.path("flags.json");
        std::fs::write(&path, text).expect("written");
        served.follow_file(&path, writer).await;
        Self { served, path, writer }
    }

    /// Another text in the file, and a look at it.
    async fn edit(&self, text: &str) {
        std::fs::write(&self.path, text).expect("written");
        self.served.turn().await.expect("a turn");
    }

    async fn again(self) -> Self {
        let served = self.served.again().await;
        served.follow_file(&self.path, self.writer).await;
        Self { served, ..self }
    }

    async fn status(&self) -> Value {
        self.served.ask("GET", "/api/v1/file", &[], "").await.1
    }

    fn keys(&self) -> Vec<String> {
        self.served.flags.current().snapshot.flags().map(|flag| flag.key().to_owned()).collect()
    }
}

fn file(flags: &[(&str, &str)]) -> String {
    let flags: Vec<String> = flags.iter().map(|(key, default)| format!("{key:?}: {}", flag(default))).collect();
    format!("{{\"flags\": {{\n{}\n}}}}", flags.join(",\n"))
}

#[tokio::test]
async fn a_file_that_writes_is_followed_and_its_flags_are_its_own() {
    let with = WithFile::new(Writer::File, &file(&[("a", "on"), ("b", "on")])).await;
    with.served.flags.set(author(), "own", &flag("on"), 0).await.expect("none of the file's");
    assert_eq!(with.keys(), ["a", "b", "own"]);
    let (status, body) =
        with.served.ask("POST", "/api/v1/flags/a/state?revision=1&why=x", &[], "{\"enabled\": false}").await;
    let detail = format!("flag \"a\" is the file's to change: edit {}", with.path.display());
    assert_eq!((status, &body["detail"]), (403, &json!(detail)));
    let undo = Operation::Undo { entry: 1 };
    assert!(matches!(with.served.flags.make(author(), "", &undo).await, Err(Error::Protected(_))));
    // An edit is one change: another default, a flag that is new, and one that is gone.
    with.edit(&file(&[("a", "off"), ("c", "on")])).await;
    assert_eq!(with.keys(), ["a", "c", "own"]);
    let entry = with.served.flags.history(None, 1).await.expect("history").remove(0);
    assert_eq!((entry.action, entry.who.as_str(), entry.changes.len()), (Action::File, "file", 3));
    // Nothing new is nothing to take, also after a restart; what changed meanwhile is taken then.
    let revision = with.served.flags.current().revision;
    let with = with.again().await;
    assert_eq!(with.served.flags.current().revision, revision);
    let folder = with.again().await;
    std::fs::write(&folder.path, file(&[("a", "off")])).expect("written");
    let with = folder.again().await;
    assert_eq!(with.keys(), ["a", "own"]);
    assert_eq!(with.served.flags.verify().await.expect("read").broken, None);
}

#[tokio::test]
async fn a_bad_file_is_told_with_its_line_and_the_last_good_one_stays() {
    let good = file(&[("a", "on")]);
    let with = WithFile::new(Writer::File, &good).await;
    let taken = with.status().await["takenMs"].clone();
    for (text, problem) in [
        (good.replace("\"on\"}", "\"blue\"}"), "line 2, column"),
        (good.replace("}}", "}"), "line 3, column"),
        (String::new(), "line 1, column 1"),
    ] {
        with.edit(&text).await;
        let status = with.status().await;
        assert!(status["problem"].as_str().is_some_and(|told| told.contains(problem)), "{text}: {status}");
        assert_eq!((&status["takenMs"], with.keys()), (&taken, vec!["a".to_owned()]));
    }
    assert!(with.served.page("/").await.contains("not in force"));
    std::fs::remove_file(&with.path).expect("removed");
    with.served.turn().await.expect("a turn");
    assert!(with.status().await["problem"].as_str().is_some_and(|told| told.contains("cannot be read")));
    with.edit(&good.replace("on\"}", "off\"}")).await;
    assert_eq!(with.status().await["problem"], Value::Null);
    assert!(with.served.flags.current().stored("a").is_some_and(|kept| kept.definition == flag("off")));
}

#[tokio::test]
async fn a_file_that_is_edited_while_the_store_writes_is_told_of_and_not_taken() {
    let with = WithFile::new(Writer::Store, &file(&[("a", "on")])).await;
    assert_eq!(with.keys(), ["a"]);
    with.served.flags.set(author(), "a", &flag("off"), 1).await.expect("the store's to change");
    with.edit(&file(&[("a", "on"), ("b", "on")])).await;
    let problem = with.status().await["problem"].as_str().unwrap_or_default().to_owned();
    assert!(
        problem.ends_with("was edited since it was taken in, and the store is what counts: import it if that is meant")
    );
    assert_eq!(with.keys(), ["a"]);
    let with = with.again().await;
    assert!(with.served.flags.current().stored("a").is_some_and(|kept| kept.definition == flag("off")));
    assert_eq!(with.served.flags.current().revision, 2);
    // The file as it was taken is no problem, though the store went on.
    with.edit(&file(&[("a", "on")])).await;
    assert_eq!(with.status().await["problem"], Value::Null);
    assert_eq!(with.served.flags.current().revision, 2);
}
