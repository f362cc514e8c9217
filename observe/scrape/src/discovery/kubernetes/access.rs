//! Where a cluster's API is, and who one says to be to it.
//!
//! Sources: Kubernetes's documentation, "Organizing Cluster Access Using kubeconfig Files" and "Accessing the Kubernetes API from a Pod".

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use vitrine_platform_config::yaml::{self, Fields, Node, Reader};
use vitrine_platform_fetch::{Authorization, Proxies, SecretSource, Settings};

/// Where a pod finds who it is.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Largest kubeconfig, in bytes.
const MAX_KUBECONFIG_BYTES: u64 = 1 << 20;
/// What `api_server` is expected to be.
const EXPECTED: &str = "a URL such as \"https://HOST:6443\"";

/// A cluster's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// Its URL, without a slash at its end.
    pub server: String,
    /// How it is asked.
    pub settings: Settings,
}

impl Access {
    /// Reads `api_server`, `kubeconfig_file` and `http_config`; without them, one is a pod. Returns with it the pod's own namespace, where that is
    /// wanted.
    pub fn take(
        reader: &Reader,
        fields: &mut Fields<'_>,
        folder: &Path,
        is_own_wanted: bool,
    ) -> Option<(Self, Option<String>)> {
        let server = fields.parsed("api_server", EXPECTED, server);
        let kubeconfig = fields.text("kubeconfig_file").filter(|path| !path.is_empty());
        let settings = Settings::read(reader, fields, folder);
        let has_settings = settings != Settings::default();
        let is_pod = server.is_none() && kubeconfig.is_none();
        let wrong = |is_wrong: bool, field: &str, message: &str| {
            if is_wrong {
                reader.mistake(fields.location_of(field), message);
            }
        };
        wrong(
            server.is_some() && kubeconfig.is_some(),
            "kubeconfig_file",
            "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
        );
        wrong(
            kubeconfig.is_some() && has_settings,
            "kubeconfig_file",
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
        );
        wrong(
            is_pod && has_settings,
            "role",
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        );
        wrong(
            !is_pod && is_own_wanted,
            "namespaces",
            "cannot use 'namespaces.own_namespace' with 'api_server' or 'kubeconfig_file'",
        );
        if let Some(server) = server {
            return Some((Self { server, settings }, None));
        }
        let location = fields.location_of(if kubeconfig.is_some() { "kubeconfig_file" } else { "role" });
        let read = match kubeconfig {
            Some(path) => of_kubeconfig(&folder.join(path)).map(|access| (access, None)),
            None => {
                let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
                of_pod(variable, Path::new(SERVICE_ACCOUNT), is_own_wanted)
            }
        };
        read.map_err(|message| reader.mistake(location, message)).ok()
    }
}

fn server(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let is_server = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none();
    is_server.then(|| text.trim_end_matches('/').to_owned())
}

/// What a pod is told of its cluster.
fn of_pod(
    variable: impl Fn(&str) -> Option<String>,
    account: &Path,
    is_own_wanted: bool,
) -> Result<(Access, Option<String>), String> {
    let get = |name: &str| {
        let none = "neither api_server nor kubeconfig_file is set, and this is no pod";
        variable(name).ok_or_else(|| format!("{none}: {name} is not set"))
    };
    let (host, port) = (get("KUBERNETES_SERVICE_HOST")?, get("KUBERNETES_SERVICE_PORT")?);
    let own = match is_own_wanted {
        true => {
            let path = account.join("namespace");
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some(text.trim().to_owned())
                .filter(|text| !text.is_empty())
                .map(Some)
                .ok_or("the own namespace has no name")?
        }
        false => None,
    };
    let credentials = SecretSource::File(account.join("token"));
    let mut settings = Settings {
        authorization: Some(Authorization::Credentials { scheme: "Bearer".to_owned(), credentials }),
        ..Settings::default()
    };
    settings.tls.ca = account.join("ca.crt");
    let server = format!("https://{}", crate::discovery::host_port(&host, port));
    Ok((Access { server, settings }, own))
}

/// What a kubeconfig's current context says.
fn of_kubeconfig(path: &Path) -> Result<Access, String> {
    let name = path.display();
    let text = crate::files::text(path, MAX_KUBECONFIG_BYTES)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let read = yaml::read(&text, |root, reader| kubeconfig(root, reader, folder));
    read.map_err(|mistakes| {
        let told: Vec<String> = mistakes.iter().map(|mistake| format!("{name}:{mistake}")).collect();
        told.join("; ")
    })
}

fn kubeconfig(root: &Node, reader: &Reader, folder: &Path) -> Option<Access> {
    let mut fields = reader.fields(root)?;
    fields.allow_others();
    let current = fields.text("current-context").filter(|name| !name.is_empty());
    let current = fields.required("current-context", current)?;
    let mut context = entry(reader, &mut fields, "contexts", "context", &current)?;
    let cluster = context.text("cluster");
    let cluster = context.required("cluster", cluster)?;
    let user = context.text("user").filter(|name| !name.is_empty());
    let mut cluster = entry(reader, &mut fields, "clusters", "cluster", &cluster)?;
    let url = cluster.parsed("server", EXPECTED, server);
    let url = cluster.required("server", url)?;
    let mut settings = Settings {
        server_name: cluster.text("tls-server-name").filter(|name| !name.is_empty()),
        is_insecure: cluster.flag("insecure-skip-tls-verify").unwrap_or_default(),
        ..Settings::default()
    };
    (settings.tls.ca, settings.tls_texts.ca) =
        pem(reader, &mut cluster, ["certificate-authority", "certificate-authority-data"], folder);
    let proxy = cluster.parsed("proxy-url", "the URL of an HTTP proxy", |text| {
        text.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some())
    });
    settings.proxies = proxy.map(Proxies::through).unwrap_or_default();
    if let Some(user) = user {
        let mut user = entry(reader, &mut fields, "users", "user", &user)?;
        (settings.tls.certificate, settings.tls_texts.certificate) =
            pem(reader, &mut user, ["client-certificate", "client-certificate-data"], folder);
        (settings.tls.key, settings.tls_texts.key) = pem(reader, &mut user, ["client-key", "client-key-data"], folder);
        settings.authorization = authorization(reader, &mut user, folder);
        for name in ["exec", "auth-provider"] {
            if user.node(name).is_some() {
                let message =
                    format!("{name}: programs that give tokens are not run: expected a token or a certificate");
                reader.mistake(user.location_of(name), message);
            }
        }
    }
    Some(Access { server: url, settings })
}

/// The entry of this name in a list of entries with names.
fn entry<'a>(
    reader: &'a Reader,
    fields: &mut Fields<'a>,
    list: &'static str,
    field: &'static str,
    name: &str,
) -> Option<Fields<'a>> {
    let (location, nodes) = (fields.location_of(list), fields.list(list));
    for node in nodes {
        let mut named = reader.fields(node)?;
        named.allow_others();
        if named.text("name").as_deref() == Some(name) {
            let mut found = named.fields(field)?;
            found.allow_others();
            return Some(found);
        }
    }
    reader.mistake(location, format!("there is no {name:?} among {list}"));
    None
}

/// A file of PEM, or its text in base64, which comes first.
fn pem(reader: &Reader, fields: &mut Fields<'_>, [file, data]: [&'static str; 2], folder: &Path) -> (PathBuf, String) {
    let text = fields.text(data).filter(|text| !text.is_empty()).map(|text| {
        let decoded = BASE64_STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.unwrap_or_else(|| {
            reader.mistake(fields.location_of(data), format!("{data}: expected PEM in base64"));
            String::new()
        })
    });
    let path = fields.text(file).filter(|path| !path.is_empty() && text.is_none());
    (path.map(|path| folder.join(path)).unwrap_or_default(), text.unwrap_or_default())
}

fn authorization(reader: &Reader, user: &mut Fields<'_>, folder: &Path) -> Option<Authorization> {
    let file = user.text("tokenFile").filter(|path| !path.is_empty());
    let token = user.text("token").filter(|token| !token.is_empty());
    let username = user.text("username").filter(|name| !name.is_empty());
    let password = SecretSource::take(reader, user, "password", "passwordFile", folder);
    let credentials = match (file, token) {
        (Some(file), _) => Some(SecretSource::File(folder.join(file))),
        (None, token) => token.map(|token| SecretSource::Text(token.into())),
    };
    match (credentials, username) {
        (Some(credentials), _) => Some(Authorization::Credentials { scheme: "Bearer".to_owned(), credentials }),
        (None, username) => username.map(|username| Authorization::Basic { username, password }),
    }
}

#[cfg(test)]
mod tests {
    use super::of_pod;

    #[test]
    fn a_pod_is_told_of_its_cluster() {
        let account = tempfile::tempdir().expect("a folder");
        std::fs::write(account.path().join("namespace"), "shop\n").expect("written");
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            _ => None,
        };
        let (access, own) = of_pod(variable, account.path(), true).expect("a pod");
        assert_eq!((access.server.as_str(), own.as_deref()), ("https://[fd00::1]:443", Some("shop")));
        assert_eq!(access.settings.tls.ca, account.path().join("ca.crt"));
        let told = of_pod(|_| None, account.path(), false).expect_err("no pod");
        assert!(told.contains("this is no pod: KUBERNETES_SERVICE_HOST is not set"), "{told}");
    }
}
