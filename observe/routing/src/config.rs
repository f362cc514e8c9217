//! Alertmanager's configuration file, as Alertmanager reads it. All mistakes are told at once, with their lines.
//!
//! Source: Alertmanager's documentation, "Configuration", and the behaviour of 0.34.

mod defaults;
mod integration;
mod receiver;
mod shown;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use vitrine_platform_config::yaml::{self, Fields, Mistake, Node, Reader};

use crate::inhibit::InhibitRule;
use crate::time_interval::TimeInterval;

use defaults::Defaults;

pub use defaults::Smtp;
pub use integration::{
    Attachment, Discord, Email, IncidentIo, Integration, Jira, JiraApi, JiraText, Kind, Mattermost, MattermostPriority,
    Opsgenie, PagerDuty, PagerDutyImage, PagerDutyLink, Payload, Pushover, Responder, RocketChat, Slack, SlackAction,
    SlackConfirmation, SlackField, Sns, Teams, TeamsConnector, Telegram, Texts, VictorOps, WeChat, Webex, Webhook,
};
pub use receiver::Receiver;
pub(crate) use tree::read_matchers;
pub use tree::{GroupBy, Route, Routes};

/// What is done where no file says anything: alerts are kept, grouped by nothing, and sent to no one.
const DEFAULT: &str = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";

/// A configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long an alert without an end stays, if it is not told again.
    pub resolve_timeout: Duration,
    /// To whom alerts go.
    pub routes: Routes,
    /// Which alerts mute which others.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// Named stretches of time.
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// Files of templates; a pattern may stand for several.
    pub templates: Vec<PathBuf>,
    /// The file without its secrets, as the status shows it.
    pub shown: String,
}

impl Default for Config {
    fn default() -> Self {
        Self::read(DEFAULT, Path::new("")).expect("it has a route and its receiver")
    }
}

impl Config {
    /// Reads a configuration. Files that it names are below `folder`, where they are relative.
    pub fn read(text: &str, folder: &Path) -> Result<Self, Vec<Mistake>> {
        yaml::read(text, |root, reader| read(root, reader, folder))
    }

    /// A receiver by its name.
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}

fn read(root: &Node, reader: &Reader, folder: &Path) -> Option<Config> {
    let mut fields = reader.fields(root)?;
    let defaults = Defaults::read(reader, &mut fields, folder);
    let receivers = receivers(reader, &mut fields, &defaults);
    let time_intervals = time_intervals(reader, &mut fields);
    let inhibit_rules =
        fields.list("inhibit_rules").iter().filter_map(|node| InhibitRule::read(reader, node)).collect();
    let templates = fields.list_of_texts("templates").into_iter().map(|path| folder.join(path)).collect();
    for other in ["tracing", "event_recorder"] {
        if let Some(node) = fields.node(other) {
            reader.mistake(node.location, format!("{other}: Vitrine's own settings say this: expected nothing here"));
        }
    }
    let route = fields.node("route");
    let route = fields.required("route", route)?;
    let names: BTreeSet<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let routes = Routes::read(reader, route, &names, &time_intervals)?;
    let shown = shown::without_secrets(root);
    let resolve_timeout = defaults.resolve_timeout;
    Some(Config { resolve_timeout, routes, inhibit_rules, receivers, time_intervals, templates, shown })
}

fn receivers(reader: &Reader, fields: &mut Fields<'_>, defaults: &Defaults) -> Vec<Receiver> {
    let mut receivers: Vec<Receiver> = Vec::new();
    for node in fields.list("receivers") {
        let Some(receiver) = Receiver::read(reader, node, defaults) else { continue };
        if receivers.iter().any(|other| other.name == receiver.name) {
            reader.mistake(node.location, format!("notification config name {:?} is not unique", receiver.name));
        }
        receivers.push(receiver);
    }
    receivers
}

fn time_intervals(reader: &Reader, fields: &mut Fields<'_>) -> BTreeMap<String, Vec<TimeInterval>> {
    let mut found = BTreeMap::new();
    for list in ["mute_time_intervals", "time_intervals"] {
        for node in fields.list(list) {
            let Some(mut interval) = reader.fields(node) else { continue };
            let stretches =
                interval.list("time_intervals").iter().filter_map(|node| TimeInterval::read(reader, node)).collect();
            let name = interval.text("name").filter(|name| !name.is_empty());
            let Some(name) = interval.required("name", name) else { continue };
            if found.insert(name.clone(), stretches).is_some() {
                reader.mistake(node.location, format!("time interval {name:?} is not unique"));
            }
        }
    }
    found
}
