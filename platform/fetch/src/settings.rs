//! How requests are made: who one is, whom one trusts, and which way they go. Written as `http_config`.
//!
//! Source: Prometheus's and Alertmanager's documentation, `<http_config>`.

use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use vitrine_platform_config::yaml::{Fields, Node, Reader};
use vitrine_platform_tls as tls;

use crate::headers::by_name;
use crate::proxies::Proxies;
use crate::secret::SecretSource;

/// Who one says to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password; none is an empty one.
        password: Option<SecretSource>,
    },
    /// A scheme such as `Bearer`, and what follows it.
    Credentials {
        /// The scheme.
        scheme: String,
        /// What follows it.
        credentials: SecretSource,
    },
    /// A token that a server gives.
    OAuth2(OAuth2),
}

/// Where a token is from, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// The client's id.
    pub client_id: String,
    /// Its secret; none is an empty one.
    pub client_secret: Option<SecretSource>,
    /// What the token shall allow.
    pub scopes: Vec<String>,
    /// Where it is asked for.
    pub token_url: String,
    /// Further parameters.
    pub parameters: Vec<(String, String)>,
    /// How it is asked for: TLS and proxies.
    pub settings: Box<Settings>,
}

impl OAuth2 {
    /// Reads `oauth2`. Relative files are below `folder`.
    pub(crate) fn read(reader: &Reader, node: &Node, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let client_id = fields.text("client_id").filter(|id| !id.is_empty());
        let client_id = fields.required("client_id", client_id);
        let client_secret = SecretSource::take(reader, &mut fields, "client_secret", "client_secret_file", folder);
        let token_url = fields.parsed("token_url", "a URL such as \"https://HOST/oauth2/token\"", |text| {
            let uri: http::Uri = text.parse().ok()?;
            (matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()).then(|| text.to_owned())
        });
        let token_url = fields.required("token_url", token_url);
        let _ = fields.parsed("grant_type", "client_credentials, the only grant that is known here", |text| {
            (text == "client_credentials").then_some(())
        });
        let (scopes, parameters) = (fields.list_of_texts("scopes"), fields.texts("endpoint_params"));
        let settings = Box::new(Settings::read_way(reader, &mut fields, folder));
        Some(Self { client_id: client_id?, client_secret, scopes, token_url: token_url?, parameters, settings })
    }
}

/// How requests are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Who one says to be; no one by default.
    pub authorization: Option<Authorization>,
    /// Headers of each request.
    pub headers: Vec<(HeaderName, Vec<SecretSource>)>,
    /// Files of TLS: authorities (the system's where none are named), own certificate and key.
    pub tls: tls::Files,
    /// The same as texts, which come before files.
    pub tls_texts: tls::Texts,
    /// The name that the server's certificate must bear, where it is not the host's.
    pub server_name: Option<String>,
    /// Whether any certificate is taken.
    pub is_insecure: bool,
    /// The HTTP proxies through which requests go.
    pub proxies: Proxies,
    /// Whether a redirect is an answer like others, and not followed.
    pub refuses_redirects: bool,
    /// Whether HTTP/2 is not offered to servers with TLS.
    pub refuses_http2: bool,
    /// The Unix socket over which requests go, whatever their host is.
    pub unix_socket: Option<PathBuf>,
}

impl Settings {
    /// Reads `http_config`. Relative files are below `folder`.
    pub fn read(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Self {
        let authorization = authorization(reader, fields, folder);
        let mut settings = Self { authorization, ..Self::read_way(reader, fields, folder) };
        if let Some(node) = fields.node("http_headers") {
            settings.headers = headers(reader, node, folder);
        }
        settings.refuses_redirects = fields.flag("follow_redirects") == Some(false);
        settings.refuses_http2 = fields.flag("enable_http2") == Some(false);
        settings
    }

    /// Reads whom one trusts and which way requests go: `tls_config` and the fields of proxies.
    pub(crate) fn read_way(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Self {
        let tls = match fields.node("tls_config") {
            Some(node) => Self::read_tls(reader, node, folder),
            None => Self::default(),
        };
        Self { proxies: Proxies::read(reader, fields), ..tls }
    }

    /// Reads `tls_config`, for what is no request: the other settings are those of [`Settings::default`].
    pub fn read_tls(reader: &Reader, node: &Node, folder: &Path) -> Self {
        let Some(mut fields) = reader.fields(node) else { return Self::default() };
        let mut file =
            |name| fields.text(name).filter(|path| !path.is_empty()).map(|path| folder.join(path)).unwrap_or_default();
        let tls = tls::Files { ca: file("ca_file"), certificate: file("cert_file"), key: file("key_file") };
        let mut text = |name| fields.text(name).unwrap_or_default();
        let tls_texts = tls::Texts { ca: text("ca"), certificate: text("cert"), key: text("key") };
        for (name, text, file, path) in [
            ("ca", &tls_texts.ca, "ca_file", &tls.ca),
            ("cert", &tls_texts.certificate, "cert_file", &tls.certificate),
            ("key", &tls_texts.key, "key_file", &tls.key),
        ] {
            if !text.is_empty() && !path.as_os_str().is_empty() {
                let message = format!("{name} and {file} are both set: expected one of them");
                reader.mistake(fields.location_of(file), message);
            }
        }
        let server_name = fields.text("server_name").filter(|name| !name.is_empty());
        let is_insecure = fields.flag("insecure_skip_verify").unwrap_or_default();
        Self { tls, tls_texts, server_name, is_insecure, ..Self::default() }
    }
}

fn authorization(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Option<Authorization> {
    let mut found = Vec::new();
    if let Some(mut basic) = fields.fields("basic_auth") {
        let username = basic.text("username").unwrap_or_default();
        let password = SecretSource::take(reader, &mut basic, "password", "password_file", folder);
        found.push(("basic_auth", Authorization::Basic { username, password }));
    }
    if let Some(mut given) = fields.fields("authorization") {
        let scheme = given.text("type").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let scheme = scheme.unwrap_or_else(|| "Bearer".to_owned());
        if scheme.eq_ignore_ascii_case("basic") {
            reader.mistake(
                given.location_of("type"),
                "type: Basic is set by basic_auth: expected another scheme, such as \"Bearer\"",
            );
        }
        if let Some(credentials) = SecretSource::take(reader, &mut given, "credentials", "credentials_file", folder) {
            found.push(("authorization", Authorization::Credentials { scheme, credentials }));
        }
    }
    if let Some(credentials) = SecretSource::take(reader, fields, "bearer_token", "bearer_token_file", folder) {
        found.push(("bearer_token", Authorization::Credentials { scheme: "Bearer".to_owned(), credentials }));
    }
    if let Some(oauth2) = fields.node("oauth2").and_then(|node| OAuth2::read(reader, node, folder)) {
        found.push(("oauth2", Authorization::OAuth2(oauth2)));
    }
    if let [(first, _), (second, _), ..] = found.as_slice() {
        reader.mistake(
            fields.location_of(second),
            format!("{first} and {second} are both set: expected one way to say who asks"),
        );
    }
    found.into_iter().next().map(|(_, authorization)| authorization)
}

/// Reads headers: `NAME: {values: […], secrets: […], files: […]}`.
fn headers(reader: &Reader, node: &Node, folder: &Path) -> Vec<(HeaderName, Vec<SecretSource>)> {
    let mut headers = Vec::new();
    for (name, node) in by_name(reader, "http_headers", node) {
        let Some(mut fields) = reader.fields(node) else { continue };
        let mut sources = Vec::new();
        for list in ["values", "secrets"] {
            for text in fields.list_of_texts(list) {
                if HeaderValue::from_str(&text).is_err() {
                    reader.mistake(node.location, format!("{list}: a value of {name} holds what no header may hold"));
                }
                sources.push(SecretSource::Text(text.into()));
            }
        }
        sources.extend(fields.list_of_texts("files").into_iter().map(|path| SecretSource::File(folder.join(path))));
        headers.push((name, sources));
    }
    headers
}
