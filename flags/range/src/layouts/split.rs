//! Which incidents to learn from, and which to be tried on.
//!
//! Incidents of one service, effect and method are on one side: else a test asks for what was learnt by heart. Controls go with what they
//! are controls of, so that the sides tell nothing of them.

use std::collections::BTreeMap;

use serde_json::json as object;
use sha2::{Digest, Sha256};

use super::{Case, File, json};

/// Which part of the incidents, at least, one is tried on.
const TEST_SHARE: f64 = 0.2;

/// What must not be on both sides.
fn group(case: &Case, cases: &[Case]) -> String {
    let record = &case.record;
    let of = record.twin_of.as_ref().and_then(|id| cases.iter().find(|other| other.record.id == *id));
    let fault = of.map_or(record.fault.as_ref(), |of| of.record.fault.as_ref());
    // The twin of what is not in the set is a group of its own.
    fault.map_or_else(
        || record.id.clone(),
        |fault| format!("{:?} {} {:?}", fault.target.service, fault.what.name(), fault.target.method),
    )
}

/// The file that says it.
pub(super) fn file(cases: &[Case]) -> File {
    let mut groups: BTreeMap<Vec<u8>, Vec<&str>> = BTreeMap::new();
    for case in cases {
        // In the order of a digest: which group comes first must not go by its name.
        let digest = Sha256::digest(group(case, cases)).to_vec();
        groups.entry(digest).or_default().push(&case.record.id);
    }
    let least = (cases.len() as f64 * TEST_SHARE).ceil() as usize;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for ids in groups.into_values() {
        if test.len() < least { test.extend(ids) } else { train.extend(ids) }
    }
    train.sort_unstable();
    test.sort_unstable();
    File::task("split.json", json(&object!({"train": train, "test": test})))
}
