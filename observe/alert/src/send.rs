//! Sending: a notification becomes what each kind of receiver understands.

mod chat;
mod duty;
mod email;
mod hidden;
mod incident;
mod push;
mod rooms;
mod smtp;
mod webhook;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use vitrine_kit::Secret;
use vitrine_observe_routing::{Config, Delivery, Integration, Kind};
use vitrine_observe_rules::template::{TemplateError, Templates};
use vitrine_platform_fetch::{Client, Error as FetchError, Limits, Request, Response, SecretSource};

use crate::data::Data;
use crate::engine::Error;
use crate::templates::{Renderer, render_route_labels};
use hidden::Hidden;
use rooms::WeChatTokens;

/// How long a try may take where the configuration does not say it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a receiver's answer that are read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Most characters of an answer that are told.
const MAX_TOLD_CHARS: usize = 300;
/// The header by which a receiver knows what it has seen.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: &str = "application/json";

/// What an integration wants to know when it tells again.
pub(crate) type Known = BTreeMap<String, String>;

/// A notification that was not taken.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Whether it may be taken another time.
    pub(crate) may_retry: bool,
    /// Why, without secrets.
    pub(crate) reason: String,
}

impl Failure {
    fn later(reason: impl Into<String>) -> Self {
        Self { may_retry: true, reason: reason.into() }
    }

    fn never(reason: impl Into<String>) -> Self {
        Self { may_retry: false, reason: reason.into() }
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::never(error.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::later(format!("a secret cannot be read: {error}"))
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let may_retry = !matches!(error, FetchError::Url(_) | FetchError::Header(_) | FetchError::TooLong(_));
        Self { may_retry, reason: with_causes(&error) }
    }
}

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let _ = write!(text, ": {cause}");
        below = cause.source();
    }
    text
}

/// All that is needed to tell receivers of a configuration.
pub(crate) struct Senders {
    templates: Templates,
    clients: BTreeMap<(String, String), Client>,
    external_url: String,
    wechat_tokens: WeChatTokens,
}

/// One notification that is being sent.
struct Sending<'a> {
    delivery: &'a Delivery,
    integration: &'a Integration,
    client: &'a Client,
    data: &'a Data,
    renderer: Renderer<'a>,
    within: Duration,
    now_ms: i64,
    wechat_tokens: &'a WeChatTokens,
    hidden: &'a Hidden,
}

impl Senders {
    pub(crate) fn new(config: &Config, external_url: &str) -> Result<Self, Error> {
        let templates = crate::templates::read(config)?;
        let mut clients = BTreeMap::new();
        for receiver in &config.receivers {
            for integration in &receiver.integrations {
                let client = Client::new(&integration.http).map_err(|source| Error::Client {
                    receiver: receiver.name.clone(),
                    integration: integration.id(),
                    source,
                })?;
                clients.insert((receiver.name.clone(), integration.id()), client);
            }
        }
        let external_url = external_url.trim_end_matches('/').to_owned();
        Ok(Self { templates, clients, external_url, wechat_tokens: WeChatTokens::default() })
    }

    /// Tells an integration. Returns what it wants to know next time.
    pub(crate) async fn send(&self, config: &Config, delivery: &Delivery, now_ms: i64) -> Result<Known, Failure> {
        let integration = config.receiver(&delivery.receiver).and_then(|receiver| {
            receiver.integrations.iter().find(|integration| integration.id() == delivery.integration)
        });
        let client = self.clients.get(&(delivery.receiver.clone(), delivery.integration.clone()));
        let (Some(integration), Some(client)) = (integration, client) else {
            return Err(Failure::never("the configuration has no such integration any more"));
        };
        let most = match &integration.kind {
            Kind::Webhook(webhook) if webhook.max_alerts > 0 => webhook.max_alerts,
            Kind::IncidentIo(incidentio) if incidentio.max_alerts > 0 => incidentio.max_alerts,
            _ => usize::MAX,
        };
        let alerts = &delivery.alerts[..delivery.alerts.len().min(most)];
        let mut data = Data::of(delivery, alerts, &self.external_url);
        render_route_labels(&self.templates, &mut data, now_ms);
        let renderer = Renderer::new(&self.templates, &data, now_ms);
        let within = integration.timeout.unwrap_or(TIMEOUT);
        let (wechat_tokens, hidden) = (&self.wechat_tokens, &Hidden::default());
        let sending =
            Sending { delivery, integration, client, data: &data, renderer, within, now_ms, wechat_tokens, hidden };
        let sent = async {
            hidden.note_authorization(&integration.http).await;
            sending.by_kind().await
        };
        let sent = tokio::time::timeout(within, sent).await;
        let sent = sent.unwrap_or_else(|_| Err(Failure::later(format!("no answer within {within:?}"))));
        sent.map_err(|failure| Failure { reason: hidden.without(&failure.reason), ..failure })
    }
}

impl Sending<'_> {
    async fn by_kind(&self) -> Result<Known, Failure> {
        match &self.integration.kind {
            Kind::Webhook(webhook) => self.webhook(webhook).await,
            Kind::Email(email) => self.email(email).await,
            Kind::Slack(slack) => self.slack(slack).await,
            Kind::PagerDuty(pagerduty) => self.pagerduty(pagerduty).await,
            Kind::Teams(teams) => self.teams(teams).await,
            Kind::Discord(discord) => self.discord(discord).await,
            Kind::Telegram(telegram) => self.telegram(telegram).await,
            Kind::Opsgenie(opsgenie) => self.opsgenie(opsgenie).await,
            Kind::WeChat(wechat) => self.wechat(wechat).await,
            Kind::VictorOps(victorops) => self.victorops(victorops).await,
            Kind::Pushover(pushover) => self.pushover(pushover).await,
            Kind::Sns(sns) => self.sns(sns).await,
            Kind::Webex(webex) => self.webex(webex).await,
            Kind::TeamsConnector(teams) => self.teams_connector(teams).await,
            Kind::Jira(jira) => self.jira(jira).await,
            Kind::RocketChat(rocketchat) => self.rocketchat(rocketchat).await,
            Kind::Mattermost(mattermost) => self.mattermost(mattermost).await,
            Kind::IncidentIo(incidentio) => self.incidentio(incidentio).await,
        }
    }

    fn text(&self, text: &str) -> Result<String, Failure> {
        Ok(self.renderer.text(text)?)
    }

    /// A secret, which no failure repeats.
    async fn secret(&self, source: &SecretSource) -> Result<Secret, Failure> {
        let secret = source.read().await?;
        self.hidden.note(secret.expose());
        Ok(secret)
    }

    /// A secret that may be a template.
    async fn secret_text(&self, source: &SecretSource) -> Result<String, Failure> {
        let text = self.text(self.secret(source).await?.expose())?;
        self.hidden.note(&text);
        Ok(text)
    }

    /// A URL that is a secret, and may be a template.
    async fn url(&self, url: &SecretSource) -> Result<String, Failure> {
        let url = self.secret_text(url).await?;
        if url.is_empty() { Err(Failure::never("the URL is empty after templating")) } else { Ok(url) }
    }

    async fn post(&self, url: String, body: &impl Serialize) -> Result<Response, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::never(error.to_string()))?;
        self.request(Request::post(url, JSON, body)).await
    }

    /// Makes a request that must be answered with a status of success.
    async fn request(&self, request: Request) -> Result<Response, Failure> {
        let key = HeaderValue::from_str(&self.delivery.dedup_key)
            .map_err(|_| Failure::never("the dedup key is no header"))?;
        let limits = Limits { within: self.within, max_response_bytes: MAX_ANSWER_BYTES };
        let response = self.client.send(request.with_header(IDEMPOTENCY_KEY, key), limits).await?;
        if response.status.is_success() {
            return Ok(response);
        }
        // Those that say that it is not the notification's fault.
        let may_retry = response.status.is_server_error()
            || matches!(response.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        let reason = format!("unexpected status code {}: {}", response.status.as_u16(), self.shortened(&response.body));
        Err(Failure { may_retry, reason })
    }

    /// What is told of an answer.
    fn shortened(&self, body: &[u8]) -> String {
        // Before it is cut off, which may leave half a secret.
        shortened(self.hidden.without(&String::from_utf8_lossy(body)).as_bytes())
    }

    /// A name of the group that is short enough for everyone.
    fn group_hash(&self) -> String {
        hex::encode(Sha256::digest(self.delivery.group_key.as_bytes()))
    }
}

/// The beginning of an answer.
fn shortened(body: &[u8]) -> String {
    truncated(String::from_utf8_lossy(body).trim(), MAX_TOLD_CHARS)
}

/// A text of at most so many characters, with a sign where some were left out.
fn truncated(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
