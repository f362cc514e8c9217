//! Whether any server is there at all, as the driver's monitors see it.
//!
//! The driver lets each operation wait for a server as long as it may, whether or not one is in sight. Its monitors know better: they ask
//! every server of the set about once a second. When each one's last check failed, no caller needs to wait. While only the primary is
//! missing, an election is on, which is worth waiting for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::event::EventHandler;
use ::mongodb::event::sdam::SdamEvent;
use ::mongodb::options::ServerAddress;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long no server may answer before it is an outage. When one connection breaks the driver gives up the look that is under way, too, and
/// looks again after half a second (its shortest pause).
const HICCUP: Duration = Duration::from_secs(1);

/// What is known of the servers. Clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Outage(Arc<watch::Sender<State>>);

#[derive(Default)]
struct State {
    /// Why the last check of a server failed, if it did.
    servers: HashMap<ServerAddress, Option<String>>,
    /// Since when every one fails.
    since: Option<Instant>,
}

impl Outage {
    /// What the driver tells its news to.
    pub(crate) fn handler(&self) -> EventHandler<SdamEvent> {
        let outage = self.clone();
        EventHandler::callback(move |event| outage.observe(event))
    }

    fn observe(&self, event: SdamEvent) {
        self.0.send_if_modified(|state| {
            match event {
                SdamEvent::ServerOpening(opened) => drop(state.servers.insert(opened.address, None)),
                SdamEvent::ServerClosed(closed) => drop(state.servers.remove(&closed.address)),
                SdamEvent::ServerHeartbeatSucceeded(checked) => state.checked(&checked.server_address, None),
                SdamEvent::ServerHeartbeatFailed(checked) => {
                    state.checked(&checked.server_address, Some(checked.failure.kind.to_string()));
                }
                _ => return false,
            }
            let before = state.since;
            let gone = !state.servers.is_empty() && state.servers.values().all(Option::is_some);
            state.since = gone.then(|| before.unwrap_or_else(Instant::now));
            state.since != before
        });
    }

    /// Returns why, as soon as no server has answered for a moment: at once when that is so already.
    pub(crate) async fn lasting(&self) -> String {
        let mut state = self.0.subscribe();
        loop {
            let since = state.borrow_and_update().since;
            let over = async {
                match since {
                    Some(since) => sleep_until(since + HICCUP).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return self.cause(),
                // The sender is `self`, and so is there as long as this.
                _ = state.changed() => {}
            }
        }
    }

    fn cause(&self) -> String {
        self.0.borrow().servers.values().flatten().next().cloned().unwrap_or_default()
    }
}

impl State {
    /// A check that ends after its server was closed says nothing.
    fn checked(&mut self, server: &ServerAddress, failure: Option<String>) {
        if let Some(known) = self.servers.get_mut(server) {
            *known = failure;
        }
    }
}
