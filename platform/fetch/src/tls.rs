//! TLS for what is no request over HTTP, with the same settings.

use std::io;
use std::sync::OnceLock;

use tokio::io::{AsyncRead, AsyncWrite};
use vitrine_platform_tls::{Files, Texts, TlsStream, WebClient};

use crate::request::Error;
use crate::settings::Settings;

/// Something that bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Makes connections secret ones, as [`Settings`] say.
#[derive(Clone, Debug)]
pub struct Tls {
    /// None where nothing is set: then it is what all have who trust the system's authorities, which are read when they are needed.
    own: Option<WebClient>,
    server_name: Option<String>,
    offers_http2: bool,
}

/// Trusts the system's authorities.
static SYSTEM: OnceLock<WebClient> = OnceLock::new();

fn system() -> io::Result<WebClient> {
    if let Some(client) = SYSTEM.get() {
        return Ok(client.clone());
    }
    let client = WebClient::new(&Files::default(), false).map_err(io::Error::other)?;
    Ok(SYSTEM.get_or_init(|| client).clone())
}

impl Tls {
    /// Reads the certificates that the settings name.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let Settings { tls, tls_texts, is_insecure, .. } = settings;
        let is_common = *tls == Files::default() && *tls_texts == Texts::default() && !is_insecure;
        let own = (!is_common).then(|| WebClient::with_texts(tls, tls_texts, *is_insecure));
        let own = own.transpose().map_err(Error::Tls)?;
        Ok(Self { own, server_name: settings.server_name.clone(), offers_http2: false })
    }

    /// The same for requests: HTTP/2 is offered, unless the settings refuse it.
    pub(crate) fn of_requests(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { offers_http2: !settings.refuses_http2, ..Self::new(settings)? })
    }

    async fn connected<S>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let client = self.own.clone().map_or_else(system, Ok)?;
        let client = if self.offers_http2 { client.offering_http2() } else { client };
        let name = self.server_name.as_deref().unwrap_or(host);
        client.connect(name.trim_matches(['[', ']']), stream).await
    }

    /// Makes a connection a secret one, and returns whether HTTP/2 is spoken on it.
    pub(crate) async fn negotiate(&self, host: &str, stream: Box<dyn Stream>) -> io::Result<(Box<dyn Stream>, bool)> {
        let stream = self.connected(host, stream).await?;
        let is_http2 = vitrine_platform_tls::is_http2(&stream);
        Ok((Box::new(stream), is_http2))
    }

    /// Makes a connection a secret one with the server at this host, whose certificate must bear its name, or the one of the settings. The caller
    /// bounds the time.
    pub async fn connect<S>(
        &self,
        host: &str,
        stream: S,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<S>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        self.connected(host, stream).await
    }
}
