//! Incidents and issues: VictorOps (Splunk On-Call), incident.io and Jira.

use std::collections::BTreeMap;
use std::time::Duration;

use vitrine_platform_config::yaml::{Fields, Node, Reader, Value};
use vitrine_platform_fetch::{Authorization, SecretSource, Settings};

use super::{Defaults, Kind, Payload, Url, secret_url, text_or};
use crate::config::defaults;

/// An incident of VictorOps. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VictorOps {
    /// Where it goes; the key and the routing key follow.
    pub api_url: String,
    /// The key.
    pub api_key: SecretSource,
    /// Who acts.
    pub routing_key: String,
    /// `INFO`, `WARNING` or `CRITICAL`.
    pub message_type: String,
    /// What is wrong, at length.
    pub state_message: String,
    /// What it is about.
    pub entity_display_name: String,
    /// What tells it.
    pub monitoring_tool: String,
    /// More names and what is said under them.
    pub custom_fields: BTreeMap<String, String>,
}

const VICTOROPS_OWN: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

pub(super) fn read_victorops(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let api_key = SecretSource::take(reader, fields, "api_key", "api_key_file", &defaults.folder);
    let api_key = api_key.or_else(|| defaults.victorops_key.clone());
    if api_key.is_none() {
        reader.mistake(fields.location(), "no global VictorOps API Key set");
    }
    let routing_key = text_or(fields, "routing_key", "");
    if routing_key.is_empty() {
        reader.mistake(fields.location(), "missing Routing key in VictorOps config");
    }
    let custom_fields: BTreeMap<String, String> = fields.texts("custom_fields").into_iter().collect();
    for name in VICTOROPS_OWN.iter().filter(|name| custom_fields.contains_key(**name)) {
        let message = format!(
            "victorOps config contains custom field {name} which cannot be used as it conflicts with the fixed/static fields"
        );
        reader.mistake(fields.location_of("custom_fields"), message);
    }
    let mut default = |name| text_or(fields, name, &format!("{{{{ template \"victorops.default.{name}\" . }}}}"));
    let (state_message, entity_display_name) = (default("state_message"), default("entity_display_name"));
    let victorops = VictorOps {
        state_message,
        entity_display_name,
        monitoring_tool: default("monitoring_tool"),
        message_type: text_or(fields, "message_type", "CRITICAL"),
        api_url: defaults::folder_url(fields, "api_url").unwrap_or_else(|| defaults.victorops_url.clone()),
        api_key: api_key?,
        routing_key,
        custom_fields,
    };
    Some(Kind::VictorOps(Box::new(victorops)))
}

/// Alerts of incident.io.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentIo {
    /// Where they go.
    pub url: Url,
    /// Most alerts that are told at once; 0 is no bound.
    pub max_alerts: usize,
}

pub(super) fn read_incidentio(
    reader: &Reader,
    fields: &mut Fields<'_>,
    http: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let max_alerts = fields.number("max_alerts").unwrap_or_default();
    let token = SecretSource::take(reader, fields, "alert_source_token", "alert_source_token_file", &defaults.folder);
    match (token, &http.authorization) {
        (Some(_), Some(_)) => {
            let message =
                "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization";
            reader.mistake(fields.location(), message);
        }
        (Some(credentials), None) => {
            http.authorization = Some(Authorization::Credentials { scheme: "Bearer".to_owned(), credentials });
        }
        (None, Some(_)) => {}
        (None, None) => {
            let message = "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured";
            reader.mistake(fields.location(), message);
        }
    }
    let url = secret_url(reader, fields, ["url", "url_file"], defaults);
    if url.is_none() {
        reader.mistake(fields.location(), "one of url or url_file must be configured");
    }
    Some(Kind::IncidentIo(IncidentIo { url: url?, max_alerts }))
}

/// Which of Jira's products answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JiraApi {
    /// The one in the cloud.
    Cloud,
    /// The one at home.
    DataCenter,
}

/// A text of an issue; a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JiraText {
    /// The template.
    pub template: String,
    /// Whether it is written again when the issue is there already.
    pub is_updated: bool,
}

/// An issue of Jira. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jira {
    /// Where the API is, such as `https://example.atlassian.net/rest/api/2`; ends with a slash.
    pub api_url: String,
    /// Which API it is.
    pub api: JiraApi,
    /// In which project.
    pub project: String,
    /// Of which type.
    pub issue_type: String,
    /// The issue in a line.
    pub summary: JiraText,
    /// The issue at length.
    pub description: JiraText,
    /// Labels beside the one by which the issue is found again.
    pub labels: Vec<String>,
    /// The priority's name; none where it becomes empty.
    pub priority: String,
    /// How an issue is opened again; not at all where it is empty.
    pub reopen_transition: String,
    /// How an issue is closed; not at all where it is empty.
    pub resolve_transition: String,
    /// The resolution of issues that are left alone.
    pub wont_fix_resolution: String,
    /// For how long a closed issue can be opened again.
    pub reopen_duration: Duration,
    /// More fields.
    pub fields: Vec<(String, Payload)>,
}

pub(super) fn read_jira(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let api_url = defaults::folder_url(fields, "api_url").or_else(|| defaults.jira_url.clone());
    let [project, issue_type] = ["project", "issue_type"].map(|name| text_or(fields, name, ""));
    let missing = [
        (api_url.is_none(), "no global Jira Cloud URL set"),
        (project.is_empty(), "missing project in jira_config"),
        (issue_type.is_empty(), "missing issue_type in jira_config"),
    ];
    for (_, message) in missing.into_iter().filter(|(is_missing, _)| *is_missing) {
        reader.mistake(fields.location(), message);
    }
    let api_url = api_url?;
    let by_host = if host(&api_url).ends_with("atlassian.net") { JiraApi::Cloud } else { JiraApi::DataCenter };
    let api = fields.parsed("api_type", "auto, cloud or datacenter", |text| match text {
        "auto" => Some(by_host),
        "cloud" => Some(JiraApi::Cloud),
        "datacenter" => Some(JiraApi::DataCenter),
        _ => None,
    });
    let summary = jira_text(reader, fields, "summary", "{{ template \"jira.default.summary\" . }}");
    let description = jira_text(reader, fields, "description", "{{ template \"jira.default.description\" . }}");
    let more = match fields.node("fields") {
        Some(Node { value: Value::Map(entries), .. }) => {
            entries.iter().map(|(key, node)| (key.text.clone(), Payload::of(node))).collect()
        }
        _ => Vec::new(),
    };
    let [reopen_transition, resolve_transition, wont_fix_resolution] =
        ["reopen_transition", "resolve_transition", "wont_fix_resolution"].map(|name| text_or(fields, name, ""));
    let jira = Jira {
        api: api.unwrap_or(by_host),
        api_url,
        project,
        issue_type,
        summary,
        description,
        labels: fields.list_of_texts("labels"),
        priority: text_or(fields, "priority", "{{ template \"jira.default.priority\" . }}"),
        reopen_transition,
        resolve_transition,
        wont_fix_resolution,
        reopen_duration: fields.duration("reopen_duration").unwrap_or_default(),
        fields: more,
    };
    Some(Kind::Jira(Box::new(jira)))
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', ':']).next().unwrap_or_default()
}

/// A text, or a map of a template and whether it is written again.
fn jira_text(reader: &Reader, fields: &mut Fields<'_>, name: &'static str, default: &str) -> JiraText {
    match fields.node(name) {
        Some(node @ Node { value: Value::Map(_), .. }) => {
            let Some(mut fields) = reader.fields(node) else {
                return JiraText { template: default.to_owned(), is_updated: true };
            };
            let template = text_or(&mut fields, "template", default);
            JiraText { template, is_updated: fields.flag("enable_update").unwrap_or(true) }
        }
        Some(Node { value: Value::Scalar { text, .. }, .. }) => JiraText { template: text.clone(), is_updated: true },
        Some(Node { value: Value::List(_), location }) => {
            reader.mistake(*location, format!("{name}: expected a text, or a map with template and enable_update"));
            JiraText { template: default.to_owned(), is_updated: true }
        }
        _ => JiraText { template: default.to_owned(), is_updated: true },
    }
}
