//! Mimir's ruler API: groups of rules listed, read, set and deleted, as YAML. Only where a setting allows it.
//!
//! The source is Grafana Mimir's documentation of its HTTP API, section "Ruler". Rules are those of the default tenant, as rule files
//! are; who sets or deletes them may operate.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use vitrine_kit::duration::prometheus;
use vitrine_observe_rules::{ChangeError, GivenGroup, GroupSpec, MAX_GROUP_BYTES, RuleKind, RuleNamespaces, RuleSpec};
use vitrine_observe_store::{Right, Tenant};
use vitrine_platform_http::with_plain_errors;

use super::Prometheus;
use super::json::push_text;
use crate::error::Error;
use crate::queries::tenant_of;

/// What is said where something was set or deleted.
const DONE: &str = r#"{"status":"success","data":null,"errorType":"","error":""}"#;
/// Bytes of a body beyond the largest group, so that a larger one is told as such.
const BODY_SPARE: usize = 1024;

/// The ruler API at these paths.
pub fn ruler_router(api: &Prometheus, paths: &[&str]) -> Router {
    let mut router = Router::new();
    for path in paths {
        router = router
            .route(path, get(all))
            .route(&format!("{path}/{{namespace}}"), get(namespace).post(set).delete(delete_namespace))
            .route(&format!("{path}/{{namespace}}/{{group}}"), get(group).delete(delete_group));
    }
    with_plain_errors(router.layer(DefaultBodyLimit::max(MAX_GROUP_BYTES + BODY_SPARE)).with_state(api.clone()))
}

/// The rules of one who has this right; or what is said instead.
fn rules(api: &Prometheus, right: Right, headers: &HeaderMap) -> Result<Arc<dyn RuleNamespaces>, Response> {
    let settings = &api.0.settings;
    let rules = settings.parts.namespaces.clone().filter(|_| settings.options.ruler_api);
    let Some(rules) = rules else {
        return Err(text(StatusCode::NOT_FOUND, "the ruler API is not enabled: see observatory.prometheus.ruler_api"));
    };
    let tenant = tenant_of(api.0.turns.access(), right, headers).map_err(|denied| {
        let error = Error::from(denied);
        error.respond(format!("{error}\n"))
    })?;
    if tenant != Tenant::default() {
        return Err(text(StatusCode::NOT_FOUND, &format!("no rule groups found: rules are of {}", Tenant::default())));
    }
    Ok(rules)
}

fn text(status: StatusCode, message: &str) -> Response {
    (status, format!("{message}\n")).into_response()
}

fn yaml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], text).into_response()
}

/// What is said of a change: whether what it is about was there.
fn changed(outcome: Result<bool, ChangeError>) -> Response {
    match outcome {
        Ok(true) => (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], DONE).into_response(),
        Ok(false) => text(StatusCode::NOT_FOUND, "group does not exist"),
        Err(error @ (ChangeError::Mistakes(_) | ChangeError::Refused(_))) => {
            text(StatusCode::BAD_REQUEST, &error.to_string())
        }
        Err(error @ ChangeError::NotKept(_)) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn all(State(api): State<Prometheus>, headers: HeaderMap) -> Response {
    let rules = match rules(&api, Right::Read, &headers) {
        Ok(rules) => rules,
        Err(refused) => return refused,
    };
    let namespaces = rules.namespaces();
    if namespaces.is_empty() {
        return text(StatusCode::NOT_FOUND, "no rule groups found");
    }
    let mut out = String::new();
    namespaces.iter().for_each(|(name, groups)| push_namespace(&mut out, name, groups.values()));
    yaml(out)
}

async fn namespace(State(api): State<Prometheus>, headers: HeaderMap, Path(name): Path<String>) -> Response {
    let rules = match rules(&api, Right::Read, &headers) {
        Ok(rules) => rules,
        Err(refused) => return refused,
    };
    match rules.namespaces().get(&name) {
        Some(groups) => {
            let mut out = String::new();
            push_namespace(&mut out, &name, groups.values());
            yaml(out)
        }
        None => text(StatusCode::NOT_FOUND, "no rule groups found"),
    }
}

async fn group(
    State(api): State<Prometheus>,
    headers: HeaderMap,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    let rules = match rules(&api, Right::Read, &headers) {
        Ok(rules) => rules,
        Err(refused) => return refused,
    };
    match rules.namespaces().get(&namespace).and_then(|groups| groups.get(&name)) {
        Some(group) => {
            let mut out = String::new();
            push_group(&mut out, "", "", &group.spec);
            yaml(out)
        }
        None => text(StatusCode::NOT_FOUND, "group does not exist"),
    }
}

async fn set(
    State(api): State<Prometheus>,
    headers: HeaderMap,
    Path(namespace): Path<String>,
    body: Bytes,
) -> Response {
    let rules = match rules(&api, Right::Operate, &headers) {
        Ok(rules) => rules,
        Err(refused) => return refused,
    };
    let Ok(group) = String::from_utf8(body.to_vec()) else {
        return text(StatusCode::BAD_REQUEST, "the group is not UTF-8: expected YAML");
    };
    changed(rules.put_group(namespace, group).await.map(|()| true))
}

async fn delete_group(
    State(api): State<Prometheus>,
    headers: HeaderMap,
    Path((namespace, group)): Path<(String, String)>,
) -> Response {
    match rules(&api, Right::Operate, &headers) {
        Ok(rules) => changed(rules.delete_group(namespace, group).await),
        Err(refused) => refused,
    }
}

async fn delete_namespace(
    State(api): State<Prometheus>,
    headers: HeaderMap,
    Path(namespace): Path<String>,
) -> Response {
    match rules(&api, Right::Operate, &headers) {
        Ok(rules) => changed(rules.delete_namespace(namespace).await),
        Err(refused) => refused,
    }
}

fn push_namespace<'a>(out: &mut String, name: &str, groups: impl Iterator<Item = &'a GivenGroup>) {
    push_text(out, name);
    out.push_str(":\n");
    groups.for_each(|group| push_group(out, "- ", "  ", &group.spec));
}

/// A group, its first line after one beginning and the others after another.
fn push_group(out: &mut String, first: &str, rest: &str, group: &GroupSpec) {
    push_line(out, first, "name", &group.name);
    for (name, length) in [("interval", group.interval), ("query_offset", group.query_offset)] {
        if let Some(length) = length {
            let _ = writeln!(out, "{rest}{name}: {}", prometheus::format(length));
        }
    }
    if group.limit > 0 {
        let _ = writeln!(out, "{rest}limit: {}", group.limit);
    }
    push_pairs(out, rest, "labels", &group.labels);
    let _ = writeln!(out, "{rest}rules:");
    let (rule_first, rule_rest) = (format!("{rest}- "), format!("{rest}  "));
    group.rules.iter().for_each(|rule| push_rule(out, &rule_first, &rule_rest, rule));
}

fn push_rule(out: &mut String, first: &str, rest: &str, rule: &RuleSpec) {
    match &rule.kind {
        RuleKind::Record(name) => push_line(out, first, "record", name),
        RuleKind::Alert { name, .. } => push_line(out, first, "alert", name),
    }
    push_line(out, rest, "expr", &rule.text);
    if let RuleKind::Alert { hold, keep_firing_for, .. } = &rule.kind {
        for (name, length) in [("for", hold), ("keep_firing_for", keep_firing_for)] {
            if !length.is_zero() {
                let _ = writeln!(out, "{rest}{name}: {}", prometheus::format(*length));
            }
        }
    }
    push_pairs(out, rest, "labels", &rule.labels);
    if let RuleKind::Alert { annotations, .. } = &rule.kind {
        push_pairs(out, rest, "annotations", annotations);
    }
}

fn push_pairs(out: &mut String, indent: &str, name: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    let _ = writeln!(out, "{indent}{name}:");
    for (key, value) in pairs {
        out.push_str(indent);
        out.push_str("  ");
        push_text(out, key);
        out.push_str(": ");
        push_text(out, value);
        out.push('\n');
    }
}

/// A text between quotes, as JSON has it and YAML reads it.
fn push_line(out: &mut String, indent: &str, name: &str, value: &str) {
    let _ = write!(out, "{indent}{name}: ");
    push_text(out, value);
    out.push('\n');
}
