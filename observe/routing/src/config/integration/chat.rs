//! Messages in Slack, Teams, Discord and Telegram.

use vitrine_platform_config::yaml::{Fields, Node, Reader};
use vitrine_platform_fetch::{Authorization, SecretSource, Settings};

use super::{Defaults, Kind, Url, secret_url, text_or};

/// A message in Slack. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// Where it goes.
    pub url: Url,
    /// Whether the message of a group is changed instead of sending another one.
    pub updates_message: bool,
    /// The channel.
    pub channel: String,
    /// The name of who writes.
    pub username: String,
    /// The color of the bar beside it.
    pub color: String,
    /// The title.
    pub title: String,
    /// Where the title leads.
    pub title_link: String,
    /// What stands above.
    pub pretext: String,
    /// The text.
    pub text: String,
    /// The text outside of the attachment.
    pub message_text: String,
    /// What stands below.
    pub footer: String,
    /// What is shown where attachments are not.
    pub fallback: String,
    /// What buttons send back.
    pub callback_id: String,
    /// The icon of who writes, by its name.
    pub icon_emoji: String,
    /// The same by its address.
    pub icon_url: String,
    /// A picture.
    pub image_url: String,
    /// A small picture.
    pub thumb_url: String,
    /// Whether names are made links.
    pub links_names: bool,
    /// Which parts are Markdown.
    pub markdown_in: Vec<String>,
    /// Small tables.
    pub fields: Vec<SlackField>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackField {
    /// Its title.
    pub title: String,
    /// Its value.
    pub value: String,
    /// Whether another one has room beside it.
    pub is_short: bool,
}

/// A button of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlackAction {
    /// `button`.
    pub r#type: String,
    /// What stands on it.
    pub text: String,
    /// Where it leads.
    pub url: String,
    /// How it looks.
    pub style: String,
    /// What it is called when it is sent back.
    pub name: String,
    /// What is sent back.
    pub value: String,
    /// A question before that.
    pub confirm: Option<SlackConfirmation>,
}

/// A question before an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlackConfirmation {
    /// The question.
    pub text: String,
    /// Its title.
    pub title: String,
    /// What stands on yes.
    pub ok_text: String,
    /// What stands on no.
    pub dismiss_text: String,
}

/// Markdown is read in these where the file does not say it.
const MARKDOWN_IN: [&str; 3] = ["fallback", "pretext", "text"];

pub(super) fn read_slack(
    reader: &Reader,
    fields: &mut Fields<'_>,
    http: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let url = slack_url(reader, fields, http, defaults);
    let updates_message = fields.flag("update_message").unwrap_or_default();
    if updates_message && !matches!(&url, Some(SecretSource::Text(url)) if url.expose() == defaults.slack_app_url) {
        let message = "update_message can only be used with bot tokens. api_url must be set to https://slack.com/api/chat.postMessage";
        reader.mistake(fields.location_of("update_message"), message);
    }
    let mut default =
        |name, template: &str| text_or(fields, name, &format!("{{{{ template \"slack.default.{template}\" . }}}}"));
    let (color, title, title_link) =
        (default("color", "color"), default("title", "title"), default("title_link", "titlelink"));
    let (username, text, pretext) =
        (default("username", "username"), default("text", "text"), default("pretext", "pretext"));
    let (fallback, footer) = (default("fallback", "fallback"), default("footer", "footer"));
    let (icon_emoji, icon_url) = (default("icon_emoji", "iconemoji"), default("icon_url", "iconurl"));
    let callback_id = default("callback_id", "callbackid");
    let is_short = fields.flag("short_fields").unwrap_or_default();
    let tables = fields.list("fields").iter().filter_map(|node| slack_field(reader, node, is_short)).collect();
    let actions = fields.list("actions").iter().filter_map(|node| slack_action(reader, node)).collect();
    let markdown_in = Some(fields.list_of_texts("mrkdwn_in")).filter(|names| !names.is_empty());
    let slack = Slack {
        updates_message,
        channel: text_or(fields, "channel", ""),
        message_text: text_or(fields, "message_text", ""),
        image_url: text_or(fields, "image_url", ""),
        thumb_url: text_or(fields, "thumb_url", ""),
        links_names: fields.flag("link_names").unwrap_or_default(),
        markdown_in: markdown_in.unwrap_or_else(|| MARKDOWN_IN.map(str::to_owned).to_vec()),
        fields: tables,
        actions,
        username,
        color,
        title,
        title_link,
        pretext,
        text,
        footer,
        fallback,
        callback_id,
        icon_emoji,
        icon_url,
        url: url?,
    };
    Some(Kind::Slack(Box::new(slack)))
}

/// An incoming webhook, or a bot: its token then is who one says to be.
fn slack_url(reader: &Reader, fields: &mut Fields<'_>, http: &mut Settings, defaults: &Defaults) -> Option<Url> {
    let url = secret_url(reader, fields, ["api_url", "api_url_file"], defaults);
    let token = SecretSource::take(reader, fields, "app_token", "app_token_file", &defaults.folder);
    let app_url = super::super::defaults::url(fields, "app_url").unwrap_or_else(|| defaults.slack_app_url.clone());
    let wrong = |message: &str| reader.mistake(fields.location(), message);
    if url.is_some() && token.is_some() {
        wrong("at most one of api_url/api_url_file & app_token/app_token_file must be configured");
    }
    let token =
        token.or_else(|| defaults.slack_token.clone().filter(|_| url.is_none() && http.authorization.is_none()));
    if let Some(credentials) = token {
        if http.authorization.is_some() {
            wrong("http authorization can't be set when using Slack App tokens");
        }
        http.authorization = Some(Authorization::Credentials { scheme: "Bearer".to_owned(), credentials });
        return Some(SecretSource::Text(app_url.into()));
    }
    let url = url.or_else(|| defaults.slack_url.clone());
    if url.is_none() {
        wrong("no Slack API URL nor App token set either inline or in a file");
    }
    url
}

pub(super) fn slack_field(reader: &Reader, node: &Node, is_short: bool) -> Option<SlackField> {
    let mut fields = reader.fields(node)?;
    let [title, value] = ["title", "value"].map(|name| fields.text(name).filter(|text| !text.is_empty()));
    let is_short = fields.flag("short").unwrap_or(is_short);
    let (title, value) = (fields.required("title", title), fields.required("value", value));
    Some(SlackField { title: title?, value: value?, is_short })
}

fn slack_action(reader: &Reader, node: &Node) -> Option<SlackAction> {
    let mut fields = reader.fields(node)?;
    let [r#type, text, url, style, name, value] =
        ["type", "text", "url", "style", "name", "value"].map(|field| text_or(&mut fields, field, ""));
    let confirm = fields.fields("confirm").map(|mut confirm| {
        let [text, title, ok_text, dismiss_text] =
            ["text", "title", "ok_text", "dismiss_text"].map(|field| text_or(&mut confirm, field, ""));
        SlackConfirmation { text, title, ok_text, dismiss_text }
    });
    let missing =
        [("type", r#type.is_empty()), ("text", text.is_empty()), ("name or url", url.is_empty() && name.is_empty())];
    for (what, _) in missing.into_iter().filter(|(_, is_missing)| *is_missing) {
        reader.mistake(fields.location(), format!("missing {what} in Slack action configuration"));
    }
    // One that leads somewhere sends nothing back.
    let action = SlackAction { r#type, text, url, style, ..SlackAction::default() };
    Some(if action.url.is_empty() { SlackAction { name, value, confirm, ..action } } else { action })
}

/// A card in Microsoft Teams. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teams {
    /// Where it goes.
    pub url: Url,
    /// The title.
    pub title: String,
    /// The text.
    pub text: String,
}

pub(super) fn read_teams(
    reader: &Reader,
    fields: &mut Fields<'_>,
    http: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    // Alone among the kinds it goes through the common proxy where its own settings name none.
    if http.proxies.is_empty() {
        http.proxies = defaults.http.proxies.clone();
    }
    let title = text_or(fields, "title", "{{ template \"msteamsv2.default.title\" . }}");
    let text = text_or(fields, "text", "{{ template \"msteamsv2.default.text\" . }}");
    let url = webhook_url(reader, fields, defaults)?;
    Some(Kind::Teams(Teams { url, title, text }))
}

pub(super) fn webhook_url(reader: &Reader, fields: &mut Fields<'_>, defaults: &Defaults) -> Option<Url> {
    let url = secret_url(reader, fields, ["webhook_url", "webhook_url_file"], defaults);
    if url.is_none() {
        reader.mistake(fields.location(), "one of webhook_url or webhook_url_file must be configured");
    }
    url
}

/// A message in Discord. Texts but for the name and picture of who writes are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discord {
    /// Where it goes.
    pub url: Url,
    /// What stands above.
    pub content: String,
    /// The title.
    pub title: String,
    /// The text.
    pub message: String,
    /// The name of who writes.
    pub username: String,
    /// The picture of who writes.
    pub avatar_url: String,
}

pub(super) fn read_discord(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let content = text_or(fields, "content", "");
    let title = text_or(fields, "title", "{{ template \"discord.default.title\" . }}");
    let message = text_or(fields, "message", "{{ template \"discord.default.message\" . }}");
    let username = text_or(fields, "username", "");
    let avatar_url = super::super::defaults::url(fields, "avatar_url").unwrap_or_default();
    let url = webhook_url(reader, fields, defaults)?;
    Some(Kind::Discord(Discord { url, content, title, message, username, avatar_url }))
}

/// A message of a Telegram bot. The text is a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// Where the API is.
    pub api_url: String,
    /// The bot's token.
    pub token: SecretSource,
    /// The number of the chat.
    pub chat: SecretSource,
    /// The thread in it; 0 is none.
    pub thread: i64,
    /// The text.
    pub message: String,
    /// Whether it makes no sound.
    pub is_quiet: bool,
    /// How the text is read: `HTML`, `Markdown`, `MarkdownV2`, or as it is where it is empty.
    pub parse_mode: String,
}

pub(super) fn read_telegram(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let api_url = super::super::defaults::url(fields, "api_url").unwrap_or_else(|| defaults.telegram_url.clone());
    let token = SecretSource::take(reader, fields, "bot_token", "bot_token_file", &defaults.folder);
    let token = token.or_else(|| defaults.telegram_token.clone());
    let number =
        fields.node("chat_id").map(|node| reader.parsed("chat_id", node, "a number", |text| text.parse::<i64>().ok()));
    let chat = SecretSource::take(reader, fields, "chat_id", "chat_id_file", &defaults.folder);
    let thread = fields.number("message_thread_id").unwrap_or_default();
    let message = text_or(fields, "message", "{{ template \"telegram.default.message\" . }}");
    let is_quiet = fields.flag("disable_notifications").unwrap_or_default();
    let parse_mode = fields.parsed("parse_mode", "Markdown, MarkdownV2, HTML or nothing", |text| {
        ["", "Markdown", "MarkdownV2", "HTML"].contains(&text).then(|| text.to_owned())
    });
    if token.is_none() {
        reader.mistake(fields.location(), "missing bot_token or bot_token_file on telegram_config");
    }
    if chat.is_none() || number == Some(Some(0)) {
        reader.mistake(fields.location(), "missing chat_id or chat_id_file on telegram_config");
    }
    let parse_mode = parse_mode.unwrap_or_else(|| "HTML".to_owned());
    Some(Kind::Telegram(Telegram { api_url, token: token?, chat: chat?, thread, message, is_quiet, parse_mode }))
}
