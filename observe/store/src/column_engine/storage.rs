//! Where segments are kept.

mod object;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use vitrine_observe_columns::{FileSource, Source};

pub use object::ObjectStorage;

/// Ends the names of files that are damaged, and are kept for one who wants to look into them.
pub(crate) const DAMAGED: &str = ".damaged";
/// The folder of segments, if nothing else is said.
pub(crate) const SEGMENTS: &str = "segments";

/// A place for files that are written once. Names are relative paths with slashes.
pub trait SegmentStorage: fmt::Debug + Send + Sync {
    /// Moves a local file here. It is there for good when this returns.
    fn put(&self, name: &str, local: &Path) -> io::Result<()>;

    /// Opens a file to read parts of it.
    fn open(&self, name: &str) -> io::Result<Arc<dyn Source>>;

    /// Renames a file.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. One that is not there is fine.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Reads a whole file.
    fn read(&self, name: &str) -> io::Result<Bytes> {
        let source = self.open(name)?;
        let length = usize::try_from(source.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        source.read(0, length)
    }

    /// Copies a file to a local one that is not there yet, and makes it last.
    fn copy_to(&self, name: &str, local: &Path) -> io::Result<()> {
        let source = self.open(name)?;
        let mut file = File::create_new(local)?;
        let mut at = 0;
        while at < source.len() {
            let length = usize::try_from(source.len() - at).unwrap_or(usize::MAX).min(COPIED_BYTES);
            file.write_all(&source.read(at, length)?)?;
            at += length as u64;
        }
        file.sync_all()
    }
}

/// Bytes of a file that are copied at a time.
const COPIED_BYTES: usize = 4 << 20;

/// A local folder.
#[derive(Debug, Clone)]
pub struct LocalStorage(PathBuf);

impl LocalStorage {
    /// Opens a folder, and makes it if need be.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Makes the folders above a file, and makes them last.
    fn folders(&self, path: &Path) -> io::Result<()> {
        let Some(parent) = path.parent().filter(|parent| !parent.exists()) else { return Ok(()) };
        std::fs::create_dir_all(parent)?;
        for folder in parent.ancestors().take_while(|folder| folder.starts_with(&self.0)) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn list_below(&self, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.list_below(&path, names)?;
            } else if let Some(name) = path.strip_prefix(&self.0).ok().and_then(Path::to_str) {
                names.push(name.to_owned());
            }
        }
        Ok(())
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

impl SegmentStorage for LocalStorage {
    fn put(&self, name: &str, local: &Path) -> io::Result<()> {
        let path = self.0.join(name);
        self.folders(&path)?;
        match std::fs::rename(local, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                std::fs::copy(local, &path)?;
                std::fs::remove_file(local)?;
            }
            Err(error) => return Err(error),
        }
        File::open(&path)?.sync_all()?;
        sync_parent(&path)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Source>> {
        Ok(Arc::new(FileSource::open(&self.0.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let to = self.0.join(to);
        std::fs::rename(self.0.join(from), &to)?;
        sync_parent(&to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn copy_to(&self, name: &str, local: &Path) -> io::Result<()> {
        let path = self.0.join(name);
        // Files are written once, so that two names of one file are as good as a copy.
        match std::fs::hard_link(&path, local) {
            Err(error) if matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::Unsupported) => {
                std::fs::copy(&path, local)?;
                File::open(local)?.sync_all()
            }
            linked => linked,
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.list_below(&self.0, &mut names)?;
        Ok(names)
    }
}
