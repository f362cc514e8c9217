//! Has pages drawn again when what they show has changed: follows what is offered, as any client of the gateway's GraphQL may.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use vitrine_kit::Backoff;

use crate::Storefront;

const OFFERS: &str = "subscription PageChanges { offers { kind productId } }";
/// The longest event, in bytes.
const MAX_EVENT: usize = 64 << 10;
/// The pause after what was followed has ended, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Follows for ever.
pub(crate) async fn follow(storefront: &Arc<Storefront>) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    loop {
        if let Err(error) = followed(storefront, &mut backoff).await {
            tracing::debug!(%error, "what changes is not followed");
        }
        tokio::time::sleep(backoff.equal_jitter()).await;
        // What has changed meanwhile is not known.
        storefront.cache.forget(|_| true);
    }
}

/// Follows until it ends.
async fn followed(storefront: &Storefront, backoff: &mut Backoff) -> Result<(), String> {
    let mut parts = storefront.graph.follow(OFFERS).await.map_err(|e| e.to_string())?.into_data_stream();
    let mut unread = Vec::new();
    while let Some(part) = parts.next().await {
        unread.extend_from_slice(&part.map_err(|e| e.to_string())?);
        while let Some(end) = unread.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = unread.drain(..end + 2).collect();
            if take(storefront, &String::from_utf8_lossy(&event)) {
                backoff.reset();
            }
        }
        if unread.len() > MAX_EVENT {
            return Err(format!("an event has more than {MAX_EVENT} bytes"));
        }
    }
    Ok(())
}

/// Takes one event: a few lines, of which one has the data. Returns whether it told of a change: what only keeps the connection, or ends it, does not.
fn take(storefront: &Storefront, event: &str) -> bool {
    let data = event.lines().find_map(|line| line.strip_prefix("data:"));
    let Some(told) = data.and_then(|data| serde_json::from_str::<Value>(data).ok()) else { return false };
    let offer = &told["data"]["offers"];
    match (offer["kind"].as_str(), offer["productId"].as_str()) {
        // Pages that show it: its own, and lists that it is in.
        (Some("CHANGED"), Some(product_id)) => storefront.cache.forget(|page| page.shows(product_id)),
        // Lists that it will be in, or was, are not known by it.
        (Some(_), _) => storefront.cache.forget(|_| true),
        (None, _) => return false,
    }
    true
}
