//! Which segments there are. The only truth about it: what is not listed here is not there.
//!
//! It is one line of JSON and one with its CRC-32 in hexadecimal, replaced as a whole: written to another file, synced,
//! renamed, and the folder synced. So a crash leaves the old or the new one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vitrine_kit::file;

use crate::Signal;
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::options::Error;

/// The file's name.
const NAME: &str = "catalogue.json";
/// The file's name while it is being written.
const TEMPORARY: &str = "catalogue.json.tmp";
/// The only version there is.
const VERSION: u32 = 1;

/// A segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentInfo {
    /// Its number, which no other segment ever had.
    pub number: u64,
    /// How many rows it has.
    pub rows: u64,
    /// Bytes of its Parquet file.
    pub file_bytes: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// The earliest time of a row.
    pub min_time: i64,
    /// The latest time of a row.
    pub max_time: i64,
    /// When the first of its rows became a segment, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last of its rows became a segment.
    pub last_ms: i64,
    /// Bytes of its largest column, uncompressed.
    pub largest_column_bytes: u64,
    /// Whether it has an index.
    pub index: bool,
    /// Whether it has a rollup.
    pub rollup: bool,
    /// Whether it has an index of texts. Older manifests do not say so.
    #[serde(default)]
    pub text_index: bool,
}

/// A tenant's segments of one signal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentList {
    /// The rows of all records up to this position of the log are in segments, or were removed again.
    pub through: u64,
    /// The segments.
    pub segments: Vec<SegmentInfo>,
}

/// A tenant's series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeriesList {
    /// The samples of all records up to this position of the log are in files, or were removed again.
    pub through: u64,
    /// The files, in the order in which they were written first.
    pub files: Vec<SeriesFileInfo>,
    /// What was deleted, and may still be in files.
    pub deleted: Vec<Deleted>,
}

/// A file of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeriesFileInfo {
    /// Its number, which no other file or segment ever had.
    pub number: u64,
    /// The greatest number of the files that it was merged of; its own if it was not. Of samples of one series and time that of the
    /// greatest rank counts.
    pub rank: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// The earliest sample, in milliseconds since 1970.
    pub min_ms: i64,
    /// The latest sample.
    pub max_ms: i64,
    /// When the first of its samples came into a file, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last of them did.
    pub last_ms: i64,
    /// By which translation its series are called what they are; 0 where that is not known.
    #[serde(default)]
    pub translation: u64,
}

/// Samples that were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deleted {
    /// Files of a number from here on were written afterwards, and are without them.
    pub before: u64,
    /// From this time on, in milliseconds since 1970.
    pub start_ms: i64,
    /// Up to and including this.
    pub end_ms: i64,
    /// Of which series: their ids in hexadecimal.
    pub series: Vec<String>,
}

/// Everything that is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    version: u32,
    /// No segment has this number or a greater one.
    pub next: u64,
    /// By tenant and signal.
    pub tenants: BTreeMap<String, BTreeMap<String, SegmentList>>,
    /// By tenant. Older manifests do not have it.
    #[serde(default)]
    pub series: BTreeMap<String, SeriesList>,
}

impl Contents {
    /// A tenant's series.
    pub(crate) fn series_of(&mut self, tenant: &str) -> &mut SeriesList {
        self.series.entry(tenant.to_owned()).or_default()
    }

    /// A tenant's segments of one signal.
    pub(crate) fn table(&mut self, tenant: &str, signal: Signal) -> &mut SegmentList {
        let tables = self.tenants.entry(tenant.to_owned()).or_default();
        tables.entry(signal_name(signal).to_owned()).or_default()
    }
}

/// A signal's name in the manifest and in names of files.
pub(crate) fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "traces",
        Signal::Logs => "logs",
        Signal::Metrics => "metrics",
    }
}

/// The list on disk, and what it says.
#[derive(Debug)]
pub(crate) struct Manifest {
    folder: PathBuf,
    contents: Mutex<Contents>,
}

impl Manifest {
    /// Reads the manifest of a folder; none if there is none yet.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(Error::io("read", path.display())(cause)),
        };
        let damaged = |found: String| Error::Manifest { path: path.clone(), found };
        let (body, crc) = text.trim_end().rsplit_once('\n').ok_or_else(|| damaged("it has one line only".into()))?;
        if u32::from_str_radix(crc, 16).ok() != Some(crc32fast::hash(body.as_bytes())) {
            return Err(damaged("its checksum is wrong".into()));
        }
        let contents: Contents = serde_json::from_str(body).map_err(|error| damaged(error.to_string()))?;
        if contents.version != VERSION {
            return Err(damaged(format!("it is of version {}, and this program knows {VERSION}", contents.version)));
        }
        Ok(Some(Self { folder: folder.to_owned(), contents: Mutex::new(Rank::Manifest, contents) }))
    }

    /// Begins an empty manifest in a folder.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let contents = Contents { version: VERSION, ..Contents::default() };
        let manifest = Self { folder: folder.to_owned(), contents: Mutex::new(Rank::Manifest, contents.clone()) };
        manifest.write(&contents)?;
        Ok(manifest)
    }

    /// What it says now.
    pub(crate) fn contents(&self) -> Contents {
        self.contents.lock().clone()
    }

    /// Changes it, on disk first. When that fails it is unknown which of both is on disk, and here it stays the old
    /// one: the files of neither may be removed before a later change succeeds.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> Result<T, Error> {
        let mut contents = self.contents.lock();
        let mut changed = contents.clone();
        let answer = change(&mut changed);
        if changed != *contents {
            self.write(&changed)?;
            *contents = changed;
        }
        Ok(answer)
    }

    fn write(&self, contents: &Contents) -> Result<(), Error> {
        let (path, temporary) = (self.folder.join(NAME), self.folder.join(TEMPORARY));
        let failed = Error::io("write", path.display());
        let attempt = || {
            let body = serde_json::to_string(contents)?;
            let text = format!("{body}\n{:08x}\n", crc32fast::hash(body.as_bytes()));
            file::write_whole(&path, &temporary, text.as_bytes())
        };
        attempt().map_err(failed)
    }
}
