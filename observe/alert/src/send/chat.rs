//! Messages in Slack, Teams, Discord and Telegram.
//!
//! Sources: Slack's "Legacy attachments" and `chat.update`, Microsoft's Adaptive Cards 1.2, Discord's "Execute Webhook", Telegram's `sendMessage`.

use serde_json::{Map, Value, json};
use vitrine_observe_routing::{Discord, Slack, SlackAction, Teams, Telegram};

use super::{Failure, Known, Sending, truncated};

/// Characters of a title in Slack.
const SLACK_TITLE: usize = 1024;
/// Characters of a title, a text and what stands above in Discord.
const DISCORD_TITLE: usize = 256;
const DISCORD_MESSAGE: usize = 4096;
const DISCORD_CONTENT: usize = 2000;
/// Characters of a message in Telegram.
const TELEGRAM_MESSAGE: usize = 4096;
/// Where a message in Slack is changed, beside where it is posted.
const SLACK_POST: &str = "chat.postMessage";
const SLACK_UPDATE: &str = "chat.update";

impl Sending<'_> {
    pub(super) async fn slack(&self, slack: &Slack) -> Result<Known, Failure> {
        let mut url = self.url(&slack.url).await?;
        let mut message = self.slack_message(slack)?;
        let known = &self.delivery.told.data;
        if let (true, Some(time), Some(channel)) = (slack.updates_message, known.get("ts"), known.get("channel")) {
            url = url.replace(SLACK_POST, SLACK_UPDATE);
            message.insert("ts".to_owned(), time.as_str().into());
            message.insert("channel".to_owned(), channel.as_str().into());
        }
        let response = self.post(url, &message).await?;
        let is_json =
            response.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !is_json {
            return match &*response.body {
                b"ok" => Ok(Known::new()),
                other => {
                    Err(Failure::never(format!("received an error response from Slack: {}", self.shortened(other))))
                }
            };
        }
        let answer: Value = serde_json::from_slice(&response.body)
            .map_err(|_| Failure::later(format!("Slack's answer is no JSON: {}", self.shortened(&response.body))))?;
        if answer["ok"] != true {
            let error = answer["error"].as_str().unwrap_or("no reason given");
            return Err(Failure::never(format!("error response from Slack: {error}")));
        }
        let names = ["ts", "channel"].into_iter();
        Ok(names.filter_map(|name| Some((name.to_owned(), answer[name].as_str()?.to_owned()))).collect())
    }

    fn slack_message(&self, slack: &Slack) -> Result<Map<String, Value>, Failure> {
        let mut attachment = self.filled(&[
            ("title_link", &slack.title_link),
            ("pretext", &slack.pretext),
            ("image_url", &slack.image_url),
            ("thumb_url", &slack.thumb_url),
            ("color", &slack.color),
        ])?;
        attachment.insert("title".to_owned(), truncated(&self.text(&slack.title)?, SLACK_TITLE).into());
        for (name, text) in [
            ("text", &slack.text),
            ("fallback", &slack.fallback),
            ("callback_id", &slack.callback_id),
            ("footer", &slack.footer),
        ] {
            attachment.insert(name.to_owned(), self.text(text)?.into());
        }
        attachment.insert("mrkdwn_in".to_owned(), slack.markdown_in.clone().into());
        let mut fields = Vec::new();
        for field in &slack.fields {
            fields.push(json!({ "title": self.text(&field.title)?, "value": self.text(&field.value)?, "short": field.is_short }));
        }
        if !fields.is_empty() {
            attachment.insert("fields".to_owned(), fields.into());
        }
        let actions = slack.actions.iter().map(|action| self.slack_action(action)).collect::<Result<Vec<_>, _>>()?;
        if !actions.is_empty() {
            attachment.insert("actions".to_owned(), actions.into());
        }
        let mut message = self.filled(&[
            ("channel", &slack.channel),
            ("username", &slack.username),
            ("icon_emoji", &slack.icon_emoji),
            ("icon_url", &slack.icon_url),
            ("text", &slack.message_text),
        ])?;
        if slack.links_names {
            message.insert("link_names".to_owned(), true.into());
        }
        message.insert("attachments".to_owned(), json!([attachment]));
        Ok(message)
    }

    fn slack_action(&self, action: &SlackAction) -> Result<Value, Failure> {
        let mut json = self.filled(&[
            ("type", &action.r#type),
            ("text", &action.text),
            ("url", &action.url),
            ("style", &action.style),
            ("name", &action.name),
            ("value", &action.value),
        ])?;
        if let Some(confirm) = &action.confirm {
            let confirm = self.filled(&[
                ("text", &confirm.text),
                ("title", &confirm.title),
                ("ok_text", &confirm.ok_text),
                ("dismiss_text", &confirm.dismiss_text),
            ])?;
            json.insert("confirm".to_owned(), confirm.into());
        }
        Ok(json.into())
    }

    /// Names and rendered texts, those that are empty left out.
    pub(super) fn filled(&self, texts: &[(&str, &String)]) -> Result<Map<String, Value>, Failure> {
        let mut map = Map::new();
        for (name, text) in texts {
            let text = self.text(text)?;
            if !text.is_empty() {
                map.insert((*name).to_owned(), text.into());
            }
        }
        Ok(map)
    }

    pub(super) async fn teams(&self, teams: &Teams) -> Result<Known, Failure> {
        let color = if self.data.status == "firing" { "Attention" } else { "Good" };
        let title = self.text(&teams.title)?;
        let text = self.text(&teams.text)?;
        let card = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.2",
                    "body": [
                        {
                            "type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": true,
                            "style": "heading", "color": color,
                        },
                        { "type": "TextBlock", "text": text, "wrap": true },
                    ],
                    "msteams": { "width": "full" },
                },
            }],
        });
        let url = self.url(&teams.url).await?;
        self.post(url, &card).await.map(|_| Known::new())
    }

    pub(super) async fn discord(&self, discord: &Discord) -> Result<Known, Failure> {
        let color = if self.data.status == "firing" { 0x99_2d_22 } else { 0x2e_cc_71 };
        let mut message = Map::new();
        message.insert("content".to_owned(), truncated(&self.text(&discord.content)?, DISCORD_CONTENT).into());
        message.insert(
            "embeds".to_owned(),
            json!([{
                "title": truncated(&self.text(&discord.title)?, DISCORD_TITLE),
                "description": truncated(&self.text(&discord.message)?, DISCORD_MESSAGE),
                "color": color,
            }]),
        );
        for (name, text) in [("username", &discord.username), ("avatar_url", &discord.avatar_url)] {
            if !text.is_empty() {
                message.insert(name.to_owned(), text.as_str().into());
            }
        }
        let url = self.url(&discord.url).await?;
        self.post(url, &message).await.map(|_| Known::new())
    }

    pub(super) async fn telegram(&self, telegram: &Telegram) -> Result<Known, Failure> {
        let text = if telegram.parse_mode == "HTML" {
            let text = self.renderer.html(&telegram.message)?;
            // HTML that is cut off is none.
            if text.chars().count() > TELEGRAM_MESSAGE {
                "The notification is longer than Telegram takes: its template must be made shorter.".to_owned()
            } else {
                text
            }
        } else {
            truncated(&self.text(&telegram.message)?, TELEGRAM_MESSAGE)
        };
        let chat = telegram.chat.read().await?;
        let chat: i64 = chat.expose().parse().map_err(|_| Failure::later("the chat's id is no number"))?;
        let mut message = Map::new();
        message.insert("chat_id".to_owned(), chat.into());
        message.insert("text".to_owned(), text.into());
        message.insert("disable_web_page_preview".to_owned(), true.into());
        if telegram.is_quiet {
            message.insert("disable_notification".to_owned(), true.into());
        }
        if telegram.thread != 0 {
            message.insert("message_thread_id".to_owned(), telegram.thread.into());
        }
        if !telegram.parse_mode.is_empty() {
            message.insert("parse_mode".to_owned(), telegram.parse_mode.as_str().into());
        }
        let token = self.secret(&telegram.token).await?;
        let url = format!("{}/bot{}/sendMessage", telegram.api_url.trim_end_matches('/'), token.expose());
        self.post(url, &message).await.map(|_| Known::new())
    }
}
