//! PagerDuty's Events API v2 and Opsgenie's Alert API v2. Both know a group by its key, so that telling twice makes one incident.

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value, json};
use vitrine_observe_routing::{Opsgenie, PagerDuty};
use vitrine_platform_fetch::{Request, secret_value};

use super::{Failure, JSON, Known, Sending, truncated};

/// Characters of a summary.
const PAGERDUTY_SUMMARY: usize = 1024;
/// Bytes of an event.
const PAGERDUTY_BYTES: usize = 512_000;
/// Characters of a message.
const OPSGENIE_MESSAGE: usize = 130;

impl Sending<'_> {
    pub(super) async fn pagerduty(&self, pagerduty: &PagerDuty) -> Result<Known, Failure> {
        let routing_key = self.key(&pagerduty.routing_key, "routing key").await?;
        let severity = if pagerduty.severity.is_empty() { "error".to_owned() } else { self.text(&pagerduty.severity)? };
        let mut payload = self.filled(&[
            ("class", &pagerduty.class),
            ("component", &pagerduty.component),
            ("group", &pagerduty.group),
        ])?;
        payload.insert("summary".to_owned(), truncated(&self.text(&pagerduty.description)?, PAGERDUTY_SUMMARY).into());
        payload.insert("source".to_owned(), self.text(&pagerduty.source)?.into());
        payload.insert("severity".to_owned(), severity.into());
        let mut details = Map::new();
        for (name, detail) in &pagerduty.details {
            details.insert(name.clone(), detail.rendered(&mut |text: &str| self.text(text))?);
        }
        payload.insert("custom_details".to_owned(), details.into());
        let mut event = self.filled(&[("client", &pagerduty.client), ("client_url", &pagerduty.client_url)])?;
        let action = if self.delivery.is_all_resolved() { "resolve" } else { "trigger" };
        event.insert("routing_key".to_owned(), routing_key.into());
        event.insert("event_action".to_owned(), action.into());
        event.insert("dedup_key".to_owned(), self.group_hash().into());
        let mut links = Vec::new();
        for link in &pagerduty.links {
            links.push(self.filled(&[("href", &link.href), ("text", &link.text)])?);
        }
        let mut images = Vec::new();
        for image in &pagerduty.images {
            images.push(self.filled(&[("src", &image.src), ("alt", &image.alt), ("href", &image.href)])?);
        }
        for (name, needed, mut list) in [("links", "href", links), ("images", "src", images)] {
            list.retain(|item| item.contains_key(needed));
            if !list.is_empty() {
                event.insert(name.to_owned(), json!(list));
            }
        }
        let bytes = json!(payload).to_string().len();
        if bytes > PAGERDUTY_BYTES {
            let left_out =
                format!("Custom details have been removed because the original event exceeds {PAGERDUTY_BYTES} bytes");
            payload.insert("custom_details".to_owned(), json!({ "error": left_out }));
        }
        event.insert("payload".to_owned(), payload.into());
        self.post(pagerduty.url.clone(), &event).await.map(|_| Known::new())
    }

    pub(super) async fn opsgenie(&self, opsgenie: &Opsgenie) -> Result<Known, Failure> {
        let key = self.key(&opsgenie.api_key, "API key").await?;
        let alias = self.group_hash();
        let source = self.text(&opsgenie.source)?;
        if self.delivery.is_all_resolved() {
            let url = format!("{}v2/alerts/{alias}/close?identifierType=alias", opsgenie.api_url);
            self.genie(Method::POST, url, &key, &json!({ "source": source })).await?;
            return Ok(Known::new());
        }
        let message = truncated(&self.text(&opsgenie.message)?, OPSGENIE_MESSAGE);
        let description = self.text(&opsgenie.description)?;
        let mut details: Map<String, Value> =
            self.data.common_labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        for (name, text) in &opsgenie.details {
            details.insert(name.clone(), self.text(text)?.into());
        }
        let mut alert =
            self.filled(&[("note", &opsgenie.note), ("priority", &opsgenie.priority), ("entity", &opsgenie.entity)])?;
        alert.insert("alias".to_owned(), alias.as_str().into());
        alert.insert("message".to_owned(), message.as_str().into());
        alert.insert("details".to_owned(), details.into());
        alert.insert("source".to_owned(), source.into());
        if !description.is_empty() {
            alert.insert("description".to_owned(), description.as_str().into());
        }
        let lists = [
            ("tags", self.list(&opsgenie.tags)?),
            ("actions", self.list(&opsgenie.actions)?),
            ("responders", self.responders(opsgenie)?),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            alert.insert(name.to_owned(), list.into());
        }
        self.genie(Method::POST, format!("{}v2/alerts", opsgenie.api_url), &key, &alert.into()).await?;
        if opsgenie.updates_alerts {
            for (name, text) in [("message", &message), ("description", &description)] {
                let url = format!("{}v2/alerts/{alias}/{name}?identifierType=alias", opsgenie.api_url);
                self.genie(Method::PUT, url, &key, &json!({ name: text })).await?;
            }
        }
        Ok(Known::new())
    }

    /// Parts of a rendered text that are apart by commas.
    fn list(&self, text: &str) -> Result<Vec<Value>, Failure> {
        let text = self.text(text)?;
        Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect())
    }

    fn responders(&self, opsgenie: &Opsgenie) -> Result<Vec<Value>, Failure> {
        let mut responders = Vec::new();
        for responder in &opsgenie.responders {
            let named =
                self.filled(&[("id", &responder.id), ("name", &responder.name), ("username", &responder.username)])?;
            let r#type = self.text(&responder.r#type)?;
            if named.is_empty() {
                // Its texts have become nothing: there is none for these alerts.
                continue;
            }
            if r#type == "teams" {
                let names = named.get("name").and_then(Value::as_str).unwrap_or_default();
                let teams = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                responders.extend(teams.map(|name| json!({ "name": name, "type": "team" })));
                continue;
            }
            let mut responder = named;
            responder.insert("type".to_owned(), r#type.into());
            responders.push(responder.into());
        }
        Ok(responders)
    }

    async fn genie(&self, method: Method, url: String, key: &str, body: &Value) -> Result<(), Failure> {
        let said = secret_value(AUTHORIZATION, &format!("GenieKey {key}"))
            .map_err(|_| Failure::never("the API key is no header"))?;
        let request = Request { method, ..Request::post(url, JSON, body.to_string()) };
        self.request(request.with_header(AUTHORIZATION, said)).await.map(drop)
    }

    /// A secret that is a template.
    async fn key(&self, source: &vitrine_platform_fetch::SecretSource, what: &str) -> Result<String, Failure> {
        let key = self.secret_text(source).await?;
        let key = key.trim().to_owned();
        if key.is_empty() { Err(Failure::never(format!("the {what} is empty after templating"))) } else { Ok(key) }
    }
}
