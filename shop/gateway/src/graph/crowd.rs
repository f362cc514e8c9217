//! A thousand tabs that follow something in one process: it goes on answering, says what is too much, and forgets who has gone.

#[path = "../../tests/behaviour/socket.rs"]
mod by_hand;
#[path = "../../tests/behaviour/deps.rs"]
mod services;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::http::{Request, Response, StatusCode, header};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::try_join_all;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::catalog::v1::{ProductChange, UpdateAnyProductRequest};
use vitrine_contracts::services::{ALL, CATALOG, GATEWAY};
use vitrine_flags_client::Flags;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Host, Running};
use vitrine_platform_http::{Peer, bind, serve};
use vitrine_platform_mesh::{Limits, Mesh, Replicas, Transport};
use vitrine_platform_telemetry::{Config as TelemetryConfig, Telemetry};
use vitrine_tests_testkit::{PATIENCE, eventually};

use super::PROTOCOL;
use super::feed::{Change, Topic};
use super::http::{JSON, PATH, STREAM};
use super::seats::{MAX_FOLLOWED_PER_ADDRESS, Seat};
use super::socket::MAX_SUBSCRIPTIONS;
use crate::{Config, Gateway};
use by_hand::{Said, Socket};
use services::{NOWHERE, deps};

/// All that is followed at the same time.
const FOLLOWED: usize = 1_000;
/// Sockets, each with as much as one may follow. The rest are event streams.
const SOCKETS: usize = 16;
const STREAMS: usize = FOLLOWED - SOCKETS * MAX_SUBSCRIPTIONS;

const EVENTS: &str = "text/event-stream";
const PRODUCT: &str = "prd_tall-vase";
const FOLLOW: &str = "subscription($id: ID!) { stockChanged(ids: [$id]) { product { available } resync } }";
const QUERY: &str = "query($id: ID!) { product(id: $id) { name available category { name } } }";

/// From where the crowd comes, and someone else.
const CROWD: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

type Body = UnsyncBoxBody<Bytes, anyhow::Error>;

/// A gateway behind a listener, and the catalog beside it. There is no other service.
struct Shop {
    gateway: Arc<Gateway>,
    catalog: CatalogServiceClient<Transport>,
    address: SocketAddr,
    running: Running,
    _data: TempDir,
}

impl Shop {
    async fn start() -> Result<Self> {
        let data = TempDir::new()?;
        let telemetry = Telemetry::new(TelemetryConfig { disabled: true, ..TelemetryConfig::default() });
        let mesh = Mesh::new(Limits::default());
        for other in ALL.iter().filter(|name| ![CATALOG, GATEWAY].contains(name)) {
            mesh.place_remote(other, &Replicas::At(vec![NOWHERE.parse()?]))?;
        }
        let host = Host::new(data.path(), Clock::system(), 1, telemetry, mesh);
        let flags = Flags::of_code();
        let gateway = crate::gateway(Config::default(), deps(&host), &flags, &host)?;
        let catalog = vitrine_shop_catalog::build(Default::default(), &flags, &host)?;
        let running = host.start(vec![catalog, crate::component(&gateway, &host)?]).await?;
        let listener = bind("127.0.0.1:0".parse()?).await?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(listener, running.http(), running.stop_token(), Duration::ZERO));
        let catalog = CatalogServiceClient::new(host.transport(GATEWAY, CATALOG));
        Ok(Self { gateway, catalog, address, running, _data: data })
    }

    /// Puts one more of the product on the shelf. Returns how many there are then.
    async fn restock(&self) -> Result<u32> {
        let change = ProductChange { product_id: PRODUCT.to_owned(), restock: 1, ..ProductChange::default() };
        let request = UpdateAnyProductRequest { change: Some(change) };
        Ok(self.catalog.clone().update_any_product(request).await?.into_inner().available)
    }

    async fn socket(&self) -> Result<Socket> {
        Socket::ask(TcpStream::connect(self.address).await?, PROTOCOL).await
    }

    /// Waits until the gateway hears of what changes.
    async fn hears_of_changes(&self) -> Result<()> {
        let mut following = self.gateway.graph.feed.follow(vec![Topic::Stock(PRODUCT.to_owned())]);
        eventually("a change is heard of", async || {
            self.restock().await?;
            Ok(matches!(following.next().now_or_never(), Some(Some(Change::Stock(_)))).then_some(()))
        })
        .await
    }

    /// Waits until nobody follows anything, no seat is taken, and so many tasks are left at most.
    async fn forgets(&self, most_tasks: usize) -> Result<()> {
        let graph = &self.gateway.graph;
        let left = || (graph.feed.followers(), graph.seats.taken(), tasks());
        let gone = eventually("all are forgotten", async || {
            let (followers, seats, tasks) = left();
            Ok((followers == 0 && seats == 0 && tasks <= most_tasks).then_some(()))
        });
        gone.await.with_context(|| format!("followers, seats and tasks that are left: {:?}", left()))
    }
}

/// Tasks of this process that have not ended.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Someone at an address, over one HTTP/2 connection.
struct Visitor {
    client: Client<HttpConnector, Full<Bytes>>,
    shop: SocketAddr,
}

impl Visitor {
    fn new(shop: &Shop, from: Ipv4Addr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(from.into()));
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build(connector);
        Self { client, shop: shop.address }
    }

    async fn post(&self, path: &str, accept: &str, query: &str) -> Result<Response<Body>> {
        let body = json!({ "query": query, "variables": { "id": PRODUCT } }).to_string();
        let request = Request::post(format!("http://{}{path}", self.shop))
            .header(header::CONTENT_TYPE, JSON)
            .header(header::ACCEPT, accept)
            .body(Full::from(body))?;
        let answered = tokio::time::timeout(PATIENCE, self.client.request(request)).await.context("no answer")??;
        Ok(answered.map(|body| body.map_err(anyhow::Error::from).boxed_unsync()))
    }

    /// Asks what anybody may ask, which must be answered.
    async fn is_served(&self) -> Result<()> {
        let answered = self.post(PATH, JSON, QUERY).await?;
        let status = answered.status();
        let told = read(answered).await?;
        let product = &told["data"]["product"];
        ensure!(status == StatusCode::OK && product["name"].is_string() && told["errors"].is_null(), "{status} {told}");
        ensure!(product["category"]["name"].is_string(), "{told}");
        Ok(())
    }
}

async fn read(answered: Response<Body>) -> Result<Value> {
    Ok(serde_json::from_slice(&answered.into_body().collect().await?.to_bytes())?)
}

/// Whether an answer says that so many are there now.
fn tells_of(told: &Value, available: u32) -> bool {
    told["data"]["stockChanged"]["product"]["available"] == available
}

/// An event stream that follows the product.
struct Tab {
    body: Body,
    unread: String,
}

impl Tab {
    async fn open(visitor: &Visitor) -> Result<Self> {
        let answered = visitor.post(STREAM, EVENTS, FOLLOW).await?;
        ensure!(answered.status() == StatusCode::OK, "{}", answered.status());
        Ok(Self { body: answered.into_body(), unread: String::new() })
    }

    /// Reads until it is told that so many are there.
    async fn is_told(&mut self, available: u32) -> Result<()> {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or("null");
                let is_told = tells_of(&serde_json::from_str(data)?, available);
                self.unread = rest.to_owned();
                if is_told {
                    return Ok(());
                }
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.context("nothing is told")?;
            let data = frame.context("the stream has ended")??.into_data().unwrap_or_default();
            self.unread.push_str(std::str::from_utf8(&data)?);
        }
    }
}

/// What a socket is told next, as JSON.
async fn text(socket: &mut Socket) -> Result<Value> {
    match socket.next().await? {
        Said::Text(text) => Ok(serde_json::from_str(&text)?),
        Said::Close(code, reason) => bail!("it is closed: {code} {reason}"),
    }
}

async fn subscribe(socket: &mut Socket, id: usize) -> Result<()> {
    let payload = json!({ "query": FOLLOW, "variables": { "id": PRODUCT } });
    socket.say(&json!({ "type": "subscribe", "id": id.to_string(), "payload": payload }).to_string()).await
}

/// All who follow the product.
struct Crowd {
    /// Each with as many subscriptions as there may be.
    sockets: Vec<Socket>,
    tabs: Vec<Tab>,
    visitor: Visitor,
}

impl Crowd {
    async fn open(shop: &Shop, sockets: usize, tabs: usize) -> Result<Self> {
        let visitor = Visitor::new(shop, CROWD);
        let tabs = try_join_all((0..tabs).map(|_| Tab::open(&visitor))).await?;
        let mut crowd = Self { sockets: Vec::with_capacity(sockets), tabs, visitor };
        for _ in 0..sockets {
            let mut socket = shop.socket().await?;
            ensure!(socket.head.starts_with("HTTP/1.1 101"), "{}", socket.head);
            socket.say("{\"type\": \"connection_init\"}").await?;
            ensure!(text(&mut socket).await?["type"] == "connection_ack");
            for id in 0..MAX_SUBSCRIPTIONS {
                subscribe(&mut socket, id).await?;
            }
            crowd.sockets.push(socket);
        }
        crowd.follows(shop).await?;
        Ok(crowd)
    }

    /// Waits until all of them follow the product.
    async fn follows(&self, shop: &Shop) -> Result<()> {
        let followed = self.sockets.len() * MAX_SUBSCRIPTIONS + self.tabs.len();
        let feed = &shop.gateway.graph.feed;
        let all = eventually("all follow", async || Ok((feed.followers() == followed).then_some(())));
        all.await.with_context(|| format!("{} of {followed} follow", feed.followers()))
    }

    /// Reads until each of them is told that so many are there.
    async fn is_told(&mut self, available: u32) -> Result<()> {
        for tab in &mut self.tabs {
            tab.is_told(available).await?;
        }
        for socket in &mut self.sockets {
            let mut told = BTreeSet::new();
            while told.len() < MAX_SUBSCRIPTIONS {
                let next = text(socket).await?;
                if tells_of(&next["payload"], available) {
                    told.insert(next["id"].to_string());
                }
            }
        }
        Ok(())
    }
}

/// What is one too many over a socket is refused by itself, and the others go on. In the place of one that is ended it is taken.
async fn one_more_subscription_is_refused(socket: &mut Socket) -> Result<()> {
    subscribe(socket, MAX_SUBSCRIPTIONS).await?;
    let told = loop {
        let told = text(socket).await?;
        if told["id"] == MAX_SUBSCRIPTIONS.to_string() {
            break told;
        }
    };
    let (error, most) = (&told["payload"][0], format!("at most {MAX_SUBSCRIPTIONS} "));
    ensure!(told["type"] == "error" && error["extensions"]["code"] == "SUBSCRIPTION_LIMIT", "{told}");
    ensure!(error["message"].as_str().is_some_and(|message| message.contains(&most)), "{told}");
    socket.say("{\"type\": \"complete\", \"id\": \"0\"}").await?;
    subscribe(socket, MAX_SUBSCRIPTIONS).await
}

/// One more connection of an address that has as many as there may be is refused, with the reason. Others are let in.
async fn one_more_connection_is_refused(shop: &Shop, crowd: &Crowd) -> Result<()> {
    let seats = &shop.gateway.graph.seats;
    let peer = Some(Peer(SocketAddr::from((CROWD, 1))));
    let rest: Vec<Seat> = std::iter::from_fn(|| seats.take(peer).ok()).collect();
    ensure!(rest.len() + crowd.sockets.len() + crowd.tabs.len() == MAX_FOLLOWED_PER_ADDRESS, "{}", rest.len());
    let refused = crowd.visitor.post(STREAM, EVENTS, FOLLOW).await?;
    let (status, pause) = (refused.status(), refused.headers().contains_key(header::RETRY_AFTER));
    let told = read(refused).await?;
    let (error, most) =
        (&told["errors"][0], format!("from this address follow something: at most {MAX_FOLLOWED_PER_ADDRESS}"));
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE && pause, "{status} {told}");
    ensure!(error["extensions"]["code"] == "TOO_MANY_CONNECTIONS", "{told}");
    ensure!(error["message"].as_str().is_some_and(|message| message.contains(&most)), "{told}");
    let refused = shop.socket().await?;
    ensure!(refused.head.starts_with("HTTP/1.1 503"), "{}", refused.head);
    crowd.visitor.is_served().await?;
    Tab::open(&Visitor::new(shop, ELSEWHERE)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_follow_something_hold_up_no_one_and_leave_nothing_behind() -> Result<()> {
    let shop = Shop::start().await?;
    shop.hears_of_changes().await?;
    // Whatever is begun when it is first needed is there now.
    Crowd::open(&shop, 1, 1).await?.is_told(shop.restock().await?).await?;
    shop.forgets(usize::MAX).await?;
    let before = tasks();

    let mut crowd = Crowd::open(&shop, SOCKETS, STREAMS).await?;
    ensure!(shop.gateway.graph.seats.taken() == SOCKETS + STREAMS);
    crowd.visitor.is_served().await?;
    Visitor::new(&shop, ELSEWHERE).is_served().await?;
    one_more_subscription_is_refused(&mut crowd.sockets[0]).await?;
    crowd.follows(&shop).await?;
    one_more_connection_is_refused(&shop, &crowd).await?;
    crowd.is_told(shop.restock().await?).await?;
    crowd.visitor.is_served().await?;

    drop(crowd);
    shop.forgets(before).await?;
    ensure!(shop.running.stop().await, "nothing had to be cut");
    Ok(())
}
