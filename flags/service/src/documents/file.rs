//! What was taken from a file.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys};

/// Id of the one document.
pub(crate) const FILE: &str = "file";

/// The file whose definition was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileDocument {
    /// Where it is.
    pub(crate) path: String,
    /// SHA-256 of what was taken, in hexadecimal.
    pub(crate) hash: String,
    /// Its flags.
    pub(crate) keys: Vec<String>,
    /// Whether it says what flags share.
    pub(crate) shares: bool,
    /// When it was taken, in milliseconds since 1970.
    pub(crate) taken_ms: i64,
}

impl Document for FileDocument {
    const COLLECTION: &'static str = "files";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        FILE.into()
    }
    fn keys(&self, _: &mut Keys) {}
}
