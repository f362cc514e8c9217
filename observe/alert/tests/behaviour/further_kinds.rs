//! The other kinds of receivers, each with all that it is sent.

use serde_json::{Value, json};

use crate::kinds::{requests, requests_counted, requests_with};
use crate::sink::Seen;

const LINK: &str = "http://vitrine.example/alerts?receiver=team";
const LIST: &str =
    "Labels:\n - alertname = Down\n - job = api\nAnnotations:\n - summary = broken\nSource: http://prometheus/graph\n";

/// Names and values of a form.
fn form(seen: &Seen) -> Vec<(String, String)> {
    let decode = |text: &str| vitrine_kit::percent::decode(text).expect("encoded");
    let pairs = seen.text.split('&').map(|pair| pair.split_once('=').expect("a pair"));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn mattermost_gets_attachments() {
    let (_, seen) = requests(
        "mattermost_configs:
      - webhook_url: 'SINK/hooks/x'
        channel: ops
        text: '{{ .Status }}'
        fields: [{title: a, value: '{{ .CommonLabels.job }}', short: true}]
        props: {card: more}
        priority: {priority: Urgent, requested_ack: true, persistent_notifications: true}",
        1,
    )
    .await;
    let expected = json!({
        "channel": "ops",
        "username": "Alertmanager",
        "attachments": [{
            "title": "[FIRING:1] Down (api)",
            "title_link": LINK,
            "fallback": format!("[FIRING:1] Down (api) | {LINK}"),
            "color": "danger",
            "text": "firing",
            "fields": [{ "title": "a", "value": "api", "short": true }],
        }],
        "props": { "card": "more" },
        "priority": { "priority": "urgent", "requested_ack": true, "persistent_notifications": true },
    });
    assert_eq!((seen[0].path.as_str(), &seen[0].body), ("/hooks/x", &expected));
    assert_eq!(seen[1].body["attachments"][0]["color"], "good");
    let (_, seen) = requests_with(
        "mattermost_webhook_url_file: secret_url",
        "mattermost_configs: [{webhook_url: 'SINK/y', text: above, attachments: [{title: own, fallback: f}], priority: {priority: odd, requested_ack: true}}]",
        1,
    )
    .await;
    let expected = json!({
        "text": "above",
        "username": "Alertmanager",
        "attachments": [{ "title": "own", "fallback": "f" }],
        "priority": { "priority": "standard" },
    });
    assert_eq!(seen[0].body, expected);
}

#[tokio::test]
async fn rocketchat_gets_an_attachment() {
    let (_, seen) = requests_with(
        "rocketchat_api_url: 'SINK/', rocketchat_token_file: secret",
        "rocketchat_configs: [{token_id: me, channel: '#ops', send_resolved: true, actions: [{text: Look, url: 'http://a'}]}]",
        1,
    )
    .await;
    let expected = json!({
        "channel": "#ops",
        "attachments": [{
            "title": "[FIRING:1] Down (api)",
            "title_link": LINK,
            "color": "red",
            "actions": [{ "type": "button", "text": "Look", "url": "http://a" }],
        }],
    });
    assert_eq!((seen[0].path.as_str(), &seen[0].body), ("/api/v1/chat.postMessage", &expected));
    assert_eq!((seen[0].header("x-auth-token").as_str(), seen[0].header("x-user-id").as_str()), ("from-file", "me"));
}

#[tokio::test]
async fn webex_and_teams_connectors_get_a_message() {
    let (_, seen) = requests(
        "webex_configs: [{api_url: 'SINK/webex', room_id: r1, http_config: {authorization: {credentials_file: secret}}}]
    msteams_configs: [{webhook_url: 'SINK/teams'}]",
        2,
    )
    .await;
    let of = |path: &str| seen.iter().find(|seen| seen.path == path).unwrap_or_else(|| panic!("{path}: {seen:?}"));
    let webex = of("/webex");
    let message = format!("broken\nAlerts Firing:\n{LIST}");
    assert_eq!(
        (webex.header("authorization").as_str(), &webex.body),
        ("Bearer from-file", &json!({ "markdown": message, "roomId": "r1" }))
    );
    let teams = of("/teams").body.clone();
    let said = teams["text"].as_str().expect("text");
    assert!(said.starts_with("# Alerts Firing:\n"), "{said}");
    let expected = json!({
        "@context": "http://schema.org/extensions",
        "@type": "MessageCard",
        "title": "[FIRING:1] Down (api)",
        "summary": "[FIRING:1] Down (api)",
        "text": said,
        "themeColor": "8C1A1A",
    });
    assert_eq!(teams, expected);
}

#[tokio::test]
async fn wechat_is_asked_for_a_token_once() {
    let (_, seen) = requests_counted(
        "wechat_api_url: 'SINK/cgi', wechat_api_secret_file: secret, wechat_api_corp_id: corp",
        "wechat_configs: [{to_party: p, agent_id: '7', message: '{{ .Status }}', message_type: markdown, send_resolved: true}]",
        2,
        3,
    )
    .await;
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    let send = "/cgi/message/send?access_token=a%20token";
    assert_eq!(paths, ["/cgi/gettoken?corpid=corp&corpsecret=from-file", send, send]);
    let expected = json!({ "toparty": "p", "agentid": "7", "msgtype": "markdown", "safe": "0", "markdown": { "content": "firing" } });
    assert_eq!((&seen[1].body, &seen[2].body["markdown"]["content"]), (&expected, &json!("resolved")));
}

#[tokio::test]
async fn victorops_gets_an_event_and_its_end() {
    let (_, seen) = requests(
        "victorops_configs: [{api_url: 'SINK/alert', api_key_file: secret, routing_key: 'team {{ .CommonLabels.job }}', custom_fields: {own: '{{ .Status }}'}}]",
        1,
    )
    .await;
    let expected = json!({
        "message_type": "CRITICAL",
        "entity_id": seen[1].body["entity_id"],
        "entity_display_name": "[FIRING:1] Down (api)",
        "state_message": format!("broken\nAlerts Firing:\n{LIST}"),
        "monitoring_tool": "Alertmanager",
        "own": "firing",
    });
    assert_eq!((seen[0].path.as_str(), &seen[0].body), ("/alert/from-file/team%20api", &expected));
    assert_eq!(seen[1].body["message_type"], "RECOVERY");
}

#[tokio::test]
async fn incidentio_gets_version_1() {
    let (_, seen) =
        requests("incidentio_configs: [{url: 'SINK/v2/alert_events', alert_source_token_file: secret}]", 1).await;
    let body = &seen[0].body;
    assert_eq!(seen[0].header("authorization"), "Bearer from-file");
    assert_eq!(
        (&body["version"], &body["groupKey"], &body["truncatedAlerts"], &body["alerts"][0]["labels"]["job"]),
        (&json!("1"), &json!("{}:{alertname=\"Down\"}"), &json!(0), &json!("api"))
    );
    assert_eq!(seen[1].body["status"], "resolved");
}

#[tokio::test]
async fn jira_gets_an_issue_for_each_group() {
    let issue = "project: OPS, issue_type: Bug, labels: [prod], priority: '', summary: '{{ .Status }}', fields: {customfield_1: {value: '{{ .CommonLabels.job }}'}, n: 7}";
    let (_, seen) = requests_counted(
        "",
        &format!("jira_configs: [{{api_url: 'SINK/rest/api/2', api_type: cloud, description: d, {issue}}}]"),
        2,
        3,
    )
    .await;
    let label = seen[1].body["fields"]["labels"][0].as_str().expect("a label").to_owned();
    assert!(label.starts_with("ALERT{") && label.len() == 71, "{label}");
    let expected = json!({ "fields": {
        "project": { "key": "OPS" },
        "issuetype": { "name": "Bug" },
        "summary": "firing",
        "description": "d",
        "labels": [label, "prod"],
        "customfield_1": { "value": "api" },
        "n": 7,
    } });
    assert_eq!(
        (seen[1].method.as_str(), seen[1].path.as_str(), &seen[1].body),
        ("POST", "/rest/api/2/issue", &expected)
    );
    let jql = format!(
        "statusCategory != Done and project=\"OPS\" and labels=\"{label}\" order by status ASC,resolutiondate DESC"
    );
    // What is over and has no issue makes none.
    for at in [0, 2] {
        assert_eq!((seen[at].path.as_str(), &seen[at].body["jql"]), ("/rest/api/3/search/jql", &json!(jql)));
    }
    let known = format!(
        "jira_configs: [{{api_url: 'SINK/known/', resolve_transition: Close, wont_fix_resolution: \"Won't Do\", reopen_transition: Reopen, reopen_duration: 1h, description: {{template: d, enable_update: false}}, {issue}}}]"
    );
    let (_, seen) = requests_counted("", &known, 2, 6).await;
    let asked: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    let update = ["POST /known/search", "PUT /known/issue/OPS-7"];
    assert_eq!(asked[..4], [update, update].concat());
    assert_eq!(asked[4..], ["GET /known/issue/OPS-7/transitions", "POST /known/issue/OPS-7/transitions"]);
    let jql = seen[0].body["jql"].as_str().expect("JQL");
    assert!(jql.starts_with("(resolution is EMPTY or resolution != \"Won't Do\") and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project"), "{jql}");
    assert_eq!(
        (&seen[1].body["fields"]["description"], &seen[5].body),
        (&Value::Null, &json!({ "transition": { "id": "31" } }))
    );
}

#[tokio::test]
async fn pushover_gets_a_form() {
    let (_, seen) = requests(
        "pushover_configs: [{api_url: 'SINK/1/messages.json', user_key_file: secret, token: t, message: '<b>{{ .CommonLabels.alertname }}</b>', html: true, ttl: 1m, sound: siren}]",
        1,
    )
    .await;
    let expected = pairs(&[
        ("token", "t"),
        ("user", "from-file"),
        ("title", "[FIRING:1] Down (api)"),
        ("message", "<b>Down</b>"),
        ("url", LINK),
        ("url_title", ""),
        ("priority", "2"),
        ("retry", "60"),
        ("expire", "3600"),
        ("device", ""),
        ("sound", "siren"),
        ("html", "1"),
        ("ttl", "60"),
    ]);
    assert_eq!(
        (seen[0].header("content-type").as_str(), form(&seen[0])),
        ("application/x-www-form-urlencoded", expected)
    );
    assert!(form(&seen[1]).contains(&("priority".to_owned(), "0".to_owned())));
}

#[tokio::test]
async fn sns_gets_a_signed_form() {
    let (_, seen) = requests(
        "sns_configs: [{api_url: SINK, sigv4: {region: eu-west-1, access_key: AKID, secret_key: hidden}, topic_arn: 'arn:aws:sns:eu-west-1:1:ops.fifo', message: m, attributes: {k: '{{ .Status }}'}}]",
        1,
    )
    .await;
    let said = form(&seen[0]);
    let value =
        |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let (dedup, group) = (value("MessageDeduplicationId"), value("MessageGroupId"));
    let expected = pairs(&[
        ("Action", "Publish"),
        ("Version", "2010-03-31"),
        ("TopicArn", "arn:aws:sns:eu-west-1:1:ops.fifo"),
        ("MessageDeduplicationId", &dedup),
        ("MessageGroupId", &group),
        ("Message", "m"),
        ("Subject", "[FIRING:1] Down (api)"),
        ("MessageAttributes.entry.1.Name", "k"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "firing"),
    ]);
    assert_eq!(said, expected);
    assert!(!dedup.is_empty() && form(&seen[1])[3].1 != dedup && form(&seen[1])[4].1 == group);
    let signed = seen[0].header("authorization");
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/")
            && signed.contains("/eu-west-1/sns/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="),
        "{signed}"
    );
}
