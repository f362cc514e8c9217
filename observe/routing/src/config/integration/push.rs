//! Messages to telephones and topics: Pushover and Amazon SNS.

use std::collections::BTreeMap;
use std::time::Duration;

use vitrine_platform_config::yaml::{Fields, Reader};
use vitrine_platform_fetch::{SecretSource, Settings};

use super::{Defaults, Kind, text_or};
use crate::config::defaults;

const PUSHOVER: &str = "https://api.pushover.net/1/messages.json";
const RETRY: Duration = Duration::from_secs(60);
const EXPIRE: Duration = Duration::from_secs(60 * 60);

/// A message of Pushover. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushover {
    /// Where it goes. Alertmanager has no such field: Pushover itself.
    pub api_url: String,
    /// Whose telephone; a template.
    pub user: SecretSource,
    /// The application; a template.
    pub token: SecretSource,
    /// The title.
    pub title: String,
    /// The message.
    pub message: String,
    /// A link.
    pub url: String,
    /// What stands for the link.
    pub url_title: String,
    /// Which of the telephones.
    pub device: String,
    /// How it sounds.
    pub sound: String,
    /// From -2 to 2.
    pub priority: String,
    /// After which time one of priority 2 is told again.
    pub retry: Duration,
    /// For how long it is.
    pub expire: Duration,
    /// For how long it is kept; for ever where it is zero.
    pub ttl: Duration,
    /// Whether the message is HTML.
    pub is_html: bool,
    /// Whether its letters are of one width.
    pub is_monospace: bool,
}

pub(super) fn read_pushover(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let user = SecretSource::take(reader, fields, "user_key", "user_key_file", &defaults.folder);
    let token = SecretSource::take(reader, fields, "token", "token_file", &defaults.folder);
    for (is_missing, name) in [(user.is_none(), "user_key"), (token.is_none(), "token")] {
        if is_missing {
            reader.mistake(fields.location(), format!("one of {name} or {name}_file must be configured"));
        }
    }
    let is_html = fields.flag("html").unwrap_or_default();
    let is_monospace = fields.flag("monospace").unwrap_or_default();
    if is_html && is_monospace {
        reader.mistake(fields.location(), "at most one of monospace & html must be configured");
    }
    let pushover = Pushover {
        api_url: defaults::url(fields, "api_url").unwrap_or_else(|| PUSHOVER.to_owned()),
        title: text_or(fields, "title", "{{ template \"pushover.default.title\" . }}"),
        message: text_or(fields, "message", "{{ template \"pushover.default.message\" . }}"),
        url: text_or(fields, "url", "{{ template \"pushover.default.url\" . }}"),
        url_title: text_or(fields, "url_title", ""),
        device: text_or(fields, "device", ""),
        sound: text_or(fields, "sound", ""),
        priority: text_or(fields, "priority", "{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}"),
        retry: fields.duration("retry").unwrap_or(RETRY),
        expire: fields.duration("expire").unwrap_or(EXPIRE),
        ttl: fields.duration("ttl").unwrap_or_default(),
        is_html,
        is_monospace,
        user: user?,
        token: token?,
    };
    Some(Kind::Pushover(Box::new(pushover)))
}

/// A message of Amazon SNS. Texts are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sns {
    /// Where it goes; the region's own address where it is empty.
    pub api_url: String,
    /// The region; the environment's where it is empty.
    pub region: String,
    /// Who says it: name and secret of a key; the environment's where there is none.
    pub key: Option<(String, SecretSource)>,
    /// To whom: `TopicArn`, `TargetArn` or `PhoneNumber`, and what that is.
    pub to: (&'static str, String),
    /// The subject; none where it is empty.
    pub subject: String,
    /// The message.
    pub message: String,
    /// Attributes of the message; also their names are templates.
    pub attributes: BTreeMap<String, String>,
}

pub(super) fn read_sns(
    reader: &Reader,
    fields: &mut Fields<'_>,
    _: &mut Settings,
    defaults: &Defaults,
) -> Option<Kind> {
    let _ = fields.flag("use_aws_http_client");
    let mut to = Vec::new();
    for (field, name) in [("topic_arn", "TopicArn"), ("target_arn", "TargetArn"), ("phone_number", "PhoneNumber")] {
        to.extend(fields.text(field).filter(|text| !text.is_empty()).map(|text| (name, text)));
    }
    if to.len() != 1 {
        let message = "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config";
        reader.mistake(fields.location(), message);
    }
    let (mut region, mut key) = (String::new(), None);
    if let Some(mut signing) = fields.fields("sigv4") {
        region = text_or(&mut signing, "region", "");
        let name = text_or(&mut signing, "access_key", "");
        let secret = SecretSource::take(reader, &mut signing, "secret_key", "secret_key_file", &defaults.folder);
        match (name.is_empty(), secret) {
            (false, Some(secret)) => key = Some((name, secret)),
            (true, None) => {}
            _ => reader.mistake(
                signing.location(),
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
            ),
        }
        for name in ["profile", "role_arn", "external_id"] {
            if let Some(node) = signing.node(name) {
                let message = format!(
                    "{name}: roles are not assumed: expected access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
                );
                reader.mistake(node.location, message);
            }
        }
    }
    let sns = Sns {
        api_url: text_or(fields, "api_url", ""),
        subject: text_or(fields, "subject", "{{ template \"sns.default.subject\" . }}"),
        message: text_or(fields, "message", "{{ template \"sns.default.message\" . }}"),
        attributes: fields.texts("attributes").into_iter().collect(),
        to: to.into_iter().next()?,
        region,
        key,
    };
    Some(Kind::Sns(Box::new(sns)))
}
