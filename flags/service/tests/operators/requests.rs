//! Changes that others approve.

use std::time::Duration;

use serde_json::{Value, json};
use vitrine_flags_service::{Action, Operation, RequestState, Role};

use crate::served::{START_MS, Served, author, flag};

/// A store with an admin and some operators, and a flag that takes two approvals.
struct Team {
    served: Served,
    tokens: Vec<(&'static str, String)>,
}

impl Team {
    async fn new() -> Self {
        let served = Served::empty().await;
        let definition = flag("off").replace(r#""off"}"#, r#""off", "metadata": {"quorum": 2}}"#);
        served.flags.set(author(), "f", &definition, 0).await.expect("written");
        served.flags.set(author(), "free", &flag("off"), 0).await.expect("written");
        let mut tokens = vec![("root", served.access.give("root", Role::Admin).await.expect("a token"))];
        for name in ["ada", "bea", "cleo"] {
            tokens.push((name, served.access.give(name, Role::Operator).await.expect("a token")));
        }
        tokens.push(("vic", served.access.give("vic", Role::Viewer).await.expect("a token")));
        Self { served, tokens }
    }

    async fn ask(&self, who: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let token = &self.tokens.iter().find(|(name, _)| *name == who).expect("a token").1;
        self.served.ask(method, path, &[("authorization", &format!("Bearer {token}"))], body).await
    }

    async fn propose(&self, who: &str, revision: u64, more: &str) -> (u16, Value) {
        let path = format!("/api/v1/flags/f/state?revision={revision}&why=please&propose=true{more}");
        self.ask(who, "POST", &path, r#"{"enabled": false}"#).await
    }

    async fn approve(&self, who: &str, id: &Value, hash: &Value) -> (u16, Value) {
        let hash = hash.as_str().unwrap_or_default();
        self.ask(who, "POST", &format!("/api/v1/requests/{id}/approve?hash={hash}&why=fine"), "").await
    }

    fn is_enabled(&self) -> bool {
        self.served.flags.current().stored("f").is_some_and(|stored| stored.is_enabled())
    }

    async fn state(&self) -> (RequestState, Vec<String>) {
        let request = self.served.flags.requests().await.expect("read").remove(0);
        (request.state, request.approvals.into_iter().map(|approval| approval.who).collect())
    }
}

#[tokio::test]
async fn a_change_is_made_once_enough_others_approve_it() {
    let team = Team::new().await;
    let (status, body) =
        team.ask("ada", "POST", "/api/v1/flags/f/state?revision=1&why=now", r#"{"enabled": false}"#).await;
    assert_eq!((status, &body["code"]), (403, &json!("PROTECTED")));
    assert_eq!(
        body["detail"],
        "flag \"f\" takes 2 approvals of others: propose the change (propose=true), so that they can be given"
    );
    let (status, proposed) = team.propose("ada", 1, "").await;
    assert_eq!((status, &proposed["needed"]), (202, &json!(2)), "{proposed}");
    let (id, hash) = (&proposed["id"], &proposed["hash"]);
    for (who, hash, status) in
        [("ada", hash, 403), ("vic", hash, 403), ("bea", &json!("00"), 409), ("bea", hash, 200), ("bea", hash, 400)]
    {
        let (got, body) = team.approve(who, id, hash).await;
        assert_eq!(got, status, "{who}: {body}");
    }
    assert!(team.is_enabled());
    let (status, body) = team.approve("cleo", id, hash).await;
    assert_eq!((status, team.is_enabled()), (200, false), "{body}");
    assert_eq!(team.state().await, (RequestState::Applied, vec!["bea".to_owned(), "cleo".to_owned()]));
    let entry = team.served.flags.history(None, 1).await.expect("history").remove(0);
    assert_eq!((entry.action, entry.who.as_str(), entry.why.as_str()), (Action::Set, "ada", "please"));
    assert_eq!(entry.about, Some(format!("change request {id}, approved by bea, cleo")));
    assert_eq!(team.approve("root", id, hash).await.0, 400);
    assert_eq!(team.served.flags.verify().await.expect("read").broken, None);
}

#[tokio::test]
async fn an_edit_voids_approvals_and_only_its_author_makes_one() {
    let team = Team::new().await;
    let (_, proposed) = team.propose("ada", 1, "").await;
    let (id, hash) = (&proposed["id"], &proposed["hash"]);
    assert_eq!(team.approve("bea", id, hash).await.0, 200);
    let instead = json!({"operation": Operation::Delete { key: "f".to_owned(), revision: 1 }}).to_string();
    let path = format!("/api/v1/requests/{id}?why=better");
    assert_eq!(team.ask("bea", "PUT", &path, &instead).await.0, 403);
    let (status, amended) = team.ask("ada", "PUT", &path, &instead).await;
    assert_eq!(status, 200, "{amended}");
    assert_ne!(&amended["hash"], hash);
    assert_eq!(team.state().await, (RequestState::Open, Vec::new()));
    assert_eq!(team.approve("cleo", id, hash).await.0, 409);
    for who in ["bea", "cleo"] {
        assert_eq!(team.approve(who, id, &amended["hash"]).await.0, 200);
    }
    assert!(team.served.flags.current().stored("f").is_none());
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_told_and_not_forced() {
    let team = Team::new().await;
    let (_, first) = team.propose("ada", 1, "").await;
    let (_, second) = team.propose("cleo", 1, "").await;
    for who in ["bea", "cleo"] {
        assert_eq!(team.approve(who, &first["id"], &first["hash"]).await.0, 200);
    }
    let revision = team.served.flags.current().revision;
    assert_eq!(team.approve("bea", &second["id"], &second["hash"]).await.0, 200);
    assert_eq!(team.state().await.0, RequestState::Failed);
    assert_eq!(team.served.flags.current().revision, revision);
    let entry = team.served.flags.history(None, 1).await.expect("history").remove(0);
    assert!(entry.action == Action::Fail && entry.about.is_some_and(|about| about.contains("read it again")));
    assert_eq!(
        team.ask("root", "POST", &format!("/api/v1/requests/{}/reject?why=late", second["id"]), "").await.0,
        200
    );
    assert_eq!(team.state().await.0, RequestState::Rejected);
}

#[tokio::test]
async fn approved_changes_can_be_for_later() {
    let team = Team::new().await;
    let at = vitrine_kit::clock::rfc3339(START_MS + 3_600_000);
    let path = format!("/api/v1/flags/f/state?revision=1&why=later&at={at}");
    let (status, body) = team.ask("ada", "POST", &path, r#"{"enabled": false}"#).await;
    assert_eq!(status, 403, "{body}");
    let (_, proposed) = team.propose("ada", 1, &format!("&at={at}")).await;
    for who in ["bea", "cleo"] {
        assert_eq!(team.approve(who, &proposed["id"], &proposed["hash"]).await.0, 200);
    }
    assert!(team.is_enabled());
    team.served.hand.advance(Duration::from_secs(3_601));
    team.served.turn().await.expect("a turn");
    assert!(!team.is_enabled());
    let plan = json!({"from": "off", "to": "on", "steps": [100], "every": "1h"}).to_string();
    // The one is disabled by now, which is told when it is proposed; the other needs nobody.
    for (key, status) in [("f", 400), ("free", 200)] {
        let revision = team.served.flags.current().stored(key).expect("there").revision;
        let path = format!("/api/v1/flags/{key}/rollout?revision={revision}&why=go&propose={}", key == "f");
        let (got, body) = team.ask("ada", "POST", &path, &plan).await;
        assert_eq!(got, status, "{key}: {body}");
    }
}

#[tokio::test]
async fn the_need_cannot_be_taken_away_by_one() {
    let team = Team::new().await;
    for (method, path, body) in [
        ("PUT", "/api/v1/flags/f?revision=1&why=mine", flag("off")),
        ("DELETE", "/api/v1/flags/f?revision=1&why=mine", String::new()),
        ("POST", "/api/v1/history/1/undo?why=mine", String::new()),
        ("POST", "/api/v1/import?why=mine&replace=true", r#"{"flags": {}}"#.to_owned()),
        ("PUT", "/api/v1/shared?revision=0&why=mine", r#"{"metadata": {"quorum": 0}}"#.to_owned()),
    ] {
        let (status, told) = team.ask("ada", method, path, &body).await;
        assert_eq!((status, &told["code"]), (403, &json!("PROTECTED")), "{path}");
    }
    // Others of the set are free, until the set asks for approvals, too.
    let quorum = json!({"metadata": {"quorum": 1}}).to_string();
    let served = Served::empty().await;
    assert_eq!(served.ask("PUT", "/api/v1/shared?revision=0&why=two&set=prod", &[], &quorum).await.0, 200);
    for (set, status) in [("prod", 403), ("", 200)] {
        let path = format!("/api/v1/flags/g?revision=0&why=new&set={set}");
        assert_eq!(served.ask("PUT", &path, &[], &flag("on")).await.0, status, "{set}");
    }
    // Without tokens everybody is one and the same person, who cannot approve.
    let (_, proposed) =
        served.ask("PUT", "/api/v1/flags/g?revision=0&why=new&set=prod&propose=true", &[], &flag("on")).await;
    assert_eq!(proposed["needed"], 1);
    let form = format!("why=fine&hash={}", proposed["hash"].as_str().unwrap_or_default());
    assert!(served.page("/requests").await.contains("formaction"));
    assert_eq!(served.submit(&format!("/requests/{}/approve", proposed["id"]), &form).await, 403);
    assert_eq!(served.submit(&format!("/requests/{}/reject", proposed["id"]), "why=no").await, 303);
    for wrong in [json!(-1), json!("2"), json!(1.5), json!(11)] {
        let body = json!({"metadata": {"quorum": wrong}}).to_string();
        let (status, told) = served.ask("PUT", "/api/v1/shared?revision=0&why=wrong", &[], &body).await;
        assert!(
            status == 400 && told["detail"].as_str().is_some_and(|t| t.contains("quorum is a whole number")),
            "{told}"
        );
    }
}
