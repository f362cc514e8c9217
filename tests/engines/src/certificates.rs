//! Certificates for tests of TLS: an authority, and what it has signed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};

/// An authority of its own, with its files in a folder.
pub struct Certificates {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Certificates {
    /// A new authority; its certificate is `ca.pem` in this folder.
    pub fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let made = Self { folder: folder.to_owned(), authority };
        std::fs::write(made.authority(), made.authority.pem())?;
        Ok(made)
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Writes `NAME.pem` and `NAME.key`, good for servers at this name, localhost and 127.0.0.1 and for
    /// clients; returns their paths. A second
    /// call with the same name replaces them by others.
    pub fn issue(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        self.issue_until(name, 4096)
    }

    /// The same, with a certificate that was good until the year 2001.
    pub fn issue_expired(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        self.issue_until(name, 2001)
    }

    fn issue_until(&self, name: &str, year: i32) -> Result<(PathBuf, PathBuf)> {
        let mut params = CertificateParams::new([name.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.authority)?;
        let (certificate_file, key_file) =
            (self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}.key")));
        std::fs::write(&certificate_file, certificate.pem())?;
        std::fs::write(&key_file, key.serialize_pem())?;
        Ok((certificate_file, key_file))
    }
}
