//! Whether metadata alone tells incidents from controls: counts, sizes, names and ids, and no values.
//!
//! Decision stumps, weighted by AdaBoost (Freund and Schapire, 1997), are trained on all folds but one and tried on that one. Chance is what
//! they reach on labels that were shuffled: the check fails where the true labels are told apart better than nearly all shuffled ones.

use crate::chance::Chance;
use crate::rows::Telemetry;

/// Folds of the cross-validation.
const FOLDS: usize = 5;
/// Stumps of a classifier.
const STUMPS: usize = 10;
/// How often labels are shuffled.
const SHUFFLES: usize = 200;
/// Above which part of the shuffled ones the true labels must not be.
const SIGNIFICANT: f64 = 0.99;
/// Fewest of each label: with fewer there is nothing to say.
pub const MIN_EACH: usize = 5;

/// What is known of an incident's export without reading a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// One number for each feature.
    pub features: Vec<f64>,
    /// Whether something was wrong.
    pub is_faulted: bool,
}

/// What a classifier reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetadataCheck {
    /// The mean of the shares of both labels that are told right: 0.5 is chance.
    pub accuracy: f64,
    /// The part of the shuffled labels that are told less well.
    pub above: f64,
    /// Whether it says that metadata leak.
    pub leaks: bool,
}

/// Takes down the metadata of an export: its file name, sizes, ids and names; rows are counted only by which names there are.
pub fn of(telemetry: &Telemetry, file_bytes: &[usize], name: &str, is_faulted: bool) -> Metadata {
    let distinct =
        |values: &mut dyn Iterator<Item = String>| values.collect::<std::collections::BTreeSet<_>>().len() as f64;
    let keys = telemetry.spans.iter().flat_map(|span| span.attributes.keys().cloned());
    let id_bits = |bits: &mut dyn Iterator<Item = u32>| {
        let all: Vec<f64> = bits.map(f64::from).collect();
        if all.is_empty() { 0.0 } else { all.iter().sum::<f64>() / all.len() as f64 }
    };
    let features = vec![
        file_bytes.len() as f64,
        name.len() as f64,
        name.bytes().map(u32::from).sum::<u32>().into(),
        distinct(&mut telemetry.spans.iter().map(|span| span.service.clone())),
        distinct(&mut telemetry.points.iter().map(|point| point.metric.clone())),
        distinct(&mut { keys }),
        id_bits(&mut telemetry.spans.iter().map(|span| span.trace_id.leading_zeros())),
        id_bits(&mut telemetry.spans.iter().map(|span| span.span_id.leading_zeros())),
    ];
    Metadata { features, is_faulted }
}

struct Stump {
    feature: usize,
    above: f64,
    says: bool,
    weight: f64,
}

fn says(stump: &Stump, features: &[f64]) -> bool {
    (features[stump.feature] > stump.above) == stump.says
}

/// The stump with the least error under these weights.
fn best(rows: &[&Metadata], weights: &[f64]) -> (Stump, f64) {
    let mut found = (Stump { feature: 0, above: f64::INFINITY, says: false, weight: 0.0 }, f64::INFINITY);
    for feature in 0..rows[0].features.len() {
        let mut values: Vec<f64> = rows.iter().map(|row| row.features[feature]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let between = values.windows(2).map(|two| f64::midpoint(two[0], two[1])).chain([f64::NEG_INFINITY]);
        for above in between {
            for direction in [true, false] {
                let stump = Stump { feature, above, says: direction, weight: 0.0 };
                let wrong = rows.iter().zip(weights).filter(|(row, _)| says(&stump, &row.features) != row.is_faulted);
                let error = wrong.map(|(_, weight)| weight).sum();
                if error < found.1 {
                    found = (stump, error);
                }
            }
        }
    }
    found
}

fn trained(rows: &[&Metadata]) -> Vec<Stump> {
    let faulted = rows.iter().filter(|row| row.is_faulted).count().max(1) as f64;
    let quiet = (rows.len() as f64 - faulted).max(1.0);
    // Both labels weigh the same, however many there are of each.
    let mut weights: Vec<f64> = rows.iter().map(|row| 0.5 / if row.is_faulted { faulted } else { quiet }).collect();
    let mut stumps = Vec::new();
    for _ in 0..STUMPS {
        let (mut stump, error) = best(rows, &weights);
        let error = error.clamp(1e-6, 1.0 - 1e-6);
        stump.weight = ((1.0 - error) / error).ln() / 2.0;
        for (row, weight) in rows.iter().zip(&mut weights) {
            let right = says(&stump, &row.features) == row.is_faulted;
            *weight *= if right { (-stump.weight).exp() } else { stump.weight.exp() };
        }
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        stumps.push(stump);
    }
    stumps
}

fn accuracy(rows: &[Metadata]) -> f64 {
    let (mut right, mut all) = ([0.0, 0.0], [0.0, 0.0]);
    for fold in 0..FOLDS {
        let train: Vec<&Metadata> =
            rows.iter().enumerate().filter(|(at, _)| at % FOLDS != fold).map(|(_, row)| row).collect();
        if train.is_empty() {
            continue;
        }
        let stumps = trained(&train);
        for row in rows.iter().enumerate().filter(|(at, _)| at % FOLDS == fold).map(|(_, row)| row) {
            let votes: f64 =
                stumps.iter().map(|stump| if says(stump, &row.features) { stump.weight } else { -stump.weight }).sum();
            let label = usize::from(row.is_faulted);
            all[label] += 1.0;
            right[label] += f64::from(u8::from((votes > 0.0) == row.is_faulted));
        }
    }
    f64::midpoint(right[0] / f64::max(all[0], 1.0), right[1] / f64::max(all[1], 1.0))
}

/// Says how well metadata tells incidents from controls; none where there are fewer than [`MIN_EACH`] of either.
pub fn tell_apart(rows: &[Metadata], seed: u64) -> Option<MetadataCheck> {
    let faulted = rows.iter().filter(|row| row.is_faulted).count();
    if faulted < MIN_EACH || rows.len() - faulted < MIN_EACH {
        return None;
    }
    let mut chance = Chance::new(seed);
    let mut order: Vec<Metadata> = rows.to_vec();
    chance.shuffle(&mut order);
    let reached = accuracy(&order);
    let mut labels: Vec<bool> = order.iter().map(|row| row.is_faulted).collect();
    let mut below = 0_usize;
    for _ in 0..SHUFFLES {
        chance.shuffle(&mut labels);
        let shuffled: Vec<Metadata> = order
            .iter()
            .zip(&labels)
            .map(|(row, label)| Metadata { features: row.features.clone(), is_faulted: *label })
            .collect();
        below += usize::from(accuracy(&shuffled) < reached);
    }
    let above = below as f64 / SHUFFLES as f64;
    Some(MetadataCheck { accuracy: reached, above, leaks: above > SIGNIFICANT })
}
