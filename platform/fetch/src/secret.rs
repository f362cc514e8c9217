//! Secrets: written in settings, or in files.

use std::io;
use std::path::{Path, PathBuf};

use vitrine_kit::Secret;
use vitrine_platform_config::yaml::{Fields, Reader};

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
