//! Files that a configuration names.

use std::io;
use std::path::Path;

/// Returns the text of a file of at most so many bytes. An error begins with the file's path.
pub(crate) fn text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let name = path.display();
    let unreadable = |error: io::Error| format!("{name}: {error}");
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > max_bytes {
        return Err(format!("{name}: {bytes} bytes: expected at most {max_bytes}"));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
