//! A product page's document, named by its hash, beside Apollo Server on Node, which has all data in memory.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_testkit::node;

use super::Served;
use crate::flags::{at_rate, request, requests};
use crate::goals::{tell, thousands};
use crate::script::cache;

/// Apollo's server takes one request of a connection at a time; so does ours here.
const PIPELINE: usize = 1;
const JSON: &str = "content-type: application/json\r\n";
const DOCUMENT: &str = "query ProductPage($id: ID!) { product(id: $id) { id slug kind name description tags picture available sold \
     category { slug name } price { amount currency text } } \
     recommendations(productIds: [$id], first: 6) { product { id name picture price { text } category { name } } } }";

/// What is sent: with the document the first time, later by its hash alone.
fn body(is_first: bool) -> Value {
    let hash = hex::encode(Sha256::digest(DOCUMENT));
    let mut body = json!({"operationName": "ProductPage", "variables": {"id": "prd_storm-vase"},
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
    if is_first {
        body["query"] = DOCUMENT.into();
    }
    body
}

/// Has a server remember the document, and looks whether it answers as it should.
async fn prepare(url: &str) -> Result<()> {
    let client = Client::new(url)?;
    for is_first in [true, false] {
        let answer = client.send(Call::new(Method::POST, "/graphql").json(&body(is_first))).await?;
        let data = answer.json();
        let is_whole =
            data["errors"].is_null() && data["data"]["recommendations"].as_array().is_some_and(|r| !r.is_empty());
        ensure!(answer.status == 200 && is_whole, "{url}: {} {data}", answer.status);
    }
    Ok(())
}

struct Apollo {
    child: Child,
    url: String,
}

impl Apollo {
    async fn start() -> Result<Self> {
        let packages = ["@apollo/server@5.5.1", "graphql@16.15.0"];
        let folder = node(&cache()?, "apollo-server-5.5.1", &packages).await?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/apollo.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(folder).env("NODE_ENV", "production");
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().context("node")?;
        let said = BufReader::new(child.stdout.take().context("its output")?).lines().next_line().await?;
        Ok(Self { child, url: said.context("it said no address")? })
    }
}

pub(super) async fn measure(served: &Served, turn: Duration) -> Result<()> {
    println!("Web: a product page's data over GraphQL, by hash, turns of {turn:?}");
    prepare(&served.shop.url).await?;
    let asked = request("POST", "/graphql", JSON, &body(false).to_string());
    requests(served.pid, &served.address, &asked, PIPELINE, turn / 4).await?;
    let found = requests(served.pid, &served.address, &asked, PIPELINE, turn).await?;
    tell("GraphQL, by hash (15,000/s on two cores)", found.per_cpu, "/s of CPU", 7_500.0, true);
    let latency = at_rate(&served.address, &asked, found.per_s / 2.0, turn).await?;
    println!("  at half of {:.0}/s, from when each is due: {:.2} ms p50", found.per_s, thousands(&latency, 0.5));
    tell("the same, p99", thousands(&latency, 0.99), "ms", 3.0, false);
    match Apollo::start().await {
        Ok(apollo) => {
            prepare(&apollo.url).await?;
            let (pid, address) = (apollo.child.id().context("it has ended")?, apollo.url.trim_start_matches("http://"));
            requests(pid, address, &asked, PIPELINE, turn / 4).await?;
            let peer = requests(pid, address, &asked, PIPELINE, turn).await?;
            println!("  Apollo Server 5.5 on Node, its data in memory: {:.0}/s of CPU", peer.per_cpu);
            tell("GraphQL beside it", found.per_cpu / peer.per_cpu, "×", 3.0, true);
        }
        Err(error) => println!("  Apollo Server could not be measured: {error:#}"),
    }
    println!();
    Ok(())
}
