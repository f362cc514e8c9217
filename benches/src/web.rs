//! The storefront and GraphQL as browsers have them: pages drawn and kept, a document by its hash, changes told to sockets, and Chromium.

mod browser;
mod follow;
mod graphql;
mod pages;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::ACCEPT_ENCODING;
use vitrine_shop_load::http::{Call, Client};
use vitrine_tests_testkit::{Options, Placement, Shop};

use crate::goals::tell;
use crate::process::{children, cpu};

/// A piece that is looked at.
const PRODUCT: &str = "/p/storm-vase";

/// How much is measured.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(id = "web")]
pub(crate) struct Sizes {
    /// Pages that are drawn before the memory of the engine is read
    #[arg(long, default_value_t = 10_000)]
    pages: usize,
    /// How often Chromium looks at a page, with and without a slow processor
    #[arg(long, default_value_t = 9)]
    looks: usize,
}

/// A shop without load, in one process.
struct Served {
    shop: Shop,
    pid: u32,
    address: String,
}

impl Served {
    async fn start(binary: &Path, more: &[(&str, &str)]) -> Result<Self> {
        let unlimited = [("VITRINE_GATEWAY__RATE_PER_S", "1000000"), ("VITRINE_GATEWAY__RATE_BURST", "1000000")];
        let variables = unlimited.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options { variables: variables.collect(), ..Options::default() };
        let mut shop = Shop::start(binary, Placement::Local, &options).await?;
        let pid = shop.process()?.id();
        let address = shop.url.trim_start_matches("http://").to_owned();
        let served = Self { shop, pid, address };
        let page = served.client()?.send(Call::new(Method::GET, PRODUCT)).await?;
        let is_drawn = String::from_utf8_lossy(&page.body).contains("id=\"root\"");
        ensure!(page.status == 200 && is_drawn, "the program has no pages: make web, and build it again");
        Ok(served)
    }

    fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.shop.url)?)
    }

    /// CPU seconds of its process, and of those that it has started.
    fn cpu_s(&self) -> Result<f64> {
        let mut all = cpu(self.pid)?;
        for child in children(self.pid)? {
            // One that has just ended.
            all += cpu(child).unwrap_or_default();
        }
        Ok(all)
    }
}

/// What a browser loads before a page works, after gzip.
async fn sizes(served: &Served) -> Result<()> {
    println!("Web: what a browser loads for its first page, in KiB after gzip");
    let client = served.client()?;
    let page = client.send(Call::new(Method::GET, PRODUCT)).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    for (what, ending, goal) in [("script", ".js", 92.0), ("style", ".css", 14.0)] {
        let mut bytes = 0;
        // A page may name a file more than once: to be loaded early, and where it is needed.
        let named = page.split('"').filter(|part| part.starts_with("/assets/") && part.ends_with(ending));
        for file in named.collect::<BTreeSet<_>>() {
            let answer = client.send(Call::new(Method::GET, file).header(ACCEPT_ENCODING, "gzip")).await?;
            ensure!(answer.header("content-encoding") == Some("gzip"), "{file} is not compressed");
            bytes += answer.body.len();
        }
        ensure!(bytes > 0, "the page has no {what}");
        tell(what, bytes as f64 / 1024.0, "KiB", goal, false);
    }
    println!();
    Ok(())
}

/// Measures all of it, in turns of so many seconds.
pub(crate) async fn measure(binary: &Path, seconds: u64, how_much: Sizes) -> Result<()> {
    let turn = Duration::from_secs(seconds);
    let served = Served::start(binary, &[]).await.context("a shop")?;
    sizes(&served).await?;
    pages::measure(binary, &served, turn).await?;
    graphql::measure(&served, turn).await?;
    follow::measure(&served).await?;
    browser::measure(&served, how_much.looks).await?;
    drop(served);
    pages::memory(binary, how_much.pages).await
}
