//! Certificates and keys from files, for whoever speaks TLS: the only crate that names rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

pub use rustls::ClientConfig;

/// Which files. Empty paths are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Half of a pair.
    #[error("a certificate needs its key, and a key its certificate: one of the two files is not set")]
    Half,
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
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate)?;
        }
        Ok(roots)
    }

    /// What this side shows; none when no file is set for it.
    pub(crate) fn identity(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Error> {
        match (self.certificate.as_os_str().is_empty(), self.key.as_os_str().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => {
                let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| Error::File {
                    path: self.key.clone(),
                    expected: "a private key in PEM",
                    reason: e.to_string(),
                })?;
                Ok(Some((certificates(&self.certificate)?, key)))
            }
            _ => Err(Error::Half),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |reason: String| Error::File { path: path.to_owned(), expected: "certificates in PEM", reason };
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(e.to_string()))?;
    if found.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(found) }
}

/// The client's side of TLS: trusts the authorities of the files, and shows their certificate when there is one.
pub fn client(files: &Files) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(files.roots()?);
    Ok(Arc::new(match files.identity()? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    }))
}
