//! Changes that are made at a time.

use std::time::Duration;

use serde_json::{Value, json};
use vitrine_flags_service::{Action, Operation};
use vitrine_kit::clock::rfc3339;

use crate::served::{START_MS, Served, author, flag};

const HOUR: Duration = Duration::from_secs(3_600);

fn in_hours(hours: i64) -> String {
    rfc3339(START_MS + hours * 3_600_000)
}

async fn state(served: &Served, key: &str, enabled: bool, revision: u64, at: &str) -> (u16, Value) {
    let path = format!("/api/v1/flags/{key}/state?revision={revision}&why=sale&at={at}");
    served.ask("POST", &path, &[], &json!({"enabled": enabled}).to_string()).await
}

async fn waiting(served: &Served) -> Vec<Value> {
    let (_, body) = served.ask("GET", "/api/v1/schedules", &[], "").await;
    body["schedules"].as_array().expect("schedules").clone()
}

fn enabled(served: &Served, key: &str) -> Option<bool> {
    served.flags.current().stored(key).map(|stored| stored.is_enabled())
}

#[tokio::test]
async fn a_change_is_made_at_its_time_and_once() {
    let served = Served::empty().await;
    served.flags.set(author(), "sale", &flag("on").replace("ENABLED", "DISABLED"), 0).await.expect("written");
    let (status, body) = state(&served, "sale", true, 1, &in_hours(1)).await;
    assert_eq!((status, &body["id"]), (202, &json!(2)), "{body}");
    // The end is planned with the beginning, so it follows it though the flag has another revision by then.
    assert_eq!(state(&served, "sale", false, 1, &in_hours(2)).await.0, 202);
    let before = served.flags.current().revision;
    assert_eq!((before, served.turn().await.expect("driven")), (1, Some(START_MS + 3_600_000)));

    served.hand.advance(HOUR);
    assert_eq!(served.turn().await.expect("driven"), Some(START_MS + 2 * 3_600_000));
    assert_eq!(enabled(&served, "sale"), Some(true));
    let entry = served.flags.entry(4).await.expect("an entry");
    assert_eq!((entry.action, entry.about.as_deref(), entry.why.as_str()), (Action::Set, Some("schedule 2"), "sale"));
    served.hand.advance(HOUR);
    assert_eq!(served.turn().await.expect("driven"), None);
    assert_eq!((enabled(&served, "sale"), served.flags.current().revision), (Some(false), 5));
    assert_eq!(served.turn().await.expect("driven"), None);
    assert_eq!(waiting(&served).await, Vec::<Value>::new());
    let verified = served.flags.verify().await.expect("read");
    assert_eq!((verified.entries, verified.broken), (5, None));
}

#[tokio::test]
async fn late_changes_are_made_after_a_restart_in_the_order_of_their_times() {
    let served = Served::empty().await;
    let definition = |n: u32| flag("on").replace("\"off\"", &format!("\"v{n}\""));
    for (n, hours) in [(3, 3), (1, 1), (2, 2)] {
        let path = format!("/api/v1/flags/f?revision=0&why=later&at={}", in_hours(hours));
        let (status, body) = served.ask("PUT", &path, &[], &definition(n)).await;
        assert_eq!(status, 202, "{body}");
    }
    served.hand.advance(5 * HOUR);
    let served = served.again().await;
    assert_eq!(served.turn().await.expect("driven"), None);
    let history = served.flags.history(Some("f"), 10).await.expect("history");
    let told: Vec<&str> = history.iter().filter_map(|entry| entry.about.as_deref()).collect();
    assert_eq!(told, ["schedule 1", "schedule 3", "schedule 2"]);
    assert_eq!(served.flags.current().stored("f").expect("there").definition, definition(3));
    let served = served.again().await;
    served.turn().await.expect("driven");
    assert_eq!(served.flags.current().revision, 6);
}

#[tokio::test]
async fn a_change_that_cannot_be_made_any_more_is_told_and_not_forced() {
    let served = Served::empty().await;
    for key in ["f", "g"] {
        served.flags.set(author(), key, &flag("on"), 0).await.expect("written");
    }
    assert_eq!(state(&served, "f", false, 1, &in_hours(1)).await.0, 202);
    assert_eq!(state(&served, "g", false, 2, &in_hours(1)).await.0, 202);
    served.flags.set(author(), "f", &flag("off"), 1).await.expect("somebody else");
    served.hand.advance(HOUR);
    served.turn().await.expect("driven");
    assert_eq!((enabled(&served, "f"), enabled(&served, "g")), (Some(true), Some(false)));
    let entry = &served.flags.history(None, 10).await.expect("history")[1];
    let reason = "flag \"f\" is at revision 5, and the change was made for revision 1: read it again";
    assert_eq!(
        (entry.action, entry.about.clone()),
        (Action::Fail, Some(format!("schedule 3: disable \"f\": {reason}")))
    );
    assert!(entry.changes.is_empty());
    assert_eq!(waiting(&served).await[0]["failed"], json!(reason));
    let page = served.page("/planned").await;
    assert!(page.contains("not made: flag &quot;f&quot; is at revision 5"), "{page}");
    assert_eq!(served.submit("/planned/schedules/3/cancel", "why=seen").await, 303);
    assert_eq!(waiting(&served).await, Vec::<Value>::new());
    assert_eq!(served.flags.verify().await.expect("read").broken, None);
}

#[tokio::test]
async fn what_is_cancelled_is_not_made_and_what_cannot_be_is_refused_at_once() {
    let served = Served::empty().await;
    served.flags.set(author(), "f", &flag("on"), 0).await.expect("written");
    assert_eq!(
        served.submit("/flags/f/state", &format!("enabled=false&revision=1&why=later&at={}", in_hours(1))).await,
        303
    );
    assert!(served.page("/planned").await.contains("disable &quot;f&quot; in the default set"));
    assert_eq!(served.ask("DELETE", "/api/v1/schedules/2?why=no+sale", &[], "").await.0, 200);
    assert_eq!(served.ask("DELETE", "/api/v1/schedules/2?why=again", &[], "").await.0, 404);
    served.hand.advance(2 * HOUR);
    served.turn().await.expect("driven");
    assert_eq!(enabled(&served, "f"), Some(true));
    for (at, revision, status, detail) in [
        ("tomorrow", 1, 400, "at: a time such as"),
        (in_hours(1).as_str(), 1, 400, "at: a time to come is expected"),
        (in_hours(9).as_str(), 7, 409, "flag \"f\" is at revision 1"),
    ] {
        let (got, body) = state(&served, "f", false, revision, at).await;
        assert!(got == status && body["detail"].as_str().is_some_and(|text| text.starts_with(detail)), "{body}");
    }
    let path = format!("/api/v1/flags/g?revision=0&why=bad&at={}", in_hours(9));
    let (status, body) = served.ask("PUT", &path, &[], "{\"state\": \"ON\"}").await;
    assert!(status == 400 && body["detail"].as_str().is_some_and(|text| text.contains("line 1, column 11")), "{body}");
    let huge = Operation::Import {
        definition: format!("{{\"flags\": {{}}, \"$schema\": \"{}\"}}", "x".repeat(5 << 20)),
        import: vitrine_flags_service::Import::Merge,
        lenient: true,
    };
    let refused = served.flags.schedule(author(), "", huge, START_MS + 9 * 3_600_000).await.expect_err("too large");
    assert!(refused.to_string().starts_with("a change of at most"), "{refused}");
    assert_eq!(served.flags.current().revision, 1);
    // What changed no flag cannot be taken back.
    let (status, body) = served.ask("POST", "/api/v1/history/2/undo?why=plan", &[], "").await;
    assert_eq!(
        (status, &body["detail"]),
        (400, &json!("revision 2 changed no flag, so there is nothing to take back"))
    );
}
