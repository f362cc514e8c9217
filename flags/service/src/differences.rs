//! What changed between two revisions, worked out once for all streams that are told of it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use vitrine_flags_engine::json;

use crate::flag_store::{InForce, SetInForce};
use crate::selector::Selection;

/// Most differences that are kept at a time: streams of several sets, and some that are behind.
const MAX_DIFFERENCES: usize = 32;

/// What was told last. Nearly all streams go from one revision to the next together, and hear the same.
#[derive(Debug, Default)]
pub(crate) struct Differences(Mutex<VecDeque<Known>>);

#[derive(Debug)]
struct Known {
    from: u64,
    to: u64,
    selection: Selection,
    told: Option<Arc<str>>,
}

impl Differences {
    /// What changed in the set that is selected; none if that is nothing.
    pub(crate) fn between(&self, from: &InForce, to: &InForce, selection: &Selection) -> Option<Arc<str>> {
        let mut known = self.0.lock();
        let same = |k: &&Known| k.from == from.revision && k.to == to.revision && k.selection == *selection;
        if let Some(known) = known.iter().find(same) {
            return known.told.clone();
        }
        // Under the lock: who comes meanwhile wants the same, and would otherwise work it out, too.
        let told: Option<Arc<str>> = difference(from, to, selection).map(Arc::from);
        known.truncate(MAX_DIFFERENCES - 1);
        known.push_front(Known {
            from: from.revision,
            to: to.revision,
            selection: selection.clone(),
            told: told.clone(),
        });
        told
    }
}

fn difference(from: &InForce, to: &InForce, selection: &Selection) -> Option<String> {
    let none = SetInForce::default();
    let [from, to] = [from, to].map(|now| selection.choose(now).unwrap_or(&none));
    let changes = from.snapshot.changes(&to.snapshot);
    if changes.is_empty() {
        return None;
    }
    let mut out = String::from("{\"flags\":{");
    for (n, (key, change)) in changes.iter().enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        json::write_text(key, &mut out);
        out.push_str(":{\"type\":\"");
        out.push_str(change.name());
        out.push_str("\"}");
    }
    out.push_str("}}");
    Some(out)
}
