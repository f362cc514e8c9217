//! The shop as people see it: pages that are drawn on the server by the same components that take over in the browser.
//!
//! It stands before the gateway and knows the shop only by the gateway's GraphQL, in this process: `routes` says which page is where and what
//! it asks, as `make web` wrote it down; `graph` asks; `engine` draws, with QuickJS on threads of its own; `page_cache` keeps pages that are the
//! same for everyone, and `changes` has them drawn again. `session` knows browsers by cookies, and keeps their tokens here; `forms` is what plain
//! forms do; `widget` is what other people's pages show; `browsers` is what browsers tell of pages.
//! Where `make web` has not run there is nothing to draw with, and the gateway's own page stands.
//!
//! ```
//! use vitrine_shop_storefront::Config;
//!
//! let config: Config = serde_json::from_str(r#"{"threads": 2}"#)?;
//! assert_eq!((config.threads, config.cache_mib), (2, Config::default().cache_mib));
//! assert!(serde_json::from_str::<Config>(r#"{"thread": 2}"#).is_err());
//! # Ok::<(), serde_json::Error>(())
//! ```

mod browsers;
mod changes;
mod engine;
mod forms;
mod graph;
mod measuring;
mod page_cache;
mod pages;
mod partner;
mod router;
mod routes;
mod session;
mod sitemap;
mod widget;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_contracts::Problem;
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Component, Failure, Host};
use vitrine_platform_http::Router;
use vitrine_platform_web::Bundle;

pub use engine::EngineKind;
pub use partner::partner;

use browsers::spans::Paths;
use browsers::{BROWSER, Browsers};
use engine::Engine;
use graph::Graph;
use page_cache::PageCache;
use pages::Assets;
use routes::Routes;
use session::Sessions;
use widget::FrameAssets;

/// The folder of what browsers may have, in what `make web` built.
const SITE: &str = "public";
/// What it is called in telemetry.
pub const STOREFRONT: &str = "storefront";

/// Pages for people.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The shop's address as browsers see it. The composition root knows it.
    #[serde(skip)]
    pub url: String,
    /// What its pages tell of visitors with; none where they tell nothing. The composition root knows it.
    #[serde(skip)]
    pub write_key: String,
    /// What draws pages: "quickjs", in this process, or "node", a program that must be installed: 15 times faster, and one more thing to run.
    pub engine: EngineKind,
    /// Threads, or processes of Node, that draw pages.
    #[schemars(range(min = 1, max = 16))]
    pub threads: u32,
    /// Memory for pages that are the same for everyone, in MiB.
    #[schemars(range(min = 1))]
    pub cache_mib: u32,
    /// A folder of pages that `make web` built, to be used in place of those in the program, while one works on them; empty for none.
    pub pages: PathBuf,
    /// Of how many pages browsers tell how they came up, and what went wrong in them, in percent.
    #[schemars(range(min = 0, max = 100))]
    pub browsers_percent: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8080".to_owned(),
            write_key: String::new(),
            engine: EngineKind::default(),
            threads: 2,
            cache_mib: 64,
            pages: PathBuf::new(),
            browsers_percent: 100,
        }
    }
}

/// What every handler sees.
pub(crate) struct Storefront {
    pub(crate) url: String,
    /// What its pages tell of visitors with.
    pub(crate) write_key: String,
    pub(crate) bundle: Bundle,
    pub(crate) assets: Assets,
    pub(crate) frame: FrameAssets,
    pub(crate) routes: Routes,
    pub(crate) engine: Engine,
    pub(crate) cache: PageCache,
    pub(crate) sessions: Sessions,
    pub(crate) graph: Graph,
    pub(crate) browsers: Browsers,
    pub(crate) clock: Clock,
}

/// The GraphQL documents of its pages and of their scripts, each by `sha256:` and its SHA-256.
pub fn documents(config: &Config) -> Result<HashMap<String, String>, Failure> {
    let bundle = bundle(config)?;
    let Some(text) = bundle.text("server/documents.json") else { return Ok(HashMap::new()) };
    Ok(serde_json::from_str(text).map_err(|e| unusable("server/documents.json", &e))?)
}

fn bundle(config: &Config) -> Result<Bundle, Problem> {
    if config.pages.as_os_str().is_empty() {
        return Ok(Bundle::embedded(SITE));
    }
    let expected = "a folder that `make web` filled, such as web/dist, or nothing";
    Bundle::open(&config.pages, SITE).map_err(|e| Problem::invalid("storefront.pages", expected, &e.to_string()))
}

fn unusable(name: &str, why: &dyn std::fmt::Display) -> Problem {
    Problem::invalid("storefront.pages", "pages of this version", &format!("{name} cannot be used: {why}"))
}

/// Puts the storefront before what the gateway serves.
pub fn around(config: &Config, gateway: Component, host: &Host) -> Result<Component, Failure> {
    let bundle = bundle(config)?;
    let Some(built) = Built::of(&bundle)? else { return Ok(gateway) };
    let engine = Engine::new(config.engine, &built.script, config.threads)?;
    let config = config.clone();
    let mut assembled = None;
    let component = gateway.with_http_around(|gateway| {
        let (router, storefront) = assemble(config, bundle, built, engine, gateway, host);
        assembled = Some(storefront);
        router
    });
    let Some(storefront) = assembled else { return Ok(component) };
    Ok(component.task("changes of pages", async move |stop| {
        stop.run_until_cancelled(changes::follow(&storefront)).await;
    }))
}

/// What `make web` leaves for the server.
struct Built {
    script: String,
    assets: Assets,
    frame: FrameAssets,
    routes: Routes,
}

impl Built {
    /// None where it has not run.
    fn of(bundle: &Bundle) -> Result<Option<Self>, Problem> {
        let Some(script) = bundle.text("server/storefront.js") else { return Ok(None) };
        let read = |name: &str| bundle.text(name).ok_or_else(|| unusable(name, &"it is not there"));
        let (assets, frame, routes) = ("server/assets.json", "server/widget.json", "server/routes.json");
        Ok(Some(Self {
            script: script.to_owned(),
            assets: serde_json::from_str(read(assets)?).map_err(|e| unusable(assets, &e))?,
            frame: serde_json::from_str(read(frame)?).map_err(|e| unusable(frame, &e))?,
            routes: Routes::parse(read(routes)?).map_err(|e| unusable(routes, &e))?,
        }))
    }
}

fn assemble(
    config: Config,
    bundle: Bundle,
    built: Built,
    engine: Engine,
    gateway: Router,
    host: &Host,
) -> (Router, Arc<Storefront>) {
    let telemetry = host.telemetry(STOREFRONT);
    let (browser, cache) = (host.telemetry(BROWSER), host.cache(STOREFRONT));
    let storefront = Arc::new(Storefront {
        engine,
        cache: PageCache::new(u64::from(config.cache_mib) << 20),
        sessions: Sessions::new(host.clock(), config.url.starts_with("https://")),
        graph: Graph::new(gateway.clone()),
        browsers: Browsers::new(browser, cache, config.browsers_percent, Paths::new(&built.routes, bundle.paths())),
        clock: host.clock(),
        url: config.url,
        write_key: config.write_key,
        assets: built.assets,
        frame: built.frame,
        routes: built.routes,
        bundle,
    });
    (router::before(gateway, storefront.clone(), telemetry), storefront)
}
