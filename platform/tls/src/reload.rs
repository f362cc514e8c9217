//! What was made out of files, made again when they have changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::{Error, Files};

/// How often files are looked at, at most: on each new connection, but not more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells one state of a file from another: a replaced file has another inode, a written one another time or length.
type Stamp = Option<(SystemTime, u64, u64)>;

type Make<T> = fn(&Files) -> Result<Arc<T>, Error>;

/// A value out of files. A new connection asks for [`Reloading::current`]; connections that are there keep what they have.
#[derive(Debug)]
pub(crate) struct Reloading<T> {
    files: Files,
    make: Make<T>,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    value: Arc<T>,
    stamps: [Stamp; 3],
    looked: Instant,
}

impl<T> Reloading<T> {
    pub(crate) fn new(files: &Files, make: Make<T>) -> Result<Self, Error> {
        // The stamps come first: what changes while it is read is read again.
        let stamps = stamps(files);
        let state = State { value: make(files)?, stamps, looked: Instant::now() };
        Ok(Self { files: files.clone(), make, state: Mutex::new(state) })
    }

    /// The newest value that could be made. Files that cannot be used are logged once for each of their states.
    pub(crate) fn current(&self) -> Arc<T> {
        let mut state = self.state.lock();
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            let stamps = stamps(&self.files);
            if stamps != state.stamps {
                state.stamps = stamps;
                match (self.make)(&self.files) {
                    Ok(value) => {
                        state.value = value;
                        tracing::info!(certificate = %self.files.certificate.display(), "certificates were read again");
                    }
                    Err(e) => tracing::warn!(error = %e, "new certificates cannot be used: the old ones stay in use"),
                }
            }
        }
        state.value.clone()
    }
}

fn stamps(files: &Files) -> [Stamp; 3] {
    [&files.ca, &files.certificate, &files.key].map(|path| stamp(path))
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
