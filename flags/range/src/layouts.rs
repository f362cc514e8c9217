//! Incidents as files, in the layouts that others read.
//!
//! | layout | read by | what a case is |
//! |---|---|---|
//! | [`Layout::Rcaeval`] | RCAEval 1.8.1, `read_metrics`, `read_logs`, `read_traces` | `vitrine/<service>_<kind>/<n>/`: its folder's name is the answer |
//! | [`Layout::Openrca`] | OpenRCA, `main/evaluate.py` | a row of `record.csv` and `query.csv`; telemetry by day, in UTC+8 |
//! | [`Layout::Openrca2`] | rcabench-platform 0.4.46, `valid`, `build_sdg_from_rcabench`, `CausalGraph.from_dict` | a folder with twelve Parquet files |
//! | [`Layout::Vitrine`] | this crate, `vitrine range score` | that of OpenRCA 2.0, with the whole record |
//!
//! A blind set has what is asked below `tasks` and what is right below `answers`; a digest of the answers goes with the tasks.

mod openrca;
mod openrca2;
mod rcaeval;
mod split;
mod tables;
mod vitrine;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::record::Record;
use crate::rows::Telemetry;
use crate::wrong::Wrong;

/// Which layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Ours.
    Vitrine,
    /// RCAEval's.
    Rcaeval,
    /// OpenRCA's.
    Openrca,
    /// OpenRCA 2.0's.
    Openrca2,
}

impl Layout {
    /// Its name, as the command line says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vitrine => "vitrine",
            Self::Rcaeval => "rcaeval",
            Self::Openrca => "openrca",
            Self::Openrca2 => "openrca2",
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Vitrine, Self::Rcaeval, Self::Openrca, Self::Openrca2];
}

/// One incident with what was seen from its baseline to its recovery.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its truth.
    pub record: Record,
    /// What was seen.
    pub telemetry: Telemetry,
}

/// Who calls whom, and whose events reach whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Topology {
    /// Callers and whom they call.
    pub calls: Vec<(String, String)>,
    /// Who publishes and who handles.
    pub events: Vec<(String, String)>,
}

/// A file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where, from the set's folder on.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether it tells what was done.
    pub is_answer: bool,
}

impl File {
    pub(crate) fn task(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), is_answer: false }
    }

    pub(crate) fn answer(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), is_answer: true }
    }
}

/// Makes the files of a set.
///
/// # Errors
///
/// There is nothing to write, the layout cannot be blind, or a table cannot be written.
pub fn export(layout: Layout, cases: &[Case], topology: &Topology, blind: bool) -> Result<Vec<File>, Wrong> {
    if cases.is_empty() {
        return Err(Wrong::new("", "no incident can be exported", "at least one that counts"));
    }
    if blind && layout == Layout::Rcaeval {
        return Err(Wrong::new(
            "",
            "in the layout rcaeval a folder's name is the answer",
            "vitrine, openrca or openrca2 for a blind set",
        ));
    }
    let mut files = match layout {
        Layout::Vitrine => vitrine::files(cases, topology)?,
        Layout::Rcaeval => rcaeval::files(cases)?,
        Layout::Openrca => openrca::files(cases),
        Layout::Openrca2 => openrca2::files(cases)?,
    };
    if blind {
        for file in &mut files {
            file.path = format!("{}/{}", if file.is_answer { "answers" } else { "tasks" }, file.path);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let digest = digest(&files);
        files.push(File::task("tasks/answers.sha256", digest + "\n"));
    }
    Ok(files)
}

/// The digest of the answers: of their paths and contents, in order.
fn digest(files: &[File]) -> String {
    let mut digest = Sha256::new();
    for file in files.iter().filter(|file| file.is_answer) {
        digest.update((file.path.len() as u64).to_le_bytes());
        digest.update(&file.path);
        digest.update((file.bytes.len() as u64).to_le_bytes());
        digest.update(&file.bytes);
    }
    hex::encode(digest.finalize())
}

fn json(value: &serde_json::Value) -> Vec<u8> {
    // Values of `serde_json` are always JSON.
    format!("{value:#}\n").into_bytes()
}

/// The service that is named as the cause; of controls none.
fn component(record: &Record) -> &str {
    record.root_causes.first().map_or("none", |cause| cause.service.as_str())
}

/// What is named as the reason.
fn reason(record: &Record) -> String {
    match (&record.layer, &record.kind) {
        (Some(layer), Some(kind)) if !record.root_causes.is_empty() => format!("{} {kind}", layer.name()),
        _ => "none".to_owned(),
    }
}

/// When it began to show, in nanoseconds since 1970.
fn began_ns(record: &Record) -> i64 {
    let times = &record.times_ns;
    times.effect.or(times.first_hit).unwrap_or(record.windows.during.from_ns)
}

/// A line of CSV, quoted where it must be (RFC 4180).
fn csv(out: &mut String, fields: &[&str]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            let _ = write!(out, "\"{}\"", field.replace('"', "\"\""));
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}
