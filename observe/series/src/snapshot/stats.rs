//! How many series there are in memory, and of what.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::labels::NAME;
use crate::{Head, Stats};

/// Counts of heads; at most so many entries in each list. Series of several heads count in the newest one.
pub(crate) fn of(heads: &[Arc<Head>], most: usize) -> Stats {
    let mut stats = Stats::default();
    for head in heads {
        let status = head.status();
        if status.samples > 0 {
            let (min, max) = if stats.chunks == 0 { (i64::MAX, i64::MIN) } else { (stats.min_ms, stats.max_ms) };
            (stats.min_ms, stats.max_ms) = (min.min(status.min_ms), max.max(status.max_ms));
            stats.chunks += status.chunks;
        }
    }
    let Some(head) = heads.iter().rev().find(|head| head.status().samples > 0) else { return stats };
    stats.series = head.status().series;
    let (table, rows) = (head.table().read(), head.read());
    let mut values: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let (mut metrics, mut pairs) = (Vec::new(), Vec::new());
    for pair in table.pairs() {
        let has = |view: &&u32| rows.has(table.views()[**view as usize].series);
        let count = pair.views.iter().filter(has).count() as u64;
        if count == 0 {
            continue;
        }
        let (name, value) = (&**table.symbol(pair.name), &**table.symbol(pair.value));
        stats.label_pairs += 1;
        let (number, bytes) = values.entry(name).or_default();
        *number += 1;
        *bytes += value.len() as u64;
        if name == NAME {
            metrics.push((value.to_owned(), count));
        }
        pairs.push((format!("{name}={value}"), count));
    }
    stats.series_by_metric = largest(metrics, most);
    stats.series_by_pair = largest(pairs, most);
    stats.values_by_label = largest(values.iter().map(|(name, (count, _))| (name.to_string(), *count)).collect(), most);
    stats.bytes_by_label = largest(values.iter().map(|(name, (_, bytes))| (name.to_string(), *bytes)).collect(), most);
    stats
}

fn largest(mut all: Vec<(String, u64)>, most: usize) -> Vec<(String, u64)> {
    all.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    all.truncate(most);
    all
}
