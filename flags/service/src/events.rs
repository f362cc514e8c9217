//! What flagd's event streams tell: that the flags are there, which of them changed, and that the stream is alive.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use vitrine_flags_engine::json;

use crate::flag_store::{InForce, SetInForce};
use crate::selector::Selection;

/// After so long a silence, something is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlagEvent {
    /// Its name.
    pub(crate) name: &'static str,
    /// A JSON object, if it tells something.
    pub(crate) data: Option<String>,
}

/// Events until the process ends. Clients keep values that cannot change by themselves, and drop what is named here, so every changed flag
/// is: also those that changed with their evaluators, and those of changes that came too fast to be told one by one.
pub(crate) fn follow(
    mut changes: watch::Receiver<Arc<InForce>>,
    selection: Selection,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = FlagEvent> + Send {
    let now = changes.borrow_and_update().clone();
    let begin = (changes, now, selection, permit, true);
    stream::unfold(begin, |(mut changes, mut told, selection, permit, is_first)| async move {
        if is_first {
            return Some((FlagEvent { name: "provider_ready", data: None }, (changes, told, selection, permit, false)));
        }
        loop {
            match tokio::time::timeout(KEEP_ALIVE, changes.changed()).await {
                Err(_) => {
                    let event = FlagEvent { name: "keep_alive", data: None };
                    return Some((event, (changes, told, selection, permit, false)));
                }
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {
                    let now = changes.borrow_and_update().clone();
                    let data = difference(&told, &now, &selection);
                    told = now;
                    if let Some(data) = data {
                        let event = FlagEvent { name: "configuration_change", data: Some(data) };
                        return Some((event, (changes, told, selection, permit, false)));
                    }
                }
            }
        }
    })
}

/// What changed in the set that is selected; none if that is nothing.
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
