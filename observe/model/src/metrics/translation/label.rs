//! Names of labels.

use vitrine_kit::prometheus::label_name;

use crate::rejected::{Refusal, Rejected};

/// A label's name, as it is if any UTF-8 may be one.
pub(super) fn name(key: &str, is_whole: bool) -> Result<String, Rejected> {
    let found = if is_whole { key.to_owned() } else { label_name(key) };
    if found.bytes().all(|byte| byte == b'_') {
        return Err(Rejected {
            field: "attributes.key",
            problem: format!("{key:?} has nothing that a label's name may have"),
            expected: "a key with a letter or a digit",
            refusal: Refusal::Invalid,
        });
    }
    Ok(found)
}
