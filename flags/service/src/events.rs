//! What flagd's event streams tell: that the flags are there, which of them changed, and that the stream is alive.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream};
use tokio::sync::watch;

use crate::clients::OpenStream;
use crate::flag_store::InForce;
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
