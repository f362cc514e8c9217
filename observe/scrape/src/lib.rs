//! Scraping: targets are found, asked for their metrics at their intervals, and what they bring is handed on.
//!
//! [`Config`] reads Prometheus's configuration. A [`Scraper`] runs it: it discovers targets ([`discovery`]), relabels them ([`relabel`]), scrapes
//! each in a loop of its own and hands every scrape to a [`Sink`], whole or not at all. A configuration is replaced at once or not at all;
//! targets that stay the same go on undisturbed.
//!
//! It keeps no samples, and knows nothing of who does.
//!
//! ```
//! use std::path::Path;
//! use vitrine_observe_scrape::Config;
//!
//! let text = "scrape_configs: [{job_name: api, static_configs: [{targets: ['10.0.0.1:9090']}]}]";
//! let config = Config::read(text, Path::new(".")).expect("a configuration");
//! assert_eq!(config.jobs[0].name, "api");
//! let mistakes = Config::read("scrape_configs: [{job: api}]", Path::new(".")).expect_err("two mistakes");
//! assert_eq!(mistakes.len(), 2);
//! ```

mod cache;
pub mod config;
mod describe;
pub mod discovery;
mod failures;
mod files;
mod histograms;
mod ingest;
mod nhcb;
mod pool;
pub mod relabel;
mod scrape;
mod scraper;
mod target;
mod target_loop;
mod view;

pub use config::{Config, Job};
pub use histograms::HistogramOptions;
pub use ingest::TenantSink;
pub use scrape::{Scrape, ScrapedSample, Sink};
pub use scraper::Scraper;
pub use target::Target;
