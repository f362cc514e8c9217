//! Copies of a tenant's series as they are at one moment.
//!
//! A copy is a data folder of its own, in which an engine can be opened: files of series, which are written once and so are linked rather than
//! copied where the file system can, and a manifest that lists them. It is made under another name and renamed when it is whole, so
//! that what is found under its name is always all of it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::Signal;
use crate::column_engine::manifest::Manifest;
use crate::column_engine::series::file_name;
use crate::column_engine::storage::SEGMENTS;
use crate::column_engine::{ColumnEngine, Error, error_chain};
use crate::engine::{AdminError, MAX_SNAPSHOT_NAME, Tenant};

/// The folder of snapshots, within the data folder.
const SNAPSHOTS: &str = "snapshots";
/// Ends the name of a snapshot that is not whole.
const UNFINISHED: &str = ".tmp";

impl ColumnEngine {
    pub(crate) fn snapshot_series(&self, tenant: &Tenant, name: &str, with_memory: bool) -> Result<(), AdminError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.len() > MAX_SNAPSHOT_NAME || !name.chars().all(fits) {
            return Err(AdminError::Name(name.to_owned()));
        }
        let folder = self.context.options.data.join(SNAPSHOTS);
        let (whole, unfinished) = (folder.join(name), folder.join(format!("{name}{UNFINISHED}")));
        if whole.exists() || unfinished.exists() {
            return Err(AdminError::Exists(name.to_owned()));
        }
        let copied = self.copy_series(tenant, &unfinished, with_memory).and_then(|()| {
            std::fs::rename(&unfinished, &whole).map_err(Error::io("keep", whole.display()))?;
            sync(&folder)
        });
        copied.map_err(|error| {
            // What is left of it has no use; if it cannot be removed, its name says what it is.
            let _ = std::fs::remove_dir_all(&unfinished);
            AdminError::Disk(error_chain(&error))
        })
    }

    fn copy_series(&self, tenant: &Tenant, folder: &Path, with_memory: bool) -> Result<(), Error> {
        let table = self.tables.get(tenant, Signal::Metrics);
        let series = table.as_ref().and_then(|table| table.series.as_ref());
        if let (Some(table), Some(_), true) = (&table, series, with_memory) {
            self.sealer.seal_series_of(table)?;
        }
        std::fs::create_dir_all(folder).map_err(Error::io("make the folder", folder.display()))?;
        let manifest = Manifest::create(folder)?;
        // Files stay as long as a handle does, whatever is merged meanwhile.
        let (files, deleted) = series.map(|series| series.files_and_deleted()).unwrap_or_default();
        let segments = folder.join(SEGMENTS);
        for handle in &files {
            let local = segments.join(file_name(tenant, handle.info.number));
            let above = local.parent().unwrap_or(&segments);
            std::fs::create_dir_all(above).map_err(Error::io("make the folder", above.display()))?;
            handle.copy_to(&local).map_err(Error::io("copy", handle.name()))?;
        }
        if let Some(handle) = files.first() {
            let local = segments.join(file_name(tenant, handle.info.number));
            local.ancestors().skip(1).take_while(|above| above.starts_with(folder)).try_for_each(sync)?;
        }
        manifest.change(|contents| {
            let numbers = files.iter().map(|handle| handle.info.number).chain(deleted.iter().map(|gone| gone.before));
            contents.next = numbers.max().map_or(0, |last| last + 1);
            let listed = contents.series_of(tenant.name());
            listed.files = files.iter().map(|handle| handle.info).collect();
            listed.deleted = deleted.to_vec();
        })
    }
}

/// Removes what a crash left of snapshots that were being made.
pub(crate) fn remove_unfinished(data: &Path) -> Result<(), Error> {
    let folder = data.join(SNAPSHOTS);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("list", folder.display())(error)),
    };
    for entry in entries {
        let path = entry.map_err(Error::io("list", folder.display()))?.path();
        if path.to_string_lossy().ends_with(UNFINISHED) {
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", path.display()))?;
        }
    }
    Ok(())
}

fn sync(folder: &Path) -> Result<(), Error> {
    let synced = File::open(folder).and_then(|file| file.sync_all());
    synced.map_err(Error::io("make last", folder.display()))
}
