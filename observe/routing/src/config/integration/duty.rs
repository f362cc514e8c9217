//! Events of PagerDuty and alerts of Opsgenie.

use std::collections::BTreeMap;

use vitrine_platform_config::yaml::{Fields, Node, Reader, Value};
use vitrine_platform_fetch::{SecretSource, Settings};

use super::{Defaults, Kind, Payload, text_or};
use crate::config::defaults;

/// An event of PagerDuty's Events API v2. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDuty {
    /// Where the API is.
    pub url: String,
    /// The key of the integration.
    pub routing_key: SecretSource,
    /// What sends it.
    pub client: String,
    /// Where that is.
    pub client_url: String,
    /// What is wrong.
    pub description: String,
    /// Names and what is said under them.
    pub details: BTreeMap<String, Payload>,
    /// Pictures.
    pub images: Vec<PagerDutyImage>,
    /// Links.
    pub links: Vec<PagerDutyLink>,
    /// What it is about.
    pub source: String,
    /// How bad it is.
    pub severity: String,
    /// Of which kind it is.
    pub class: String,
    /// Which part it is about.
    pub component: String,
    /// To what that belongs.
    pub group: String,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDutyLink {
    /// Where it leads.
    pub href: String,
    /// What is read.
    pub text: String,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerDutyImage {
    /// Where it is.
    pub src: String,
    /// What is read instead.
    pub alt: String,
    /// Where it leads.
    pub href: String,
}

/// What is told of an event beside what the file says.
const DETAILS: [(&str, &str); 4] = [
    ("firing", "{{ .Alerts.Firing | toJson }}"),
    ("resolved", "{{ .Alerts.Resolved | toJson }}"),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
];

pub(super) fn read_pagerduty(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let url = defaults::url(fields, "url").unwrap_or_else(|| defaults.pagerduty_url.clone());
    let routing_key = SecretSource::take(reader, fields, "routing_key", "routing_key_file", &defaults.folder);
    for name in ["service_key", "service_key_file"] {
        if let Some(node) = fields.node(name) {
            reader.mistake(node.location, format!("{name}: the Events API v1 is not spoken: expected routing_key"));
        }
    }
    let client = text_or(fields, "client", "{{ template \"pagerduty.default.client\" . }}");
    let source = fields.text("source").filter(|text| !text.is_empty()).unwrap_or_else(|| client.clone());
    let mut details: BTreeMap<String, Payload> =
        DETAILS.iter().map(|(name, text)| ((*name).to_owned(), Payload::Text((*text).to_owned()))).collect();
    if let Some(Node { value: Value::Map(entries), .. }) = fields.node("details") {
        details.extend(entries.iter().map(|(key, node)| (key.text.clone(), Payload::of(node))));
    }
    let links = fields.list("links").iter().filter_map(|node| {
        let mut link = reader.fields(node)?;
        Some(PagerDutyLink { href: text_or(&mut link, "href", ""), text: text_or(&mut link, "text", "") })
    });
    let links = links.collect();
    let images = fields.list("images").iter().filter_map(|node| {
        let mut image = reader.fields(node)?;
        let [src, alt, href] = ["src", "alt", "href"].map(|name| text_or(&mut image, name, ""));
        Some(PagerDutyImage { src, alt, href })
    });
    let images = images.collect();
    let pagerduty = PagerDuty {
        url,
        client_url: text_or(fields, "client_url", "{{ template \"pagerduty.default.clientURL\" . }}"),
        description: text_or(fields, "description", "{{ template \"pagerduty.default.description\" .}}"),
        severity: text_or(fields, "severity", ""),
        class: text_or(fields, "class", ""),
        component: text_or(fields, "component", ""),
        group: text_or(fields, "group", ""),
        client,
        details,
        images,
        links,
        source,
        routing_key: fields.required("routing_key", routing_key)?,
    };
    Some(Kind::PagerDuty(Box::new(pagerduty)))
}

/// An alert of Opsgenie. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opsgenie {
    /// Where the API is; ends with a slash.
    pub api_url: String,
    /// The key of the integration.
    pub api_key: SecretSource,
    /// What is wrong, in a line.
    pub message: String,
    /// What is wrong, at length.
    pub description: String,
    /// What sends it.
    pub source: String,
    /// Names and what is said under them, beside the labels that all alerts share.
    pub details: BTreeMap<String, String>,
    /// What it is about.
    pub entity: String,
    /// Who shall act.
    pub responders: Vec<Responder>,
    /// What can be done, apart by commas.
    pub actions: String,
    /// Tags, apart by commas.
    pub tags: String,
    /// A note.
    pub note: String,
    /// From P1 to P5.
    pub priority: String,
    /// Whether message and description of an alert that is there already are changed.
    pub updates_alerts: bool,
}

/// Who shall act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// By id.
    pub id: String,
    /// By name.
    pub name: String,
    /// By the name of a user.
    pub username: String,
    /// `team`, `teams`, `user`, `escalation` or `schedule`.
    pub r#type: String,
}

const RESPONDER_TYPES: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];

pub(super) fn read_opsgenie(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let mut api_url = defaults::url(fields, "api_url").unwrap_or_else(|| defaults.opsgenie_url.clone());
    if !api_url.ends_with('/') {
        api_url.push('/');
    }
    let api_key = SecretSource::take(reader, fields, "api_key", "api_key_file", &defaults.folder);
    let api_key = api_key.or_else(|| defaults.opsgenie_key.clone());
    if api_key.is_none() {
        reader.mistake(fields.location(), "no global OpsGenie API Key set either inline or in a file");
    }
    let responders = fields.list("responders").iter().filter_map(|node| responder(reader, node)).collect();
    let opsgenie = Opsgenie {
        message: text_or(fields, "message", "{{ template \"opsgenie.default.message\" . }}"),
        description: text_or(fields, "description", "{{ template \"opsgenie.default.description\" . }}"),
        source: text_or(fields, "source", "{{ template \"opsgenie.default.source\" . }}"),
        details: fields.texts("details").into_iter().collect(),
        entity: text_or(fields, "entity", ""),
        actions: text_or(fields, "actions", ""),
        tags: text_or(fields, "tags", ""),
        note: text_or(fields, "note", ""),
        priority: text_or(fields, "priority", ""),
        updates_alerts: fields.flag("update_alerts").unwrap_or_default(),
        api_url,
        responders,
        api_key: api_key?,
    };
    Some(Kind::Opsgenie(Box::new(opsgenie)))
}

fn responder(reader: &Reader, node: &Node) -> Option<Responder> {
    let mut fields = reader.fields(node)?;
    let [id, name, username, r#type] = ["id", "name", "username", "type"].map(|field| text_or(&mut fields, field, ""));
    if id.is_empty() && name.is_empty() && username.is_empty() {
        reader.mistake(node.location, "a responder has to have at least one of id, username or name specified");
    }
    let r#type = if r#type.contains("{{") { r#type } else { r#type.to_lowercase() };
    if !r#type.contains("{{") && !RESPONDER_TYPES.contains(&r#type.as_str()) {
        let message = format!("type: expected one of {}, not {type:?}", RESPONDER_TYPES.join(", "));
        reader.mistake(fields.location_of("type"), message);
    }
    Some(Responder { id, name, username, r#type })
}
