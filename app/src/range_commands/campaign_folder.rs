//! A campaign that was run, as it is kept: its document, its plan, the truth of each incident, and what was seen of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vitrine_flags_range::baselines::Table;
use vitrine_flags_range::layouts::{File, Topology};
use vitrine_flags_range::{Campaign, Plan, Record, Telemetry, Window};

use super::wrongs;

/// Seconds of a row of the tables that rules read.
const STEP_S: i64 = 1;

/// What is known of a run besides.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    /// Ids of a blind set are made of this.
    pub secret: u64,
    /// Who calls whom.
    pub topology: Topology,
}

/// A campaign that was run.
pub(super) struct CampaignFolder {
    pub campaign: Campaign,
    pub digest: String,
    pub plan: Plan,
    pub records: Vec<Record>,
    pub topology: Topology,
    pub secret: u64,
    folder: PathBuf,
}

/// Reads a campaign's document; returns its digest, too.
pub(super) fn campaign(path: &Path) -> Result<(Campaign, String, Vec<u8>)> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let campaign = Campaign::from_json(&bytes).map_err(|all| wrongs(path, &all))?;
    Ok((campaign, hex::encode(Sha256::digest(&bytes)), bytes))
}

pub(super) fn plan(path: &Path, campaign: &Campaign) -> Result<Plan> {
    Plan::new(campaign).map_err(|wrong| wrongs(path, &[wrong]))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not what a campaign writes", path.display()))
}

/// Writes a document.
pub(super) fn write(path: &Path, document: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(document).context("what was seen cannot be written as JSON")?;
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Makes a folder that must not be there yet.
pub(super) fn new_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        bail!("{} is there already: expected a folder that is not", folder.display());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

/// Writes the files of a set.
pub(super) fn write_files(out: &Path, files: &[File]) -> Result<()> {
    new_folder(out)?;
    for file in files {
        let path = out.join(&file.path);
        let folder = path.parent().unwrap_or(out);
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        std::fs::write(&path, &file.bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

impl CampaignFolder {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("campaign.json");
        let (campaign, digest, _) = campaign(&path)?;
        let plan = plan(&path, &campaign)?;
        let about: About = read(&folder.join("about.json"))?;
        let mut records = Vec::new();
        for incident in plan.incidents() {
            let path = folder.join("records").join(format!("{}.json", incident.id));
            // A campaign that was stopped has the first ones.
            if path.exists() {
                records.push(read(&path)?);
            }
        }
        let (topology, secret) = (about.topology, about.secret);
        Ok(Self { campaign, digest, plan, records, topology, secret, folder: folder.to_owned() })
    }

    /// What was seen of an incident.
    pub fn telemetry(&self, id: &str) -> Result<Telemetry> {
        read(&self.folder.join("telemetry").join(format!("{id}.json")))
    }

    /// The table that simple rules read, and when the fault was armed, in seconds.
    pub fn table(&self, record: &Record) -> Result<(Table, i64)> {
        let window = Window { from_ns: record.windows.baseline.from_ns, to_ns: record.windows.during.to_ns };
        let table = Table::of(&self.telemetry(&record.id)?.cut(window), STEP_S);
        Ok((table, record.windows.during.from_ns.div_euclid(1_000_000_000)))
    }
}
