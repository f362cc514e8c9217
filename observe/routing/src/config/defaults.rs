//! What stands in `global`, for receivers that do not say it themselves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vitrine_platform_config::yaml::{Fields, Node, Reader, Value};
use vitrine_platform_fetch::{SecretSource, Settings};

/// How long an alert without an end stays, if it is not told again.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
const OPSGENIE: &str = "https://api.opsgenie.com/";
const TELEGRAM: &str = "https://api.telegram.org";
const WECHAT: &str = "https://qyapi.weixin.qq.com/cgi-bin/";
const VICTOROPS: &str = "https://alert.victorops.com/integrations/generic/20131114/alert/";
const WEBEX: &str = "https://webexapis.com/v1/messages";
const ROCKETCHAT: &str = "https://open.rocket.chat/";
const SLACK_APP: &str = "https://slack.com/api/chat.postMessage";

/// What stands in `global`.
pub(crate) struct Defaults {
    pub(crate) folder: PathBuf,
    pub(crate) resolve_timeout: Duration,
    pub(crate) http: Settings,
    pub(crate) smtp: Smtp,
    pub(crate) slack_url: Option<SecretSource>,
    pub(crate) slack_token: Option<SecretSource>,
    pub(crate) slack_app_url: String,
    pub(crate) pagerduty_url: String,
    pub(crate) opsgenie_url: String,
    pub(crate) opsgenie_key: Option<SecretSource>,
    pub(crate) telegram_url: String,
    pub(crate) telegram_token: Option<SecretSource>,
    pub(crate) jira_url: Option<String>,
    pub(crate) mattermost_url: Option<SecretSource>,
    pub(crate) rocketchat_url: String,
    pub(crate) rocketchat_user: Option<SecretSource>,
    pub(crate) rocketchat_token: Option<SecretSource>,
    pub(crate) victorops_url: String,
    pub(crate) victorops_key: Option<SecretSource>,
    pub(crate) webex_url: String,
    pub(crate) wechat_url: String,
    pub(crate) wechat_secret: Option<SecretSource>,
    pub(crate) wechat_corporation: String,
}

/// How letters are handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smtp {
    /// Who writes.
    pub from: String,
    /// What this side says that its name is.
    pub hello: String,
    /// Host and port of the relay.
    pub smarthost: Option<(String, u16)>,
    /// Who one says to be; no one where it is empty.
    pub username: String,
    /// The password.
    pub password: Option<SecretSource>,
    /// The secret that CRAM-MD5 proves without telling it.
    pub secret: Option<SecretSource>,
    /// Who one says to be for AUTH PLAIN, where that is someone else.
    pub identity: String,
    /// Whether a letter is only handed over secretly.
    pub requires_tls: bool,
    /// Whether TLS comes before all else; by the port where nothing is said.
    pub is_implicit_tls: Option<bool>,
    /// The certificates that are believed, and whether all are.
    pub tls: Settings,
}

impl Smtp {
    /// Reads the fields that receivers and `global` share, which begin with `smtp_` in the latter.
    pub(crate) fn read(
        reader: &Reader,
        fields: &mut Fields<'_>,
        names: &SmtpNames,
        above: Self,
        folder: &Path,
    ) -> Self {
        let expected = "HOST:PORT of a relay, such as \"mail.example.org:587\"";
        let smarthost = fields.parsed(names.smarthost, expected, |text| {
            let (host, port) = text.rsplit_once(':')?;
            let host = host.trim_matches(['[', ']']);
            (!host.is_empty()).then(|| Some((host.to_owned(), port.parse().ok()?))).flatten()
        });
        let secret = SecretSource::take(reader, fields, names.auth_secret, names.auth_secret_file, folder);
        let identity = fields.text(names.auth_identity);
        let password = SecretSource::take(reader, fields, names.auth_password, names.auth_password_file, folder);
        let is_implicit_tls = fields.flag(names.force_implicit_tls);
        let tls = fields.node(names.tls_config).map(|node| Settings::read_tls(reader, node, folder));
        let text = |said: Option<String>, above: String| said.filter(|text| !text.is_empty()).unwrap_or(above);
        Self {
            from: text(fields.text(names.from), above.from),
            hello: text(fields.text(names.hello), above.hello),
            smarthost: smarthost.or(above.smarthost),
            username: text(fields.text(names.auth_username), above.username),
            password: password.or(above.password),
            secret: secret.or(above.secret),
            identity: text(identity, above.identity),
            requires_tls: fields.flag(names.require_tls).unwrap_or(above.requires_tls),
            is_implicit_tls: is_implicit_tls.or(above.is_implicit_tls),
            tls: tls.unwrap_or(above.tls),
        }
    }
}

/// How the fields are called.
pub(crate) struct SmtpNames {
    from: &'static str,
    hello: &'static str,
    smarthost: &'static str,
    auth_username: &'static str,
    auth_password: &'static str,
    auth_password_file: &'static str,
    auth_secret: &'static str,
    auth_secret_file: &'static str,
    auth_identity: &'static str,
    require_tls: &'static str,
    force_implicit_tls: &'static str,
    tls_config: &'static str,
}

/// In `email_configs`.
pub(crate) const IN_RECEIVER: SmtpNames = SmtpNames {
    from: "from",
    hello: "hello",
    smarthost: "smarthost",
    auth_username: "auth_username",
    auth_password: "auth_password",
    auth_password_file: "auth_password_file",
    auth_secret: "auth_secret",
    auth_secret_file: "auth_secret_file",
    auth_identity: "auth_identity",
    require_tls: "require_tls",
    force_implicit_tls: "force_implicit_tls",
    tls_config: "tls_config",
};

const IN_GLOBAL: SmtpNames = SmtpNames {
    from: "smtp_from",
    hello: "smtp_hello",
    smarthost: "smtp_smarthost",
    auth_username: "smtp_auth_username",
    auth_password: "smtp_auth_password",
    auth_password_file: "smtp_auth_password_file",
    auth_secret: "smtp_auth_secret",
    auth_secret_file: "smtp_auth_secret_file",
    auth_identity: "smtp_auth_identity",
    require_tls: "smtp_require_tls",
    force_implicit_tls: "smtp_force_implicit_tls",
    tls_config: "smtp_tls_config",
};

impl Defaults {
    pub(crate) fn read(reader: &Reader, root: &mut Fields<'_>, folder: &Path) -> Self {
        let nothing = Node { location: root.location(), value: Value::Null };
        let node = root.node("global").unwrap_or(&nothing);
        // What is no map was noted; an empty map says as much as nothing.
        let Some(mut fields) = reader.fields(node).or_else(|| reader.fields(&nothing)) else {
            return Self::nothing(folder);
        };
        let fields = &mut fields;
        let mut defaults = Self::nothing(folder);
        defaults.resolve_timeout = fields.duration("resolve_timeout").unwrap_or(RESOLVE_TIMEOUT);
        if let Some(mut http) = fields.fields("http_config") {
            defaults.http = Settings::read(reader, &mut http, folder);
        }
        defaults.smtp = Smtp::read(reader, fields, &IN_GLOBAL, defaults.smtp, folder);
        defaults.slack_url = SecretSource::take(reader, fields, "slack_api_url", "slack_api_url_file", folder);
        defaults.slack_token = SecretSource::take(reader, fields, "slack_app_token", "slack_app_token_file", folder);
        if let (Some(_), Some(_)) = (&defaults.slack_url, &defaults.slack_token) {
            let message = "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured";
            reader.mistake(fields.location(), message);
        }
        defaults.opsgenie_key = SecretSource::take(reader, fields, "opsgenie_api_key", "opsgenie_api_key_file", folder);
        defaults.telegram_token =
            SecretSource::take(reader, fields, "telegram_bot_token", "telegram_bot_token_file", folder);
        for (name, of) in [
            ("slack_app_url", &mut defaults.slack_app_url),
            ("pagerduty_url", &mut defaults.pagerduty_url),
            ("opsgenie_api_url", &mut defaults.opsgenie_url),
            ("telegram_api_url", &mut defaults.telegram_url),
        ] {
            if let Some(url) = url(fields, name) {
                *of = url;
            }
        }
        defaults.read_others(reader, fields, folder);
        defaults
    }

    fn read_others(&mut self, reader: &Reader, fields: &mut Fields<'_>, folder: &Path) {
        self.mattermost_url =
            SecretSource::take(reader, fields, "mattermost_webhook_url", "mattermost_webhook_url_file", folder);
        self.rocketchat_user =
            SecretSource::take(reader, fields, "rocketchat_token_id", "rocketchat_token_id_file", folder);
        self.rocketchat_token = SecretSource::take(reader, fields, "rocketchat_token", "rocketchat_token_file", folder);
        self.victorops_key = SecretSource::take(reader, fields, "victorops_api_key", "victorops_api_key_file", folder);
        self.wechat_secret = SecretSource::take(reader, fields, "wechat_api_secret", "wechat_api_secret_file", folder);
        self.wechat_corporation = fields.text("wechat_api_corp_id").unwrap_or_default();
        self.jira_url = folder_url(fields, "jira_api_url");
        for (name, of, read) in [
            (
                "rocketchat_api_url",
                &mut self.rocketchat_url,
                url as fn(&mut Fields<'_>, &'static str) -> Option<String>,
            ),
            ("webex_api_url", &mut self.webex_url, url),
            ("victorops_api_url", &mut self.victorops_url, folder_url),
            ("wechat_api_url", &mut self.wechat_url, folder_url),
        ] {
            if let Some(url) = read(fields, name) {
                *of = url;
            }
        }
    }

    fn nothing(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            resolve_timeout: RESOLVE_TIMEOUT,
            http: Settings::default(),
            smtp: Smtp { hello: "localhost".to_owned(), requires_tls: true, ..Smtp::default() },
            slack_url: None,
            slack_token: None,
            slack_app_url: SLACK_APP.to_owned(),
            pagerduty_url: PAGERDUTY.to_owned(),
            opsgenie_url: OPSGENIE.to_owned(),
            opsgenie_key: None,
            telegram_url: TELEGRAM.to_owned(),
            telegram_token: None,
            jira_url: None,
            mattermost_url: None,
            rocketchat_url: ROCKETCHAT.to_owned(),
            rocketchat_user: None,
            rocketchat_token: None,
            victorops_url: VICTOROPS.to_owned(),
            victorops_key: None,
            webex_url: WEBEX.to_owned(),
            wechat_url: WECHAT.to_owned(),
            wechat_secret: None,
            wechat_corporation: String::new(),
        }
    }
}

/// Reads the URL of a web server.
pub(crate) fn url(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    fields.parsed(name, "a URL such as \"https://example.org/\"", |text| is_url(text).then(|| text.to_owned()))
}

/// The same, of a URL below which others are: it ends with a slash.
pub(crate) fn folder_url(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    url(fields, name).map(|url| if url.ends_with('/') { url } else { url + "/" })
}

/// Whether a text is the URL of a web server.
pub(crate) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']) && !rest.contains(char::is_whitespace)
    })
}
