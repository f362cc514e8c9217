//! A file of definitions beside the store, with one writer: the file or the store.
//!
//! Where the file writes, its flags are the file's to change: an edit is taken as one change, and a direct change of them is refused. Where the store
//! writes, the file is taken in once when it is new, and an edit of it is told and not taken. Either way a file that cannot be taken changes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vitrine_flags_engine::json::MAX_BYTES;

use super::change::{Changing, Transition};
use super::edit::Edit;
use super::set::DEFAULT_SET;
use super::{Error, FlagStore};
use crate::audit::Action;
use crate::documents::{FILE, FileDocument};
use crate::operation::{Author, Import, Operation};

/// Who changes flags that a file says.
const WHO: &str = "file";
/// A file that was changed just now can be changed again and look the same: within a tick of the file system's clock.
const SETTLED: Duration = Duration::from_secs(2);

/// Who writes flags that are in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writer {
    /// The file: the store follows it.
    #[default]
    File,
    /// The store: the file is taken in once.
    Store,
}

/// How a file fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileStatus {
    /// Where it is.
    pub path: String,
    /// Who writes its flags.
    pub writer: Writer,
    /// Its flags that are in force.
    pub keys: BTreeSet<String>,
    /// Whether it says what flags share.
    pub shares: bool,
    /// When what is in force was taken, in milliseconds since 1970; none if nothing was yet.
    pub taken_ms: Option<i64>,
    /// Why what the file says now is not in force, with line and column where it is a mistake.
    pub problem: Option<String>,
}

/// A file that is looked at again and again.
#[derive(Debug)]
pub(crate) struct FlagFile {
    path: PathBuf,
    writer: Writer,
    /// What was seen of it last: when it was changed, and its length.
    seen: Option<(Option<SystemTime>, u64)>,
}

impl FlagFile {
    pub(crate) fn new(path: &Path, writer: Writer) -> Self {
        Self { path: path.to_owned(), writer, seen: None }
    }

    /// Looks whether it is another than before, and takes it if that is how it is to be.
    pub(crate) async fn look(&mut self, flags: &FlagStore) -> Result<(), Error> {
        let path = self.path.clone();
        let metadata = tokio::task::spawn_blocking(move || std::fs::metadata(path)).await;
        let seen = metadata.ok().and_then(Result::ok).map(|metadata| (metadata.modified().ok(), metadata.len()));
        if seen.is_some() && seen == self.seen && flags.file_status().is_some() {
            return Ok(());
        }
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        flags.take_file(&self.path.display().to_string(), self.writer, read).await?;
        // Only now: what could not be kept is tried again.
        let is_settled = |(modified, _): &(Option<SystemTime>, u64)| {
            modified.and_then(|modified| modified.elapsed().ok()).is_some_and(|age| age > SETTLED)
        };
        self.seen = seen.filter(is_settled);
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > MAX_BYTES as u64 {
        return Err(format!("it has {} bytes, and {MAX_BYTES} is the most", metadata.len()));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

impl FlagStore {
    /// The file beside the store; none if there is none, or it was not looked at yet.
    pub fn file_status(&self) -> Option<FileStatus> {
        self.file.read().clone()
    }

    /// Takes what a file says, if that is how it is to be, and remembers how it fares.
    pub(crate) async fn take_file(
        &self,
        path: &str,
        writer: Writer,
        read: Result<String, String>,
    ) -> Result<(), Error> {
        let changing = self.begin().await;
        let kept = self.store().get::<FileDocument>(FILE).await?.map(|kept| kept.doc);
        let kept = kept.filter(|kept| kept.path == path);
        let mut status = FileStatus {
            path: path.to_owned(),
            writer,
            keys: kept.iter().flat_map(|kept| kept.keys.iter().cloned()).collect(),
            shares: kept.as_ref().is_some_and(|kept| kept.shares),
            taken_ms: kept.as_ref().map(|kept| kept.taken_ms),
            problem: None,
        };
        let taken = match read {
            Err(error) => Err(Error::Invalid(format!("{path} cannot be read: {error}"))),
            Ok(text) => changing.take(path, writer, &text, kept).await,
        };
        match taken {
            Ok(Some(taken)) => {
                status.keys = taken.keys.into_iter().collect();
                status.shares = taken.shares;
                status.taken_ms = Some(taken.taken_ms);
            }
            Ok(None) => {}
            Err(Error::Store(error)) => return Err(Error::Store(error)),
            Err(error) => {
                tracing::warn!(path, %error, "the file of flags is not in force");
                status.problem = Some(error.to_string());
            }
        }
        *self.file.write() = Some(status);
        Ok(())
    }
}

impl Changing<'_> {
    /// Takes a file's definition; none if it is taken already.
    async fn take(
        self,
        path: &str,
        writer: Writer,
        text: &str,
        kept: Option<FileDocument>,
    ) -> Result<Option<FileDocument>, Error> {
        let hash = hex::encode(Sha256::digest(text));
        if writer == Writer::Store
            && let Some(kept) = &kept
        {
            if kept.hash == hash {
                return Ok(None);
            }
            return Err(Error::Protected(format!(
                "{path} was edited since it was taken in, and the store is what counts: import it if that is meant"
            )));
        }
        let operation = Operation::Import { definition: text.to_owned(), import: Import::Merge, lenient: false };
        let author = Author { who: WHO.to_owned(), why: format!("{path} says so") };
        let all = super::edit::import_edits(text);
        let mut transition = self.transition_of(DEFAULT_SET, &operation, &author).await?;
        let all = all.map_err(|refused| Error::Refused { about: String::new(), refused })?;
        let keys: BTreeSet<String> = all.iter().filter_map(|edit| edit.key.clone()).collect();
        let shares = all.iter().any(|edit| edit.key.is_none());
        // Flags that are in the file no more go, if it was the file that brought them.
        if writer == Writer::File {
            let gone = kept.iter().flat_map(|kept| &kept.keys).filter(|key| !keys.contains(*key));
            let gone = gone.filter(|key| self.revision_of(DEFAULT_SET, Some(key)) > 0);
            transition.edits.extend(gone.map(|key| Edit { key: Some(key.clone()), definition: None }));
        }
        let same = kept.as_ref().is_some_and(|kept| kept.hash == hash);
        if same && transition.edits.is_empty() {
            return Ok(None);
        }
        let taken_ms = self.flags.now_ms();
        let taken = FileDocument { path: path.to_owned(), hash, keys: keys.into_iter().collect(), shares, taken_ms };
        let document = taken.clone();
        let transition = Transition { action: Action::File, about: Some(path.to_owned()), ..transition };
        self.commit(author, transition.with(move |tx| tx.put(&document))).await?;
        Ok(Some(taken))
    }

    /// Refuses a change of what a file says.
    pub(super) fn check_file(&self, transition: &Transition) -> Result<(), Error> {
        let status = self.flags.file.read();
        let Some(status) = status.as_ref().filter(|status| status.writer == Writer::File) else { return Ok(()) };
        if transition.set != DEFAULT_SET {
            return Ok(());
        }
        let said_by_file = transition.edits.iter().find(|edit| match &edit.key {
            Some(key) => status.keys.contains(key),
            None => status.shares,
        });
        match said_by_file {
            None => Ok(()),
            Some(edit) => {
                let what =
                    edit.key.as_ref().map_or_else(|| "what flags share".to_owned(), |key| format!("flag {key:?}"));
                Err(Error::Protected(format!("{what} is the file's to change: edit {}", status.path)))
            }
        }
    }
}
