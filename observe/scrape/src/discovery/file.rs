//! Targets in files, JSON or YAML, which is the same to read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vitrine_platform_config::yaml::{self, Node, Reader};

use super::{Group, group};

/// The label that says which file a target is from.
const FILE_PATH: &str = "__meta_filepath";
/// How often files are looked at: a change is seen within this time, whatever `refresh_interval` says, as Prometheus sees changes at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Largest file, in bytes.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// Most files of one pattern.
const MAX_FILES: usize = 1_000;

/// Files with targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiscovery {
    patterns: Vec<PathBuf>,
}

impl FileDiscovery {
    pub(super) fn take(reader: &Reader, node: &Node, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let patterns: Vec<String> = fields.list_of_texts("files");
        let location = fields.location_of("files");
        let _ = fields.duration("refresh_interval");
        if patterns.is_empty() {
            reader.mistake(location, "file service discovery config must contain at least one path name");
        }
        for pattern in &patterns {
            let name = pattern.rsplit('/').next().unwrap_or_default();
            let has_extension = [".json", ".yml", ".yaml"].iter().any(|end| name.ends_with(end));
            if !has_extension
                || pattern.contains(['?', '['])
                || pattern.rsplit_once('/').is_some_and(|(path, _)| path.contains('*'))
            {
                let expected = "expected a path that ends with .json, .yml or .yaml, with * in its last part only";
                reader.mistake(location, format!("path name {pattern:?} is not valid for file discovery: {expected}"));
            }
        }
        Some(Self { patterns: patterns.iter().map(|pattern| folder.join(pattern)).collect() })
    }

    pub(super) fn interval(&self) -> Duration {
        LOOK_INTERVAL
    }

    /// Reads all files. One that is wrong makes all of it an error, so that what was there stays.
    pub(super) fn groups(&self) -> Result<Vec<(String, Group)>, String> {
        let mut groups = Vec::new();
        for path in self.files()? {
            let name = path.display().to_string();
            let text = crate::files::text(&path, MAX_FILE_BYTES)?;
            for (number, mut group) in
                parse(&text).map_err(|mistakes| format!("{name}: {mistakes}"))?.into_iter().enumerate()
            {
                group.labels.insert(FILE_PATH.to_owned(), name.clone());
                groups.push((format!("{name}:{number}"), group));
            }
        }
        Ok(groups)
    }

    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let mut files = Vec::new();
        for pattern in &self.patterns {
            let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((before, after)) = name.split_once('*') else {
                if pattern.exists() {
                    files.push(pattern.clone());
                }
                continue;
            };
            let folder = pattern.parent().unwrap_or_else(|| Path::new("."));
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let found = entry.file_name();
                let Some(found) = found.to_str() else { continue };
                let fits =
                    found.len() >= before.len() + after.len() && found.starts_with(before) && found.ends_with(after);
                if fits {
                    files.push(entry.path());
                }
            }
            if files.len() > MAX_FILES {
                return Err(format!("{}: more than {MAX_FILES} files", pattern.display()));
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// Groups of a file or of an answer.
pub(super) fn parse(text: &str) -> Result<Vec<Group>, String> {
    let groups = yaml::read(text, |root, reader| {
        Some(reader.list("groups", root).iter().filter_map(|node| group(reader, node)).collect())
    });
    groups.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
