//! A campaign of the fault range, run in parts against shops side by side.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::packages::succeed;
use crate::shop::{Options, Placement, Shop};

/// How often the shops tell of metrics, in milliseconds: windows of a short campaign are seconds.
const METRICS_EVERY_MS: &str = "500";

/// A campaign that was run. The shops, and what they have seen, go with it.
#[derive(Debug)]
pub struct CampaignRun {
    /// The shops, each with its part of the incidents.
    pub shops: Vec<Shop>,
    /// The folder of each part.
    pub parts: Vec<PathBuf>,
    /// What each part said while it ran.
    pub said: Vec<String>,
    binary: PathBuf,
}

impl CampaignRun {
    /// Runs a campaign against so many shops, below a folder.
    pub async fn new(binary: &Path, folder: &Path, document: &Value, shops: usize) -> Result<Self> {
        let file = folder.join("campaign.json");
        std::fs::write(&file, document.to_string())?;
        let variables = vec![("OTEL_METRIC_EXPORT_INTERVAL".to_owned(), METRICS_EVERY_MS.to_owned())];
        let options = Options { variables, ..Options::default() };
        let mut run =
            Self { shops: Vec::new(), parts: Vec::new(), said: vec![String::new(); shops], binary: binary.to_owned() };
        for _ in 0..shops {
            run.shops.push(Shop::start(binary, Placement::Local, &options).await?);
        }
        let mut running = JoinSet::new();
        for (at, shop) in run.shops.iter().enumerate() {
            let part = folder.join(format!("part-{}", at + 1));
            let nth = format!("{}/{shops}", at + 1);
            let mut command = Command::new(binary);
            command.args(["range", "run", "--part", &nth]).arg(&file);
            command.arg("--out").arg(&part).arg("--data").arg(shop.data().join("up"));
            running.spawn(async move { (at, succeed(&mut command).await) });
            run.parts.push(part);
        }
        while let Some(ended) = running.join_next().await {
            let (at, said) = ended?;
            run.said[at] = said?;
        }
        Ok(run)
    }

    /// Runs a command of `vitrine range` about all parts, with these further arguments; returns what it printed.
    pub async fn range(&self, command: &str, args: &[&str]) -> Result<String> {
        succeed(Command::new(&self.binary).args(["range", command]).args(&self.parts).args(args)).await
    }

    /// The truth of each incident, by its id.
    pub fn records(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for part in &self.parts {
            for file in std::fs::read_dir(part.join("records"))? {
                all.push(serde_json::from_slice(&std::fs::read(file?.path())?)?);
            }
        }
        Ok(all)
    }
}
