//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file so that a crash leaves what was there before or what is written now. It is on disk when this returns. `temporary` is a
/// path of the same folder that nothing else uses.
///
/// # Errors
///
/// The file cannot be written; what was there before is there still, unless only the folder could not be synced.
pub fn write_whole(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::write_whole;

    #[test]
    fn a_file_is_what_was_written_last() {
        let folder = std::env::temp_dir().join(crate::id::new("tst"));
        std::fs::create_dir(&folder).expect("a folder");
        let (path, temporary) = (folder.join("a.json"), folder.join(".a.new"));
        for text in ["one", "two, which is longer", ""] {
            write_whole(&path, &temporary, text.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
        assert!(!temporary.exists());
        assert!(write_whole(&folder.join("no/a.json"), &folder.join("no/.a.new"), b"x").is_err());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
