//! Incidents and issues: VictorOps' REST endpoint, incident.io's alert sources, and Jira's REST API.

use std::fmt::Write as _;

use http::header::ACCEPT_LANGUAGE;
use http::{HeaderValue, Method};
use serde_json::{Map, Value, json};
use vitrine_kit::percent;
use vitrine_observe_routing::{IncidentIo, Jira, JiraApi, VictorOps};
use vitrine_platform_fetch::Request;

use super::{Failure, JSON, Known, Sending, truncated};

/// Characters of what is wrong, in VictorOps.
const VICTOROPS_STATE: usize = 20_480;
/// Bytes of what incident.io takes.
const INCIDENTIO_BYTES: usize = 512 * 1024;
/// The version of what incident.io is sent.
const INCIDENTIO_VERSION: &str = "1";
/// Characters of an issue's summary and description.
const JIRA_SUMMARY: usize = 255;
const JIRA_DESCRIPTION: usize = 32_767;
/// One more than there should be, so that it can be told.
const JIRA_FOUND: usize = 2;

impl Sending<'_> {
    pub(super) async fn victorops(&self, victorops: &VictorOps) -> Result<Known, Failure> {
        let key = self.secret(&victorops.api_key).await?;
        let message_type = self.text(&victorops.message_type)?;
        let message_type = match &*message_type {
            _ if self.delivery.is_all_resolved() => "RECOVERY",
            "INFO" | "WARNING" => &message_type,
            _ => "CRITICAL",
        };
        let mut event = Map::new();
        event.insert("message_type".to_owned(), message_type.into());
        event.insert("entity_id".to_owned(), self.group_hash().into());
        event.insert("entity_display_name".to_owned(), self.text(&victorops.entity_display_name)?.into());
        let state = truncated(&self.text(&victorops.state_message)?, VICTOROPS_STATE);
        event.insert("state_message".to_owned(), state.into());
        event.insert("monitoring_tool".to_owned(), self.text(&victorops.monitoring_tool)?.into());
        for (name, text) in &victorops.custom_fields {
            event.insert(name.clone(), self.text(text)?.into());
        }
        let routing_key = self.text(&victorops.routing_key)?;
        let url =
            format!("{}{}/{}", victorops.api_url, percent::encode(key.expose().trim()), percent::encode(&routing_key));
        self.post(url, &event).await.map(|_| Known::new())
    }

    pub(super) async fn incidentio(&self, incidentio: &IncidentIo) -> Result<Known, Failure> {
        let alerts = self.delivery.alerts.len();
        let left_out = if incidentio.max_alerts > 0 { alerts.saturating_sub(incidentio.max_alerts) } else { 0 };
        let mut body = json!(self.data.webhook(self.delivery, left_out));
        body["version"] = INCIDENTIO_VERSION.into();
        if body.to_string().len() > INCIDENTIO_BYTES
            && let Some(alerts) = body["alerts"].as_array_mut()
        {
            // One makes the incident; the others are for reading.
            alerts.truncate(1);
        }
        let url = self.url(&incidentio.url).await?;
        self.post(url, &body).await.map(|_| Known::new())
    }

    /// One issue for each group, found again by its label.
    pub(super) async fn jira(&self, jira: &Jira) -> Result<Known, Failure> {
        let is_firing = !self.delivery.is_all_resolved();
        let found = self.jira_issue(jira, is_firing).await?;
        let mut fields = self.jira_fields(jira)?;
        let Some((key, is_done)) = found else {
            if is_firing {
                let url = format!("{}issue", jira.api_url);
                self.jira_request(Method::POST, url, Some(&json!({ "fields": fields }))).await?;
            }
            return Ok(Known::new());
        };
        for (name, text) in [("summary", &jira.summary), ("description", &jira.description)] {
            if !text.is_updated {
                fields.remove(name);
            }
        }
        let issue = format!("{}issue/{}", jira.api_url, percent::encode(&key));
        self.jira_request(Method::PUT, issue.clone(), Some(&json!({ "fields": fields }))).await?;
        let transition = match (is_firing, is_done) {
            (true, true) => &jira.reopen_transition,
            (false, false) => &jira.resolve_transition,
            _ => return Ok(Known::new()),
        };
        if transition.is_empty() {
            return Ok(Known::new());
        }
        let url = format!("{issue}/transitions");
        let known = self.jira_request(Method::GET, url.clone(), None).await?;
        let id = known["transitions"].as_array().into_iter().flatten().find(|known| known["name"] == **transition);
        let id = id.map(|known| known["id"].clone());
        let id = id.ok_or_else(|| Failure::never(format!("can't find transition {transition} for issue {key}")))?;
        self.jira_request(Method::POST, url, Some(&json!({ "transition": { "id": id } }))).await?;
        Ok(Known::new())
    }

    /// The group's issue, and whether it is done.
    async fn jira_issue(&self, jira: &Jira, is_firing: bool) -> Result<Option<(String, bool)>, Failure> {
        let mut jql = String::new();
        let minutes = jira.reopen_duration.as_secs() / 60;
        if !jira.wont_fix_resolution.is_empty() {
            // An issue that has no resolution is not equal to any, nor unequal.
            let resolution = quoted(&jira.wont_fix_resolution);
            let _ = write!(jql, "(resolution is EMPTY or resolution != {resolution}) and ");
        }
        if is_firing && !jira.reopen_transition.is_empty() && minutes > 0 {
            let _ = write!(jql, "(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m) and ");
        } else {
            jql.push_str("statusCategory != Done and ");
        }
        let (project, label) = (quoted(&self.text(&jira.project)?), quoted(&self.jira_label()));
        let _ = write!(jql, "project={project} and labels={label} order by status ASC,resolutiondate DESC");
        let body = json!({ "jql": jql, "maxResults": JIRA_FOUND, "fields": ["status"] });
        let url = match jira.api {
            JiraApi::Cloud => format!("{}search/jql", jira.api_url).replacen("/rest/api/2/", "/rest/api/3/", 1),
            JiraApi::DataCenter => format!("{}search", jira.api_url),
        };
        let found = self.jira_request(Method::POST, url, Some(&body)).await?;
        let issue = &found["issues"][0];
        let is_done = issue["fields"]["status"]["statusCategory"]["key"] == "done";
        Ok(issue["key"].as_str().map(|key| (key.to_owned(), is_done)))
    }

    fn jira_label(&self) -> String {
        format!("ALERT{{{}}}", self.group_hash())
    }

    fn jira_fields(&self, jira: &Jira) -> Result<Map<String, Value>, Failure> {
        let mut fields = Map::new();
        fields.insert("project".to_owned(), json!({ "key": self.text(&jira.project)? }));
        fields.insert("issuetype".to_owned(), json!({ "name": self.text(&jira.issue_type)? }));
        let summary = truncated(&self.text(&jira.summary.template)?, JIRA_SUMMARY);
        fields.insert("summary".to_owned(), summary.into());
        let description = truncated(&self.text(&jira.description.template)?, JIRA_DESCRIPTION);
        if !description.trim().is_empty() {
            // Version 3 takes a document and no text.
            let description = if jira.api_url.ends_with("/3/") {
                serde_json::from_str(&description)
                    .map_err(|_| Failure::never("description template: invalid JSON for API v3"))?
            } else {
                Value::from(description)
            };
            fields.insert("description".to_owned(), description);
        }
        let mut labels = vec![self.jira_label()];
        for label in &jira.labels {
            labels.push(self.text(label)?);
        }
        labels.sort();
        fields.insert("labels".to_owned(), json!(labels));
        let priority = self.text(&jira.priority)?;
        if !priority.is_empty() {
            fields.insert("priority".to_owned(), json!({ "name": priority }));
        }
        for (name, value) in &jira.fields {
            fields.insert(name.clone(), value.rendered(&mut |text: &str| self.text(text))?);
        }
        Ok(fields)
    }

    async fn jira_request(&self, method: Method, url: String, body: Option<&Value>) -> Result<Value, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request { method, ..Request::post(url, JSON, body) };
        // What it says of mistakes is logged: in one language.
        let request = request.with_header(ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        let response = self.request(request).await?;
        if response.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&response.body).map_err(|_| Failure::never("Jira's answer is no JSON"))
    }
}

/// A text in JQL.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
