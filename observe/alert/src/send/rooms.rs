//! Messages in Mattermost, Rocket.Chat, Webex, WeChat, and by Teams' older connectors.
//!
//! Sources: Mattermost's "Incoming webhooks", Rocket.Chat's `chat.postMessage`, Webex's `messages`, WeChat Work's `gettoken` and `message/send`,
//! Microsoft's "MessageCard".

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use vitrine_kit::{Secret, percent};
use vitrine_observe_routing::{
    Attachment, Mattermost, MattermostPriority, RocketChat, TeamsConnector, Texts, WeChat, Webex,
};
use vitrine_platform_fetch::{Request, SecretSource, secret_value};

use super::{Failure, JSON, Known, Sending, truncated};

/// Characters of a text in Mattermost.
const MATTERMOST_TEXT: usize = 16_383;
/// Characters of a title in Rocket.Chat.
const ROCKETCHAT_TITLE: usize = 1024;
/// Bytes of a message in Webex.
const WEBEX_BYTES: usize = 7439;
/// For how long a token of WeChat is used; the server says two hours.
const WECHAT_TOKEN_AGE: Duration = Duration::from_secs(2 * 60 * 60);
/// What WeChat answers to a token that is too old.
const WECHAT_EXPIRED: i64 = 42_001;
const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const USER_ID: HeaderName = HeaderName::from_static("x-user-id");

/// Tokens that WeChat gave, by receiver and integration, and when. They are nowhere but in memory.
pub(super) type WeChatTokens = Mutex<BTreeMap<(String, String), (Secret, Instant)>>;

impl Sending<'_> {
    fn texts(&self, texts: &Texts) -> Result<Map<String, Value>, Failure> {
        self.filled(&texts.iter().map(|(name, text)| (*name, text)).collect::<Vec<_>>())
    }

    fn attachment(&self, attachment: &Attachment) -> Result<Map<String, Value>, Failure> {
        let mut said = self.texts(&attachment.texts)?;
        let mut fields = Vec::new();
        for field in &attachment.fields {
            let (title, value) = (self.text(&field.title)?, self.text(&field.value)?);
            fields.push(json!({ "title": title, "value": value, "short": field.is_short }));
        }
        if !fields.is_empty() {
            said.insert("fields".to_owned(), fields.into());
        }
        Ok(said)
    }

    pub(super) async fn mattermost(&self, mattermost: &Mattermost) -> Result<Known, Failure> {
        let mut message = self.texts(&mattermost.texts)?;
        let text = truncated(&self.text(&mattermost.text)?, MATTERMOST_TEXT);
        if !text.is_empty() {
            message.insert("text".to_owned(), text.into());
        }
        let attachments = mattermost.attachments.iter().map(|attachment| self.attachment(attachment));
        message.insert("attachments".to_owned(), json!(attachments.collect::<Result<Vec<_>, _>>()?));
        if !mattermost.card.is_empty() {
            message.insert("props".to_owned(), json!({ "card": self.text(&mattermost.card)? }));
        }
        if let Some(priority) = &mattermost.priority {
            message.insert("priority".to_owned(), self.mattermost_priority(priority)?);
        }
        let url = self.url(&mattermost.url).await?;
        self.post(url, &message).await.map(|_| Known::new())
    }

    /// Mattermost takes only what goes together.
    fn mattermost_priority(&self, of: &MattermostPriority) -> Result<Value, Failure> {
        let priority = self.text(&of.priority)?.to_lowercase();
        let priority = if matches!(&*priority, "urgent" | "important") { priority } else { "standard".to_owned() };
        let mut said = Map::new();
        if of.is_acknowledged && priority != "standard" {
            said.insert("requested_ack".to_owned(), true.into());
        }
        if of.is_persistent && priority == "urgent" {
            said.insert("persistent_notifications".to_owned(), true.into());
        }
        said.insert("priority".to_owned(), priority.into());
        Ok(said.into())
    }

    pub(super) async fn rocketchat(&self, rocketchat: &RocketChat) -> Result<Known, Failure> {
        let mut attachment = self.attachment(&rocketchat.attachment)?;
        if let Some(Value::String(title)) = attachment.get_mut("title") {
            *title = truncated(title, ROCKETCHAT_TITLE);
        }
        let mut actions = Vec::new();
        for action in &rocketchat.actions {
            let mut button = self.texts(action)?;
            button.insert("type".to_owned(), "button".into());
            actions.push(Value::from(button));
        }
        if !actions.is_empty() {
            attachment.insert("actions".to_owned(), actions.into());
        }
        let mut message = self.texts(&rocketchat.texts)?;
        message.insert("attachments".to_owned(), json!([attachment]));
        let url = format!("{}/api/v1/chat.postMessage", rocketchat.api_url.trim_end_matches('/'));
        let body = Value::from(message).to_string();
        let request = Request::post(url, JSON, body)
            .with_header(AUTH_TOKEN, self.secret_header(AUTH_TOKEN, &rocketchat.token, "token").await?)
            .with_header(USER_ID, self.secret_header(USER_ID, &rocketchat.user, "token's id").await?);
        let response = self.request(request).await?;
        let answer: Value = serde_json::from_slice(&response.body)
            .map_err(|_| Failure::later("Rocket.Chat's answer is no JSON".to_owned()))?;
        if answer["success"] != true {
            let error = answer["error"].as_str().unwrap_or("no reason given");
            return Err(Failure::never(format!("error response from Rocket.Chat: {error}")));
        }
        Ok(Known::new())
    }

    pub(super) async fn webex(&self, webex: &Webex) -> Result<Known, Failure> {
        let mut message = self.text(&webex.message)?;
        if message.len() > WEBEX_BYTES {
            message.truncate(message.floor_char_boundary(WEBEX_BYTES - '…'.len_utf8()));
            message.push('…');
        }
        let body = json!({ "markdown": message, "roomId": self.text(&webex.room)? });
        self.post(webex.api_url.clone(), &body).await.map(|_| Known::new())
    }

    pub(super) async fn wechat(&self, wechat: &WeChat) -> Result<Known, Failure> {
        let token = self.wechat_token(wechat).await?;
        self.hidden.note(token.expose());
        let mut message = self.texts(&wechat.texts)?;
        let kind = if wechat.is_markdown { "markdown" } else { "text" };
        message.insert("msgtype".to_owned(), kind.into());
        message.insert("safe".to_owned(), "0".into());
        message.insert(kind.to_owned(), json!({ "content": self.text(&wechat.message)? }));
        let url = format!("{}message/send?access_token={}", wechat.api_url, percent::encode(token.expose()));
        let answer = wechat_answer(&self.post(url, &message).await?.body)?;
        match answer["errcode"].as_i64() {
            Some(0) => Ok(Known::new()),
            code => {
                let reason = format!("error response from WeChat: {}", answer["errmsg"].as_str().unwrap_or_default());
                let is_expired = code == Some(WECHAT_EXPIRED);
                if is_expired {
                    self.wechat_tokens.lock().remove(&self.of());
                }
                Err(Failure { may_retry: is_expired, reason })
            }
        }
    }

    fn of(&self) -> (String, String) {
        (self.delivery.receiver.clone(), self.delivery.integration.clone())
    }

    async fn wechat_token(&self, wechat: &WeChat) -> Result<Secret, Failure> {
        let known = self.wechat_tokens.lock().get(&self.of()).cloned();
        if let Some((token, _)) = known.filter(|(_, since)| since.elapsed() < WECHAT_TOKEN_AGE) {
            return Ok(token);
        }
        let secret = self.secret_text(&wechat.secret).await?;
        let corporation = self.text(&wechat.corporation)?;
        let url = format!(
            "{}gettoken?corpid={}&corpsecret={}",
            wechat.api_url,
            percent::encode(&corporation),
            percent::encode(&secret)
        );
        let answer = wechat_answer(&self.request(Request::get(url)).await?.body)?;
        let token = answer["access_token"].as_str().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Failure::never(format!("invalid APISecret for CorpID: {corporation}")))?;
        let token = Secret::from(token.to_owned());
        self.wechat_tokens.lock().insert(self.of(), (token.clone(), Instant::now()));
        Ok(token)
    }

    pub(super) async fn teams_connector(&self, teams: &TeamsConnector) -> Result<Known, Failure> {
        let body = json!({
            "@context": "http://schema.org/extensions",
            "@type": "MessageCard",
            "title": self.text(&teams.title)?,
            "summary": self.text(&teams.summary)?,
            "text": self.text(&teams.text)?,
            "themeColor": if self.data.status == "firing" { "8C1A1A" } else { "2DC72D" },
        });
        let url = self.url(&teams.url).await?;
        self.post(url, &body).await.map(|_| Known::new())
    }

    /// A secret as a header that no log shows.
    async fn secret_header(&self, name: HeaderName, source: &SecretSource, what: &str) -> Result<HeaderValue, Failure> {
        let secret = self.secret(source).await?;
        secret_value(name, secret.expose()).map_err(|_| Failure::never(format!("the {what} is no header")))
    }
}

fn wechat_answer(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::later("WeChat's answer is no JSON"))
}
