//! The store of flags: what is acknowledged is kept, what is refused changes nothing, and the audit tells all of it.

use std::path::Path;

use vitrine_flags_engine::{Attributes, Mode};
use vitrine_flags_service::{Access, Action, Author, Denied, Error, FlagStore, Import, Role};
use vitrine_kit::clock::Clock;
use vitrine_platform_store::Storage;

const ON: &str = "{\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"on\"}";
const OFF: &str = "{\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"off\"}";

async fn open(folder: &Path) -> FlagStore {
    let (clock, _) = Clock::manual(1_795_228_166_042);
    FlagStore::open(&Storage::Folder(folder.into()), clock).await.expect("opened")
}

fn author(why: &str) -> Author {
    Author { who: "ada".to_owned(), why: why.to_owned() }
}

fn value(flags: &FlagStore, key: &str) -> Option<String> {
    let current = flags.current();
    let evaluation = current.snapshot.evaluate(key, &Attributes(&[]), flags.now_s()).ok()?;
    evaluation.variant.map(|variant| variant.json.to_string())
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    assert_eq!(flags.set(author("new"), "a/b", ON, 0).await.expect("written").revision, 1);
    assert_eq!(flags.set(author("other"), "a/b", OFF, 1).await.expect("written").revision, 2);
    flags.set_shared(author("set"), "{\"metadata\": {\"flagSetId\": \"shop\"}}", 0).await.expect("written");
    let access = Access::open(&flags).await.expect("tokens");
    let token = access.give("ops", Role::Admin).await.expect("a token");
    drop((flags, access));

    let flags = open(folder.path()).await;
    assert_eq!(flags.current().revision, 3);
    assert_eq!(value(&flags, "a/b").as_deref(), Some("false"));
    assert_eq!(flags.current().snapshot.metadata_of("a/b"), Some("{\"flagSetId\":\"shop\"}"));
    assert_eq!(flags.verify().await.expect("read").broken, None);
    // The change after a restart follows the ones before.
    flags.delete(author("gone"), "a/b", 2).await.expect("deleted");
    let verified = flags.verify().await.expect("read");
    assert_eq!((verified.entries, verified.broken), (4, None));
    let access = Access::open(&flags).await.expect("tokens");
    assert_eq!(access.check(&bearer(&token), Role::Admin), Ok("ops".to_owned()));
}

#[tokio::test]
async fn of_two_who_change_one_flag_the_later_one_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    flags.set(author("new"), "f", ON, 0).await.expect("written");
    let changes: Vec<_> = (0..8)
        .map(|n| {
            let flags = flags.clone();
            let definition = OFF.replace("\"off\"}", &format!("\"off\", \"metadata\": {{\"n\": {n}}}}}"));
            tokio::spawn(async move { flags.set(author("at once"), "f", &definition, 1).await })
        })
        .collect();
    let mut written = 0;
    for change in changes {
        match change.await.expect("no panic") {
            Ok(_) => written += 1,
            Err(Error::Conflict { current, expected, definition, .. }) => {
                assert_eq!((current, expected), (2, 1));
                assert_eq!(definition.as_deref(), Some(flags.current().stored("f").expect("kept").definition.as_str()));
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((written, flags.current().revision), (1, 2));
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    flags
        .set_shared(author("swiss"), "{\"$evaluators\": {\"swiss\": {\"==\": [{\"var\": \"country\"}, \"CH\"]}}}", 0)
        .await
        .expect("written");
    let uses = "{\"state\": \"ENABLED\", \"variants\": {\"on\": true},\n \"targeting\": {\"if\": [{\"$ref\": \"swiss\"}, \"on\"]}}";
    flags.set(author("new"), "f", uses, 0).await.expect("written");
    let before = flags.current();

    let refused = flags.set(author("bad"), "g", &uses.replace("swiss", "dutch"), 0).await.expect_err("no evaluator");
    assert_eq!(refused.to_string(), "flag \"g\": line 2, column 32: there is no evaluator \"dutch\"");
    let refused = flags.set_shared(author("bad"), "{}", 1).await.expect_err("it is used");
    assert_eq!(refused.to_string(), "flag \"f\" needs it: there is no evaluator \"swiss\"");
    let refused = flags.set(author(" "), "g", ON, 0).await.expect_err("no reason");
    assert!(matches!(refused, Error::Invalid(_)), "{refused}");
    let refused = flags.delete(author("gone"), "nowhere", 0).await.expect_err("no flag");
    assert!(matches!(refused, Error::NotFound(_)), "{refused}");
    let import = flags
        .import(author("bad"), "{\"flags\": {\"g\": {}}}", Import::Merge, Mode::Strict)
        .await
        .expect_err("no state");
    assert_eq!(import.to_string(), "line 1, column 17: a flag has a state: ENABLED or DISABLED");
    assert_eq!(flags.current().revision, before.revision);
    // To write what is there already is no change.
    assert_eq!(flags.set(author("again"), "f", uses, 2).await.expect("the same").revision, 2);
}

#[tokio::test]
async fn a_change_is_taken_back_unless_another_came_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    flags.set(author("new"), "f", ON, 0).await.expect("written");
    flags.set(author("off"), "f", OFF, 1).await.expect("written");
    assert_eq!(flags.undo(author("it was wrong"), 2).await.expect("undone").revision, 3);
    assert_eq!(value(&flags, "f").as_deref(), Some("true"));
    // The flag is again as it was after revision 1, so that can be taken back, too: it was not there before.
    flags.undo(author("all of it"), 1).await.expect("undone");
    assert_eq!(value(&flags, "f"), None);
    let refused = flags.undo(author("again"), 2).await.expect_err("it is gone");
    assert!(matches!(refused, Error::Conflict { current: 0, .. }), "{refused}");
    assert!(matches!(flags.undo(author("none"), 99).await, Err(Error::NotFound(_))));
    let told: Vec<(u64, Action)> =
        flags.history(Some("f"), 10).await.expect("history").iter().map(|e| (e.revision, e.action)).collect();
    assert_eq!(told, [(4, Action::Undo), (3, Action::Undo), (2, Action::Set), (1, Action::Set)]);
}

#[tokio::test]
async fn a_state_is_switched_and_the_rest_stays_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    let written = "{\n  \"variants\": {\"state\": \"x\"},\n  \"state\" : \"ENABLED\", \"description\": \"kept\"\n}";
    let findings = flags.set(author("new"), "f", written, 0).await.expect("written").findings;
    assert_eq!(
        findings[0].to_string(),
        "line 3, column 24: a flag has no member \"description\": it is kept, and not sent to anyone"
    );
    let before = flags.current();
    flags.set_state(author("off"), "f", false, 1).await.expect("switched");
    let current = flags.current();
    assert_eq!(current.stored("f").expect("kept").definition, written.replace("ENABLED", "DISABLED"));
    assert!(!current.snapshot.sync_payload().contains("description"));
    assert_eq!(before.snapshot.changes(&current.snapshot).len(), 1);
}

#[tokio::test]
async fn an_import_is_one_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    flags.set(author("new"), "old", ON, 0).await.expect("written");
    let text = format!(
        "{{\"flags\": [{{\"key\": \"a\", {}, {{\"key\": \"b\", {}],\n \"metadata\": {{\"m\": 1.50}}}}",
        &ON[1..],
        &OFF[1..]
    );
    assert_eq!(flags.import(author("all"), &text, Import::Replace, Mode::Strict).await.expect("taken in").revision, 2);
    let current = flags.current();
    let keys: Vec<&str> = current.snapshot.flags().map(|flag| flag.key()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(current.shared().0, "{\"metadata\": {\"m\": 1.50}}");
    let entry = flags.entry(2).await.expect("an entry");
    assert_eq!((entry.action, entry.changes.len()), (Action::Import, 4));
    flags.undo(author("back"), 2).await.expect("undone");
    assert_eq!(value(&flags, "old").as_deref(), Some("true"));
    assert_eq!(value(&flags, "a"), None);
    // A file that was made for flagd is taken with its mistakes, if that is asked for.
    let broken =
        "{\"flags\": {\"f\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true}, \"targeting\": {\"nope\": 1}}}}";
    assert!(flags.import(author("file"), broken, Import::Merge, Mode::Strict).await.is_err());
    let findings = flags.import(author("file"), broken, Import::Merge, Mode::Lenient).await.expect("taken in").findings;
    assert_eq!(findings[0].message, "there is no operator \"nope\"");
}

fn bearer(token: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    headers
}

#[tokio::test]
async fn tokens_open_what_their_role_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = open(folder.path()).await;
    let access = Access::open(&flags).await.expect("tokens");
    assert_eq!(access.check(&http::HeaderMap::new(), Role::Admin), Ok("local".to_owned()));
    assert!(matches!(access.give("first", Role::Viewer).await, Err(Error::Invalid(_))));
    let admin = access.give("first", Role::Admin).await.expect("a token");
    let viewer = access.give("second", Role::Viewer).await.expect("a token");
    assert!(matches!(access.give("second", Role::Viewer).await, Err(Error::Invalid(_))));
    assert_eq!(access.check(&http::HeaderMap::new(), Role::Evaluation), Err(Denied::Unauthenticated));
    assert_eq!(access.check(&bearer(&admin), Role::Admin), Ok("first".to_owned()));
    assert_eq!(access.check(&bearer(&viewer), Role::Evaluation), Ok("second".to_owned()));
    assert_eq!(
        access.check(&bearer(&viewer), Role::Operator),
        Err(Denied::Role { has: Role::Viewer, needs: Role::Operator })
    );
    assert!(matches!(access.take_back("first").await, Err(Error::InUse(_))));
    access.take_back("second").await.expect("taken back");
    assert_eq!(access.check(&bearer(&viewer), Role::Evaluation), Err(Denied::Unauthenticated));
    access.take_back("first").await.expect("taken back");
    assert!(access.is_open());
    // Nothing on disk is the token.
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("bytes");
        assert!(!bytes.windows(admin.len()).any(|window| window == admin.as_bytes()));
    }
}
