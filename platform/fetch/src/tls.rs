//! TLS for what is no request over HTTP, with the same settings.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use vitrine_platform_tls::WebClient;

use crate::{Error, Settings};

/// Makes connections secret ones, as [`Settings`] say.
#[derive(Clone, Debug)]
pub struct Tls {
    client: WebClient,
    server_name: Option<String>,
}

impl Tls {
    /// Reads the certificates that the settings name.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let client = WebClient::new(&settings.tls, settings.is_insecure).map_err(Error::Tls)?;
        Ok(Self { client, server_name: settings.server_name.clone() })
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
        let name = self.server_name.as_deref().unwrap_or(host);
        self.client.connect(name.trim_matches(['[', ']']), stream).await
    }
}
