//! What flagd's event streams tell: that the flags are there, which of them changed, and that the stream is alive.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream};
use parking_lot::Mutex;
use tokio::sync::watch;
use vitrine_flags_engine::json;

use crate::clients::OpenStream;
use crate::flag_store::{InForce, SetInForce};
use crate::selector::Selection;
use crate::service::FlagService;

/// After so long a silence, something is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlagEvent {
    /// Its name.
    pub(crate) name: &'static str,
    /// A JSON object, if it tells something.
    pub(crate) data: Option<Arc<str>>,
}

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
    fn between(&self, from: &InForce, to: &InForce, selection: &Selection) -> Option<Arc<str>> {
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

/// Events until the process ends, and that it does. Clients keep values that cannot change by themselves, and drop what is named here, so every
/// changed flag is: also those that changed with their evaluators, and those of changes that came too fast to be told one by one.
pub(crate) fn follow(
    service: &FlagService,
    selection: Selection,
    stream: OpenStream,
) -> impl Stream<Item = FlagEvent> + Send + use<> {
    let mut changes = service.flags.watch();
    let now = changes.borrow_and_update().clone();
    let following = Following { service: service.clone(), selection, changes, told: now, stream, stage: Stage::Opened };
    stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((event, following))
    })
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opened,
    Ready,
    Ended,
}

struct Following {
    service: FlagService,
    selection: Selection,
    changes: watch::Receiver<Arc<InForce>>,
    told: Arc<InForce>,
    stream: OpenStream,
    stage: Stage,
}

impl Following {
    async fn next(&mut self) -> Option<FlagEvent> {
        match self.stage {
            Stage::Ended => return None,
            Stage::Opened => {
                self.stage = Stage::Ready;
                return Some(FlagEvent { name: "provider_ready", data: None });
            }
            Stage::Ready => {}
        }
        loop {
            let changed = tokio::select! {
                biased;
                () = self.service.serving.stop.cancelled() => {
                    self.stage = Stage::Ended;
                    return Some(FlagEvent { name: "provider_shutdown", data: None });
                }
                changed = tokio::time::timeout(KEEP_ALIVE, self.changes.changed()) => changed,
            };
            let Ok(changed) = changed else { return Some(FlagEvent { name: "keep_alive", data: None }) };
            changed.ok()?;
            let now = self.changes.borrow_and_update().clone();
            self.stream.note(now.revision, self.service.flags.now_ms());
            let data = self.service.streams.differences.between(&self.told, &now, &self.selection);
            self.told = now;
            // A change of another set is nothing to tell.
            if data.is_some() {
                return Some(FlagEvent { name: "configuration_change", data });
            }
        }
    }
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
