//! Files by pattern: `rules/*.yml`, as Go's `filepath.Glob` reads it. Rule files, templates and target files are named so.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Most files that one pattern may name.
pub const MAX_FILES: usize = 10_000;

/// Files and folders that a pattern names, in order of their names; none if there are none. `*` stands for any characters but `/`, `?` for one,
/// `[a-z]` for one of these, `[^a-z]` for one of the others, and a backslash takes the meaning from what follows. A pattern that is not absolute begins in
/// `folder`.
///
/// ```
/// let folder = tempfile::tempdir().expect("a folder");
/// std::fs::write(folder.path().join("a.yml"), "").expect("a file");
/// let files = vitrine_platform_config::glob("*.yml", folder.path()).expect("readable");
/// assert_eq!(files, [folder.path().join("a.yml")]);
/// ```
pub fn glob(pattern: &str, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![if Path::new(pattern).is_absolute() { PathBuf::new() } else { folder.to_owned() }];
    for part in Path::new(pattern).components() {
        let Component::Normal(name) = part else {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        };
        let name = name.to_string_lossy();
        let mut next = Vec::new();
        for path in found {
            if name.contains(['*', '?', '[', '\\']) {
                matching(&path, &name, &mut next)?;
            } else if path.join(&*name).exists() {
                next.push(path.join(&*name));
            }
            if next.len() > MAX_FILES {
                return Err(io::Error::other(format!("{pattern} names more than {MAX_FILES} files")));
            }
        }
        found = next;
    }
    found.sort();
    Ok(found)
}

/// Adds what lies in a folder and fits.
fn matching(folder: &Path, pattern: &str, found: &mut Vec<PathBuf>) -> io::Result<()> {
    // An empty path is the folder in which the process runs.
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(listed) else { return Ok(()) };
    let pattern = parse(pattern)?;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if fits(&pattern, &name.to_string_lossy()) {
            found.push(folder.join(name));
        }
    }
    Ok(())
}

/// A part of a pattern.
enum Part {
    Any,
    One,
    Char(char),
    Class { ranges: Vec<(char, char)>, is_negated: bool },
}

fn parse(pattern: &str) -> io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("syntax error in pattern {pattern:?}"));
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Char(chars.next().ok_or_else(wrong)?),
            '[' => {
                let is_negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let mut one = || match chars.next() {
                        Some('\\') => chars.next(),
                        other => other,
                    };
                    let low = one().ok_or_else(wrong)?;
                    if low == ']' && !ranges.is_empty() {
                        break;
                    }
                    let high = if chars.next_if_eq(&'-').is_some() { chars.next().ok_or_else(wrong)? } else { low };
                    ranges.push((low, high));
                }
                Part::Class { ranges, is_negated }
            }
            c => Part::Char(c),
        });
    }
    Ok(parts)
}

/// Whether a name fits; in time that grows with both lengths multiplied.
fn fits(pattern: &[Part], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    // Whether the parts until now fit the first so many characters.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; name.len() + 1];
        match part {
            Part::Any => {
                let first = reached.iter().position(|reached| *reached).unwrap_or(next.len());
                next[first..].fill(true);
            }
            _ => {
                for (at, c) in name.iter().enumerate().filter(|(at, _)| reached[*at]) {
                    next[at + 1] = match part {
                        Part::Char(wanted) => wanted == c,
                        Part::Class { ranges, is_negated } => {
                            ranges.iter().any(|(low, high)| (low..=high).contains(&c)) != *is_negated
                        }
                        Part::Any | Part::One => true,
                    };
                }
            }
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn files_are_found_by_pattern() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.yml", "b.yml", "b.yaml", "sub/c.yml", "sub/d.txt", "other/c.yml", "x[1].yml"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        for (pattern, names) in [
            ("a.yml", &["a.yml"] as &[&str]),
            ("none.yml", &[]),
            ("*.yml", &["a.yml", "b.yml", "x[1].yml"]),
            ("?.y*ml", &["a.yml", "b.yaml", "b.yml"]),
            ("*/c.yml", &["other/c.yml", "sub/c.yml"]),
            ("s*/*", &["sub/c.yml", "sub/d.txt"]),
            ("[ac].yml", &["a.yml"]),
            ("[^a].yml", &["b.yml"]),
            ("[a-c].yml", &["a.yml", "b.yml"]),
            ("x\\[1\\].yml", &["x[1].yml"]),
            ("./sub/../a.yml", &["sub/../a.yml"]),
            ("none/*.yml", &[]),
        ] {
            let found = glob(pattern, folder.path()).expect(pattern);
            let expected: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
            assert_eq!(found, expected, "{pattern}");
        }
        let absolute = folder.path().join("*.yaml");
        assert_eq!(
            glob(&absolute.to_string_lossy(), "/nowhere".as_ref()).expect("found"),
            [folder.path().join("b.yaml")]
        );
        let here = glob("Cargo.t*l", "".as_ref()).expect("the folder of the crate");
        assert_eq!(here, [std::path::PathBuf::from("Cargo.toml")]);
        for wrong in ["[", "[a", "a\\"] {
            assert!(glob(wrong, folder.path()).is_err(), "{wrong}");
        }
    }
}
