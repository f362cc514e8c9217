//! Alertmanager's core: which alerts are told to whom, when, and what keeps them from it. Pure: time and ids come in, what is to be sent and kept
//! goes out as values.
//!
//! [`Config`] reads Alertmanager's file. [`Router`] takes alerts, puts them into groups of routes, and finds what is due: [`Router::receive`],
//! [`Router::due_at`], [`Router::advance`], then [`Router::delivered`] or [`Router::refused`]. Its [`State`] is kept in parts, so that a restart goes on where
//! it ended. [`Matcher`], [`Silence`] and [`TimeInterval`] are what they are there. What API v2 asks for is [`Alerting`].
//!
//! It opens no connection and renders no template: `observe/alert` does, and keeps the state.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//! use vitrine_observe_routing::{Config, PostedAlert, Router, State};
//!
//! let text = "
//! route: {receiver: team, group_by: [alertname], group_wait: 10s}
//! receivers: [{name: team, webhook_configs: [{url: 'http://example.org/'}]}]";
//! let config = Config::read(text, Path::new("")).expect("a configuration");
//! let mut router = Router::new(Arc::new(config), State::default(), 0);
//! let labels = [("alertname".to_owned(), "Down".to_owned())].into();
//! router.receive(vec![PostedAlert { labels, ..PostedAlert::default() }], 0).expect("an alert");
//!
//! assert_eq!(router.due_at(), Some(10_000));
//! router.advance(10_000);
//! let delivery = router.state().outbox.values().next().expect("the team is told");
//! assert_eq!((delivery.receiver.as_str(), delivery.reason.text()), ("team", "first notification"));
//! ```

mod alert;
mod ask;
mod config;
mod inhibit;
mod labels;
mod matcher;
mod router;
mod silence;
mod state;
mod time_interval;

pub use alert::{Alert, PostedAlert};
pub use ask::{
    AlertFilter, AlertView, Alerting, GroupView, IntegrationTest, ReceiverTestError, ReceiverView, StatusView,
    TellError, Telling, Testing, meets_filter,
};
pub use config::{
    Attachment, Config, Discord, Email, GroupBy, IncidentIo, Integration, Jira, JiraApi, JiraText, Kind, Mattermost,
    MattermostPriority, Opsgenie, PagerDuty, PagerDutyImage, PagerDutyLink, Payload, Pushover, Receiver, Responder,
    RocketChat, Route, Routes, Slack, SlackAction, SlackConfirmation, SlackField, Smtp, Sns, Teams, TeamsConnector,
    Telegram, Texts, VictorOps, WeChat, Webex, Webhook,
};
pub use inhibit::InhibitRule;
pub use labels::{ALERT_NAME, Fingerprint, LabelSet, quoted, written};
pub use matcher::{MAX_MATCHERS_BYTES, Matcher, MatcherError, all_match};
pub use router::{MAX_ALERTS, MAX_GROUPS, Refused, Router, Status};
pub use silence::{MAX_SILENCES, Silence, SilenceError, SilenceState};
pub use state::{Changes, Delivery, Group, LogEntry, Reason, State};
pub use time_interval::{TimeInterval, zone_offset};
