//! Each kind of receiver, and what it is told.

use serde_json::{Value, json};

use crate::sink::{Seen, Sink, start, tell};

/// SHA-256 of the group's key: what incidents are known by.
const GROUP_HASH_CHARS: usize = 64;

pub async fn requests(receiver: &str, count: usize) -> (Sink, Vec<Seen>) {
    requests_with("", receiver, count).await
}

pub async fn requests_with(global: &str, receiver: &str, count: usize) -> (Sink, Vec<Seen>) {
    requests_counted(global, receiver, count, count * 2).await
}

/// Those for an alert that fires, of which there are so many, and for its end.
pub async fn requests_counted(global: &str, receiver: &str, count: usize, all: usize) -> (Sink, Vec<Seen>) {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), " from-file \n").expect("written");
    std::fs::write(folder.path().join("own.tmpl"), "{{ define \"own\" }}own {{ .Status }}{{ end }}").expect("written");
    let [global, receiver] = [global, receiver].map(|text| text.replace("SINK", &sink.address));
    let config = format!(
        "
global: {{{global}}}
templates: ['*.tmpl']
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s, labels: {{tier: '{{{{ .CommonLabels.job }}}}'}}}}
receivers:
  - name: team
    {receiver}"
    );
    let alertmanager = start(folder.path(), &config).await;
    tell(&alertmanager, "alertname=Down job=api", true).await;
    sink.wait(count).await;
    tell(&alertmanager, "alertname=Down job=api", false).await;
    let seen = sink.wait(all).await;
    alertmanager.stop().await;
    (sink, seen)
}

#[tokio::test]
async fn webhooks_get_version_4() {
    let (_, seen) = requests("webhook_configs: [{url: 'SINK/{{ .GroupLabels.alertname }}', http_config: {authorization: {credentials_file: secret}}}]", 1).await;
    let alert = json!({
        "status": "firing",
        "labels": { "alertname": "Down", "job": "api" },
        "annotations": { "summary": "broken" },
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": seen[0].body["alerts"][0]["fingerprint"],
    });
    let expected = json!({
        "receiver": "team",
        "status": "firing",
        "alerts": [alert],
        "notification_reason": "first notification",
        "groupLabels": { "alertname": "Down" },
        "commonLabels": { "alertname": "Down", "job": "api" },
        "commonAnnotations": { "summary": "broken" },
        "routeLabels": { "tier": "api" },
        "externalURL": "http://vitrine.example",
        "version": "4",
        "groupKey": "{}:{alertname=\"Down\"}",
        "truncatedAlerts": 0,
    });
    assert_eq!(seen[0].body, expected);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/Down"));
    assert_eq!(seen[0].header("authorization"), "Bearer from-file");
    assert_eq!(seen[0].header("content-type"), "application/json");
    assert_eq!(
        (&seen[1].body["status"], &seen[1].body["notification_reason"]),
        (&json!("resolved"), &json!("all alerts resolved"))
    );
    assert_ne!(seen[1].body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    let keys = [0, 1].map(|at| seen[at].header("idempotency-key"));
    assert!(!keys[0].is_empty() && keys[0] != keys[1], "{keys:?}");
}

#[tokio::test]
async fn webhooks_get_what_the_configuration_makes() {
    let (_, seen) = requests("webhook_configs: [{url: 'SINK/x', payload: {text: '{{ template \"own\" . }}', n: 7, '{{ .Status }}': [1, true]}}]", 1).await;
    assert_eq!(seen[0].body, json!({ "text": "own firing", "n": 7, "firing": [1, true] }));
}

#[tokio::test]
async fn slack_gets_an_attachment() {
    let (_, seen) = requests("slack_configs: [{api_url: 'SINK/slack', channel: '#ops', send_resolved: true, fields: [{title: a, value: '{{ .Status }}', short: true}]}]", 1).await;
    let link = "http://vitrine.example/alerts?receiver=team";
    let expected = json!({
        "channel": "#ops",
        "username": "Alertmanager",
        "attachments": [{
            "title": "[FIRING:1] Down (api)",
            "title_link": link,
            "text": "",
            "fallback": format!("[FIRING:1] Down (api) | {link}"),
            "callback_id": "",
            "footer": "",
            "color": "danger",
            "mrkdwn_in": ["fallback", "pretext", "text"],
            "fields": [{ "title": "a", "value": "firing", "short": true }],
        }],
    });
    assert_eq!(seen[0].body, expected);
    assert_eq!(seen[1].body["attachments"][0]["title"], "[RESOLVED] Down (api)");
    assert_eq!(seen[1].body["attachments"][0]["color"], "good");
}

#[tokio::test]
async fn a_message_of_slack_is_changed() {
    let slack = "slack_configs: [{app_token_file: secret, channel: '#ops', send_resolved: true, update_message: true}]";
    let (_, seen) = requests_with("slack_app_url: 'SINK/api/chat.postMessage'", slack, 1).await;
    assert_eq!(seen[0].path, "/api/chat.postMessage");
    assert_eq!(
        (seen[0].header("authorization").as_str(), &seen[0].body["channel"]),
        ("Bearer from-file", &json!("#ops"))
    );
    assert_eq!(seen[1].path, "/api/chat.update");
    assert_eq!((&seen[1].body["ts"], &seen[1].body["channel"]), (&json!("17.5"), &json!("C1")));
}

#[tokio::test]
async fn pagerduty_gets_an_event() {
    let (_, seen) = requests("pagerduty_configs: [{url: 'SINK/v2/enqueue', routing_key_file: secret, links: [{href: 'http://a', text: t}, {text: none}], details: {team: x}}]", 1).await;
    let body = &seen[0].body;
    assert_eq!(
        (&body["routing_key"], &body["event_action"], &body["client"]),
        (&json!("from-file"), &json!("trigger"), &json!("Alertmanager"))
    );
    assert_eq!(body["dedup_key"].as_str().expect("text").len(), GROUP_HASH_CHARS);
    assert_eq!(body["links"], json!([{ "href": "http://a", "text": "t" }]));
    let payload = &body["payload"];
    assert_eq!(
        (&payload["summary"], &payload["severity"], &payload["source"]),
        (&json!("[FIRING:1] Down (api)"), &json!("error"), &json!("Alertmanager"))
    );
    assert_eq!(
        (&payload["custom_details"]["num_firing"], &payload["custom_details"]["team"]),
        (&json!("1"), &json!("x"))
    );
    let firing: Value =
        serde_json::from_str(payload["custom_details"]["firing"].as_str().expect("text")).expect("JSON");
    assert_eq!(firing[0]["labels"]["job"], "api");
    assert_eq!((&seen[1].body["event_action"], &seen[1].body["dedup_key"]), (&json!("resolve"), &body["dedup_key"]));
}

#[tokio::test]
async fn teams_discord_and_telegram_get_messages() {
    let (_, seen) = requests(
        "msteamsv2_configs: [{webhook_url: 'SINK/teams'}]
    discord_configs: [{webhook_url: 'SINK/discord', username: v}]
    telegram_configs: [{api_url: 'SINK', bot_token: 12:ab, chat_id: -7, message: '<b>{{ .CommonLabels.job }}</b>'}]",
        3,
    )
    .await;
    let of = |path: &str| seen.iter().find(|seen| seen.path == path).unwrap_or_else(|| panic!("{path}: {seen:?}"));
    let card = &of("/teams").body["attachments"][0]["content"];
    assert_eq!(
        (&card["type"], &card["version"], &card["body"][0]["color"]),
        (&json!("AdaptiveCard"), &json!("1.2"), &json!("Attention"))
    );
    assert_eq!(card["body"][0]["text"], "[FIRING:1] Down (api)");
    assert!(card["body"][1]["text"].as_str().expect("text").contains("# Alerts Firing:"), "{card}");
    let discord = &of("/discord").body;
    assert_eq!((&discord["username"], &discord["embeds"][0]["color"]), (&json!("v"), &json!(0x99_2d_22)));
    assert!(discord["embeds"][0]["description"].as_str().expect("text").contains(" - job = api"), "{discord}");
    let telegram = &of("/bot12:ab/sendMessage").body;
    let expected =
        json!({ "chat_id": -7, "text": "<b>api</b>", "disable_web_page_preview": true, "parse_mode": "HTML" });
    assert_eq!(telegram, &expected);
}

#[tokio::test]
async fn opsgenie_gets_an_alert_and_its_end() {
    let (_, seen) = requests("opsgenie_configs: [{api_url: 'SINK', api_key_file: secret, tags: 'a, b,', responders: [{name: 'x,y', type: teams}, {name: '{{ .CommonLabels.none }}', type: user}], details: {k: '{{ .Status }}'}}]", 1).await;
    let body = &seen[0].body;
    assert_eq!((seen[0].path.as_str(), seen[0].header("authorization").as_str()), ("/v2/alerts", "GenieKey from-file"));
    assert_eq!((&body["message"], &body["tags"]), (&json!("[FIRING:1] Down (api)"), &json!(["a", "b"])));
    assert_eq!(body["responders"], json!([{ "name": "x", "type": "team" }, { "name": "y", "type": "team" }]));
    assert_eq!(body["details"], json!({ "alertname": "Down", "job": "api", "k": "firing" }));
    let alias = body["alias"].as_str().expect("text");
    assert_eq!(seen[1].path, format!("/v2/alerts/{alias}/close?identifierType=alias"));
    assert_eq!(seen[1].body, json!({ "source": "http://vitrine.example/alerts?receiver=team" }));
}
