//! Configurations that amtool takes are taken, and those that it refuses are refused.

use std::path::Path;

use tokio::process::Command;
use vitrine_observe_routing::Config;
use vitrine_tests_engines::debian;

/// Receivers of all kinds, and what is wrong with each: what of the first word becomes the second.
const RECEIVERS: &[(&str, &[(&str, &str)])] = &[
    ("webhook_configs: [{url: 'http://a/', max_alerts: 3}]", &[("url: 'http://a/', ", ""), ("'http://a/'", "a")]),
    (
        "email_configs: [{to: a@b, from: c@d, smarthost: 'h:25', auth_username: u, auth_secret: s}]",
        &[("to: a@b, ", ""), ("'h:25'", "h")],
    ),
    (
        "slack_configs: [{api_url: 'http://a/', fields: [{title: t, value: v}]}]",
        &[("title: t, ", ""), ("api_url: 'http://a/', ", "")],
    ),
    ("pagerduty_configs: [{routing_key: k, images: [{src: s}]}]", &[("routing_key: k, ", "")]),
    ("opsgenie_configs: [{api_key: k, responders: [{name: n, type: team}]}]", &[("team", "nobody"), ("name: n, ", "")]),
    ("msteams_configs: [{webhook_url: 'http://a/'}]", &[("webhook_url: 'http://a/'", "")]),
    ("msteamsv2_configs: [{webhook_url: 'http://a/'}]", &[("webhook_url: 'http://a/'", "")]),
    ("discord_configs: [{webhook_url: 'http://a/'}]", &[("webhook_url: 'http://a/'", "")]),
    ("telegram_configs: [{bot_token: t, chat_id: 7}]", &[("chat_id: 7", ""), ("7", "7, parse_mode: odd")]),
    (
        "wechat_configs: [{api_secret: s, corp_id: c, message_type: markdown}]",
        &[("markdown", "html"), ("corp_id: c, ", "")],
    ),
    (
        "victorops_configs: [{api_key: k, routing_key: r, custom_fields: {a: b}}]",
        &[("routing_key: r, ", ""), ("{a: b}", "{message_type: b}")],
    ),
    (
        "pushover_configs: [{user_key: u, token: t, retry: 30s, html: true}]",
        &[("token: t, ", ""), ("html: true", "html: true, monospace: true")],
    ),
    (
        "sns_configs: [{topic_arn: t, sigv4: {region: r, access_key: a, secret_key: s}}]",
        &[("topic_arn: t, ", ""), ("secret_key: s", "")],
    ),
    (
        "webex_configs: [{room_id: r, http_config: {authorization: {credentials: c}}}]",
        &[("room_id: r, ", ""), ("http_config: {authorization: {credentials: c}}", "")],
    ),
    (
        "jira_configs: [{api_url: 'http://a/', project: P, issue_type: B, fields: {a: [1]}}]",
        &[("project: P, ", ""), ("issue_type: B, ", ""), ("project: P", "project: P, api_type: odd")],
    ),
    (
        "rocketchat_configs: [{token: t, token_id: i, actions: [{text: a}]}]",
        &[("token: t, ", ""), ("token_id: i, ", "")],
    ),
    (
        "mattermost_configs: [{webhook_url: 'http://a/', attachments: [{title: a}]}]",
        &[("webhook_url: 'http://a/', ", "")],
    ),
    (
        "incidentio_configs: [{url: 'http://a/', alert_source_token: t}]",
        &[
            ("url: 'http://a/', ", ""),
            ("alert_source_token: t", "alert_source_token: t, http_config: {authorization: {credentials: c}}"),
        ],
    ),
];

/// Whether amtool takes a file.
async fn amtool_takes(program: &Path, file: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("check-config").arg(file).env("HOME", "/nonexistent").kill_on_drop(true);
    command.output().await.expect("run").status.success()
}

#[tokio::test]
async fn amtool_comes_to_the_same_verdict() {
    let program = tokio::task::spawn_blocking(|| debian("prometheus-alertmanager", "sid", "usr/bin/amtool"));
    let program = program.await.expect("ends").expect("amtool");
    let folder = tempfile::tempdir().expect("a folder");
    let mut texts = Vec::new();
    for (right, wrong) in RECEIVERS {
        texts.push(((*right).to_owned(), true));
        for (part, other) in *wrong {
            assert!(right.contains(part), "{right} has no {part}");
            texts.push((right.replacen(part, other, 1), false));
        }
    }
    for (number, (receiver, is_right)) in texts.into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.yml"));
        let text = format!("route: {{receiver: team}}\nreceivers:\n- name: team\n  {receiver}\n");
        std::fs::write(&file, &text).expect("written");
        let read = Config::read(&text, folder.path());
        let told = read.as_ref().err().map(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!((read.is_ok(), amtool_takes(&program, &file).await), (is_right, is_right), "{text}{told:?}");
        // All that is wrong has a line.
        assert!(told.unwrap_or_default().iter().all(|mistake| mistake.starts_with("4:")), "{text}");
    }
}
