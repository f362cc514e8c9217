//! How well causes were found: each score beside what chance would reach, and with an interval.
//!
//! AC@k, Avg@k, chance and lift are RCAEval 1.8.1's (`benchmark/evaluation.py`): of a case with `n` candidates chance reaches min(k, n) / n at
//! k, and lift is Avg@5 less chance's. With several causes AC@k is the share of them among the first k; incidents that overlap are one
//! question, and the causes of both are its answer.

mod case;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::interval::{Score, bootstrap};
use crate::plan::Control;
use crate::record::Record;
use crate::wrong::{Wrong, read};

pub use case::{CaseScore, score_case};

/// Largest document of diagnoses, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024 * 1024;
/// Most causes that a diagnosis names.
pub const MAX_RANKED: usize = 1_000;
/// How deep a ranking is looked into.
pub const DEPTHS: [usize; 3] = [1, 3, 5];
/// The depth of averages.
pub const AVERAGE_DEPTH: usize = 5;
/// A time is right within so many nanoseconds.
pub const TIME_WITHIN_NS: i64 = 60_000_000_000;
/// One cause that a diagnosis names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Which service.
    pub component: String,
    /// Which effect.
    #[serde(default)]
    pub kind: Option<String>,
    /// Which method.
    #[serde(default)]
    pub method: Option<String>,
    /// Since when, in nanoseconds since 1970.
    #[serde(default)]
    pub time: Option<i64>,
    /// The way that trouble took, from the cause on: services.
    #[serde(default)]
    pub path: Vec<String>,
    /// Statements that show it, as [`crate::evidence`] has them.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// What somebody says of one incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnosis {
    /// Of which.
    pub id: String,
    /// The likeliest cause first. None: it does not say, or says that nothing is wrong.
    #[serde(default)]
    pub causes: Vec<Named>,
    /// When trouble was noticed, in nanoseconds since 1970.
    #[serde(default)]
    pub detected: Option<i64>,
    /// When something was done about it, in nanoseconds since 1970.
    #[serde(default)]
    pub mitigated: Option<i64>,
    /// Calls that it took.
    #[serde(default)]
    pub calls: Option<u64>,
    /// Tokens that it took.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// The part of its evidence that holds; none where none was given, or none was looked at.
    #[serde(skip)]
    pub evidence_holds: Option<f64>,
}

/// Reads diagnoses: a JSON list.
///
/// # Errors
///
/// What is wrong, with its place.
pub fn read_diagnoses(document: &[u8]) -> Result<Vec<Diagnosis>, Wrong> {
    let all: Vec<Diagnosis> = read(document, MAX_DOCUMENT, "a list of diagnoses as docs/guide/range.md has it")?;
    for (at, one) in all.iter().enumerate() {
        if one.causes.len() > MAX_RANKED {
            let message = format!("there are {}", one.causes.len());
            return Err(Wrong::new(format!("[{at}].causes"), message, format!("at most {MAX_RANKED}")));
        }
        if all[..at].iter().any(|other| other.id == one.id) {
            return Err(Wrong::new(
                format!("[{at}].id"),
                format!("{:?} is there twice", one.id),
                "one diagnosis of each incident",
            ));
        }
    }
    Ok(all)
}

/// All scores of some cases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Cases with a cause.
    pub cases: usize,
    /// Of these, diagnoses that name none.
    pub abstained: usize,
    /// By name: `ac@1`, `avg@5`, `chance_ac@1`, `lift`, `precision`, `path_node_f1`, …
    pub of: BTreeMap<String, Score>,
}

/// A report on one who diagnoses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who.
    pub name: String,
    /// All cases.
    pub all: Scores,
    /// By layer of the cause.
    pub by_layer: BTreeMap<String, Scores>,
    /// The share of controls for which nothing was named.
    pub controls: Score,
    /// Incidents that no diagnosis is of: they count as abstained.
    pub missing: Vec<String>,
    /// Diagnoses of what is no graded incident.
    pub unknown: Vec<String>,
}

/// Scores diagnoses of a campaign's graded incidents; `candidates` are the services that could be named.
pub fn score(name: &str, records: &[Record], diagnoses: &[Diagnosis], candidates: usize, seed: u64) -> Report {
    let by_id: BTreeMap<&str, &Diagnosis> = diagnoses.iter().map(|one| (one.id.as_str(), one)).collect();
    let graded = graded(records).records;
    let of = |record: &Record| by_id.get(record.id.as_str()).copied().cloned().unwrap_or_default();
    let scored = |record: &&Record| {
        let concurrent: Vec<&Record> = records.iter().filter(|other| record.overlaps.contains(&other.id)).collect();
        let layer = record.layer.map_or_else(String::new, |layer| layer.name().to_owned());
        (layer, score_case(record, &concurrent, &of(record), candidates))
    };
    let faulted = graded.iter().filter(|record| record.control == Control::None);
    let cases: Vec<(String, CaseScore)> = faulted.map(scored).collect();
    let quiet = graded.iter().filter(|record| record.control != Control::None);
    let quiet: Vec<f64> = quiet.map(|record| f64::from(u8::from(of(record).causes.is_empty()))).collect();
    let mut layers: BTreeMap<String, Vec<&CaseScore>> = BTreeMap::new();
    for (layer, case) in &cases {
        layers.entry(layer.clone()).or_default().push(case);
    }
    let all: Vec<&CaseScore> = cases.iter().map(|(_, case)| case).collect();
    let missing =
        graded.iter().filter(|record| !by_id.contains_key(record.id.as_str())).map(|record| record.id.clone());
    let unknown =
        diagnoses.iter().filter(|one| !graded.iter().any(|record| record.id == one.id)).map(|one| one.id.clone());
    Report {
        name: name.to_owned(),
        all: summed(&all, seed),
        by_layer: layers.iter().map(|(layer, cases)| (layer.clone(), summed(cases, seed))).collect(),
        controls: bootstrap(&quiet, seed),
        missing: missing.collect(),
        unknown: unknown.collect(),
    }
}

fn summed(cases: &[&CaseScore], seed: u64) -> Scores {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for case in cases {
        for (name, value) in &case.values {
            values.entry(name.clone()).or_default().push(*value);
        }
    }
    let of = values.iter().map(|(name, values)| (name.clone(), bootstrap(values, seed))).collect();
    Scores { cases: cases.len(), abstained: cases.iter().filter(|case| case.is_abstained).count(), of }
}

/// How far a campaign's incidents came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    /// Faulted incidents of the plan that were run.
    pub drawn: usize,
    /// A site had the fault.
    pub armed: usize,
    /// It hit.
    pub hit: usize,
    /// Telemetry shows it.
    pub visible: usize,
    /// It counts in scores.
    pub graded: usize,
    /// Each of the four simple rules finds it, whether or not it counts.
    pub trivial: usize,
}

/// Returns how far incidents came.
pub fn funnel(records: &[Record]) -> Funnel {
    let is_faulted = |record: &&Record| record.control == Control::None;
    let mut funnel = Funnel {
        graded: graded(records).records.iter().filter(|record| record.control == Control::None).count(),
        ..Funnel::default()
    };
    for record in records.iter().filter(is_faulted) {
        let is_hit = record.hits.hit > 0;
        funnel.drawn += 1;
        funnel.armed += usize::from(!record.times_ns.armed.is_empty());
        funnel.hit += usize::from(is_hit);
        funnel.visible += usize::from(is_hit && record.visible);
        funnel.trivial += usize::from(record.is_gradable() && record.trivial.solves());
    }
    funnel
}

/// The greatest part of a graded set that each of the four simple rules may find.
pub const MAX_TRIVIAL: f64 = 0.2;

/// The incidents of a campaign that count in scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graded<'a> {
    /// In order of the plan, controls among them.
    pub records: Vec<&'a Record>,
    /// Ids of what would count, but that each of the four simple rules finds it, as too many of the others.
    pub left_out: Vec<String>,
}

/// Returns what counts: of the incidents that each of the four simple rules finds the first ones, as many as may be.
pub fn graded(records: &[Record]) -> Graded<'_> {
    let gradable = || records.iter().filter(|record| record.is_gradable());
    let is_trivial = |record: &Record| record.control == Control::None && record.trivial.solves();
    let others = gradable().filter(|record| record.control == Control::None && !is_trivial(record)).count();
    let mut room = (others as f64 * MAX_TRIVIAL / (1.0 - MAX_TRIVIAL)) as usize;
    let mut graded = Graded::default();
    for record in gradable() {
        if !is_trivial(record) {
            graded.records.push(record);
        } else if room > 0 {
            room -= 1;
            graded.records.push(record);
        } else {
            graded.left_out.push(record.id.clone());
        }
    }
    graded
}
