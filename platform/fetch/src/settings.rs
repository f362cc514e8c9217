//! How requests are made: who one is, whom one trusts, and which way they go. Written as `http_config`.
//!
//! Source: Prometheus's and Alertmanager's documentation, `<http_config>`.

use std::io;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue, Uri};
use vitrine_kit::Secret;
use vitrine_platform_config::yaml::{Fields, Node, Reader, Value};
use vitrine_platform_tls as tls;

/// Largest file of a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A secret that is written in the settings, or in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// As written.
    Text(Secret),
    /// In a file, without the white space around it; read each time.
    File(PathBuf),
}

impl SecretSource {
    /// Returns the secret.
    pub async fn read(&self) -> io::Result<Secret> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let bytes = tokio::fs::metadata(path).await?.len();
                if bytes > MAX_SECRET_BYTES {
                    let message = format!("{bytes} bytes: a secret of at most {MAX_SECRET_BYTES} expected");
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
                }
                let text = tokio::fs::read_to_string(path).await;
                text.map(|text| Secret::from(text.trim()))
                    .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
            }
        }
    }

    /// Takes a secret out of two fields: what it says, or the file that holds it; relative files are below a folder. Both are a mistake.
    pub fn take(
        reader: &Reader,
        fields: &mut Fields<'_>,
        name: &'static str,
        file: &'static str,
        folder: &Path,
    ) -> Option<Self> {
        let text = fields.text(name).filter(|text| !text.is_empty());
        let path = fields.text(file).filter(|path| !path.is_empty());
        match (text, path) {
            (Some(_), Some(_)) => {
                reader
                    .mistake(fields.location_of(file), format!("{name} and {file} are both set: expected one of them"));
                None
            }
            (Some(text), None) => Some(Self::Text(text.into())),
            (None, Some(path)) => Some(Self::File(folder.join(path))),
            (None, None) => None,
        }
    }
}

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
    /// The name that the server's certificate must bear, where it is not the host's.
    pub server_name: Option<String>,
    /// Whether any certificate is taken.
    pub is_insecure: bool,
    /// The HTTP proxy through which requests go.
    pub proxy: Option<Uri>,
    /// The Unix socket over which requests go, whatever their host is.
    pub unix_socket: Option<PathBuf>,
}

impl Settings {
    /// Reads `http_config`. Relative files are below `folder`.
    pub fn read(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Self {
        let mut settings = Self { authorization: authorization(reader, fields, folder), ..Self::default() };
        if let Some(node) = fields.node("tls_config") {
            let tls = Self::read_tls(reader, node, folder);
            (settings.tls, settings.server_name, settings.is_insecure) = (tls.tls, tls.server_name, tls.is_insecure);
        }
        settings.proxy =
            fields.parsed("proxy_url", "the URL of an HTTP proxy, such as \"http://proxy:3128\"", |text| {
                text.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some())
            });
        if let Some(node) = fields.node("http_headers") {
            settings.headers = headers(reader, node, folder);
        }
        // Read so that files of others are taken. No redirect is followed: a receiver that moved is a mistake to be told. HTTP/2 would gain nothing.
        let _ = (fields.flag("follow_redirects"), fields.flag("enable_http2"));
        settings
    }

    /// Reads `tls_config`, for what is no request: the other settings are those of [`Settings::default`].
    pub fn read_tls(reader: &Reader, node: &Node, folder: &Path) -> Self {
        let Some(mut fields) = reader.fields(node) else { return Self::default() };
        let mut file =
            |name| fields.text(name).filter(|path| !path.is_empty()).map(|path| folder.join(path)).unwrap_or_default();
        let tls = tls::Files { ca: file("ca_file"), certificate: file("cert_file"), key: file("key_file") };
        let server_name = fields.text("server_name").filter(|name| !name.is_empty());
        let is_insecure = fields.flag("insecure_skip_verify").unwrap_or_default();
        Self { tls, server_name, is_insecure, ..Self::default() }
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
    let Value::Map(entries) = &node.value else {
        reader.mistake(node.location, "http_headers: expected a map of headers");
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, node) in entries {
        let Ok(name) = HeaderName::try_from(key.text.as_str()) else {
            reader.mistake(key.location, format!("{:?} is no name of a header", key.text));
            continue;
        };
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
