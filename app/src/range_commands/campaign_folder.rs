//! A campaign that was run, as it is kept: its document, its plan, the truth of each incident, and what was seen of it.

use std::io::BufWriter;
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

/// How hard telemetry is compressed: it is written while the next incident waits.
const ZSTD_LEVEL: i32 = 3;

/// What is known of a run besides.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    /// Ids of its traces are made of this.
    pub run: u64,
    /// Ids of a blind set are made of this.
    pub secret: u64,
    /// Who calls whom.
    pub topology: Topology,
}

/// A campaign that was run, whole or in parts.
pub(super) struct CampaignFolder {
    pub campaign: Campaign,
    pub digest: String,
    pub plan: Plan,
    /// In order of the plan.
    pub records: Vec<Record>,
    pub topology: Topology,
    pub secret: u64,
    folders: Vec<PathBuf>,
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

/// Writes a document, whole or not at all.
pub(super) fn write(path: &Path, document: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(document).context("what was seen cannot be written as JSON")?;
    let new = path.with_extension("new");
    let written = std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

fn record_path(folder: &Path, id: &str) -> PathBuf {
    folder.join("records").join(format!("{id}.json"))
}

fn telemetry_path(folder: &Path, id: &str) -> PathBuf {
    folder.join("telemetry").join(format!("{id}.json.zst"))
}

/// Writes the truth of an incident.
pub(super) fn write_record(folder: &Path, record: &Record) -> Result<()> {
    write(&record_path(folder, &record.id), record)
}

/// The truth of an incident; none where it was not run yet.
pub(super) fn read_record(folder: &Path, id: &str) -> Result<Option<Record>> {
    let path = record_path(folder, id);
    if path.exists() { read(&path).map(Some) } else { Ok(None) }
}

/// Writes what was seen of an incident.
pub(super) fn write_telemetry(folder: &Path, id: &str, telemetry: &Telemetry) -> Result<()> {
    let path = telemetry_path(folder, id);
    let written = || -> Result<()> {
        let file = BufWriter::new(std::fs::File::create(&path)?);
        let mut out = zstd::Encoder::new(file, ZSTD_LEVEL)?;
        serde_json::to_writer(&mut out, telemetry)?;
        out.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(())
    };
    written().with_context(|| format!("{} cannot be written", path.display()))
}

/// What was seen of an incident.
pub(super) fn read_telemetry(folder: &Path, id: &str) -> Result<Telemetry> {
    let path = telemetry_path(folder, id);
    let file = std::fs::File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text =
        zstd::decode_all(file).with_context(|| format!("{} is not compressed as it should be", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not what a campaign writes", path.display()))
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
    /// Reads a folder, or those of all parts.
    pub fn read(folders: &[PathBuf]) -> Result<Self> {
        let first = folders.first().context("expected the folder of a campaign")?.join("campaign.json");
        let (campaign, digest, _) = campaign(&first)?;
        let plan = plan(&first, &campaign)?;
        let (mut topology, mut secret) = (Topology::default(), None);
        for folder in folders {
            let (_, other, _) = self::campaign(&folder.join("campaign.json"))?;
            if other != digest {
                bail!("{} is of another campaign than {}: expected parts of one", folder.display(), first.display());
            }
            let about: About = read(&folder.join("about.json"))?;
            secret.get_or_insert(about.secret);
            topology.calls.extend(about.topology.calls);
            topology.events.extend(about.topology.events);
        }
        for pairs in [&mut topology.calls, &mut topology.events] {
            pairs.sort_unstable();
            pairs.dedup();
        }
        let mut records = Vec::new();
        for incident in plan.incidents() {
            // A campaign that was stopped has the first ones.
            for folder in folders {
                records.extend(read_record(folder, &incident.id)?);
            }
        }
        if let Some(two) = records.windows(2).find(|two| two[0].id == two[1].id) {
            bail!("incident {} is in two of the folders: expected each part once", two[0].id);
        }
        let folders = folders.to_vec();
        Ok(Self { campaign, digest, plan, records, topology, secret: secret.unwrap_or_default(), folders })
    }

    /// What was seen of an incident.
    pub fn telemetry(&self, id: &str) -> Result<Telemetry> {
        let of = self.folders.iter().find(|folder| record_path(folder, id).exists()).unwrap_or(&self.folders[0]);
        read_telemetry(of, id)
    }
}

/// The table that simple rules read, and when the fault was armed, in seconds.
pub(super) fn table(record: &Record, telemetry: &Telemetry) -> (Table, i64) {
    let window = Window { from_ns: record.windows.baseline.from_ns, to_ns: record.windows.during.to_ns };
    (Table::of(&telemetry.cut(window), STEP_S), record.windows.during.from_ns.div_euclid(1_000_000_000))
}
