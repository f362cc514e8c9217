//! What is followed, by stock clients from npm: graphql-ws over WebSocket, graphql-sse over server-sent events.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use vitrine_tests_testkit::{PATIENCE, node};

use super::world::{Caller, PASSWORD, PROMOTER, World, address, card};
use crate::socket::{Said, Socket};

const PACKAGES: &[&str] = &["graphql-ws@6.4.2", "graphql-sse@2.6.1", "graphql@16.15.0", "ws@8.23.0"];

/// A stock client that follows something, and prints a line of JSON for all that it is told.
struct Follower {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Follower {
    async fn start(world: &World, how: &str, caller: &Caller, query: &str, variables: &Value) -> Result<Self> {
        let folder = node(Path::new(env!("CARGO_TARGET_TMPDIR")), "graphql-followers", PACKAGES).await?;
        let script = folder.join("follow.mjs");
        // Put in its place whole: a client of another test may be reading it at this moment.
        let copy = NamedTempFile::new_in(&folder)?;
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/graph/follow.mjs"), copy.path())?;
        copy.persist(&script)?;
        let token = caller.token.as_deref().unwrap_or_default();
        let mut process = Command::new("node")
            .arg(&script)
            .args([how, &world.url, token, query, &variables.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let lines = BufReader::new(process.stdout.take().context("its output")?).lines();
        Ok(Self { lines, _process: process })
    }

    /// What it is told next.
    async fn next(&mut self) -> Result<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.context("nothing was told")??;
        Ok(serde_json::from_str(&line.context("it has ended")?)?)
    }

    /// What it is told when something is done until it is: what happens before it follows is not told.
    async fn told_of(&mut self, mut act: impl AsyncFnMut() -> Result<()>) -> Result<Value> {
        for _ in 0..100 {
            act().await?;
            if let Ok(line) = tokio::time::timeout(Duration::from_millis(200), self.lines.next_line()).await {
                return Ok(serde_json::from_str(&line?.context("it has ended")?)?);
            }
        }
        bail!("nothing was told")
    }
}

async fn buy(customer: &Caller, key: &str) -> Result<String> {
    let add = "mutation { addToCart(input: { productId: \"prd_tall-vase\" }) { errors { code } } }";
    customer.run(add, json!({})).await?;
    let place = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on Order { id } ... on Refusal { code } } }";
    let input = json!({
        "idempotencyKey": key, "destination": { "address": address() }, "payment": { "card": card("4242424242424242") },
        "maxTotal": { "amount": "100000.00", "currency": "EUR" },
    });
    let placed = customer.run(place, json!({ "input": input })).await?;
    Ok(placed["placeOrder"]["id"].as_str().with_context(|| format!("an order: {placed}"))?.to_owned())
}

async fn orders_stock_and_offers_are_followed(how: &str) -> Result<()> {
    let world = World::start().await?;
    let customer = world.anybody.sign_up("ada@test.vitrine.example").await?;
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let id = buy(&customer, "k0").await?;

    let query = "subscription($id: ID!) { orderChanged(id: $id) { resync order { id state } } }";
    let mut order = Follower::start(&world, how, &customer, query, &json!({ "id": id })).await?;
    let first = order.next().await?;
    ensure!(
        first["data"]["orderChanged"] == json!({ "resync": false, "order": { "id": id, "state": "PAID" } }),
        "{first}"
    );
    let cancel = "mutation($id: ID!) { cancelOrder(input: { orderId: $id }) { order { state } } }";
    customer.run(cancel, json!({ "id": id })).await?;
    loop {
        let next = order.next().await?;
        if next["data"]["orderChanged"]["order"]["state"] == "REFUNDED" {
            break;
        }
    }
    let mut not_hers = Follower::start(&world, how, &promoter, query, &json!({ "id": id })).await?;
    let refused = not_hers.next().await?;
    ensure!(refused.to_string().contains("PERMISSION_DENIED"), "{refused}");

    let query = "subscription { stockChanged(ids: [\"prd_tall-vase\"]) { product { id available } resync } }";
    let mut stock = Follower::start(&world, how, &world.anybody, query, &json!({})).await?;
    let (mut n, before) = (0, available(&world).await?);
    let told = stock.told_of(async || {
        n += 1;
        buy(&customer, &format!("s{n}")).await.map(drop)
    });
    let told = told.await?["data"]["stockChanged"].clone();
    ensure!(told["product"]["available"].as_u64().is_some_and(|left| left < before), "{told}, of {before}");

    let query = "subscription { offers(category: \"workshops\") { kind productId product { name } } }";
    let mut offers = Follower::start(&world, how, &world.anybody, query, &json!({})).await?;
    let made = offers.told_of(async || offer(&promoter).await).await?;
    ensure!(
        made["data"]["offers"]["kind"] == "NEW" && made["data"]["offers"]["product"]["name"] == "Evening",
        "{made}"
    );
    Ok(())
}

async fn available(world: &World) -> Result<u64> {
    let read = world.anybody.run("{ product(id: \"prd_tall-vase\") { available } }", json!({})).await?;
    read["product"]["available"].as_u64().context("a number")
}

async fn offer(promoter: &Caller) -> Result<()> {
    let make = "mutation($input: CreateProductInput!) { createProduct(input: $input) { errors { code field } } }";
    let input = json!({
        "kind": "EVENT", "name": "Evening", "description": "Water and patience.", "category": "workshops", "stock": 8,
        "price": { "amount": "20.00", "currency": "EUR" },
        "event": { "startsAt": "2034-05-01T18:00:00Z", "durationMin": 90, "venue": "The hot shop" },
    });
    let told = promoter.run(make, json!({ "input": input })).await?;
    ensure!(told["createProduct"]["errors"] == json!([]), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphql_ws_follows() -> Result<()> {
    orders_stock_and_offers_are_followed("ws").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphql_sse_follows() -> Result<()> {
    orders_stock_and_offers_are_followed("sse").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_are_closed_as_the_protocol_says() -> Result<()> {
    let world = World::start().await?;
    let address = world.url.trim_start_matches("http://");
    let init = "{\"type\": \"connection_init\"}";
    let subscribe =
        "{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": {\"query\": \"subscription { offers { kind } }\"}}";
    for (texts, code, reason) in [
        (&["what"][..], 4400, "Invalid message"),
        (&[subscribe], 4401, "Unauthorized"),
        (&[init, init], 4429, "Too many initialisation requests"),
        (&[init, subscribe, subscribe], 4409, "Subscriber already exists"),
        (&["{\"type\": \"connection_init\", \"payload\": {\"authorization\": \"Bearer nothing\"}}"], 4403, "Forbidden"),
    ] {
        let mut socket = Socket::ask(TcpStream::connect(address).await?, "graphql-transport-ws").await?;
        ensure!(socket.head.starts_with("HTTP/1.1 101"), "{}", socket.head);
        for text in texts {
            socket.say(text).await?;
        }
        let closed = loop {
            if let Said::Close(code, reason) = socket.next().await? {
                break (code, reason);
            }
        };
        ensure!(closed == (code, reason.to_owned()), "{texts:?}: {closed:?}");
    }
    let older = Socket::ask(TcpStream::connect(address).await?, "graphql-ws").await?;
    ensure!(older.head.starts_with("HTTP/1.1 400"), "the older protocol is another one: {}", older.head);
    Ok(())
}
