//! Sets of flags in one store: apart in all they do, compared, and promoted from one to another.

use crate::served::{Served, author, flag};
use serde_json::{Value, json};
use vitrine_flags_service::{Error, Grant, Operation, Promoted, Role};
use vitrine_kit::percent::encode;

async fn write(served: &Served, set: &str, key: &str, default: &str, revision: u64) -> (u16, Value) {
    served.ask("PUT", &format!("/api/v1/flags/{key}?revision={revision}&why=test&set={set}"), &[], &flag(default)).await
}

async fn evaluated(served: &Served, key: &str, headers: &[(&str, &str)]) -> Value {
    served.ask("POST", &format!("/ofrep/v1/evaluate/flags/{key}"), headers, "{}").await.1
}

#[tokio::test]
async fn a_selector_chooses_the_set_and_a_key_can_be_in_several() {
    let served = Served::empty().await;
    for (set, default) in [("", "off"), ("prod", "off"), ("staging", "on")] {
        let (status, body) = write(&served, set, "f", default, 0).await;
        assert_eq!(status, 200, "{body}");
    }
    let selected = |set: &str| [("flagd-selector".to_owned(), format!("flagSetId={set}"))];
    for (set, value, id) in [("prod", false, json!("prod")), ("staging", true, json!("staging"))] {
        let header = selected(set);
        let told = evaluated(&served, "f", &[(header[0].0.as_str(), header[0].1.as_str())]).await;
        assert_eq!((&told["value"], &told["metadata"]["flagSetId"]), (&json!(value), &id), "{told}");
    }
    assert_eq!(evaluated(&served, "f", &[]).await["metadata"], json!({}));
    assert_eq!(evaluated(&served, "f", &[("flagd-selector", "flagSetId=none")]).await["errorCode"], "FLAG_NOT_FOUND");
    // What is written in one set changes no other, and each has its own history.
    let (status, body) = write(&served, "staging", "f", "off", 3).await;
    assert_eq!((status, &body["revision"]), (200, &json!(4)));
    for (set, revisions) in [("", vec![1]), ("prod", vec![2]), ("staging", vec![4, 3])] {
        let (_, body) = served.ask("GET", &format!("/api/v1/flags/f/history?set={set}"), &[], "").await;
        let entries = body["entries"].as_array().expect("entries");
        assert_eq!(entries.iter().filter_map(|e| e["revision"].as_u64()).collect::<Vec<_>>(), revisions, "{set}");
    }
    let served = served.again().await;
    let (_, body) = served.ask("GET", "/api/v1/sets", &[], "").await;
    let sets = json!([{"name": "", "flags": 1}, {"name": "prod", "flags": 1}, {"name": "staging", "flags": 1}]);
    assert_eq!((&body["sets"], &body["revision"]), (&sets, &json!(4)));
    assert_eq!(served.flags.verify().await.expect("read").broken, None);
}

#[tokio::test]
async fn flags_are_compared_and_promoted_as_one_change() {
    let served = Served::empty().await;
    for (set, key, default) in
        [("staging", "a", "on"), ("staging", "b", "on"), ("prod", "a", "off"), ("prod", "c", "on")]
    {
        write(&served, set, key, default, 0).await;
    }
    let (_, body) = served.ask("GET", "/api/v1/sets/compare?from=staging&to=prod", &[], "").await;
    let rows: Vec<Value> = body["flags"]
        .as_array()
        .expect("flags")
        .iter()
        .map(|row| json!([row["key"], row["from"]["revision"], row["to"]["revision"]]))
        .collect();
    assert_eq!(rows, [json!(["a", 1, 3]), json!(["b", 2, null]), json!(["c", null, 4])]);
    let promote = |a: u64| {
        json!({"from": "staging", "flags": [{"key": "a", "from": a, "to": 3}, {"key": "b", "from": 2, "to": 0}]})
            .to_string()
    };
    // Somebody else changed the flag in staging since it was read: nothing goes over.
    let (status, body) = served.ask("POST", "/api/v1/promote?set=prod&why=release", &[], &promote(9)).await;
    assert_eq!((status, &body["code"]), (409, &json!("REVISION_MISMATCH")), "{body}");
    let (status, body) = served.ask("POST", "/api/v1/promote?set=prod&why=release", &[], &promote(1)).await;
    assert_eq!((status, &body["revision"]), (200, &json!(5)), "{body}");
    let entry = served.flags.entry(5).await.expect("an entry");
    assert_eq!((entry.action.name(), entry.set.as_str(), entry.changes.len()), ("promote", "prod", 2));
    let (_, body) = served.ask("GET", "/api/v1/sets/compare?from=staging&to=prod", &[], "").await;
    assert_eq!(body["flags"].as_array().map(Vec::len), Some(1));
    served.flags.undo(author(), 5).await.expect("taken back");
    assert!(served.flags.current().set("prod").expect("a set").stored("b").is_none());
    let page = served.page("/sets?from=staging&to=prod").await;
    assert!(page.contains("<button>Promote</button>") && page.contains("revision 2"), "{page}");
}

#[tokio::test]
async fn what_a_set_cannot_be_is_refused() {
    let served = Served::empty().await;
    for (set, expected) in [("a b", "set: at most"), ("a/b", "set: at most"), ("\u{1f}", "set: at most")] {
        let (status, body) = write(&served, &encode(set), "f", "on", 0).await;
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.starts_with(expected), "{body}");
    }
    let (status, body) = served.ask("GET", "/api/v1/flags?set=none", &[], "").await;
    assert_eq!((status, &body["detail"]), (404, &json!("there is no set \"none\"")));
    // A client of the set would be told another id than it asked for.
    let (status, body) = served
        .ask("PUT", "/api/v1/shared?revision=0&why=id&set=prod", &[], r#"{"metadata": {"flagSetId": "other"}}"#)
        .await;
    assert!(
        status == 400 && body["detail"].as_str().is_some_and(|text| text.contains("flagSetId is \"other\"")),
        "{body}"
    );
    let same =
        Operation::Promote { from: String::new(), flags: vec![Promoted { key: "f".to_owned(), from: 0, to: 0 }] };
    assert!(matches!(served.flags.make(author(), "", &same).await, Err(Error::NotFound(_))));
    let key = format!("{}f", '\u{1f}');
    let refused = served.flags.set(author(), &key, &flag("on"), 0).await.expect_err("a key of the store's own");
    assert_eq!(refused.to_string(), "a flag's key does not begin with U+001F");
    assert_eq!(served.flags.current().revision, 0);
}

#[tokio::test]
async fn a_token_can_be_for_one_set() {
    let served = Served::empty().await;
    for (set, default) in [("", "off"), ("prod", "on")] {
        write(&served, set, "f", default, 0).await;
    }
    served.access.give("admin", Role::Admin).await.expect("a token");
    let only = Grant { set: Some("prod".to_owned()), ..Grant::default() };
    let refused = served.access.give_with("ops", Role::Operator, only.clone()).await.expect_err("all sets");
    assert!(matches!(refused, Error::Invalid(_)), "{refused}");
    let token = served.access.give_with("app", Role::Evaluation, only.clone()).await.expect("a token");
    let served = served.again().await;
    let bearer = format!("Bearer {token}");
    let with = |selector: Option<&'static str>| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(selector.map(|selector| ("flagd-selector", selector)));
        headers
    };
    // Its set is the one that it sees, named or not; any other has no flags.
    for (selector, value) in
        [(None, json!(true)), (Some("flagSetId=prod"), json!(true)), (Some("flagSetId="), Value::Null)]
    {
        assert_eq!(evaluated(&served, "f", &with(selector)).await["value"], value, "{selector:?}");
    }
}
