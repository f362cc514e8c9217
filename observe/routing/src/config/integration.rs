//! Ways by which a receiver is told, with what each needs. Texts may be templates; what they become is the sender's matter.

mod chat;
mod duty;
mod email;
mod incident;
mod push;
mod rooms;
mod webhook;

use std::time::Duration;

use vitrine_platform_config::yaml::{Fields, Reader};
use vitrine_platform_fetch::{SecretSource, Settings};

use super::defaults::{Defaults, is_url};

pub use chat::{Discord, Slack, SlackAction, SlackConfirmation, SlackField, Teams, Telegram};
pub use duty::{Opsgenie, PagerDuty, PagerDutyImage, PagerDutyLink, Responder};
pub use email::Email;
pub use incident::{IncidentIo, Jira, JiraApi, JiraText, VictorOps};
pub use push::{Pushover, Sns};
pub use rooms::{Attachment, Mattermost, MattermostPriority, RocketChat, TeamsConnector, Texts, WeChat, Webex};
pub use webhook::{Payload, Webhook};

/// A way by which a receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Its place among those of its kind.
    pub index: u32,
    /// Whether it is also told when alerts are over.
    pub sends_resolved: bool,
    /// How long one try may take, where the file says it.
    pub timeout: Option<Duration>,
    /// How requests are made.
    pub http: Settings,
    /// Its kind, and what that needs.
    pub kind: Kind,
}

/// A kind of integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON to any address.
    Webhook(Webhook),
    /// A letter.
    Email(Box<Email>),
    /// A message in Slack.
    Slack(Box<Slack>),
    /// An event of PagerDuty.
    PagerDuty(Box<PagerDuty>),
    /// A card in Microsoft Teams.
    Teams(Teams),
    /// A message in Discord.
    Discord(Discord),
    /// A message of a Telegram bot.
    Telegram(Telegram),
    /// An alert of Opsgenie.
    Opsgenie(Box<Opsgenie>),
    /// A message in WeChat.
    WeChat(Box<WeChat>),
    /// An incident of VictorOps.
    VictorOps(Box<VictorOps>),
    /// A message of Pushover.
    Pushover(Box<Pushover>),
    /// A message of Amazon SNS.
    Sns(Box<Sns>),
    /// A message in Webex.
    Webex(Webex),
    /// A card by one of Teams' older connectors.
    TeamsConnector(TeamsConnector),
    /// An issue of Jira.
    Jira(Box<Jira>),
    /// A message in Rocket.Chat.
    RocketChat(Box<RocketChat>),
    /// A message in Mattermost.
    Mattermost(Box<Mattermost>),
    /// Alerts of incident.io.
    IncidentIo(IncidentIo),
}

impl Kind {
    /// As metrics and logs call it, and the notification log knows it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Email(_) => "email",
            Self::Slack(_) => "slack",
            Self::PagerDuty(_) => "pagerduty",
            Self::Teams(_) => "msteamsv2",
            Self::Discord(_) => "discord",
            Self::Telegram(_) => "telegram",
            Self::Opsgenie(_) => "opsgenie",
            Self::WeChat(_) => "wechat",
            Self::VictorOps(_) => "victorops",
            Self::Pushover(_) => "pushover",
            Self::Sns(_) => "sns",
            Self::Webex(_) => "webex",
            Self::TeamsConnector(_) => "msteams",
            Self::Jira(_) => "jira",
            Self::RocketChat(_) => "rocketchat",
            Self::Mattermost(_) => "mattermost",
            Self::IncidentIo(_) => "incidentio",
        }
    }
}

/// Reads what a kind needs; none, noted, if that is not there.
type ReadKind = fn(&Reader, &mut Fields<'_>, &mut Settings, &Defaults) -> Option<Kind>;

/// The lists of a receiver, and how their members are read.
pub(crate) const KINDS: &[(&str, ReadKind)] = &[
    ("webhook_configs", webhook::read),
    ("email_configs", email::read),
    ("slack_configs", chat::read_slack),
    ("pagerduty_configs", duty::read_pagerduty),
    ("msteamsv2_configs", chat::read_teams),
    ("discord_configs", chat::read_discord),
    ("telegram_configs", chat::read_telegram),
    ("opsgenie_configs", duty::read_opsgenie),
    ("wechat_configs", rooms::read_wechat),
    ("victorops_configs", incident::read_victorops),
    ("pushover_configs", push::read_pushover),
    ("sns_configs", push::read_sns),
    ("webex_configs", rooms::read_webex),
    ("msteams_configs", rooms::read_teams_connector),
    ("jira_configs", incident::read_jira),
    ("rocketchat_configs", rooms::read_rocketchat),
    ("mattermost_configs", rooms::read_mattermost),
    ("incidentio_configs", incident::read_incidentio),
];

impl Integration {
    /// Kind and place, as the notification log knows it: `slack[0]`.
    pub fn id(&self) -> String {
        format!("{}[{}]", self.kind.name(), self.index)
    }

    pub(crate) fn read(
        reader: &Reader,
        fields: &mut Fields<'_>,
        index: u32,
        kind: ReadKind,
        defaults: &Defaults,
    ) -> Option<Self> {
        let sends_resolved = fields.flag("send_resolved");
        let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero());
        let mut http = match fields.fields("http_config") {
            Some(mut http) => Settings::read(reader, &mut http, &defaults.folder),
            None => defaults.http.clone(),
        };
        let kind = kind(reader, fields, &mut http, defaults)?;
        // Those that Alertmanager leaves alone when all is well again.
        let sends_by_default = !matches!(kind, Kind::Email(_) | Kind::Slack(_) | Kind::WeChat(_) | Kind::RocketChat(_));
        Some(Self { index, sends_resolved: sends_resolved.unwrap_or(sends_by_default), timeout, http, kind })
    }
}

/// A URL that is a secret, and may be a template where the kind says so.
type Url = SecretSource;

/// Takes a secret URL out of its two fields, of which one must be there.
fn secret_url(reader: &Reader, fields: &mut Fields<'_>, names: [&'static str; 2], defaults: &Defaults) -> Option<Url> {
    let [name, file] = names;
    let found = SecretSource::take(reader, fields, name, file, &defaults.folder);
    if let Some(SecretSource::Text(url)) = &found
        && !url.expose().contains("{{")
        && !is_url(url.expose())
    {
        // Without what was written: most of it may be right, and a secret.
        reader.mistake(fields.location_of(name), format!("{name}: expected a URL such as \"https://example.org/…\""));
    }
    found
}

/// A text, or what stands for it where there is none.
fn text_or(fields: &mut Fields<'_>, name: &'static str, default: &str) -> String {
    fields.text(name).unwrap_or_else(|| default.to_owned())
}
