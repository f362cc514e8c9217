//! Messages in Mattermost, Rocket.Chat, Webex, WeChat, and by Teams' older connectors.

use std::collections::BTreeMap;

use vitrine_platform_config::yaml::{Fields, Node, Reader};
use vitrine_platform_fetch::{SecretSource, Settings};

use super::chat::{SlackField, slack_field, webhook_url};
use super::{Defaults, Kind, Url, secret_url, text_or};
use crate::config::defaults;

/// Texts by the names under which they are sent; templates. Those that become empty are not sent.
pub type Texts = BTreeMap<&'static str, String>;

/// Takes texts out of the fields of their names.
fn texts(fields: &mut Fields<'_>, names: &[&'static str]) -> Texts {
    names.iter().map(|name| (*name, text_or(fields, name, ""))).collect()
}

/// Takes texts that stand for themselves where the file does not say them, by the name of the template.
fn default_texts(fields: &mut Fields<'_>, texts: &mut Texts, defaults: &[(&'static str, &str)]) {
    for (name, template) in defaults {
        texts.insert(name, text_or(fields, name, &format!("{{{{ template \"{template}\" . }}}}")));
    }
}

/// A part of a message that is set apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// What it says.
    pub texts: Texts,
    /// Small tables; templates.
    pub fields: Vec<SlackField>,
}

/// A message in Mattermost. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mattermost {
    /// Where it goes.
    pub url: Url,
    /// `channel`, `username`, `icon_url`, `icon_emoji`, `type`.
    pub texts: Texts,
    /// What stands outside of the attachments.
    pub text: String,
    /// At least one.
    pub attachments: Vec<Attachment>,
    /// What is shown beside it, when it is asked for.
    pub card: String,
    /// How urgent it is.
    pub priority: Option<MattermostPriority>,
}

/// How urgent a message in Mattermost is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MattermostPriority {
    /// `urgent`, `important` or `standard`; a template.
    pub priority: String,
    /// Whether who reads it is to say so.
    pub is_acknowledged: bool,
    /// Whether it is told again and again.
    pub is_persistent: bool,
}

const ATTACHMENT: &[&str] = &[
    "fallback",
    "color",
    "pretext",
    "text",
    "author_name",
    "author_link",
    "author_icon",
    "title",
    "title_link",
    "thumb_url",
    "footer",
    "footer_icon",
    "image_url",
];

const MATTERMOST_DEFAULTS: &[(&str, &str)] = &[
    ("color", "mattermost.default.color"),
    ("text", "mattermost.default.text"),
    ("title", "mattermost.default.title"),
    ("title_link", "mattermost.default.titlelink"),
    ("fallback", "mattermost.default.fallback"),
];

pub(super) fn read_mattermost(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let url = secret_url(reader, fields, ["webhook_url", "webhook_url_file"], defaults);
    let url = url.or_else(|| defaults.mattermost_url.clone());
    if url.is_none() {
        reader.mistake(fields.location(), "no global Mattermost Webhook URL set either inline or in a file");
    }
    let attachment = |fields: &mut Fields<'_>| Attachment {
        fields: fields.list("fields").iter().filter_map(|node| slack_field(reader, node, false)).collect(),
        texts: texts(fields, ATTACHMENT),
    };
    let given = fields.list("attachments").iter().filter_map(|node| Some(attachment(&mut reader.fields(node)?)));
    let mut attachments: Vec<Attachment> = given.collect();
    let mut own = attachment(fields);
    default_texts(fields, &mut own.texts, MATTERMOST_DEFAULTS);
    let mut text = own.texts.get("text").cloned().unwrap_or_default();
    if attachments.is_empty() {
        attachments.push(own);
        text.clear();
    }
    let mut said = texts(fields, &["channel", "icon_url", "icon_emoji", "type"]);
    default_texts(fields, &mut said, &[("username", "mattermost.default.username")]);
    let card = fields.fields("props").map(|mut props| text_or(&mut props, "card", "")).unwrap_or_default();
    let priority = fields.fields("priority").map(|mut priority| MattermostPriority {
        priority: text_or(&mut priority, "priority", ""),
        is_acknowledged: priority.flag("requested_ack").unwrap_or_default(),
        is_persistent: priority.flag("persistent_notifications").unwrap_or_default(),
    });
    let priority = priority.filter(|priority| !priority.priority.is_empty());
    Some(Kind::Mattermost(Box::new(Mattermost { url: url?, texts: said, text, attachments, card, priority })))
}

/// A message in Rocket.Chat. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RocketChat {
    /// Where the server is.
    pub api_url: String,
    /// Who writes.
    pub user: SecretSource,
    /// By what this is proved.
    pub token: SecretSource,
    /// `channel`, `emoji`, `avatar`.
    pub texts: Texts,
    /// What is said.
    pub attachment: Attachment,
    /// Buttons: `text`, `url`, `msg`.
    pub actions: Vec<Texts>,
}

pub(super) fn read_rocketchat(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let user = SecretSource::take(reader, fields, "token_id", "token_id_file", &defaults.folder);
    let token = SecretSource::take(reader, fields, "token", "token_file", &defaults.folder);
    let (user, token) =
        (user.or_else(|| defaults.rocketchat_user.clone()), token.or_else(|| defaults.rocketchat_token.clone()));
    for (is_missing, what) in [(user.is_none(), "TokenID"), (token.is_none(), "Token")] {
        if is_missing {
            reader.mistake(fields.location(), format!("no global Rocketchat {what} set either inline or in a file"));
        }
    }
    let is_short = fields.flag("short_fields").unwrap_or_default();
    let mut attachment = Attachment {
        fields: fields.list("fields").iter().filter_map(|node| slack_field(reader, node, is_short)).collect(),
        texts: texts(fields, &["image_url", "thumb_url"]),
    };
    let color = text_or(fields, "color", "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}");
    attachment.texts.insert("color", color);
    default_texts(
        fields,
        &mut attachment.texts,
        &[
            ("title", "rocketchat.default.title"),
            ("title_link", "rocketchat.default.titlelink"),
            ("text", "rocketchat.default.text"),
        ],
    );
    let mut said = texts(fields, &["channel"]);
    default_texts(fields, &mut said, &[("emoji", "rocketchat.default.emoji")]);
    said.insert("avatar", text_or(fields, "icon_url", "{{ template \"rocketchat.default.iconurl\" . }}"));
    // It says how the server reads the text, which holds no names here.
    let _ = fields.flag("link_names");
    let actions = fields.list("actions").iter().filter_map(|node| rocketchat_action(reader, node)).collect();
    let api_url = defaults::url(fields, "api_url").unwrap_or_else(|| defaults.rocketchat_url.clone());
    let rocketchat = RocketChat { api_url, user: user?, token: token?, texts: said, attachment, actions };
    Some(Kind::RocketChat(Box::new(rocketchat)))
}

fn rocketchat_action(reader: &Reader, node: &Node) -> Option<Texts> {
    let mut fields = reader.fields(node)?;
    let action = texts(&mut fields, &["text", "url", "msg"]);
    // Alertmanager knows them, and sends buttons only.
    for name in ["type", "image_url", "webview_height_ratio", "msg_processing_type"] {
        let _ = fields.text(name);
    }
    for name in ["is_webview", "msg_in_chat_window"] {
        let _ = fields.flag(name);
    }
    Some(action)
}

/// A message in Webex. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webex {
    /// Where it goes.
    pub api_url: String,
    /// In which room.
    pub room: String,
    /// Markdown.
    pub message: String,
}

pub(super) fn read_webex(
    reader: &Reader,
    fields: &mut Fields<'_>,
    http: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let room = text_or(fields, "room_id", "");
    if room.is_empty() {
        reader.mistake(fields.location(), "missing room_id on webex_config");
    }
    if http.authorization.is_none() {
        reader.mistake(fields.location(), "missing webex_configs.http_config.authorization");
    }
    let message = text_or(fields, "message", "{{ template \"webex.default.message\" . }}");
    let api_url = defaults::url(fields, "api_url").unwrap_or_else(|| defaults.webex_url.clone());
    Some(Kind::Webex(Webex { api_url, room, message }))
}

/// A message in WeChat. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeChat {
    /// Where the API is; ends with a slash.
    pub api_url: String,
    /// The organisation; a template.
    pub corporation: String,
    /// Its secret; a template.
    pub secret: SecretSource,
    /// `touser`, `toparty`, `totag`, `agentid`.
    pub texts: Texts,
    /// What is said.
    pub message: String,
    /// Whether that is Markdown.
    pub is_markdown: bool,
}

pub(super) fn read_wechat(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let secret = SecretSource::take(reader, fields, "api_secret", "api_secret_file", &defaults.folder);
    let secret = secret.or_else(|| defaults.wechat_secret.clone());
    if secret.is_none() {
        reader.mistake(fields.location(), "no global Wechat Api Secret set either inline or in a file");
    }
    let corporation = fields.text("corp_id").filter(|text| !text.is_empty());
    let corporation = corporation.unwrap_or_else(|| defaults.wechat_corporation.clone());
    if corporation.is_empty() {
        reader.mistake(fields.location(), "no global Wechat CorpID set");
    }
    let is_markdown = fields.parsed("message_type", "text or markdown", |text| match text {
        "" | "text" => Some(false),
        "markdown" => Some(true),
        _ => None,
    });
    let mut said = Texts::new();
    for (field, name) in [("to_user", "touser"), ("to_party", "toparty"), ("to_tag", "totag"), ("agent_id", "agentid")]
    {
        said.insert(name, text_or(fields, field, &format!("{{{{ template \"wechat.default.{field}\" . }}}}")));
    }
    let wechat = WeChat {
        api_url: defaults::folder_url(fields, "api_url").unwrap_or_else(|| defaults.wechat_url.clone()),
        corporation,
        texts: said,
        message: text_or(fields, "message", "{{ template \"wechat.default.message\" . }}"),
        is_markdown: is_markdown.unwrap_or_default(),
        secret: secret?,
    };
    Some(Kind::WeChat(Box::new(wechat)))
}

/// A card by one of Teams' older connectors. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamsConnector {
    /// Where it goes.
    pub url: Url,
    /// The title.
    pub title: String,
    /// What is shown where there is no room.
    pub summary: String,
    /// The text.
    pub text: String,
}

pub(super) fn read_teams_connector(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let title = text_or(fields, "title", "{{ template \"msteams.default.title\" . }}");
    let summary = text_or(fields, "summary", "{{ template \"msteams.default.summary\" . }}");
    let text = text_or(fields, "text", "{{ template \"msteams.default.text\" . }}");
    let url = webhook_url(reader, fields, defaults)?;
    Some(Kind::TeamsConnector(TeamsConnector { url, title, summary, text }))
}
