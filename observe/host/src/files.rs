//! The kernel's files.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use nix::sys::statvfs::{Statvfs, statvfs};

use crate::Roots;

/// Most bytes that are read of one file.
const MAX_BYTES: u64 = 4 << 20;
/// How long a file system has to say how full it is; one that a gone server holds never does.
const STAT_TIMEOUT: Duration = Duration::from_secs(5);

/// A file that cannot be read, or holds what was not expected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}: {1}")]
    Read(String, #[source] io::Error),
    #[error("{0}: {1}")]
    Content(String, &'static str),
}

impl Error {
    /// Whether this kernel does not have it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Read(_, error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads below the roots.
#[derive(Debug)]
pub(crate) struct Files {
    pub roots: Roots,
    /// File systems that have not answered yet.
    stuck: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Files {
    pub fn new(roots: Roots) -> Self {
        Self { roots, stuck: Arc::default() }
    }

    /// A file below `/proc`.
    pub fn proc(&self, path: &str) -> Result<String, Error> {
        read(&self.roots.proc.join(path))
    }

    /// A file below `/sys`.
    pub fn sys(&self, path: &str) -> Result<String, Error> {
        read(&self.roots.sys.join(path))
    }

    /// Names of what is in a folder below `/sys`, in order.
    pub fn sys_names(&self, path: &str) -> Result<Vec<String>, Error> {
        names(&self.roots.sys.join(path))
    }

    /// How full a file system is; an error also where it does not say in time.
    pub fn stat(&self, mount_point: &str) -> Result<Statvfs, String> {
        let path = self.roots.root.join(mount_point.trim_start_matches('/'));
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck.contains(&path) {
            return Err("mountpoint timeout".to_owned());
        }
        stuck.insert(path.clone());
        drop(stuck);
        let (sender, answer) = mpsc::channel();
        let (asked, waiting) = (path.clone(), self.stuck.clone());
        let asking = move || {
            let outcome = statvfs(&asked);
            waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&asked);
            // Who asked may have given up.
            let _ = sender.send(outcome);
        };
        let started = std::thread::Builder::new().name("statvfs".to_owned()).stack_size(64 << 10).spawn(asking);
        if let Err(error) = started {
            self.stuck.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
            return Err(error.to_string());
        }
        match answer.recv_timeout(STAT_TIMEOUT) {
            Ok(outcome) => outcome.map_err(|error| error.desc().to_lowercase()),
            Err(_) => Err("mountpoint timeout".to_owned()),
        }
    }
}

/// A file as text, what of it is not UTF-8 replaced.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let wrong = |error| Error::Read(path.display().to_string(), error);
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(wrong)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Names of what is in a folder, in order.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, Error> {
    let entries = std::fs::read_dir(path).map_err(|error| Error::Read(path.display().to_string(), error))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// A whole number, or 0 where there is none.
pub(crate) fn number(text: Option<&str>) -> f64 {
    text.and_then(|text| text.trim().parse::<f64>().ok()).unwrap_or_default()
}
