//! The log's folder: names, the lock, and the range of segments that are in use.
//!
//! `0000000007.segment` is a segment and `0000000007.damaged` is one in which something cannot be read. The empty file
//! `0000000003-0000000007.range` says with its name which segments are in use: renaming is atomic, and there is no
//! content to lose. Segments before the range were truncated. No number after it was ever used.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The name's ending of a segment.
pub(crate) const SEGMENT: &str = "segment";
/// The name's ending of a segment with damage.
pub(crate) const DAMAGED: &str = "damaged";
/// The name's ending of the file that says which segments are in use.
const RANGE: &str = "range";

/// The first and the last number in use. The first is greater than the last if none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) oldest: u32,
    pub(crate) newest: u32,
}

/// A segment's file, as the folder lists it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) number: u32,
    pub(crate) path: PathBuf,
}

/// The folder, locked as long as this is held.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
}

/// The path of a segment's file.
pub(crate) fn segment_path(folder: &Path, number: u32, ending: &str) -> PathBuf {
    folder.join(format!("{number:010}.{ending}"))
}

fn range_path(folder: &Path, range: Range) -> PathBuf {
    folder.join(format!("{:010}-{:010}.{RANGE}", range.oldest, range.newest))
}

impl Folder {
    /// Opens the folder, which is made if need be, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            std::fs::create_dir_all(path).map_err(Error::io("create the folder", path))?;
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent).and_then(|f| f.sync_all()).map_err(Error::io("sync the folder", parent))?;
        }
        let handle = File::open(path).map_err(Error::io("open the folder", path))?;
        match handle.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), handle }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(e)) => Err(Error::io("lock the folder", path)(e)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a segment that is whole.
    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        segment_path(&self.path, number, SEGMENT)
    }

    /// Makes created, renamed and removed names last.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// All segments by number, and the range if the folder tells one.
    pub(crate) fn list(&self) -> Result<(Vec<Listed>, Option<Range>), Error> {
        let failed = || Error::io("list the folder", &self.path);
        let (mut segments, mut range) = (Vec::new(), None);
        for entry in std::fs::read_dir(&self.path).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let Some((name, ending)) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.split_once('.')) else {
                continue;
            };
            match ending {
                SEGMENT | DAMAGED => {
                    if let Ok(number) = name.parse() {
                        segments.push(Listed { number, path });
                    }
                }
                RANGE => {
                    let numbers = name.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                    range = range.max(numbers.map(|(oldest, newest)| Range { oldest, newest }));
                }
                _ => {}
            }
        }
        segments.sort_by_key(|s| s.number);
        Ok((segments, range))
    }

    /// Says which segments are in use from now on. Lasts after the next [`Folder::sync`].
    pub(crate) fn set_range(&self, before: Option<Range>, after: Range) -> io::Result<()> {
        let path = range_path(&self.path, after);
        let renamed = match before {
            Some(before) => std::fs::rename(range_path(&self.path, before), &path),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        match renamed {
            Err(e) if e.kind() == io::ErrorKind::NotFound => File::create(&path).map(drop),
            other => other,
        }
    }
}
