//! Names of labels.

use crate::rejected::Rejected;

/// What begins and ends a name that is Prometheus's own.
const RESERVED: &str = "__";

/// A label's name, as it is if any UTF-8 may be one.
pub(super) fn name(key: &str, is_whole: bool) -> Result<String, Rejected> {
    let found = if is_whole { key.to_owned() } else { escaped(key) };
    if found.bytes().all(|byte| byte == b'_') {
        return Err(Rejected {
            field: "attributes.key",
            problem: format!("{key:?} has nothing that a label's name may have"),
            expected: "a key with a letter or a digit",
        });
    }
    Ok(found)
}

fn escaped(key: &str) -> String {
    let reserved = key.strip_prefix(RESERVED).and_then(|rest| rest.strip_suffix(RESERVED));
    let mut name = String::with_capacity(key.len() + RESERVED.len());
    let mut after_underscore = false;
    for character in reserved.unwrap_or(key).chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !after_underscore {
            name.push('_');
        }
        after_underscore = !character.is_ascii_alphanumeric();
    }
    if reserved.is_some() {
        return format!("{RESERVED}{name}{RESERVED}");
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("key_{name}") } else { name }
}
