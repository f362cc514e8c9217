//! Tests of the house itself: floors, borders, sizes, words. See `tests/`.

use std::path::{Path, PathBuf};

/// The workspace's root.
///
/// # Panics
/// When the folder of this crate is not in it.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace's root")
}

/// Every file of ours with one of these endings: its path from the root, and its content.
///
/// # Panics
/// When one of them cannot be read, or is not UTF-8.
pub fn files(endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|e| e.expect("an entry").path()) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if entry.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | "node_modules") && !name.ends_with("-data") {
                    folders.push(entry);
                }
            } else if endings.iter().any(|e| name.ends_with(e)) {
                let shown = entry.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                found.push((shown, std::fs::read_to_string(&entry).expect("UTF-8")));
            }
        }
    }
    found
}

/// What stands before a file's tests.
pub fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// Every source file of ours that is no test, in order: its path from the root, and its text before its tests.
///
/// # Panics
/// As [`files`].
pub fn sources() -> Vec<(String, String)> {
    let is_test = |path: &str| path.contains("/tests/") || path.starts_with("tests/") || path.ends_with("/tests.rs");
    let found = files(&[".rs"]).into_iter().filter(|(path, _)| !is_test(path));
    let mut found: Vec<_> = found.map(|(path, text)| (path, code(&text).to_owned())).collect();
    found.sort();
    found
}
