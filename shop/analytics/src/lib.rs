//! What visitors do, told in Segment's way: messages are taken once each, kept for a while, and sent on to whom a source names.
//!
//! Where to start reading: [`message`] is what a message is and how clocks are put right; `accept` takes a request in one commit;
//! `destinations` makes of messages what each receiver's API wants, `sending` sends it. It draws no page and counts no visitors: events land
//! in the observatory, where SQL does. `docs/guide/analytics.md` says how it is used.
//!
//! ```
//! use vitrine_shop_analytics::Config;
//!
//! let config: Config = serde_json::from_str(r#"{"keep_days": 7, "allowed_hosts": ["hooks.example"]}"#)?;
//! assert_eq!((config.keep_days, &*config.shop_key), (7, "vitrine-shop"));
//! assert!(serde_json::from_str::<Config>(r#"{"keep": 7}"#).is_err());
//! # Ok::<(), serde_json::Error>(())
//! ```

mod accept;
mod consent;
mod consumer;
mod destinations;
pub mod flags;
mod grpc;
mod message;
mod outbox;
mod request;
mod sending;
mod sources;
mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use vitrine_contracts::Problem;
use vitrine_contracts::analytics::v1::analytics_service_server::AnalyticsServiceServer;
use vitrine_contracts::services::{ANALYTICS, CUSTOMERS, ORDERS};
use vitrine_contracts::topics::{CUSTOMER_ERASED, ORDER_PAID};
use vitrine_flags_client::Flags;
use vitrine_kit::Secret;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Consumer, with_inbox};
use vitrine_platform_config::{BaseUrl, Written};
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_store::{Document, Query, Schema, Store};

use message::RequestFields;
use request::Body;

/// The shop's own source.
pub const SHOP_SOURCE: &str = "src_shop";
/// How often what is over is looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// Most documents that one commit deletes, and most commits of one look.
const SWEPT: usize = 500;
const MAX_SWEEPS: usize = 1_000;
/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Reads the body of a request to this path as it is read before anything is kept. Returns how many of its messages can be taken, and how
/// many cannot.
pub fn read_messages(call: &str, body: &[u8], received_at_ms: i64) -> Result<(usize, usize), Problem> {
    let shared = RequestFields { received_at_ms, ..RequestFields::default() };
    let messages = Body::read(call, body)?.messages(shared)?;
    let taken = messages.iter().filter(|message| message.is_ok()).count();
    Ok((taken, messages.len() - taken))
}

/// What is kept, and to whom messages may be sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// For how many days messages are known, and can be sent again.
    #[schemars(range(min = 1, max = 365))]
    pub keep_days: u32,
    /// The key of the shop's own pages; empty has them send nothing.
    pub shop_key: String,
    /// Where the observatory takes OTLP over HTTP; empty tells it nothing. `vitrine up` knows it.
    pub observatory: BaseUrl,
    /// The token that the observatory wants, if it wants one.
    pub observatory_token: Secret,
    /// Hosts, or HOST:PORT, that webhooks and RudderStack may be at; none by default, because whoever has a source says where.
    pub allowed_hosts: Vec<String>,
    /// Where Segment is.
    pub segment_url: BaseUrl,
    /// Where Google's Measurement Protocol is.
    pub ga4_url: BaseUrl,
    /// Where Mixpanel is.
    pub mixpanel_url: BaseUrl,
    /// Where Amplitude is.
    pub amplitude_url: BaseUrl,
    /// Where files of messages are. The composition root knows it.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        let url = |text| BaseUrl::read(text).unwrap_or_default();
        Self {
            keep_days: 30,
            shop_key: "vitrine-shop".to_owned(),
            observatory: BaseUrl::default(),
            observatory_token: Secret::default(),
            allowed_hosts: Vec::new(),
            segment_url: url("https://api.segment.io"),
            ga4_url: url("https://www.google-analytics.com"),
            mixpanel_url: url("https://api.mixpanel.com"),
            amplitude_url: url("https://api2.amplitude.com"),
            folder: PathBuf::new(),
        }
    }
}

/// The service.
pub fn build(mut config: Config, flags: &Flags, host: &Host) -> Result<Component, Failure> {
    let schema = Schema::new()
        .with::<store::SourceDoc>()
        .with::<store::DestinationDoc>()
        .with::<store::MessageDoc>()
        .with::<store::SessionDoc>();
    let store = host.open_store(ANALYTICS, with_inbox(schema))?;
    config.folder = host.data().join(ANALYTICS);
    let (config, changed, telemetry) = (Arc::new(config), Arc::new(Notify::new()), host.telemetry(ANALYTICS));
    let taken = telemetry.counter("vitrine.analytics.messages", "{message}", "Messages, by what became of them");
    let intake = accept::Intake { store: store.clone(), clock: host.clock(), taken };
    let senders = sending::Senders {
        store: store.clone(),
        config: config.clone(),
        clock: host.clock(),
        flags: flags.handle(&host.telemetry(ANALYTICS), flags::FLAGS),
        sent: telemetry.counter("vitrine.analytics.sent", "{message}", "Messages sent, by destination"),
        telemetry,
        changed: changed.clone(),
        client: sending::client()?,
    };
    let paid = consumer::OrderPaid { store: store.clone(), clock: host.clock() };
    let orders = Consumer::new("analytics-orders", ORDERS, &[ORDER_PAID], store.clone(), paid);
    let forget = consumer::Erasures(store.clone());
    let erasures = Consumer::new("analytics-erasures", CUSTOMERS, &[CUSTOMER_ERASED], store.clone(), forget);
    let (own, own_config, clock) = (store.clone(), config.clone(), host.clock());
    let (kept, sweep_clock, keep_days) = (store.clone(), host.clock(), config.keep_days);
    Ok(Component::new(ANALYTICS)
        .grpc(AnalyticsServiceServer::new(grpc::Service { intake, config, changed }))
        .store(store)
        .consumer(orders)
        .consumer(erasures)
        .before_ready(async move {
            let made = sources::create_own(&own, &own_config, clock.now_ms()).await;
            made.map_err(|e| {
                tracing::error!(error = %e, "the shop's own source cannot be made");
                vitrine_contracts::Problem::internal()
            })
        })
        .task("send to destinations", async move |stop| senders.run(stop).await)
        .task("forget messages", async move |stop| {
            let mut ticks = tokio::time::interval(SWEEP);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(e) = sweep(&kept, &sweep_clock, keep_days).await {
                    tracing::warn!(error = %e, "old messages could not be forgotten; they are tried again");
                }
            }
        }))
}

/// Forgets what is older than is kept.
async fn sweep(store: &Store, clock: &Clock, keep_days: u32) -> Result<(), Failure> {
    let until = clock.now_ms() - i64::from(keep_days) * DAY_MS;
    forget::<store::MessageDoc>(store, until).await?;
    forget::<store::SessionDoc>(store, clock.now_ms() - DAY_MS).await?;
    store.prune_events(until).await?;
    Ok(())
}

async fn forget<T: Document>(store: &Store, until: i64) -> Result<(), Failure> {
    for _ in 0..MAX_SWEEPS {
        let over = store.find::<T>(Query::range(store::AT, 0..=until).limit(SWEPT)).await?.items;
        let mut tx = store.begin();
        over.iter().for_each(|doc| tx.delete::<T>(&doc.id()));
        tx.commit().await?;
        if over.len() < SWEPT {
            break;
        }
    }
    Ok(())
}
