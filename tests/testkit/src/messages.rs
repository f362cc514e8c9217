//! Kills a shop at random moments while messages of analytics are sent, as libraries send them: again until they are acknowledged. Then all of
//! them are read from where a destination got them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vitrine_shop_load::http::Call;

use crate::{Api, Options, Placement, Shop, eventually};

/// Senders at a time.
const SENDERS: u64 = 4;
/// Messages of each request.
pub const BATCH: u64 = 100;
/// The longest that the shop lives in a round, in milliseconds.
const MAX_LIFE_MS: u64 = 400;

/// What the rounds came to.
#[derive(Clone, Debug, Default)]
pub struct MessageCrashes {
    /// How often the shop was killed.
    pub kills: usize,
    /// Messages that it had acknowledged.
    pub acknowledged: u64,
    /// Requests that were sent again because no answer came.
    pub repeated: usize,
    /// The longest that it took to be ready again.
    pub slowest_start: Duration,
}

/// Someone who sends.
#[derive(Clone, Debug)]
struct Sender {
    number: u64,
    /// The next request.
    next: u64,
    acknowledged: u64,
}

/// A new source: its id and its key.
pub async fn source(admin: &Api) -> Result<[String; 2]> {
    let made = admin.expect(201, Method::POST, "/api/v1/analytics/sources", Some(&json!({"name": "Crash"}))).await?;
    let text = |field: &str| made[field].as_str().map(str::to_owned).with_context(|| format!("{field}: {made}"));
    Ok([text("id")?, text("write_key")?])
}

/// A request's body: messages that no other request has.
pub fn batch(write_key: &str, sender: u64, request: u64) -> Value {
    let message = |at: u64| {
        json!({
            "type": "track", "event": "Product Viewed", "anonymousId": format!("a-{sender}"),
            "messageId": format!("{sender}-{request}-{at}"), "properties": {"product_id": "prd_tall-vase", "price": 29.5},
        })
    };
    json!({"writeKey": write_key, "batch": (0..BATCH).map(message).collect::<Vec<_>>()})
}

impl Sender {
    /// Sends one request after the other; the one that gets no answer is the first of the next round.
    async fn send(mut self, api: Api, write_key: String, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            let body = batch(&write_key, self.number, self.next);
            match api.send(Call::new(Method::POST, "/v1/batch").json(&body)).await {
                Ok(answer) if answer.status == 200 => {
                    self.next += 1;
                    self.acknowledged += BATCH;
                }
                // Too much just now.
                Ok(answer) if matches!(answer.status, 429 | 503) => {}
                _ => break,
            }
        }
        self
    }
}

/// Kills the shop `kills` times, and looks at the end: what was acknowledged was handed on, and nothing twice.
pub async fn messages_crash(binary: &Path, kills: usize, seed: u64) -> Result<MessageCrashes> {
    let options = Options::default();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut shop = Shop::start(binary, Placement::Local, &options).await?;
    let [source_id, write_key] = source(&shop.admin()?).await?;
    let mut senders: Vec<Sender> = (0..SENDERS).map(|number| Sender { number, next: 0, acknowledged: 0 }).collect();
    let mut crashes = MessageCrashes::default();
    for _ in 0..kills {
        let (stop, mut sending) = (CancellationToken::new(), JoinSet::new());
        for sender in senders.drain(..) {
            sending.spawn(sender.send(shop.anybody()?, write_key.clone(), stop.clone()));
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        shop.process()?.kill()?;
        stop.cancel();
        while let Some(sender) = sending.join_next().await {
            senders.push(sender?);
        }
        shop.kill_and_restart(&options)?;
        crashes.kills += 1;
        crashes.repeated += senders.len();
        crashes.slowest_start = crashes.slowest_start.max(shop.process()?.started_in);
    }
    crashes.acknowledged = senders.iter().map(|sender| sender.acknowledged).sum();
    let handed_on = handed_on(&shop, &source_id, crashes.acknowledged).await?;
    audit(&senders, &handed_on)?;
    shop.process()?.stop()?;
    Ok(crashes)
}

/// Has a destination begin anew, and returns how often it was given each message.
async fn handed_on(shop: &Shop, source_id: &str, least: u64) -> Result<BTreeMap<String, u64>> {
    let admin = shop.admin()?;
    let path = format!("/api/v1/analytics/sources/{source_id}");
    admin.expect(200, Method::PUT, &format!("{path}/destinations"), Some(&json!({"kind": "file"}))).await?;
    let replay = json!({"kind": "file", "since": "1970-01-01T00:00:00Z"});
    admin.expect(200, Method::POST, &format!("{path}/replays"), Some(&replay)).await?;
    let folder = shop.data().join("up/analytics").join(source_id);
    let (mut before, mut since) = (0, Instant::now());
    // All is there when as much as was acknowledged is, and nothing more comes for a while.
    eventually("all messages are handed on", async || {
        let counted = count(&folder)?;
        let now: u64 = counted.values().sum();
        if now != before {
            (before, since) = (now, Instant::now());
        }
        Ok((now >= least && since.elapsed() > Duration::from_secs(1)).then_some(counted))
    })
    .await
}

fn count(folder: &Path) -> Result<BTreeMap<String, u64>> {
    let mut counted = BTreeMap::new();
    let Ok(files) = std::fs::read_dir(folder) else { return Ok(counted) };
    for file in files {
        for line in std::fs::read_to_string(file?.path())?.lines() {
            // The last one may be on its way.
            let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
            *counted.entry(message["messageId"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    Ok(counted)
}

fn audit(senders: &[Sender], handed_on: &BTreeMap<String, u64>) -> Result<()> {
    let twice: Vec<_> = handed_on.iter().filter(|(_, times)| **times != 1).collect();
    ensure!(twice.is_empty(), "{} messages are there more than once, such as {:?}", twice.len(), twice.first());
    for sender in senders {
        for request in 0..sender.next {
            for at in 0..BATCH {
                let id = format!("{}-{request}-{at}", sender.number);
                ensure!(handed_on.contains_key(&id), "{id} was acknowledged and is lost");
            }
        }
    }
    Ok(())
}
