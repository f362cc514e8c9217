//! TLS with certificates and keys from files. The only crate that names rustls.
//!
//! [`client`] is for drivers that take a rustls configuration, [`WebClient`] for connections to servers anywhere. [`Server`] and [`Client`] are
//! the two sides of the project's own connections: mutual when both have all files, HTTP/2 by ALPN, and their files are read again when they change.
//!
//! ```
//! use vitrine_platform_tls::{Files, client};
//!
//! // Files that cannot be used are named, with what should be in them.
//! let error = client(&Files { ca: "/nowhere/ca.pem".into(), ..Files::default() }).expect_err("there is no such file");
//! assert!(error.to_string().starts_with("/nowhere/ca.pem: certificates in PEM expected"));
//! ```

mod anyone;
mod reload;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use reload::Reloading;

pub use rustls::ClientConfig;
pub use tokio_rustls::client::TlsStream;

/// A connection on the server's side.
pub type ServerStream = tokio_rustls::server::TlsStream<TcpStream>;
/// A connection on the client's side.
pub type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

/// What a server speaks, the best first.
const SPOKEN: &[&[u8]] = &[HTTP2, b"http/1.1"];
/// What gRPC needs.
const HTTP2: &[u8] = b"h2";

/// Which files. Empty paths are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// PEM certificates of the authorities that the other side's certificate may come from.
    pub ca: PathBuf,
    /// PEM certificate, with its chain, that this side shows.
    pub certificate: PathBuf,
    /// PEM private key of that certificate.
    pub key: PathBuf,
}

/// Files that cannot be used.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A file that cannot be read, or holds something else.
    #[error("{}: {expected} expected: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A text that holds something else.
    #[error("{expected} expected: {reason}")]
    Text {
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Half of a pair.
    #[error("a certificate needs its key, and a key its certificate: one of the two files is not set")]
    Half,
    /// A server that has nothing to show.
    #[error("a server needs a certificate and its key: neither file is set")]
    NoCertificate,
    /// A client that would believe no one.
    #[error(
        "a client needs the certificates of the authorities that servers' certificates come from: the file ca is not set"
    )]
    NoAuthority,
    /// A name that no certificate can bear.
    #[error("{0:?} is no name that a certificate can bear: a host name or an IP address expected")]
    Name(String),
    /// Certificates and key that do not fit, or that rustls cannot use.
    #[error("certificates and key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Files {
    /// Whether any file is set.
    pub fn is_set(&self) -> bool {
        [&self.ca, &self.certificate, &self.key].iter().any(|path| !path.as_os_str().is_empty())
    }

    /// The authorities.
    pub(crate) fn roots(&self) -> Result<RootCertStore, Error> {
        roots(&Pem::File(&self.ca))
    }

    /// What this side shows; none when no file is set for it.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        identity(Pem::of(&self.certificate, ""), Pem::of(&self.key, ""))
    }
}

/// The same as [`Files`], as texts in PEM; an empty one leaves the file in its place.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// Certificates of authorities.
    pub ca: String,
    /// The certificate, with its chain, that this side shows.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

/// Certificates, and the key of the first.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Where PEM stands.
enum Pem<'a> {
    File(&'a Path),
    Text(&'a str),
}

impl<'a> Pem<'a> {
    /// The text, else the file; none where neither is set.
    fn of(path: &'a Path, text: &'a str) -> Option<Self> {
        if !text.is_empty() {
            return Some(Self::Text(text));
        }
        (!path.as_os_str().is_empty()).then_some(Self::File(path))
    }

    fn wrong(&self, expected: &'static str, reason: impl ToString) -> Error {
        match self {
            Self::File(path) => Error::File { path: (*path).to_owned(), expected, reason: reason.to_string() },
            Self::Text(_) => Error::Text { expected, reason: reason.to_string() },
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let found = match self {
            Self::File(path) => CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>),
            Self::Text(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect(),
        };
        let found = found.map_err(|e| self.wrong("certificates in PEM", e))?;
        if found.is_empty() { Err(self.wrong("certificates in PEM", "there is none in it")) } else { Ok(found) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let found = match self {
            Self::File(path) => PrivateKeyDer::from_pem_file(path),
            Self::Text(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()),
        };
        found.map_err(|e| self.wrong("a private key in PEM", e))
    }
}

fn roots(pem: &Pem<'_>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in pem.certificates()? {
        roots.add(certificate).map_err(|e| pem.wrong("certificates of authorities in PEM", e))?;
    }
    Ok(roots)
}

fn identity(certificate: Option<Pem<'_>>, key: Option<Pem<'_>>) -> Result<Option<Identity>, Error> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some((certificate.certificates()?, key.key()?))),
        _ => Err(Error::Half),
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn client_config(identity: Option<Identity>, roots: RootCertStore) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    Ok(match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    })
}

/// The client's side of TLS: trusts the authorities of the files, and shows their certificate when there is one.
pub fn client(files: &Files) -> Result<Arc<ClientConfig>, Error> {
    client_config(files.identity()?, files.roots()?).map(Arc::new)
}

/// The same for a client of a web server anywhere: without authorities, it trusts those that the system trusts.
fn web_config(files: &Files, texts: &Texts) -> Result<ClientConfig, Error> {
    let roots = match Pem::of(&files.ca, &texts.ca) {
        Some(pem) => roots(&pem)?,
        None => {
            let mut roots = RootCertStore::empty();
            // A system without any trusts no one, which the first connection tells.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let identity = identity(Pem::of(&files.certificate, &texts.certificate), Pem::of(&files.key, &texts.key))?;
    client_config(identity, roots)
}

/// The client's side of connections to servers anywhere, over whatever carries bytes. Cheap to clone.
#[derive(Clone)]
pub struct WebClient(TlsConnector);

impl WebClient {
    /// Reads the files; without authorities in them, it trusts those that the system trusts. An insecure one takes any certificate: it keeps others
    /// from listening, not from taking the server's place.
    pub fn new(files: &Files, is_insecure: bool) -> Result<Self, Error> {
        Self::with_texts(files, &Texts::default(), is_insecure)
    }

    /// The same, where some of it stands in texts.
    pub fn with_texts(files: &Files, texts: &Texts, is_insecure: bool) -> Result<Self, Error> {
        let mut config = web_config(files, texts)?;
        if is_insecure {
            config.dangerous().set_certificate_verifier(Arc::new(anyone::Anyone(provider())));
        }
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// The same that also speaks HTTP/2, and leaves it to the server.
    pub fn offering_http2(&self) -> Self {
        let mut config = ClientConfig::clone(self.0.config());
        config.alpn_protocols = SPOKEN.iter().map(|name| name.to_vec()).collect();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Makes a connection a secret one with the server whose certificate bears this name. The caller bounds the time.
    pub async fn connect<S>(&self, name: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, Error::Name(name.to_owned()));
        let name = ServerName::try_from(name.to_owned()).map_err(invalid)?;
        self.0.connect(name, stream).await
    }
}

impl std::fmt::Debug for WebClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebClient").finish_non_exhaustive()
    }
}

/// Whether both sides have agreed on HTTP/2.
pub fn is_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

fn http2_client(files: &Files) -> Result<Arc<ClientConfig>, Error> {
    if files.ca.as_os_str().is_empty() {
        return Err(Error::NoAuthority);
    }
    let mut config = client_config(files.identity()?, files.roots()?)?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Arc::new(config))
}

fn http_server(files: &Files) -> Result<Arc<ServerConfig>, Error> {
    let (chain, key) = files.identity()?.ok_or(Error::NoCertificate)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = if files.ca.as_os_str().is_empty() {
        builder.with_no_client_auth()
    } else {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(files.roots()?), provider());
        // The roots are there, so only a key that the provider does not know could be wrong.
        let verifier = verifier.build().map_err(|e| rustls::Error::General(e.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = SPOKEN.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// The names in the certificate that the other side of a connection has shown, in the extensions of its requests. The authorities
/// in the server's files vouch for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNames(pub Vec<String>);

impl PeerNames {
    /// Reads the DNS names of the certificate that a client has shown; none when it has shown none.
    pub fn of(stream: &ServerStream) -> Option<Self> {
        let certificate = stream.get_ref().1.peer_certificates()?.first()?;
        // It was read before, when it was verified.
        let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
        Some(Self(certificate.valid_dns_names().map(str::to_owned).collect()))
    }
}

/// The server's side of connections. With authorities in its files, clients must show a certificate of one of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server(Arc<Reloading<ServerConfig>>);

impl Server {
    /// Reads the files.
    pub fn new(files: &Files) -> Result<Self, Error> {
        Ok(Self(Arc::new(Reloading::new(files, http_server)?)))
    }

    /// Makes a connection a secret one. The caller bounds the time.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<ServerStream> {
        TlsAcceptor::from(self.0.current()).accept(stream).await
    }
}

/// The client's side of HTTP/2 connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<Reloading<ClientConfig>>);

impl Client {
    /// Reads the files.
    pub fn new(files: &Files) -> Result<Self, Error> {
        Ok(Self(Arc::new(Reloading::new(files, http2_client)?)))
    }

    /// Makes a connection a secret one with the peer whose certificate bears this name. The caller bounds the time.
    pub async fn connect(&self, name: &str, stream: TcpStream) -> io::Result<ClientStream> {
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, Error::Name(name.to_owned()));
        let name = ServerName::try_from(name.to_owned()).map_err(invalid)?;
        TlsConnector::from(self.0.current()).connect(name, stream).await
    }
}
