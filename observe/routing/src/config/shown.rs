//! The file as the status shows it: without secrets, so that whoever may look can copy it.

use std::fmt::Write as _;

use vitrine_platform_config::yaml::{Node, Value};

/// What stands in the place of a secret. Alertmanager's tools know this text.
const SECRET: &str = "<secret>";

/// Fields that hold secrets wherever they are.
const SECRETS: &[&str] = &[
    "alert_source_token",
    "api_key",
    "api_secret",
    "app_token",
    "auth_password",
    "auth_secret",
    "bearer_token",
    "bot_token",
    "client_secret",
    "credentials",
    "key",
    "mattermost_webhook_url",
    "opsgenie_api_key",
    "password",
    "proxy_connect_header",
    "rocketchat_token",
    "rocketchat_token_id",
    "routing_key",
    "secret_key",
    "secrets",
    "service_key",
    "slack_api_url",
    "slack_app_token",
    "smtp_auth_password",
    "smtp_auth_secret",
    "telegram_bot_token",
    "token",
    "token_id",
    "user_key",
    "victorops_api_key",
    "webhook_url",
    "wechat_api_secret",
];

/// Fields that hold secrets in the lists of these names.
const SECRETS_OF: &[(&str, &str)] = &[("webhook_configs", "url"), ("slack_configs", "api_url")];

/// Returns a tree as YAML.
pub(super) fn without_secrets(root: &Node) -> String {
    let mut out = String::new();
    write_node(&mut out, root, 0, "", false);
    out
}

/// Recursion ends at the depth that YAML may have. `list` is the list's name that the node is a member of, or its own.
fn write_node(out: &mut String, node: &Node, indent: usize, list: &str, is_secret: bool) {
    let pad = " ".repeat(indent);
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for (key, node) in entries {
                let name = key.text.as_str();
                let is_secret = is_secret || SECRETS.contains(&name) || SECRETS_OF.contains(&(list, name));
                let _ = write!(out, "{pad}{}:", scalar(name, true));
                write_value(out, node, indent, name, is_secret);
            }
        }
        Value::List(nodes) if !nodes.is_empty() => {
            for node in nodes {
                let _ = write!(out, "{pad}-");
                write_value(out, node, indent, list, is_secret);
            }
        }
        _ => {
            out.push_str(&pad);
            write_flat(out, node, is_secret);
        }
    }
}

fn write_value(out: &mut String, node: &Node, indent: usize, list: &str, is_secret: bool) {
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            write_node(out, node, indent + 2, list, is_secret);
        }
        Value::List(nodes) if !nodes.is_empty() => {
            out.push('\n');
            write_node(out, node, indent + 2, list, is_secret);
        }
        _ => {
            out.push(' ');
            write_flat(out, node, is_secret);
        }
    }
}

fn write_flat(out: &mut String, node: &Node, is_secret: bool) {
    let text = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Map(_) => "{}".to_owned(),
        Value::List(_) => "[]".to_owned(),
        Value::Scalar { text, .. } if is_secret && !text.is_empty() => SECRET.to_owned(),
        Value::Scalar { text, plain } => scalar(text, *plain),
    };
    out.push_str(&text);
    out.push('\n');
}

/// A scalar as it was, where that is plain and simple; else in quotes as JSON, which is YAML as well.
fn scalar(text: &str, is_plain: bool) -> String {
    let is_simple =
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./+".contains(&b) || b == b'-') && !text.starts_with('-');
    if is_plain && is_simple && !text.is_empty() { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
