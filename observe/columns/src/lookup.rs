//! Rows by id.

use bytes::Bytes;

use crate::Error;

/// The index of ids, as it stands in its file.
pub(crate) struct Index {
    file: Bytes,
}

impl Index {
    pub fn open(file: Bytes, _pages: usize) -> Result<Self, Error> {
        Ok(Self { file })
    }

    pub fn bytes(&self) -> usize {
        self.file.len()
    }
}
