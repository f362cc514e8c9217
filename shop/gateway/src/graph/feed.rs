//! What changes, as those hear of it who follow it: a tail on the outboxes of orders and catalog.
//!
//! Nothing is kept: a gateway reads what comes from when it starts, and whoever follows something reads what is at that moment and then
//! hears of changes. One who is too slow is told that changes were missed, and reads again. An event says what has changed; what it is now is
//! read when it is told, once for all who follow it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use vitrine_contracts::bus::v1::event_log_service_client::EventLogServiceClient;
use vitrine_contracts::bus::v1::{Event, FetchRequest, FetchResponse};
use vitrine_contracts::catalog::v1::{ProductChangeKind, ProductEvent};
use vitrine_contracts::orders::v1::OrderEvent;
use vitrine_contracts::services::{CATALOG, ORDERS};
use vitrine_contracts::topics;
use vitrine_kit::{Backoff, Outage};
use vitrine_platform_mesh::Transport;

use crate::browse::Browse;

/// Changes that wait for one who follows something.
const QUEUE: usize = 64;
/// Events of one fetch.
const BATCH: u32 = 500;
/// How long one fetch waits for events.
const WAIT: Duration = Duration::from_secs(20);
/// How much longer the call itself may take.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a fetch that brought some events, so that where they come quickly the next one brings more of them.
const PACE: Duration = Duration::from_millis(10);
/// The pause after the first fetch that failed, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What can be followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// An order, by its id.
    Order(String),
    /// How much there is of a product, by its id.
    Stock(String),
    /// What is offered in a category, by its slug.
    Category(String),
    /// What is offered.
    Offers,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Something of the order.
    Order,
    /// The stock of this product.
    Stock(String),
    /// This product was made, changed or deleted.
    Offer(String, ProductChangeKind),
    /// Something that was missed.
    Missed,
}

/// One who follows something.
struct Follower {
    queue: mpsc::Sender<Change>,
    missed: AtomicBool,
}

impl Follower {
    fn tell(&self, change: Change) {
        if self.queue.try_send(change).is_err() {
            self.missed.store(true, Ordering::Relaxed);
        }
    }
}

/// Those who follow something, by what it is and by their number.
type Followers = HashMap<Topic, HashMap<u64, Arc<Follower>>>;

/// Where changes are told. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<FeedInner>);

#[derive(Default)]
struct FeedInner {
    followers: Mutex<Followers>,
    numbers: AtomicU64,
    /// Cancelled when the process stops: then everything that is followed ends.
    stop: CancellationToken,
}

/// What one follows. It is followed until this is dropped.
pub(crate) struct Following {
    feed: Feed,
    number: u64,
    topics: Vec<Topic>,
    follower: Arc<Follower>,
    changes: mpsc::Receiver<Change>,
}

impl Following {
    /// The next change; none when the process stops.
    pub(crate) async fn next(&mut self) -> Option<Change> {
        let stop = self.feed.0.stop.clone();
        let change = stop.run_until_cancelled(self.changes.recv()).await??;
        if self.follower.missed.swap(false, Ordering::Relaxed) {
            // What waits was before what was missed, and is read again with it.
            while self.changes.try_recv().is_ok() {}
            return Some(Change::Missed);
        }
        Some(change)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followers = self.feed.0.followers.lock();
        for topic in &self.topics {
            if let Some(of_topic) = followers.get_mut(topic) {
                of_topic.remove(&self.number);
                if of_topic.is_empty() {
                    followers.remove(topic);
                }
            }
        }
    }
}

impl Feed {
    /// Follows these from now on.
    pub(crate) fn follow(&self, topics: Vec<Topic>) -> Following {
        let (queue, changes) = mpsc::channel(QUEUE);
        let follower = Arc::new(Follower { queue, missed: AtomicBool::new(false) });
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let mut followers = self.0.followers.lock();
        for topic in &topics {
            followers.entry(topic.clone()).or_default().insert(number, follower.clone());
        }
        drop(followers);
        Following { feed: self.clone(), number, topics, follower, changes }
    }

    /// Tells of a change.
    pub(crate) fn tell(&self, topic: &Topic, change: &Change) {
        if let Some(followers) = self.0.followers.lock().get(topic) {
            followers.values().for_each(|follower| follower.tell(change.clone()));
        }
    }

    /// Tells everyone that they may have missed something.
    fn missed(&self) {
        self.0.followers.lock().values().flat_map(HashMap::values).for_each(|follower| follower.tell(Change::Missed));
    }

    /// Ends everything that is followed, and everyone who waits for it.
    pub(crate) fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Comes back when everything that is followed ends.
    pub(crate) async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }

    /// How many follow something; one who follows several things counts as many times.
    #[cfg(test)]
    pub(crate) fn followers(&self) -> usize {
        self.0.followers.lock().values().map(HashMap::len).sum()
    }
}

/// An outbox that is followed.
pub(crate) struct Tail {
    pub(crate) source: &'static str,
    pub(crate) client: EventLogServiceClient<Transport>,
}

impl Tail {
    /// Follows the outbox until stopped, from what comes next. Trouble is waited out.
    pub(crate) async fn run(mut self, feed: &Feed, browse: &Browse, stop: CancellationToken) {
        let (mut position, mut backoff, mut outage) = (None, Backoff::new(PAUSES.0, PAUSES.1), Outage::default());
        while let Some(fetched) = stop.run_until_cancelled(self.fetch(position)).await {
            match fetched {
                Ok(FetchResponse { events, position: at }) => {
                    if outage.ends() {
                        tracing::info!(source = self.source, "changes are followed again");
                    }
                    if position.is_none() {
                        // What was before is not known: whoever followed something already reads again.
                        feed.missed();
                    }
                    position = Some(at);
                    backoff.reset();
                    for event in &events {
                        tell_of(feed, browse, event).await;
                    }
                    if (1..BATCH as usize).contains(&events.len()) {
                        stop.run_until_cancelled(tokio::time::sleep(PACE)).await;
                    }
                }
                Err(status) => {
                    if outage.begins() {
                        let reason = status.message();
                        tracing::warn!(source = self.source, reason, "changes cannot be followed at the moment");
                    }
                    stop.run_until_cancelled(tokio::time::sleep(backoff.pause())).await;
                }
            }
        }
    }

    async fn fetch(&mut self, after: Option<u64>) -> Result<FetchResponse, Status> {
        let topics = followed(self.source).map(str::to_owned).collect();
        let wait_ms = u32::try_from(WAIT.as_millis()).unwrap_or(u32::MAX);
        let mut request = tonic::Request::new(FetchRequest {
            source: self.source.to_owned(),
            topics,
            after: after.unwrap_or(0),
            limit: BATCH,
            wait_ms,
            latest: after.is_none(),
        });
        request.set_timeout(WAIT + GRACE);
        Ok(self.client.fetch(request).await?.into_inner())
    }
}

/// The topics of a service that are followed here.
fn followed(source: &str) -> impl Iterator<Item = &'static str> {
    topics::of(source).filter(|topic| topics::readers(topic).contains(&vitrine_contracts::services::GATEWAY))
}

/// The services whose outboxes are followed.
pub(crate) const SOURCES: [&str; 2] = [ORDERS, CATALOG];

/// Tells what an event says. What it makes old is not in the cache any more when it is told.
async fn tell_of(feed: &Feed, browse: &Browse, event: &Event) {
    let changes = match changes(event) {
        Ok(changes) => changes,
        Err(error) => {
            tracing::error!(%error, topic = event.topic, "an event cannot be read");
            return;
        }
    };
    for (topic, change) in changes {
        match &change {
            Change::Stock(id) => browse.moved_elsewhere(id).await,
            Change::Offer(id, _) => browse.changed(id).await,
            Change::Order | Change::Missed => {}
        }
        feed.tell(&topic, &change);
    }
}

/// What an event changes.
fn changes(event: &Event) -> Result<Vec<(Topic, Change)>, prost::DecodeError> {
    let payload = event.payload.as_slice();
    Ok(match event.topic.as_str() {
        topics::PRODUCT_CHANGED => {
            let changed = ProductEvent::decode(payload)?;
            let (kind, id) = (changed.kind(), changed.product_id);
            let offer = Change::Offer(id.clone(), kind);
            vec![
                (Topic::Stock(id.clone()), Change::Stock(id)),
                (Topic::Category(changed.category), offer.clone()),
                (Topic::Offers, offer),
            ]
        }
        topic if topics::of(ORDERS).any(|known| known == topic) => {
            let OrderEvent { order_id, lines, .. } = OrderEvent::decode(payload)?;
            let mut changes = vec![(Topic::Order(order_id), Change::Order)];
            // These move stock: bought, and given back.
            if matches!(topic, topics::ORDER_PLACED | topics::ORDER_CANCELLED | topics::ORDER_REFUNDED) {
                let stock = lines.into_iter().map(|line| line.product_id);
                changes.extend(stock.map(|id| (Topic::Stock(id.clone()), Change::Stock(id))));
            }
            changes
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use vitrine_contracts::bus::v1::Event;
    use vitrine_contracts::catalog::v1::{ProductChangeKind, ProductEvent};
    use vitrine_contracts::orders::v1::{OrderEvent, OrderLine};
    use vitrine_contracts::topics;

    use super::{Change, Feed, QUEUE, Topic, changes, followed};

    fn stock(id: &str) -> Topic {
        Topic::Stock(id.to_owned())
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_once_that_something_was_missed() {
        let feed = Feed::default();
        let mut following = feed.follow(vec![stock("prd_a"), stock("prd_b")]);
        feed.tell(&stock("prd_b"), &Change::Stock("prd_b".to_owned()));
        feed.tell(&stock("prd_c"), &Change::Stock("prd_c".to_owned()));
        assert_eq!(following.next().await, Some(Change::Stock("prd_b".to_owned())));
        for _ in 0..=QUEUE {
            feed.tell(&stock("prd_a"), &Change::Stock("prd_a".to_owned()));
        }
        assert_eq!(following.next().await, Some(Change::Missed));
        feed.tell(&stock("prd_a"), &Change::Stock("prd_a".to_owned()));
        assert_eq!(following.next().await, Some(Change::Stock("prd_a".to_owned())));
        drop(following);
        assert_eq!(feed.followers(), 0, "nobody is remembered");
    }

    #[tokio::test]
    async fn what_is_followed_ends_with_the_process() {
        let feed = Feed::default();
        let mut following = feed.follow(vec![Topic::Offers]);
        feed.stop();
        assert_eq!(following.next().await, None);
    }

    #[test]
    fn events_say_what_has_changed() {
        let line = OrderLine { product_id: "prd_a".to_owned(), ..OrderLine::default() };
        let order = OrderEvent { order_id: "ord_1".to_owned(), lines: vec![line], ..OrderEvent::default() };
        let event = |topic: &str, payload: Vec<u8>| Event { topic: topic.to_owned(), payload, ..Event::default() };
        let of_order = (Topic::Order("ord_1".to_owned()), Change::Order);
        let of_stock = (stock("prd_a"), Change::Stock("prd_a".to_owned()));
        for (topic, expected) in [
            (topics::ORDER_PLACED, vec![of_order.clone(), of_stock.clone()]),
            (topics::ORDER_SHIPPED, vec![of_order.clone()]),
            (topics::ORDER_REFUNDED, vec![of_order, of_stock.clone()]),
        ] {
            assert_eq!(changes(&event(topic, order.encode_to_vec())).expect("read"), expected, "{topic}");
        }
        let kind = ProductChangeKind::Created;
        let (product_id, category) = ("prd_a".to_owned(), "vases".to_owned());
        let product = ProductEvent { product_id, category, kind: kind.into(), at_unix_ms: 1 };
        let offer = Change::Offer("prd_a".to_owned(), kind);
        let expected = [of_stock, (Topic::Category("vases".to_owned()), offer.clone()), (Topic::Offers, offer)];
        assert_eq!(changes(&event(topics::PRODUCT_CHANGED, product.encode_to_vec())).expect("read"), expected);
        assert!(changes(&event(topics::ORDER_PLACED, vec![0xff])).is_err());
    }

    #[test]
    fn all_that_happens_to_an_order_is_followed() {
        assert_eq!(followed("orders").count(), 6);
        assert_eq!(followed("catalog").collect::<Vec<_>>(), [topics::PRODUCT_CHANGED]);
    }
}
